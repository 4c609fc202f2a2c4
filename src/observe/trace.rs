//! `trace.json`: when each task, attempt and call of a run began and ended, for Perfetto and `chrome://tracing`.
//!
//! The form is the JSON object of Chrome's [Trace Event Format]. It says who, when and how much, and never what: no
//! goal, no prompt, no output and no message of a provider, so that a trace can be shown to anybody.
//!
//! [Trace Event Format]: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use serde_json::json;

use crate::observe::Observer;
use crate::observe::replace::replace;
use crate::observe::timeline::{Notes, Timeline, What};
use crate::run::history::History;
use crate::words::event::{Event, Record, RunEvent};

/// Writes `trace.json` when a process leaves the run.
pub(crate) struct Trace {
    path: PathBuf,
    timeline: Timeline,
}

impl Trace {
    /// Will write to `path`, whose folder is there by then.
    #[must_use]
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, timeline: Timeline::default() }
    }
}

impl Observer for Trace {
    fn recall(&mut self, record: &Record) {
        self.timeline.take(record);
    }

    fn see(&mut self, record: &Record, _: &History) -> io::Result<()> {
        self.timeline.take(record);
        match record.event {
            Event::Run(RunEvent::Finished { .. }) => replace(&self.path, |out| write(&self.timeline, out)),
            _ => Ok(()),
        }
    }
}

/// The run is the only process of its trace.
const PID: u32 = 1;

/// A "complete event": a span with its start and length, in microseconds.
#[derive(Serialize)]
struct Complete<'a> {
    ph: &'static str,
    pid: u32,
    tid: u32,
    name: &'a str,
    cat: &'static str,
    ts: u64,
    dur: u64,
    args: &'a Notes,
}

/// Writes the events one by one: a trace of a large run is never in memory as text.
fn write(timeline: &Timeline, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n")?;
    // The first one has no comma before it.
    let title = json!({"ph": "M", "pid": PID, "tid": 0, "name": "process_name", "args": {"name": timeline.title()}});
    serde_json::to_writer(&mut *out, &title)?;
    for track in 0..=timeline.tracks() {
        let name = if track == 0 { "run".to_owned() } else { format!("track {track}") };
        for (key, args) in [("thread_name", json!({"name": name})), ("thread_sort_index", json!({"sort_index": track}))]
        {
            next(out, &json!({"ph": "M", "pid": PID, "tid": tid(track), "name": key, "args": args}))?;
        }
    }
    for span in timeline.spans() {
        let (name, cat) = match span.what {
            What::Process(1) => (format!("run {}", span.of), "run"),
            What::Process(n) => (format!("run {} (process {n})", span.of), "run"),
            What::Task => (span.of.to_string(), "task"),
            What::Attempt(n) => (format!("attempt {n}"), "attempt"),
            What::Call(n) => (format!("call {n}"), "call"),
        };
        let (ts, end) = (span.start_us, timeline.end_of(span));
        let (tid, dur) = (tid(span.track), end.saturating_sub(ts));
        next(out, &Complete { ph: "X", pid: PID, tid, name: &name, cat, ts, dur, args: &span.notes })?;
    }
    for instant in &timeline.instants {
        let (name, ts) = (&instant.name, instant.at_us);
        next(out, &json!({"ph": "i", "s": "t", "pid": PID, "tid": tid(0), "name": name, "ts": ts}))?;
    }
    out.write_all(b"\n]}\n")
}

fn next(out: &mut dyn Write, event: &impl Serialize) -> io::Result<()> {
    out.write_all(b",\n")?;
    serde_json::to_writer(out, event)?;
    Ok(())
}

/// A track's thread id. Perfetto takes thread 0 for the idle thread of a kernel.
fn tid(track: u32) -> u32 {
    track + 1
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::event::RunStatus;
    use crate::words::failure::{Failure, FailureKind};

    #[test]
    fn a_trace_is_what_viewers_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trace.json");
        let story = RunBuilder::of(&[("a", "x"), ("b", "x"), ("c", "x")])
            .plays("a", "openai/gpt-4o")
            .attempt("b", 1, "zai/glm")
            .fails("b", Failure::new(FailureKind::Refused, "SECRET"))
            .skipped("c", "b")
            .finished(RunStatus::Partial);
        let mut trace = Trace::new(path.clone());
        let (end, earlier) = story.records.split_last().unwrap();
        earlier.iter().for_each(|record| trace.recall(record));
        assert!(!path.exists());
        trace.see(end, &story.history).unwrap();

        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("SECRET") && !text.contains("Add a login"));
        let read: Value = serde_json::from_str(&text).unwrap();
        let events = read["traceEvents"].as_array().unwrap();
        assert_eq!(events[0]["args"]["name"], "orch feature run_20261120_093000_7f3a");
        let of = |ph: &str| events.iter().filter(|event| event["ph"] == ph).cloned().collect::<Vec<_>>();
        assert_eq!(of("M").len(), 1 + 2 * 2);
        assert_eq!(of("i"), [json!({"ph": "i", "s": "t", "pid": 1, "tid": 1, "name": "c not run", "ts": 900_000})]);
        assert_eq!(
            of("X"),
            [
                json!({"ph": "X", "pid": 1, "tid": 1, "name": "run feature", "cat": "run", "ts": 0, "dur": 900_000,
                    "args": {}}),
                json!({"ph": "X", "pid": 1, "tid": 2, "name": "a", "cat": "task", "ts": 0, "dur": 900_000,
                    "args": {"outcome": "succeeded"}}),
                json!({"ph": "X", "pid": 1, "tid": 2, "name": "attempt 1", "cat": "attempt", "ts": 0, "dur": 900_000,
                    "args": {"outcome": "succeeded", "model": "openai/gpt-4o"}}),
                json!({"ph": "X", "pid": 1, "tid": 2, "name": "call 1", "cat": "call", "ts": 0, "dur": 900_000,
                    "args": {"outcome": "succeeded", "model": "openai/gpt-4o", "input_tokens": 1000,
                        "output_tokens": 200, "first_byte_ms": 250, "cost_usd": 0.005}}),
                json!({"ph": "X", "pid": 1, "tid": 2, "name": "b", "cat": "task", "ts": 900_000, "dur": 0,
                    "args": {"outcome": "failed", "failure": "refused"}}),
                json!({"ph": "X", "pid": 1, "tid": 2, "name": "attempt 1", "cat": "attempt", "ts": 900_000, "dur": 0,
                    "args": {"model": "zai/glm"}}),
            ]
        );
    }
}
