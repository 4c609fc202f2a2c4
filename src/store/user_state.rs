//! The folder in which orch keeps what is the user's and no project's: what the user trusts, and a key.
//!
//! Nothing in it comes from a project, so a project cannot bring it along. Its files are the user's alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::store::disk::read_text;

/// The most that is read of one of its files, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The user's own folder, which need not be there yet.
#[derive(Debug, Clone)]
pub(crate) struct UserState {
    path: PathBuf,
}

impl UserState {
    /// Where an environment has it: below `XDG_STATE_HOME`, else below the home folder. `None` where there is neither.
    #[must_use]
    pub(crate) fn find(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || match cfg!(windows) {
            true => folder("LOCALAPPDATA").or_else(|| folder("USERPROFILE")),
            false => folder("HOME").map(|home| home.join(".local/state")),
        };
        Some(Self { path: folder("XDG_STATE_HOME").or_else(home)?.join("orch") })
    }

    /// Whether it lies in another folder, whichever way leads there.
    #[must_use]
    pub(crate) fn lies_in(&self, folder: &Path) -> bool {
        let Ok(folder) = folder.canonicalize() else { return true };
        // It need not be there yet, and what is not there is no link.
        let real = self.path.ancestors().find(|path| path.symlink_metadata().is_ok()).map(Path::canonicalize);
        real.is_none_or(|real| real.is_ok_and(|real| real.starts_with(&folder)))
    }

    /// The path of one of its files.
    #[must_use]
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A file's text; `None` if it is not there.
    ///
    /// # Errors
    /// If it is there and is no text that can be read.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<String>> {
        match read_text(&self.file(name), MAX_BYTES) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file whole, in place of what stood there. Only the user may read it.
    ///
    /// # Errors
    /// If it cannot be written; what stood there is untouched then.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        self.filled(name, text)?.persist(self.file(name)).map(drop).map_err(|error| error.error)
    }

    /// Writes a file that is not there yet, and returns its text: what another process has written there in the meantime
    /// holds.
    ///
    /// # Errors
    /// If it can be neither written nor read.
    pub(crate) fn write_once(&self, name: &str, text: &str) -> io::Result<String> {
        match self.filled(name, text)?.persist_noclobber(self.file(name)) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                self.read(name)?.ok_or_else(|| io::ErrorKind::NotFound.into())
            }
            Err(error) => Err(error.error),
        }
    }

    /// Removes a file; returns whether it was there.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub(crate) fn remove(&self, name: &str) -> io::Result<bool> {
        match std::fs::remove_file(self.file(name)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A file with this text under a name of its own beside the one that it is to get.
    fn filled(&self, name: &str, text: &str) -> io::Result<NamedTempFile> {
        let path = self.file(name);
        let folder = path.parent().unwrap_or(&self.path);
        make_private(folder)?;
        // Others cannot read what `tempfile` makes.
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

/// Makes a folder, with those above it, that only the user may enter.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(variables: &[(&str, &str)]) -> Option<PathBuf> {
        let found =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        UserState::find(found).map(|state| state.path)
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_where_the_environment_says_and_never_relative() {
        assert_eq!(at(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), Some("/s/orch".into()));
        assert_eq!(at(&[("XDG_STATE_HOME", "s"), ("HOME", "/h")]), Some("/h/.local/state/orch".into()));
        assert_eq!(at(&[("HOME", ".")]), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_in_the_project_is_known_for_one_by_whichever_way() {
        let (project, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(project.path(), home.path().join("link")).unwrap();
        let lies_in = |path: PathBuf| UserState { path }.lies_in(project.path());
        assert!(lies_in(project.path().join("a/orch")) && lies_in(home.path().join("link/a/orch")));
        assert!(lies_in(project.path().to_owned()) && !lies_in(home.path().join("a/orch")));
    }

    #[cfg(unix)]
    #[test]
    fn its_files_are_the_users_alone_and_the_first_to_write_once_wins() {
        use std::os::unix::fs::PermissionsExt;

        let home = tempfile::tempdir().unwrap();
        let state = UserState { path: home.path().join("a/orch") };
        assert_eq!(state.read("k").unwrap(), None);
        assert_eq!(state.write_once("k", "first").unwrap(), "first");
        assert_eq!(state.write_once("k", "second").unwrap(), "first");
        state.write("t/x", "one").unwrap();
        state.write("t/x", "two").unwrap();
        assert_eq!(state.read("t/x").unwrap().as_deref(), Some("two"));
        let mode = |path: &str| std::fs::metadata(home.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(["a/orch", "a/orch/k", "a/orch/t", "a/orch/t/x"].map(mode), [0o700, 0o600, 0o700, 0o600]);
        assert_eq!(std::fs::read_dir(home.path().join("a/orch/t")).unwrap().count(), 1, "nothing else is left");
        assert!(state.remove("k").unwrap() && !state.remove("k").unwrap());
    }
}
