//! What a tool has done stands, however the attempt ended in which it was used: nobody who goes on does it again unaware.

use serde_json::json;

use crate::keys::tools::calls;
use crate::project::{Project, RUN};
use crate::server::{Act, Server};

const HEAD: &str = "orchestra: {id: x, execution: {retry_strategy: none}}\n\
                    agents: [{name: clerk, model: [openai/first, openai/second], tools: [read_file, {name: run_command, allow: [[sh, send.sh]]}]}]\n";

fn project(server: &Server, task: &str) -> Project {
    let text = format!("{HEAD}tasks: [{{name: a, agent: clerk, description: write to the customer{task}}}]\n");
    Project::new().file("x.yaml", text).file("send.sh", "echo $1 >> sent.txt; echo sent\n").server(server).args(RUN)
}

/// Reads a file, and sends a letter.
fn uses_tools() -> Act {
    calls(&[
        ("1", "read_file", json!({"path": "send.sh"})),
        ("2", "run_command", json!({"argv": ["sh", "send.sh", "hello"]})),
    ])
}

/// A whole answer that ends for this reason.
fn ends(text: &str, finish_reason: &str) -> Act {
    let message = json!({"role": "assistant", "content": text});
    let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5});
    Act::json(json!({"object": "chat.completion", "choices": [choice], "usage": usage}).to_string())
}

/// What the model was told first in its last request.
fn first_words(server: &Server) -> String {
    server.seen().last().unwrap().body["messages"][1]["content"].as_str().unwrap().to_owned()
}

fn is_told(server: &Server) {
    let words = first_words(server);
    for part in
        ["What its tools did stands", r#"run_command {"argv":["sh","send.sh","hello"]}, which answered:"#, "sent"]
    {
        assert!(words.contains(part), "{words}");
    }
    assert!(words.find("stands") < words.find("Your task: write to the customer"), "{words}");
    assert!(!words.contains("read_file"), "what only reads may be read again: {words}");
}

#[test]
fn the_next_model_is_told_what_the_one_before_it_did() {
    let too_long = Act::error(400, &json!({"error": {"message": "too long", "code": "context_length_exceeded"}}));
    let needs_a = ", output: {schema: {type: object, required: [a]}}";
    for (case, task, acts) in [
        ("the prompt is too long", "", vec![too_long]),
        ("the answer does not fit", needs_a, vec![ends("no", "stop"), ends("no", "stop")]),
        ("a filter declines", "", vec![ends("", "content_filter")]),
    ] {
        let server = Server::start();
        let last = ends(r#"{"a": 1}"#, "stop");
        server.when("write to the customer", [uses_tools()].into_iter().chain(acts).chain([last]));
        let ended = project(&server, task).run().exits(0);
        assert_eq!(server.seen().last().unwrap().body["model"], "second", "{case}");
        is_told(&server);
        ended.file_is("sent.txt", "hello\n");
    }
}

#[test]
fn a_resume_after_a_failed_check_is_told_too() {
    let server = Server::start();
    let answer = || ends("done", "stop");
    // Each of the two models has its answer refused twice.
    server.when("write to the customer", [uses_tools(), answer(), answer(), answer(), answer(), answer()]);
    let failed = project(&server, ", verify: [{run: [test, -e, ok]}]").run().exits(1);
    let project = failed.project.file("ok", "");
    project.args(["resume"]).run().exits(0).file_is("sent.txt", "hello\n");
    is_told(&server);
}

#[test]
fn what_was_told_once_is_told_until_the_task_is_done() {
    let server = Server::start();
    let filtered = || ends("", "content_filter");
    server.when("write to the customer", [uses_tools(), filtered(), filtered(), ends("done", "stop")]);
    let failed = project(&server, "").run().exits(1);
    failed.project.args(["resume"]).run().exits(0).file_is("sent.txt", "hello\n");
    is_told(&server);
}
