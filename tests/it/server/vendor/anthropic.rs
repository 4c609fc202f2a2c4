//! Messages: blocks that begin, grow and stop, between the start and the end of the message.
//!
//! <https://github.com/anthropics/anthropic-sdk-python>: `src/anthropic/types/raw_message_stream_event.py`, `message.py`,
//! `usage.py`, `stop_reason.py`; errors: `src/anthropic/types/shared/`.

use orch::plan::spec::Provider;
use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{Called, Reasons, Said, Trouble, Vendor, halves, listed};

pub(crate) const ROW: Vendor = Vendor {
    name: "anthropic",
    provider: Provider::Anthropic,
    base: "",
    path: "/v1/messages",
    models_path: "/v1/models",
    key: ("x-api-key", ""),
    content_type: "text/event-stream",
    keepalive: "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    frame: |value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or("unknown")),
    begin: |said| {
        let [first, second] = halves(said.text);
        let text = |text: &str| delta(1, &json!({"type": "text_delta", "text": text}));
        vec![
            start(if said.usage { usage(1) } else { json!({}) }),
            block(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
            json!({"type": "ping"}),
            delta(0, &json!({"type": "thinking_delta", "thinking": "hm"})),
            delta(0, &json!({"type": "signature_delta", "signature": "c2ln"})),
            stop(0),
            block(1, &json!({"type": "text", "text": ""})),
            text(first),
            text(second),
            stop(1),
        ]
    },
    calls: |said| {
        let of = |(index, call): (u64, &Called)| {
            let [first, second] = halves(call.arguments);
            let piece = |piece: &str| delta(index, &json!({"type": "input_json_delta", "partial_json": piece}));
            let empty = json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}});
            [block(index, &empty), piece(""), piece(first), piece(second), stop(index)]
        };
        (2..).zip(said.calls).flat_map(of).collect()
    },
    end: |said| ended(said.reason, said.usage),
    last: "",
    whole,
    reasons: Reasons { end: "end_turn", calls: "tool_use", limit: "max_tokens", refusal: Some("refusal") },
    cached_tokens: 5,
    models: listed,
    errors: || {
        let error = |kind: &str, message: &str| json!({"type": "error", "error": {"type": kind, "message": message}});
        let words = |kind: &str| error(kind, "inner words");
        let too_long =
            error("invalid_request_error", "inner words: prompt is too long: 210000 tokens > 200000 maximum");
        let timeout = Trouble::plain(504, words("timeout_error"), FailureKind::Overloaded);
        vec![
            Trouble::plain(400, words("invalid_request_error"), FailureKind::BadRequest),
            Trouble::plain(401, words("authentication_error"), FailureKind::Auth),
            Trouble::plain(402, words("billing_error"), FailureKind::Quota),
            Trouble::plain(403, words("permission_error"), FailureKind::Auth),
            Trouble::plain(404, words("not_found_error"), FailureKind::BadRequest),
            Trouble::plain(413, words("request_too_large"), FailureKind::ContextTooLong),
            Trouble::plain(429, words("rate_limit_error"), FailureKind::RateLimited),
            Trouble::plain(500, words("api_error"), FailureKind::Overloaded),
            Trouble { inside: FailureKind::Timeout, ..timeout },
            Trouble::plain(529, words("overloaded_error"), FailureKind::Overloaded),
            Trouble::plain(400, too_long, FailureKind::ContextTooLong),
        ]
    },
};

/// The start of a message.
pub(crate) fn start(usage: Value) -> Value {
    json!({"type": "message_start", "message": {"role": "assistant", "content": [], "usage": usage}})
}

/// The start of a block.
pub(crate) fn block(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

/// A piece of a block.
pub(crate) fn delta(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

/// The end of a message.
pub(crate) fn ended(reason: &str, counts: bool) -> Vec<Value> {
    let usage = if counts { json!({"output_tokens": 5}) } else { json!({}) };
    vec![
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": usage}),
        json!({"type": "message_stop"}),
    ]
}

fn usage(output: u64) -> Value {
    json!({"input_tokens": 4, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 5, "output_tokens": output})
}

fn whole(said: &Said) -> Value {
    let mut content = vec![
        json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"}),
        json!({"type": "text", "text": said.text}),
    ];
    content.extend(
        said.calls
            .iter()
            .map(|call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.value()})),
    );
    let mut whole = json!({"type": "message", "role": "assistant", "content": content, "stop_reason": said.reason});
    if said.usage {
        whole["usage"] = usage(5);
    }
    whole
}
