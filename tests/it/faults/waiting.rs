//! Providers that do not take calls for a while: to wait for them costs time, and neither attempts nor tasks.

use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::json;

use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const TWICE: &str = "retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}";

fn refusal(after_ms: Option<u32>) -> Act {
    let headers = after_ms.map(|ms| ("retry-after-ms", ms.to_string())).into_iter().collect();
    Act::Status { code: 429, headers, body: json!({"error": {"message": "slow down"}}).to_string() }
}

#[test]
fn a_task_waits_out_more_rate_limits_than_it_has_attempts() {
    let server = Server::start();
    server.when("do a", (0..7).map(|_| refusal(Some(5))).chain([Act::Text("at last".to_owned())]));
    let project = Project::new().file("x.yaml", orchestra(TWICE, &["name: a, description: do a"]));
    project.server(&server).args(RUN).run().exits(0).file_is(RESULT, "at last");
    assert_eq!(server.seen().len(), 8);
}

#[test]
fn who_allows_one_attempt_does_not_wait() {
    let server = Server::start();
    server.when("do a", [refusal(Some(5))]);
    let project = Project::new().file("x.yaml", orchestra("retry_strategy: none", &["name: a, description: do a"]));
    project.server(&server).args(RUN).run().exits(1).file_has(&output("a"), "rate limited");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_wait_that_is_too_long_fails_the_task() {
    let server = Server::start();
    server.when("do a", (0..3).map(|_| refusal(Some(400_000))));
    let project = Project::new().file("x.yaml", orchestra(TWICE, &["name: a, description: do a"]));
    project.server(&server).args(RUN).run().exits(1).file_has(&output("a"), "rate limited");
    assert_eq!(server.seen().len(), 1);
}

/// Fifty tokens a second, five at most, and no word of when there is another one.
#[test]
fn no_task_fails_of_a_limit_that_nobody_names() {
    let server = Server::start();
    let bucket = Mutex::new((5.0_f64, Instant::now()));
    server.directs(move |_| {
        let mut bucket = bucket.lock().unwrap();
        let now = Instant::now();
        let tokens = (bucket.0 + 50.0 * (now - bucket.1).as_secs_f64()).min(5.0);
        *bucket = (if tokens >= 1.0 { tokens - 1.0 } else { tokens }, now);
        if tokens >= 1.0 { Act::Text("done".to_owned()) } else { refusal(None) }
    });
    let tasks: Vec<String> = (0..40).map(|n| format!("name: t{n}, description: do {n}")).collect();
    let tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
    let execution = format!("strategy: parallel, max_parallel_tasks: 0, {TWICE}");
    Project::new().file("x.yaml", orchestra(&execution, &tasks)).server(&server).args(RUN).run().exits(0);
}

#[test]
fn a_server_that_is_gone_for_a_while_costs_neither_attempts_nor_calls() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = orchestra(TWICE, &["name: a, description: do a"]) + "limits: {max_api_calls: 1}\n";
    let project = Project::new().file("x.yaml", text).env("OPENAI_BASE_URL", format!("http://{address}/v1")).args(RUN);
    let running = project.spawn();
    let refused = |project: &Project| {
        let is_refused = |event: &&serde_json::Value| event["type"] == "attempt_failed";
        !project.runs().is_empty() && project.journal().iter().filter(is_refused).count() >= 3
    };
    running.wait_until(|| refused(&running.project()));
    let server = Server::start_at(address);
    running.wait().exits(0).says("refused the connection");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_server_that_stays_away_fails_the_task_after_the_time_that_the_file_gives() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let execution = format!("outage_seconds: 0, {TWICE}");
    let project = Project::new().file("x.yaml", orchestra(&execution, &["name: a, description: do a"]));
    let project = project.env("OPENAI_BASE_URL", format!("http://{address}/v1")).args(RUN);
    project.run().exits(1).file_has(&output("a"), "unreachable").file_has(&output("a"), "failed after 2 attempts");
}
