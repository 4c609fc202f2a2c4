//! Calls of tools: how they are read, and what is no call.

use orch::words::conversation::ToolCall;
use orch::words::failure::FailureKind;
use orch::words::usage::StopReason;
use serde_json::{Value, json};

use super::{ALL, after, after_with_tools, assert_fails, request, with_tools};
use crate::server::Act;
use crate::server::vendor::{Called, Said, Vendor, anthropic, gemini, ollama, openai, responses};

fn call(id: &str, arguments: Value) -> ToolCall {
    ToolCall { id: id.to_owned(), name: "weather".to_owned(), arguments }
}

fn called<'a>(id: &'a str, arguments: &'a str) -> Called<'a> {
    Called { id, name: "weather", arguments }
}

/// An answer that calls tools, as a stream and as a document.
fn both(vendor: &Vendor, said: &Said) -> [Act; 2] {
    [vendor.sends(vendor.stream(said)), vendor.sends_whole(said)]
}

#[test]
fn calls_are_read_whether_they_come_whole_or_in_pieces() {
    let calls = [called("c1", "{\"place\": \"B\\u0065rn\"}"), called("c2", "{}"), called("c3", "{\"place\":\"Rome\"}")];
    let expected = [call("c1", json!({"place": "Bern"})), call("c2", json!({})), call("c3", json!({"place": "Rome"}))];
    for vendor in ALL {
        for text in ["Look.", ""] {
            for act in both(vendor, &Said { text, ..vendor.calls(&calls) }) {
                let reply =
                    after_with_tools(vendor, act).unwrap_or_else(|failed| panic!("{}: {failed:?}", vendor.name));
                assert_eq!((&*reply.turn.text, reply.stop), (text, StopReason::ToolUse), "{}", vendor.name);
                assert_eq!(reply.turn.calls, expected, "{}", vendor.name);
            }
        }
    }
}

#[test]
fn arguments_that_are_no_object_are_handed_on() {
    for vendor in ALL {
        for (written, expected) in
            [("{\"pl", json!("{\"pl")), ("[1]", json!([1])), ("\"Bern\"", json!("Bern")), ("7", json!(7))]
        {
            let calls = [called("c", written)];
            for act in both(vendor, &vendor.calls(&calls)) {
                let reply =
                    after_with_tools(vendor, act).unwrap_or_else(|failed| panic!("{}: {failed:?}", vendor.name));
                assert_eq!(reply.turn.calls[0].arguments, expected, "{}: {written}", vendor.name);
            }
        }
    }
}

#[test]
fn arguments_with_small_mistakes_of_form_are_mended() {
    // Anthropic, Gemini and Ollama send JSON in JSON, in which a mistake of form stands in a text.
    for vendor in ALL {
        for written in ["{\"place\": \"Bern\",}", "{'place': 'Bern'}", "\"{\\\"place\\\": \\\"Bern\\\"}\""] {
            let calls = [called("c", written)];
            for act in both(vendor, &vendor.calls(&calls)) {
                let turn = after_with_tools(vendor, act).unwrap().turn;
                assert_eq!(turn.calls[0].arguments, json!({"place": "Bern"}), "{}: {written}", vendor.name);
            }
        }
    }
}

#[test]
fn blocks_and_items_without_numbers_of_their_own_are_told_apart() {
    for vendor in [&anthropic::ROW, &responses::ROW] {
        let calls = [called("c1", "{\"place\": \"Bern\"}"), called("c2", "{\"place\": \"Rome\"}")];
        let mut values = vendor.values(&vendor.calls(&calls));
        for value in &mut values {
            let event = value.as_object_mut().unwrap();
            event.remove("index");
            event.remove("output_index");
            // What the end repeats is left out of it by servers that number nothing.
            if let Some(output) = value.pointer_mut("/response/output") {
                *output = json!([]);
            }
        }
        let frames: String = values.iter().map(vendor.frame).chain([vendor.last.to_owned()]).collect();
        let turn = after_with_tools(vendor, vendor.sends(frames)).unwrap().turn;
        let expected = [call("c1", json!({"place": "Bern"})), call("c2", json!({"place": "Rome"}))];
        assert_eq!(turn.calls, expected, "{}", vendor.name);
    }
}

#[test]
fn a_whole_message_in_a_stream_is_read_as_one() {
    let message = json!({"tool_calls": {"id": "c", "name": "weather", "arguments": {"place": "Bern"}}});
    let end = json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let turn =
        after_with_tools(&openai::ROW, openai::ROW.sends(openai::ROW.open(&[end]) + openai::ROW.last)).unwrap().turn;
    assert_eq!(turn.calls, [call("c", json!({"place": "Bern"}))]);
}

