//! The long outputs that no journal names any more.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use crate::engine::phase::{RunPhase, is_held, look_closely};
use crate::store::disk::{Dir, Kind};
use crate::store::project::{Project, STATE_DIR};
use crate::words::event::{Event, Record, TaskEvent};
use crate::words::id::RunId;

/// What became of a sweep.
#[derive(Debug)]
pub(super) enum Swept {
    /// So many objects went, or would go, and what could not be opened or removed, each with its cause.
    Done { objects: u64, bytes: u64, left: Vec<String> },
    /// Nothing more was touched, and why.
    Not(String),
}

/// Removes the objects that only the runs in `gone` named, or that none did.
///
/// A run puts an object on disk before its journal names it, and takes one that is there for its own. So nothing is
/// removed while a run goes on or has begun since the journals were read, nor when a journal cannot be read.
pub(super) fn sweep(project: &Project, gone: &[RunId], dry_run: bool) -> io::Result<Swept> {
    let (mut objects, mut bytes, mut left) = (0, 0, Vec::new());
    let store = match Dir::open(&project.root().join(STATE_DIR).join("objects")) {
        Ok(store) => store,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Swept::Done { objects, bytes, left }),
        Err(error) => return Err(error),
    };
    let others =
        || -> io::Result<Vec<RunId>> { Ok(project.runs()?.into_iter().filter(|run| !gone.contains(run)).collect()) };
    let runs = others()?;
    let named = match named_by(project, &runs) {
        Ok(named) => named,
        Err(why) => return Ok(Swept::Not(why)),
    };
    let is_quiet = || -> io::Result<bool> {
        for run in &runs {
            if is_held(project, run)? {
                return Ok(false);
            }
        }
        Ok(others()? == runs)
    };
    for prefix in store.names()? {
        let mut leave = |path: &Path, error: &io::Error| left.push(format!("{}: {error}", path.display()));
        let path = store.path().join(&prefix);
        let (folder, names) = match store.enter(&prefix).and_then(|folder| Ok((folder.names()?, folder))) {
            Ok((names, folder)) => (folder, names),
            Err(error) => {
                leave(&path, &error);
                continue;
            }
        };
        for name in names.into_iter().filter(|name| !named.contains(name.as_str())) {
            if !dry_run && !is_quiet()? {
                return Ok(Swept::Not("a run has begun in the meantime".to_owned()));
            }
            match remove(&folder, &name, dry_run) {
                Ok(more) => {
                    objects += 1;
                    bytes += more;
                }
                Err(error) => leave(&path.join(&name), &error),
            }
        }
    }
    Ok(Swept::Done { objects, bytes, left })
}

/// The objects that runs name, or why that is not known.
fn named_by(project: &Project, runs: &[RunId]) -> Result<HashSet<String>, String> {
    let mut named = HashSet::new();
    for run in runs {
        let (seen, records) = look_closely(project, run.clone());
        match seen.phase {
            RunPhase::Running => return Err(format!("{run} goes on")),
            RunPhase::Damaged(_) => return Err(format!("the journal of {run} cannot be read")),
            RunPhase::Killed | RunPhase::Ended(_) | RunPhase::Empty(_) => {}
        }
        named.extend(records.iter().filter_map(digest).map(str::to_owned));
    }
    Ok(named)
}

/// Removes an object, and returns its size in bytes.
fn remove(folder: &Dir, name: &str, dry_run: bool) -> io::Result<u64> {
    if folder.kind(name)? == Some(Kind::Folder) {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "a folder stands there"));
    }
    let bytes = super::bytes_in(&folder.path().join(name))?;
    if !dry_run {
        folder.remove(name)?;
    }
    Ok(bytes)
}

fn digest(record: &Record) -> Option<&str> {
    match &record.event {
        // What a tool said is read again when its conversation goes on.
        Event::Task { event: TaskEvent::Succeeded { output, .. }, .. }
        | Event::Task { event: TaskEvent::Reused { output, .. }, .. }
        | Event::Task { event: TaskEvent::ApprovalRequested { output, .. }, .. }
        | Event::Task { event: TaskEvent::ToolFinished { output, .. }, .. } => Some(&output.sha256),
        _ => None,
    }
}
