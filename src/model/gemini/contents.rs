//! A conversation as Gemini takes it: parts in turns of `user` and `model`.
//!
//! Functions: <https://ai.google.dev/gemini-api/docs/function-calling>.

use serde_json::{Value, json};

use crate::model::gemini::NAME;
use crate::words::conversation::{AssistantMessage, Message, ToolResult};

/// What stands for the signature of a call that another model has made. Gemini 3 refuses a call without one:
/// <https://ai.google.dev/gemini-api/docs/thought-signatures#faqs>.
const FOREIGN: &str = "skip_thought_signature_validator";

/// The system's words.
pub(super) fn system(conversation: &[Message]) -> Option<Value> {
    let texts = conversation.iter().filter_map(|message| match message {
        Message::System(text) => Some(json!({"text": text})),
        _ => None,
    });
    let parts: Vec<Value> = texts.collect();
    (!parts.is_empty()).then(|| json!({"parts": parts}))
}

/// Everything but the system's words. Messages of one role that follow each other become one.
pub(super) fn of(conversation: &[Message]) -> Vec<Value> {
    let mut contents: Vec<(&str, Vec<Value>)> = Vec::new();
    let mut called: Vec<String> = Vec::new();
    for message in conversation {
        let (role, parts) = match message {
            Message::System(_) => continue,
            Message::User(text) => ("user", vec![json!({"text": text})]),
            Message::Assistant(turn) => {
                let parts = said(turn);
                let id = |part: &Value| part["functionCall"]["id"].as_str().map(str::to_owned);
                called = parts.iter().filter_map(id).collect();
                ("model", parts)
            }
            Message::Tools(results) => ("user", results.iter().map(|it| response(it, &called)).collect()),
        };
        match contents.last_mut().filter(|(last, _)| *last == role) {
            Some((_, before)) => before.extend(parts),
            None if parts.is_empty() => {}
            None => contents.push((role, parts)),
        }
    }
    contents.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts})).collect()
}

fn said(turn: &AssistantMessage) -> Vec<Value> {
    if let Some(parts) = turn.echo.as_ref().filter(|echo| echo.wire == NAME).and_then(|echo| echo.value.as_array()) {
        return parts.clone();
    }
    let text = (!turn.text.is_empty()).then(|| json!({"text": turn.text}));
    let calls = turn.calls.iter().enumerate().map(|(position, call)| {
        let arguments = if call.arguments.is_object() { call.arguments.clone() } else { json!({}) };
        let mut part = json!({"functionCall": {"name": call.name, "args": arguments}});
        // The first of several calls carries the signature of all.
        if position == 0 {
            part["thoughtSignature"] = json!(FOREIGN);
        }
        part
    });
    text.into_iter().chain(calls).collect()
}

/// A result. It has an id only if its call has one, which ours do not that stand in for a missing one.
fn response(result: &ToolResult, called: &[String]) -> Value {
    let key = if result.is_error { "error" } else { "output" };
    let mut response = json!({"name": result.name, "response": {key: &*result.text}});
    if called.contains(&result.id) {
        response["id"] = json!(result.id);
    }
    json!({"functionResponse": response})
}
