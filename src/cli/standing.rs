//! How a run stands, from its journal and from its lock; and which run a word on the command line means.

use std::fmt;
use std::fs::TryLockError;
use std::io;

use crate::cli::complaint::CliError;
use crate::run::history::History;
use crate::store::journal::JournalError;
use crate::store::project::Project;
use crate::words::diagnostic::near_miss;
use crate::words::event::{Record, RunStatus};
use crate::words::id::RunId;

/// How a run stands.
#[derive(Debug)]
pub(super) enum Standing {
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

/// A run that was looked at.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) run: RunId,
    pub(super) standing: Standing,
    /// What its journal says, if that can be read.
    pub(super) history: Option<History>,
}

/// Looks at a run.
pub(super) fn look(project: &Project, run: RunId) -> Seen {
    look_closely(project, run).0
}

/// The same, with the records of its journal.
pub(super) fn look_closely(project: &Project, run: RunId) -> (Seen, Vec<Record>) {
    let (standing, history, records) = match project.history(&run) {
        Ok((contents, history)) => match standing(project, &run, history.status) {
            Ok(standing) => (standing, Some(history), contents.records),
            Err(error) => (Standing::Damaged(error), None, Vec::new()),
        },
        Err(error) if error.never_began() => (Standing::Empty(error), None, Vec::new()),
        Err(error) => (Standing::Damaged(error), None, Vec::new()),
    };
    (Seen { run, standing, history }, records)
}

fn standing(project: &Project, run: &RunId, status: Option<RunStatus>) -> Result<Standing, JournalError> {
    Ok(match status {
        Some(status) => Standing::Ended(status),
        None => match is_held(project, run) {
            Ok(true) => Standing::Running,
            Ok(false) => Standing::Killed,
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
pub(super) fn is_held(project: &Project, run: &RunId) -> io::Result<bool> {
    match project.run_dir(run).and_then(|dir| dir.open_regular(crate::store::lock::RUN)) {
        Ok(lock) => Ok(matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The run that `named` means: its id, or an end of it that no other run has. Without a name, the latest.
pub(super) fn choose(project: &Project, named: Option<&str>) -> Result<RunId, CliError> {
    let runs = project.runs()?;
    let Some(named) = named else {
        return runs
            .last()
            .cloned()
            .ok_or_else(|| CliError::usage("there are no runs in this project").help("`orch run` makes one"));
    };
    if let Some(run) = runs.iter().find(|run| run.as_str() == named) {
        return Ok(run.clone());
    }
    let ending: Vec<&RunId> = runs.iter().filter(|run| run.as_str().ends_with(named)).collect();
    match ending.as_slice() {
        [run] if !named.is_empty() => Ok((*run).clone()),
        [] | [_] => {
            let complaint = CliError::usage(format!("there is no run `{named}`"));
            Err(match near_miss(named, runs.iter().map(RunId::as_str)) {
                Some(near) => complaint.help(format!("did you mean `{near}`? `orch runs` lists them")),
                None => complaint.help("`orch runs` lists them"),
            })
        }
        several => Err(CliError::usage(format!("`{named}` means {} runs", several.len())).help("write more of its id")),
    }
}

impl Standing {
    /// Whether there may be something left in it that a user wants to go on with, or to look into.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Ended(RunStatus::Succeeded) | Self::Empty(_) => false,
            Self::Ended(_) | Self::Running | Self::Killed | Self::Damaged(_) => true,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::Killed => f.write_str("killed"),
            Self::Ended(status) => status.fmt(f),
            Self::Empty(_) => f.write_str("empty"),
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
        assert_eq!(look(&project, run.clone()).standing.to_string(), "killed");
        let claim = Claim { holder: this_process(), run: run.clone() };
        let lock = Lock::take(&project.run_dir(&run).unwrap(), crate::store::lock::RUN, &claim).unwrap();
        assert_eq!(look(&project, run.clone()).standing.to_string(), "running");
        drop(lock);
        assert_eq!(look(&project, run).standing.to_string(), "killed");
    }

    #[test]
    fn a_run_ends_as_its_journal_says() {
        let story = RunBuilder::of(&[("a", "x")]).then(Event::Run(RunEvent::Finished { status: RunStatus::Partial }));
        let (_folder, project, run) = project_with(&story.records);
        let seen = look(&project, run);
        assert_eq!((seen.standing.to_string().as_str(), seen.standing.is_open()), ("partial", true));
        let (_folder, project, run) = project_with(&[]);
        assert_eq!(look(&project, run).standing.to_string(), "empty");
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
