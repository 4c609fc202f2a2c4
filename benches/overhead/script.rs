//! The orchestras that are measured.

use std::fmt::Write as _;
use std::path::Path;

/// Puts an orchestra into a folder.
pub(crate) fn write(folder: &Path, name: &str, text: String) {
    std::fs::write(folder.join(name), text).expect("a file");
}

/// Tasks of which each one needs the one before.
pub(crate) fn chain(tasks: usize) -> String {
    let mut yaml = String::from("tasks:\n");
    for n in 0..tasks {
        let _ = writeln!(yaml, "  - {{name: t{n}, agent: worker, description: \"Do part {n} of '{{goal}}'\"}}");
    }
    yaml
}

/// Layers of 50 tasks, each of which needs two of the layer before. `settings` are more lines of the orchestra.
pub(crate) fn layers(tasks: usize, settings: &str) -> String {
    let mut yaml = format!("execution: {{strategy: parallel, max_parallel_tasks: 0}}\n{settings}tasks:\n");
    for n in 0..tasks {
        let needs = match n {
            0..50 => String::new(),
            _ => format!(", context: [t{}, t{}]", n - 50, n / 50 * 50 - 1 - n % 7),
        };
        let _ = writeln!(yaml, "  - {{name: t{n}, agent: worker, description: \"Do part {n}\"{needs}}}");
    }
    yaml
}

/// Tasks that need nothing of each other, all begun at once.
pub(crate) fn crowd(tasks: usize, retries: &str) -> String {
    let mut yaml = format!(
        "execution: {{strategy: parallel, max_parallel_tasks: 0, retry_strategy: {retries}}}\norchestra: {{reuse: false}}\n{MODEL}tasks:\n"
    );
    for n in 0..tasks {
        let _ = writeln!(yaml, "  - {{name: t{n}, agent: worker, description: \"Do part {n}\"}}");
    }
    yaml
}

/// The agent whose model answers at `OPENAI_BASE_URL`.
pub(crate) const MODEL: &str = "agents:\n  - {name: worker, role: worker, model: openai/bench}\n";
