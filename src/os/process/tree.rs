//! A program that runs, and what comes from it. When it is dropped, all of it is killed.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::time;

use super::environment::find_program;
use super::family::{Family, PROCESS_VARIABLE, Word, adopt_orphans};
use super::{Command, Error, Stdin};
use crate::os::clock;

/// How long a program that was killed is waited for. Only one that the kernel holds takes longer.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How often a dropped tree is killed, with [`DROP_PAUSE`] between. Whoever drops it is kept waiting.
const DROP_ROUNDS: u32 = 50;

/// See [`DROP_ROUNDS`].
const DROP_PAUSE: Duration = Duration::from_millis(1);

/// How often a program is tried that cannot be started because somebody is writing its file: an update of an agent's
/// program takes moments.
const BUSY_ROUNDS: u32 = 20;

/// See [`BUSY_ROUNDS`].
const BUSY_PAUSE: Duration = Duration::from_millis(25);

/// A program that runs, and what comes from it.
pub(super) struct Tree {
    child: Child,
    family: Family,
    grace: Duration,
    ended: bool,
}

impl Tree {
    pub async fn start(command: &Command) -> Result<Self, Error> {
        let named = command.argv.first().map_or("", String::as_str);
        let io = |source| Error::Io { program: named.to_owned(), source };
        // A relative one would be taken from where the program runs, not from where we do.
        let directory = std::path::absolute(&command.directory).map_err(io)?;
        if !directory.is_dir() {
            return Err(Error::NoDirectory { program: named.to_owned(), directory });
        }
        let program = find_program(named, &directory, &command.environment)?;
        adopt_orphans();
        let mut round = 0;
        loop {
            match Self::spawn(command, &program, &directory) {
                Err(busy) if busy.kind() == io::ErrorKind::ExecutableFileBusy && round < BUSY_ROUNDS => {
                    round += 1;
                    time::sleep(BUSY_PAUSE).await;
                }
                spawned => return spawned.map_err(io),
            }
        }
    }

    fn spawn(command: &Command, program: &Path, directory: &Path) -> io::Result<Self> {
        let word = format!("{:016x}{:016x}", clock::random(), clock::random());
        let inherited = std::env::var(PROCESS_VARIABLE).map(|words| format!("{words}:")).unwrap_or_default();
        let mut program = tokio::process::Command::new(program);
        program
            .args(command.argv.iter().skip(1))
            .current_dir(directory)
            .env_clear()
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .env(PROCESS_VARIABLE, format!("{inherited}{word}"))
            .stdin(if command.stdin == Stdin::Null { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        program.process_group(0);
        let child = program.spawn()?;
        let first = child.id().and_then(|pid| i32::try_from(pid).ok());
        Ok(Self { child, family: Family::of(first, word), grace: command.grace, ended: false })
    }

    pub fn streams(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for the program itself. It can be left and begun again.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Takes note of who is there.
    pub fn look(&mut self) {
        self.family.look();
    }

    /// Ends whatever is left, the program itself too.
    pub async fn end(&mut self) {
        self.family.end(self.grace).await;
        // Has an effect only where the family could not be told.
        let _ = self.child.start_kill();
        let _ = time::timeout(LAST_WAIT, self.child.wait()).await;
        self.ended = true;
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        for _ in 0..DROP_ROUNDS {
            let living = self.family.tell(Word::Kill);
            // Only after its children have been found by it.
            let _ = self.child.start_kill();
            let reaped = !matches!(self.child.try_wait(), Ok(None));
            if living == 0 && reaped {
                return;
            }
            thread::sleep(DROP_PAUSE);
        }
    }
}
