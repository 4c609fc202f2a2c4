//! The cost of a whole process: wall time, processor time and peak memory, as the system counts them.
//!
//! Every process is started by a small parent of its own, since the system tells the peak of the largest child only,
//! and a child's peak begins at its parent's size.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The first argument that makes this program such a parent.
pub(crate) const TIMED: &str = "--timed";

/// Names another orch than the one just built: one from before a change.
const OTHER: &str = "ORCH";

/// What a process cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub wall: Duration,
    /// Of the processors, in the program and in the system.
    pub cpu: Duration,
    /// Zero where the system does not tell.
    pub peak_kib: u64,
}

/// A command to be measured.
pub(crate) struct Program<'a> {
    folder: &'a Path,
    args: Vec<String>,
    base_url: Option<String>,
}

impl<'a> Program<'a> {
    /// A program with its arguments, in a folder.
    pub(crate) fn new(folder: &'a Path, program: &str, args: &[&str]) -> Self {
        let args = std::iter::once(program).chain(args.iter().copied()).map(str::to_owned).collect();
        Self { folder, args, base_url: None }
    }

    /// orch with its arguments, in a folder.
    pub(crate) fn orch(folder: &'a Path, args: &[&str]) -> Self {
        let other = std::env::var(OTHER).ok();
        Self::new(folder, other.as_deref().unwrap_or(env!("CARGO_BIN_EXE_orch")), args)
    }

    /// Lets it ask the models of a server.
    pub(crate) fn asking(mut self, base_url: &str) -> Self {
        self.base_url = Some(base_url.to_owned());
        self
    }

    /// Runs it once.
    pub(crate) fn once(&self) -> Cost {
        let this = std::env::current_exe().expect("this program");
        let mut parent = Command::new(this);
        parent.arg(TIMED).args(&self.args).current_dir(self.folder).stderr(Stdio::inherit());
        if let Some(url) = &self.base_url {
            parent.env("OPENAI_BASE_URL", url).env("OPENAI_API_KEY", "none");
        }
        let said = parent.output().expect("the parent of what is measured");
        assert!(said.status.success(), "{:?} failed", self.args);
        let said = String::from_utf8_lossy(&said.stdout);
        let mut numbers = said.split_whitespace().map(|number| number.parse::<u64>().expect("a number"));
        let mut next = || numbers.next().expect("three numbers");
        Cost { wall: Duration::from_micros(next()), cpu: Duration::from_micros(next()), peak_kib: next() }
    }

    /// The run with the median wall time, after one that warms up and is not counted.
    pub(crate) fn median(&self, times: usize) -> Cost {
        self.once();
        median((0..times).map(|_| self.once()).collect())
    }
}

/// The one with the median wall time.
pub(crate) fn median(mut all: Vec<Cost>) -> Cost {
    all.sort_by_key(|cost| cost.wall);
    all[all.len() / 2]
}

/// What the parent does: runs the command, and prints its cost in microseconds and KiB.
pub(crate) fn time(command: &[String]) {
    let started = Instant::now();
    let (program, args) = command.split_first().expect("a program");
    let ended =
        Command::new(program).args(args).env("ORCH_TRUST", "1").stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let wall = started.elapsed();
    let ended = ended.expect("the program can be started");
    if !ended.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&ended.stderr));
        std::process::exit(1);
    }
    let (cpu, peak_kib) = children();
    println!("{} {} {peak_kib}", wall.as_micros(), cpu.as_micros());
}

#[cfg(unix)]
fn children() -> (Duration, u64) {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts its processes");
    let micros = |time: nix::sys::time::TimeVal| {
        use nix::sys::time::TimeValLike;
        Duration::from_micros(time.num_microseconds().unsigned_abs())
    };
    // Linux counts KiB, macOS bytes.
    let unit = if cfg!(target_os = "macos") { 1024 } else { 1 };
    (micros(usage.user_time()) + micros(usage.system_time()), usage.max_rss().unsigned_abs() / unit)
}

#[cfg(not(unix))]
fn children() -> (Duration, u64) {
    (Duration::ZERO, 0)
}

/// The head of the table that [`show`] prints.
pub(crate) fn show_head() {
    println!("{:<34} {:>12} {:>12} {:>12}", "command", "wall", "processor", "peak memory");
}

/// A line of the table, with a remark.
#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(crate) fn show(name: &str, cost: Cost, remark: &str) {
    let peak = cost.peak_kib as f64 / 1024.0;
    println!(
        "{name:<34} {:>9.2} ms {:>9.2} ms {peak:>8.1} MiB  {remark}",
        milliseconds(cost.wall),
        milliseconds(cost.cpu)
    );
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How many times `of` goes into `this`.
pub(crate) fn ratio(this: Duration, of: Duration) -> f64 {
    this.as_secs_f64() / of.as_secs_f64().max(1e-9)
}
