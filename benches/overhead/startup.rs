//! Start-up and growth, rehearsed, so that no server has a part in it.
//!
//! Start-up: `--version`, `validate`, and a run of three tasks, each beside the cheapest process there is. Growth: runs of
//! 1,000 and 10,000 tasks with the journal durable; a task must not cost more in the larger one.

use crate::process::{Program, milliseconds, ratio, show, show_head};
use crate::script::{chain, layers, write};

pub(crate) fn measure() {
    let folder = tempfile::tempdir().expect("a folder for the runs");
    let folder = folder.path();
    write(folder, "three.yaml", chain(3));
    write(folder, "thousand.yaml", layers(1_000, ""));
    write(folder, "ten_thousand.yaml", layers(10_000, ""));

    show_head();
    let nothing = Program::new(folder, "true", &[]).median(30);
    show("true (the floor)", nothing, "");
    for (name, args) in [
        ("--version", &["--version"][..]),
        ("validate, 3 tasks", &["validate", "three.yaml"]),
        ("rehearsed run, 3 tasks", &rehearse("three.yaml")),
    ] {
        let cost = Program::orch(folder, args).median(30);
        let above = milliseconds(cost.wall.saturating_sub(nothing.wall));
        show(name, cost, &format!("{above:.1} ms above the floor"));
    }
    let thousand = Program::orch(folder, &rehearse("thousand.yaml")).median(5);
    show("rehearsed run, 1,000 tasks", thousand, "");
    let ten_thousand = Program::orch(folder, &rehearse("ten_thousand.yaml")).median(3);
    show("rehearsed run, 10,000 tasks", ten_thousand, "");
    let growth = ratio(ten_thousand.wall, thousand.wall) / 10.0;
    println!("cost of a task in 10,000 to one in 1,000: {growth:.2} (1 is linear)");
}

fn rehearse(file: &str) -> [&str; 6] {
    ["run", file, "--goal", "measure what the runner itself costs", "--rehearse", "--json"]
}
