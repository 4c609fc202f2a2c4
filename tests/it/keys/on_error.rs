//! `on_error`: what becomes of the other tasks, and of the run, when one fails.

use serde_json::json;

use crate::project::{Ended, Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

/// Waits that a test can afford.
const QUICK: &str = "retry_strategy: {strategy: fixed, max_attempts: 3, initial_seconds: 0}";

fn project(server: &Server, execution: &str, tasks: &[&str]) -> Project {
    Project::new().file("x.yaml", orchestra(execution, tasks)).server(server).args(RUN)
}

fn unauthorized() -> Act {
    Act::error(401, &json!({"error": {"message": "bad key", "code": "invalid_api_key"}}))
}

/// Our count of attempts and calls is the server's.
fn counts(ended: &Ended, server: &Server) -> usize {
    let [attempts, calls] = ["attempt_started", "call_started"].map(|event| ended.project.journalled(event).len());
    assert_eq!((attempts, calls), (server.seen().len(), server.seen().len()));
    attempts
}

const BRANCHES: [&str; 4] = [
    "name: bad, description: do bad",
    "name: good, description: do good",
    "name: after_bad, description: do after_bad, context: [bad, good]",
    "name: after_good, description: do after_good, context: [good]",
];

#[test]
fn a_failure_skips_what_needs_it_and_leaves_the_rest() {
    let server = Server::start();
    server.when("do bad", [unauthorized()]);
    server.plays("do after_good", "Fine");
    let ended = project(&server, "strategy: parallel", &BRANCHES)
        .run()
        .exits(1)
        .prints_exactly("")
        .says("PARTIAL")
        .says("not run: it needs bad")
        .file_has(&output("bad"), "ERROR: task bad failed after 1 attempt")
        .file_has(&output("bad"), "bad key")
        .file_is(&output("after_good"), "Fine")
        .no_file(&output("after_bad"))
        .no_file(RESULT);
    assert_eq!(counts(&ended, &server), 3);
}

#[test]
fn on_error_says_whether_the_others_go_on() {
    for (on_error, code_of, asked) in [("stop", "stopped after bad failed", 1), ("continue", "needs bad", 3)] {
        let server = Server::start();
        server.when("do bad", [unauthorized()]);
        let execution = format!("strategy: parallel, max_parallel_tasks: 1, on_error: {on_error}");
        project(&server, &execution, &BRANCHES).run().exits(1).says(code_of);
        assert_eq!(server.seen().len(), asked, "{on_error}");
    }
}

#[test]
fn a_truncated_answer_is_no_output_and_nothing_is_built_on_it() {
    let server = Server::start();
    let cut = json!({"choices": [{"message": {"content": "half a"}, "finish_reason": "length"}]});
    server.when("do bad", [Act::json(cut.to_string())]);
    project(&server, QUICK, &BRANCHES[..3])
        .run()
        .exits(1)
        .file_has(&output("bad"), "answer truncated")
        .no_file(&output("after_bad"));
    assert_eq!(server.calls("do after_bad"), 0);
}

#[test]
fn when_every_call_fails_nothing_says_success() {
    let server = Server::start();
    server.when("do", vec![unauthorized(); 9]);
    let ended = project(&server, "strategy: parallel", &BRANCHES[..2])
        .run()
        .exits(1)
        .prints_exactly("")
        .says("FAILED")
        .does_not_say("SUCCEEDED")
        .does_not_say("succeeded")
        .does_not_say("completed")
        .no_file(RESULT);
    assert_eq!(ended.project.journal().last().unwrap()["status"], "failed");
    assert!(ended.project.journalled("task_succeeded").is_empty());
}
