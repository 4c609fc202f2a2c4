//! `orch clean`: removes runs with the objects that only they name, and what orch wrote into a workspace.
//! What removed runs have made is not used again.
//!
//! Takes a run's or a workspace's lock before it removes anything there, so nothing is taken from under a process.

mod objects;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::complaint::CliError;
use crate::cli::load::load;
use crate::cli::standing::{Seen, choose, look};
use crate::cli::table::size;
use crate::cli::{Context, Outcome, leftovers, terminal};
use crate::store::disk::Dir;
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
    let mut removed: Vec<RunId> = Vec::new();
    let mut bytes = 0;
    for seen in select(args, project)? {
        let path = project.root().join(STATE_DIR).join("runs").join(seen.run.as_str());
        let taken = bytes_in(&path);
        if !args.dry_run {
            match remove_run(project, &seen.run, &path) {
                Ok(()) => {}
                Err(LockError::Held(_)) if args.runs.is_empty() => {
                    terminal::say(&format!("kept: {}, since a process holds it\n", seen.run));
                    continue;
                }
                Err(error @ LockError::Held(_)) => {
                    return Err(CliError::usage(format!("{} cannot be removed: {error}", seen.run)));
                }
                Err(LockError::Io(error)) => {
                    return Err(CliError::failure(format!("{} cannot be removed: {error}", seen.run)));
                }
            }
        }
        terminal::print(&format!("{}: {} ({}), {}\n", said(args), seen.run, seen.standing, size(taken)));
        removed.push(seen.run);
        bytes += taken;
    }
    let objects = objects::sweep(project, &removed, args.dry_run)
        .map_err(|error| CliError::failure(format!("outputs that no run names cannot be removed: {error}")))?;
    let runs = plural(removed.len() as u64, "run", "runs");
    match objects {
        objects::Swept::Done { objects, bytes: more } => {
            let outputs = plural(objects, "long output", "long outputs");
            terminal::print(&format!("{} in all: {runs} and {outputs}, {}\n", said(args), size(bytes + more)));
        }
        objects::Swept::Not(why) => {
            terminal::print(&format!("{} in all: {runs}, {}\n", said(args), size(bytes)));
            terminal::say(&format!("long outputs are kept: {why}\n"));
        }
    }
    forget(args, |dry_run| reuse::forget(project, &removed, dry_run))
}

/// Forgets earlier results, and says how many.
fn forget(args: &Args, forget: impl FnOnce(bool) -> io::Result<u64>) -> Result<(), CliError> {
    let results = forget(args.dry_run)
        .map_err(|error| CliError::failure(format!("earlier results cannot be forgotten: {error}")))?;
    if results > 0 || args.reuse {
        let said = if args.dry_run { "would be forgotten" } else { "forgotten" };
        terminal::print(&format!("{said}: {}\n", plural(results, "earlier result", "earlier results")));
    }
    Ok(())
}

fn said(args: &Args) -> &'static str {
    if args.dry_run { "would be removed" } else { "removed" }
}

/// The runs that are to go. Nothing is removed if one that was named must stay.
fn select(args: &Args, project: &Project) -> Result<Vec<Seen>, CliError> {
    let mut runs = if args.runs.is_empty() {
        let mut runs = project.runs();
        runs.truncate(runs.len().saturating_sub(args.keep.unwrap_or(0)));
        runs
    } else {
        args.runs.iter().map(|named| choose(project, Some(named))).collect::<Result<_, _>>()?
    };
    runs.sort();
    runs.dedup();
    let mut selected = Vec::new();
    for seen in runs.into_iter().map(|run| look(project, run)) {
        match must_stay(&seen, args.force) {
            None => selected.push(seen),
            Some((why, help)) if !args.runs.is_empty() => {
                return Err(CliError::usage(format!("{} is not removed: {why}", seen.run)).help(help));
            }
            Some((why, _)) => terminal::say(&format!("kept: {}, since {why}\n", seen.run)),
        }
    }
    Ok(selected)
}

/// Why a run stays, and what to do about it.
fn must_stay(seen: &Seen, force: bool) -> Option<(String, &'static str)> {
    use crate::cli::standing::Standing::{Damaged, Running};
    match &seen.standing {
        Running => Some(("a process holds it".to_owned(), "wait until it ends, or stop it")),
        _ if force => None,
        Damaged(error) => Some((format!("its journal cannot be read ({error})"), "--force removes it all the same")),
        open if open.is_open() => {
            Some((format!("it is {open} and can be gone on with"), "`orch resume` goes on with it, --force removes it"))
        }
        _ => None,
    }
}

fn remove_run(project: &Project, run: &RunId, path: &Path) -> Result<(), LockError> {
    let lock = Lock::take(&project.run_dir(run)?, lock::RUN, &this_command())?;
    if lock.before.is_some() {
        leftovers::end_programs(run);
        if let Ok((_, history)) = project.history(run) {
            leftovers::remove_files(project, None, &history);
        }
    }
    std::fs::remove_dir_all(path)?;
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
    let cannot = |error: io::Error| CliError::failure(format!("the workspace {path} cannot be removed: {error}"));
    let root = Dir::open(project.root()).map_err(cannot)?;
    // The handle cannot be left, so a path that leads out of the project, by a link or by name, does not open.
    let folder = match root.child(&path) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            terminal::say(&format!("there is no workspace {path}\n"));
            return Ok(());
        }
        Err(error) => return Err(cannot(error).help("only workspaces inside of the project are removed")),
    };
    let bytes: u64 = MADE.iter().map(|made| bytes_in(&folder.path().join(made))).sum();
    if !args.dry_run {
        let lock = Lock::take(&folder, lock::WORKSPACE, &this_command()).map_err(|error| match error {
            LockError::Held(_) => CliError::usage(format!("the workspace {path} is not removed: {error}"))
                .help("wait until that run ends"),
            LockError::Io(error) => cannot(error),
        })?;
        remove_made(&folder).map_err(cannot)?;
        drop(lock);
    }
    terminal::print(&format!("{}: workspace {path}, {}\n", said(args), size(bytes)));
    let left = folder.names().unwrap_or_default();
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
        match std::fs::remove_dir_all(folder.path().join(made)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
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

/// The size of all files below a path, as far as they can be seen. Links count as themselves.
fn bytes_in(path: &Path) -> u64 {
    let Ok(about) = std::fs::symlink_metadata(path) else { return 0 };
    if !about.is_dir() {
        return about.len();
    }
    std::fs::read_dir(path).map_or(0, |entries| entries.flatten().map(|entry| bytes_in(&entry.path())).sum())
}

#[cfg(test)]
mod tests;
