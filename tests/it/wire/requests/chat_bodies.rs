//! Chat Completions, as OpenAI and as Zhipu document them.
//!
//! OpenAI: <https://github.com/openai/openai-python>, `src/openai/types/chat/completion_create_params.py`,
//! `chat_completion_assistant_message_param.py`, `chat_completion_tool_message_param.py`,
//! `src/openai/types/shared_params/response_format_json_schema.py`.
//! Zhipu: <https://docs.z.ai/api-reference/llm/chat-completion> and <https://github.com/zai-org/z-ai-sdk-python>,
//! `src/zai/api_resource/chat/completions.py`: no `stream_options`, no `max_completion_tokens`, `json_object` alone.

use orch::model::ModelRequest;
use serde_json::{Value, json};

use super::super::{at, body, request};
use super::{assert_bodies, place, score, with};
use crate::server::vendor::{Vendor, openai, zhipu};

fn said(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

/// The seven bodies, of which each is `plain` with its messages and something more.
fn bodies(plain: &Value, form: &Value) -> [Value; 7] {
    let with_messages = |messages: Value, more: Value| with(with(plain.clone(), json!({ "messages": messages })), more);
    let (system, hello) = (said("system", "Be brief."), said("user", "hello"));
    let asked = json!([system, hello]);
    let tools = json!([{"type": "function", "function": {
        "name": "weather",
        "description": "The weather at a place.",
        "parameters": place(),
    }}]);
    let calls = json!([
        {"id": "a1", "type": "function", "function": {"name": "weather", "arguments": "{\"place\":\"Bern\"}"}},
        {"id": "a2", "type": "function", "function": {"name": "weather", "arguments": "\"no object\""}},
    ]);
    let conversation = json!([
        system,
        hello,
        {"role": "assistant", "content": "Let me look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a1", "content": "rain"},
        {"role": "tool", "tool_call_id": "a2", "content": "Error: "},
        said("user", "And?"),
    ]);
    let answered = json!([system, hello, said("assistant", "Hi."), said("user", "go on")]);
    [
        with_messages(json!([hello]), json!({})),
        with_messages(answered, json!({})),
        with_messages(asked.clone(), json!({"temperature": 0.5, "max_tokens": 100})),
        with_messages(asked.clone(), json!({"tools": tools})),
        with_messages(conversation, json!({"tools": tools})),
        with_messages(asked.clone(), json!({"response_format": form})),
        with_messages(asked, json!({"response_format": form, "tools": tools})),
    ]
}

#[test]
fn chat_completions_are_asked_for_as_openai_documents_them() {
    let plain = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}});
    let form = json!({
        "type": "json_schema",
        "json_schema": {"name": "verdict", "schema": score(), "strict": false},
    });
    assert_bodies(&openai::ROW, bodies(&plain, &form));
}

#[test]
fn glm_is_asked_as_zhipu_documents_it() {
    let plain = json!({"model": "m", "stream": true});
    assert_bodies(&zhipu::ROW, bodies(&plain, &json!({"type": "json_object"})));
}

#[test]
fn only_openai_itself_knows_the_limit_by_its_new_name() {
    let limited = ModelRequest { max_tokens: Some(100), ..request("x") };
    for (vendor, base_url, new, old) in [
        (&openai::ROW, "https://api.openai.com/v1", json!(100), Value::Null),
        (&openai::ROW, "http://localhost/v1", Value::Null, json!(100)),
        (&zhipu::ROW, "https://api.z.ai", Value::Null, json!(100)),
    ] {
        let vendor: &Vendor = vendor;
        let sent = body(&*at(vendor, base_url), &limited);
        assert_eq!((&sent["max_completion_tokens"], &sent["max_tokens"]), (&new, &old), "{base_url}");
    }
}
