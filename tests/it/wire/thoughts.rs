//! What a vendor wants back as it came: signed thoughts, encrypted reasoning, and the turns that hold them.

use orch::model::{ModelRequest, Reply};
use orch::words::conversation::{AssistantMessage, Message, ProviderState, ToolResult};
use orch::words::failure::FailureKind;
use orch::words::usage::StopReason;
use serde_json::{Value, json};

use super::requests::conversation;
use super::{
    ALL, PATIENT, after, after_with_tools, ask_for, assert_answers, assert_fails, at, body, request, wire, with_tools,
};
use crate::server::vendor::{Called, Said, Vendor, anthropic, gemini, ollama, openai, responses, zhipu};
use crate::server::{Act, Server};

const BERN: &str = "{\"place\":\"Bern\"}";
const ROME: &str = "{\"place\":\"Rome\"}";

fn called<'a>(id: &'a str, arguments: &'a str) -> Called<'a> {
    Called { id, name: "weather", arguments }
}

/// The body of the request that goes on after `reply`, whose calls had these results.
fn next(vendor: &Vendor, reply: Reply, texts: &[&str]) -> Value {
    let results = reply.turn.calls.iter().zip(texts).map(|(call, text)| ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        text: (*text).into(),
        is_error: false,
    });
    let results: Vec<_> = results.collect();
    let mut request = with_tools(request("hello"));
    request.messages.push(Message::Assistant(reply.turn));
    request.messages.extend((!results.is_empty()).then_some(Message::Tools(results)));
    body(&*at(vendor, "https://h"), &request)
}

#[test]
fn thoughts_are_no_answer_and_do_not_go_back_behind_one() {
    for vendor in ALL {
        let said = vendor.says("Done.");
        for act in [vendor.sends(vendor.stream(&said)), vendor.sends_whole(&said)] {
            let reply = assert_answers(vendor.name, after_with_tools(vendor, act), "Done.");
            // What OpenAI's protocols keep is sent back only where it counts, which their encoders decide.
            assert!(reply.turn.echo.is_none() || ["responses", "zhipu"].contains(&vendor.name), "{:?}", reply.turn);
            let sent = next(vendor, reply, &[]).to_string();
            assert!(!sent.contains("\"hm\"") && sent.contains("Done."), "{}: {sent}", vendor.name);
        }
    }
}

#[test]
fn thoughts_inside_of_the_text_are_no_answer_in_whatever_pieces_they_come() {
    for vendor in ALL {
        for (text, answer) in [
            ("<think>draft {\"a\":\"one\"}</think>{\"a\":1}", "{\"a\":1}"),
            ("<think>\nhm\n</think>\n\n# Title", "# Title"),
            ("hm\n</think>\n\nDone.", "Done."),
        ] {
            let said = vendor.says(text);
            let stream = vendor.stream(&said);
            let bytes = crate::server::vendor::chunked(&vendor.head(), stream.as_bytes().chunks(1));
            for act in [vendor.sends(stream), Act::Raw(bytes), vendor.sends_whole(&said)] {
                let reply = assert_answers(vendor.name, after(vendor, act), answer);
                assert_eq!(reply.usage.output_tokens, 5, "thoughts cost all the same");
            }
        }
        let act = vendor.sends(vendor.answer("<think>hm"));
        assert_fails(vendor.name, after(vendor, act), FailureKind::Malformed, "empty answer");
    }
}

#[test]
fn an_echo_is_for_its_own_wire() {
    for vendor in ALL {
        let plain = body(&*at(vendor, "https://h"), &conversation(None));
        for other in ALL.into_iter().filter(|other| other.name != vendor.name) {
            for value in [json!("I must look."), json!([{"type": "text", "text": "as it came"}])] {
                let echo = ProviderState::new(other.name, value);
                assert_eq!(body(&*at(vendor, "https://h"), &conversation(Some(echo))), plain, "{}", vendor.name);
            }
        }
    }
}

#[test]
fn an_echo_stands_in_the_place_of_its_turn() {
    let items = json!([{"type": "text", "text": "as it came"}]);
    for (vendor, turn, value, expected) in [
        (&zhipu::ROW, "/messages/2/reasoning_content", json!("I must look."), json!("I must look.")),
        (&openai::ROW, "/messages/2/reasoning_content", json!("I must look."), json!("I must look.")),
        (&responses::ROW, "/input/1", items.clone(), items[0].clone()),
        (&anthropic::ROW, "/messages/1/content", items.clone(), json!("as it came")),
        (&gemini::ROW, "/contents/1/parts", items.clone(), items.clone()),
    ] {
        let echo = ProviderState::new(vendor.name, value);
        let sent = body(&*at(vendor, "https://h"), &conversation(Some(echo)));
        assert_eq!(sent.pointer(turn), Some(&expected), "{}: {sent}", vendor.name);
    }
}

