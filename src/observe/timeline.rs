//! When each task, attempt and call of a run began and ended: spans, side by side in tracks.
//!
//! A fold of records. Track 0 is the run itself; a task has a track for itself from its first attempt to its end, its
//! waits between attempts included. Keeps nothing that a model, a provider or a user wrote, but the names of models.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Serialize;

use crate::observe::tracks::Tracks;
use crate::words::event::{Event, Record, RunEvent, RunStarted, TaskEvent};
use crate::words::failure::FailureKind;
use crate::words::id::Name;
use crate::words::usage::Usage;

/// The spans of a run so far.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    start: Option<Arc<RunStarted>>,
    closed: Vec<Span>,
    /// The spans of a task that is under way: its own, an attempt's and a call's, each within the one before.
    open: HashMap<Name, Vec<Span>>,
    run: Option<Span>,
    pub(crate) instants: Vec<Instant>,
    tracks: Tracks,
    models: HashSet<Arc<str>>,
    processes: u32,
    /// The time that earlier processes spent on the run, in microseconds.
    earlier_us: u64,
    /// The last record's time in its process, in microseconds.
    mono_us: u64,
}

/// Something that takes time.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) what: What,
    /// The task; of a run, the orchestra.
    pub(crate) of: Name,
    pub(crate) track: u32,
    /// The run's time in microseconds.
    pub(crate) start_us: u64,
    /// The same; `None` while it is open.
    pub(crate) end_us: Option<u64>,
    pub(crate) notes: Notes,
}

/// What a span is of. Those further down lie within those above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A process' hold on the run, from 1.
    Process(u32),
    Task,
    /// Which one, from 1.
    Attempt(u32),
    /// Which one of its attempt, from 1.
    Call(u32),
}

/// What else there is to know of a span.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Notes {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<SpanEnd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureKind>,
    #[serde(flatten)]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum SpanEnd {
    Succeeded,
    Failed,
    /// Its process ended before it did.
    Interrupted,
}

/// Something that takes no time.
#[derive(Debug)]
pub(crate) struct Instant {
    pub(crate) name: String,
    pub(crate) at_us: u64,
}

impl Timeline {
    /// Takes note of the next record.
    pub(crate) fn take(&mut self, record: &Record) {
        if let Event::Run(RunEvent::Resumed { .. }) = record.event {
            self.leave();
            self.earlier_us += self.mono_us;
        }
        self.mono_us = record.mono_us;
        match &record.event {
            Event::Run(RunEvent::Started(start)) => {
                self.start = Some(Arc::clone(start));
                self.enter();
            }
            Event::Run(RunEvent::Resumed { .. }) => self.enter(),
            Event::Run(RunEvent::Finished { .. }) => self.leave(),
            Event::Run(RunEvent::LimitPassed { .. }) => self.instant("limit passed".to_owned()),
            Event::Run(RunEvent::StopRequested { .. }) => self.instant("stop requested".to_owned()),
            Event::Task { task, event: TaskEvent::Reused { .. } } => self.instant(format!("{task} reused")),
            Event::Task { task, event: TaskEvent::Skipped { .. } | TaskEvent::Omitted(_) } => {
                self.instant(format!("{task} not run"));
            }
            event => self.take_of_task(event),
        }
    }

    /// All spans, and an outer one always before those within it: viewers stack spans of one start in this order.
    pub(crate) fn spans(&self) -> Vec<&Span> {
        let mut spans: Vec<&Span> = self.closed.iter().chain(&self.run).chain(self.open.values().flatten()).collect();
        spans.sort_by_key(|span| (span.track, span.start_us, Reverse(self.end_of(span)), span.what));
        spans
    }

    /// The end of a span, in microseconds of the run's time; for an open one the last time that is known.
    pub(crate) fn end_of(&self, span: &Span) -> u64 {
        span.end_us.unwrap_or_else(|| self.now_us())
    }

    /// The run's name, for people.
    pub(crate) fn title(&self) -> String {
        self.start.as_ref().map_or_else(String::new, |start| format!("orch {} {}", start.orchestra, start.run))
    }

    /// How many tracks there are beside the run's own.
    pub(crate) fn tracks(&self) -> u32 {
        self.tracks.made()
    }