#[test]
fn a_tool_that_nobody_knows_is_handed_on_to_be_refused() {
    for vendor in ALL {
        let calls = [Called { id: "c", name: "rm", arguments: "{}" }];
        for act in both(vendor, &vendor.calls(&calls)) {
            let turn = after_with_tools(vendor, act).unwrap().turn;
            assert_eq!(&*turn.calls[0].name, "rm", "{}", vendor.name);
        }
    }
}

#[test]
fn a_tool_that_nobody_gave_is_not_called() {
    let calls = [called("c", "{}")];
    for vendor in ALL {
        for reason in [vendor.reasons.calls, vendor.reasons.end] {
            for act in both(vendor, &Said { text: "Let me", reason, ..vendor.calls(&calls) }) {
                assert_fails(vendor.name, after(vendor, act), FailureKind::Malformed, "asked for a tool");
            }
        }
    }
}

#[test]
fn calls_that_come_with_a_plain_end_are_calls_and_an_announcement_alone_is_none() {
    let calls = [called("c", "{}")];
    for vendor in ALL {
        for act in both(vendor, &Said { reason: vendor.reasons.end, ..vendor.calls(&calls) }) {
            let reply = after_with_tools(vendor, act).unwrap_or_else(|failed| panic!("{}: {failed:?}", vendor.name));
            assert_eq!((reply.stop, reply.turn.calls.len()), (StopReason::ToolUse, 1), "{}", vendor.name);
        }
        let words = if vendor.reasons.calls == vendor.reasons.end { "empty answer" } else { "named none" };
        for act in both(vendor, &vendor.calls(&[])) {
            assert_fails(vendor.name, after_with_tools(vendor, act), FailureKind::Malformed, words);
        }
    }
}

#[test]
fn a_call_that_is_cut_is_no_call() {
    let calls = [called("c", "{\"place\":\"Bern\"}")];
    for vendor in ALL {
        let said = vendor.calls(&calls);
        let open = [(vendor.begin)(&said), (vendor.calls)(&said)].concat();
        for count in 1..=open.len() {
            let cut = after_with_tools(vendor, vendor.sends(vendor.open(&open[..count])));
            assert_fails(vendor.name, cut, FailureKind::Connection, "incomplete stream");
        }
        for act in both(vendor, &Said { reason: vendor.reasons.limit, ..said }) {
            assert_fails(vendor.name, after_with_tools(vendor, act), FailureKind::Truncated, "output tokens");
        }
    }
}

#[test]
fn an_estimate_counts_tools_and_calls_too() {
    let plain = request("hello");
    let mut calling = plain.clone();
    let turn = orch::words::conversation::AssistantMessage {
        calls: vec![call("c", json!({"place": "Bern"}))],
        ..Default::default()
    };
    calling.messages.push(orch::words::conversation::Message::Assistant(turn));
    let [plain, calling, offered] =
        [&plain, &calling, &with_tools(calling.clone())].map(orch::model::ModelRequest::estimated_tokens);
    assert!(plain < calling && calling + 20 < offered, "{plain} {calling} {offered}");
}

#[test]
fn a_call_without_an_id_gets_one_and_without_arguments_has_none() {
    let openai = json!({"choices": [{"message": {"tool_calls": [{"function": {"name": "weather", "arguments": {"place": "Bern"}}}, {"function": {"name": "weather"}}]}, "finish_reason": "stop"}]});
    let parts = json!([{"functionCall": {"name": "weather", "args": {"place": "Bern"}}}, {"functionCall": {"name": "weather"}}]);
    let ollama = json!({"message": {"tool_calls": [{"function": {"name": "weather", "arguments": "{\"place\": \"Bern\"}"}}, {"function": {"name": "weather"}}]}, "done": true, "done_reason": "stop"});
    let item = |id: &str, arguments: Value| json!({"type": "function_call", "id": id, "name": "weather", "arguments": arguments});
    let response =
        json!({"status": "completed", "output": [item("a", json!({"place": "Bern"})), item("b", Value::Null)]});
    for (vendor, whole) in [
        (&responses::ROW, response),
        (&openai::ROW, openai),
        (&gemini::ROW, gemini::parts(&parts, Some("STOP"))),
        (&ollama::ROW, ollama),
    ] {
        let calls = after_with_tools(vendor, Act::json(whole.to_string())).unwrap().turn.calls;
        let arguments: Vec<_> = calls.iter().map(|call| &call.arguments).collect();
        assert_eq!(arguments, [&json!({"place": "Bern"}), &json!({})], "{}", vendor.name);
        assert!(!calls[0].id.is_empty() && calls[0].id != calls[1].id, "{}: {calls:?}", vendor.name);
    }
}
