//! What a terminal shows of a run that is under way: a bar, and the tasks that run.
//!
//! A value that takes records and returns lines. Knows no terminal and no clock: the caller gives the time.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use console::Style;

use crate::run::history::History;
use crate::words::event::{Event, Record, RunEvent, TaskEvent};
use crate::words::failure::Failure;
use crate::words::id::Name;
use crate::words::text::{columns, count, duration, one_line, shortened, tokens};
use crate::words::usage::Usage;

/// At most this many of the tasks that run have a line of their own: the view has to fit on a screen.
const ROWS: usize = 12;

/// The bar's length in columns.
const BAR: usize = 20;

const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// How long a frame of the spinner stays, in microseconds.
const FRAME_US: u64 = 100_000;

/// The bar and the running tasks, as of the last record.
#[derive(Debug, Default)]
pub(crate) struct LiveView {
    all: usize,
    done: usize,
    failed: usize,
    skipped: usize,
    usage: Usage,
    /// By the place in the run's order at which it began, so that lines keep their order while others go.
    running: BTreeMap<u64, Row>,
    places: HashMap<Name, u64>,
}

#[derive(Debug)]
struct Row {
    task: Name,
    /// The agent, or what the task waits for.
    detail: String,
    /// The run's time at its start, in microseconds.
    since_us: u64,
}

impl LiveView {
    /// Takes a record in. `history` is the run with the record applied.
    pub(crate) fn see(&mut self, record: &Record, history: &History) {
        self.all = history.tasks.len();
        match &record.event {
            Event::Run(RunEvent::Resumed { .. }) => self.count_anew(history),
            Event::Task { task, event: TaskEvent::AttemptStarted { model, .. } } => {
                let Some(known) = history.task(task.as_str()) else { return };
                let detail = known.planned.doer_with(model.as_deref());
                self.show(record.seq, task, &detail, known.started_us.unwrap_or_default());
            }
            Event::Task { task, event: TaskEvent::AttemptFailed { failure, retry_in_ms: Some(ms), .. } } => {
                self.wait(task, failure, *ms);
            }
            Event::Task { task, event: TaskEvent::AttemptFailed { .. } | TaskEvent::ApprovalRequested { .. } } => {
                self.hide(task);
            }
            Event::Task { event: TaskEvent::CallFinished { usage, .. }, .. }
            | Event::Task { event: TaskEvent::CallFailed { usage: Some(usage), .. }, .. } => self.usage += *usage,
            Event::Task { task, event: TaskEvent::Succeeded { .. } | TaskEvent::Reused { .. } } => {
                self.hide(task);
                self.done += 1;
            }
            Event::Task { task, event: TaskEvent::Failed { .. } } => {
                self.hide(task);
                self.failed += 1;
            }
            Event::Task { event: TaskEvent::Skipped { .. } | TaskEvent::Omitted(_), .. } => self.skipped += 1,
            _ => {}
        }
    }

    /// The lines, at most `width` columns wide, at `now_us` of the run's time.
    pub(crate) fn lines(&self, now_us: u64, width: usize, color: bool) -> String {
        let paint = |style: Style| style.force_styling(color);
        let (active, quiet) = (paint(Style::new().cyan()), paint(Style::new().dim()));
        let frame = FRAMES[usize::try_from(now_us / FRAME_US).unwrap_or(0) % FRAMES.len()];
        let spinner = active.apply_to(frame);
        // One column less: some terminals wrap a line that fills them.
        let width = width.saturating_sub(1);

        let mut lines = format!("{spinner} {}", shortened(&self.header(now_us), width.saturating_sub(2)));
        for row in self.running.values().take(ROWS) {
            let room = width.saturating_sub(4);
            let name = format!("{}  {}", row.task, duration(now_us.saturating_sub(row.since_us) / 1000));
            let name = shortened(&name, room);
            // Writing to a String cannot fail.
            let _ = write!(lines, "\n  {spinner} {name}");
            let room = room.saturating_sub(columns(&name) + 2);
            if room > 0 {
                let _ = write!(lines, "  {}", quiet.apply_to(one_line(&row.detail, room)));
            }
        }
        if let Some(more) = self.running.len().checked_sub(ROWS).filter(|&more| more > 0) {
            let more = format!("    and {} more running", count(more as u64));
            let _ = write!(lines, "\n{}", shortened(&more, width));
        }
        lines
    }

