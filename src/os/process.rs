//! Runs a program, to its end or beside the caller, and ends its whole process tree.
//!
//! However a run ends, nothing of it stays behind: not a background child, not one that left the session, not one
//! whose parent is gone. Knows nothing of what the program is for. There is never a shell in between: arguments arrive
//! as they are given.
//!
//! `process/process_tree.rs` says how the tree is found. Where there is no `/proc`, the process group is ended. On Windows
//! the job object of the program is ended, at once, since there is no signal that asks for it; see `process/started.rs`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{self, Instant};

use crate::os::process::capture::Capture;
use crate::os::process::running::Running;

mod capture;
mod child;
mod environment;
mod own_environment;
#[cfg(target_os = "linux")]
mod process_table;
mod process_tree;
mod running;
mod started;

pub use child::{Child, Streams};
pub use environment::{clean_environment, find_program, is_clean, is_path, without_project};
pub use own_environment::environment;
pub(crate) use own_environment::hide_environment;
pub use process_tree::{RUN_VARIABLE, end_leftovers};

/// How long the output of a program that has ended is still read. It is in the pipe already, so this only ends where
/// somebody else holds the other end.
const DRAIN: Duration = Duration::from_millis(500);

/// How often a running program's descendants are scanned for, so that one is still known when its parents are gone.
const SCAN: Duration = Duration::from_secs(1);

/// Which program is started, and where. [`Child::spawn`] starts it, [`run`] runs a whole [`Command`].
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// See [`Command::argv`].
    pub argv: &'a [String],
    /// See [`Command::directory`].
    pub directory: &'a Path,
    /// See [`Command::environment`].
    pub environment: &'a [(String, String)],
    /// See [`Command::grace`].
    pub grace: Duration,
}

/// How a program is run.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program and its arguments. A program without a slash is looked for on the `PATH` of `environment`.
    pub argv: Vec<String>,
    /// Where it runs; a program with a slash is relative to here.
    pub directory: PathBuf,
    /// Every variable that it sees, except for `ORCH_PROCESS`, by which its descendants are found.
    pub environment: Vec<(String, String)>,
    /// What it reads.
    pub stdin: Stdin,
    /// How long it may take, from its start to its own end.
    pub timeout: Duration,
    /// How many bytes of each of its two outputs are kept. The rest is read and dropped.
    pub max_output_bytes: usize,
    /// How long a process that is asked to end (`SIGTERM`) has for it before it is killed (`SIGKILL`).
    pub grace: Duration,
}

impl Command {
    fn program(&self) -> Program<'_> {
        Program { argv: &self.argv, directory: &self.directory, environment: &self.environment, grace: self.grace }
    }
}

impl Program<'_> {
    /// As the caller named it.
    fn name(&self) -> String {
        self.argv.first().cloned().unwrap_or_default()
    }
}

/// What a program reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stdin {
    /// Nothing.
    Null,
    /// This text, then its end. A program need not read it.
    Text(String),
}

/// A program that came to its own end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How.
    pub exit: Exit,
    /// The beginning of what it wrote, in whatever encoding.
    pub stdout: Vec<u8>,
    /// The beginning of what it complained about.
    pub stderr: Vec<u8>,
    /// Whether it wrote more than is kept.
    pub stdout_cut: bool,
    /// Whether it complained about more than is kept.
    pub stderr_cut: bool,
    /// How long it took, the end of its descendants included.
    pub duration: Duration,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this code, 0 for success.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Why a program did not come to its own end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such program.
    #[error("cannot find the program `{program}`: is it installed, and is its folder in PATH?")]
    NotFound {
        /// As it was asked for.
        program: String,
    },
    /// There is a file, but it is no program, or not ours to run.
    #[error("cannot run `{program}`: the file is not executable; `chmod +x` makes it so")]
    NotExecutable {
        /// As it was asked for.
        program: String,
    },
    /// There is no such folder.
    #[error("cannot run `{program}` in {}: there is no such folder", directory.display())]
    NoDirectory {
        /// As it was asked for.
        program: String,
        /// Where it was to run.
        directory: PathBuf,
    },
    /// It took too long and was ended.
    #[error("`{program}` was ended, because it was not done after {} seconds", after.as_secs_f64())]
    TimedOut {
        /// As it was asked for.
        program: String,
        /// How long it had.
        after: Duration,
        /// The beginning of what it had written.
        stdout: Vec<u8>,
        /// The beginning of what it had complained about.
        stderr: Vec<u8>,
    },
    /// The system does not let us.
    #[error("cannot run `{program}`: {source}")]
    Io {
        /// As it was asked for.
        program: String,
        /// What the system says.
        source: io::Error,
    },
}

