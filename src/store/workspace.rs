//! The folder tree that a person reads: each task's output, and the result. Always of the latest run.
//!
//! It is a copy of what the journal holds, so it is not synced: a resume makes good what a power cut took.
//!
//! What an earlier run has left is put aside and not removed at once. An output that comes out the same is taken back
//! as it is: ext4 passes over the places of files that were removed in the last minutes each time that it makes a new
//! one, and a thousand outputs would take thirty times as long.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use crate::plan::guarded;
use crate::store::disk::{Dir, Kind};
use crate::store::lock::{self, Claim, Lock, LockError};
use crate::words::failure::Failure;
use crate::words::id::Name;

const OUTPUTS: &str = "task_outputs";
/// The end of the name of a task's file.
const OUTPUT: &str = "_output.txt";
/// The end of the name of one that was put aside.
const ASIDE: &str = "_output.txt.old";
const INTERMEDIATE: &str = "intermediate";
/// The values that the tasks share, within [`INTERMEDIATE`].
const CTX: &str = "ctx.json";
const FINAL: &str = "final_results";
/// The result of the run, within [`FINAL`].
const RESULT: &str = "orchestra_output.txt";

/// A workspace that this process holds.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: Dir,
    outputs: Dir,
    intermediate: Dir,
    result: Dir,
    lock: Lock,
    /// The outputs of an earlier run that were put aside, by the names of their files.
    aside: HashSet<String>,
}

