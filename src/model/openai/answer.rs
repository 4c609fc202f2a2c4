//! Reads what Chat Completions answer.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::openai::calls::read_call;
use crate::model::reply_builder::{ReplyBuilder, Stop, THOUGHTS, tokens};
use crate::model::wire::Nothing;
use crate::words::conversation::ProviderState;
use crate::words::usage::{Usage, nano_usd};

/// The parts of an echo that is an object, beside the text of thoughts: OpenRouter's thoughts, and for each call what stood
/// with it.
pub(super) const DETAILS: &str = "reasoning_details";
pub(super) const EXTRAS: &str = "extra_content";

/// What an event brings that has pieces of the text or of a thought and nothing else that counts, as nearly all events
/// of a stream do.
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) thought: String,
}

/// Such an event. It is read without making a [`Value`], which takes ten times as long; an event that does not fit in
/// here is read as one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PieceEvent<'a> {
    choices: [PieceChoice; 1],
    usage: Nothing,
    error: Nothing,
    object: &'a str,
    r#type: Nothing,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PieceChoice {
    index: u64,
    delta: PieceDelta,
    finish_reason: Nothing,
    usage: Nothing,
    error: Nothing,
    object: Nothing,
    r#type: Nothing,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PieceDelta {
    content: Option<String>,
    reasoning_content: Option<String>,
    reasoning_details: Nothing,
    refusal: Nothing,
    tool_calls: Nothing,
    function_call: Nothing,
}

impl Piece {
    pub(super) fn read(data: &str) -> Option<Self> {
        let PieceEvent { choices: [choice], object, .. } = serde_json::from_str(data).ok()?;
        let PieceDelta { content, reasoning_content, .. } = choice.delta;
        (choice.index == 0 && object != "error")
            .then(|| Self { text: content.unwrap_or_default(), thought: reasoning_content.unwrap_or_default() })
    }
}

/// The choice with the index 0. We ask for one only, and a server that gives more mixes their chunks.
pub(super) fn first_choice(choices: &Value) -> Option<&Value> {
    choices.as_array()?.iter().find(|choice| choice["index"].as_u64().unwrap_or(0) == 0)
}

/// Reads a choice, whose text is in `message` (`delta` in a stream). `wire` names the echo of its thoughts.
pub(super) fn read_choice(choice: &Value, message: &Value, wire: &str, draft: &mut ReplyBuilder) {
    read_text(&message["content"], &mut draft.text);
    read_text(&message["refusal"], &mut draft.refusal);
    draft.push_echo(wire, message["reasoning_content"].as_str().unwrap_or_default());
    for detail in message["reasoning_details"].as_array().into_iter().flatten() {
        keep(wire, DETAILS, draft, |details| push_detail(detail, details));
    }
    let calls = &message["tool_calls"];
    // A single one may stand without a list.
    let calls = calls.as_array().map_or(std::slice::from_ref(calls), Vec::as_slice);
    for (position, call) in calls.iter().filter(|call| call.is_object()).enumerate() {
        // Some servers leave out the object around the name.
        let function = if call["function"].is_object() { &call["function"] } else { call };
        let place = read_call(call, function, position > 0, draft);
        if let extra @ Value::Object(_) = &call["extra_content"] {
            // Calls stand in the order of their places, and servers that sign them number them from 0.
            let place = draft.calls.range(..place).count();
            keep(wire, EXTRAS, draft, |extras| {
                extras.resize(extras.len().max(place + 1), Value::Null);
                extras[place] = extra.clone();
            });
        }
    }
    // How calls were written before there could be several.
    if message["function_call"].is_object() {
        read_call(&Value::Null, &message["function_call"], false, draft);
    }
    // An empty reason is how some servers write that there is none yet.
    if let Some(reason) = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty() && *reason != "null") {
        let native = choice["native_finish_reason"].as_str().unwrap_or_default();
        draft.stop = Some(Stop::of(reason).or_worse(native));
    }
}

/// Adds to a list in the echo of `wire`. What a server sends besides the text of thoughts makes the echo an object.
fn keep(wire: &str, key: &str, draft: &mut ReplyBuilder, add: impl FnOnce(&mut Vec<Value>)) {
    let echo = draft.echo.get_or_insert_with(|| ProviderState::new(wire, json!({})));
    if let Value::String(thoughts) = &mut echo.value {
        echo.value = json!({ THOUGHTS: std::mem::take(thoughts) });
    }
    let mut list = match echo.value[key].take() {
        Value::Array(list) => list,
        _ => Vec::new(),
    };
    add(&mut list);
    echo.value[key] = Value::Array(list);
}

