//! `api_key_command`: a key that expires is asked for again, once for all calls that it fails.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::project::{Ended, Project, RUN, output};
use crate::server::{Act, Seen, Server};

const EXPIRED: &str = "sk-canary-number-1";
const NEWER: &str = "sk-canary-number-2";

/// A number of tasks at once, each with a model of its own, whose keys come from `script`.
fn project(server: &Server, tasks: usize, script: &str) -> Project {
    let model = |n| {
        json!({"provider": "openai", "model": format!("m{n}"), "base_url": server.openai(),
               "api_key_command": ["sh", "-c", script]})
    };
    let models: serde_json::Map<String, Value> = (0..tasks).map(|n| (format!("m{n}"), model(n))).collect();
    let agents: Vec<Value> = (0..tasks).map(|n| json!({"name": format!("a{n}"), "model": format!("m{n}")})).collect();
    let tasks: Vec<Value> = (0..tasks)
        .map(|n| json!({"name": format!("t{n}"), "agent": format!("a{n}"), "description": format!("do {n}")}))
        .collect();
    let execution = json!({"strategy": "parallel", "max_parallel_tasks": 0});
    let file = json!({"orchestra": {"id": "x", "execution": execution}, "limits": {"max_api_calls": tasks.len()}, "models": models, "agents": agents, "tasks": tasks});
    Project::new().file("x.yaml", file.to_string()).env("PATH", "/usr/bin:/bin").args(RUN)
}

/// Prints another key at each start, and notes the start.
const COUNTING: &str = "echo start >> starts; printf 'sk-canary-number-%s' $(grep -c start starts)";

fn starts(ended: &Ended) -> usize {
    ended.project.read("starts").unwrap_or_default().lines().count()
}

fn has_key(seen: &Seen, key: &str) -> bool {
    seen.header("authorization") == Some(&format!("Bearer {key}"))
}

fn refusal(code: u16, message: &str) -> Act {
    Act::error(code, &json!({"error": {"message": message}}))
}

fn attempts(ended: &Ended) -> usize {
    ended.project.journalled("attempt_started").len()
}

#[test]
fn fifty_calls_with_an_expired_key_ask_for_a_new_one_once() {
    let server = Server::start();
    let all_are_refused = Barrier::new(50);
    server.directs(move |seen| match has_key(seen, EXPIRED) {
        true => {
            all_are_refused.wait();
            refusal(401, "expired")
        }
        false if has_key(seen, NEWER) => Act::Text(format!("the key is {NEWER}")),
        false => refusal(400, "another key"),
    });
    let ended = project(&server, 50, COUNTING).run().exits(0);
    assert_eq!((server.seen().len(), starts(&ended), attempts(&ended)), (100, 2, 50));
    // What is new is as secret as what it replaces.
    let ended = ended.file_is(&output("t7"), "the key is [redacted]");
    let files = ended.project.files();
    let shows = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(NEWER);
    assert_eq!(files.iter().filter(|(_, bytes)| shows(bytes)).map(|(path, _)| path).next(), None);
}

#[test]
fn a_403_that_speaks_of_an_expired_token_is_one_of_the_key_and_another_is_not() {
    for (message, asked) in [("the security token included in the request is expired", 2), ("not your model", 1)] {
        let server = Server::start();
        server.when("do 0", [refusal(403, message)]);
        let ended = project(&server, 1, COUNTING).run();
        assert_eq!((ended.code(), starts(&ended)), (Some(i32::from(asked == 1)), asked), "{message}");
    }
}

#[test]
fn a_command_that_prints_the_same_key_is_asked_once_more_and_not_again() {
    let server = Server::start();
    server.directs(|_| refusal(401, "wrong key"));
    let ended = project(&server, 3, "echo start >> starts; printf sk-canary-number-1").run().exits(1);
    assert_eq!((server.seen().len(), starts(&ended)), (3, 2));
    ended.says("its api_key_command was asked again and printed the same key");
}

#[test]
fn a_new_key_that_is_refused_too_is_the_end_of_it() {
    let server = Server::start();
    server.directs(|_| refusal(401, "wrong key"));
    let ended = project(&server, 1, COUNTING).run().exits(1);
    assert_eq!((server.seen().len(), starts(&ended), attempts(&ended)), (2, 2, 1));
}

#[test]
fn a_command_that_fails_when_it_is_asked_again_is_named() {
    let server = Server::start();
    server.directs(|_| refusal(401, "wrong key"));
    let ended = project(&server, 1, "test ! -e starts || exit 7; echo x > starts; printf sk-canary-number-1").run();
    ended.exits(1).says("its api_key_command was asked again and failed (exited with code 7)");
    assert_eq!(server.seen().len(), 1);
}