/// How a task's file compares to what the run has recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
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
    pub(crate) fn open(project: &Dir, path: &str, claim: &Claim) -> Result<Self, LockError> {
        if let Some(why) = behind_links(project.path(), path) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it {why}")).into());
        }
        Self::prepare(project.make_child(path.trim_start_matches("./"))?, claim)
    }

    /// The same for a path that the user gave on the command line, which may be anywhere.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub(crate) fn open_anywhere(path: &Path, claim: &Claim) -> Result<Self, LockError> {
        Self::prepare(Dir::create(path)?, claim)
    }

    fn prepare(root: Dir, claim: &Claim) -> Result<Self, LockError> {
        let lock = Lock::take(&root, lock::WORKSPACE, claim)?;
        let outputs = root.make_child(OUTPUTS)?;
        let result = root.make_child(FINAL)?;
        let intermediate = root.make_child(INTERMEDIATE)?;
        intermediate.make_child("artifacts")?;
        Ok(Self { root, outputs, intermediate, result, lock, aside: HashSet::new() })
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Whether it showed the run `claim` names before this process took it.
    #[must_use]
    pub(crate) fn showed(&self, claim: &Claim) -> bool {
        self.lock.before.as_ref().is_some_and(|before| before.run == claim.run)
    }

    /// Takes away what an earlier run has left, so that nothing old stands beside what is new. Its outputs are put
    /// aside until [`Workspace::drop_aside`].
    ///
    /// # Errors
    /// If a file cannot be taken away.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        for entry in self.outputs.entries()? {
            let name = entry.name;
            let of_it = |error: io::Error| io::Error::new(error.kind(), format!("{OUTPUTS}/{name}: {error}"));
            if name.ends_with(OUTPUT) && entry.kind == Kind::File {
                self.outputs.rename(&name, &aside(&name)).map_err(of_it)?;
                self.aside.insert(name);
            } else if name.ends_with(OUTPUT) || name.ends_with("_output.txt.tmp") || is_aside(&name) {
                // What a run before could not remove, or was killed over, goes now or the user hears of it.
                self.outputs.remove(&name).map_err(of_it)?;
            }
        }
        self.intermediate.remove(CTX)?;
        self.clear_result()
    }

    /// Writes the values that the tasks share, as JSON.
    ///
    /// # Errors
    /// If they cannot be written; an older file is untouched then.
    pub(crate) fn write_ctx(&self, json: &str) -> io::Result<()> {
        self.intermediate.write(CTX, json.as_bytes(), false)
    }

    /// Takes the result of an earlier run away.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub(crate) fn clear_result(&self) -> io::Result<()> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", result_file()));
        self.result.remove(RESULT).map_err(named)
    }

    /// Writes a task's output, or what went wrong with it.
    ///
    /// # Errors
    /// If it cannot be written; an older file is untouched then.
    pub(crate) fn write_output(&self, task: &str, text: &str) -> io::Result<()> {
        let file = output_file(task);
        if self.aside.contains(&file) && self.stood_before(&file, text) {
            return self.outputs.rename(&aside(&file), &file);
        }
        self.outputs.write(&file, text.as_bytes(), false)
    }

    /// Whether this very text was put aside. What cannot be read is another text.
    fn stood_before(&self, file: &str, text: &str) -> bool {
        let mut bytes = Vec::with_capacity(text.len());
        let read = self.outputs.open_regular(&aside(file)).and_then(|file| {
            // One byte more, to tell a longer text without reading all of it.
            file.take(text.len() as u64 + 1).read_to_end(&mut bytes)
        });
        read.is_ok() && bytes == text.as_bytes()
    }

    /// Removes what was put aside and not taken back, by a process that was killed too.
    ///
    /// # Errors
    /// If a file stays. One file too many is no reason to stop a run: [`Workspace::clear`] of the next one removes it.
    pub(crate) fn drop_aside(&self) -> io::Result<()> {
        // A lock whose claim could not be written says nobody was here before, though somebody was.
        if self.lock.before.is_none() && self.aside.is_empty() {
            return Ok(());
        }
        // One that cannot be removed does not keep the others.
        let mut dropped = Ok(());
        for name in self.outputs.names()?.iter().filter(|name| is_aside(name)) {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{OUTPUTS}/{name}: {error}"));
            dropped = dropped.and(self.outputs.remove(name).map_err(named));
        }
        dropped
    }

    /// Takes a task's file away.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub(crate) fn remove_output(&self, task: &str) -> io::Result<()> {
        self.outputs.remove(&output_file(task))
    }

    /// Writes the result of the run.
    ///
    /// # Errors
    /// If it cannot be written; an older file is untouched then.
    pub(crate) fn write_result(&self, text: &str) -> io::Result<()> {
        self.result.write(RESULT, text.as_bytes(), false)
    }

    /// Compares a task's file to its recorded output.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(crate) fn compare(&self, task: &str, recorded: &str) -> io::Result<Comparison> {
        Ok(match self.outputs.read(&output_file(task))? {
            None => Comparison::Missing,
            Some(bytes) if bytes == recorded.as_bytes() => Comparison::Same,
            Some(bytes) if bytes.is_empty() || bytes.iter().all(|&byte| byte == 0) => Comparison::Missing,
            Some(_) => Comparison::Different,
        })
    }
}

/// Why the folder that a path means by way of links within the project is no place for a workspace. What is not there
/// yet cannot be a link.
fn behind_links(project: &Path, path: &str) -> Option<String> {
    let project = project.canonicalize().ok()?;
    let named = project.join(path);
    let there = named.ancestors().find_map(|folder| folder.canonicalize().ok())?;
    if !there.starts_with(&project) {
        return None;
    }
    if there == project {
        return (named.ancestors().find(|folder| folder.exists()) != Some(&project))
            .then(|| "is a link to the project itself".to_owned());
    }
    let kept = [guarded::GIT, guarded::ORCH].into_iter().chain(guarded::SOURCES);
    let real = |kept: &str| project.join(kept).canonicalize().ok();
    let is_kept = |kept: &&str| real(kept).is_some_and(|kept| there.starts_with(&kept) || kept.starts_with(&there));
    let led = kept.into_iter().find(is_kept).map(|kept| format!("leads to `{kept}` by a link"));
    led.or_else(|| guarded::not_for_workspace(there.strip_prefix(&project).ok()?.to_str()?))
}

