//! The commands, one file each, and what they have in common: names, flags, help.

use serde_json::Value;

use crate::project::{Project, orchestra};

mod clean;
mod completions;
mod create;
mod diff;
mod doctor;
mod foreign;
mod graph;
mod hooks;
mod import;
mod list;
mod project_dir;
mod resume;
mod run;
mod runs;
mod schema;
mod show;
#[cfg(unix)]
pub(crate) mod stranger;
#[cfg(unix)]
mod trust;
pub(crate) mod validate;
mod why;

/// A project with the orchestra `feature`.
fn project() -> Project {
    let text = orchestra("strategy: parallel", &["name: a, description: do a", "name: b, description: do b"]);
    Project::new().file("orchestras/feature_orchestra.yaml", text.replace("id: x", "id: feature"))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn an_unknown_orchestra_is_answered_with_the_one_that_is_meant() {
    let project = project();
    for command in ["run", "graph", "validate"] {
        let ended = project.args([command, "featrue"]).run().exits(2).prints_exactly("");
        ended.says("there is no orchestra `featrue`; did you mean `feature`?").says("`orch list`");
    }
    project.args(["run", "missing.yaml"]).run().exits(2).says("missing.yaml");
    Project::new().args(["run", "sdlc"]).run().exits(2).says("`orch create ID`");
    project.args(["rnu", "feature"]).run().exits(2).says("run");
    assert_eq!(project.files().len(), 1);
}

#[test]
fn another_folder_can_be_the_project() {
    let inner = orchestra("", &["name: a, description: do a"]);
    let project = Project::new().file("deep/project/orchestras/x.yaml", inner);
    for arguments in [
        vec!["-C", "deep/project", "list"],
        vec!["list", "-C", "deep/project"],
        vec!["--project-dir", "deep/project", "list"],
    ] {
        project.args(arguments).run().exits(0).prints("orchestras/x.yaml");
    }
    let run = project.args(["-C", "deep/project", "run", "x", "--goal", "Build a simple login feature", "--rehearse"]);
    run.run()
        .exits(0)
        .file_has("deep/project/orchestra_workspaces/x/task_outputs/a_output.txt", "rehearsal")
        .no_file("orchestra_workspaces")
        .no_file(".orchestra");
    project.args(["runs", "-C", "deep/project"]).run().exits(0).prints("succeeded");
    project.args(["runs"]).run().exits(2).says("no project here");
    project.args(["-C", "nowhere", "list"]).run().exits(2).says("nowhere is not a folder");
}

#[test]
fn flags_stand_before_or_after_the_name() {
    let project = project();
    for (before, after, part) in [
        (vec!["graph", "--format", "dot", "feature"], vec!["graph", "feature", "--format", "dot"], "digraph"),
        (vec!["validate", "--format", "json", "feature"], vec!["validate", "feature", "--format", "json"], "[]"),
        (
            vec!["run", "--dry-run", "--goal", "some words to go by", "feature"],
            vec!["run", "feature", "--goal", "some words to go by", "--dry-run"],
            "feature",
        ),
    ] {
        let first = project.args(before).run().exits(0).prints(part).stdout;
        project.args(after).run().exits(0).prints_exactly(&first);
    }
}

#[test]
fn help_names_every_flag_of_run() {
    let ended = Project::new().args(["run", "x", "--help"]).run().exits(0);
    [
        "--goal",
        "--feature",
        "--dry-run",
        "--verbose",
        "--strategy",
        "--max-parallel",
        "--timeout",
        "--model",
        "--workspace",
        "--only",
        "--from",
        "--json",
        "--rehearse",
        "--script",
        "--tier",
        "--project-dir",
    ]
    .iter()
    .fold(ended, |ended, flag| ended.prints(flag));
}

#[test]
fn every_command_has_help_and_refuses_what_it_does_not_know() {
    let help = Project::new().args(["--help"]).run().exits(0).stdout;
    for command in [
        "create",
        "import",
        "list",
        "validate",
        "graph",
        "hooks",
        "schema",
        "run",
        "resume",
        "runs",
        "show",
        "why",
        "diff",
        "trust",
        "doctor",
        "clean",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in {help}");
        Project::new().args([command, "--help"]).run().exits(0).prints("Usage: orch ");
        Project::new().args([command, "--no-such-flag"]).run().exits(2).says("--no-such-flag");
    }
    Project::new().args(["--version"]).run().exits(0).prints_exactly(&format!("orch {}\n", env!("CARGO_PKG_VERSION")));
}
