//! What becomes of a run when calls fail.

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

fn overloaded() -> Act {
    Act::error(503, &json!({"error": {"message": "too busy"}}))
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
fn a_rate_limit_is_waited_out_and_every_attempt_is_counted() {
    let server = Server::start();
    let limit = |name| Act::Status { code: 429, headers: vec![(name, "20".to_owned())], body: "{}".to_owned() };
    server.when("do a", [limit("retry-after-ms"), overloaded(), Act::Text("at last".to_owned())]);
    let ended = project(&server, QUICK, &["name: a, description: do a"])
        .run()
        .exits(0)
        .says("retrying in")
        .says("2 retries")
        .file_is(RESULT, "at last");
    assert_eq!(counts(&ended, &server), 3);
    let failed = ended.project.journal().into_iter().find(|record| record["type"] == "attempt_failed").unwrap();
    assert!(failed["retry_in_ms"].as_u64().unwrap() >= 20, "{failed}");
    assert_eq!((&failed["failure"]["kind"], &failed["failure"]["status"]), (&json!("rate_limited"), &json!(429)));
}

#[test]
fn attempts_have_an_end() {
    let server = Server::start();
    server.when("do a", vec![overloaded(); 9]);
    let ended = project(&server, QUICK, &["name: a, description: do a"])
        .run()
        .exits(1)
        .file_has(&output("a"), "failed after 3 attempts");
    assert_eq!(counts(&ended, &server), 3);
}

#[test]
fn what_cannot_get_better_is_asked_once() {
    let error = |code, inner: &str| Act::error(code, &json!({"error": {"message": "no", "code": inner}}));
    for (act, class) in [
        (error(400, "x"), "bad request"),
        (unauthorized(), "not authorized"),
        (error(403, "x"), "not authorized"),
        (error(404, "x"), "bad request"),
        (error(413, "x"), "bad request"),
        (error(429, "insufficient_quota"), "quota used up"),
        (error(400, "context_length_exceeded"), "prompt too long"),
        (
            Act::Status { code: 429, headers: vec![("retry-after", "86400".to_owned())], body: String::new() },
            "rate limited",
        ),
    ] {
        for model in ["openai/m", "anthropic/m"] {
            let server = Server::start();
            server.when("do a", [act.clone()]);
            let project = project(&server, QUICK, &["name: a, description: do a"]);
            let ended = project.and(["--model", model]).run().exits(1).says("FAILED").file_has(&output("a"), class);
            assert_eq!(counts(&ended, &server), 1, "{class} {model}");
        }
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
fn an_answer_that_breaks_off_is_asked_for_again() {
    let server = Server::start();
    server.when("do a", [Act::Cut { after: 300 }, Act::Text("whole".to_owned())]);
    let ended = project(&server, QUICK, &["name: a, description: do a"]).run().exits(0).file_is(RESULT, "whole");
    assert_eq!(counts(&ended, &server), 2);
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

#[test]
fn an_attempt_may_take_as_long_as_the_file_says() {
    let server = Server::start();
    server.when("do a", [Act::Stall { after: 250 }]);
    project(&server, "retry_strategy: none", &["name: a, description: do a, timeout_seconds: 0.2"])
        .run()
        .exits(1)
        .file_has(&output("a"), "timed out");
}

#[test]
fn a_resume_makes_only_what_failed() {
    let server = Server::start();
    server.when("do bad", [unauthorized()]);
    server.plays("do after_bad", "All");
    let ended = project(&server, "strategy: parallel", &BRANCHES).run().exits(1);
    ended.project.args(["resume"]).run().exits(0).says("2 of 4 done").file_has(RESULT, "All");
    assert_eq!(
        ["bad", "good", "after_bad", "after_good"].map(|task| server.calls(&format!("do {task}"))),
        [2, 1, 1, 1]
    );
}
