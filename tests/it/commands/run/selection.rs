//! A part of an orchestra, on what earlier runs have left.

use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const CHAIN: [&str; 3] = [
    "name: a, description: do a",
    "name: b, description: do b, context: [a]",
    "name: c, description: do c, context: [b]",
];

fn chain(server: &Server) -> Project {
    Project::new().file("x.yaml", orchestra("strategy: sequential", &CHAIN)).server(server).args(RUN)
}

#[test]
fn from_runs_a_task_and_what_follows_on_what_is_there() {
    let server = Server::start();
    server.when("Your task: do a\"", [Act::Text("Alpha".to_owned())]);
    server.when("Your task: do b\"", ["first", "second"].map(|text| Act::Text(text.to_owned())));
    server.plays("do c", "Gamma");
    let project = chain(&server);
    let first = project.run().exits(0).file_is(&output("b"), "first").project.runs();
    project
        .and(["--from", "b"])
        .run()
        .exits(0)
        .says(&format!("[a] ✅ reused from {}", first[0]))
        .file_is(&output("a"), "Alpha")
        .file_is(&output("b"), "second")
        .file_is(RESULT, "Gamma");
    assert_eq!(server.tasks(), ["do a", "do b", "do c", "do b", "do c"]);
    assert!(server.seen()[3].prompt().contains("Alpha") && server.seen()[4].prompt().contains("second"));
}

#[test]
fn only_runs_a_task_alone() {
    let server = Server::start();
    let project = chain(&server);
    project.run().exits(0);
    project.and(["--only", "b"]).run().exits(0).says("reused");
    assert_eq!(server.tasks(), ["do a", "do b", "do c", "do b"]);
    project.and(["--only", "a,c"]).run().exits(0);
    assert_eq!(server.seen().len(), 6);
}

#[test]
fn what_is_not_there_is_named_before_anything() {
    let server = Server::start();
    let project = chain(&server);
    for (flags, words) in [
        (["--from", "b"], "there is no earlier output of `a`"),
        (["--only", "c"], "there is no earlier output of `b`"),
        (["--only", "d"], "has no task `d`"),
        (["--from", "../a"], "--from ../a"),
    ] {
        project.and(flags).run().exits(2).says(words).no_file(".orchestra").no_file("orchestra_workspaces");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_selection_that_was_interrupted_is_resumed_as_that() {
    let server = Server::start();
    let project = chain(&server);
    project.run().exits(0);
    server.when("Your task: do c", [Act::Status { code: 401, headers: vec![], body: String::new() }]);
    project.and(["--from", "b"]).run().exits(1);
    project.args(["resume"]).run().exits(0);
    assert_eq!(["do a", "do b", "do c"].map(|task| server.calls(task)), [1, 2, 3]);
}

#[test]
fn a_resumed_selection_keeps_its_script() {
    let script = "replies:\n  - {task: c, fail: auth}\n  - {task: d, text: Delta}\n";
    let tasks = [CHAIN[0], CHAIN[1], CHAIN[2], "name: d, description: do d, context: [c]"];
    let project = Project::new().file("x.yaml", orchestra("strategy: sequential", &tasks)).file("s.yaml", script);
    let rehearse = project.args(RUN).and(["--rehearse", "--script", "s.yaml"]);
    rehearse.run().exits(1);
    // The script also names `d`, which has no place in this run.
    rehearse.and(["--only", "c"]).run().exits(1);
    let mended = project.file("s.yaml", script.replace("fail: auth", "text: Gamma"));
    mended.args(["resume"]).run().exits(0).file_is(&output("c"), "Gamma").no_file(&output("d"));
}
