//! Gemini: every chunk of a stream has the form of a whole answer.
//!
//! <https://github.com/googleapis/python-genai>: `google/genai/types.py` (`GenerateContentResponse`, `FinishReason`,
//! `FunctionCall`, `GenerateContentResponseUsageMetadata`); errors: <https://google.aip.dev/193>.

use orch::plan::spec::Provider;
use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{Called, Reasons, Said, Trouble, Vendor, halves};

pub(crate) const ROW: Vendor = Vendor {
    name: "gemini",
    provider: Provider::Gemini,
    base: "",
    path: ":streamGenerateContent",
    models_path: "/v1beta/models?pageSize=1000",
    key: ("x-goog-api-key", ""),
    content_type: "text/event-stream",
    keepalive: ": ping\r\n\r\n",
    frame: |value| format!("data: {value}\r\n\r\n"),
    begin: |said| {
        let [first, second] = halves(said.text);
        [json!([{"text": "hm", "thought": true}]), json!([{"text": first}]), json!([{"text": second}])]
            .map(|part| counted(parts(&part, None), said, json!({"promptTokenCount": 10, "totalTokenCount": 10})))
            .into()
    },
    calls: |said| said.calls.iter().map(|call| parts(&json!([function(call)]), None)).collect(),
    end: |said| vec![counted(parts(&json!([{"text": ""}]), Some(said.reason)), said, usage())],
    last: "",
    whole: |said| {
        let mut all = vec![json!({"text": "hm", "thought": true}), json!({"text": said.text})];
        all.extend(said.calls.iter().map(function));
        counted(parts(&json!(all), Some(said.reason)), said, usage())
    },
    reasons: Reasons { end: "STOP", calls: "STOP", limit: "MAX_TOKENS", refusal: Some("SAFETY") },
    cached_tokens: 0,
    models: |ids| {
        let models: Vec<Value> = ids.iter().map(|id| json!({"name": format!("models/{id}")})).collect();
        json!({ "models": models })
    },
    errors: || {
        let plain =
            |code, status: &str, kind| Trouble::plain(code, error(code, status, "inner words", &json!([])), kind);
        let invalid = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
        let too_long =
            "inner words: The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
        let listed = json!([error(503, "UNAVAILABLE", "inner words", &json!([]))]);
        vec![
            plain(400, "INVALID_ARGUMENT", FailureKind::BadRequest),
            plain(403, "PERMISSION_DENIED", FailureKind::Auth),
            plain(404, "NOT_FOUND", FailureKind::BadRequest),
            plain(429, "RESOURCE_EXHAUSTED", FailureKind::RateLimited),
            plain(500, "INTERNAL", FailureKind::Overloaded),
            plain(503, "UNAVAILABLE", FailureKind::Overloaded),
            plain(504, "DEADLINE_EXCEEDED", FailureKind::Overloaded),
            Trouble::plain(400, error(400, "INVALID_ARGUMENT", "inner words", &invalid), FailureKind::Auth),
            Trouble::plain(400, error(400, "INVALID_ARGUMENT", too_long, &json!([])), FailureKind::ContextTooLong),
            Trouble::plain(503, listed, FailureKind::Overloaded),
        ]
    },
};

/// A chunk with these parts, and the end if there is a reason.
pub(crate) fn parts(parts: &Value, reason: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(reason) = reason {
        candidate["finishReason"] = json!(reason);
    }
    json!({"candidates": [candidate], "modelVersion": "m"})
}

/// An error as all of Google's servers write it.
pub(crate) fn error(code: u16, status: &str, message: &str, details: &Value) -> Value {
    json!({"error": {"code": code, "message": message, "status": status, "details": details}})
}

fn function(call: &Called) -> Value {
    json!({"functionCall": {"id": call.id, "name": call.name, "args": call.value()}})
}

fn usage() -> Value {
    json!({"promptTokenCount": 10, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 15})
}

fn counted(mut chunk: Value, said: &Said, usage: Value) -> Value {
    if said.usage {
        chunk["usageMetadata"] = usage;
    }
    chunk
}
