//! `summary.json`: a run in numbers, written when a process leaves it.

use std::io;
use std::path::PathBuf;

use crate::observe::Observer;
use crate::observe::replace::replace;
use crate::run::history::History;
use crate::run::summary::Summary;
use crate::words::event::{Event, Record, RunEvent};

/// Writes `summary.json` at the end.
pub(crate) struct Metrics {
    path: PathBuf,
}

impl Metrics {
    /// Will write to `path`, whose folder is there by then.
    #[must_use]
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Observer for Metrics {
    fn see(&mut self, record: &Record, history: &History) -> io::Result<()> {
        if !matches!(record.event, Event::Run(RunEvent::Finished { .. })) {
            return Ok(());
        }
        replace(&self.path, |out| {
            serde_json::to_writer_pretty(&mut *out, &Summary::of(history))?;
            writeln!(out)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::event::RunStatus;

    #[test]
    fn it_is_written_at_the_end_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("summary.json");
        let mut metrics = Metrics::new(path.clone());
        let story = RunBuilder::of(&[("a", "b")]).plays("a", "m/m");
        metrics.see(story.last(), &story.history).unwrap();
        assert!(!path.exists());

        let story = story.finished(RunStatus::Succeeded);
        metrics.see(story.last(), &story.history).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(read, serde_json::to_value(Summary::of(&story.history)).unwrap());
        assert_eq!(read["status"], "succeeded");
    }
}
