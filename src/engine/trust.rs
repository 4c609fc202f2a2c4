//! Whether the user trusts what an orchestra makes orch do outside of its own files.
//!
//! Asks nobody: a caller that may ask learns from [`Untrusted`] what about.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use crate::engine::permissions::{Permission, permissions};
use crate::engine::setup::ModelSource;
use crate::model::settings::Settings;
use crate::plan::orchestra::Orchestra;
use crate::store::project::Project;
use crate::store::trust;
use crate::store::user_state::UserState;

/// What of a project's files the caller vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Everything: they are the caller's own.
    All,
    /// These, and whatever needs no trust.
    Granted(Vec<Permission>),
}

impl Default for Trust {
    fn default() -> Self {
        Self::Granted(Vec::new())
    }
}

/// Something is not trusted, so nothing was run, called or given away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the project's files name programs, variables, addresses or files that are not trusted")]
pub struct Untrusted {
    /// All that is needed.
    pub needed: Vec<Permission>,
    /// What of it is not trusted.
    pub new: Vec<Permission>,
}

impl Trust {
    /// What the user has trusted of a project before.
    ///
    /// # Errors
    /// If that cannot be read.
    pub fn stored(project: &Project, settings: &Settings) -> io::Result<Self> {
        let trusted = match user_state(project, settings) {
            Ok(state) => trust::read(&state, project.root())?,
            Err(_) => Vec::new(),
        };
        Ok(Self::Granted(trusted))
    }

    /// The same with more.
    #[must_use]
    pub fn with(self, more: &[Permission]) -> Self {
        match self {
            Self::All => Self::All,
            Self::Granted(mut granted) => {
                granted.extend(more.iter().filter(|permission| permission.needs_trust()).cloned());
                granted.sort();
                granted.dedup();
                Self::Granted(granted)
            }
        }
    }

    /// Whether all that is needed is trusted.
    ///
    /// # Errors
    /// With what is not.
    pub fn check(&self, needed: &[Permission]) -> Result<(), Untrusted> {
        let Self::Granted(granted) = self else { return Ok(()) };
        let is_new = |permission: &&Permission| permission.needs_trust() && !granted.contains(permission);
        let new: Vec<Permission> = needed.iter().filter(is_new).cloned().collect();
        if new.is_empty() { Ok(()) } else { Err(Untrusted { needed: needed.to_vec(), new }) }
    }

    /// The environment as a run may use it: without the folders of `PATH` that lie in the project, unless everything in
    /// there is trusted. Also the folders that were taken out.
    #[must_use]
    pub fn settings<'s>(&self, settings: &'s Settings, project: &Project) -> (Cow<'s, Settings>, Vec<PathBuf>) {
        match self {
            Self::All => (Cow::Borrowed(settings), Vec::new()),
            Self::Granted(_) => {
                let (settings, inside) = settings.without_programs_of(project.root());
                (Cow::Owned(settings), inside)
            }
        }
    }

    /// Keeps this for later, in the user's own folder and in place of what was kept of the project. `All` is not kept.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, project: &Project, settings: &Settings) -> io::Result<()> {
        let Self::Granted(granted) = self else { return Ok(()) };
        trust::write(&user_state(project, settings)?, project.root(), granted.clone())
    }

    /// Forgets what the user has trusted of a project; returns whether that was anything.
    ///
    /// # Errors
    /// If it cannot be forgotten.
    pub fn forget(project: &Project, settings: &Settings) -> io::Result<bool> {
        user_state(project, settings).map_or(Ok(false), |state| trust::forget(&state, project.root()))
    }
}

/// What a run of an orchestra does outside of its own files. A rehearsal does nothing there, and a replay calls no
/// model.
#[must_use]
pub fn needed(orchestra: &Orchestra, source: &ModelSource) -> Vec<Permission> {
    let all = permissions(orchestra);
    match source {
        ModelSource::Models { .. } => all,
        ModelSource::Rehearsal { .. } => Vec::new(),
        ModelSource::Replay { .. } => all.into_iter().filter(|permission| !permission.is_for_model()).collect(),
    }
}

/// Where the user's own things are kept: never in the project, which may have brought along what stands there.
///
/// # Errors
/// If there is no such folder, or it lies in the project.
pub(crate) fn user_state(project: &Project, settings: &Settings) -> io::Result<UserState> {
    let state = UserState::find(|name| settings.get(name))
        .ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME is set"))?;
    if state.lies_in(project.root()) {
        let path = state.file("");
        return Err(io::Error::other(format!(
            "{} lies in the project, which may have brought it along; set XDG_STATE_HOME to a folder outside of it",
            path.display()
        )));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::permissions::{Access, Purpose};

    fn run(program: &str) -> Permission {
        Permission { access: Access::Run { argv: vec![program.to_owned()] }, purpose: Purpose::Task }
    }

    #[test]
    fn what_is_new_is_named_and_what_was_trusted_is_not_asked_for_again() {
        let write = Permission { access: Access::Write { path: "a.txt".to_owned() }, purpose: Purpose::Output };
        let nothing = Trust::default();
        assert_eq!(nothing.check(std::slice::from_ref(&write)), Ok(()));
        let refused = nothing.check(&[run("a"), write.clone()]).unwrap_err();
        assert_eq!((refused.needed.len(), refused.new), (2, vec![run("a")]));
        let trust = nothing.with(&[run("a"), run("b"), write.clone()]);
        assert_eq!(trust, Trust::Granted(vec![run("a"), run("b")]));
        assert_eq!(trust.check(&[run("b")]), Ok(()), "less than was trusted");
        assert_eq!(trust.check(&[run("a"), run("c")]).unwrap_err().new, [run("c")]);
        // The same program for something else is something else.
        let model = Permission { purpose: Purpose::Model, ..run("a") };
        assert!(trust.check(&[model]).is_err());
        assert_eq!(Trust::All.check(&[run("c")]), Ok(()));
    }

    #[test]
    fn it_is_kept_for_the_project_and_forgotten() {
        let (home, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let settings = Settings::from_variables([("XDG_STATE_HOME", home.path().display().to_string())]);
        let project = Project::at(folder.path());
        let stored = || Trust::stored(&project, &settings).unwrap();
        assert_eq!(stored(), Trust::default());
        let variable = Access::Variable {
            name: "KEY".to_owned(),
            to: crate::engine::permissions::Recipient::Origin("http://h:1".to_owned()),
        };
        let trust = stored().with(&[run("a"), Permission { access: variable, purpose: Purpose::Key }]);
        trust.keep(&project, &settings).unwrap();
        assert_eq!(stored(), trust);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written into the project");
        assert!(Trust::forget(&project, &settings).unwrap());
        assert_eq!(stored(), Trust::default());
        assert!(Trust::default().keep(&project, &Settings::from_variables([("PATH", "/bin")])).is_err());
    }
}
