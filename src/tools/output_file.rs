//! The file of the project that gets a task's output: written, and put back where a check rejects the output.
//!
//! The same rules hold as for a model's path. Does not know which checks there are, nor when they fail.

use std::io;

use crate::store::disk::Dir;
use crate::store::kept::{Kept, KeptFiles};
use crate::tools::builtin::{self, ProjectFiles};
use crate::words::digest::sha256;

/// orch's own folder, where no tool writes; a file's author may have the plan put there.
const OWN_FOLDER: &str = ".orchestra/";

/// A file of the project that gets an output.
pub(crate) struct OutputFile<'a> {
    project: &'a ProjectFiles,
    path: &'a str,
}

impl<'a> OutputFile<'a> {
    /// The file at `path`.
    #[must_use]
    pub(crate) fn new(project: &'a ProjectFiles, path: &'a str) -> Self {
        Self { project, path }
    }

    /// Writes it whole.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn write(&self, content: &[u8]) -> Result<(), String> {
        let written = match self.own_name() {
            Some(name) => own_folder(self.project).and_then(|folder| folder.write(name, content, false)).map_err(text),
            None => builtin::write_file(self.project, self.path, content),
        };
        written.map_err(|why| format!("{} could not be written: {why}", self.path))
    }

    /// Writes it whole, with what stood there kept until [`OutputFile::put_back`] or [`KeptFiles::forget`].
    ///
    /// # Errors
    /// Why nothing is written.
    pub(crate) fn try_out(&self, kept_files: &KeptFiles, task: &str, content: &[u8]) -> Result<(), String> {
        let before = self.read().map_err(|why| format!("{} could not be written: {why}", self.path))?;
        let kept = Kept {
            task: task.to_owned(),
            path: self.path.to_owned(),
            answer: sha256(content),
            was_there: before.is_some(),
        };
        let unkept = |error| format!("{} is not written, since what stands there cannot be kept: {error}", self.path);
        kept_files.keep(&kept, before.as_deref().unwrap_or_default()).map_err(unkept)?;
        self.write(content)
    }

    /// Puts back what was kept of it, if anything was.
    ///
    /// # Errors
    /// Why it stays as it is; what was kept is kept on.
    pub(crate) fn put_back(&self, kept_files: &KeptFiles) -> Result<(), String> {
        let put_back = || {
            let Some((kept, content)) = kept_files.get(self.path).map_err(text)? else { return Ok(()) };
            if kept.was_there { self.write(&content) } else { self.remove() }?;
            kept_files.forget(self.path).map_err(text)
        };
        put_back().map_err(|why: String| {
            format!("what stood in {} before a rejected answer could not be put back: {why}", self.path)
        })
    }

    /// What stands there now.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, String> {
        match self.own_name() {
            Some(name) => own_folder(self.project).and_then(|folder| folder.read(name)).map_err(text),
            None => builtin::read_whole(self.project, self.path),
        }
    }

    fn remove(&self) -> Result<(), String> {
        match self.own_name() {
            Some(name) => own_folder(self.project).and_then(|folder| folder.remove(name)).map_err(text),
            None => builtin::remove_file(self.project, self.path),
        }
    }

    fn own_name(&self) -> Option<&'a str> {
        self.path.strip_prefix(OWN_FOLDER)
    }
}

fn own_folder(project: &Dir) -> io::Result<Dir> {
    project.make_child(OWN_FOLDER.trim_end_matches('/'))
}

fn text(error: io::Error) -> String {
    error.to_string()
}
