//! `orch import`: what other tools' files become, and that it holds; what is refused, and what is left alone.

mod cagent;
mod crewai;
mod goose;
mod superoptix;

use super::Project;

/// Imports, and returns the text that comes of it, which has been checked as any file is.
#[track_caller]
fn imported(project: &Project, id: &str, args: &[&str]) -> String {
    imported_with(project, id, args, &[])
}

/// The same for an orchestra that needs inputs, each as `NAME=VALUE`.
#[track_caller]
fn imported_with(project: &Project, id: &str, args: &[&str], inputs: &[&str]) -> String {
    let path = format!("orchestras/{id}_orchestra.yaml");
    project.args(["import"]).and(args.iter().copied()).run().exits(0).prints_exactly(&format!("{path}\n"));
    project.args(["validate", id]).run().exits(0).does_not_say("warning").prints("ok: ");
    let text = project.read(&path).unwrap();
    let run = project.args(["run", id, "--goal", "Build a simple login feature", "--rehearse"]);
    run.and(inputs.iter().flat_map(|input| ["--input", *input])).run().exits(0);
    text
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "without\n{part}\nin\n{text}");
    }
}

/// The comments of a text as one line, so that a test need not know where they are broken.
fn comments(text: &str) -> String {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("# "));
    lines.collect::<Vec<_>>().join(" ")
}
