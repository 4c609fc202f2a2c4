//! What a killed process of a run has left: programs that still run, folders with settings of agents' programs, files
//! that were being written, answers that nobody has accepted.
//!
//! Only the holder of the run's lock may clear it away, since what a living process has looks the same.

use std::io;
use std::time::Duration;

use crate::engine::notes::{Notes, Notice};
use crate::engine::provenance::Provenance;
use crate::model::command;
use crate::model::settings::Settings;
use crate::os::process;
use crate::plan::orchestra::Orchestra;
use crate::run::history::History;
use crate::store::disk::Dir;
use crate::store::kept::KeptFiles;
use crate::store::lock::{self, Claim, Lock, this_process};
use crate::store::project::Project;
use crate::tools::OutputFile;
use crate::tools::builtin::{self, ProjectFiles};
use crate::words::digest::sha256;
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

/// Puts back what stood in files before answers that nobody has accepted.
pub(crate) fn put_files_back(project: &Project, run_dir: Dir, history: &History, notes: &mut Notes) {
    let kept_files = KeptFiles::below(run_dir);
    let all = kept_files.all().map_err(|error| format!("what the run has kept of files cannot be read: {error}"));
    let put_all_back = || -> Result<(), String> {
        let all = all?;
        if all.is_empty() {
            return Ok(());
        }
        let folder = Dir::open(project.root()).map_err(|error| error.to_string())?;
        let folder = ProjectFiles::new(folder.marked(history.start.run.as_str()), project.write_lock());
        for (kept, before) in all {
            let failed = |error: io::Error| format!("what the run has kept of {}: {error}", kept.path);
            let file = OutputFile::new(&folder, &kept.path);
            let is_accepted = history.task(&kept.task).is_some_and(|task| task.output().is_some());
            let stands = file.read()?;
            if is_accepted || stands.as_ref() == kept.was_there.then_some(&before) {
                kept_files.forget(&kept.path).map_err(failed)?;
            } else if stands.is_none_or(|stands| sha256(&stands) == kept.answer) {
                file.put_back(&kept_files)?;
            } else {
                let name = kept_files.leave(&kept.path).map_err(failed)?;
                let run = history.start.run.clone();
                notes.add(Notice::ChangedSince { run, path: kept.path, name });
            }
        }
        Ok(())
    };
    if let Err(why) = put_all_back() {
        notes.add(Notice::NotRemoved(why));
    }
}

/// Does all of it for every run of the user's in the project whose process was killed and that was not resumed since. A folder
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
                put_files_back(project, dir, &history, notes);
                lock.release();
            }
            _ => drop(lock),
        }
    }
}