/// A piece of a thought in OpenRouter's form. Those of one index and one type are one thought, which comes in pieces:
/// <https://openrouter.ai/docs/use-cases/reasoning-tokens>.
fn push_detail(detail: &Value, details: &mut Vec<Value>) {
    let same = |known: &&mut Value| {
        !detail["index"].is_null() && known["index"] == detail["index"] && known["type"] == detail["type"]
    };
    let Some(known) = details.last_mut().filter(same) else {
        details.push(detail.clone());
        return;
    };
    for (key, value) in detail.as_object().into_iter().flatten() {
        match (&mut known[key.as_str()], value) {
            (_, Value::Null) => {}
            (Value::String(text), Value::String(piece)) if ["text", "summary", "data"].contains(&key.as_str()) => {
                text.push_str(piece);
            }
            (place, value) => *place = value.clone(),
        }
    }
}

/// Content is a text, or a list of parts of which the texts count.
fn read_text(content: &Value, into: &mut String) {
    match content {
        Value::String(text) => into.push_str(text),
        Value::Array(parts) => into.extend(parts.iter().filter_map(|part| part["text"].as_str())),
        _ => {}
    }
}

/// The tokens read from the cache and written to it are among those of the prompt. What the call cost is read of a server
/// whose word is taken for it (`bills`).
pub(super) fn read_usage(usage: &Value, bills: bool, draft: &mut ReplyBuilder) {
    let input = tokens(&usage["prompt_tokens"]).unwrap_or(0);
    let mut output = tokens(&usage["completion_tokens"]).unwrap_or(0);
    // Zeros are what a server writes that does not count.
    if input == 0 && output == 0 {
        return;
    }
    let cached = tokens(&usage["prompt_tokens_details"]["cached_tokens"])
        .or_else(|| tokens(&usage["prompt_cache_hit_tokens"]))
        .unwrap_or(0);
    // The tokens of thoughts are part of the answer's, except at the few servers whose total says otherwise.
    let thoughts = tokens(&usage["completion_tokens_details"]["reasoning_tokens"]).unwrap_or(0);
    if tokens(&usage["total_tokens"]) == Some(input + output + thoughts) {
        output += thoughts;
    }
    let cached_tokens = cached.min(input);
    // The second name is that of proxies which speak for Anthropic.
    let written = tokens(&usage["prompt_tokens_details"]["cache_write_tokens"])
        .or_else(|| tokens(&usage["cache_creation_input_tokens"]))
        .unwrap_or(0);
    draft.usage = Some(Usage {
        input_tokens: input,
        output_tokens: output,
        cached_tokens,
        cache_write_tokens: written.min(input - cached_tokens),
        billed_nano_usd: bills.then(|| billed(usage)).flatten(),
        ..Usage::default()
    });
}

/// What OpenRouter charges, and what the vendor behind it charges where that is paid with a key of one's own.
fn billed(usage: &Value) -> Option<u64> {
    let own = usage["cost"].as_f64()?;
    let upstream = usage["cost_details"]["upstream_inference_cost"].as_f64().filter(|_| usage["is_byok"] == true);
    nano_usd(own + upstream.unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_event_with_nothing_else_that_counts_is_read_as_a_piece_of_text() {
        for (event, text) in [
            (r#"{"choices":[{"delta":{"content":"a\n\"b\""}}]}"#, "a\n\"b\""),
            (r#"{"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}}]}"#, "a"),
            (r#"{"choices":[{"delta":{"content":"a","refusal":null},"finish_reason":null}],"usage":null}"#, "a"),
            (r#"{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}]}"#, ""),
        ] {
            assert_eq!(Piece::read(event).map(|piece| piece.text).as_deref(), Some(text), "{event}");
        }
        for event in [
            "[DONE]",
            r#"{"choices":[]}"#,
            r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a"},"index":1}]}"#,
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":"a"},"error":{"message":"m"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a","refusal":"no"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a","tool_calls":[]}}]}"#,
            r#"{"choices":[{"delta":{"content":["a"]}}]}"#,
            r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#,
            r#"{"object":"error","message":"m"}"#,
            r#"{"type":"error","message":"m"}"#,
            r#"{"error":"m"}"#,
        ] {
            assert!(Piece::read(event).is_none(), "{event}");
        }
    }

    #[test]
    fn thoughts_are_no_text_and_their_tokens_are_counted_once() {
        let mut draft = ReplyBuilder::default();
        read_choice(&json!({}), &json!({"reasoning_content": "hm, ", "content": "a"}), "openai", &mut draft);
        read_choice(&json!({}), &json!({"reasoning_content": "yes"}), "openai", &mut draft);
        assert_eq!(draft.text, "a");
        assert_eq!(draft.echo.as_ref().map(|echo| (&*echo.wire, &echo.value)), Some(("openai", &json!("hm, yes"))));
        for (details, total, expected) in
            [(json!({"reasoning_tokens": 3}), 15, 5), (json!({"reasoning_tokens": 3}), 18, 8)]
        {
            let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": total, "completion_tokens_details": details});
            read_usage(&usage, false, &mut draft);
            assert_eq!(draft.usage.unwrap().output_tokens, expected, "{usage}");
        }
    }
}
