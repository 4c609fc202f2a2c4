//! Which phase a run is in, from its journal and its lock; and which run a name stands for.

use std::fmt;
use std::fs::TryLockError;
use std::io;

use crate::run::history::History;
use crate::store::journal::JournalError;
use crate::store::project::{ListError, Project};
use crate::store::seal::Seal;
use crate::words::diagnostic::near_miss;
use crate::words::event::{Record, RunStatus};
use crate::words::id::RunId;

/// Where a run is between its start and its end.
#[derive(Debug)]
pub(crate) enum RunPhase {
    /// A process holds it.
    Running,
    /// It has no end, and nobody holds it.
    Killed,
    /// It ended.
    Ended(RunStatus),
    /// It was killed before its first event was on disk, so nothing was called: what is wrong with its journal.
    Empty(JournalError),
    /// Its journal cannot be read.
    Damaged(JournalError),
}

/// What can be told of a run without holding it.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The run.
    pub run: RunId,
    /// Its phase.
    pub phase: RunPhase,
    /// What its journal says, if that can be read.
    pub history: Option<History>,
    /// What its journal says of whose it is, if that can be read.
    pub seal: Option<Seal>,
}

/// Reads what a run has come to, without taking its lock.
#[must_use]
pub(crate) fn look(project: &Project, run: RunId) -> Seen {
    look_closely(project, run).0
}

/// The same, with the records of its journal.
#[must_use]
pub(crate) fn look_closely(project: &Project, run: RunId) -> (Seen, Vec<Record>) {
    let (phase, history, seal, records) = match project.history(&run) {
        Ok((contents, history)) => match phase(project, &run, history.status) {
            Ok(phase) => (phase, Some(history), Some(contents.seal), contents.records),
            Err(error) => (RunPhase::Damaged(error), None, None, Vec::new()),
        },
        Err(error) if error.never_began() => (RunPhase::Empty(error), None, None, Vec::new()),
        Err(error) => (RunPhase::Damaged(error), None, None, Vec::new()),
    };
    (Seen { run, phase, history, seal }, records)
}

fn phase(project: &Project, run: &RunId, status: Option<RunStatus>) -> Result<RunPhase, JournalError> {
    Ok(match status {
        Some(status) => RunPhase::Ended(status),
        None => match is_held(project, run) {
            Ok(true) => RunPhase::Running,
            Ok(false) => RunPhase::Killed,
            Err(error) => return Err(JournalError::Io { path: format!("the lock of {run}"), error }),
        },
    })
}

