//! What `run` and `resume` share: the views, the signals, and how a run's end is told.

use std::path::Path;
use std::process::ExitCode;

use tokio::sync::mpsc;

use crate::cli::error::{CliError, INTERRUPTED, say_reports};
use crate::cli::{Outcome, terminal};
use crate::engine::{self, Ended, Notes, Notice, Prepared, Signals};
use crate::observe::Observers;
use crate::observe::json::JsonLines;
use crate::observe::metrics::Metrics;
use crate::observe::plain::Plain;
use crate::observe::progress::Progress;
use crate::observe::trace::Trace;
use crate::plan::orchestra::Orchestra;
use crate::run::summary::{Summary, page};
use crate::store::disk;
use crate::store::workspace::result_file;
use crate::words::event::RunStatus;

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
pub(super) fn observers(orchestra: &Orchestra, output: OutputArgs, folder: &Path) -> Observers {
    let mut observers = Observers::new(Box::new(std::io::stderr()));
    if output.json {
        observers.add("json", JsonLines::new(std::io::stdout()));
    } else if terminal::is_interactive() {
        observers.add("progress", Progress::on_stderr(terminal::color(), output.verbose));
    } else {
        observers.add("plain", Plain::new(std::io::stderr(), output.verbose));
    }
    if orchestra.execution.metrics {
        observers.add("metrics", Metrics::new(folder.join("summary.json")));
    }
    if orchestra.execution.trace {
        observers.add("trace", Trace::new(folder.join("trace.json")));
    }
    observers
}

/// Begins to listen to the signals that tell a run to stop. From here on none of them ends the process by itself.
pub(super) fn signals() -> Signals {
    let (sender, signals) = mpsc::unbounded_channel();
    listen(&sender);
    signals
}

/// Waits for what a run needs before it begins, its hooks among it; a signal drops that, and ends what it has started.
///
/// # Errors
/// If a signal came first.
pub(super) async fn or_interrupted<T>(work: impl Future<Output = T>, signals: &mut Signals) -> Result<T, CliError> {
    tokio::select! {
        done = work => Ok(done),
        Some(signal) = signals.recv() => Err(CliError::interrupted(format!("{signal} came before the run began"))),
    }
}

/// Executes a run and tells how it ended.
pub(super) async fn execute(prepared: Prepared, output: OutputArgs, signals: Signals) -> Outcome {
    let workspace = prepared.workspace().to_owned();
    let observers = observers(prepared.orchestra(), output, prepared.folder());
    allow_many_connections();
    let ended = engine::execute(prepared, observers, signals).await?;
    tell(&ended, &workspace, output);
    for notice in ended.notices {
        tell_notice(notice);
    }
    Ok(ExitCode::from(exit_code(ended.status)))
}

/// Tells what came up while a run was prepared. From here on nothing that it may not show is shown.
pub(super) fn tell_notes(notes: Notes) {
    terminal::keep_secret(&notes.redactor);
    for notice in notes.notices {
        tell_notice(notice);
    }
}

fn tell_notice(notice: Notice) {
    match notice {
        Notice::File(report) => say_reports(&[report]),
        notice if notice.is_warning() => terminal::say(&format!("warning: {notice}\n")),
        notice => terminal::say(&format!("note: {notice}\n")),
    }
}

fn tell(ended: &Ended, workspace: &Path, output: OutputArgs) {
    let summary = Summary::of(&ended.history);
    let text = disk::read_text(&workspace.join(result_file()), disk::MAX_BYTES).ok();
    let shown = text.as_ref().map(|_| format!("{}/{}", summary.workspace, result_file()));
    terminal::say(&page::render(&summary, shown.as_deref()));
    if let (false, RunStatus::Succeeded, Some(text)) = (output.json, ended.status, text) {
        terminal::print_result(&text);
    }
}

fn exit_code(status: RunStatus) -> u8 {
    match status {
        RunStatus::Succeeded => 0,
        RunStatus::Failed | RunStatus::Partial => 1,
        RunStatus::Limited => 3,
        RunStatus::Waiting => 4,
        RunStatus::Interrupted => INTERRUPTED,
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