/// What stands in the file of a task that failed.
#[must_use]
pub(crate) fn error_text(task: &Name, failure: &Failure, attempts: u32) -> String {
    let tries = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
    format!("ERROR: task {task} failed after {tries}\n\n{}: {}\n", failure.kind, failure.message)
}

/// The name of a task's file.
#[must_use]
pub(crate) fn output_file(task: &str) -> String {
    format!("{task}{OUTPUT}")
}

fn is_aside(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(ASIDE)
}

fn aside(file: &str) -> String {
    format!(".{file}.old")
}

/// Where the result lies within a workspace.
#[must_use]
pub(crate) fn result_file() -> String {
    format!("{FINAL}/{RESULT}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::id::RunId;

    /// The workspace as another process of the same project finds it.
    fn open(project: &Dir) -> Workspace {
        let claim = Claim { holder: lock::this_process(), run: RunId::at("20261120_093000", 1) };
        Workspace::open(project, "w", &claim).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn an_output_that_is_the_same_again_is_the_same_file() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let project = Dir::open(folder.path()).unwrap();
        let before = open(&project);
        for (task, text) in [("same", "text"), ("other", "text"), ("longer", "text"), ("gone", "text")] {
            before.write_output(task, text).unwrap();
        }
        let outputs = folder.path().join("w").join(OUTPUTS);
        let place = |task: &str| std::fs::metadata(outputs.join(output_file(task))).unwrap().ino();
        let place_before = place("same");
        drop(before);

        let mut now = open(&project);
        now.clear().unwrap();
        assert_eq!(now.compare("same", "text").unwrap(), Comparison::Missing, "nothing old stands beside what is new");
        for (task, text) in [("same", "text"), ("other", "texts"), ("longer", "tex"), ("new", "text")] {
            now.write_output(task, text).unwrap();
            assert_eq!(now.compare(task, text).unwrap(), Comparison::Same);
        }
        now.drop_aside().unwrap();
        assert_eq!(place("same"), place_before);
        let names = ["longer_output.txt", "new_output.txt", "other_output.txt", "same_output.txt"];
        assert_eq!(now.outputs.names().unwrap(), names);
    }

    #[test]
    fn what_was_put_aside_goes_whatever_the_lock_says_of_who_was_here() {
        let folder = tempfile::tempdir().unwrap();
        let project = Dir::open(folder.path()).unwrap();
        let before = open(&project);
        before.write_output("a", "text").unwrap();
        before.write_output("b", "text").unwrap();
        drop(before);
        let lock = folder.path().join("w").join(lock::WORKSPACE);
        // As a process leaves it that could not write its claim.
        std::fs::write(&lock, "").unwrap();
        let mut failed = open(&project);
        failed.clear().unwrap();
        failed.drop_aside().unwrap();
        assert_eq!(failed.outputs.names().unwrap(), Vec::<String>::new());
        failed.outputs.write(&aside("a_output.txt"), b"left", false).unwrap();
        drop(failed);
        std::fs::write(&lock, "").unwrap();
        let mut next = open(&project);
        next.clear().unwrap();
        assert_eq!(next.outputs.names().unwrap(), Vec::<String>::new(), "the next run begins without it");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_taken_back_and_what_a_killed_process_put_aside_goes() {
        let folder = tempfile::tempdir().unwrap();
        let project = Dir::open(folder.path()).unwrap();
        let before = open(&project);
        before.write_output("a", "text").unwrap();
        before.outputs.write("notes", b"mine", false).unwrap();
        let outputs = folder.path().join("w").join(OUTPUTS);
        std::os::unix::fs::symlink("notes", outputs.join("link_output.txt")).unwrap();
        drop(before);
        let mut killed = open(&project);
        killed.clear().unwrap();
        drop(killed);
        let next = open(&project);
        next.write_output("link", "mine").unwrap();
        next.drop_aside().unwrap();
        assert_eq!(next.outputs.names().unwrap(), ["link_output.txt", "notes"]);
        assert!(std::fs::symlink_metadata(outputs.join("link_output.txt")).unwrap().is_file());
    }
}
