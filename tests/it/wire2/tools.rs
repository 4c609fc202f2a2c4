//! Calls of tools: how they are read, and that a turn goes back as it came.

use orch::conversation::{Message, ToolCall, ToolResult};
use orch::event::{FailureKind, StopReason};
use orch::provider::Reply;
use serde_json::{Value, json};

use super::vendors::{ALL, ANTHROPIC, GEMINI, OLLAMA, Vendor, block, delta, parts};
use super::{after, after_with_tools, assert_fails, body, request, with_tools};
use crate::server::Act;

fn call(id: &str, arguments: Value) -> ToolCall {
    ToolCall { id: id.to_owned(), name: "weather".to_owned(), arguments }
}

/// The body of the request that goes on after `reply` with these results.
fn next(vendor: &Vendor, reply: Reply, texts: &[&str]) -> Value {
    let results = reply.turn.calls.iter().zip(texts).map(|(call, text)| ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        text: (*text).into(),
        is_error: false,
    });
    let results = Message::Tools(results.collect());
    let mut request = with_tools(request("hello"));
    request.messages.extend([Message::Assistant(reply.turn), results]);
    body(&*(vendor.wire)("https://h"), &request)
}

fn tool_use(index: u64, id: &str, pieces: &[&str]) -> Vec<Value> {
    let start = block(index, &json!({"type": "tool_use", "id": id, "name": "weather", "input": {}}));
    let piece = |piece: &&str| delta(index, &json!({"type": "input_json_delta", "partial_json": piece}));
    let stop = json!({"type": "content_block_stop", "index": index});
    [start].into_iter().chain(pieces.iter().map(piece)).chain([stop]).collect()
}

/// A stream of Messages with these blocks after a thought, if there is to be one.
fn thoughtful(thought: bool, blocks: impl IntoIterator<Item = Value>) -> Act {
    let mut values = vec![json!({"type": "message_start", "message": {"usage": {"input_tokens": 10}}})];
    if thought {
        values.extend([
            block(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
            delta(0, &json!({"type": "thinking_delta", "thinking": "h"})),
            delta(0, &json!({"type": "thinking_delta", "thinking": "m"})),
            delta(0, &json!({"type": "signature_delta", "signature": "c2ln"})),
            json!({"type": "content_block_stop", "index": 0}),
            block(1, &json!({"type": "redacted_thinking", "data": "eHh4"})),
        ]);
    }
    values.extend(blocks);
    values.extend((ANTHROPIC.end)("tool_use"));
    ANTHROPIC.act(ANTHROPIC.chunks(&values))
}

#[test]
fn calls_in_pieces_are_put_together_by_their_block() {
    let blocks = [
        vec![block(0, &json!({"type": "text", "text": ""})), delta(0, &json!({"type": "text_delta", "text": "Look."}))],
        tool_use(1, "toolu_1", &["", "{\"pla", "ce\": \"B\\u0065rn\"}"]),
        tool_use(2, "toolu_2", &[]),
    ];
    let reply = after_with_tools(&ANTHROPIC, thoughtful(false, blocks.concat())).unwrap();
    assert_eq!((&*reply.turn.text, reply.stop), ("Look.", StopReason::ToolUse));
    assert_eq!(reply.turn.calls, [call("toolu_1", json!({"place": "Bern"})), call("toolu_2", json!({}))]);
    assert_eq!(reply.turn.echo, None, "nothing has to go back as it came");
}

#[test]
fn a_whole_message_has_whole_calls() {
    let content = json!([
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "text", "text": "Look."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Bern"}},
    ]);
    let whole = json!({"type": "message", "content": content, "stop_reason": "tool_use"});
    let reply = after_with_tools(&ANTHROPIC, Act::json(whole.to_string())).unwrap();
    assert_eq!(reply.turn.calls, [call("toolu_1", json!({"place": "Bern"}))]);
    assert_eq!(next(&ANTHROPIC, reply, &["rain"])["messages"][1]["content"], content);
}

#[test]
fn thoughts_before_a_call_go_back_to_anthropic_signed() {
    let text = |text| {
        vec![block(2, &json!({"type": "text", "text": ""})), delta(2, &json!({"type": "text_delta", "text": text}))]
    };
    for spoken in ["Look.", ""] {
        let blocks =
            [text(spoken), tool_use(3, "toolu_1", &["{\"place\":", "\"Bern\"}"]), tool_use(4, "toolu_2", &["{\"pl"])];
        let reply = after_with_tools(&ANTHROPIC, thoughtful(true, blocks.concat())).unwrap();
        assert_eq!(reply.turn.text, spoken);
        assert_eq!(reply.turn.calls[1], call("toolu_2", json!("{\"pl")), "what is no JSON is handed on as a text");
        let mut content = vec![
            json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"}),
            json!({"type": "redacted_thinking", "data": "eHh4"}),
            json!({"type": "text", "text": "Look."}),
            json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Bern"}}),
            json!({"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}}),
        ];
        if spoken.is_empty() {
            content.remove(2);
        }
        let messages = json!([
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": content},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no"},
            ]},
        ]);
        assert_eq!(next(&ANTHROPIC, reply, &["rain", "no"])["messages"], messages);
    }
    let only_text = after_with_tools(&ANTHROPIC, thoughtful(true, text("Done.")));
    assert_fails("no call", only_text, FailureKind::Malformed, "named none");
}

