//! Which earlier results a run may use again, and which of its own a later run may have.

use crate::engine::notes::{Notes, Notice};
use crate::engine::runner::{Reusing, keeps};
use crate::engine::setup::RunSetup;
use crate::plan::orchestra::Orchestra;
use crate::store::project::Project;
use crate::store::reuse::Store;
use crate::words::digest::MacKey;
use crate::words::event::Overrides;
use crate::words::id::{Name, RunId};

/// Opens the earlier results of the project for a run. `None`, with a notice, where they cannot be used: a run can do
/// without.
pub(in crate::engine) fn cache(
    orchestra: &Orchestra,
    setup: &RunSetup,
    project: &Project,
    key: MacKey,
    run: &RunId,
    overrides: &Overrides,
    notes: &mut Notes,
) -> Option<Reusing> {
    let ttl = orchestra.reuse.and_then(|reuse| reuse.ttl);
    let store = Store::open(project, run, key).map_err(|error| notes.add(Notice::CacheClosed(error))).ok()?;
    if let Some(trouble) = store.trouble() {
        notes.add(Notice::CacheUnread(trouble.to_owned()));
    }
    let keeps: Vec<bool> = orchestra.tasks.iter().map(|task| keeps(task, orchestra, &setup.tool_sets)).collect();
    // A task that is named is made anew; what follows on it may still find its inputs unchanged.
    let named = |name: &Name| overrides.fresh_tasks.contains(name) || overrides.only.contains(name);
    let fresh = |name: &Name| overrides.fresh || named(name) || overrides.from.as_ref() == Some(name);
    let fresh = orchestra.tasks.iter().map(|task| fresh(&task.name)).collect();
    Some(Reusing { store, ttl, fresh, keeps })
}
