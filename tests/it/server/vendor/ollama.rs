//! Ollama's own protocol: a JSON document a line, calls of tools whole.
//!
//! <https://github.com/ollama/ollama>: `docs/api.md`, `api/types.go` (`ChatResponse`, `ToolCall`, `Metrics`).

use orch::plan::spec::Provider;
use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{Called, Reasons, Said, Trouble, Vendor, halves};

pub(crate) const ROW: Vendor = Vendor {
    name: "ollama",
    provider: Provider::Ollama,
    base: "",
    path: "/api/chat",
    models_path: "/api/tags",
    key: ("authorization", "Bearer "),
    content_type: "application/x-ndjson",
    keepalive: "\n",
    frame: |value| format!("{value}\n"),
    begin: |said| {
        let thought = line(json!({"role": "assistant", "content": "", "thinking": "hm"}));
        let text = |text: &str| line(json!({"role": "assistant", "content": text}));
        let [first, second] = halves(said.text);
        vec![thought, text(first), text(second)]
    },
    calls: |said| (0..).zip(said.calls).map(|(index, call)| line(calling(&[function(index, call)]))).collect(),
    end: |said| vec![ended(json!({"role": "assistant", "content": ""}), said)],
    last: "",
    whole: |said| {
        let all: Vec<Value> = (0..).zip(said.calls).map(|(index, call)| function(index, call)).collect();
        let mut message = if all.is_empty() { json!({"role": "assistant"}) } else { calling(&all) };
        (message["content"], message["thinking"]) = (json!(said.text), json!("hm"));
        ended(message, said)
    },
    reasons: Reasons { end: "stop", calls: "stop", limit: "length", refusal: None },
    cached_tokens: 0,
    models: |ids| {
        let models: Vec<Value> = ids.iter().map(|id| json!({"name": id})).collect();
        json!({ "models": models })
    },
    errors: || {
        let error = |words: &str| json!({"error": format!("inner words: {words}")});
        let too_long = error("the input length exceeds the context length");
        let busy = error("server busy, please try again.  maximum pending requests exceeded");
        vec![
            Trouble::vague(400, error("\"m\" does not support tools"), FailureKind::BadRequest),
            Trouble::vague(401, error("unauthorized"), FailureKind::Auth),
            Trouble::vague(404, error("model 'x' not found"), FailureKind::BadRequest),
            Trouble::plain(500, error("model runner has unexpectedly stopped"), FailureKind::Overloaded),
            Trouble::plain(503, busy, FailureKind::Overloaded),
            Trouble::plain(400, too_long, FailureKind::ContextTooLong),
        ]
    },
};

fn line(message: Value) -> Value {
    json!({"model": "m", "created_at": "2026-11-20T09:30:00Z", "message": message, "done": false})
}

fn calling(calls: &[Value]) -> Value {
    json!({"role": "assistant", "content": "", "tool_calls": calls})
}

fn function(index: usize, call: &Called) -> Value {
    json!({"id": call.id, "function": {"index": index, "name": call.name, "arguments": call.value()}})
}

fn ended(message: Value, said: &Said) -> Value {
    let mut last = line(message);
    (last["done"], last["done_reason"]) = (json!(true), json!(said.reason));
    if said.usage {
        (last["prompt_eval_count"], last["eval_count"]) = (json!(10), json!(5));
    }
    last
}