#[test]
fn thoughts_before_a_call_go_back_to_zhipu_and_to_servers_like_it() {
    let thought = openai::delta(json!({"role": "assistant", "content": null, "reasoning_content": "hm"}));
    let calls = [called("c1", BERN), called("c2", ROME)];
    for vendor in [&openai::ROW, &zhipu::ROW] {
        let said = vendor.calls(&calls);
        let mut values = vendor.values(&said);
        if vendor.name == "openai" {
            values.insert(0, thought.clone());
        }
        let reply = after_with_tools(vendor, vendor.sends(vendor.open(&values) + vendor.last)).unwrap();
        let echo = reply.turn.echo.clone().unwrap();
        assert_eq!((&*echo.wire, echo.value), (vendor.name, json!("hm")));
        assert_eq!(next(vendor, reply, &["rain", "sun"])["messages"][2]["reasoning_content"], "hm");
    }
}

#[test]
fn thoughts_before_a_call_go_back_to_anthropic_signed() {
    let vendor = &anthropic::ROW;
    let thought = json!({"type": "thinking", "thinking": "hm", "signature": "c2ln"});
    let redacted = anthropic::block(7, &json!({"type": "redacted_thinking", "data": "eHh4"}));
    let calls = [called("toolu_1", BERN), called("toolu_2", "{\"pl")];
    for text in ["Look.", ""] {
        let said = Said { text, ..vendor.calls(&calls) };
        let mut values = vendor.values(&said);
        values.insert(6, redacted.clone());
        let reply = after_with_tools(vendor, vendor.sends(vendor.open(&values))).unwrap();
        let mut content = vec![
            thought.clone(),
            json!({"type": "redacted_thinking", "data": "eHh4"}),
            json!({"type": "text", "text": "Look."}),
            json!({"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Bern"}}),
            json!({"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}}),
        ];
        if text.is_empty() {
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
        assert_eq!(next(vendor, reply, &["rain", "no"])["messages"], messages);
    }
    let calls = [called("toolu_1", BERN)];
    let said = Said { text: "Look.", ..vendor.calls(&calls) };
    let reply = after_with_tools(vendor, vendor.sends_whole(&said)).unwrap();
    assert_eq!(next(vendor, reply, &["rain"])["messages"][1]["content"], (vendor.whole)(&said)["content"]);
}

#[test]
fn calls_without_thoughts_need_no_echo_at_anthropic() {
    let vendor = &anthropic::ROW;
    let calls = [called("toolu_1", BERN)];
    let mut values = vendor.values(&vendor.calls(&calls));
    values.drain(1..6);
    let reply = after_with_tools(vendor, vendor.sends(vendor.open(&values))).unwrap();
    assert_eq!((reply.stop, reply.turn.echo), (StopReason::ToolUse, None));
}

#[test]
fn a_turn_of_gemini_goes_back_with_its_signatures_and_ids() {
    let vendor = &gemini::ROW;
    let first =
        json!({"functionCall": {"id": "f1", "name": "weather", "args": {"place": "Bern"}}, "thoughtSignature": "c2ln"});
    let second = json!({"functionCall": {"name": "weather", "args": {"place": "Rome"}}});
    let stream = [
        gemini::parts(&json!([{"text": "hm", "thought": true}]), None),
        gemini::parts(&json!([{"text": "Let "}]), None),
        gemini::parts(&json!([{"text": "me."}]), None),
        gemini::parts(&json!([first]), None),
        gemini::parts(&json!([second, {"text": "So"}]), None),
        gemini::parts(&json!([{"text": "on"}]), None),
        gemini::parts(&json!([{"text": "", "thoughtSignature": "bGFzdA"}]), Some("STOP")),
    ];
    let reply = after_with_tools(vendor, vendor.sends(vendor.open(&stream))).unwrap();
    assert_eq!((&*reply.turn.text, &reply.stop), ("Let me.Soon", &StopReason::ToolUse));
    assert_eq!(reply.turn.calls.iter().map(|call| &*call.id).collect::<Vec<_>>(), ["f1", "call_1"]);
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
    assert_eq!(next(vendor, reply, &["rain", "sun"])["contents"], contents);
}

#[test]
fn a_signed_text_of_gemini_goes_back_too() {
    let vendor = &gemini::ROW;
    let stream = [
        gemini::parts(&json!([{"text": "Hi"}]), None),
        gemini::parts(&json!([{"text": ".", "thoughtSignature": "c2ln"}]), Some("STOP")),
    ];
    let reply = assert_answers("signed", after(vendor, vendor.sends(vendor.open(&stream))), "Hi.");
    let said = json!([{"text": "Hi"}, {"text": ".", "thoughtSignature": "c2ln"}]);
    assert_eq!(next(vendor, reply, &[])["contents"][1]["parts"], said);
}

/// Responses that call `weather` twice after a thought, in all the ways in which servers tell of it.
fn responses_that_call() -> (Value, [Act; 4]) {
    let vendor = &responses::ROW;
    let unsealed = json!({"type": "reasoning", "id": "rs_2", "summary": []});
    let call = |id: &str, arguments: &str| json!({"type": "function_call", "id": "fc", "call_id": id, "name": "weather", "arguments": arguments});
    let (one, two) = (call("c1", BERN), call("c2", ROME));
    let item =
        |kind: &str, index: u32, item: &Value| responses::event(kind, json!({"output_index": index, "item": item}));
    let (added, done) = ("response.output_item.added", "response.output_item.done");
    let piece = |text: &str| {
        responses::event("response.function_call_arguments.delta", json!({"output_index": 1, "delta": text}))
    };
    let usage = json!({"input_tokens": 20, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 9});
    let output = json!([responses::thought(), one, two, unsealed]);
    let completed = |output: &Value| {
        let response = json!({"status": "completed", "output": output, "usage": usage});
        responses::event("response.completed", json!({ "response": response }))
    };
    let streamed = vec![
        item(done, 0, &responses::thought()),
        item(added, 1, &call("c1", "")),
        item(added, 2, &call("c2", "")),
        piece(&BERN[..8]),
        responses::event("response.function_call_arguments.done", json!({"output_index": 2, "arguments": ROME})),
        piece(&BERN[8..]),
        item(done, 1, &one),
        item(done, 2, &two),
        item(done, 3, &unsealed),
    ];
    let at_the_end: Vec<Value> = streamed.iter().filter(|event| event["type"] != done).cloned().collect();
    let sends = |events: &[Value], end: &Value| vendor.sends(vendor.open(&[events, &[completed(end)]].concat()));
    let whole = json!({"object": "response", "status": "completed", "error": null, "output": output, "usage": usage});
    let acts = [
        sends(&streamed, &output),
        sends(&at_the_end, &output),
        sends(&streamed, &json!([])),
        Act::json(whole.to_string()),
    ];
    (json!([responses::thought(), one, two]), acts)
}

#[test]
fn calls_of_responses_come_with_the_thoughts_that_must_go_back() {
    let vendor = &responses::ROW;
    let (kept, acts) = responses_that_call();
    for act in acts {
        let reply = after_with_tools(vendor, act).unwrap();
        let calls: Vec<_> = reply.turn.calls.iter().map(|call| (&*call.id, call.arguments.clone())).collect();
        assert_eq!(calls, [("c1", json!({"place": "Bern"})), ("c2", json!({"place": "Rome"}))]);
        let echo = reply.turn.echo.clone().unwrap();
        assert_eq!((&*echo.wire, &echo.value), ("responses", &kept));
        let usage = reply.usage;
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (20, 8, 9));
        let input = &next(vendor, reply, &["rain", "sun"])["input"];
        assert_eq!(input.as_array().unwrap()[1..4], *kept.as_array().unwrap());
        assert_eq!(input[4], json!({"type": "function_call_output", "call_id": "c1", "output": "rain"}));
    }
}

#[test]
fn an_answer_of_responses_without_thoughts_needs_no_echo() {
    let vendor = &responses::ROW;
    let mut values = vendor.values(&vendor.says("hi"));
    values.retain(|value| !value.to_string().contains("encrypted"));
    values.push(responses::event("response.completed", json!({"response": {"output": []}})));
    let turn = assert_answers("no thoughts", after(vendor, vendor.sends(vendor.open(&values))), "hi").turn;
    assert_eq!(turn, AssistantMessage { text: "hi".to_owned(), ..AssistantMessage::default() });
}

#[test]
fn thoughts_that_lead_to_nothing_are_no_answer() {
    for vendor in [&anthropic::ROW, &openai::ROW, &zhipu::ROW] {
        let said = Said { text: "Done.", ..vendor.calls(&[]) };
        let reply = after_with_tools(vendor, vendor.sends(vendor.stream(&said)));
        assert_fails(vendor.name, reply, FailureKind::Malformed, "named none");
    }
    let said = ollama::ROW.says("");
    let reply = after(&ollama::ROW, ollama::ROW.sends(ollama::ROW.stream(&said)));
    assert_fails("ollama", reply, FailureKind::Malformed, "empty answer");
}

/// A stream of Chat Completions with a signed call and a thought in pieces, as Gemini and OpenRouter send them there.
fn signed(vendor: &Vendor) -> Act {
    let detail = |index: u32, text: &str, signature: Value| json!({"type": "reasoning.text", "index": index, "text": text, "signature": signature, "format": "x"});
    let call = |index: u32, extra: Value| {
        let function = json!({"name": "weather", "arguments": "{\"place\": \"Bern\"}"});
        json!({"index": index, "id": format!("c{index}"), "type": "function", "function": function, "extra_content": extra})
    };
    let values = [
        openai::delta(
            json!({"role": "assistant", "content": "", "reasoning_details": [detail(0, "I must", Value::Null)]}),
        ),
        openai::delta(
            json!({"content": "", "reasoning": " look", "reasoning_details": [detail(0, " look", json!("c2ln"))]}),
        ),
        openai::delta(json!({"tool_calls": [call(0, json!({"google": {"thought_signature": "U2ln"}}))]})),
        openai::delta(json!({"tool_calls": [call(1, Value::Null)]})),
    ];
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    let values: Vec<Value> = values.into_iter().chain([end]).collect();
    vendor.sends(vendor.open(&values) + vendor.last)
}

#[test]
fn signatures_go_back_in_chat_completions_and_to_nobody_else() {
    let vendor = &openai::ROW;
    let reply = after_with_tools(vendor, signed(vendor)).unwrap();
    let sent = next(vendor, reply.clone(), &["rain", "sun"]);
    let turn = &sent["messages"][2];
    let thought =
        json!([{"type": "reasoning.text", "index": 0, "text": "I must look", "signature": "c2ln", "format": "x"}]);
    assert_eq!(turn["reasoning_details"], thought);
    assert_eq!(turn["tool_calls"][0]["extra_content"]["google"]["thought_signature"], "U2ln");
    assert_eq!(turn["tool_calls"][1].get("extra_content"), None);

    let echo = reply.turn.echo.unwrap();
    for (from, kept) in
        [(echo.from.as_str(), true), ("", true), ("api.example.com m", false), ("api.example.com:9 m", false)]
    {
        let server = Server::start();
        server.when("hello", [Act::Text("fine".to_owned())]);
        let own = server.url().trim_start_matches("http://").to_owned();
        let from = if kept && !from.is_empty() { format!("{own} m") } else { from.to_owned() };
        let echo = ProviderState { from: from.clone(), ..echo.clone() };
        let asked = conversation(Some(echo));
        assert!(ask_for(&wire(vendor, &server), &asked, &PATIENT).is_ok());
        let turn = server.seen()[0].body["messages"][2].clone();
        assert_eq!(turn.get("reasoning_details").is_some(), kept, "{from}: {turn}");
        assert_eq!(turn["tool_calls"][0].get("extra_content").is_some(), kept, "{from}: {turn}");
    }
}

#[test]
fn ids_of_calls_are_such_as_the_next_server_takes() {
    let mut asked = conversation(None);
    let (long, odd) = ("x".repeat(70), "functions.weather:1");
    for message in &mut asked.messages {
        match message {
            Message::Assistant(turn) => {
                turn.calls[0].id.clone_from(&long);
                turn.calls[1].id = odd.to_owned();
            }
            Message::Tools(results) => {
                results[0].id.clone_from(&long);
                results[1].id = odd.to_owned();
            }
            _ => {}
        }
    }
    let ids = |list: &Value, at: &str| -> Vec<String> {
        let ids = list.as_array().unwrap().iter().filter_map(|it| it.pointer(at).and_then(Value::as_str));
        ids.map(str::to_owned).collect()
    };
    for model in ["gpt-5", "mistral-large-latest"] {
        let sent = body(&*at(&openai::ROW, "https://h"), &ModelRequest { model: model.to_owned(), ..asked.clone() });
        let calls = ids(&sent["messages"][2]["tool_calls"], "/id");
        assert_eq!(calls, ids(&sent["messages"], "/tool_call_id"), "{model}");
        assert!(calls.iter().all(|id| id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric())), "{calls:?}");
        assert_ne!(calls[0], calls[1]);
    }
    let sent = body(&*at(&responses::ROW, "https://h"), &asked);
    let calls = ids(&sent["input"], "/call_id");
    assert_eq!((calls.len(), &calls[..2]), (4, &calls[2..]));
    assert!(calls.iter().all(|id| id.len() <= 64), "{calls:?}");
}
