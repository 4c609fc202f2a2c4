//! What orch costs beyond the model's own time, measured on whole processes: `cargo bench`.
//!
//! Start-up: wall time and peak memory of `--version`, of `validate`, and of a rehearsed run of three tasks, each
//! beside the cheapest process there is. Growth: rehearsed runs of 1,000 and 10,000 tasks with the journal durable; a
//! task must not cost more in the larger one. The medians are printed; single times on a shared machine say little.
//!
//! The runs lie in the temporary folder, so `TMPDIR` names the disk that is measured. An ext4 where many files were
//! deleted in the last minutes is slow to make new ones and spoils the growth; take a fresh one, or wait.

#![allow(clippy::expect_used, reason = "what cannot be measured ends the measurement")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ORCH: &str = env!("CARGO_BIN_EXE_orch");

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the runs");
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("a file");
    write("three.yaml", chain(3));
    write("thousand.yaml", layers(1_000));
    write("ten_thousand.yaml", layers(10_000));

    println!("{:<28} {:>12} {:>14}", "command", "median", "peak memory");
    // The system tells the largest child so far, so the commands come in the order of their size.
    let nothing = measure(folder.path(), "true", &[], 30);
    show("true (the floor)", nothing, None);
    for (name, args, times) in [
        ("--version", &["--version"][..], 30),
        ("validate, 3 tasks", &["validate", "three.yaml"], 30),
        ("rehearsed run, 3 tasks", &rehearse("three.yaml"), 30),
    ] {
        show(name, measure(folder.path(), ORCH, args, times), Some(nothing));
    }
    let thousand = measure(folder.path(), ORCH, &rehearse("thousand.yaml"), 5);
    show("rehearsed run, 1,000 tasks", thousand, None);
    let ten_thousand = measure(folder.path(), ORCH, &rehearse("ten_thousand.yaml"), 3);
    show("rehearsed run, 10,000 tasks", ten_thousand, None);
    let growth = ten_thousand.as_secs_f64() / thousand.as_secs_f64() / 10.0;
    println!("\ncost of a task in 10,000 to one in 1,000: {growth:.2} (1 is linear)");
}

fn rehearse(file: &str) -> [&str; 6] {
    ["run", file, "--goal", "measure what the runner itself costs", "--rehearse", "--json"]
}

/// The median wall time of a command.
fn measure(folder: &Path, program: &str, args: &[&str], times: usize) -> Duration {
    let run = || {
        let started = Instant::now();
        let mut command = Command::new(program);
        let status = command.args(args).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} {args:?} failed");
        started.elapsed()
    };
    run();
    let mut all: Vec<Duration> = (0..times).map(|_| run()).collect();
    all.sort();
    all[all.len() / 2]
}

fn show(name: &str, median: Duration, floor: Option<Duration>) {
    let ratio = floor.map_or(String::new(), |floor| {
        format!("  ({:.1} ms above the floor)", median.saturating_sub(floor).as_secs_f64() * 1e3)
    });
    println!("{name:<28} {:>9.2} ms {:>14}{ratio}", median.as_secs_f64() * 1e3, peak());
}

/// The peak memory of the largest child so far.
fn peak() -> String {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        // Linux counts KiB, macOS bytes.
        let unit = if cfg!(target_os = "macos") { 1024 } else { 1 };
        getrusage(UsageWho::RUSAGE_CHILDREN)
            .map_or("?".into(), |usage| format!("{} MiB", usage.max_rss() / unit / 1024))
    }
    #[cfg(not(unix))]
    {
        "?".into()
    }
}

fn chain(tasks: usize) -> String {
    let mut yaml = String::from("tasks:\n");
    for n in 0..tasks {
        yaml += &format!("  - {{name: t{n}, agent: worker, description: \"Do part {n} of '{{goal}}'\"}}\n");
    }
    yaml
}

/// Layers of 50 tasks, each of which needs two of the layer before.
fn layers(tasks: usize) -> String {
    let mut yaml = String::from("execution: {strategy: parallel, max_parallel_tasks: 0}\ntasks:\n");
    for n in 0..tasks {
        let needs = match n {
            0..50 => String::new(),
            _ => format!(", context: [t{}, t{}]", n - 50, n / 50 * 50 - 1 - n % 7),
        };
        yaml += &format!("  - {{name: t{n}, agent: worker, description: \"Do part {n}\"{needs}}}\n");
    }
    yaml
}
