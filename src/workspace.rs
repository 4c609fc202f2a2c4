//! The folder tree that a person reads: each task's output, and the result. Always of the latest run.
//!
//! It is a copy of what the journal holds, so it is not synced: a resume makes good what a power cut took.

use std::io;
use std::path::Path;

use crate::disk::Dir;
use crate::event::Failure;
use crate::id::Name;
use crate::lock::{self, Claim, Lock, LockError};

const OUTPUTS: &str = "task_outputs";
const INTERMEDIATE: &str = "intermediate";
/// The values that the tasks share, within [`INTERMEDIATE`].
const CTX: &str = "ctx.json";
const FINAL: &str = "final_results";
/// The result of the run, within [`FINAL`].
const RESULT: &str = "orchestra_output.txt";

/// A workspace that this process holds.
#[derive(Debug)]
pub struct Workspace {
    root: Dir,
    outputs: Dir,
    intermediate: Dir,
    result: Dir,
    lock: Lock,
}

/// How a task's file compares to what the run has recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As recorded.
    Same,
    /// Not there, or cut off by a power failure.
    Missing,
    /// Something else stands there.
    Different,
}

impl Workspace {
    /// Opens the workspace at `path` below `project`, makes its folders, and takes its lock.
    ///
    /// # Errors
    /// If its path leads out of the project, a folder cannot be made, or another process holds it.
    pub fn open(project: &Dir, path: &str, claim: &Claim) -> Result<Self, LockError> {
        Self::prepare(project.make_child(path.trim_start_matches("./"))?, claim)
    }

    /// The same for a path that the user gave on the command line, which may be anywhere.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub fn open_anywhere(path: &Path, claim: &Claim) -> Result<Self, LockError> {
        Self::prepare(Dir::create(path)?, claim)
    }

    fn prepare(root: Dir, claim: &Claim) -> Result<Self, LockError> {
        let lock = Lock::take(&root, lock::WORKSPACE, claim)?;
        let outputs = root.make_child(OUTPUTS)?;
        let result = root.make_child(FINAL)?;
        let intermediate = root.make_child(INTERMEDIATE)?;
        intermediate.make_child("artifacts")?;
        Ok(Self { root, outputs, intermediate, result, lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Whether it showed the run `claim` names before this process took it.
    #[must_use]
    pub fn showed(&self, claim: &Claim) -> bool {
        self.lock.before.as_ref().is_some_and(|before| before.run == claim.run)
    }

    /// Takes away what an earlier run has left, so that nothing old stands beside what is new.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        for name in self.outputs.names()? {
            if name.ends_with("_output.txt") || name.ends_with("_output.txt.tmp") {
                self.outputs.remove(&name)?;
            }
        }
        self.intermediate.remove(CTX)?;
        self.clear_result()
    }

    /// Writes the values that the tasks share, as JSON.
    ///
    /// # Errors
    /// If they cannot be written; an older file is untouched then.
    pub fn write_ctx(&self, json: &str) -> io::Result<()> {
        self.intermediate.write(CTX, json.as_bytes(), false)
    }

    /// Takes the result of an earlier run away.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub fn clear_result(&self) -> io::Result<()> {
        self.result.remove(RESULT)
    }

    /// Writes a task's output, or what went wrong with it.
    ///
    /// # Errors
    /// If it cannot be written; an older file is untouched then.
    pub fn write_output(&self, task: &str, text: &str) -> io::Result<()> {
        self.outputs.write(&output_file(task), text.as_bytes(), false)
    }

    /// Takes a task's file away.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub fn remove_output(&self, task: &str) -> io::Result<()> {
        self.outputs.remove(&output_file(task))
    }

    /// Writes the result of the run.
    ///
    /// # Errors
    /// If it cannot be written; an older file is untouched then.
    pub fn write_result(&self, text: &str) -> io::Result<()> {
        self.result.write(RESULT, text.as_bytes(), false)
    }

    /// Compares a task's file to its recorded output.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn compare(&self, task: &str, recorded: &str) -> io::Result<Standing> {
        Ok(match self.outputs.read(&output_file(task))? {
            None => Standing::Missing,
            Some(bytes) if bytes == recorded.as_bytes() => Standing::Same,
            Some(bytes) if bytes.is_empty() || bytes.iter().all(|&byte| byte == 0) => Standing::Missing,
            Some(_) => Standing::Different,
        })
    }
}

/// What stands in the file of a task that failed.
#[must_use]
pub fn error_text(task: &Name, failure: &Failure, attempts: u32) -> String {
    let tries = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
    format!("ERROR: task {task} failed after {tries}\n\n{}: {}\n", failure.kind, failure.message)
}

/// The name of a task's file.
#[must_use]
pub fn output_file(task: &str) -> String {
    format!("{task}_output.txt")
}

/// Where the result lies within a workspace.
#[must_use]
pub fn result_file() -> String {
    format!("{FINAL}/{RESULT}")
}
