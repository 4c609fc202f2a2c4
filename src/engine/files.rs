//! The files that a run writes to, opened before anything is called, so that what cannot be written is known by then.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::plan::guarded::OwnFiles;
use crate::plan::orchestra::Orchestra;
use crate::run::history::History;
use crate::store::disk::Dir;
use crate::store::journal::{Contents, Journal};
use crate::store::lock::{self, Claim, Lock, LockError};
use crate::store::objects::Objects;
use crate::store::project::{Project, STATE_DIR};
use crate::store::seal::Sealer;
use crate::store::workspace::Workspace;
use crate::words::id::RunId;

/// A run's files.
pub(super) struct RunFiles {
    pub(super) run_dir: Dir,
    pub(super) journal: Journal,
    pub(super) objects: Objects,
    pub(super) workspace: Workspace,
    /// Held until the run has ended.
    pub(super) lock: Lock,
}

/// Why a run's files cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The project's folder cannot be opened.
    #[error("{} cannot be used: {error}", .path.display())]
    Project {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The workspace is another run's, or cannot be made.
    #[error("the workspace {path} cannot be used: {error}")]
    Workspace {
        /// Its path, as it was given.
        path: String,
        /// Why.
        error: LockError,
    },
    /// The run is another process's.
    #[error("{run} cannot be used: {error}")]
    Run {
        /// Which one.
        run: RunId,
        /// Why.
        error: LockError,
    },
    /// The folder that orch keeps runs in cannot be written.
    #[error("{} cannot be written: {error}", .path.display())]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The journal of a run that is resumed cannot be written.
    #[error("the journal of {run} cannot be written: {error}")]
    Journal {
        /// Which run.
        run: RunId,
        /// Why.
        error: io::Error,
    },
}

/// Makes the files of a new run. An empty workspace is left, with what stood there put aside.
pub(super) fn create(
    project: &Project,
    orchestra: &Orchestra,
    workspace: Option<&Path>,
    claim: &Claim,
    sealer: Option<Sealer>,
) -> Result<RunFiles, OpenError> {
    let root =
        Dir::open(project.root()).map_err(|error| OpenError::Project { path: project.root().to_owned(), error })?;
    let shown = workspace.map_or(orchestra.workspace.clone(), |path| path.display().to_string());
    let no_workspace = |error: LockError| OpenError::Workspace { path: shown.clone(), error };
    let mut workspace = match workspace {
        Some(path) => Workspace::open_anywhere(&project.root().join(path), claim),
        None => Workspace::open(&root, &orchestra.workspace, claim),
    }
    .map_err(no_workspace)?;
    let no_state = |error: io::Error| OpenError::State { path: project.root().join(STATE_DIR), error };
    let state = root.make_child(STATE_DIR).map_err(no_state)?;
    keep_from_git(&state).map_err(no_state)?;
    let runs = state.make_child("runs").map_err(no_state)?;
    let run_dir = runs.make_child(claim.run.as_str()).map_err(no_state)?;
    let lock = take(&run_dir, claim)?;
    let objects = Objects::below(state.try_clone().map_err(no_state)?);
    let journal = run_dir
        .try_clone()
        .and_then(|dir| Journal::create(dir, vec![root, state, runs]))
        .and_then(|journal| journal.sealed(&run_dir, sealer))
        .map_err(no_state)?;
    workspace.clear().map_err(|error| no_workspace(error.into()))?;
    Ok(RunFiles { run_dir, journal, objects, workspace, lock })
}

/// Keeps the folder out of the user's commits: journals hold prompts, and whoever checks it out has no use for it. A
/// file that is there stays as it is.
fn keep_from_git(state: &Dir) -> io::Result<()> {
    const FILE: &str = ".gitignore";
    if state.kind(FILE)?.is_none() { state.write(FILE, b"*\n", false) } else { Ok(()) }
}

/// Takes the lock of a run.
pub(super) fn take(run_dir: &Dir, claim: &Claim) -> Result<Lock, OpenError> {
    Lock::take(run_dir, lock::RUN, claim).map_err(|error| OpenError::Run { run: claim.run.clone(), error })
}

/// Where the long outputs of a project are.
pub(super) fn objects(project: &Project) -> Result<Objects, OpenError> {
    let path = project.root().join(STATE_DIR);
    Dir::open(&path).map(Objects::below).map_err(|error| OpenError::State { path, error })
}

/// Opens the workspace of a run again. Only one that the caller of its start named may lie outside of the project.
pub(super) fn workspace(
    project: &Project,
    orchestra: &Orchestra,
    history: &History,
    claim: &Claim,
) -> Result<Workspace, OpenError> {
    let path = &history.start.workspace;
    let workspace = if orchestra.workspace.trim_start_matches("./") == path {
        Dir::open(project.root()).map_err(Into::into).and_then(|root| Workspace::open(&root, path, claim))
    } else {
        Workspace::open_anywhere(&project.root().join(path), claim)
    };
    workspace.map_err(|error| OpenError::Workspace { path: path.clone(), error })
}

/// Opens the journal of a run behind its last whole record.
pub(super) fn reopen_journal(
    project: &Project,
    run_dir: &Dir,
    run: &RunId,
    contents: &Contents,
    sealer: Option<Sealer>,
) -> Result<Journal, OpenError> {
    let above = || {
        let state = project.root().join(STATE_DIR);
        Ok(vec![Dir::open(project.root())?, Dir::open(&state)?, Dir::open(&state.join("runs"))?])
    };
    above()
        .and_then(|above| Journal::reopen(run_dir.try_clone()?, above, contents)?.sealed(run_dir, sealer))
        .map_err(|error| OpenError::Journal { run: run.clone(), error })
}

/// The files of a run that its tools keep away from: the orchestra's and the workspace, as far as they lie in the
/// project.
pub(super) fn own_files(project: &Project, source: &str, workspace: &Path) -> Arc<OwnFiles> {
    let within = |path: &Path| {
        let root = project.root().canonicalize().ok()?;
        let path = root.join(path);
        // A workspace may not be there yet, and what is not there is no link.
        let (there, real) = path.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)))?;
        let real = real.join(path.strip_prefix(there).ok()?);
        real.strip_prefix(&root).ok()?.to_str().map(str::to_owned)
    };
    let (source, workspace) = (within(Path::new(source)), within(workspace));
    Arc::new(OwnFiles::new(source.as_deref(), workspace.as_deref()))
}
