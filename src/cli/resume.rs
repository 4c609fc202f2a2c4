//! `orch resume`: goes on with a run from what its journal holds. Nothing that is finished is made again.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::complaint::{CliError, say_reports};
use crate::cli::equip::{self, ModelSource, equip};
use crate::cli::load::load;
use crate::cli::perform::{OnDisk, OutputArgs, cannot_take, perform};
use crate::cli::run::read_script;
use crate::cli::{Context, Outcome, leftovers, standing, terminal};
use crate::model::rehearsal::Rehearsal;
use crate::model::settings::Settings;
use crate::plan::orchestra::Orchestra;
use crate::run::history::{History, TaskHistory, TaskState};
use crate::store::disk::Dir;
use crate::store::journal::{Journal, JournalError};
use crate::store::lock::{self, Claim, Lock, this_process};
use crate::store::objects::Objects;
use crate::store::project::{Project, STATE_DIR};
use crate::store::workspace::{self, Standing, Workspace};
use crate::words::event::{Event, PlannedTask, RunEvent};
use crate::words::id::{Name, RunId};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run, by its id or the end of it; the latest unfinished one if left out
    run: Option<String>,
    #[command(flatten)]
    talk: OutputArgs,
    /// Go on although the file has changed: what changed, and what depends on it, runs again
    #[arg(long)]
    accept_changes: bool,
    /// Write over outputs in the workspace that were changed by hand
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = context.known_project()?;
    let Some(run) = choose(args, project)? else {
        terminal::say("nothing to resume: every run of this project is finished\n");
        return Ok(ExitCode::SUCCESS);
    };
    let claim = Claim { holder: this_process(), run: run.clone() };
    let run_dir = project.run_dir(&run).map_err(|error| CliError::usage(format!("{run} cannot be opened: {error}")))?;
    let lock = Lock::take(&run_dir, lock::RUN, &claim).map_err(|error| cannot_take(&run.to_string(), &error))?;
    leftovers::end_programs(&run);
    // Only now does nobody else write to it.
    let (contents, history) = project.history(&run).map_err(|error| unreadable(&run, &error))?;
    if contents.torn {
        terminal::say("note: the journal's last line was cut off and is dropped; what it said had not been promised\n");
    }
    let finished = || {
        terminal::say(&format!("nothing to resume: {run} is finished\n"));
        Ok(ExitCode::SUCCESS)
    };
    // The file of a finished run may well have changed since.
    if history.is_complete() && !args.accept_changes {
        return finished();
    }
    let (orchestra, changes) = reload(args, project, &history)?;
    if history.is_complete() && changes.rerun.is_empty() {
        return finished();
    }
    let overrides = &history.start.overrides;
    let stand = if history.start.rehearsal {
        let script = overrides.script.as_deref();
        let script = script.map(|path| read_script(project, Path::new(path))).transpose()?;
        ModelSource::Rehearsal(Rehearsal::new(script.map(|(_, script)| script)))
    } else if let Some(path) = &overrides.replay {
        ModelSource::Replay(equip::cassette(project, Path::new(path))?)
    } else {
        ModelSource::Models { recorder: None }
    };
    let reuses = matches!(stand, ModelSource::Models { .. });
    let equipment = equip(&orchestra, project, &Settings::from_environment(), &run, stand)?;
    leftovers::remove_files(project, Some(&orchestra), &history);
    let objects = open_objects(project)?;
    let mut workspace = take_workspace(project, &orchestra, &history, &claim)?;
    bring_up_to_date(args, &mut workspace, &history, &claim, &objects, &changes)?;
    let above = || {
        let state = project.root().join(STATE_DIR);
        Ok(vec![Dir::open(project.root())?, Dir::open(&state)?, Dir::open(&state.join("runs"))?])
    };
    let journal = above()
        .and_then(|above| Journal::reopen(run_dir.try_clone()?, above, &contents))
        .map_err(|error| CliError::failure(format!("the journal of {run} cannot be written: {error}")))?;
    let first =
        vec![Event::Run(RunEvent::Resumed { holder: claim.holder, rerun: changes.rerun, changed: changes.changed })];
    let disk = OnDisk { run_dir, journal, objects, workspace, lock };
    let reuse = if reuses { equip::reusing(&orchestra, &equipment, project, &run, overrides) } else { None };
    perform(Arc::new(orchestra), equipment, reuse, disk, &contents.records, first, args.talk)
}

/// The run that is meant, or none if nothing is unfinished.
fn choose(args: &Args, project: &Project) -> Result<Option<RunId>, CliError> {
    if let Some(named) = &args.run {
        return standing::choose(project, Some(named)).map(Some);
    }
    let mut never_began = None;
    for run in project.runs()?.into_iter().rev() {
        match project.history(&run) {
            Ok((_, history)) if history.is_complete() => {}
            Ok(_) => {
                if let Some((newer, error)) = never_began {
                    terminal::say(&format!("note: {newer} never began, so it is not resumed: {error}\n"));
                }
                return Ok(Some(run));
            }
            Err(error) if error.never_began() => {
                never_began.get_or_insert((run, error));
            }
            Err(error) => return Err(unreadable(&run, &error)),
        }
    }
    match never_began {
        None => Ok(None),
        // What its user wanted is not done, so this is no success.
        Some((run, error)) => Err(CliError::journal(format!("nothing to resume in {run}"), &run, &error)),
    }
}

