//! Ollama, as it documents itself.
//!
//! <https://github.com/ollama/ollama>, `docs/api.md` and `api/types.go` (`ChatRequest`, `Message`, `ToolCall`, `Options`).

use orch::model::ModelRequest;
use serde_json::{Value, json};

use super::super::{ALL, at, body, request};
use super::{assert_bodies, place, score, with};
use crate::server::vendor::{Vendor, ollama};

#[test]
fn ollama_is_asked_as_it_documents_itself() {
    let bare = |messages: Value| json!({"model": "m", "messages": messages, "stream": true});
    let said = |role: &str, content: &str| json!({"role": role, "content": content});
    let (system, hello) = (said("system", "Be brief."), said("user", "hello"));
    let asked = |more: Value| with(bare(json!([system, hello])), more);
    let tools = json!([{"type": "function", "function": {
        "name": "weather",
        "description": "The weather at a place.",
        "parameters": place(),
    }}]);
    let conversation = json!([
        system,
        hello,
        {"role": "assistant", "content": "Let me look.", "tool_calls": [
            {"id": "a1", "function": {"name": "weather", "arguments": {"place": "Bern"}}},
            {"id": "a2", "function": {"name": "weather", "arguments": {}}},
        ]},
        {"role": "tool", "content": "rain", "tool_name": "weather", "tool_call_id": "a1"},
        {"role": "tool", "content": "Error: ", "tool_name": "weather", "tool_call_id": "a2"},
        said("user", "And?"),
    ]);
    assert_bodies(
        &ollama::ROW,
        [
            bare(json!([hello])),
            bare(json!([system, hello, said("assistant", "Hi."), said("user", "go on")])),
            asked(json!({"options": {"temperature": 0.5, "num_predict": 100}})),
            asked(json!({"tools": tools})),
            with(bare(conversation), json!({"tools": tools})),
            asked(json!({"format": score()})),
            // The format binds every token, so that no tool could be called: <https://github.com/ollama/ollama/issues/8095>.
            asked(json!({"tools": tools})),
        ],
    );
}

#[test]
fn ollama_is_asked_for_the_window_that_is_known() {
    let request = ModelRequest { context_window: Some(32_000), ..request("hello") };
    let sent = |vendor: &Vendor| body(&*at(vendor, "http://h"), &request);
    assert_eq!(sent(&ollama::ROW)["options"], json!({"num_ctx": 32_000}));
    for vendor in ALL.into_iter().filter(|vendor| vendor.name != "ollama") {
        assert!(!sent(vendor).to_string().contains("32000"), "{}", vendor.name);
    }
}