/// Runs a program to its end, and then ends whatever it has left running. Dropping the future ends all of it at once.
///
/// A background process that holds the program's outputs open is not waited for.
///
/// # Errors
/// The program cannot be started, or has not ended in time. A program that fails has finished, see [`Exit`].
pub async fn run(command: Command) -> Result<Finished, Error> {
    let started = Instant::now();
    let mut running = Running::start(&command.program(), command.stdin != Stdin::Null).await?;
    let (stdin, out, err) = running.streams();
    let (mut stdout, mut stderr) = (Capture::new(command.max_output_bytes), Capture::new(command.max_output_bytes));
    let pumps = async {
        tokio::join!(feed(stdin, &command.stdin), stdout.fill(out), stderr.fill(err));
    };
    let life = async {
        let status = live(&mut running, command.timeout).await;
        running.end().await;
        status
    };
    let status = beside(life, pumps).await;
    let program = || command.program().name();
    match status {
        Some(Ok(status)) => Ok(Finished {
            exit: exit(status),
            stdout: stdout.bytes,
            stderr: stderr.bytes,
            stdout_cut: stdout.cut,
            stderr_cut: stderr.cut,
            duration: started.elapsed(),
        }),
        Some(Err(source)) => Err(Error::Io { program: program(), source }),
        None => Err(Error::TimedOut {
            program: program(),
            after: command.timeout,
            stdout: stdout.bytes,
            stderr: stderr.bytes,
        }),
    }
}

/// Waits for the program itself, and scans for its descendants meanwhile. `None` when it takes too long.
async fn live(running: &mut Running, limit: Duration) -> Option<io::Result<ExitStatus>> {
    let deadline = time::sleep(limit);
    tokio::pin!(deadline);
    let mut scan = time::interval(SCAN);
    scan.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    scan.reset();
    loop {
        tokio::select! {
            biased;
            status = running.wait() => return Some(status),
            () = &mut deadline => return None,
            _ = scan.tick() => running.scan(),
        }
    }
}

/// Does `work`, with the pumps running beside it. They need not come to their own end: a process that nobody could
/// find may hold the other end of a pipe.
async fn beside<T>(work: impl Future<Output = T>, pumps: impl Future<Output = ()>) -> T {
    tokio::pin!(work, pumps);
    let mut pumped = false;
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            () = &mut pumps, if !pumped => pumped = true,
        }
    };
    if !pumped {
        let _ = time::timeout(DRAIN, pumps).await;
    }
    done
}

/// Writes what the program is to read. It may end or close its input at any time: what it does not want it does not
/// get.
async fn feed(pipe: Option<impl AsyncWrite + Unpin>, stdin: &Stdin) {
    if let (Some(mut pipe), Stdin::Text(text)) = (pipe, stdin) {
        let _ = pipe.write_all(text.as_bytes()).await;
        let _ = pipe.shutdown().await;
    }
}

fn exit(status: ExitStatus) -> Exit {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Exit::Signal(signal);
    }
    Exit::Code(status.code().unwrap_or(-1))
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(signal) => write!(f, "was ended by signal {signal}"),
        }
    }
}
