//! Whether runs can be kept in a project's folder, and what else is at hand.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::model::settings::Settings;
use crate::os::process::find_program;
use crate::store::project::STATE_DIR;

/// What was found about the project.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    folder: String,
    folder_writable: bool,
    /// `null` where it is not there yet.
    state_writable: Option<bool>,
    /// The version of git; `null` if there is none.
    git: Option<String>,
}

impl Place {
    /// Looks at a folder, and writes nothing.
    pub(super) fn look(root: &Path, settings: &Settings) -> Self {
        let state = root.join(STATE_DIR);
        Self {
            folder: root.display().to_string(),
            folder_writable: is_writable(root),
            state_writable: std::fs::symlink_metadata(&state).is_ok().then(|| is_writable(&state)),
            git: git_version(root, settings),
        }
    }

    /// The same for a person.
    pub(super) fn page(&self) -> String {
        let writable = |is: bool| if is { "can be written" } else { "cannot be written: check who may" };
        let state = match self.state_writable {
            Some(is) => writable(is),
            None if self.folder_writable => "is not there yet; the first run makes it",
            None => "is not there, and cannot be made",
        };
        let git = self.git.as_deref().unwrap_or("not found; orch runs without it");
        format!(
            "project\n  {} {}\n  {STATE_DIR} {state}\n  git: {git}\n",
            crate::words::text::clean(&self.folder),
            writable(self.folder_writable)
        )
    }
}

#[cfg(unix)]
fn is_writable(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    path.is_dir() && access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The system tells nothing before it is tried but a folder's own mark.
#[cfg(not(unix))]
fn is_writable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.is_dir() && !about.permissions().readonly())
}

/// What the `git` of the machine says; one that lies in the project is the project's and is not started.
fn git_version(root: &Path, settings: &Settings) -> Option<String> {
    let environment = settings.clean_environment();
    let elsewhere = std::env::temp_dir();
    let git = find_program("git", &elsewhere, &environment).ok()?.canonicalize().ok()?;
    if git.starts_with(root.canonicalize().ok()?) {
        return None;
    }
    let mut command = Command::new(git);
    command.arg("--version").env_clear().envs(environment).current_dir(elsewhere);
    let said = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(said.stdout).ok().filter(|_| said.status.success())?;
    Some(text.trim().trim_start_matches("git version ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_looked_at_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::look(folder.path(), &Settings::from_environment());
        assert_eq!((place.folder_writable, place.state_writable), (true, None));
        assert!(place.page().contains("the first run makes it"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(folder.path().join(STATE_DIR), "not a folder").unwrap();
        assert_eq!(Place::look(folder.path(), &Settings::from_environment()).state_writable, Some(false));
    }
}
