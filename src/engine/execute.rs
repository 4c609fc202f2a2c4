//! Executes a run that is prepared, and lets go of all that it held.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::files::RunFiles;
use crate::engine::hooks::Hooks;
use crate::engine::runner::{self, Ended, RunContext, RunError, Signals};
use crate::engine::setup::RunSetup;
use crate::observe::Observers;
use crate::os::clock::Clock;
use crate::plan::orchestra::Orchestra;
use crate::store::workspace::result_file;
use crate::words::event::{Event, Record};
use crate::words::id::RunId;
use crate::words::redact::Redactor;

/// A run that is ready to go. It holds its lock and its workspace; dropped, it counts as killed and can be resumed.
pub struct Prepared {
    pub(super) run: RunId,
    pub(super) orchestra: Arc<Orchestra>,
    pub(super) setup: RunSetup,
    pub(super) hooks: Hooks,
    pub(super) files: RunFiles,
    /// The records that are in the journal already.
    pub(super) past: Vec<Record>,
    /// The events that begin this process's part.
    pub(super) first: Vec<Event>,
    /// Whether what waits for a person is approved without one.
    pub(super) approves: bool,
}

impl Prepared {
    /// Its id.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// What is executed: the orchestra, or the selected part of it.
    #[must_use]
    pub fn orchestra(&self) -> &Orchestra {
        &self.orchestra
    }

    /// The folder of the run, with its journal.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.files.run_dir.path()
    }

    /// The folder that the results go to.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        self.files.workspace.path()
    }

    /// The file that the run's result goes to.
    #[must_use]
    pub fn result_path(&self) -> PathBuf {
        self.workspace().join(result_file())
    }

    /// The same run, in which what waits for a person is approved without one; the journal says so.
    #[must_use]
    pub fn approving(self, approves: bool) -> Self {
        Self { approves, ..self }
    }

    /// Takes the run's secrets out of texts.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.setup.redactor
    }
}

/// Executes a run to its end, shown by `observers`; a signal tells it to stop, a second one at once.
///
/// Several runs may go on in one process. Each writes its journal on the thread that polls it.
///
/// # Errors
/// If what makes the run durable fails. What is in the journal is safe, and the run can be resumed.
pub async fn execute(prepared: Prepared, observers: Observers, mut signals: Signals) -> Result<Ended, RunError> {
    let Prepared { run: _, orchestra, setup, hooks, files, past, first, approves } = prepared;
    let (servers, notifier) = (setup.servers, setup.notifier);
    let context = RunContext {
        orchestra,
        clients: setup.clients,
        tool_sets: setup.tool_sets,
        verify: setup.verify,
        verifiers: setup.verifiers,
        programs: setup.programs,
        ctx: setup.ctx,
        reuse: setup.cache,
        journal: files.journal,
        objects: files.objects,
        workspace: files.workspace,
        observers,
        notices: Vec::new(),
        folder: files.run_dir,
        approves,
        clock: Clock::start(),
    };
    let (mut ended, workspace) = runner::execute(context, &past, first, &mut signals).await;
    // They may work with the results, which another run must not replace meanwhile.
    if let Ok(ended) = &mut ended {
        let behind = hooks.behind(ended, &mut signals).await;
        ended.notices.extend(behind);
    }
    drop(workspace);
    servers.close().await;
    files.lock.release();
    let mut ended = ended?;
    let told = notifier.tell(&ended, &mut signals).await;
    ended.notices.extend(told);
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Loaded, Notes, Resume, Start, resume, start};
    use crate::model::settings::Settings;
    use crate::store::project::Project;

    /// Compiles where a caller may spawn every step of a run on a runtime with several threads.
    #[expect(dead_code, reason = "it only has to compile")]
    fn all_can_be_spawned(
        (project, settings, loaded): (&Project, &Settings, Loaded),
        (begin, go_on, notes): (Start, &Resume, &mut Notes),
        (prepared, observers, signals): (Prepared, Observers, Signals),
    ) {
        fn is_send(_: impl Send) {}
        is_send(start(project, settings, loaded, begin, notes));
        is_send(resume(project, settings, go_on, notes));
        is_send(execute(prepared, observers, signals));
    }
}
