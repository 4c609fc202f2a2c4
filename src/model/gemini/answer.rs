//! Reads an answer of Gemini, of which every chunk of a stream has the form of a whole one.
//!
//! Reasons for which a model stops: <https://ai.google.dev/api/generate-content#FinishReason>.

use serde_json::{Value, json};

use crate::model::gemini::NAME;
use crate::model::reply_builder::{ReplyBuilder, Stop, ToolCallBuilder, tokens};
use crate::model::status::Report;
use crate::model::wire::DecodeError;
use crate::words::conversation::ProviderState;

/// Whether `value` has the form of an answer.
pub(super) fn is_one(value: &Value) -> bool {
    ["candidates", "promptFeedback", "usageMetadata"].iter().any(|key| value.get(key).is_some())
}

/// Reads a chunk.
///
/// # Errors
/// The failure that it reports.
pub(super) fn read(chunk: &Value, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
    if let Some(report) = Report::find(chunk) {
        return Err(DecodeError::Reported(report));
    }
    read_usage(&chunk["usageMetadata"], draft);
    let feedback = &chunk["promptFeedback"];
    if let Some(reason) = feedback["blockReason"].as_str().filter(|reason| !reason.is_empty()) {
        let words = feedback["blockReasonMessage"].as_str().unwrap_or_default();
        refuse("the prompt was blocked", reason, words, draft);
    }
    let candidates = chunk["candidates"].as_array().into_iter().flatten();
    let first = candidates.into_iter().find(|candidate| candidate["index"].as_u64().unwrap_or(0) == 0);
    let Some(candidate) = first else { return Ok(()) };
    candidate["content"]["parts"].as_array().into_iter().flatten().for_each(|part| read_part(part, draft));
    if let Some(reason) = candidate["finishReason"].as_str().filter(|reason| !reason.is_empty()) {
        read_stop(reason, candidate["finishMessage"].as_str().unwrap_or_default(), draft);
    }
    Ok(())
}

/// Ends a document that is whole: it cannot have been cut, so a server that gives no reason is believed.
pub(super) fn end_whole(draft: &mut ReplyBuilder) {
    draft.stop.get_or_insert_with(Stop::unspecified);
    draft.done = true;
}

fn read_part(part: &Value, draft: &mut ReplyBuilder) {
    let is_thought = part["thought"] == true;
    let call = part.get("functionCall").filter(|call| call.is_object());
    let must_return = call.is_some() || part["thoughtSignature"].is_string();
    if must_return && draft.echo.is_none() {
        let before = (!draft.text.is_empty()).then(|| json!({"text": draft.text}));
        draft.echo = Some(ProviderState::new(NAME, before.into_iter().collect()));
    }
    let kept = draft.echo.as_mut().and_then(|echo| echo.value.as_array_mut());
    if let Some(parts) = kept.filter(|_| must_return || !is_thought) {
        keep(part, parts);
    }
    if let Some(call) = call {
        let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
        let arguments = call.get("args").filter(|args| !args.is_null()).map(Value::to_string).unwrap_or_default();
        let index = draft.calls.len() as u64;
        draft.calls.insert(index, ToolCallBuilder { id: text("id"), name: text("name"), arguments });
    } else if !is_thought {
        draft.text.push_str(part["text"].as_str().unwrap_or_default());
    }
}

/// Keeps a part. Pieces of plain text become one; one that is signed stays as it is.
fn keep(part: &Value, parts: &mut Vec<Value>) {
    let plain = |part: &Value| part.as_object().is_some_and(|it| it.len() == 1) && part["text"].is_string();
    if let (Some(last), Some(piece)) = (parts.last_mut().filter(|last| plain(last)), part["text"].as_str())
        && plain(part)
    {
        last["text"] = json!(format!("{}{piece}", last["text"].as_str().unwrap_or_default()));
        return;
    }
    parts.push(part.clone());
}

fn read_stop(reason: &str, words: &str, draft: &mut ReplyBuilder) {
    draft.stop = Some(match Stop::of(reason) {
        Stop::Refused => return refuse("a filter stopped the answer", reason, words, draft),
        // The model wrote a call that nobody can read, or went wrong in a way that Google does not name. The next
        // attempt is another throw of the dice.
        Stop::Broken(why) => Stop::Broken(joined(&why, words)),
        known => known,
    });
}

fn refuse(what: &str, reason: &str, words: &str, draft: &mut ReplyBuilder) {
    draft.refusal = format!("{what} ({})", joined(reason, words));
    draft.stop = Some(Stop::Refused);
}

fn joined(reason: &str, words: &str) -> String {
    if words.is_empty() { reason.to_owned() } else { format!("{reason}: {words}") }
}

/// Takes over the numbers, which are cumulative and not all in every chunk. The cached tokens are among those of the
/// prompt; those of thoughts and of tools come on top.
fn read_usage(usage: &Value, draft: &mut ReplyBuilder) {
    let number = |key: &str| tokens(&usage[key]).unwrap_or(0);
    let input = number("promptTokenCount") + number("toolUsePromptTokenCount");
    let output = number("candidatesTokenCount") + number("thoughtsTokenCount");
    // Zeros are what a server writes that does not count.
    if input == 0 && output == 0 {
        return;
    }
    let known = draft.usage.get_or_insert_default();
    known.input_tokens = known.input_tokens.max(input);
    known.cached_tokens = known.cached_tokens.max(number("cachedContentTokenCount")).min(known.input_tokens);
    known.output_tokens = known.output_tokens.max(output);
}
