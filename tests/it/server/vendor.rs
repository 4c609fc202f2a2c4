//! How each vendor writes an answer, as bytes on the connection.

use serde_json::{Value, json};

use super::Seen;

/// What the test server has been asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    OpenAi { stream: bool },
    Responses { stream: bool },
    Anthropic { stream: bool },
    Models,
}

impl Vendor {
    pub fn of(request: &Seen) -> Self {
        let stream = request.body["stream"] == true;
        let path = request.path.split('?').next().unwrap_or_default();
        if path.ends_with("/models") {
            Self::Models
        } else if path.ends_with("/responses") {
            Self::Responses { stream }
        } else if path.ends_with("/messages") {
            Self::Anthropic { stream }
        } else {
            Self::OpenAi { stream }
        }
    }

    /// A whole answer with this text: 10 tokens in, 5 out.
    pub fn answer(self, text: &str) -> Vec<u8> {
        match self {
            Self::OpenAi { stream: true } => stream(openai_events(text)),
            Self::Responses { stream: true } => stream(responses_events(text)),
            Self::Responses { stream: false } => json_response(&responses_whole(text)),
            Self::Anthropic { stream: true } => stream(anthropic_events(text)),
            Self::OpenAi { stream: false } => json_response(&openai_whole(text)),
            Self::Anthropic { stream: false } => json_response(&anthropic_whole(text)),
            Self::Models => json_response(&json!({"object": "list", "data": [{"id": "small"}, {"id": "large"}]})),
        }
    }
}

/// Chat Completions as events, the text in two pieces.
pub fn openai_events(text: &str) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let (first, second) = halves(text);
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    [
        chunk(json!({"role": "assistant", "content": ""}), Value::Null),
        chunk(json!({"content": first}), Value::Null),
        chunk(json!({"content": second}), Value::Null),
        chunk(json!({}), json!("stop")),
        json!({"object": "chat.completion.chunk", "choices": [], "usage": usage}),
    ]
    .iter()
    .map(|chunk| format!("data: {chunk}\n\n"))
    .chain(["data: [DONE]\n\n".to_owned()])
    .collect()
}

/// Chat Completions as one document.
pub fn openai_whole(text: &str) -> Value {
    json!({
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    })
}

/// Responses as events, the text in two pieces, after a thought.
pub fn responses_events(text: &str) -> Vec<String> {
    let (first, second) = halves(text);
    let whole = responses_whole(text);
    let part = |delta: &str| json!({"item_id": "msg_1", "output_index": 1, "content_index": 0, "delta": delta});
    let started = json!({"response": {"object": "response", "status": "in_progress", "error": null, "output": [], "usage": null}});
    [
        ("response.created", started.clone()),
        ("response.in_progress", started),
        ("response.output_item.added", json!({"output_index": 0, "item": {"type": "reasoning", "summary": []}})),
        ("response.output_item.done", json!({"output_index": 0, "item": whole["output"][0]})),
        ("response.output_item.added", json!({"output_index": 1, "item": {"type": "message", "content": []}})),
        ("response.content_part.added", json!({"output_index": 1, "part": {"type": "output_text", "text": ""}})),
        ("response.output_text.delta", part(first)),
        ("response.output_text.delta", part(second)),
        ("response.output_text.done", json!({"output_index": 1, "text": text})),
        ("response.output_item.done", json!({"output_index": 1, "item": whole["output"][1]})),
        ("response.completed", json!({"response": whole})),
    ]
    .into_iter()
    .zip(0..)
    .map(|((name, mut data), number)| {
        (data["type"], data["sequence_number"]) = (json!(name), json!(number));
        format!("event: {name}\ndata: {data}\n\n")
    })
    .collect()
}

/// Responses as one document.
pub fn responses_whole(text: &str) -> Value {
    let part = json!({"type": "output_text", "text": text, "annotations": []});
    json!({
        "object": "response",
        "status": "completed",
        "error": null,
        "incomplete_details": null,
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]},
        ],
        "usage": {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 15,
        },
    })
}

/// Messages as events, the text in two pieces, after a thought and a ping.
pub fn anthropic_events(text: &str) -> Vec<String> {
    let (first, second) = halves(text);
    let text_delta = |text: &str| json!({"index": 1, "delta": {"type": "text_delta", "text": text}});
    let usage =
        json!({"input_tokens": 4, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 5, "output_tokens": 1});
    [
        ("message_start", json!({"message": {"role": "assistant", "content": [], "usage": usage}})),
        ("content_block_start", json!({"index": 0, "content_block": {"type": "thinking", "thinking": ""}})),
        ("ping", json!({})),
        ("content_block_delta", json!({"index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}})),
        ("content_block_delta", json!({"index": 0, "delta": {"type": "signature_delta", "signature": "x"}})),
        ("content_block_stop", json!({"index": 0})),
        ("content_block_start", json!({"index": 1, "content_block": {"type": "text", "text": ""}})),
        ("content_block_delta", text_delta(first)),
        ("content_block_delta", text_delta(second)),
        ("content_block_stop", json!({"index": 1})),
        ("message_delta", json!({"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}})),
        ("message_stop", json!({})),
    ]
    .into_iter()
    .map(|(name, mut data)| {
        data["type"] = json!(name);
        format!("event: {name}\ndata: {data}\n\n")
    })
    .collect()
}

/// Messages as one document.
pub fn anthropic_whole(text: &str) -> Value {
    json!({
        "type": "message",
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 4, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 5, "output_tokens": 5},
    })
}

/// A 200 with an event stream, one HTTP chunk for each piece, properly ended.
pub fn stream(pieces: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut bytes = STREAM_HEAD.as_bytes().to_vec();
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        bytes.extend(format!("{:x}\r\n{piece}\r\n", piece.len()).into_bytes());
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// The head of an event stream.
pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

/// An answer with a length.
pub fn response(code: u16, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {code} -\r\ncontent-length: {}\r\n", body.len());
    head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    [head.as_bytes(), b"\r\n", body].concat()
}

fn json_response(body: &Value) -> Vec<u8> {
    response(200, &[("content-type", "application/json".to_owned())], body.to_string().as_bytes())
}

fn halves(text: &str) -> (&str, &str) {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    text.split_at(middle)
}
