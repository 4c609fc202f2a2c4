//! A process and everybody who comes from it, wherever they have gone.
//!
//! They are found by a variable in the environment that each of them has inherited, by their parents, and by their
//! process groups and sessions. The orphans among them come to us (we are a "subreaper"), so that none stays a zombie.
//! One who gives up its environment, its session and its parents within the second between two looks is not found.

use std::time::Duration;

use tokio::time::{self, Instant};

#[cfg(target_os = "linux")]
use std::collections::HashMap;

#[cfg(target_os = "linux")]
use crate::os::process::process_table::{self, Entry};

/// The variable that marks a program and its descendants. Where orch runs inside of orch it holds a word for each.
pub(super) const PROCESS_VARIABLE: &str = "ORCH_PROCESS";

/// The variable by which [`end_leftovers`] finds what a run has left; its value is the run's id.
pub const RUN_VARIABLE: &str = "ORCH_RUN";

/// The first pause between two looks at processes that are about to end; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// How often a family is killed before it is given up. A process that the kernel holds cannot end, and one that forks
/// without end is outrun sooner.
const ROUNDS: u32 = 100;

/// What processes are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// To end, once.
    Ask,
    /// Nothing: they are killed.
    Kill,
}

/// A process and everybody who comes from it.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "a mark can be looked for on Linux only"))]
pub(super) struct Family {
    variable: &'static str,
    word: String,
    /// The first of them, which the caller started and reaps.
    first: Option<i32>,
    #[cfg(target_os = "linux")]
    first_started: Option<u64>,
    /// Everybody found so far, by number and start, and whether they were asked to end.
    #[cfg(target_os = "linux")]
    known: HashMap<(i32, u64), bool>,
}

impl Family {
    /// The family of a process that was just started with `word` among those of [`PROCESS_VARIABLE`].
    pub fn of(first: Option<i32>, word: String) -> Self {
        Self {
            variable: PROCESS_VARIABLE,
            word,
            first,
            #[cfg(target_os = "linux")]
            first_started: first.and_then(process_table::look_up).map(|entry| entry.started),
            #[cfg(target_os = "linux")]
            known: HashMap::new(),
        }
    }

    /// Asks everybody to end, and kills those who are still there after `grace`.
    pub async fn end(&mut self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut pause = FIRST_PAUSE;
        while self.tell(Word::Ask) > 0 {
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
            if self.tell(Word::Kill) == 0 {
                return;
            }
            time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(target_os = "linux")]
impl Family {
    /// Looks who is there, so that they are known later, and reaps those who have ended.
    pub fn look(&mut self) -> Vec<Entry> {
        let own = own_pid();
        let entries = process_table::take();
        let youngest = self.first_started.unwrap_or(0);
        // The first one's number is given out again some time after it was reaped.
        let first = self.first.filter(|&first| {
            !entries.iter().any(|entry| entry.pid == first && Some(entry.started) != self.first_started)
        });
        let family = process_table::descendants(&entries, own, |entry| {
            first.is_some_and(|first| entry.pid == first || entry.group == first)
                || self.known.contains_key(&(entry.pid, entry.started))
                || entry.started >= youngest && process_table::is_marked(entry.pid, self.variable, &self.word)
        });
        for entry in &family {
            self.known.entry((entry.pid, entry.started)).or_default();
            if entry.ended && entry.parent == own && Some(entry.pid) != self.first {
                reap(entry.pid);
            }
        }
        family.into_iter().filter(|entry| !entry.ended).collect()
    }

    /// Tells everybody, and gives how many were still there.
    pub fn tell(&mut self, word: Word) -> usize {
        use rustix::process::{Signal, kill_process};
        let living = self.look();
        for entry in &living {
            let Some(pid) = rustix::process::Pid::from_raw(entry.pid) else { continue };
            let asked = self.known.entry((entry.pid, entry.started)).or_default();
            // One who has just ended needs no word, and one who is not ours hears none.
            let _ = match word {
                Word::Kill => kill_process(pid, Signal::KILL),
                Word::Ask if *asked => continue,
                // A process that is stopped hears it only once it goes on.
                Word::Ask => kill_process(pid, Signal::TERM).and_then(|()| kill_process(pid, Signal::CONT)),
            };
            *asked = true;
        }
        if living.is_empty() && !std::path::Path::new("/proc/self/stat").exists() {
            return tell_group(self.first, word);
        }
        living.len()
    }
}

#[cfg(not(target_os = "linux"))]
impl Family {
    /// Nobody can be seen here.
    pub fn look(&mut self) {}

    /// Tells the process group, and gives whether anybody was there.
    pub fn tell(&mut self, word: Word) -> usize {
        tell_group(self.first, word)
    }
}

/// Ends what an earlier process of ours has left running, when that was killed itself: every process whose
/// [`RUN_VARIABLE`] is `run`, and everybody who comes from one. Gives how many there were.
///
/// To be called by the one who holds the run, since the programs of a living holder look the same. Does nothing where
/// there is no `/proc`.
pub async fn end_leftovers(run: &str, grace: Duration) -> usize {
    let mut family = Family { variable: RUN_VARIABLE, ..Family::of(None, run.to_owned()) };
    #[cfg(target_os = "linux")]
    {
        // We may have been started by the run ourselves, say by an agent of it.
        let mut above = process_table::look_up(own_pid());
        while let Some(entry) = above {
            if process_table::is_marked(entry.pid, RUN_VARIABLE, run) {
                return 0;
            }
            above = process_table::look_up(entry.parent);
        }
        family.end(grace).await;
        family.known.len()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (&mut family, grace);
        0
    }
}

/// Makes us the one to whom orphans among our descendants come.
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

/// Takes note of an orphan's end. Only ever called with the number of one of the family: any other child has somebody
/// who waits for it.
#[cfg(target_os = "linux")]
fn reap(pid: i32) {
    use rustix::process::{Pid, WaitOptions, waitpid};
    let _ = Pid::from_raw(pid).map(|pid| waitpid(Some(pid), WaitOptions::NOHANG));
}

/// Tells the process group that `first` leads.
#[cfg(unix)]
fn tell_group(first: Option<i32>, word: Word) -> usize {
    use rustix::process::{Pid, Signal, kill_process_group};
    let signal = if word == Word::Ask { Signal::TERM } else { Signal::KILL };
    let told = first.and_then(Pid::from_raw).map(|group| kill_process_group(group, signal));
    usize::from(matches!(told, Some(Ok(()))))
}

#[cfg(not(unix))]
fn tell_group(_: Option<i32>, _: Word) -> usize {
    0
}
