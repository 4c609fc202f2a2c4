//! The long outputs that no journal names any more.

use std::collections::HashSet;
use std::io;

use crate::cli::standing::{Standing, is_held, look_closely};
use crate::store::disk::Dir;
use crate::store::project::{Project, STATE_DIR};
use crate::words::event::{Event, Record, TaskEvent};
use crate::words::id::RunId;

/// What became of a sweep.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Swept {
    /// So many objects went, or would go.
    Done { objects: u64, bytes: u64 },
    /// Nothing was touched, and why.
    Not(String),
}

/// Removes the objects that only the runs in `gone` named, or that none did.
///
/// A run puts an object on disk before its journal names it, and takes one that is there for its own. So nothing is
/// removed while a run goes on or has begun since the journals were read, nor when a journal cannot be read.
pub(super) fn sweep(project: &Project, gone: &[RunId], dry_run: bool) -> io::Result<Swept> {
    let mut swept = Swept::Done { objects: 0, bytes: 0 };
    let store = match Dir::open(&project.root().join(STATE_DIR).join("objects")) {
        Ok(store) => store,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(swept),
        Err(error) => return Err(error),
    };
    let runs: Vec<RunId> = project.runs().into_iter().filter(|run| !gone.contains(run)).collect();
    let mut named = HashSet::new();
    for run in &runs {
        let (seen, records) = look_closely(project, run.clone());
        match seen.standing {
            Standing::Running => return Ok(Swept::Not(format!("{run} goes on"))),
            Standing::Damaged(_) => return Ok(Swept::Not(format!("the journal of {run} cannot be read"))),
            Standing::Killed | Standing::Ended(_) | Standing::Empty => {}
        }
        named.extend(records.iter().filter_map(digest).map(str::to_owned));
    }
    let is_quiet = || {
        let now: Vec<RunId> = project.runs().into_iter().filter(|run| !gone.contains(run)).collect();
        now == runs && !runs.iter().any(|run| is_held(project, run))
    };
    for prefix in store.names()? {
        let Ok(folder) = store.child(&prefix) else { continue };
        for name in folder.names()?.into_iter().filter(|name| !named.contains(name.as_str())) {
            if !dry_run && !is_quiet() {
                return Ok(Swept::Not("a run has begun in the meantime".to_owned()));
            }
            if let Swept::Done { objects, bytes } = &mut swept {
                *objects += 1;
                *bytes += super::bytes_in(&folder.path().join(&name));
            }
            if !dry_run {
                folder.remove(&name)?;
            }
        }
    }
    Ok(swept)
}

fn digest(record: &Record) -> Option<&str> {
    match &record.event {
        // What a tool said is read again when its conversation goes on.
        Event::Task { event: TaskEvent::Succeeded { output, .. }, .. }
        | Event::Task { event: TaskEvent::Reused { output, .. }, .. }
        | Event::Task { event: TaskEvent::ToolFinished { output, .. }, .. } => Some(&output.sha256),
        _ => None,
    }
}
