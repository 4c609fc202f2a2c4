//! `orch clean`: removes runs with the objects that only they name, and what orch wrote into a workspace.
//! What removed runs have made is not used again.
//!
//! Takes a run's or a workspace's lock before it removes anything there, so nothing is taken from under a process.

mod objects;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::error::CliError;
use crate::cli::execute::tell_notes;
use crate::cli::runtime::block_on;
use crate::cli::table::size;
use crate::cli::{Context, Outcome, terminal};
use crate::engine::load;
use crate::engine::phase::{RunPhase, Seen, choose, look};
use crate::engine::{Notes, leftovers};
use crate::model::settings::Settings;
use crate::store::disk::{self, Dir};
use crate::store::journal::JournalError;
use crate::store::lock::{self, Claim, Lock, LockError, this_process};
use crate::store::project::{Project, STATE_DIR};
use crate::store::reuse;
use crate::words::event::Overrides;
use crate::words::id::RunId;
use crate::words::text::plural;

/// What orch makes in a workspace. Whatever else lies there is not orch's to remove.
const MADE: [&str; 3] = ["task_outputs", "intermediate", "final_results"];

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A run that a process holds is never removed. One that can be gone on with, or whose journal cannot \
                        be read, is removed only with --force. Outputs in workspaces stay, unless --workspace asks. \
                        The results of a removed run are not used again: tasks that need them are made anew."
)]
pub(super) struct Args {
    /// The runs to remove, by their ids or the ends of them
    #[arg(value_name = "RUN", conflicts_with_all = ["keep", "all"])]
    runs: Vec<String>,
    /// Remove all runs but the latest N
    #[arg(long, value_name = "N", conflicts_with = "all")]
    keep: Option<usize>,
    /// Remove all runs
    #[arg(long)]
    all: bool,
    /// Remove what orch wrote into this orchestra's workspace
    #[arg(long, value_name = "ORCHESTRA")]
    workspace: Option<String>,
    /// Forget every earlier result, so that each task is made anew once; runs stay
    #[arg(long)]
    reuse: bool,
    /// Say what would be removed, and remove nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Remove runs that are not finished, too
    #[arg(short, long)]
    force: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = &context.project;
    let cleans_runs = !args.runs.is_empty() || args.keep.is_some() || args.all;
    if !cleans_runs && args.workspace.is_none() && !args.reuse {
        return Err(CliError::usage("say what to remove").help(
            "a RUN of `orch runs`, --keep N, --all, --workspace ORCHESTRA, or --reuse; --dry-run only shows it",
        ));
    }
    context.known_project()?;
    if cleans_runs {
        clean_runs(args, project)?;
    }
    if args.reuse {
        forget(args, |dry_run| reuse::forget_all(project, dry_run))?;
    }
    if let Some(name) = &args.workspace {
        clean_workspace(args, project, name)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn clean_runs(args: &Args, project: &Project) -> Result<(), CliError> {
    let (mut removed, mut bytes) = (Vec::new(), 0);
    let (selected, mut left) = select(args, project)?;
    for seen in selected {
        let path = project.root().join(STATE_DIR).join("runs").join(seen.run.as_str());
        let taken = bytes_in(&path).map_err(LockError::Io).and_then(|taken| {
            if !args.dry_run {
                remove_run(project, &seen.run, &path)?;
            }
            Ok(taken)
        });
        match taken {
            Ok(taken) => {
                terminal::print(&format!("{}: {} ({}), {}\n", said(args), seen.run, seen.phase, size(taken)));
                removed.push(seen.run);
                bytes += taken;
            }
            Err(LockError::Held(_)) if args.runs.is_empty() => {
                terminal::say(&format!("kept: {}, since a process holds it\n", seen.run));
            }
            Err(error @ LockError::Held(_)) => {
                return Err(CliError::usage(format!("{} cannot be removed: {error}", seen.run)));
            }
            Err(LockError::Io(error)) => left.push(format!("{}: {error}", path.display())),
        }
    }
    let swept =
        objects::sweep(project, &removed, args.dry_run).context("outputs that no run names cannot be removed")?;
    let runs = plural(removed.len() as u64, "run", "runs");
    match swept {
        objects::Swept::Done { objects, bytes: more, left: of_objects } => {
            let outputs = plural(objects, "long output", "long outputs");
            terminal::print(&format!("{} in all: {runs} and {outputs}, {}\n", said(args), size(bytes + more)));
            left.extend(of_objects);
        }
        objects::Swept::Not(why) => {
            terminal::print(&format!("{} in all: {runs}, {}\n", said(args), size(bytes)));
            terminal::say(&format!("long outputs are kept: {why}\n"));
        }
    }
    forget(args, |dry_run| reuse::forget(project, &removed, dry_run))?;
    if left.is_empty() { Ok(()) } else { Err(not_removed(&left)) }
}

/// What is there still although it was to go.
fn not_removed(left: &[String]) -> CliError {
    let what = plural(left.len() as u64, "thing", "things");
    CliError::failure(format!("{what} could not be opened or removed:\n  {}", left.join("\n  ")))
        .help("mend the cause and clean again; whatever else was to go is gone")
}

/// Forgets earlier results, and says how many.
fn forget(args: &Args, forget: impl FnOnce(bool) -> io::Result<u64>) -> Result<(), CliError> {
    let results = forget(args.dry_run).context("earlier results cannot be forgotten")?;
    if results > 0 || args.reuse {
        let said = if args.dry_run { "would be forgotten" } else { "forgotten" };
        terminal::print(&format!("{said}: {}\n", plural(results, "earlier result", "earlier results")));
    }
    Ok(())
}

fn said(args: &Args) -> &'static str {
    if args.dry_run { "would be removed" } else { "removed" }
}

/// The runs that are to go, and what keeps those that cannot be read. Nothing is removed if one that was named must
/// stay.
fn select(args: &Args, project: &Project) -> Result<(Vec<Seen>, Vec<String>), CliError> {
    let mut runs = if args.runs.is_empty() {
        let mut runs = project.runs()?;
        runs.truncate(runs.len().saturating_sub(args.keep.unwrap_or(0)));
        runs
    } else {
        args.runs.iter().map(|named| choose(project, Some(named))).collect::<Result<_, _>>()?
    };
    runs.sort();
    runs.dedup();
    let (mut selected, mut unread) = (Vec::new(), Vec::new());
    for seen in runs.into_iter().map(|run| look(project, run)) {
        match must_stay(&seen, args.force) {
            None => selected.push(seen),
            Some((why, help)) if !args.runs.is_empty() => {
                let what = format!("{} is not removed: {why}", seen.run);
                let complaint = if is_unread(&seen) { CliError::failure(what) } else { CliError::usage(what) };
                return Err(complaint.help(help));
            }
            Some((why, _)) if is_unread(&seen) => unread.push(format!("{}: {why}", seen.run)),
            Some((why, _)) => terminal::say(&format!("kept: {}, since {why}\n", seen.run)),
        }
    }
    Ok((selected, unread))
}

/// Whether the system did not let the run be read, which is no word about the run itself.
fn is_unread(seen: &Seen) -> bool {
    matches!(seen.phase, RunPhase::Damaged(JournalError::Io { .. }))
}

/// Why a run stays, and what to do about it.
fn must_stay(seen: &Seen, force: bool) -> Option<(String, &'static str)> {
    match &seen.phase {
        RunPhase::Running => Some(("a process holds it".to_owned(), "wait until it ends, or stop it")),
        _ if force => None,
        RunPhase::Damaged(error) => {
            Some((format!("its journal cannot be read ({error})"), "--force removes it all the same"))
        }
        open if open.is_open() => {
            Some((format!("it is {open} and can be gone on with"), "`orch resume` goes on with it, --force removes it"))
        }
        _ => None,
    }
}

fn remove_run(project: &Project, run: &RunId, path: &Path) -> Result<(), LockError> {
    let lock = Lock::take(&project.run_dir(run)?, lock::RUN, &this_command())?;
    if lock.before.is_some() {
        let mut notes = Notes::default();
        block_on(leftovers::end_programs(run, &Settings::from_environment(), &mut notes))?;
        if let Ok((_, history)) = project.history(run) {
            leftovers::remove_files(project, None, &history, &mut notes);
        }
        tell_notes(notes);
    }
    disk::remove_tree(path)?;
    drop(lock);
    Ok(())
}

/// What another process is told while this one holds a lock.
fn this_command() -> Claim {
    let run = RunId::try_from("clean".to_owned()).unwrap_or_else(|_| RunId::at("clean", 0));
    Claim { holder: this_process(), run }
}

fn clean_workspace(args: &Args, project: &Project, name: &str) -> Result<(), CliError> {
    let orchestra = load(project, name, &Overrides::default())?.orchestra;
    let path = orchestra.workspace.trim_start_matches("./").to_owned();
    let cannot =
        |error: io::Error| anyhow::Error::new(error).context(format!("the workspace {path} cannot be removed"));
    let root = Dir::open(project.root()).map_err(cannot)?;
    // The handle cannot be left, so a path that leads out of the project, by a link or by name, does not open.
    let folder = match root.child(&path) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            terminal::say(&format!("there is no workspace {path}\n"));
            return Ok(());
        }
        Err(error) => {
            let error = CliError::from(cannot(error));
            return Err(error.help("only workspaces inside of the project are removed"));
        }
    };
    let mut bytes = 0;
    for made in MADE {
        match bytes_in(&folder.path().join(made)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            counted => bytes += counted.map_err(cannot)?,
        }
    }
    if !args.dry_run {
        let lock = Lock::take(&folder, lock::WORKSPACE, &this_command()).map_err(|error| match error {
            LockError::Held(_) => CliError::usage(format!("the workspace {path} is not removed: {error}"))
                .help("wait until that run ends"),
            LockError::Io(error) => cannot(error).into(),
        })?;
        remove_made(&folder).map_err(cannot)?;
        drop(lock);
    }
    terminal::print(&format!("{}: workspace {path}, {}\n", said(args), size(bytes)));
    let left = match folder.names() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(error).into()),
        left => left.unwrap_or_default(),
    };
    let others = left.iter().filter(|name| !MADE.contains(&name.as_str()) && *name != lock::WORKSPACE).count();
    if others > 0 {
        let what = plural(others as u64, "entry", "entries");
        terminal::say(&format!("kept: {path}, since {what} there did not come from orch\n"));
    }
    Ok(())
}

/// Removes what orch made, and the folder itself if nothing else is in there. Links are removed and not followed.
fn remove_made(folder: &Dir) -> io::Result<()> {
    for made in MADE {
        match disk::remove_tree(&folder.path().join(made)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io::Error::new(error.kind(), format!("{made}: {error}")));
            }
            _ => {}
        }
    }
    folder.remove(lock::WORKSPACE)?;
    if folder.names()?.is_empty() {
        // A name that is not UTF-8 is not listed, and keeps the folder, as it should.
        let _ = std::fs::remove_dir(folder.path());
    }
    Ok(())
}

/// The size of all files below a path. Links count as themselves.
///
/// # Errors
/// If a folder cannot be listed, or the system does not say how large a file is.
fn bytes_in(path: &Path) -> io::Result<u64> {
    let about = std::fs::symlink_metadata(path)?;
    if !about.is_dir() {
        return Ok(about.len());
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut bytes = 0;
    for entry in std::fs::read_dir(path).map_err(named)? {
        bytes += bytes_in(&entry.map_err(named)?.path())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
