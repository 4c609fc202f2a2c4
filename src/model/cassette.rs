//! Replies on tape: a recorder that keeps what models answered, and a player that answers the same again.
//!
//! A cassette is a file of JSON lines that people commit beside their tests. So it is read strictly: a line that is
//! damaged is told by its number and never passed over. What it holds has passed the redactor before it comes here.

mod record;
mod tape;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::model::{CallFailure, ModelRequest, Reply};
use crate::store::disk;

pub use tape::{Cassette, CassetteError};

use record::{Header, Record};

/// The version of the form. A file with a higher one is refused.
pub const VERSION: u32 = 1;

/// Writes a new cassette.
#[derive(Debug)]
pub struct Recorder {
    /// Each answer is one write, so calls that end at once do not mix their lines.
    file: Mutex<File>,
}

impl Recorder {
    /// Begins a cassette for a run with this prompt marker, without which the prompts would not be the same again.
    ///
    /// # Errors
    /// If it cannot be made, or there is a file of that name already: that one is not written over.
    pub fn create(path: &Path, marker: &str) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).open(path);
        let recorder = file.map(|file| Self { file: Mutex::new(file) }).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                let what = format!("{} is there already: remove it first, or name another file", path.display());
                io::Error::new(io::ErrorKind::AlreadyExists, what)
            }
            _ => error,
        })?;
        recorder.write(&Header::new(marker))?;
        Ok(recorder)
    }

    /// Keeps what came of a call to the model `label`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, request: &ModelRequest, label: &str, outcome: &Result<Reply, CallFailure>) -> io::Result<()> {
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

#[cfg(test)]
mod tests;
