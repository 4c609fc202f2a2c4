//! A run that goes on: from what its journal holds, with the file as it is now. Nothing that is finished is made again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::engine::execute::Prepared;
use crate::engine::files::{self, OpenError, own_files};
use crate::engine::hooks::{HookError, Hooks};
use crate::engine::leftovers;
use crate::engine::load::{LoadError, load};
use crate::engine::notes::{Notes, Notice};
use crate::engine::provenance::{Provenance, own_key};
use crate::engine::resume::up_to_date::bring_up_to_date;
use crate::engine::setup::{ModelSource, SetupError, SourceError, cache, setup};
use crate::engine::start::filled;
use crate::engine::trust::{Trust, Untrusted, needed};
use crate::model::settings::Settings;
use crate::plan::hooks::HookPoint;
use crate::plan::orchestra::Orchestra;
use crate::plan::resolve::FileError;
use crate::run::history::History;
use crate::store::journal::JournalError;
use crate::store::lock::{Claim, this_process};
use crate::store::project::{ListError, Project};
use crate::store::seal::Sealer;
use crate::words::event::{Event, FORMAT, PlannedTask, RunEvent};
use crate::words::id::{Name, RunId};

mod up_to_date;

/// How a run is to go on.
#[derive(Debug, Clone)]
pub struct Resume {
    /// Which one.
    pub run: RunId,
    /// Whether it may go on although the file has changed: what changed, and what depends on it, runs again.
    pub accept_changes: bool,
    /// Whether outputs in the workspace that were changed by hand may be written over.
    pub overwrite_edits: bool,
    /// What of the project's files the caller vouches for.
    pub trust: Trust,
    /// Whether the run may go on although another has made it, with all that its journal says of what is done.
    pub accept_foreign: bool,
}

