//! Conversations that grow longer than the model's window: the oldest part is left out, as the journal says, and the task
//! goes on.

use serde_json::{Value, json};

use crate::keys::tools::calls;
use crate::project::{Project, RUN, output};
use crate::server::{Act, Server};

/// About 300 tokens, and about 1,000.
const PAGE: usize = 1_200;
const LONG_PAGE: usize = 4_000;

/// An agent that reads pages of this size, and sends a letter before.
fn project(server: &Server, page: usize, model: &str, more: &str) -> Project {
    let text = format!(
        "orchestra: {{id: x, execution: {{retry_strategy: none}}}}\nmodels: {{m: {{provider: openai, model: m{model}}}}}\n\
         agents: [{{name: clerk, model: m, tools: [read_file, {{name: run_command, allow: [[sh, send.sh]]}}]}}]\n\
         tasks: [{{name: a, agent: clerk, description: read all pages{more}}}]\n"
    );
    Project::new()
        .file("x.yaml", text)
        .file("page.txt", "x".repeat(page))
        .file("send.sh", "echo $1 >> sent.txt; echo sent\n")
        .server(server)
        .args(RUN)
}

fn sends() -> Act {
    calls(&[("send", "run_command", json!({"argv": ["sh", "send.sh", "hello"]}))])
}

fn reads(n: usize) -> Act {
    calls(&[(&format!("read{n}"), "read_file", json!({"path": "page.txt"}))])
}

/// The length of a request's texts, in tokens of four characters.
fn tokens(body: &Value) -> usize {
    let messages = body["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap_or_default().len() / 4).sum()
}

/// Every result of a tool follows the turn that asked for it, and every turn has all of its results.
fn is_well_formed(body: &Value) -> bool {
    let messages = body["messages"].as_array().unwrap();
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let answers = message["tool_call_id"].as_str();
        match answers {
            Some(id) if open.first() == Some(&id) => drop(open.remove(0)),
            Some(_) => return false,
            None if !open.is_empty() => return false,
            None => {
                let calls = message["tool_calls"].as_array().into_iter().flatten();
                open = calls.filter_map(|call| call["id"].as_str()).collect();
            }
        }
    }
    open.is_empty() && messages[0]["role"] == "system" && messages[1]["role"] == "user"
}

#[test]
fn a_conversation_is_kept_within_the_window_and_what_was_done_is_still_told() {
    let server = Server::start();
    let acts = [sends()].into_iter().chain((0..60).map(reads)).chain([Act::Text("read".to_owned())]);
    server.when("read all pages", acts);
    let project = project(&server, PAGE, ", context_window: 3200, max_tokens: 200", ", limits: {max_iterations: 70}");
    let ended = project.run().exits(0).says("the conversation is too long").file_is(&output("a"), "read");
    let seen = server.seen();
    assert_eq!(seen.len(), 62);
    for (place, request) in seen.iter().enumerate() {
        assert!(tokens(&request.body) <= 3200, "{place}: {}", tokens(&request.body));
        assert!(is_well_formed(&request.body), "{place}: {}", request.body);
    }
    let last = seen.last().unwrap().body["messages"].to_string();
    assert!(last.contains("The beginning of this conversation was left out") && last.contains("send.sh"), "{last}");
    assert!(last.contains("bytes were left out here to save room"), "{last}");
    assert!(last.contains(&"x".repeat(PAGE)), "the last answer is shown whole");
    assert_eq!(ended.project.read("sent.txt").unwrap(), "hello\n");
    assert_eq!(ended.project.journalled("attempt_started").len(), 1);
    let compacted = ended.project.journalled("conversation_compacted").len();
    assert!((3..30).contains(&compacted), "not after every round: {compacted}");
}

#[test]
fn a_resume_goes_on_with_what_was_left() {
    let server = Server::start();
    server.when("read all pages", [sends()].into_iter().chain((0..5).map(reads)).chain([Act::Text("read".to_owned())]));
    let project =
        project(&server, LONG_PAGE, ", context_window: 3200, max_tokens: 200", ", limits: {max_iterations: 5}");
    let limited = project.run().exits(3);
    let before = limited.project.journalled("conversation_compacted").len();
    assert!(before > 0);
    limited.project.args(["resume"]).run().exits(0).file_is(&output("a"), "read");
    let first = &server.seen()[5].body;
    assert!(first.to_string().contains("bytes were left out here") && is_well_formed(first), "{first}");
}

#[test]
fn what_a_server_finds_too_long_is_halved_in_the_same_attempt() {
    let server = Server::start();
    let too_long = Act::error(400, &json!({"error": {"message": "too long", "code": "context_length_exceeded"}}));
    let acts = (0..4).map(reads).chain([too_long, Act::Text("read".to_owned())]);
    server.when("read all pages", acts);
    let ended = project(&server, LONG_PAGE, "", "").run().exits(0).file_is(&output("a"), "read");
    let seen = server.seen();
    let lengths: Vec<usize> = seen[4..].iter().map(|request| tokens(&request.body)).collect();
    assert!(lengths.len() == 2 && lengths[1] * 2 <= lengths[0] + 200, "{lengths:?}");
    assert_eq!(ended.project.journalled("attempt_started").len(), 1);
    assert_eq!(ended.project.journalled("conversation_compacted").len(), 1);
}

#[test]
fn a_prompt_that_is_too_long_from_the_start_fails_as_it_did() {
    let server = Server::start();
    let too_long = Act::error(400, &json!({"error": {"message": "too long", "code": "context_length_exceeded"}}));
    server.when("read all pages", [too_long]);
    let ended = project(&server, LONG_PAGE, "", "").run().exits(1).says("too long");
    assert!(ended.project.journalled("conversation_compacted").is_empty());
}
