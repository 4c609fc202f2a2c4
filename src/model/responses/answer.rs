//! Reads what Responses answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::model::reply_builder::{ReplyBuilder, Stop, ToolCallBuilder, tokens};
use crate::model::responses::NAME;
use crate::model::status::Report;
use crate::model::wire::{DecodeError, Nothing};
use crate::words::conversation::ProviderState;
use crate::words::usage::{StopReason, Usage};

/// An event that brings a piece of the text, as nearly all events of a stream do. It is read without making a
/// [`Value`], which takes ten times as long.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Piece<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    delta: Cow<'a, str>,
    error: Nothing,
}

impl<'a> Piece<'a> {
    pub(super) fn read(data: &'a str) -> Option<Cow<'a, str>> {
        let Self { r#type, delta, .. } = serde_json::from_str(data).ok()?;
        (r#type == "response.output_text.delta").then_some(delta)
    }
}

/// Reads one event of a stream.
pub(super) fn read_event(event: &Value, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
    if let Some(report) = Report::find(event) {
        return Err(DecodeError::Reported(report));
    }
    // Some servers do not number their items: one that is added is the next, and all else is about the last.
    let next = draft.calls.last_key_value().map_or(0, |(last, _)| last + 1);
    let unnumbered = if event["type"] == "response.output_item.added" { next } else { next.saturating_sub(1) };
    let index = event["output_index"].as_u64().unwrap_or(unnumbered);
    let delta = event["delta"].as_str().unwrap_or_default();
    match event["type"].as_str().unwrap_or_default() {
        "response.output_text.delta" => draft.text.push_str(delta),
        "response.refusal.delta" => draft.refusal.push_str(delta),
        "response.output_item.added" => read_call(index, &event["item"], draft),
        "response.function_call_arguments.delta" => {
            draft.calls.entry(index).or_default().arguments.push_str(delta);
        }
        "response.function_call_arguments.done" => {
            if let Some(whole) = event["arguments"].as_str() {
                whole.clone_into(&mut draft.calls.entry(index).or_default().arguments);
            }
        }
        "response.output_item.done" => {
            read_call(index, &event["item"], draft);
            keep(&event["item"], draft);
        }
        "response.completed" => return read_end(&event["response"], "completed", draft),
        "response.incomplete" => return read_end(&event["response"], "incomplete", draft),
        "response.failed" => return read_end(&event["response"], "failed", draft),
        "response.cancelled" => return read_end(&event["response"], "cancelled", draft),
        // There are some fifty kinds of events, and new ones come with every feature.
        _ => {}
    }
    Ok(())
}

/// Reads a whole response, which is a document or the end of a stream. Text that has been streamed is not read again;
/// of the other items the whole response knows best, unless the server leaves them out of it.
pub(super) fn read_end(response: &Value, status: &str, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
    read_usage(&response["usage"], draft);
    if let Some(report) = Report::find(response) {
        return Err(DecodeError::Reported(report));
    }
    let items = response["output"].as_array().map_or(&[][..], Vec::as_slice);
    if !items.is_empty() {
        draft.calls.clear();
        draft.echo = None;
    }
    let (has_text, has_refusal) = (!draft.text.is_empty(), !draft.refusal.is_empty());
    for (index, item) in (0..).zip(items) {
        for part in item["content"].as_array().into_iter().flatten() {
            match part["type"].as_str() {
                Some("output_text") if !has_text => draft.text.push_str(part["text"].as_str().unwrap_or_default()),
                Some("refusal") if !has_refusal => {
                    draft.refusal.push_str(part["refusal"].as_str().unwrap_or_default());
                }
                _ => {}
            }
        }
        read_call(index, item, draft);
        keep(item, draft);
    }
    forget_without_thoughts(draft);
    draft.stop = Some(stop(response, items, status));
    draft.done = true;
    Ok(())
}

/// Why the response ended: the worst that it says of it, in its event, its own status, its details or one of its items.
/// An event that completes a response that is not whole is what vLLM sends at the limit of tokens:
/// <https://github.com/vllm-project/vllm/issues/45386>.
fn stop(response: &Value, items: &[Value], said: &str) -> Stop {
    let reason = response["incomplete_details"]["reason"].as_str().filter(|reason| !reason.is_empty());
    let cut = items.iter().any(|item| item["status"] == "incomplete");
    let own = response["status"].as_str().filter(|status| !matches!(*status, "" | "in_progress" | "queued"));
    let status = [Some(said), own].into_iter().flatten().find(|status| *status != "completed");
    match status {
        None if reason.is_none() && !cut => Stop::Complete(StopReason::End),
        None | Some("incomplete") => match reason.map(|reason| (reason, Stop::of(reason))) {
            Some((_, stop @ (Stop::Truncated(_) | Stop::Refused))) => stop,
            other => {
                let why = other.map_or("for no reason that it gives", |(reason, _)| reason);
                Stop::Broken(format!("incomplete, {why}"))
            }
        },
        Some(other) => Stop::Broken(other.to_owned()),
    }
}

/// Takes over a call, of which the beginning of its item has the name and the end has everything.
fn read_call(index: u64, item: &Value, draft: &mut ReplyBuilder) {
    if item["type"] == "function_call" {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let arguments = match &item["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            whole => whole.to_string(),
        };
        // Servers that come from Chat Completions know one id alone.
        let id = if item["call_id"].is_string() { text("call_id") } else { text("id") };
        let call = ToolCallBuilder { id, name: text("name"), arguments };
        draft.calls.insert(index, call);
    }
}

/// Keeps an item to be sent back. A thought without its encrypted content is none: OpenAI would look for it in its store
/// and not find it.
fn keep(item: &Value, draft: &mut ReplyBuilder) {
    let is_kept = match item["type"].as_str() {
        Some("message" | "function_call") => true,
        Some("reasoning") => item["encrypted_content"].is_string(),
        _ => false,
    };
    if is_kept {
        let empty = || ProviderState::new(NAME, Value::Array(Vec::new()));
        if let Value::Array(items) = &mut draft.echo.get_or_insert_with(empty).value {
            items.push(item.clone());
        }
    }
}

/// Texts and calls alone can be sent back without an echo, and by any other wire.
fn forget_without_thoughts(draft: &mut ReplyBuilder) {
    let is_thought = |item: &Value| item["type"] == "reasoning";
    let items = draft.echo.as_ref().and_then(|echo| echo.value.as_array());
    if !items.is_some_and(|items| items.iter().any(is_thought)) {
        draft.echo = None;
    }
}

/// The tokens read from the cache and written to it are among the input, and thoughts among the output.
fn read_usage(usage: &Value, draft: &mut ReplyBuilder) {
    let number = |value: &Value| tokens(value).unwrap_or(0);
    let (input, output) = (number(&usage["input_tokens"]), number(&usage["output_tokens"]));
    // Zeros are what a server writes that does not count.
    if input == 0 && output == 0 {
        return;
    }
    let cached_tokens = number(&usage["input_tokens_details"]["cached_tokens"]).min(input);
    let cache_write_tokens = number(&usage["input_tokens_details"]["cache_write_tokens"]).min(input - cached_tokens);
    draft.usage = Some(Usage {
        input_tokens: input,
        output_tokens: output,
        cached_tokens,
        cache_write_tokens,
        ..Usage::default()
    });
}
