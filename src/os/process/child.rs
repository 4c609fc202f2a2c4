//! A program that runs beside its caller, who talks with it over its standard streams.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time;

use super::running::Running;
use super::{Error, Program, SCAN, live};

/// A running program. Dropping it kills its whole process tree.
#[derive(Debug)]
pub struct Child {
    running: Slot,
    scanner: JoinHandle<()>,
}

/// The program, until its end begins.
type Slot = Arc<Mutex<Option<Running>>>;

/// Both ends of the conversation with a [`Child`], and its complaints.
#[derive(Debug)]
pub struct Streams {
    /// What it reads.
    pub stdin: ChildStdin,
    /// What it writes.
    pub stdout: ChildStdout,
    /// What it complains about. Somebody has to read it: a program whose pipe is full stands still.
    pub stderr: ChildStderr,
}

impl Child {
    /// Starts the program. Its descendants are scanned for as long as it lives, as those of [`run`](super::run) are.
    ///
    /// # Errors
    /// The program cannot be started.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn spawn(program: &Program<'_>) -> Result<(Self, Streams), Error> {
        let mut running = Running::start(program, true).await?;
        let (Some(stdin), Some(stdout), Some(stderr)) = running.streams() else {
            let source = std::io::Error::other("its standard streams are missing");
            return Err(Error::Io { program: program.name(), source });
        };
        let running = Arc::new(Mutex::new(Some(running)));
        let scanner = tokio::spawn(scan(Arc::downgrade(&running)));
        Ok((Self { running, scanner }, Streams { stdin, stdout, stderr }))
    }

    /// Waits up to `patience` for the program to end by itself, and then ends whatever is left of its tree. Dropping the
    /// future kills all of it at once.
    pub async fn end(self, patience: Duration) {
        let Some(mut running) = take(&self.running) else { return };
        let _ = live(&mut running, patience).await;
        running.end().await;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.scanner.abort();
        drop(take(&self.running));
    }
}

fn take(slot: &Slot) -> Option<Running> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

async fn scan(running: Weak<Mutex<Option<Running>>>) {
    loop {
        time::sleep(SCAN).await;
        let Some(slot) = running.upgrade() else { return };
        match &mut *slot.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(running) => running.scan(),
            None => return,
        }
    }
}