    fn take_of_task(&mut self, event: &Event) {
        match event {
            Event::Task { task, event: TaskEvent::AttemptStarted { attempt, model, .. } } => {
                if !self.open.contains_key(task) {
                    self.open(task, What::Task, None);
                }
                self.open(task, What::Attempt(*attempt), model.as_deref());
            }
            Event::Task { task, event: TaskEvent::CallStarted { call, model, .. } } => {
                self.open(task, What::Call(*call), Some(model));
            }
            Event::Task { task, event: TaskEvent::CallFinished { call, usage, cost_usd, first_byte_ms, .. } } => {
                self.close(task, What::Call(*call), |notes| {
                    notes.outcome = Some(SpanEnd::Succeeded);
                    notes.usage = Some(*usage);
                    notes.cost_usd = *cost_usd;
                    notes.first_byte_ms = Some(*first_byte_ms);
                });
            }
            Event::Task { task, event: TaskEvent::CallFailed { call, failure, usage, cost_usd, .. } } => {
                self.close(task, What::Call(*call), |notes| {
                    notes.fail(failure.kind);
                    notes.usage = *usage;
                    notes.cost_usd = *cost_usd;
                });
            }
            Event::Task { task, event: TaskEvent::AttemptFailed { attempt, failure, .. } } => {
                self.close(task, What::Attempt(*attempt), |notes| notes.fail(failure.kind));
                if failure.kind == FailureKind::Cancelled {
                    self.close(task, What::Task, |notes| notes.fail(failure.kind));
                }
            }
            Event::Task { task, event: TaskEvent::Succeeded { attempt, .. } } => {
                self.close(task, What::Attempt(*attempt), |notes| notes.outcome = Some(SpanEnd::Succeeded));
                self.close(task, What::Task, |notes| notes.outcome = Some(SpanEnd::Succeeded));
            }
            Event::Task { task, event: TaskEvent::Failed { failure } } => {
                self.close(task, What::Task, |notes| notes.fail(failure.kind));
            }
            _ => {}
        }
    }

    /// A process takes up the run.
    fn enter(&mut self) {
        let Some(start) = &self.start else { return };
        self.processes += 1;
        self.run = Some(Span {
            what: What::Process(self.processes),
            of: start.orchestra.clone(),
            track: 0,
            start_us: self.now_us(),
            end_us: None,
            notes: Notes::default(),
        });
    }

    /// A process leaves the run, or is found to have gone: what it was at ends.
    fn leave(&mut self) {
        let now = Some(self.now_us());
        for (_, spans) in self.open.drain() {
            for mut span in spans {
                if span.what == What::Task {
                    self.tracks.give_back(span.track - 1);
                }
                span.end_us = now;
                span.notes.outcome = Some(SpanEnd::Interrupted);
                self.closed.push(span);
            }
        }
        if let Some(mut run) = self.run.take() {
            run.end_us = now;
            self.closed.push(run);
        }
    }

    fn open(&mut self, task: &Name, what: What, model: Option<&str>) {
        let (start_us, model) = (self.now_us(), model.map(|model| self.model(model)));
        let spans = self.open.entry(task.clone()).or_default();
        let track = spans.first().map_or_else(|| self.tracks.take() + 1, |span| span.track);
        let notes = Notes { model, ..Notes::default() };
        spans.push(Span { what, of: task.clone(), track, start_us, end_us: None, notes });
    }

    /// Closes a span of a task, and those within it that were never closed.
    fn close(&mut self, task: &Name, what: What, note: impl FnOnce(&mut Notes)) {
        let now = Some(self.now_us());
        let Some(spans) = self.open.get_mut(task) else { return };
        let Some(place) = spans.iter().rposition(|span| span.what == what) else { return };
        note(&mut spans[place].notes);
        if what == What::Task {
            self.tracks.give_back(spans[place].track - 1);
        }
        self.closed.extend(spans.drain(place..).map(|span| Span { end_us: now, ..span }));
        if spans.is_empty() {
            self.open.remove(task);
        }
    }

    fn instant(&mut self, name: String) {
        self.instants.push(Instant { name, at_us: self.now_us() });
    }

    /// A run has few models and many spans, which share their names.
    fn model(&mut self, model: &str) -> Arc<str> {
        if let Some(known) = self.models.get(model) {
            return Arc::clone(known);
        }
        let model: Arc<str> = model.into();
        self.models.insert(Arc::clone(&model));
        model
    }

    fn now_us(&self) -> u64 {
        self.earlier_us + self.mono_us
    }
}

