//! 10,000 tasks that are written in the file, and 10,000 that a list of the file becomes while the run goes on.
//!
//! Both are rehearsed with the journal durable, in turns and each in a folder of its own: neither shall profit from
//! what the disk did for the other. The folders are kept until the end, since deleting them slows what follows.

use std::path::Path;

use crate::process::{Cost, Program, median, ratio, show, show_head};
use crate::script::write;

const TASKS: usize = 10_000;
const TIMES: usize = 5;

pub(crate) fn measure() {
    let folders: Vec<_> = (0..2 * TIMES).map(|_| tempfile::tempdir().expect("a folder for the runs")).collect();
    let (mut written, mut grown) = (Vec::new(), Vec::new());
    for pair in folders.chunks(2) {
        written.push(run(pair[0].path(), written_tasks()));
        grown.push(run(pair[1].path(), grown_tasks()));
    }
    let (written, grown) = (median(written), median(grown));
    show_head();
    show("10,000 written tasks", written, "");
    show("10,000 grown tasks", grown, "");
    println!(
        "wall time of the grown ones to that of the written ones: {:.2} (the target is at most 1.2)",
        ratio(grown.wall, written.wall)
    );
    println!(
        "the same of processor time, which others on the machine lengthen less: {:.2}",
        ratio(grown.cpu, written.cpu)
    );
}

fn run(folder: &Path, yaml: String) -> Cost {
    write(folder, "tasks.yaml", yaml);
    Program::orch(folder, &["run", "tasks.yaml", "--goal", "measure", "--rehearse", "--json"]).once()
}

fn written_tasks() -> String {
    let task = |n: usize| format!("  - {{name: t.{n}, agent: worker, description: \"Do part {n}\"}}\n");
    head() + &(1..=TASKS).map(task).collect::<String>()
}

fn grown_tasks() -> String {
    let items: Vec<String> = (1..=TASKS).map(|n| n.to_string()).collect();
    let list = items.join(", ");
    head() + &format!("  - {{name: t, agent: worker, description: \"Do part {{{{ item }}}}\", for_each: [{list}]}}\n")
}

fn head() -> String {
    "execution: {strategy: parallel, max_parallel_tasks: 50}\norchestra: {reuse: false}\ntasks:\n".to_owned()
}
