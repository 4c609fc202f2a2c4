//! A test as a project: write files, run `orch`, expect.
//!
//! Every project has a folder of its own and an environment that holds nothing but what it sets, and every process a
//! deadline. Steps give a new project and leave the old one as it was, so one project can be run in several ways.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::Server;

/// Long enough for a very busy machine; a process that is still there then hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// A project folder, and how `orch` is called in it.
#[derive(Clone)]
pub(crate) struct Project {
    folder: Arc<TempDir>,
    /// What orch keeps for the user; outside of the project, whose files tests count.
    state: Arc<TempDir>,
    below: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, String)>,
    stdin: Vec<u8>,
}

impl Project {
    pub(crate) fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let home = folder.path().to_str().unwrap().to_owned();
        let state = Arc::new(tempfile::tempdir().unwrap());
        let kept = state.path().to_str().unwrap().to_owned();
        let env = [("HOME", home), ("XDG_STATE_HOME", kept), ("ORCH_TRUST", "1".to_owned())];
        Self {
            folder,
            state,
            below: PathBuf::new(),
            args: Vec::new(),
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            stdin: Vec::new(),
        }
    }

    /// Writes a file of the project.
    #[must_use]
    pub(crate) fn file(&self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self.clone()
    }

    /// Calls `orch` in a folder below the project's.
    #[must_use]
    pub(crate) fn standing_in(&self, below: &str) -> Self {
        fs::create_dir_all(self.path(below)).unwrap();
        Self { below: below.into(), ..self.clone() }
    }

    /// Sets the arguments.
    #[must_use]
    pub(crate) fn args<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), ..self.clone() }
    }

    /// Adds arguments behind those that are set.
    #[must_use]
    pub(crate) fn and<A: Into<OsString>>(&self, args: impl IntoIterator<Item = A>) -> Self {
        let args = self.args.iter().cloned().chain(args.into_iter().map(Into::into));
        Self { args: args.collect(), ..self.clone() }
    }

    #[must_use]
    pub(crate) fn env(&self, name: &str, value: impl Into<String>) -> Self {
        let mut project = self.clone();
        project.env.push((name.to_owned(), value.into()));
        project
    }

    /// The same where the question of trust is asked.
    #[must_use]
    pub(crate) fn untrusted(&self) -> Self {
        let mut project = self.clone();
        project.env.retain(|(name, _)| name != "ORCH_TRUST");
        project
    }

    /// The same project as another user sees it, for whom orch has kept nothing.
    #[must_use]
    pub(crate) fn of_another_user(&self) -> Self {
        let state = Arc::new(tempfile::tempdir().unwrap());
        let kept = state.path().to_str().unwrap().to_owned();
        Self { state, ..self.env("XDG_STATE_HOME", kept) }
    }

    /// Where orch keeps what is the user's.
    pub(crate) fn state(&self, path: &str) -> PathBuf {
        self.state.path().join(path)
    }

    #[must_use]
    pub(crate) fn stdin(&self, text: impl Into<Vec<u8>>) -> Self {
        Self { stdin: text.into(), ..self.clone() }
    }

    /// Lets both providers be this server, which wants no key.
    #[must_use]
    pub(crate) fn server(&self, server: &Server) -> Self {
        self.env("OPENAI_BASE_URL", server.openai()).env("ANTHROPIC_BASE_URL", server.url())
    }

    /// Fails or kills at a boundary of the disk; see `disk.rs`.
    #[cfg(debug_assertions)]
    #[must_use]
    pub(crate) fn disk(&self, order: impl Into<String>) -> Self {
        self.env("ORCH_TEST_DISK", order)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn read(&self, path: &str) -> Option<String> {
        fs::read(self.path(path)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Every file below the folder with its bytes, links not followed.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut found, mut open) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => open.push(entry.path()),
                    kind if kind.is_file() => found.push((entry.path(), fs::read(entry.path()).unwrap())),
                    _ => {}
                }
            }
        }
        found
    }

    /// The ids of the runs, oldest first.
    pub(crate) fn runs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(".orchestra/runs")) else { return Vec::new() };
        let mut runs: Vec<String> = entries.flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
        runs.sort();
        runs
    }

    /// Where the latest run's journal is.
    pub(crate) fn journal_path(&self) -> String {
        format!(".orchestra/runs/{}/journal.jsonl", self.runs().last().expect("a run"))
    }

    /// The whole lines of the latest run's journal.
    pub(crate) fn journal(&self) -> Vec<Value> {
        if self.runs().is_empty() {
            return Vec::new();
        }
        let text = self.read(&self.journal_path()).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The tasks of the journal's events of one type, in their order.
    pub(crate) fn journalled(&self, event: &str) -> Vec<String> {
        let of = self.journal().into_iter().filter(|record| record["type"] == event);
        of.map(|record| record["task"].as_str().unwrap().to_owned()).collect()
    }

    /// Runs to the end.
    pub(crate) fn run(&self) -> Ended {
        self.spawn().wait()
    }

    /// The command that [`Project::spawn`] starts.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orch"));
        command.args(&self.args).current_dir(self.folder.path().join(&self.below)).env_clear();
        // Windows has no sockets without it.
        command.envs(std::env::var_os("SystemRoot").map(|root| ("SystemRoot", root)));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts, and does not wait.
    pub(crate) fn spawn(&self) -> Running {
        let mut command = self.command();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = self.stdin.clone();
        thread::spawn(move || {
            // A process that does not read what it is given is none of our business.
            let _ = stdin.write_all(&text);
        });
        let stderr = read_all(child.stderr.take().unwrap());
        Running { project: self.clone(), stdout: child.stdout.take(), stderr, child }
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// A process that is under way.
pub(crate) struct Running {
    project: Project,
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: Receiver<Vec<u8>>,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The project, to look into while it goes on.
    pub(crate) fn project(&self) -> Project {
        self.project.clone()
    }

    /// Sends a signal of the system's.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for something that only the project's files tell.
    pub(crate) fn wait_until(&self, condition: impl Fn() -> bool) {
        let started = Instant::now();
        while !condition() {
            assert!(started.elapsed() < DEADLINE, "orch {:?} does not come to it", self.project.args);
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Takes the first line of standard output and closes it, as `| head -1` does.
    pub(crate) fn head(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line
    }

    /// Closes standard output.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let stdout = self.stdout.take().map(read_all);
        // Both are closed when the process ends, and not before.
        let Ok(stderr) = self.stderr.recv_timeout(DEADLINE) else {
            let _ = self.child.kill();
            let said = self.stderr.recv_timeout(DEADLINE).unwrap_or_default();
            panic!("orch {:?} does not end; it said:\n{}", self.project.args, String::from_utf8_lossy(&said));
        };
        let stdout = stdout.map(|stdout| stdout.recv_timeout(DEADLINE).unwrap()).unwrap_or_default();
        let status = self.child.wait().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended { project: self.project.clone(), status, stdout: text(stdout), stderr: text(stderr) }
    }
}

impl Drop for Running {
    /// A test that fails leaves no process behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came of a process.
pub(crate) struct Ended {
    pub project: Project,
    pub stdout: String,
    pub stderr: String,
    status: ExitStatus,
}

impl Ended {
    /// The exit code; `None` if the process was killed.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        self.check(self.code() == Some(code), &format!("it exits {}", self.status));
        self
    }

    #[track_caller]
    pub(crate) fn dies(self) -> Self {
        self.check(self.code().is_none(), &format!("it is not killed but exits {}", self.status));
        self
    }

    #[track_caller]
    pub(crate) fn says(self, part: &str) -> Self {
        self.check(self.stderr.contains(part), &format!("it does not say {part:?}"));
        self
    }

    #[track_caller]
    pub(crate) fn does_not_say(self, part: &str) -> Self {
        self.check(!self.stderr.contains(part), &format!("it says {part:?}"));
        self
    }

    #[track_caller]
    pub(crate) fn prints(self, part: &str) -> Self {
        self.check(self.stdout.contains(part), &format!("it does not print {part:?}"));
        self
    }

    #[track_caller]
    pub(crate) fn prints_exactly(self, text: &str) -> Self {
        self.check(self.stdout == text, &format!("it does not print exactly {text:?}"));
        self
    }

    #[track_caller]
    pub(crate) fn file_is(self, path: &str, text: &str) -> Self {
        let there = self.project.read(path);
        self.check(there.as_deref() == Some(text), &format!("{path} is {there:?} and not {text:?}"));
        self
    }

    #[track_caller]
    pub(crate) fn file_has(self, path: &str, part: &str) -> Self {
        let there = self.project.read(path);
        let has = there.as_ref().is_some_and(|there| there.contains(part));
        self.check(has, &format!("{path} is {there:?} without {part:?}"));
        self
    }

    #[track_caller]
    pub(crate) fn no_file(self, path: &str) -> Self {
        self.check(fs::symlink_metadata(self.project.path(path)).is_err(), &format!("{path} is there"));
        self
    }

    /// Fails with everything there is to know.
    #[track_caller]
    fn check(&self, condition: bool, trouble: &str) {
        assert!(
            condition,
            "{trouble}\n--- orch {:?} with {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.project.args, self.project.env, self.stdout, self.stderr
        );
    }
}

/// An orchestra `x` of these tasks under `execution`, each a line of YAML without its agent.
pub(crate) fn orchestra(execution: &str, tasks: &[&str]) -> String {
    let tasks: String = tasks.iter().map(|task| format!("  - {{agent: developer, {task}}}\n")).collect();
    format!("orchestra:\n  id: x\n  execution: {{{execution}}}\ntasks:\n{tasks}")
}

/// The file of a task's output in the workspace of [`orchestra`].
pub(crate) fn output(task: &str) -> String {
    format!("orchestra_workspaces/x/task_outputs/{task}_output.txt")
}

/// The file of the result in the workspace of [`orchestra`].
pub(crate) const RESULT: &str = "orchestra_workspaces/x/final_results/orchestra_output.txt";

/// The arguments that run [`orchestra`] from the file `x.yaml`.
pub(crate) const RUN: [&str; 4] = ["run", "x.yaml", "--goal", "Build a simple login feature"];