impl Notes {
    fn fail(&mut self, kind: FailureKind) {
        self.outcome = Some(SpanEnd::Failed);
        self.failure = Some(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::event::RunStatus;
    use crate::words::failure::Failure;

    /// Each span as `track: what of whom, start-end in ms`.
    fn told(story: &RunBuilder) -> Vec<String> {
        let mut timeline = Timeline::default();
        story.records.iter().for_each(|record| timeline.take(record));
        check(&timeline);
        let spans = timeline.spans();
        let tell = |s: &&Span| {
            let (start, end) = (s.start_us / 1000, timeline.end_of(s) / 1000);
            format!("{}: {:?} {} {start}-{end}", s.track, s.what, s.of)
        };
        spans.iter().map(tell).collect()
    }

    /// Spans of a track lie within each other or apart: a viewer can draw nothing else.
    fn check(timeline: &Timeline) {
        let mut around: Vec<(u32, u64)> = Vec::new();
        for span in timeline.spans() {
            let end = timeline.end_of(span);
            assert!(span.start_us <= end);
            around.retain(|&(track, until)| track == span.track && until > span.start_us);
            assert!(around.iter().all(|&(_, until)| end <= until), "{span:?} within {around:?}");
            around.push((span.track, end));
        }
    }

    fn late() -> Failure {
        Failure::new(FailureKind::Timeout, "late")
    }

    #[test]
    fn spans_lie_within_each_other_and_tasks_side_by_side() {
        let story = RunBuilder::of(&[("a", "x"), ("b", "x"), ("c", "x")])
            .attempt("a", 1, "m/m")
            .call("a", 1, "m/m")
            .at(100)
            .attempt("b", 1, "m/m")
            .at(200)
            .call_fails("a", 1, FailureKind::Timeout)
            .attempt_fails("a", 1, late(), Some(100))
            .at(300)
            .attempt("a", 2, "m/n")
            .at(400)
            .succeeds("a", 2)
            .attempt("c", 1, "m/m")
            .at(500)
            .succeeds("b", 1)
            .succeeds("c", 1)
            .finished(RunStatus::Succeeded);
        assert_eq!(
            told(&story),
            [
                "0: Process(1) feature 0-500",
                "1: Task a 0-400",
                "1: Attempt(1) a 0-200",
                "1: Call(1) a 0-200",
                "1: Attempt(2) a 300-400",
                "1: Task c 400-500",
                "1: Attempt(1) c 400-500",
                "2: Task b 100-500",
                "2: Attempt(1) b 100-500",
            ]
        );
    }

    #[test]
    fn a_resumed_run_goes_on_where_its_time_stopped() {
        let story = RunBuilder::of(&[("a", "x")]).at(100).attempt("a", 1, "m/m").at(300).call("a", 1, "m/m").resumed();
        let story = story.at(50).attempt("a", 2, "m/m").at(100).succeeds("a", 2).finished(RunStatus::Succeeded);
        assert_eq!(
            told(&story),
            [
                "0: Process(1) feature 0-300",
                "0: Process(2) feature 300-400",
                "1: Task a 100-300",
                "1: Attempt(1) a 100-300",
                "1: Call(1) a 300-300",
                "1: Task a 350-400",
                "1: Attempt(2) a 350-400",
            ]
        );
    }

    #[test]
    fn what_has_no_end_ends_at_the_last_time() {
        let story = RunBuilder::of(&[("a", "x"), ("b", "x")]).attempt("a", 1, "m/m").at(100).plays("b", "m/m");
        assert_eq!(told(&story)[..3], ["0: Process(1) feature 0-1000", "1: Task a 0-1000", "1: Attempt(1) a 0-1000"]);
    }

    #[test]
    fn a_thousand_tasks_four_at_a_time_need_four_lanes() {
        let names: Vec<String> = (0..1000).map(|n| format!("task{n}")).collect();
        let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "agent")).collect();
        let mut story = RunBuilder::of(&tasks);
        for (n, name) in names.iter().enumerate() {
            story = story.at(n as u64 * 10).attempt(name, 1, "m/m");
            if n >= 3 {
                story = story.succeeds(&names[n - 3], 1);
            }
        }
        let mut timeline = Timeline::default();
        story.records.iter().for_each(|record| timeline.take(record));
        check(&timeline);
        assert_eq!(timeline.tracks(), 4);
        assert_eq!((timeline.closed.len(), timeline.models.len()), (997 * 2, 1));
    }
}
