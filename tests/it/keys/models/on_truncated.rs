//! `on_truncated`: an answer that is cut off at `max_tokens` goes on.

use serde_json::{Value, json};

use crate::project::{Project, RESULT, RUN};
use crate::server::vendor::{Said, Vendor, anthropic, gemini, ollama, openai, responses, zhipu};
use crate::server::{Act, Server};

/// An orchestra of one task on one model.
fn file(model: &str, task: &str) -> String {
    format!(
        "orchestra: {{id: x, execution: {{retry_strategy: none}}}}\n\
         models:\n  it: {{model: m, max_tokens: 5, {model}}}\nagents: [{{name: writer, model: it}}]\n\
         tasks: [{{name: a, agent: writer, description: do a{task}}}]\n"
    )
}

const GOING_ON: &str = "on_truncated: continue, provider";

fn project(server: &Server, model: &str, task: &str) -> Project {
    Project::new()
        .file("x.yaml", file(model, task))
        .server(server)
        .env("OLLAMA_HOST", server.url())
        .env("GEMINI_BASE_URL", server.url())
        .env("ZAI_BASE_URL", format!("{}/api/paas/v4", server.url()))
        .args(RUN)
}

/// An answer of a vendor that ends at the limit, or by itself.
fn said(vendor: &Vendor, text: &str, is_cut: bool) -> Act {
    let reason = if is_cut { vendor.reasons.limit } else { vendor.reasons.end };
    Act::json((vendor.whole)(&Said { text, calls: &[], reason, usage: true }).to_string())
}

fn plays(server: &Server, parts: &[&str]) {
    let last = parts.len() - 1;
    let acts = parts.iter().enumerate().map(|(place, text)| said(&openai::ROW, text, place < last));
    server.when("do a", acts.collect::<Vec<_>>());
}

fn events(project: &Project, kind: &str) -> Vec<Value> {
    project.journal().into_iter().filter(|event| event["type"] == kind).collect()
}

#[test]
fn the_parts_of_an_answer_are_joined_whoever_writes_it() {
    for vendor in [&openai::ROW, &responses::ROW, &anthropic::ROW, &gemini::ROW, &ollama::ROW, &zhipu::ROW] {
        let server = Server::start();
        let parts = [
            said(vendor, "One, two", true),
            said(vendor, "One, two, three", true),
            said(vendor, "One, two, three.", false),
        ];
        server.when("do a", parts);
        let ended = project(&server, &format!("{GOING_ON}: {}", vendor.name), "").run().exits(0);
        ended.file_is(RESULT, "One, two, three.");
    }
}

#[test]
fn the_model_is_shown_its_part_and_asked_to_go_on() {
    let server = Server::start();
    plays(&server, &["{\"a\": 1,", "{\"a\": 1, \"b\": 2}"]);
    let task = ", output: {format: json, schema: {type: object, required: [a, b]}}";
    let ended = project(&server, &format!("{GOING_ON}: openai"), task).run().exits(0).says("cut off at the limit");
    let seen = server.seen();
    let messages = seen[1].body["messages"].as_array().unwrap();
    assert_eq!(messages[2], json!({"role": "assistant", "content": "{\"a\": 1,"}));
    let asked = messages[3]["content"].as_str().unwrap();
    assert!(asked.contains("cut off") && asked.ends_with("\n\n{\"a\": 1,"), "{asked}");
    // A schema would have it begin anew.
    assert!(seen[0].body.get("response_format").is_some() && seen[1].body.get("response_format").is_none());
    // Each call is an event, with its price and its part.
    let calls = events(&ended.project, "call_finished");
    assert_eq!(calls.len(), 2);
    assert_eq!((&calls[0]["turn"]["text"], &calls[0]["turn"]["is_cut"]), (&json!("{\"a\": 1,"), &json!(true)));
    assert_eq!(calls[1]["usage"]["output_tokens"], 5);
}

#[test]
fn without_it_an_answer_that_is_cut_off_fails() {
    for model in ["provider: openai", "provider: openai, on_truncated: fail"] {
        let server = Server::start();
        plays(&server, &["One, two", "One, two, three."]);
        project(&server, model, "").run().exits(1).says("the answer was cut off").no_file(RESULT);
        assert_eq!(server.calls("do a"), 1);
    }
}

#[test]
fn an_answer_does_not_go_on_for_ever() {
    let server = Server::start();
    server.when("do a", (0..20).map(|number| said(&openai::ROW, &format!("part {number} "), true)));
    let ended = project(&server, &format!("{GOING_ON}: openai"), "").run().exits(1);
    ended.says("and this is part 9 of it").no_file(RESULT);
    assert_eq!(server.seen().len(), 9);
}

#[test]
fn limits_count_the_parts() {
    let server = Server::start();
    server.when("do a", (0..20).map(|number| said(&openai::ROW, &format!("part {number} "), true)));
    let project = project(&server, &format!("{GOING_ON}: openai"), ", limits: {max_api_calls: 3}");
    project.run().exits(3).says("max_api_calls").no_file(RESULT);
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_resume_goes_on_with_the_parts_that_there_are() {
    let server = Server::start();
    server.when("do a", [said(&openai::ROW, "One, two", true), Act::error(401, &json!({"error": {"message": "no"}}))]);
    let project = project(&server, &format!("{GOING_ON}: openai"), "");
    project.run().exits(1);
    server.when("do a", [said(&openai::ROW, "One, two, three.", false)]);
    project.args(["resume"]).run().exits(0).file_is(RESULT, "One, two, three.");
    let last = server.seen().pop().unwrap();
    assert_eq!(last.body["messages"][2]["content"], "One, two");
    assert_eq!(server.seen().len(), 3, "the first part is not asked for again");
}

#[test]
fn thoughts_alone_are_no_part() {
    for whole in [
        json!({"choices": [{"message": {"role": "assistant", "content": "<think>hm"}, "finish_reason": "length"}]}),
        json!({"choices": [{"message": {"role": "assistant", "content": "", "reasoning_content": "hm"}, "finish_reason": "length"}]}),
    ] {
        let server = Server::start();
        server.when("do a", [Act::json(whole.to_string())]);
        project(&server, &format!("{GOING_ON}: openai"), "").run().exits(1).says("the answer was cut off");
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn a_key_that_two_parts_make_together_is_taken_out() {
    let server = Server::start();
    plays(&server, &["The key is sk-canary-", "5f1c9a7e2b."]);
    let project = project(&server, &format!("{GOING_ON}: openai"), "").env("OPENAI_API_KEY", "sk-canary-5f1c9a7e2b");
    let ended = project.run().exits(0).file_is(RESULT, "The key is [redacted].");
    assert!(!ended.stdout.contains("sk-canary-5f1c9a7e2b"));
}