fn unreadable(run: &RunId, error: &JournalError) -> CliError {
    CliError::journal(format!("{run} cannot be read"), run, error)
}

/// What the file says now that it did not say when the run started.
#[derive(Debug, Default)]
struct Changes {
    changed: Vec<PlannedTask>,
    /// Finished tasks that have to run again: those that changed, and those that depend on them.
    rerun: Vec<Name>,
}

/// Reads the orchestra again, under the rules of the run's start, and compares.
fn reload(args: &Args, project: &Project, history: &History) -> Result<(Orchestra, Changes), CliError> {
    let start = &history.start;
    let loaded = load(project, &start.source, &start.overrides)?;
    say_reports(&loaded.warnings);
    let whole = &loaded.orchestra;
    let mut keep = Vec::with_capacity(history.tasks.len());
    let mut gone = Vec::new();
    for task in &history.tasks {
        match whole.find(task.planned.task.as_str()) {
            Some(ix) => keep.push(ix),
            None => gone.push(format!("`{}` is gone", task.planned.task)),
        }
    }
    let selected = !start.overrides.only.is_empty() || start.overrides.from.is_some();
    let new = whole.tasks.iter().filter(|task| !selected && history.task(task.name.as_str()).is_none());
    gone.extend(new.map(|task| format!("`{}` is new", task.name)));
    if !gone.is_empty() {
        return Err(CliError::usage(format!(
            "{} has other tasks than when the run started: {}",
            start.source,
            gone.join(", ")
        ))
        .help("undo that to resume, or start anew with `orch run`"));
    }
    let orchestra = whole.select(&keep);
    let planned = orchestra.planned();
    let changed: Vec<usize> =
        (0..planned.len()).filter(|&ix| planned[ix].digest != history.tasks[ix].planned.digest).collect();
    if changed.is_empty() {
        return Ok((orchestra, Changes::default()));
    }
    let names: Vec<String> = changed.iter().map(|&ix| format!("`{}`", planned[ix].task)).collect();
    if !args.accept_changes {
        return Err(CliError::usage(format!(
            "{} has changed since the run started, in {}",
            start.source,
            names.join(", ")
        ))
        .help("undo that, or give --accept-changes: what changed and what depends on it runs again"));
    }
    let rerun = orchestra.plan.downstream(&changed);
    let rerun = rerun.into_iter().filter(|&ix| history.tasks[ix].output().is_some());
    let rerun = rerun.map(|ix| planned[ix].task.clone()).collect();
    let changed = changed.into_iter().map(|ix| planned[ix].clone()).collect();
    Ok((orchestra, Changes { changed, rerun }))
}

fn open_objects(project: &Project) -> Result<Objects, CliError> {
    Dir::open(&project.root().join(STATE_DIR))
        .map(Objects::below)
        .map_err(|error| CliError::failure(format!("{STATE_DIR} cannot be used: {error}")))
}

/// Takes the run's workspace. Only one that the command line named may lie outside of the project.
fn take_workspace(
    project: &Project,
    orchestra: &Orchestra,
    history: &History,
    claim: &Claim,
) -> Result<Workspace, CliError> {
    let path = &history.start.workspace;
    let workspace = if orchestra.workspace.trim_start_matches("./") == path {
        Dir::open(project.root()).map_err(Into::into).and_then(|root| Workspace::open(&root, path, claim))
    } else {
        Workspace::open_anywhere(&project.root().join(path), claim)
    };
    workspace.map_err(|error| cannot_take(&format!("the workspace {path}"), &error))
}

/// Makes the workspace show the run again: what is missing is written from the journal, and what somebody has changed
/// is not written over unasked.
fn bring_up_to_date(
    args: &Args,
    workspace: &mut Workspace,
    history: &History,
    claim: &Claim,
    objects: &Objects,
    changes: &Changes,
) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        let path = &history.start.workspace;
        CliError::failure(format!("the workspace {path} cannot be brought up to date: {error}"))
    };
    if !workspace.showed(claim) {
        workspace.clear().map_err(failed)?;
    }
    let recorded = |task: &TaskHistory| match &task.state {
        TaskState::Succeeded(output) | TaskState::Reused(output, _) => objects.get(output).map_err(failed),
        TaskState::Failed(failure) => Ok(workspace::error_text(&task.planned.task, failure, task.attempts).into()),
        TaskState::Waiting
        | TaskState::Running
        | TaskState::Retrying(_)
        | TaskState::Limited(_)
        | TaskState::Skipped(..) => Ok("".into()),
    };
    let mut outdated = Vec::new();
    for task in &history.tasks {
        let name = task.planned.task.as_str();
        let standing = workspace.compare(name, &recorded(task)?).map_err(failed)?;
        if standing == Standing::Different && !args.force {
            let file = workspace::output_file(name);
            return Err(CliError::usage(format!(
                "{file} was changed since the run wrote it, and would be written over"
            ))
            .help("move it away, or give --force to have the run's own output there again"));
        }
        let again = task.output().is_none() || changes.rerun.contains(&task.planned.task);
        let as_it_should_be = if again { Standing::Missing } else { Standing::Same };
        if standing != as_it_should_be {
            outdated.push((task, again));
        }
    }
    for (task, again) in outdated {
        let name = task.planned.task.as_str();
        // What an earlier try left must not pass for a change by hand if this process is killed in turn.
        if again { workspace.remove_output(name) } else { workspace.write_output(name, &recorded(task)?) }
            .map_err(failed)?;
    }
    Ok(())
}
