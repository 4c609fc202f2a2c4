//! What `run` and `resume` share: the views, the signals, and how a run's end is told.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::cli::complaint::CliError;
use crate::cli::equip::RunSetup;
use crate::cli::terminal;
use crate::engine::runner::{self, Ended, Reusing, RunError, Stage};
use crate::observe::Observers;
use crate::observe::json::JsonLines;
use crate::observe::metrics::Metrics;
use crate::observe::plain::Plain;
use crate::observe::progress::Progress;
use crate::observe::trace::Trace;
use crate::os::clock::Clock;
use crate::plan::orchestra::Orchestra;
use crate::run::summary::{Summary, page};
use crate::store::disk::{self, Dir};
use crate::store::journal::Journal;
use crate::store::lock::{Lock, LockError};
use crate::store::objects::Objects;
use crate::store::workspace::{self, Workspace};
use crate::words::event::{Event, Record, RunStatus};

/// How much a run says while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub(super) struct OutputArgs {
    /// Say more: the order, each call, each retry and why, the workspace, the tier
    #[arg(short, long)]
    pub(super) verbose: bool,
    /// Give the run's events as JSON lines on standard output
    #[arg(long)]
    pub(super) json: bool,
}

/// The views of a run, by what the command line and the orchestra ask for.
pub(super) fn observers(orchestra: &Orchestra, talk: OutputArgs, run_dir: &Dir) -> Observers {
    let mut observers = Observers::new(Box::new(std::io::stderr()));
    if talk.json {
        observers.add("json", JsonLines::new(std::io::stdout()));
    } else if terminal::is_interactive() {
        observers.add("progress", Progress::on_stderr(terminal::color(), talk.verbose));
    } else {
        observers.add("plain", Plain::new(std::io::stderr(), talk.verbose));
    }
    if orchestra.execution.metrics {
        observers.add("metrics", Metrics::new(run_dir.path().join("summary.json")));
    }
    if orchestra.execution.trace {
        observers.add("trace", Trace::new(run_dir.path().join("trace.json")));
    }
    observers
}

/// The parts of a run that are on disk.
pub(super) struct OnDisk {
    pub(super) run_dir: Dir,
    pub(super) journal: Journal,
    pub(super) objects: Objects,
    pub(super) workspace: Workspace,
    /// Held until the run has ended.
    pub(super) lock: Lock,
}

/// Performs a run and tells how it ended.
pub(super) fn perform(
    orchestra: Arc<Orchestra>,
    equipment: RunSetup,
    reuse: Option<Reusing>,
    disk: OnDisk,
    past: &[Record],
    first: Vec<Event>,
    talk: OutputArgs,
) -> Result<ExitCode, CliError> {
    let workspace_path = disk.workspace.path().display().to_string();
    let servers = equipment.servers;
    let stage = Stage {
        observers: observers(&orchestra, talk, &disk.run_dir),
        orchestra,
        clients: equipment.clients,
        tool_sets: equipment.tool_sets,
        output_specs: equipment.output_specs,
        verifier: equipment.verifier,
        ctx: equipment.ctx,
        reuse,
        journal: disk.journal,
        objects: disk.objects,
        workspace: disk.workspace,
        clock: Clock::start(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failure(format!("the run cannot start: {error}")))?;
    allow_many_connections();
    let ended = runtime.block_on(async {
        let (sender, signals) = mpsc::unbounded_channel();
        listen(&sender);
        let ended = runner::perform(stage, past, first, signals).await;
        servers.close().await;
        ended
    });
    disk.lock.release();
    // A connection that hangs must not keep the process.
    runtime.shutdown_background();
    let ended = ended.map_err(|error| stopped(&error))?;
    tell(&ended, &workspace_path, talk);
    Ok(ExitCode::from(exit_code(ended.status)))
}

fn tell(ended: &Ended, workspace_path: &str, talk: OutputArgs) {
    let summary = Summary::of(&ended.history);
    let result = std::path::Path::new(workspace_path).join(workspace::result_file());
    let text = disk::read_text(&result, disk::MAX_BYTES).ok();
    let shown = text.as_ref().map(|_| format!("{}/{}", summary.workspace, workspace::result_file()));
    terminal::say(&page::render(&summary, shown.as_deref()));
    if let (false, RunStatus::Succeeded, Some(text)) = (talk.json, ended.status, text) {
        terminal::print_result(&text);
    }
}

fn stopped(error: &RunError) -> CliError {
    CliError::failure(format!("the run stopped: {error}"))
        .help("nothing that was finished is lost: mend the cause, then `orch resume`")
}

fn exit_code(status: RunStatus) -> u8 {
    match status {
        RunStatus::Succeeded => 0,
        RunStatus::Failed | RunStatus::Partial => 1,
        RunStatus::Limited => 3,
        RunStatus::Waiting => 4,
        RunStatus::Interrupted => 130,
    }
}

/// Each task that runs has a connection, and the usual limit of open files is made for less.
fn allow_many_connections() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        const ENOUGH: u64 = 65_536;
        let mut limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
        if limit.current.is_some_and(|current| current < wanted) {
            limit.current = Some(wanted);
            // Without it, what finds no place fails with the system's own words and is tried again.
            let _ = setrlimit(Resource::Nofile, limit);
        }
    }
}

/// Hands on the signals that tell a run to stop.
fn listen(sender: &mpsc::UnboundedSender<&'static str>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            (SignalKind::interrupt(), "SIGINT"),
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::hangup(), "SIGHUP"),
        ];
        for (kind, name) in kinds {
            let Ok(mut stream) = signal(kind) else { continue };
            let sender = sender.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    let _ = sender.send(name);
                }
            });
        }
    }
    #[cfg(not(unix))]
    {
        let sender = sender.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                let _ = sender.send("Ctrl-C");
            }
        });
    }
}

/// Why a workspace or a run cannot be taken.
pub(super) fn cannot_take(what: &str, error: &LockError) -> CliError {
    let complaint = CliError::usage(format!("{what} cannot be used: {error}"));
    match error {
        LockError::Held(_) => complaint.help("wait until it ends, or give this run another place with --workspace"),
        LockError::Io(_) => complaint.help("check the path and who may write there; --workspace names another place"),
    }
}
