//! Puts together the calls of tools of a stream of Chat Completions, in every shape in which servers send them.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::model::reply_builder::ReplyBuilder;

/// A call comes whole, or in pieces that the index holds together: the id and the name first, then the arguments. Behind
/// another one in a list it is no piece of that, if it has a name.
pub(super) fn read_call(call: &Value, function: &Value, is_behind: bool, draft: &mut ReplyBuilder) -> u64 {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, name) = (text(&call["id"]), text(&function["name"]));
    let arguments = match &function["arguments"] {
        Value::Null => &function["parameters"],
        arguments => arguments,
    };
    let index = call["index"].as_u64().or_else(|| call["index"].as_str()?.parse().ok());
    let place = match index {
        None if is_behind && !name.is_empty() => next(draft),
        index => place(index, &id, &name, arguments, draft),
    };
    let into = draft.calls.entry(place).or_default();
    if into.id.is_empty() {
        into.id = id;
    }
    // Some servers write the whole name with every piece.
    if into.name != name {
        into.name.push_str(&name);
    }
    match arguments {
        Value::String(piece) => into.arguments.push_str(piece),
        Value::Null => {}
        whole => into.arguments = whole.to_string(),
    }
    place
}

/// Where a piece belongs. Some servers leave the index out or write the same one for all calls, and some say the name, the
/// id or both with every piece: a piece with a name begins a new call unless it goes on with the last one.
fn place(index: Option<u64>, id: &str, name: &str, arguments: &Value, draft: &ReplyBuilder) -> u64 {
    let next = next(draft);
    let at = index.unwrap_or_else(|| next.saturating_sub(1));
    match draft.calls.get(&at) {
        Some(known) if !name.is_empty() && !known.name.is_empty() => {
            let piece = match arguments {
                Value::String(piece) => Cow::Borrowed(piece.as_str()),
                Value::Null => Cow::Borrowed(""),
                whole => Cow::Owned(whole.to_string()),
            };
            let goes_on = if !id.is_empty() && !known.id.is_empty() {
                id == known.id
            } else if name == known.name {
                let is_whole = serde_json::from_str::<IgnoredAny>(&known.arguments).is_ok();
                !is_whole || piece.is_empty() || (index.is_some() && *piece == known.arguments)
            } else {
                // The name itself comes in pieces, in front of the arguments.
                index.is_some() && known.arguments.is_empty()
            };
            if goes_on { at } else { next }
        }
        _ => at,
    }
}

fn next(draft: &ReplyBuilder) -> u64 {
    draft.calls.last_key_value().map_or(0, |(last, _)| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::openai::answer::read_choice;
    use serde_json::json;

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

    fn call(id: &str, arguments: &Value) -> (String, String, Value) {
        (id.to_owned(), "f".to_owned(), arguments.clone())
    }

    /// A piece in which what is negative or empty is not there.
    fn p(index: i32, id: &str, name: &str, arguments: &str) -> Value {
        let or_nothing = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        let index = if index < 0 { Value::Null } else { json!(index) };
        piece(index, or_nothing(id), or_nothing(name), json!(arguments))
    }

    fn text(value: &Value) -> Value {
        Value::String(value.to_string())
    }

    #[test]
    fn a_call_is_put_together_however_it_comes() {
        let (no, a, b) = (Value::Null, json!({"n": 1}), json!({"n": 2}));
        let both = vec![call("x", &a), call("y", &b)];
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
            ("the same index for all", vec![p(0, "x", "f", "{\"n\":1}"), p(0, "y", "f", "{\"n\":2}")], both.clone()),
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
    fn calls_without_ids_or_numbers_are_told_apart() {
        let (a, b) = (json!({"n": 1}), json!({"n": 2}));
        let both = vec![call("x", &a), call("y", &b)];
        for (case, chunks, expected) in [
            (
                "the name each time and nothing else",
                vec![p(-1, "", "f", ""), p(-1, "", "f", "{\"n\""), p(-1, "", "f", ":1}"), p(-1, "", "f", "{\"n\":2}")],
                vec![call("call_0", &a), call("call_1", &b)],
            ),
            (
                "the same index and no id",
                vec![p(0, "", "f", "{\"n\":1}"), p(0, "", "f", "{\"n\":2}")],
                vec![call("call_0", &a), call("call_1", &b)],
            ),
            (
                "a call that is said twice",
                vec![p(0, "", "f", "{\"n\":1}"), p(0, "", "f", "{\"n\":1}")],
                vec![call("call_0", &a)],
            ),
            (
                "the name in pieces",
                vec![p(0, "x", "get", ""), p(0, "", "_it", "{}")],
                vec![("x".to_owned(), "get_it".to_owned(), json!({}))],
            ),
            (
                "another name at the same index",
                vec![p(0, "", "g", "{}"), p(0, "", "f", "{\"n\":1}")],
                vec![("call_0".to_owned(), "g".to_owned(), json!({})), call("call_1", &a)],
            ),
            ("a late id", vec![p(0, "", "f", "{\"n\""), p(0, "x", "", ":1}")], vec![call("x", &a)]),
            (
                "an index in quotes",
                vec![
                    piece(json!("1"), json!("y"), json!("f"), text(&b)),
                    piece(json!("0"), json!("x"), json!("f"), text(&a)),
                ],
                both.clone(),
            ),
            (
                "no list",
                vec![json!({"tool_calls": {"id": "x", "function": {"name": "f", "arguments": text(&a)}}})],
                vec![call("x", &a)],
            ),
            (
                "no object around the name",
                vec![json!({"tool_calls": [{"id": "x", "name": "f", "parameters": a}]})],
                vec![call("x", &a)],
            ),
        ] {
            assert_eq!(calls(&chunks), expected, "{case}");
        }
    }
}