#[test]
fn thoughts_before_a_text_do_not_go_back() {
    let mut values = (ANTHROPIC.start)();
    values[1] = block(0, &json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"}));
    let text = block(1, &json!({"type": "text", "text": "Done."}));
    let stream =
        ANTHROPIC.chunks(&values) + &ANTHROPIC.chunks(&[text]) + &ANTHROPIC.chunks(&(ANTHROPIC.end)("end_turn"));
    let reply = after_with_tools(&ANTHROPIC, ANTHROPIC.act(stream)).unwrap();
    assert_eq!((&*reply.turn.text, reply.turn.echo), ("Done.", None));
}

#[test]
fn a_turn_of_gemini_goes_back_with_its_signatures_and_ids() {
    let first =
        json!({"functionCall": {"id": "f1", "name": "weather", "args": {"place": "Bern"}}, "thoughtSignature": "c2ln"});
    let second = json!({"functionCall": {"name": "weather", "args": {"place": "Rome"}}});
    let stream = [
        parts(&json!([{"text": "hm", "thought": true}]), None),
        parts(&json!([{"text": "Let "}]), None),
        parts(&json!([{"text": "me."}]), None),
        parts(&json!([first]), None),
        parts(&json!([second, {"text": "So"}]), None),
        parts(&json!([{"text": "on"}]), None),
        parts(&json!([{"text": "", "thoughtSignature": "bGFzdA"}]), Some("STOP")),
    ];
    let reply = after_with_tools(&GEMINI, GEMINI.act(GEMINI.chunks(&stream))).unwrap();
    assert_eq!((&*reply.turn.text, &reply.stop), ("Let me.Soon", &StopReason::ToolUse));
    assert_eq!(reply.turn.calls, [call("f1", json!({"place": "Bern"})), call("call_1", json!({"place": "Rome"}))]);
    let contents = json!([
        {"role": "user", "parts": [{"text": "hello"}]},
        {"role": "model", "parts": [
            {"text": "Let me."}, first, second, {"text": "Soon"}, {"text": "", "thoughtSignature": "bGFzdA"},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "f1", "name": "weather", "response": {"output": "rain"}}},
            {"functionResponse": {"name": "weather", "response": {"output": "sun"}}},
        ]},
    ]);
    assert_eq!(next(&GEMINI, reply, &["rain", "sun"])["contents"], contents);
}

