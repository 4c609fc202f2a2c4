//! A running program with its process tree. Dropping it kills the whole tree.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tokio::time;

use super::environment::find_program;
use super::process_tree::{PROCESS_VARIABLE, ProcessTree, Signal, adopt_orphans};
use super::started::{Pipes, Started};
use super::{Error, Program};
use crate::os::clock;

/// How long a program that was killed is waited for. Only one that the kernel holds takes longer.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How often a dropped tree is killed, with [`DROP_PAUSE`] between. The caller waits meanwhile.
const DROP_ROUNDS: u32 = 50;

/// See [`DROP_ROUNDS`].
const DROP_PAUSE: Duration = Duration::from_millis(1);

/// How often a program is tried whose file another process is writing: an update of an agent's program takes moments.
const BUSY_ROUNDS: u32 = 20;

/// See [`BUSY_ROUNDS`].
const BUSY_PAUSE: Duration = Duration::from_millis(25);

/// A running program with its process tree.
#[derive(Debug)]
pub(super) struct Running {
    child: Started,
    tree: ProcessTree,
    grace: Duration,
    ended: bool,
}

impl Running {
    /// Starts a program, with a pipe for its standard input or with none.
    pub(super) async fn start(program: &Program<'_>, with_stdin: bool) -> Result<Self, Error> {
        let named = program.name();
        let io = |source| Error::Io { program: named.clone(), source };
        // A relative one would be taken from where the program runs, not from where orch does.
        let directory = std::path::absolute(program.directory).map_err(io)?;
        if !directory.is_dir() {
            return Err(Error::NoDirectory { program: named.clone(), directory });
        }
        let file = find_program(&named, &directory, program.environment)?;
        adopt_orphans();
        let mut round = 0;
        loop {
            match Self::spawn(program, &file, &directory, with_stdin) {
                Err(busy) if busy.kind() == io::ErrorKind::ExecutableFileBusy && round < BUSY_ROUNDS => {
                    round += 1;
                    time::sleep(BUSY_PAUSE).await;
                }
                spawned => return spawned.map_err(io),
            }
        }
    }

    fn spawn(program: &Program<'_>, file: &Path, directory: &Path, with_stdin: bool) -> io::Result<Self> {
        let mark = format!("{:016x}{:016x}", clock::random(), clock::random());
        let inherited = std::env::var(PROCESS_VARIABLE).map(|marks| format!("{marks}:")).unwrap_or_default();
        let mut command = tokio::process::Command::new(file);
        command
            .args(program.argv.iter().skip(1))
            .current_dir(directory)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .env(PROCESS_VARIABLE, format!("{inherited}{mark}"))
            .stdin(if with_stdin { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = Started::spawn(command)?;
        let root = child.id().and_then(|pid| i32::try_from(pid).ok());
        Ok(Self { child, tree: ProcessTree::of(root, mark), grace: program.grace, ended: false })
    }

    pub(super) fn streams(&mut self) -> Pipes {
        self.child.pipes()
    }

    /// Waits for the program itself. It can be left and begun again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Remembers the descendants, see [`ProcessTree::scan`].
    pub(super) fn scan(&mut self) {
        self.tree.scan();
    }

    /// Ends the whole tree, the program itself too.
    pub(super) async fn end(&mut self) {
        self.tree.end(self.grace).await;
        // Has an effect only where the tree could not be signalled; on Windows it is what ends the tree.
        let _ = self.child.kill();
        let _ = time::timeout(LAST_WAIT, self.child.wait()).await;
        self.ended = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        for _ in 0..DROP_ROUNDS {
            let living = self.tree.signal(Signal::Kill);
            // Only after its children have been found through it.
            let _ = self.child.kill();
            let reaped = !matches!(self.child.try_wait(), Ok(None));
            if living == 0 && reaped {
                return;
            }
            thread::sleep(DROP_PAUSE);
        }
    }
}
