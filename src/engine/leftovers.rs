//! What a killed process of a run has left: programs that still run, folders with settings of agents' programs, files
//! that were being written.
//!
//! Only the holder of the run's lock may clear it away, since what a living process has looks the same.

use std::time::Duration;

use crate::engine::notes::{Notes, Notice};
use crate::engine::provenance::Provenance;
use crate::model::command;
use crate::model::settings::Settings;
use crate::os::process;
use crate::plan::orchestra::Orchestra;
use crate::run::history::History;
use crate::store::disk::Dir;
use crate::store::lock::{self, Claim, Lock, this_process};
use crate::store::project::Project;
use crate::tools::builtin;
use crate::words::id::RunId;

/// How long a program that is asked to end has for it.
const GRACE: Duration = Duration::from_secs(2);

/// Ends the programs that a killed process of the run has left, and removes the folders that they had. Before anything
/// else is done in the run: they still act.
pub(crate) async fn end_programs(run: &RunId, settings: &Settings, notes: &mut Notes) {
    let ended = process::end_leftovers(run.as_str(), GRACE).await;
    if ended > 0 {
        notes.add(Notice::ProgramsEnded(ended));
    }
    command::remove_leftovers(run.as_str(), settings.variables());
}

/// Removes what is left of files that tools were writing, and of those that get the outputs of an orchestra's tasks.
pub(crate) fn remove_files(project: &Project, orchestra: Option<&Orchestra>, history: &History, notes: &mut Notes) {
    let Ok(folder) = Dir::open(project.root()) else { return };
    let folder = folder.marked(history.start.run.as_str());
    let of_tools = history.tasks.iter().flat_map(|task| &task.reads).filter(|read| read.sha256.is_empty());
    let of_tools = of_tools.filter_map(|read| builtin::written_file(&read.tool, &read.arguments));
    let tasks = orchestra.iter().flat_map(|orchestra| &orchestra.tasks);
    let of_outputs = tasks.filter_map(|task| task.output.file.as_deref());
    for path in of_tools.chain(of_outputs) {
        if let Err(why) = builtin::clear_unfinished(&folder, path) {
            notes.add(Notice::NotRemoved(why));
        }
    }
}

/// Does both for every run of the user's in the project whose process was killed and that was not resumed since. A folder
/// that came from elsewhere may name any run, and any file.
pub(crate) async fn of_killed_runs(
    project: &Project,
    own_runs: &Provenance,
    settings: &Settings,
    orchestra: &Orchestra,
    notes: &mut Notes,
) {
    let runs = project.runs().unwrap_or_else(|error| {
        notes.add(Notice::LeftoversUnlisted(error));
        Vec::new()
    });
    for run in runs {
        let claimed = project.run_dir(&run).and_then(|dir| Ok((lock::is_claimed(&dir, lock::RUN)?, dir)));
        let dir = match claimed {
            Ok((true, dir)) => dir,
            Ok((false, _)) => continue,
            Err(error) => {
                notes.add(Notice::LockUnread { run, error });
                continue;
            }
        };
        let claim = Claim { holder: this_process(), run: run.clone() };
        // One that is held is alive.
        let Ok(lock) = Lock::take(&dir, lock::RUN, &claim) else { continue };
        match project.history(&run) {
            Ok((contents, history)) if own_runs.has_made(&run, &contents) => {
                end_programs(&run, settings, notes).await;
                remove_files(project, Some(orchestra), &history, notes);
                lock.release();
            }
            _ => drop(lock),
        }
    }
}
