//! Messages, as Anthropic documents them, and what it is asked to keep in its cache.
//!
//! <https://github.com/anthropics/anthropic-sdk-python>, `src/anthropic/types/message_create_params.py`, `tool_param.py`,
//! `tool_use_block_param.py`, `tool_result_block_param.py`, `output_config_param.py`, `json_output_format_param.py`,
//! `cache_control_ephemeral_param.py`.

use std::sync::Arc;

use orch::model::ModelRequest;
use orch::words::conversation::{AnswerSchema, AssistantMessage, Message, ToolCall, ToolResult};
use serde_json::{Value, json};

use super::super::{at, body, request, weather, with_tools};
use super::{assert_bodies, place, score, with};
use crate::server::vendor::anthropic;

fn sent(request: &ModelRequest) -> Value {
    body(&*at(&anthropic::ROW, "https://h"), request)
}

fn tools() -> Value {
    json!([{"name": "weather", "description": "The weather at a place.", "input_schema": place()}])
}

#[test]
fn messages_are_asked_for_as_anthropic_documents_them() {
    let bare = |messages: Value| json!({"model": "m", "max_tokens": 8192, "messages": messages, "stream": true});
    let body = |messages: Value, more: Value| with(with(bare(messages), json!({"system": "Be brief."})), more);
    let said = |role: &str, content: &str| json!({"role": role, "content": content});
    let hello = json!([said("user", "hello")]);
    let closed = with(score(), json!({"additionalProperties": false}));
    let config = json!({"format": {"type": "json_schema", "schema": closed}});
    let conversation = json!([
        said("user", "hello"),
        {"role": "assistant", "content": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "a1", "name": "weather", "input": {"place": "Bern"}},
            {"type": "tool_use", "id": "a2", "name": "weather", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a1", "content": "rain"},
            {"type": "tool_result", "tool_use_id": "a2", "content": "The call failed.", "is_error": true},
            {"type": "text", "text": "And?"},
        ]},
    ]);
    assert_bodies(
        &anthropic::ROW,
        [
            bare(hello.clone()),
            body(json!([said("user", "hello"), said("assistant", "Hi."), said("user", "go on")]), json!({})),
            body(hello.clone(), json!({"temperature": 0.5, "max_tokens": 100})),
            body(hello.clone(), json!({"tools": tools()})),
            body(conversation, json!({"tools": tools()})),
            body(hello.clone(), json!({"output_config": config})),
            body(hello, json!({"output_config": config, "tools": tools()})),
        ],
    );
    let sent = at(&anthropic::ROW, "https://h").encode(&request("x"));
    assert_eq!(sent.headers["anthropic-version"], "2023-06-01");
    assert!(!sent.headers.contains_key("anthropic-beta") && !sent.headers.contains_key("authorization"));
}

#[test]
fn a_schema_that_anthropic_cannot_see_to_is_not_sent() {
    let open = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let schema = Some(Arc::new(AnswerSchema { name: "any".to_owned(), schema: open }));
    assert_eq!(sent(&ModelRequest { schema, ..request("hello") })["output_config"], Value::Null);
}

#[test]
fn ids_that_another_vendor_gave_twice_are_told_apart() {
    let mut request = with_tools(request("hello"));
    for id in ["call_0", "call_0", "a.b"] {
        request = called(request, id, "rain");
    }
    let sent = sent(&request);
    let ids = |kind: &str, key: &str| -> Vec<String> {
        let blocks = sent["messages"].as_array().unwrap().iter().filter_map(|message| message["content"].get(0));
        blocks.filter(|block| block["type"] == kind).map(|block| block[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("tool_use", "id"), ["call_0", "call_0_2", "a_b"]);
    assert_eq!(ids("tool_result", "tool_use_id"), ids("tool_use", "id"));
}

fn called(mut request: ModelRequest, id: &str, result: &str) -> ModelRequest {
    let call = ToolCall { id: id.to_owned(), name: "weather".to_owned(), arguments: json!({}) };
    let (id, name) = (id.to_owned(), "weather".to_owned());
    request.messages.push(Message::Assistant(AssistantMessage { calls: vec![call], ..AssistantMessage::default() }));
    request.messages.push(Message::Tools(vec![ToolResult { id, name, text: result.into(), is_error: false }]));
    request
}

/// A text of so many tokens, by estimate.
fn tokens(count: usize) -> String {
    "abcd".repeat(count)
}

/// How often the cache is spoken of.
fn marks(sent: &Value) -> usize {
    sent.to_string().matches("cache_control").count()
}

#[test]
fn a_prefix_that_no_model_keeps_is_not_marked() {
    assert_eq!(marks(&sent(&called(with_tools(request("hello")), "t2", "rain"))), 0);
    assert_eq!(marks(&sent(&request(&tokens(5000)))), 0, "a question that is asked once is not kept");
}

#[test]
fn a_long_system_block_is_marked() {
    let mut long = request("hello");
    long.messages[0] = Message::System(tokens(1023));
    assert_eq!(sent(&long)["system"], tokens(1023));
    long.messages[0] = Message::System(tokens(1024));
    let block = json!([{"type": "text", "text": tokens(1024), "cache_control": {"type": "ephemeral"}}]);
    let hello = json!([{"role": "user", "content": "hello"}]);
    let whole = json!({"model": "m", "max_tokens": 8192, "system": block, "messages": hello, "stream": true});
    assert_eq!(sent(&long), whole);
}

#[test]
fn many_tools_are_marked_at_their_end_and_make_the_system_long_enough() {
    let mut other = weather();
    other.description = tokens(1100);
    let request = ModelRequest { tools: [other, weather()].into(), ..request("hello") };
    let sent = sent(&request);
    let ephemeral = json!({"type": "ephemeral"});
    assert_eq!((&sent["tools"][0]["cache_control"], &sent["tools"][1]["cache_control"]), (&Value::Null, &ephemeral));
    assert_eq!(sent["system"], json!([{"type": "text", "text": "Be brief.", "cache_control": ephemeral}]));
    assert_eq!(marks(&sent), 2);
}

#[test]
fn a_conversation_that_goes_on_is_marked_where_it_stands() {
    let long = called(called(with_tools(request("hello")), "t2", &tokens(1100)), "t4", "sun");
    let sent = sent(&long);
    let call = |id: &str| json!({"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "weather", "input": {}}]});
    let result = |id: &str, text: &str| json!({"type": "tool_result", "tool_use_id": id, "content": text});
    let last = with(result("t4", "sun"), json!({"cache_control": {"type": "ephemeral"}}));
    let messages = json!([
        {"role": "user", "content": "hello"},
        call("t2"),
        {"role": "user", "content": [result("t2", &tokens(1100))]},
        call("t4"),
        {"role": "user", "content": [last]},
    ]);
    assert_eq!(sent["messages"], messages);
    assert_eq!(marks(&sent), 1);
}
