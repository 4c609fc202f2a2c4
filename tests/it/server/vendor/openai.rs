//! Chat Completions.
//!
//! <https://github.com/openai/openai-python>: `src/openai/types/chat/chat_completion_chunk.py`, `chat_completion.py`,
//! `completion_usage.py`, `src/openai/types/shared/error_object.py`. The last error is llama.cpp's.

use orch::plan::spec::Provider;
use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{Called, Reasons, Said, Trouble, Vendor, halves, listed};

pub(crate) const ROW: Vendor = Vendor {
    name: "openai",
    provider: Provider::Openai,
    base: "/v1",
    path: "/chat/completions",
    models_path: "/v1/models",
    key: ("authorization", "Bearer "),
    content_type: "text/event-stream",
    keepalive: ": ping\n\n",
    frame: |value| format!("data: {value}\n\n"),
    begin: |said| {
        let [first, second] = halves(said.text);
        let deltas =
            [json!({"role": "assistant", "content": ""}), json!({"content": first}), json!({"content": second})];
        deltas.into_iter().map(delta).collect()
    },
    calls,
    end: |said| {
        let usage = json!({"object": "chat.completion.chunk", "choices": [], "usage": usage()});
        [finish(said.reason)].into_iter().chain(said.usage.then_some(usage)).collect()
    },
    last: "data: [DONE]\n\n",
    whole,
    reasons: Reasons { end: "stop", calls: "tool_calls", limit: "length", refusal: Some("content_filter") },
    cached_tokens: 0,
    models: listed,
    errors: || {
        let error = |code: Value, kind: &str| json!({"error": {"message": "inner words", "type": kind, "param": null, "code": code}});
        let invalid = |code: &str| error(json!(code), "invalid_request_error");
        let n_ctx =
            json!({"error": {"code": 400, "type": "exceed_context_size_error", "message": "inner words", "n_ctx": 8}});
        vec![
            Trouble::plain(400, error(Value::Null, "invalid_request_error"), FailureKind::BadRequest),
            Trouble::plain(401, invalid("invalid_api_key"), FailureKind::Auth),
            Trouble::plain(429, error(json!("rate_limit_exceeded"), "tokens"), FailureKind::RateLimited),
            Trouble::plain(429, error(json!("insufficient_quota"), "insufficient_quota"), FailureKind::Quota),
            Trouble::plain(500, error(Value::Null, "server_error"), FailureKind::Overloaded),
            Trouble::plain(400, invalid("context_length_exceeded"), FailureKind::ContextTooLong),
            Trouble::plain(400, invalid("content_filter"), FailureKind::Refused),
            Trouble::plain(400, n_ctx, FailureKind::ContextTooLong),
        ]
    },
};

/// A chunk with this delta.
pub(crate) fn delta(delta: Value) -> Value {
    chunk(delta, Value::Null)
}

/// The chunk that ends an answer.
pub(crate) fn finish(reason: &str) -> Value {
    chunk(json!({}), json!(reason))
}

/// A chunk with a delta and the reason for the end.
pub(crate) fn chunk(delta: Value, finish_reason: Value) -> Value {
    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
    json!({"object": "chat.completion.chunk", "choices": [choice]})
}

/// The id and the name come first, then the arguments in pieces.
pub(crate) fn calls(said: &Said) -> Vec<Value> {
    let piece = |call: Value| delta(json!({ "tool_calls": [call] }));
    let of = |(index, call): (usize, &Called)| {
        let [first, second] = halves(call.arguments);
        let function = json!({"name": call.name, "arguments": ""});
        let start = json!({"index": index, "id": call.id, "type": "function", "function": function});
        let more = |arguments: &str| piece(json!({"index": index, "function": {"arguments": arguments}}));
        [piece(start), more(first), more(second)]
    };
    said.calls.iter().enumerate().flat_map(of).collect()
}

pub(crate) fn usage() -> Value {
    json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})
}

pub(crate) fn whole(said: &Said) -> Value {
    let mut message = json!({"role": "assistant", "content": said.text});
    if !said.calls.is_empty() {
        let of = |call: &Called| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}});
        message["tool_calls"] = said.calls.iter().map(of).collect();
    }
    let mut whole = json!({
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": said.reason}],
    });
    if said.usage {
        whole["usage"] = usage();
    }
    whole
}
