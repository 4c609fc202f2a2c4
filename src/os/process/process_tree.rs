//! A process and its descendants, wherever they have gone.
//!
//! They are found by a variable in the environment that each of them inherits, by their parents, and by their process
//! groups and sessions. Orphans among them are reparented to this process (a "subreaper"), so that none stays a zombie.
//! One that gives up its environment, its session and its parents between two scans, a second apart, is not found.

use std::time::Duration;

use tokio::time::{self, Instant};

#[cfg(target_os = "linux")]
use std::collections::HashMap;

#[cfg(target_os = "linux")]
use crate::os::process::process_table::{self, Entry};

/// The variable that marks a program and its descendants. Where orch runs inside of orch it holds a mark of each.
pub(super) const PROCESS_VARIABLE: &str = "ORCH_PROCESS";

/// The variable by which [`end_leftovers`] finds what a run has left; its value is the run's id.
pub const RUN_VARIABLE: &str = "ORCH_RUN";

/// The first pause between two scans for processes that are about to end; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// How often a tree is killed before it is given up. A process that the kernel holds cannot end, and one that forks
/// without end is outrun sooner.
const ROUNDS: u32 = 100;

/// What is sent to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// `SIGTERM`, once.
    Terminate,
    /// `SIGKILL`, each time.
    Kill,
}

/// A process and its descendants.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "a mark can be looked for on Linux only"))]
pub(super) struct ProcessTree {
    variable: &'static str,
    mark: String,
    /// The one that the caller started and reaps.
    root: Option<i32>,
    #[cfg(target_os = "linux")]
    root_started: Option<u64>,
    /// Every process found so far, by number and start, and whether it was asked to end.
    #[cfg(target_os = "linux")]
    known: HashMap<(i32, u64), bool>,
}

impl ProcessTree {
    /// The tree of a process that was just started with `mark` among those of [`PROCESS_VARIABLE`].
    pub(super) fn of(root: Option<i32>, mark: String) -> Self {
        Self {
            variable: PROCESS_VARIABLE,
            mark,
            root,
            #[cfg(target_os = "linux")]
            root_started: root.and_then(process_table::look_up).map(|entry| entry.started),
            #[cfg(target_os = "linux")]
            known: HashMap::new(),
        }
    }

    /// Asks every process to end, and kills those that are still there after `grace`.
    pub(super) async fn end(&mut self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut pause = FIRST_PAUSE;
        while self.signal(Signal::Terminate) > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.kill().await;
            }
            time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn kill(&mut self) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..ROUNDS {
            if self.signal(Signal::Kill) == 0 {
                return;
            }
            time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(target_os = "linux")]
impl ProcessTree {
    /// The living processes. They are remembered, so that they are known once their parents are gone; those that have
    /// ended are reaped.
    pub(super) fn scan(&mut self) -> Vec<Entry> {
        let own = own_pid();
        let entries = process_table::take();
        let youngest = self.root_started.unwrap_or(0);
        // The root's number is given out again some time after it was reaped.
        let root = self
            .root
            .filter(|&root| !entries.iter().any(|entry| entry.pid == root && Some(entry.started) != self.root_started));
        let found = process_table::descendants(&entries, own, |entry| {
            root.is_some_and(|root| entry.pid == root || entry.group == root)
                || self.known.contains_key(&(entry.pid, entry.started))
                || entry.started >= youngest && process_table::is_marked(entry.pid, self.variable, &self.mark)
        });
        for entry in &found {
            self.known.entry((entry.pid, entry.started)).or_default();
            if entry.ended && entry.parent == own && Some(entry.pid) != self.root {
                reap(entry.pid);
            }
        }
        found.into_iter().filter(|entry| !entry.ended).collect()
    }

    /// Signals every process, and returns how many there still were.
    pub(super) fn signal(&mut self, signal: Signal) -> usize {
        use rustix::process::{Signal as Number, kill_process};
        let living = self.scan();
        for entry in &living {
            let Some(pid) = rustix::process::Pid::from_raw(entry.pid) else { continue };
            let asked = self.known.entry((entry.pid, entry.started)).or_default();
            // One that has just ended needs no signal, and one that belongs to another user gets none.
            let _ = match signal {
                Signal::Kill => kill_process(pid, Number::KILL),
                Signal::Terminate if *asked => continue,
                // A stopped process receives it only once it continues.
                Signal::Terminate => kill_process(pid, Number::TERM).and_then(|()| kill_process(pid, Number::CONT)),
            };
            *asked = true;
        }
        if living.is_empty() && !std::path::Path::new("/proc/self/stat").exists() {
            return signal_group(self.root, signal);
        }
        living.len()
    }
}

#[cfg(not(target_os = "linux"))]
impl ProcessTree {
    /// There is no table of processes to read.
    pub fn scan(&mut self) {}

    /// Signals the process group, and returns 1 if there was one.
    pub fn signal(&mut self, signal: Signal) -> usize {
        signal_group(self.root, signal)
    }
}

/// Ends what an earlier orch that was killed has left running: every process whose [`RUN_VARIABLE`] is `run`, and the
/// descendants of such. Returns how many there were.
///
/// Only the holder of the run's lock may call this: the programs of a living holder look the same. Does nothing where
/// there is no `/proc`.
pub async fn end_leftovers(run: &str, grace: Duration) -> usize {
    let mut tree = ProcessTree { variable: RUN_VARIABLE, ..ProcessTree::of(None, run.to_owned()) };
    #[cfg(target_os = "linux")]
    {
        // This orch may have been started by the run itself, say by an agent of it.
        let mut above = process_table::look_up(own_pid());
        while let Some(entry) = above {
            if process_table::is_marked(entry.pid, RUN_VARIABLE, run) {
                return 0;
            }
            above = process_table::look_up(entry.parent);
        }
        tree.end(grace).await;
        tree.known.len()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (&mut tree, grace);
        0
    }
}

/// Makes this process the new parent of orphans among its descendants.
pub(super) fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // A kernel that refuses gives the orphans to the first process, which reaps them as well.
        ONCE.call_once(|| {
            let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        });
    }
}

#[cfg(target_os = "linux")]
fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_pid()
}

/// Reaps an orphan. Only ever called with a number from the tree: any other child has an owner that waits for it.
#[cfg(target_os = "linux")]
fn reap(pid: i32) {
    use rustix::process::{Pid, WaitOptions, waitpid};
    let _ = Pid::from_raw(pid).map(|pid| waitpid(Some(pid), WaitOptions::NOHANG));
}

/// Signals the process group that `root` leads.
#[cfg(unix)]
fn signal_group(root: Option<i32>, signal: Signal) -> usize {
    use rustix::process::{Pid, Signal as Number, kill_process_group};
    let number = if signal == Signal::Terminate { Number::TERM } else { Number::KILL };
    let sent = root.and_then(Pid::from_raw).map(|group| kill_process_group(group, number));
    usize::from(matches!(sent, Some(Ok(()))))
}

#[cfg(not(unix))]
fn signal_group(_: Option<i32>, _: Signal) -> usize {
    0
}
