//! The recorder of a cassette, and the wrapper that keeps what another model answers.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::call::{CallFailure, Cue, Model, ModelRequest, PendingReply, Reply};
use crate::model::cassette::record::{Header, Record};
use crate::net::http::Deadlines;
use crate::store::disk;

/// Writes a new cassette.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Each answer is one write, so calls that end at once do not mix their lines.
    file: Mutex<File>,
}

impl Recorder {
    /// Begins a cassette for a run with this prompt marker, without which the prompts would not be the same again, and
    /// with the label of the model that answers for agents that name none.
    ///
    /// # Errors
    /// If it cannot be made, or there is a file of that name already: that one is not written over.
    pub(crate) fn create(path: &Path, marker: &str, default_model: Option<String>) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).open(path);
        let recorder = file.map(|file| Self { file: Mutex::new(file) }).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                let what = format!("{} is there already: remove it first, or name another file", path.display());
                io::Error::new(io::ErrorKind::AlreadyExists, what)
            }
            _ => error,
        })?;
        recorder.write(&Header::new(marker, default_model))?;
        Ok(recorder)
    }

    /// Keeps what came of a call to the model `label`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn keep(
        &self,
        request: &ModelRequest,
        label: &str,
        outcome: &Result<Reply, CallFailure>,
    ) -> io::Result<()> {
        self.write(&Record::of(request, label, outcome))
    }

    fn write(&self, line: &impl serde::Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        // Whoever panicked here has written a part of a line at most, which the player tells.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        disk::write_all(&mut file, &bytes)
    }
}

/// A model of which every reply, and every failure, is written to a cassette.
pub(crate) struct Recorded {
    model: Arc<dyn Model>,
    /// The model's label, which is part of what a record is found by.
    label: String,
    recorder: Arc<Recorder>,
}

impl Recorded {
    /// Records what `model` answers under its label.
    #[must_use]
    pub(crate) fn new(model: Arc<dyn Model>, label: String, recorder: Arc<Recorder>) -> Self {
        Self { model, label, recorder }
    }
}

impl Model for Recorded {
    fn call<'a>(&'a self, request: &'a ModelRequest, deadlines: &'a Deadlines, cue: &'a Cue<'a>) -> PendingReply<'a> {
        Box::pin(async move {
            let outcome = self.model.call(request, deadlines, cue).await;
            // The answer is paid for: it is not given up because a copy of it cannot be kept.
            if let Err(error) = self.recorder.keep(request, &self.label, &outcome) {
                tracing::warn!(%error, "a reply could not be recorded");
            }
            outcome
        })
    }

    fn bills_itself(&self) -> bool {
        self.model.bills_itself()
    }

    fn is_program(&self) -> bool {
        self.model.is_program()
    }
}
