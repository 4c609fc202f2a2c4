//! The process of a server that speaks on its standard input and output.
//!
//! It stands in a process group of its own, so that what it starts ends with it: by request first, by force in the end.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::words::redact::Redactor;

/// How long a server may take to end by itself once nobody listens.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long it may take to end once it is told to.
#[cfg(unix)]
const TERM_TIME: Duration = Duration::from_secs(1);

/// How long the last words of a server that failed are waited for.
const LAST_WORDS_TIME: Duration = Duration::from_millis(200);

/// How much of what a server writes on its standard error goes to the log. The rest is read and dropped, since a server
/// whose pipe is full stands still.
const MAX_LOG_BYTES: usize = 64 * 1024;

/// How many bytes at the end of it are kept, to explain a failure.
const TAIL_BYTES: usize = 500;

/// A running server. Dropped, it is killed with everything that it started.
pub(super) struct Process {
    child: Child,
    /// Until the process was waited for. Before that its number cannot be anybody else's.
    id: Option<u32>,
    tail: Arc<Mutex<VecDeque<u8>>>,
    redactor: Redactor,
    errors: JoinHandle<()>,
}

impl Process {
    /// Starts `argv` with this environment and no other.
    pub(super) fn start(
        server: &str,
        argv: &[String],
        environment: &[(String, String)],
        directory: &Path,
        redactor: Redactor,
    ) -> std::io::Result<(Self, ChildStdout, ChildStdin)> {
        let missing = || std::io::Error::other("its standard streams are missing");
        let (program, arguments) = argv.split_first().ok_or_else(|| std::io::Error::other("no program is named"))?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment.iter().cloned()).current_dir(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let tail = Arc::default();
        let errors =
            tokio::spawn(log(server.to_owned(), stderr.ok_or_else(missing)?, Arc::clone(&tail), redactor.clone()));
        let process = Self { id: child.id(), child, tail, redactor, errors };
        Ok((process, stdout.ok_or_else(missing)?, stdin.ok_or_else(missing)?))
    }

    /// The last that it wrote on its standard error, if anything.
    pub(super) async fn last_words(&mut self) -> String {
        // Elapsed or joined, what has come by now is what there is.
        let _ = timeout(LAST_WORDS_TIME, &mut self.errors).await;
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        // Its beginning is wherever the rest was dropped.
        let words = String::from_utf8_lossy(tail.make_contiguous()).trim().to_owned();
        self.redactor.redact_part(&words).into_owned()
    }

    /// Ends it, its standard input being closed: waits, asks, and then forces.
    pub(super) async fn end(mut self) {
        let Some(id) = self.id else { return };
        if timeout(FAREWELL, self.child.wait()).await.is_ok() {
            // What it started may still be there, and keeps the number of the group taken.
            end_tree(id).await;
        } else {
            tokio::join!(end_tree(id), async { drop(timeout(FAREWELL, self.child.wait()).await) });
        }
        self.id = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.errors.abort();
        if let Some(id) = self.id {
            kill_tree(id);
        }
    }
}

/// Ends the group that `id` leads: asks, waits until nobody is left, and forces after [`TERM_TIME`].
#[cfg(unix)]
pub(super) async fn end_tree(id: u32) {
    use rustix::process::{Signal, kill_process_group, test_kill_process_group};

    const PAUSE: Duration = Duration::from_millis(10);
    let Some(group) = group(id) else { return };
    if kill_process_group(group, Signal::TERM).is_err() {
        return;
    }
    let gone = async {
        while test_kill_process_group(group).is_ok() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    if timeout(TERM_TIME, gone).await.is_err() {
        kill_tree(id);
    }
}

/// Without process groups there is no one to ask.
#[cfg(not(unix))]
pub(super) async fn end_tree(id: u32) {
    kill_tree(id);
}

/// Kills the group at once.
#[cfg(unix)]
fn kill_tree(id: u32) {
    if let Some(group) = group(id) {
        // Nobody left to kill is what is wanted.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// The runtime kills the process itself when its handle is dropped.
#[cfg(not(unix))]
fn kill_tree(_id: u32) {}

#[cfg(unix)]
fn group(id: u32) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(i32::try_from(id).ok()?)
}

/// Reads the standard error to its end, so that the server never waits for a reader.
async fn log(server: String, stderr: ChildStderr, tail: Arc<Mutex<VecDeque<u8>>>, redactor: Redactor) {
    let (mut reader, mut buffer, mut logged) = (BufReader::new(stderr), vec![0; 4096], 0);
    while let Ok(read @ 1..) = reader.read(&mut buffer).await {
        let bytes = &buffer[..read];
        if logged < MAX_LOG_BYTES {
            logged += read;
            tracing::debug!(server, "stderr: {}", redactor.redact_part(String::from_utf8_lossy(bytes).trim_end()));
        }
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(bytes);
        let surplus = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..surplus);
    }
}
