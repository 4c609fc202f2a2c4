//! What the flags of `orch run` change, and what is refused before anything is done.

use crate::project::{Project, RUN, orchestra, output};
use crate::server::{Act, Server};

const THREE: [&str; 3] = ["name: a, description: do a", "name: b, description: do b", "name: c, description: do c"];

fn project(execution: &str) -> Project {
    Project::new().file("x.yaml", orchestra(execution, &THREE)).args(RUN)
}

#[test]
fn strategy_and_limit_can_be_set_over_the_file() {
    for (flags, most) in
        [(vec!["--strategy", "parallel"], 3), (vec!["--strategy", "parallel", "--max-parallel", "2"], 2)]
    {
        let server = Server::start();
        server.when("Your task", vec![Act::Hold; 3]);
        let running = project("strategy: sequential").server(&server).and(flags).spawn();
        server.wait_for(most);
        server.release();
        running.wait().exits(0);
        assert_eq!((server.seen().len(), server.most_in_flight()), (3, most));
    }
    let server = Server::start();
    project("strategy: parallel").server(&server).and(["--strategy", "sequential"]).run().exits(0);
    assert_eq!((server.tasks(), server.most_in_flight()), (["do a", "do b", "do c"].map(str::to_owned).to_vec(), 1));
}

#[test]
fn the_timeout_can_be_set_over_the_file() {
    let server = Server::start();
    server.when("do a", [Act::Stall { after: 0 }]);
    let project = project("strategy: sequential, task_timeout_seconds: 500, retry_strategy: none").server(&server);
    project.and(["--timeout", "1"]).run().exits(1).file_has(&output("a"), "timed out");
}

#[test]
fn the_model_can_be_set_over_the_file() {
    let server = Server::start();
    let project = project("").server(&server);
    project.and(["--model", "anthropic/claude-9"]).run().exits(0);
    project.env("ORCH_MODEL", "openai/gpt-9").run().exits(0);
    let asked: Vec<(String, String)> =
        server.seen().into_iter().map(|seen| (seen.path, seen.body["model"].as_str().unwrap().to_owned())).collect();
    assert!(asked[..3].iter().all(|(path, model)| path == "/v1/messages" && model == "claude-9"), "{asked:?}");
    assert!(asked[3..].iter().all(|(path, model)| path == "/v1/chat/completions" && model == "gpt-9"), "{asked:?}");
}

#[test]
fn the_workspace_can_be_set_over_the_file_and_may_be_anywhere() {
    let server = Server::start();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("deep/results");
    let project = project("").server(&server);
    project
        .and(["--workspace", path.to_str().unwrap()])
        .run()
        .exits(0)
        .says(path.to_str().unwrap())
        .no_file("orchestra_workspaces");
    assert!(path.join("task_outputs/c_output.txt").is_file());
    project.and(["--workspace", "results"]).run().exits(0).file_has("results/task_outputs/a_output.txt", "echo");
}

#[test]
fn flags_stand_before_or_after_the_name() {
    let server = Server::start();
    let project = Project::new()
        .file("orchestras/y_orchestra.yaml", orchestra("", &THREE).replace("id: x\n", "id: x\n  reuse: false\n"))
        .server(&server);
    for name in ["y", "x", "orchestras/y_orchestra.yaml"] {
        project.args(["run", "--verbose", "--goal", "a goal of some words", name]).run().exits(0);
        project.args(["run", name, "-g", "a goal of some words", "-v"]).run().exits(0);
    }
    assert_eq!(server.seen().len(), 18);
}

#[test]
fn without_a_model_nothing_is_begun() {
    project("")
        .run()
        .exits(2)
        .says("no model is configured")
        .says("OPENAI_API_KEY")
        .says("--rehearse")
        .no_file(".orchestra")
        .no_file("orchestra_workspaces");
    project("")
        .and(["--model", "anthropic/x"])
        .run()
        .exits(2)
        .says("ANTHROPIC_API_KEY is not set")
        .no_file(".orchestra");
}

#[test]
fn a_dry_run_calls_nothing_and_writes_nothing() {
    let server = Server::start();
    let project = project("strategy: parallel").server(&server).and(["--dry-run"]);
    let before = project.files();
    project
        .run()
        .exits(0)
        .prints("order: a, b, c")
        .prints("wave 1: a, b, c")
        .prints("agent developer on openai/gpt-5-mini")
        .prints("estimate: 3 calls")
        .says("Nothing was called and nothing was written.");
    assert_eq!(project.files(), before);
    assert!(server.seen().is_empty());
}

#[test]
fn a_dry_run_without_a_model_warns() {
    project("").and(["--dry-run"]).run().exits(0).prints("no model").says("warning: agent developer could not run");
}

#[test]
fn a_file_with_mistakes_is_refused_with_all_of_them() {
    let server = Server::start();
    let yaml = "tasks:\n  - {name: a, agent: nobody, descripton: x, context: [b]}\n";
    let project = Project::new().file("x.yaml", yaml).server(&server).args(RUN);
    project.run().exits(2).says("x.yaml:2").says("descripton").no_file(".orchestra");
    assert!(server.seen().is_empty());
}

#[test]
fn a_name_that_is_almost_right_is_suggested() {
    let project = Project::new().file("orchestras/feature_orchestra.yaml", orchestra("", &THREE));
    project
        .args(["run", "x1", "--rehearse"])
        .run()
        .exits(2)
        .says("there is no orchestra `x1`")
        .says("did you mean `x`?");
    let empty = Project::new().file(".orchestra/notes", "");
    empty.args(["resume"]).run().exits(0).says("nothing to resume");
    empty.args(["resume", "run_20261120_093000_7f3a"]).run().exits(2).says("there is no run");
}
