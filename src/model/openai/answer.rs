//! Reads what Chat Completions answer.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::reply_builder::{ReplyBuilder, Stop, THOUGHTS, tokens};
use crate::model::wire::Nothing;
use crate::words::conversation::ProviderState;
use crate::words::usage::Usage;

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
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        let place = read_call(call, &call["function"], draft);
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
        read_call(&Value::Null, &message["function_call"], draft);
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

/// A call comes whole, or in pieces that the index holds together: the id and the name first, then the arguments.
fn read_call(call: &Value, function: &Value, draft: &mut ReplyBuilder) -> u64 {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, name) = (text(&call["id"]), text(&function["name"]));
    let place = place(call["index"].as_u64(), &id, &name, draft);
    let into = draft.calls.entry(place).or_default();
    if into.id.is_empty() {
        into.id = id;
    }
    // Some servers write the whole name with every piece.
    if into.name != name {
        into.name.push_str(&name);
    }
    match &function["arguments"] {
        Value::String(piece) => into.arguments.push_str(piece),
        Value::Null => {}
        whole => into.arguments = whole.to_string(),
    }
    place
}

/// Where a piece belongs. Some servers leave the index out or write the same one for all calls: there a new call is one
/// with a name and with an id that is not the last one's, and what has neither goes on where the last piece was.
fn place(index: Option<u64>, id: &str, name: &str, draft: &ReplyBuilder) -> u64 {
    let next = draft.calls.last_key_value().map_or(0, |(last, _)| last + 1);
    let at = index.unwrap_or_else(|| next.saturating_sub(1));
    match draft.calls.get(&at) {
        Some(known) if !name.is_empty() && !known.name.is_empty() => {
            let same = if index.is_some() {
                id.is_empty() || known.id.is_empty() || known.id == id
            } else {
                !id.is_empty() && known.id == id
            };
            if same { at } else { next }
        }
        _ => at,
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

/// The tokens read from the cache and written to it are among those of the prompt.
pub(super) fn read_usage(usage: &Value, draft: &mut ReplyBuilder) {
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
        ..Usage::default()
    });
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

    fn calls(chunks: &[Value]) -> Vec<(String, String, Value)> {
        let mut draft = ReplyBuilder::default();
        for chunk in chunks {
            read_choice(&json!({}), chunk, "openai", &mut draft);
        }
        draft.take_turn().calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn piece(index: Value, id: Value, name: Value, arguments: Value) -> Value {
        json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]})
    }

    #[test]
    fn a_call_is_put_together_however_it_comes() {
        let (no, a, b) = (Value::Null, json!({"n": 1}), json!({"n": 2}));
        let call = |id: &str, arguments: &Value| (id.to_owned(), "f".to_owned(), arguments.clone());
        let both = vec![call("x", &a), call("y", &b)];
        let text = |value: &Value| Value::String(value.to_string());
        let p = |index: i32, id: &str, name: &str, arguments: &str| {
            let or_nothing = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
            piece(
                if index < 0 { Value::Null } else { json!(index) },
                or_nothing(id),
                or_nothing(name),
                json!(arguments),
            )
        };
        for (case, chunks, expected) in [
            ("pieces", vec![p(0, "x", "f", ""), p(0, "", "", "{\"n\""), p(0, "", "", ":1}")], vec![call("x", &a)]),
            (
                "parallel and mixed",
                vec![
                    p(0, "x", "f", ""),
                    p(1, "y", "f", ""),
                    p(0, "", "", "{\"n\":1"),
                    p(1, "", "", "{\"n\":2}"),
                    p(0, "", "", "}"),
                ],
                both.clone(),
            ),
            ("id and name each time", vec![p(0, "x", "f", "{\"n\""), p(0, "x", "f", ":1}")], vec![call("x", &a)]),
            ("another id each time", vec![p(0, "x", "f", "{\"n\""), p(0, "z", "", ":1}")], vec![call("x", &a)]),
            (
                "no index",
                vec![p(-1, "x", "f", "{\"n\""), p(-1, "", "", ":1}"), p(-1, "y", "f", "{\"n\":2}")],
                both.clone(),
            ),
            ("the same index for all", vec![p(0, "x", "f", "{\"n\":1}"), p(0, "y", "f", "{\"n\":2}")], both),
            (
                "no id",
                vec![p(0, "", "f", "{\"n\":1}"), p(1, "", "f", "{\"n\":2}")],
                vec![call("call_0", &a), call("call_1", &b)],
            ),
            (
                "the same id twice",
                vec![p(0, "x", "f", "{\"n\":1}"), p(1, "x", "f", "{\"n\":2}")],
                vec![call("x", &a), call("x_1", &b)],
            ),
            ("an object", vec![piece(json!(0), json!("x"), json!("f"), a.clone())], vec![call("x", &a)]),
            ("no arguments", vec![piece(json!(0), json!("x"), json!("f"), no)], vec![call("x", &json!({}))]),
            ("no JSON", vec![p(0, "x", "f", "{\"n\": ")], vec![call("x", &json!("{\"n\":"))]),
            (
                "legacy",
                vec![
                    json!({"function_call": {"name": "f", "arguments": "{\"n\""}}),
                    json!({"function_call": {"arguments": ":1}"}}),
                ],
                vec![call("call_0", &a)],
            ),
            (
                "whole and without an index",
                vec![json!({"tool_calls": [
                    {"id": "x", "function": {"name": "f", "arguments": text(&a)}},
                    {"id": "y", "function": {"name": "f", "arguments": text(&b)}},
                ]})],
                vec![call("x", &a), call("y", &b)],
            ),
        ] {
            assert_eq!(calls(&chunks), expected, "{case}");
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
            read_usage(&usage, &mut draft);
            assert_eq!(draft.usage.unwrap().output_tokens, expected, "{usage}");
        }
    }
}
