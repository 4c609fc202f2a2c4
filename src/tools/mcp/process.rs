//! The process of a server that speaks on its standard input and output.
//!
//! Knows what a server says on its standard error, and how much time it has for its end. How that is brought about,
//! with everything that the server has started, [`process`] knows.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::os::process::{self, Child, Program, Streams};
use crate::words::redact::Redactor;

/// How long a server may take to end by itself once its standard input is closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long it and its descendants have after `SIGTERM`.
const GRACE: Duration = Duration::from_secs(1);

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
    tail: Arc<Mutex<VecDeque<u8>>>,
    redactor: Redactor,
    /// Reads the standard error, for as long as this is there.
    errors: JoinSet<()>,
}

impl Process {
    /// Starts `argv` with this environment and no other.
    pub(super) async fn start(
        server: &str,
        argv: &[String],
        environment: &[(String, String)],
        directory: &Path,
        redactor: Redactor,
    ) -> Result<(Self, ChildStdout, ChildStdin), process::Error> {
        let (child, streams) = Child::spawn(&Program { argv, directory, environment, grace: GRACE }).await?;
        let Streams { stdin, stdout, stderr } = streams;
        let tail = Arc::default();
        let mut errors = JoinSet::new();
        errors.spawn(log(server.to_owned(), stderr, Arc::clone(&tail), redactor.clone()));
        Ok((Self { child, tail, redactor, errors }, stdout, stdin))
    }

    /// The last that it wrote on its standard error, if anything.
    pub(super) async fn last_words(&mut self) -> String {
        // Elapsed or joined, what has come by now is what there is.
        let _ = timeout(LAST_WORDS_TIME, self.errors.join_next()).await;
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        // Its beginning is wherever the rest was dropped.
        let words = String::from_utf8_lossy(tail.make_contiguous()).trim().to_owned();
        self.redactor.redact_part(&words).into_owned()
    }

    /// Ends it, its standard input being closed: waits, asks, and then kills.
    pub(super) async fn end(self) {
        self.child.end(FAREWELL).await;
    }
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
