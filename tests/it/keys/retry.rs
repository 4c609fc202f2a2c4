//! `retry_strategy`: which failures are tried again, when, and how often.

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
        (error(413, "x"), "prompt too long"),
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
fn an_answer_that_breaks_off_is_asked_for_again() {
    let server = Server::start();
    server.when("do a", [Act::Cut { after: 300 }, Act::Text("whole".to_owned())]);
    let ended = project(&server, QUICK, &["name: a, description: do a"]).run().exits(0).file_is(RESULT, "whole");
    assert_eq!(counts(&ended, &server), 2);
}
