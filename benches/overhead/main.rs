//! What orch costs beyond the model's own time, measured on whole processes: `cargo bench`, or a part of it by name:
//! `cargo bench -- reuse stream`. `ORCH=path` measures another orch in place of the one just built.
//!
//! Each part prints medians and, where it has a target, a ratio beside it: ratios hold on a shared machine, single times
//! say little there. Nothing fails by being slow; who reads the figures judges.
//!
//! The runs lie in the temporary folder, so `TMPDIR` names the disk that is measured. An ext4 where many files were
//! deleted in the last minutes is slow to make new ones and spoils the growth; take a fresh one, or wait.

#![expect(clippy::expect_used, reason = "what cannot be measured ends the measurement")]

mod growth;
mod limiter;
mod process;
mod reuse;
mod script;
mod server;
mod startup;
mod stream;

/// The parts by their names.
const PARTS: [(&str, fn()); 5] = [
    ("startup", startup::measure),
    ("growth", growth::measure),
    ("reuse", reuse::measure),
    ("stream", stream::measure),
    ("limiter", limiter::measure),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        // This program is also the small parent of each process that is measured, and the bare reader of a stream.
        Some(process::TIMED) => return process::time(&args[1..]),
        Some(stream::BARE_READER) => return stream::read_bare(&args[1]),
        _ => {}
    }
    // Cargo says `--bench`, which is no name.
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    for (name, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            println!("\n== {name}");
            measure();
        }
    }
}
