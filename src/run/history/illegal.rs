//! An event that does not fit a run.

use std::fmt;

use crate::words::event::Record;
use crate::words::id::Name;

/// An event that cannot have happened after those before it: the journal is damaged, or orch has a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalEvent {
    /// The number of the event, which is also its line in the journal; 0 if there is none.
    pub seq: u64,
    /// What kind of event it is, such as `task_succeeded`.
    pub kind: &'static str,
    /// The task that it is about.
    pub task: Option<Name>,
    /// What it contradicts.
    pub why: String,
}

impl IllegalEvent {
    /// A record that contradicts the run.
    pub(in crate::run) fn new(record: &Record, why: impl Into<String>) -> Self {
        let task = record.event.task().cloned();
        Self { seq: record.seq, kind: record.event.kind(), task, why: why.into() }
    }

    /// A journal without any record.
    pub(super) fn no_start() -> Self {
        Self { seq: 0, kind: "run_started", task: None, why: "it is missing".to_owned() }
    }
}

impl fmt::Display for IllegalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} ({}", self.seq, self.kind)?;
        if let Some(task) = &self.task {
            write!(f, " of `{task}`")?;
        }
        write!(f, ") does not fit the run: {}", self.why)
    }
}

impl std::error::Error for IllegalEvent {}
