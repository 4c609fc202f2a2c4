//! Answers of people to what waits in a run: one file each, in the run's own folder, left there by whoever answers and read
//! by the process that goes on with the run.
//!
//! The journal has an answer when that process has taken it. Knows nothing of what was asked.

use std::io;

use serde::{Deserialize, Serialize};

use crate::store::disk::Dir;
use crate::words::id::Name;

/// The folder in that of a run.
const FOLDER: &str = "answers";

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// An answer as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The SHA-256 of what was shown, in lowercase hex.
    pub sha256: String,
    /// Whether it was approved.
    pub approved: bool,
    /// Who answered.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The file of an answer: another version of the same task has another one.
fn file(task: &Name, sha256: &str) -> String {
    format!("{task}.{}.json", sha256.get(..16).unwrap_or(sha256))
}

/// Leaves an answer. Gives the one that was there before, if somebody was faster.
///
/// # Errors
/// If it cannot be written, or the earlier one cannot be read.
pub(crate) fn leave(run: &Dir, task: &Name, answer: &Left) -> io::Result<Option<Left>> {
    let folder = run.make_child(FOLDER)?;
    let text = serde_json::to_vec(answer).map_err(io::Error::other)?;
    match folder.write_new(&file(task, &answer.sha256), &text)? {
        true => Ok(None),
        false => find(run, task, &answer.sha256),
    }
}

/// The answer to what a task has made, if there is one.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn find(run: &Dir, task: &Name, sha256: &str) -> io::Result<Option<Left>> {
    let folder = match run.child(FOLDER) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(bytes) = folder.read_at_most(&file(task, sha256), MAX_BYTES)? else { return Ok(None) };
    let answer: Left = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
    Ok(Some(answer).filter(|answer| answer.sha256 == sha256))
}
