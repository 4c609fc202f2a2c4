//! `verify`: a task is done when its evidence is there.

use crate::project::{Project, RUN};
use crate::server::{Act, Server};

const HEAD: &str =
    "orchestra: {id: x, execution: {retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}}}\n";

fn project(server: &Server, rest: &str) -> Project {
    Project::new().file("x.yaml", format!("{HEAD}{rest}")).server(server).args(RUN)
}

#[test]
fn a_task_is_done_by_evidence_and_not_by_words() {
    let server = Server::start();
    let tasks = "tasks:\n  - name: a\n    agent: writer\n    description: do a\n    output: {format: file, file: out/a.txt}\n    verify: [{file: out/a.txt}, {run: [grep, -q, good, out/a.txt]}]\n";
    server.when("do a", [Act::Text("It is done.".into()), Act::Text("```\na good one\n```".into())]);
    project(&server, tasks).run().exits(0).file_is("out/a.txt", "a good one\n");
    assert!(server.seen()[1].prompt().contains("`grep -q good out/a.txt` failed"));
}