#[test]
fn a_signed_text_of_gemini_goes_back_too() {
    let stream = [
        parts(&json!([{"text": "Hi"}]), None),
        parts(&json!([{"text": ".", "thoughtSignature": "c2ln"}]), Some("STOP")),
    ];
    let reply = after(&GEMINI, GEMINI.act(GEMINI.chunks(&stream))).unwrap();
    assert_eq!((&*reply.turn.text, &reply.stop), ("Hi.", &StopReason::End));
    let said = json!([{"text": "Hi"}, {"text": ".", "thoughtSignature": "c2ln"}]);
    assert_eq!(next(&GEMINI, reply, &[])["contents"][1]["parts"], said);
}

#[test]
fn calls_of_ollama_come_whole_in_one_chunk_or_in_several() {
    let calls =
        |calls: Value| json!({"message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": false});
    let values = [
        calls(json!([{"id": "c1", "function": {"index": 0, "name": "weather", "arguments": {"place": "Bern"}}}])),
        calls(
            json!([{"function": {"name": "weather", "arguments": "{\"place\": \"Rome\"}"}}, {"function": {"name": "weather"}}]),
        ),
    ];
    let stream = OLLAMA.chunks(&values) + &OLLAMA.chunks(&(OLLAMA.end)("stop"));
    let reply = after_with_tools(&OLLAMA, OLLAMA.act(stream)).unwrap();
    assert_eq!(reply.stop, StopReason::ToolUse);
    let expected =
        [call("c1", json!({"place": "Bern"})), call("call_1", json!({"place": "Rome"})), call("call_2", json!({}))];
    assert_eq!(reply.turn.calls, expected);
}

#[test]
fn arguments_that_are_no_object_are_handed_on_and_not_sent_back() {
    let gemini = parts(&json!([{"functionCall": {"name": "weather", "args": [1]}}]), Some("STOP"));
    let ollama = json!({"message": {"tool_calls": [{"function": {"name": "weather", "arguments": "{\"pl"}}]}, "done": true, "done_reason": "stop"});
    for (vendor, act, arguments) in [
        (&ANTHROPIC, thoughtful(false, tool_use(0, "t", &["{\"pl"])), json!("{\"pl")),
        (&GEMINI, GEMINI.act(GEMINI.chunks(&[gemini])), json!([1])),
        (&OLLAMA, OLLAMA.act(OLLAMA.chunks(&[ollama])), json!("{\"pl")),
    ] {
        let reply = after_with_tools(vendor, act).unwrap_or_else(|failed| panic!("{}: {failed:?}", vendor.name));
        assert_eq!(reply.turn.calls[0].arguments, arguments, "{}", vendor.name);
    }
}

#[test]
fn a_tool_that_nobody_gave_is_not_called() {
    let gemini = parts(&json!([{"functionCall": {"name": "rm", "args": {}}}]), Some("STOP"));
    let ollama =
        json!({"message": {"tool_calls": [{"function": {"name": "rm"}}]}, "done": true, "done_reason": "stop"});
    for (vendor, act) in ALL.iter().zip([
        thoughtful(true, tool_use(2, "t", &[])),
        GEMINI.act(GEMINI.chunks(&[gemini])),
        OLLAMA.act(OLLAMA.chunks(&[ollama])),
    ]) {
        assert_fails(vendor.name, after(vendor, act), FailureKind::Malformed, "asked for a tool");
    }
}

#[test]
fn a_call_that_is_cut_is_no_call() {
    let open = [
        block(0, &json!({"type": "tool_use", "id": "t", "name": "weather", "input": {}})),
        delta(0, &json!({"type": "input_json_delta", "partial_json": "{\"place"})),
    ];
    let failed = after_with_tools(&ANTHROPIC, ANTHROPIC.act(ANTHROPIC.chunks(&open)));
    assert_fails("cut", failed, FailureKind::Connection, "incomplete stream");
    let limit = ANTHROPIC.chunks(&open) + &ANTHROPIC.chunks(&(ANTHROPIC.end)("max_tokens"));
    let failed = after_with_tools(&ANTHROPIC, ANTHROPIC.act(limit));
    assert_fails("limit", failed, FailureKind::Truncated, "output tokens");
}
