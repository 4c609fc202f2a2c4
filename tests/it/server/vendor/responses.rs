//! Responses: events that end in the whole response, of which thoughts, messages and calls are items.
//!
//! <https://github.com/openai/openai-python>: `src/openai/types/responses/response_stream_event.py`, `response.py`,
//! `response_error.py`, `response_reasoning_item.py`, `response_function_tool_call.py`.

use orch::plan::spec::Provider;
use serde_json::{Value, json};

use super::{Called, Reasons, Said, Vendor, halves, listed, openai};

pub(crate) const ROW: Vendor = Vendor {
    name: "responses",
    provider: Provider::Responses,
    base: "/v1",
    path: "/responses",
    models_path: "/v1/models",
    key: ("authorization", "Bearer "),
    content_type: "text/event-stream",
    keepalive: ": ping\n\n",
    frame: |value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or("unknown")),
    begin,
    calls,
    end: |said| {
        let kind = if said.reason == "completed" { "response.completed" } else { "response.incomplete" };
        vec![event(kind, json!({"response": whole(said)}))]
    },
    last: "",
    whole,
    reasons: Reasons {
        end: "completed",
        calls: "completed",
        limit: "max_output_tokens",
        refusal: Some("content_filter"),
    },
    cached_tokens: 0,
    models: listed,
    errors: openai::ROW.errors,
};

/// An event of this kind.
pub(crate) fn event(kind: &str, mut data: Value) -> Value {
    data["type"] = json!(kind);
    data
}

/// A thought that can be sent back.
pub(crate) fn thought() -> Value {
    json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"})
}

/// A message with this text.
pub(crate) fn message(text: &str) -> Value {
    let part = json!({"type": "output_text", "text": text, "annotations": []});
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]})
}

fn call(call: &Called) -> Value {
    json!({"type": "function_call", "id": "fc", "call_id": call.id, "name": call.name, "arguments": call.arguments})
}

fn begin(said: &Said) -> Vec<Value> {
    let part = |delta: &str| json!({"item_id": "msg_1", "output_index": 1, "content_index": 0, "delta": delta});
    let started = json!({"response": {"object": "response", "status": "in_progress", "error": null, "output": [], "usage": null}});
    let [first, second] = halves(said.text);
    [
        ("response.created", started.clone()),
        ("response.in_progress", started),
        ("response.output_item.added", json!({"output_index": 0, "item": {"type": "reasoning", "summary": []}})),
        ("response.output_item.done", json!({"output_index": 0, "item": thought()})),
        ("response.output_item.added", json!({"output_index": 1, "item": {"type": "message", "content": []}})),
        ("response.content_part.added", json!({"output_index": 1, "part": {"type": "output_text", "text": ""}})),
        ("response.output_text.delta", part(first)),
        ("response.output_text.delta", part(second)),
        ("response.output_text.done", json!({"output_index": 1, "text": said.text})),
        ("response.output_item.done", json!({"output_index": 1, "item": message(said.text)})),
    ]
    .map(|(kind, data)| event(kind, data))
    .into()
}

fn calls(said: &Said) -> Vec<Value> {
    let of = |(index, called): (usize, &Called)| {
        let [first, second] = halves(called.arguments);
        let started = call(&Called { arguments: "", ..*called });
        [
            ("response.output_item.added", json!({"output_index": index, "item": started})),
            ("response.function_call_arguments.delta", json!({"output_index": index, "delta": first})),
            ("response.function_call_arguments.delta", json!({"output_index": index, "delta": second})),
            ("response.function_call_arguments.done", json!({"output_index": index, "arguments": called.arguments})),
            ("response.output_item.done", json!({"output_index": index, "item": call(called)})),
        ]
        .map(|(kind, data)| event(kind, data))
    };
    (2..).zip(said.calls).flat_map(of).collect()
}

fn whole(said: &Said) -> Value {
    let mut output = vec![thought()];
    output.push(message(said.text));
    output.extend(said.calls.iter().map(call));
    let (status, details) = match said.reason {
        "completed" => ("completed", Value::Null),
        reason => ("incomplete", json!({ "reason": reason })),
    };
    let mut whole = json!({
        "object": "response",
        "status": status,
        "error": null,
        "incomplete_details": details,
        "output": output,
        "usage": null,
    });
    if said.usage {
        whole["usage"] = json!({
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2},
            "total_tokens": 15,
        });
    }
    whole
}
