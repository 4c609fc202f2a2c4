//! How Anthropic, Gemini and Ollama write an answer.

use orch::provider::Wire;
use serde_json::{Value, json};

use super::{anthropic, gemini, ollama};
use crate::server::Act;
use crate::server::vendor::response;

/// A vendor's protocol, as far as the tests of all of them need it.
pub struct Vendor {
    pub name: &'static str,
    pub wire: fn(&str) -> Box<dyn Wire>,
    pub content_type: &'static str,
    /// A chunk of the stream around a JSON value.
    pub chunk: fn(&Value) -> String,
    /// The chunks that come before the text.
    pub start: fn() -> Vec<Value>,
    /// The chunk that brings a piece of text.
    pub text: fn(&str) -> Value,
    /// The chunks at the end, for the vendor's own reason: 10 tokens in, 5 out.
    pub end: fn(&str) -> Vec<Value>,
    /// The vendor's reasons for an end, and for one at the limit.
    pub reasons: [&'static str; 2],
}

pub const ANTHROPIC: Vendor = Vendor {
    name: "anthropic",
    wire: anthropic,
    content_type: "text/event-stream",
    chunk: |value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or("unknown")),
    start: || {
        let usage = json!({"input_tokens": 10, "output_tokens": 1});
        vec![
            json!({"type": "message_start", "message": {"content": [], "usage": usage}}),
            block(0, &json!({"type": "text", "text": ""})),
        ]
    },
    text: |text| delta(0, &json!({"type": "text_delta", "text": text})),
    end: |reason| {
        let usage = json!({"output_tokens": 5});
        vec![
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}),
            json!({"type": "message_stop"}),
        ]
    },
    reasons: ["end_turn", "max_tokens"],
};

pub const GEMINI: Vendor = Vendor {
    name: "gemini",
    wire: gemini,
    content_type: "text/event-stream",
    chunk: |value| format!("data: {value}\r\n\r\n"),
    start: Vec::new,
    text: |text| {
        let usage = json!({"promptTokenCount": 10, "totalTokenCount": 10});
        json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}], "usageMetadata": usage, "modelVersion": "m"})
    },
    end: |reason| {
        let usage =
            json!({"promptTokenCount": 10, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 15});
        let content = json!({"parts": [{"text": ""}], "role": "model"});
        vec![json!({"candidates": [{"content": content, "finishReason": reason, "index": 0}], "usageMetadata": usage})]
    },
    reasons: ["STOP", "MAX_TOKENS"],
};

pub const OLLAMA: Vendor = Vendor {
    name: "ollama",
    wire: ollama,
    content_type: "application/x-ndjson",
    chunk: |value| format!("{value}\n"),
    start: Vec::new,
    text: |text| json!({"model": "m", "created_at": "2026-11-20T09:30:00Z", "message": {"role": "assistant", "content": text}, "done": false}),
    end: |reason| {
        let message = json!({"role": "assistant", "content": ""});
        vec![
            json!({"model": "m", "message": message, "done": true, "done_reason": reason, "total_duration": 5, "prompt_eval_count": 10, "eval_count": 5}),
        ]
    },
    reasons: ["stop", "length"],
};

pub const ALL: [Vendor; 3] = [ANTHROPIC, GEMINI, OLLAMA];

impl Vendor {
    pub fn chunks(&self, values: &[Value]) -> String {
        values.iter().map(self.chunk).collect()
    }

    /// A stream that brings this text, in two pieces where it has two halves, and does not end.
    pub fn open(&self, text: &str) -> String {
        let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        let (first, second) = text.split_at(middle);
        let mut values = (self.start)();
        values.extend([first, second].map(self.text));
        self.chunks(&values)
    }

    /// A whole stream that ends for this reason.
    pub fn ended(&self, text: &str, reason: &str) -> String {
        self.open(text) + &self.chunks(&(self.end)(reason))
    }

    /// A whole and good answer.
    pub fn answer(&self, text: &str) -> String {
        self.ended(text, self.reasons[0])
    }

    /// A stream as the vendor sends it, with a length.
    pub fn act(&self, stream: impl Into<Vec<u8>>) -> Act {
        Act::Body { content_type: self.content_type, body: stream.into() }
    }

    /// The head of a stream without a length.
    pub fn head(&self) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n", self.content_type)
    }

    /// The stream with every byte on its own.
    pub fn byte_by_byte(&self, stream: &str) -> Act {
        let mut bytes = self.head().into_bytes();
        for byte in stream.bytes() {
            bytes.extend([b"1\r\n", &[byte][..], b"\r\n"].concat());
        }
        bytes.extend(b"0\r\n\r\n");
        Act::Raw(bytes)
    }

    /// The stream compressed.
    pub fn zipped(&self, stream: &str) -> Act {
        let head = [("content-type", self.content_type.to_owned()), ("content-encoding", "gzip".to_owned())];
        Act::Raw(response(200, &head, &gzip(stream)))
    }
}

fn gzip(stream: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(stream.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The beginning of a block of Messages.
pub fn block(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

/// A piece of a block of Messages.
pub fn delta(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

/// A chunk of Gemini with these parts, and the end if there is a reason.
pub fn parts(parts: &Value, reason: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(reason) = reason {
        candidate["finishReason"] = json!(reason);
    }
    json!({"candidates": [candidate]})
}
