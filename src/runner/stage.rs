//! The places that a run writes to, and the order in which it does: the journal, then the workspace, then the views.
//!
//! Decides nothing.

use std::io;
use std::sync::Arc;

use crate::agent::Voice;
use crate::clock::Clock;
use crate::event::{Event, Record};
use crate::graph::TaskIx;
use crate::history::History;
use crate::journal::Journal;
use crate::objects::Objects;
use crate::observe::Observers;
use crate::orchestra::Orchestra;
use crate::workspace::{self, Workspace};

/// What a run needs.
pub struct Stage {
    /// What is performed.
    pub orchestra: Arc<Orchestra>,
    /// For each agent of the orchestra, who answers for it: the next one when one fails.
    pub voices: Vec<Vec<Voice>>,
    /// Where events go.
    pub journal: Journal,
    /// Where long outputs go.
    pub objects: Objects,
    /// Where a person reads.
    pub workspace: Workspace,
    /// Who watches.
    pub observers: Observers,
    /// The time of this process.
    pub clock: Clock,
}

/// Why a run stopped without an end of its own. What is in the journal is safe, and a resume goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal could not be written.
    #[error("the journal could not be written: {0}")]
    Journal(io::Error),
    /// The workspace could not be written.
    #[error("{task}'s output could not be written to the workspace: {error}")]
    Workspace {
        /// Whose output it is.
        task: String,
        /// Why.
        error: io::Error,
    },
    /// An output that the journal names could not be read or kept.
    #[error("an output could not be kept: {0}")]
    Objects(io::Error),
}

impl Stage {
    /// Makes records durable, then shows them. `history` is the run with all of them applied.
    ///
    /// The end of a run is written when the workspace shows all of it: a run that has an end needs nothing more.
    pub(super) fn write(&mut self, batch: &[Record], history: &History) -> Result<(), RunError> {
        let (batch, end) = match batch.split_last() {
            Some((end, before)) if matches!(end.event, Event::RunFinished { .. }) => (before, Some(end)),
            _ => (batch, None),
        };
        if !batch.is_empty() {
            self.journal.append(batch).map_err(RunError::Journal)?;
        }
        for record in batch {
            self.show(&record.event, history)?;
            self.observers.see(record, history);
        }
        if let Some(end) = end {
            self.show_result(history)?;
            self.journal.append(std::slice::from_ref(end)).map_err(RunError::Journal)?;
            self.observers.see(end, history);
        }
        Ok(())
    }

    /// The output of a task, if it has one.
    pub(super) fn output(&self, task: TaskIx, history: &History) -> Result<Option<Arc<str>>, RunError> {
        let output = history.task(self.orchestra.tasks[task].name.as_str()).and_then(|task| task.output());
        output.map(|output| self.objects.get(output)).transpose().map_err(RunError::Objects)
    }

    /// Brings the workspace in line with an event.
    fn show(&self, event: &Event, history: &History) -> Result<(), RunError> {
        let (task, text) = match event {
            Event::TaskSucceeded { task, output, .. } | Event::TaskAdopted { task, output, .. } => {
                (task, self.objects.get(output).map_err(RunError::Objects)?)
            }
            Event::TaskFailed { task, failure } => {
                let attempts = history.task(task.as_str()).map_or(0, |task| task.attempts);
                (task, workspace::error_text(task, failure, attempts).into())
            }
            _ => return Ok(()),
        };
        let written = self.workspace.write_output(task.as_str(), &text);
        written.map_err(|error| RunError::Workspace { task: task.to_string(), error })
    }

    /// The result is the output of the task that nothing follows; of several, each under its name.
    fn show_result(&self, history: &History) -> Result<(), RunError> {
        let mut outputs = Vec::new();
        for task in self.orchestra.plan.last() {
            outputs.push(self.output(task, history)?.map(|text| (&self.orchestra.tasks[task].name, text)));
        }
        let written = match outputs.into_iter().collect::<Option<Vec<_>>>().as_deref() {
            None => self.workspace.clear_result(),
            Some([(_, text)]) => self.workspace.write_result(text),
            Some(several) => {
                let under_its_name = |(name, text): &(_, Arc<str>)| format!("# {name}\n\n{}\n\n", text.trim_end());
                self.workspace.write_result(&several.iter().map(under_its_name).collect::<String>())
            }
        };
        written.map_err(|error| RunError::Workspace { task: "the run".to_owned(), error })
    }
}
