//! Which earlier results a run may use again, and which of its own a later run may have.

use crate::engine::notes::{Notes, Notice};
use crate::engine::runner::Reusing;
use crate::engine::setup::RunSetup;
use crate::plan::orchestra::Orchestra;
use crate::plan::spec::Provider;
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
    let keeps: Vec<bool> = orchestra
        .tasks
        .iter()
        .map(|task| {
            // An agent that changes something does so in every run, unless the file says that it need not, or declares
            // what it reads and makes.
            let acts = task.agent().is_none_or(|agent| {
                let programs = orchestra.agents[agent].models.iter().any(|model| model.provider == Provider::Command);
                programs || !setup.tool_sets[agent].is_pure()
            });
            let declared = task.reads.is_some() && task.writes.is_some();
            task.reuse.unwrap_or(orchestra.reuse.is_some() && (declared || !acts))
        })
        .collect();
    // A task that is named is made anew; what follows on it may still find its inputs unchanged.
    let named = |name: &Name| overrides.fresh_tasks.contains(name) || overrides.only.contains(name);
    let fresh = |name: &Name| overrides.fresh || named(name) || overrides.from.as_ref() == Some(name);
    let reads = orchestra.tasks.iter().zip(&keeps).map(|(task, keeps)| *keeps && !fresh(&task.name)).collect();
    Some(Reusing { store, ttl, reads, keeps })
}
