//! `result`: the tasks whose outputs are the result of a run.

use serde_json::json;

use crate::commands::validate::messages;
use crate::project::{Project, RESULT, RUN, orchestra};
use crate::server::{Act, Server};

const TASKS: [&str; 3] = [
    "name: a, description: do a",
    "name: b, description: do b, context: [a]",
    "name: c, description: do c, context: [b], when: \"{{ outputs.b == 'no' }}\"",
];

fn text(result: &str) -> String {
    format!("{}result: {result}\n", orchestra("strategy: parallel", &TASKS))
}

fn project(server: &Server, result: &str) -> Project {
    for task in ["a", "b", "c"] {
        server.plays(&format!("do {task}"), &format!("made {task}"));
    }
    Project::new().file("x.yaml", text(result)).server(server).args(RUN)
}

#[test]
fn the_result_is_that_of_the_tasks_that_the_file_names_in_its_order() {
    for (named, result) in [("[a]", "made a"), ("[b, a]", "# b\n\nmade b\n\n# a\n\nmade a\n\n"), ("[c, a]", "made a")] {
        let server = Server::start();
        project(&server, named).run().exits(0).file_is(RESULT, result).prints("made a");
    }
}

#[test]
fn what_was_left_out_and_what_failed_is_no_result() {
    let server = Server::start();
    project(&server, "[c]").run().exits(0).prints_exactly("").no_file(RESULT);
    let server = Server::start();
    let failure = Act::error(401, &json!({"error": {"message": "bad key", "code": "invalid_api_key"}}));
    server.when("do b", [failure]);
    project(&server, "[a, b]").run().exits(1).prints_exactly("").no_file(RESULT);
}

#[test]
fn mistakes_in_the_result_are_found_before_the_run() {
    assert_eq!(messages(text("[a, d]")), ["there is no task `d`"]);
    assert_eq!(messages(text("[]")), ["`result` names no task"]);
    assert_eq!(messages(text("[a, a]")), ["`a` stands twice in `result`"]);
}