    fn header(&self, now_us: u64) -> String {
        let ended = self.done + self.failed + self.skipped;
        let full = (ended * BAR).checked_div(self.all).unwrap_or(BAR).min(BAR);
        let mut parts = vec![
            format!(
                "{}{} {}/{} tasks",
                "━".repeat(full),
                "╌".repeat(BAR - full),
                count(ended as u64),
                count(self.all as u64)
            ),
            duration(now_us / 1000),
            tokens(self.usage.input_tokens + self.usage.output_tokens, self.usage.estimated),
        ];
        for (n, what) in [(self.failed, "failed"), (self.skipped, "not run")] {
            if n > 0 {
                parts.push(format!("{} {what}", count(n as u64)));
            }
        }
        parts.join(" · ")
    }

    /// A process resumes the run: what earlier ones did is read from the history, once.
    fn count_anew(&mut self, history: &History) {
        *self = Self { all: history.tasks.len(), ..Self::default() };
        for task in &history.tasks {
            self.usage += task.usage;
            self.done += usize::from(task.output().is_some());
        }
    }

    fn show(&mut self, seq: u64, task: &Name, detail: &str, since_us: u64) {
        let place = *self.places.entry(task.clone()).or_insert(seq);
        self.running.insert(place, Row { task: task.clone(), detail: detail.to_owned(), since_us });
    }

    fn wait(&mut self, task: &Name, failure: &Failure, ms: u64) {
        if let Some(row) = self.places.get(task).and_then(|place| self.running.get_mut(place)) {
            row.detail = format!("retrying in {}: {failure}", duration(ms));
        }
    }

    fn hide(&mut self, task: &Name) {
        if let Some(place) = self.places.remove(task) {
            self.running.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::failure::FailureKind;

    fn board(story: &RunBuilder) -> LiveView {
        let mut history = History::begin(&story.records[0]).unwrap();
        let mut board = LiveView::default();
        for record in &story.records {
            history.force(record);
            board.see(record, &history);
        }
        board
    }

    #[test]
    fn the_board_shows_what_runs_and_what_waits() {
        let limited = Failure::new(FailureKind::RateLimited, "slow\u{7} down");
        let story = RunBuilder::of(&[("a", "reader"), ("b", "writer"), ("c", "writer"), ("d", "writer")])
            .plays("a", "openai/gpt-4o")
            .at(1000)
            .attempt("b", 1, "zai/glm")
            .attempt("c", 1, "zai/glm")
            .at(2000)
            .attempt_fails("b", 1, limited.clone(), Some(2100))
            .attempt_fails("c", 1, limited.clone(), None)
            .fails("c", limited);
        let lines = board(&story).lines(3_000_000, 80, false);
        assert_eq!(
            lines,
            "\
⠋ ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 2/4 tasks · 3.0 s · 1,200 tokens · 1 failed
  ⠋ b  2.0 s  retrying in 2.1 s: rate limited: slow down"
        );
    }

    #[test]
    fn a_retry_keeps_its_place_and_its_start() {
        let story = RunBuilder::of(&[("a", "x"), ("b", "x")]).attempt("a", 1, "m/m").attempt("b", 1, "m/m").at(1000);
        let again =
            story.attempt_fails("a", 1, Failure::new(FailureKind::Timeout, "late"), Some(0)).attempt("a", 2, "m/n");
        let lines = board(&again).lines(2_000_000, 80, false);
        let rows: Vec<&str> = lines.lines().skip(1).collect();
        assert_eq!(rows, ["  ⠋ a  2.0 s  x, m/n", "  ⠋ b  2.0 s  x, m/m"]);
    }

    #[test]
    fn a_resumed_run_counts_on() {
        let story = RunBuilder::of(&[("a", "x"), ("b", "x")]).plays("a", "m/m").attempt("b", 1, "m/m").resumed();
        let lines = board(&story).lines(0, 80, false);
        assert_eq!(lines, "⠋ ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 1/2 tasks · 0 ms · 1,200 tokens");
    }

    #[test]
    fn the_board_fits_on_a_screen() {
        let names: Vec<String> = (0..40).map(|n| format!("task-with-a-rather-long-name-{n}")).collect();
        let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "agent")).collect();
        let mut story = RunBuilder::of(&tasks);
        for name in &names {
            story = story.attempt(name, 1, "provider/model");
        }
        let board = board(&story);
        for width in [10, 20, 30, 60, 80, 200] {
            let lines = board.lines(0, width, false);
            assert_eq!(lines.lines().count(), 1 + ROWS + 1);
            assert!(lines.lines().all(|line| columns(line) < width), "{width}: {lines}");
        }
        board.lines(0, 0, false);
        assert!(board.lines(0, 80, false).ends_with("\n    and 28 more running"));
    }

    #[test]
    fn color_is_only_there_when_asked_for() {
        let story = RunBuilder::of(&[("a", "x")]).attempt("a", 1, "m/m");
        assert!(!board(&story).lines(0, 80, false).contains('\u{1b}'));
        assert!(board(&story).lines(0, 80, true).contains("\u{1b}[36m"));
    }
}
