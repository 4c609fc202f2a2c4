//! What stood in the project's files before answers took its place that may yet be rejected: `runs/<run>/kept/`.
//!
//! One entry a file, on disk before the file is replaced. Knows nothing of answers, nor whether the file can be put back.

use std::io;

use serde::{Deserialize, Serialize};

use crate::store::disk::Dir;
use crate::words::digest::sha256;

const FOLDER: &str = "kept";

/// What is added to the name of an entry that nobody may put back any more.
const LEFT: &str = ".left";

/// A file of the project whose content was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The task whose answer stands in the file.
    pub task: String,
    /// The file's path in the project.
    pub path: String,
    /// The digest of the answer.
    pub answer: String,
    /// Whether there was a file before.
    pub was_there: bool,
}

/// The kept contents of a run.
pub(crate) struct KeptFiles {
    run_dir: Dir,
}

impl KeptFiles {
    /// Those of the run whose folder this is.
    #[must_use]
    pub(crate) fn below(run_dir: Dir) -> Self {
        Self { run_dir }
    }

    /// Keeps a content, which is on disk on return. One that is kept already stays: it is what the user has seen last.
    ///
    /// # Errors
    /// If it cannot be put there.
    pub(crate) fn keep(&self, kept: &Kept, content: &[u8]) -> io::Result<()> {
        let folder = self.run_dir.make_child(FOLDER)?;
        let name = name(&kept.path);
        if folder.kind(&name)?.is_some() {
            return Ok(());
        }
        let mut entry = serde_json::to_vec(kept)?;
        entry.push(b'\n');
        entry.extend_from_slice(content);
        folder.write(&name, &entry, true)?;
        self.run_dir.sync()
    }

    /// What is kept of a file.
    ///
    /// # Errors
    /// If it is there and cannot be read.
    pub(crate) fn get(&self, path: &str) -> io::Result<Option<(Kept, Vec<u8>)>> {
        self.folder()?.map_or(Ok(None), |folder| read(&folder, &name(path)))
    }

    /// All that is kept. Removes what a killed process was about to keep.
    ///
    /// # Errors
    /// If it cannot be listed or read.
    pub(crate) fn all(&self) -> io::Result<Vec<(Kept, Vec<u8>)>> {
        let Some(folder) = self.folder()? else { return Ok(Vec::new()) };
        let (unfinished, names): (Vec<_>, Vec<_>) = folder.names()?.into_iter().partition(|name| name.starts_with('.'));
        unfinished.iter().try_for_each(|name| folder.remove(name))?;
        let names = names.iter().filter(|name| !name.ends_with(LEFT));
        names.filter_map(|name| read(&folder, name).transpose()).collect()
    }

    /// Keeps it no longer.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(crate) fn forget(&self, path: &str) -> io::Result<()> {
        self.folder()?.map_or(Ok(()), |folder| folder.remove(&name(path)))
    }

    /// Leaves it where it is for a person to look at. Gives its name below the run's folder.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub(crate) fn leave(&self, path: &str) -> io::Result<String> {
        let left = format!("{}{LEFT}", name(path));
        if let Some(folder) = self.folder()? {
            folder.rename(&name(path), &left)?;
        }
        Ok(format!("{FOLDER}/{left}"))
    }

    fn folder(&self) -> io::Result<Option<Dir>> {
        match self.run_dir.child(FOLDER) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => other.map(Some),
        }
    }
}

fn name(path: &str) -> String {
    sha256(path.as_bytes())
}

fn read(folder: &Dir, name: &str) -> io::Result<Option<(Kept, Vec<u8>)>> {
    let Some(entry) = folder.read(name)? else { return Ok(None) };
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, format!("{FOLDER}/{name} is damaged"));
    let end = entry.iter().position(|&byte| byte == b'\n').ok_or_else(damaged)?;
    let kept: Kept = serde_json::from_slice(&entry[..end]).map_err(|_| damaged())?;
    Ok(Some((kept, entry[end + 1..].to_vec())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_content_is_kept_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeptFiles::below(Dir::open(folder.path()).unwrap());
        let kept = |path: &str| Kept { task: "a".into(), path: path.into(), answer: String::new(), was_there: true };
        assert_eq!((files.all().unwrap(), files.get("out.md").unwrap()), (Vec::new(), None));
        files.keep(&kept("out.md"), b"one\n\xff").unwrap();
        files.keep(&kept("out.md"), b"two").unwrap();
        files.keep(&kept("b/c"), b"").unwrap();
        assert_eq!(files.get("out.md").unwrap(), Some((kept("out.md"), b"one\n\xff".to_vec())));
        files.leave("b/c").unwrap();
        assert_eq!(files.all().unwrap().len(), 1);
        files.forget("out.md").unwrap();
        assert_eq!(files.all().unwrap(), []);
    }
}