/// Why a run does not go on. Nothing was called, and nothing that it has made was touched.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// There is no such run.
    #[error("{run} cannot be opened: {error}")]
    Missing {
        /// Which one.
        run: RunId,
        /// Why.
        error: io::Error,
    },
    /// Its journal cannot be read.
    #[error("{run} cannot be read: {error}")]
    Unreadable {
        /// Which run.
        run: RunId,
        /// Why.
        error: JournalError,
    },
    /// Its journal does not come from this user's orch, so that what it says of what is done may be anything.
    #[error("{0} was not made by you here, so what it says of finished work is not believed")]
    Foreign(RunId),
    /// It was killed before its first event was on disk, so nothing was called.
    #[error("nothing to resume in {run}: {error}")]
    NeverBegan {
        /// Which run.
        run: RunId,
        /// What is wrong with its journal.
        error: JournalError,
    },
    /// The project's runs cannot be listed.
    #[error(transparent)]
    List(#[from] ListError),
    /// The file of an output cannot be.
    #[error(transparent)]
    File(#[from] FileError),
    /// The orchestra's file cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file has tasks that the run does not know, or lacks some.
    #[error("{file} has other tasks than when the run started: {}", .differences.join(", "))]
    OtherTasks {
        /// The orchestra's file.
        file: String,
        /// One for each task.
        differences: Vec<String>,
    },
    /// The file says something else of some tasks, and that was not accepted.
    #[error("{file} has changed since the run started, in {}", quoted(.tasks))]
    Changed {
        /// The orchestra's file.
        file: String,
        /// The tasks.
        tasks: Vec<Name>,
    },
    /// The project's files need more trust than the caller has.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// Nobody can answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A hook does not let the run go on.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// Something is missing that the run needs.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The run's files cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An output was changed by hand, and may not be written over.
    #[error("{file} was changed since the run wrote it, and would be written over")]
    Edited {
        /// The file, within the workspace.
        file: String,
    },
    /// The workspace cannot be read or written.
    #[error("the workspace {path} cannot be brought up to date: {error}")]
    Workspace {
        /// Its path, as the run names it.
        path: String,
        /// Why.
        error: io::Error,
    },
}

fn quoted(names: &[Name]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The latest run of a project that is not finished, if there is one: of the user's own, else of others.
///
/// # Errors
/// If the journal of a later one cannot be read, or nothing is unfinished but a run that never began: what its user
/// wanted is not done.
pub fn latest_unfinished(
    project: &Project,
    settings: &Settings,
    notes: &mut Notes,
) -> Result<Option<RunId>, ResumeError> {
    let own_runs = Provenance::of(project, settings);
    let (mut never_began, mut foreign) = (None, None);
    for run in project.runs()?.into_iter().rev() {
        match project.history(&run) {
            Ok((_, history)) if history.is_complete() => {}
            Ok((contents, _)) if !own_runs.has_made(&run, &contents) => {
                foreign.get_or_insert(run);
            }
            Ok(_) => {
                notes.notices.extend(never_began.map(|(run, error)| Notice::NeverBegan { run, error }));
                return Ok(Some(run));
            }
            Err(error) if error.never_began() => {
                never_began.get_or_insert((run, error));
            }
            Err(error) => return Err(ResumeError::Unreadable { run, error }),
        }
    }
    match never_began {
        _ if foreign.is_some() => Ok(foreign),
        None => Ok(None),
        Some((run, error)) => Err(ResumeError::NeverBegan { run, error }),
    }
}

/// Prepares a run to go on; `None` if it is finished. Also ends and removes what its killed process has left.
///
/// Blocks the thread while files are opened, and while a program prints a key.
///
/// # Errors
/// If the run cannot go on; `notes` is filled in all the same.
pub async fn resume(
    project: &Project,
    settings: &Settings,
    resume: &Resume,
    notes: &mut Notes,
) -> Result<Option<Prepared>, ResumeError> {
    let run = resume.run.clone();
    let claim = Claim { holder: this_process(), run: run.clone() };
    let run_dir = project.run_dir(&run).map_err(|error| ResumeError::Missing { run: run.clone(), error })?;
    let lock = files::take(&run_dir, &claim)?;
    // Only now does nobody else write to it.
    let (contents, history) =
        project.history(&run).map_err(|error| ResumeError::Unreadable { run: run.clone(), error })?;
    let own_runs = Provenance::of(project, settings).trusting(&resume.trust);
    let is_own = own_runs.has_made(&run, &contents);
    if is_own || resume.accept_foreign {
        leftovers::end_programs(&run, settings, notes).await;
    }
    if contents.torn {
        notes.add(Notice::JournalTorn);
    }
    // The file of a finished run may well have changed since.
    if history.is_complete() && !resume.accept_changes {
        lock.release();
        return Ok(None);
    }
    let (orchestra, changes) = reload(resume, project, &history, notes)?;
    if history.is_complete() && changes.rerun.is_empty() {
        lock.release();
        return Ok(None);
    }
    let source = ModelSource::of(&history.start);
    let needed = needed(&orchestra, &source);
    resume.trust.check(&needed)?;
    if !is_own && !resume.accept_foreign {
        lock.release();
        return Err(ResumeError::Foreign(run));
    }
    if !is_own {
        notes.add(Notice::ForeignAccepted { run: run.clone() });
    }
    let (settings, inside) = resume.trust.settings(settings, project);
    let settings = &*settings;
    notes.path_in_project(inside, &needed);
    let hooks = Hooks::new(&orchestra, project, settings, &run, &source, true, notes);
    hooks.at(HookPoint::BeforeInit, notes).await?;
    let may_use_cache = source.may_use_cache();
    let (source, _) = source.open(project, None, settings)?;
    let own = own_files(project, &history.start.source, Path::new(&history.start.workspace));
    let mut setup = setup(&orchestra, project, settings, &run, &own, source, notes)?;
    let hooks = hooks.set_up(&setup.redactor, notes).await?;
    leftovers::remove_files(project, Some(&orchestra), &history, notes);
    let kept = run_dir.try_clone().map_err(|error| OpenError::Journal { run: run.clone(), error })?;
    leftovers::put_files_back(project, kept, &history, notes);
    let objects = files::objects(project)?;
    let mut workspace = files::workspace(project, &orchestra, &history, &claim)?;
    bring_up_to_date(resume, &mut workspace, &history, &claim, &objects, &changes)?;
    let key = own_key(project, settings).map_err(|error| notes.add(Notice::Unsealed(error))).ok();
    let sealer = key.clone().map(|key| Sealer::new(key, run.clone()));
    let journal = files::reopen_journal(project, &run_dir, &run, &contents, sealer)?;
    let first = vec![Event::Run(RunEvent::Resumed {
        format: FORMAT,
        holder: claim.holder,
        rerun: changes.rerun,
        changed: changes.changed,
    })];
    if let (true, Some(key)) = (may_use_cache, key) {
        setup.cache = cache(&orchestra, &setup, project, key, &run, &history.start.overrides, notes);
    }
    let files = files::RunFiles { run_dir, journal, objects, workspace, lock };
    Ok(Some(Prepared {
        run,
        orchestra: Arc::new(orchestra),
        setup,
        hooks,
        files,
        past: contents.records,
        first,
        approves: false,
    }))
}

/// What the file says now that it did not say when the run started.
#[derive(Debug, Default)]
struct Changes {
    changed: Vec<PlannedTask>,
    /// Finished tasks that have to run again: those that changed, those whose members are not all done, and those that
    /// depend on them.
    rerun: Vec<Name>,
}

/// Reads the orchestra again, under the rules of the run's start, and compares.
fn reload(
    resume: &Resume,
    project: &Project,
    history: &History,
    notes: &mut Notes,
) -> Result<(Orchestra, Changes), ResumeError> {
    let start = &history.start;
    let loaded = load(project, &start.source, &start.overrides)?;
    loaded.warnings.into_iter().for_each(|report| notes.add(Notice::File(report)));
    let whole = filled(&loaded.orchestra, (&start.goal, &start.inputs), start.run.as_str(), project)?;
    let orchestra = same_tasks(&whole, history)?;
    let planned = orchestra.planned();
    let changed: Vec<usize> =
        (0..planned.len()).filter(|&ix| planned[ix].digest != history.tasks[ix].planned.digest).collect();
    if !changed.is_empty() && !resume.accept_changes {
        let tasks = changed.iter().map(|&ix| planned[ix].task.clone()).collect();
        return Err(ResumeError::Changed { file: start.source.clone(), tasks });
    }
    let begun = |ix: usize| {
        let task = &history.tasks[ix];
        task.is_settled() || task.members.is_some() || task.gate().is_some()
    };
    let with_gaps = (0..planned.len()).filter(|&ix| has_gaps(history, ix));
    let again: Vec<usize> = changed.iter().copied().chain(with_gaps).collect();
    let rerun = orchestra.plan.downstream(&again).into_iter().filter(|&ix| begun(ix));
    // A member that stands for others may have a gap as well as the task that it is a member of.
    let members = (planned.len()..history.tasks.len()).filter(|&ix| has_gaps(history, ix));
    let rerun = rerun.chain(members).map(|ix| history.tasks[ix].planned.task.clone()).collect();
    let changed = changed.into_iter().map(|ix| planned[ix].clone()).collect();
    Ok((orchestra, Changes { changed, rerun }))
}

/// Whether a task was done without something that is tried again now: without some of its members, or of the tasks
/// that it joins.
fn has_gaps(history: &History, ix: usize) -> bool {
    let task = &history.tasks[ix];
    let members = history.members_of(&[ix]).into_iter().map(|member| &history.tasks[member]);
    let joined =
        task.planned.needs.iter().filter(|_| task.planned.joins).filter_map(|name| history.task(name.as_str()));
    task.output().is_some() && members.chain(joined).any(|other| !other.is_settled())
}

/// The part of the orchestra that the run has, task for task.
fn same_tasks(whole: &Orchestra, history: &History) -> Result<Orchestra, ResumeError> {
    let start = &history.start;
    let mut keep = Vec::with_capacity(history.tasks.len());
    let mut differences = Vec::new();
    // Members follow from the task whose members they are.
    for task in history.tasks.iter().filter(|task| task.parent.is_none()) {
        match whole.find(task.planned.task.as_str()) {
            Some(ix) => keep.push(ix),
            None => differences.push(format!("`{}` is gone", task.planned.task)),
        }
    }
    let selected = !start.overrides.only.is_empty() || start.overrides.from.is_some();
    let is_known = |name: &Name| history.task(name.as_str()).is_some_and(|task| task.parent.is_none());
    let new = whole.tasks.iter().filter(|task| !selected && !is_known(&task.name));
    differences.extend(new.map(|task| format!("`{}` is new", task.name)));
    match differences.is_empty() {
        true => Ok(whole.select(&keep)),
        false => Err(ResumeError::OtherTasks { file: start.source.clone(), differences }),
    }
}