/// Whether a process holds the run.
///
/// For a moment this holds the lock itself, together with others who look. So it is asked only of runs that have begun:
/// nothing but a `resume` in the same instant can be told that the run is taken.
///
/// # Errors
/// If there is a lock that cannot be opened.
pub(crate) fn is_held(project: &Project, run: &RunId) -> io::Result<bool> {
    match project.run_dir(run).and_then(|dir| dir.open_regular(crate::store::lock::RUN)) {
        Ok(lock) => Ok(matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why a name stands for no run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChooseError {
    /// The project has none.
    #[error("there are no runs in this project")]
    NoRuns,
    /// None has this id, or this end of one.
    #[error("there is no run `{named}`")]
    Unknown {
        /// What was asked for.
        named: String,
        /// The one that is probably meant.
        near: Option<String>,
    },
    /// Several have this end.
    #[error("`{named}` means {count} runs")]
    Ambiguous {
        /// What was asked for.
        named: String,
        /// How many there are.
        count: usize,
    },
    /// The project's runs cannot be listed.
    #[error(transparent)]
    List(#[from] ListError),
}

/// The run that `named` means: its id, or an end of it that no other run has. Without a name, the latest.
///
/// # Errors
/// If there is none, or more than one, or the runs cannot be listed.
pub(crate) fn choose(project: &Project, named: Option<&str>) -> Result<RunId, ChooseError> {
    let runs = project.runs()?;
    let Some(named) = named else {
        return runs.last().cloned().ok_or(ChooseError::NoRuns);
    };
    if let Some(run) = runs.iter().find(|run| run.as_str() == named) {
        return Ok(run.clone());
    }
    let ending: Vec<&RunId> = runs.iter().filter(|run| run.as_str().ends_with(named)).collect();
    let named = named.to_owned();
    match ending.as_slice() {
        [run] if !named.is_empty() => Ok((*run).clone()),
        [] | [_] => {
            let near = near_miss(&named, runs.iter().map(RunId::as_str)).map(str::to_owned);
            Err(ChooseError::Unknown { named, near })
        }
        several => Err(ChooseError::Ambiguous { named, count: several.len() }),
    }
}

impl RunPhase {
    /// Whether there may be something left in it that a user wants to go on with, or to look into.
    #[must_use]
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Ended(RunStatus::Succeeded) | Self::Empty(_) => false,
            Self::Ended(_) | Self::Running | Self::Killed | Self::Damaged(_) => true,
        }
    }
}

impl fmt::Display for RunPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::Killed => f.write_str("killed"),
            Self::Ended(status) => status.fmt(f),
            Self::Empty(_) => f.write_str("empty"),
            Self::Damaged(JournalError::TooNew(_) | JournalError::Unknown { .. }) => f.write_str("newer"),
            Self::Damaged(JournalError::TooOld(_)) => f.write_str("older"),
            Self::Damaged(_) => f.write_str("damaged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::store::disk::Dir;
    use crate::store::journal::Journal;
    use crate::store::lock::{Claim, Lock, this_process};
    use crate::words::event::{Event, RunEvent};

    fn project_with(records: &[Record]) -> (tempfile::TempDir, Project, RunId) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::at("20261120_093000", 0x7f3a);
        let dir = Dir::create(&folder.path().join(".orchestra/runs").join(run.as_str())).unwrap();
        Journal::create(dir.try_clone().unwrap(), Vec::new()).unwrap().append(records).unwrap();
        let project = Project::at(folder.path());
        (folder, project, run)
    }

    #[test]
    fn a_run_without_an_end_is_held_or_was_killed() {
        let story = RunBuilder::of(&[("a", "x")]);
        let (_folder, project, run) = project_with(&story.records);
        assert_eq!(look(&project, run.clone()).phase.to_string(), "killed");
        let claim = Claim { holder: this_process(), run: run.clone() };
        let lock = Lock::take(&project.run_dir(&run).unwrap(), crate::store::lock::RUN, &claim).unwrap();
        assert_eq!(look(&project, run.clone()).phase.to_string(), "running");
        drop(lock);
        assert_eq!(look(&project, run).phase.to_string(), "killed");
    }

    #[test]
    fn a_run_ends_as_its_journal_says() {
        let story = RunBuilder::of(&[("a", "x")]).then(Event::Run(RunEvent::Finished { status: RunStatus::Partial }));
        let (_folder, project, run) = project_with(&story.records);
        let seen = look(&project, run);
        assert_eq!((seen.phase.to_string().as_str(), seen.phase.is_open()), ("partial", true));
        let (_folder, project, run) = project_with(&[]);
        assert_eq!(look(&project, run).phase.to_string(), "empty");
    }

    #[test]
    fn a_run_is_meant_by_the_end_of_its_id() {
        let (folder, project, run) = project_with(&[]);
        assert_eq!(choose(&project, None).unwrap(), run);
        assert_eq!(choose(&project, Some("7f3a")).unwrap(), run);
        assert!(choose(&project, Some("")).is_err() && choose(&project, Some("x")).is_err());
        std::fs::create_dir(folder.path().join(".orchestra/runs/run_20261121_000000_7f3a")).unwrap();
        assert!(choose(&project, Some("7f3a")).is_err());
        assert_eq!(choose(&project, None).unwrap().as_str(), "run_20261121_000000_7f3a");
    }
}
