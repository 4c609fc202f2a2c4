//! What is particular to OpenAI's Responses.

use orch::conversation::{Echo, Message, Turn};
use orch::event::{FailureKind, StopReason};
use orch::provider::{ModelRequest, Wire};
use serde_json::{Value, json};

use crate::server::vendor::{responses_events, responses_whole};
use crate::server::{Act, Server};
use crate::wire::calls::{ask as ask_for, body, conversation};
use crate::wire::{KEY, ask, assert_fails, request, responses};

fn event(mut data: Value, name: &str) -> String {
    data["type"] = json!(name);
    format!("event: {name}\ndata: {data}\n\n")
}

/// The end of a stream, with what is said of the response.
fn ended(name: &str, response: Value) -> String {
    event(json!({ "response": response }), name)
}

fn text(delta: &str) -> String {
    event(json!({"output_index": 0, "delta": delta}), "response.output_text.delta")
}

#[test]
fn a_response_is_asked_for_as_openai_documents_it() {
    let server = Server::start();
    ask(&responses(&server.openai())).unwrap();
    let seen = &server.seen()[0];
    assert_eq!((&*seen.method, &*seen.path), ("POST", "/v1/responses"));
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(
        seen.body,
        json!({
            "model": "m",
            "instructions": "Be brief.",
            "input": [{"role": "user", "content": "hello"}],
            "stream": true,
            "store": false,
            "include": ["reasoning.encrypted_content"],
        })
    );
    let limited = ModelRequest { temperature: Some(0.5), max_tokens: Some(100), ..request("x") };
    let limited = body(&responses("https://h/v1"), &limited);
    assert_eq!((&limited["temperature"], &limited["max_output_tokens"]), (&json!(0.5), &json!(100)));
    for model in ["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "openai/gpt-4o"] {
        let body = body(&responses("https://h/v1"), &ModelRequest { model: model.to_owned(), ..request("x") });
        assert_eq!(body.get("include"), None, "{model} has no thoughts and refuses the wish for them");
    }
}

#[test]
fn tools_and_a_schema_go_to_responses_as_openai_documents_them() {
    let parameters = json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"], "additionalProperties": false});
    let schema = json!({"type": "object", "properties": {"word": {"type": "string"}}});
    let said = |role: &str, content: &str| json!({"role": role, "content": content});
    let call = |id: &str, arguments: &str| json!({"type": "function_call", "call_id": id, "name": "read_file", "arguments": arguments});
    let calls = [call("call_1", "{\"path\":\"a.txt\"}"), call("call_2", "\"a.t\"")];
    let rest = [
        json!({"type": "function_call_output", "call_id": "call_1", "output": "alpha"}),
        json!({"type": "function_call_output", "call_id": "call_2", "output": "Error: no object"}),
        said("assistant", "It says alpha."),
        said("user", "as JSON"),
    ];
    let input = |turn: &[Value]| Value::Array([&[said("user", "read it")], turn, &rest].concat());
    assert_eq!(
        body(&responses("https://api.openai.com"), &conversation(None)),
        json!({
            "model": "m",
            "instructions": "Be brief.",
            "input": input(&calls),
            "tools": [{
                "type": "function",
                "name": "read_file",
                "description": "Reads a file.",
                "parameters": parameters,
                "strict": true,
            }],
            "text": {"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": false}},
            "stream": true,
            "store": false,
            "include": ["reasoning.encrypted_content"],
        })
    );
    let items =
        [json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}), calls[0].clone()];
    let echo = |wire: &str| Some(Echo { wire: wire.to_owned(), value: json!(items) });
    assert_eq!(body(&responses("https://h/v1"), &conversation(echo("responses")))["input"], input(&items));
    assert_eq!(body(&responses("https://h/v1"), &conversation(echo("anthropic")))["input"], input(&calls));
}

#[test]
fn every_way_to_write_a_base_url_leads_to_the_same_place() {
    for (base_url, expected) in [
        ("https://h/v1", "https://h/v1/responses"),
        ("https://h/v1/", "https://h/v1/responses"),
        ("https://h/v1/responses", "https://h/v1/responses"),
        ("https://api.openai.com", "https://api.openai.com/v1/responses"),
        ("https://h/v1?api-version=2", "https://h/v1/responses?api-version=2"),
    ] {
        assert_eq!(responses(base_url).encode(&request("x")).url.as_str(), expected);
    }
}

#[test]
fn calls_come_with_the_thoughts_that_must_go_back() {
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"});
    let unsealed = json!({"type": "reasoning", "id": "rs_2", "summary": []});
    let call = |id: &str, arguments: &str| json!({"type": "function_call", "id": "fc", "call_id": id, "name": "read_file", "arguments": arguments});
    let (one, two) = (call("call_1", "{\"path\":\"a\"}"), call("call_2", "{\"path\":\"b\"}"));
    let item = |index: u32, item: &Value| json!({"output_index": index, "item": item});
    let arguments =
        |delta: &str| event(json!({"output_index": 1, "delta": delta}), "response.function_call_arguments.delta");
    let usage = json!({"input_tokens": 20, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 9});
    let output = json!([thought, one, two, unsealed]);
    let streamed = [
        event(item(0, &thought), "response.output_item.done"),
        event(item(1, &call("call_1", "")), "response.output_item.added"),
        event(item(2, &call("call_2", "")), "response.output_item.added"),
        arguments("{\"path\":"),
        event(json!({"output_index": 2, "arguments": "{\"path\":\"b\"}"}), "response.function_call_arguments.done"),
        arguments("\"a\"}"),
        event(item(1, &one), "response.output_item.done"),
        event(item(2, &two), "response.output_item.done"),
        event(item(3, &unsealed), "response.output_item.done"),
        event(json!({}), "response.something.new"),
        ended("response.completed", json!({"status": "completed", "output": output, "usage": usage})),
    ];
    let whole = json!({"object": "response", "status": "completed", "error": null, "output": output, "usage": usage});
    // A server that tells of items only at the end, and one that does not repeat them there.
    let at_the_end: String = streamed.iter().filter(|event| !event.contains("output_item.done")).cloned().collect();
    let before = streamed[..10].concat() + &ended("response.completed", json!({"output": [], "usage": usage}));
    let server = Server::start();
    for act in [Act::Sse(streamed.concat()), Act::json(whole.to_string()), Act::Sse(at_the_end), Act::Sse(before)] {
        server.when("read it", [act]);
        let reply = ask_for(&responses(&server.openai()), &conversation(None)).unwrap();
        assert_eq!(reply.stop, StopReason::ToolUse);
        let calls: Vec<_> = reply.turn.calls.iter().map(|call| (&*call.id, call.arguments.clone())).collect();
        assert_eq!(calls, [("call_1", json!({"path": "a"})), ("call_2", json!({"path": "b"}))]);
        let echo = Echo { wire: "responses".to_owned(), value: json!([thought, one, two]) };
        assert_eq!(reply.turn.echo, Some(echo));
        let usage = reply.usage;
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (20, 8, 9));
    }
}

#[test]
fn an_echo_is_sent_back_as_it_came_and_an_answer_without_thoughts_needs_none() {
    let server = Server::start();
    let wire = responses(&server.openai());
    let turn = ask(&wire).unwrap().turn;
    assert_eq!(turn.echo.as_ref().unwrap().value, responses_whole("echo: hello")["output"]);
    let mut next = request("hello");
    next.messages.extend([Message::Assistant(turn.clone()), Message::User("go on".to_owned())]);
    let input = body(&wire, &next)["input"].clone();
    assert_eq!(input.as_array().unwrap()[1..3], *turn.echo.unwrap().value.as_array().unwrap());

    let plain: String = responses_events("hi").into_iter().filter(|event| !event.contains("encrypted")).collect();
    server.when("hello", [Act::Sse(plain + &ended("response.completed", json!({"output": []})))]);
    assert_eq!(ask(&wire).unwrap().turn, Turn { text: "hi".to_owned(), ..Turn::default() });
}

#[test]
fn what_a_response_ends_with_decides_what_it_is() {
    let refusal = event(json!({"output_index": 0, "delta": "I will not."}), "response.refusal.delta");
    let incomplete = |reason: &str| {
        let usage = json!({"input_tokens": 10, "output_tokens": 5});
        ended(
            "response.incomplete",
            json!({"status": "incomplete", "incomplete_details": {"reason": reason}, "usage": usage}),
        )
    };
    let failed = |code: &str| {
        ended("response.failed", json!({"status": "failed", "error": {"code": code, "message": "inner words"}}))
    };
    let error = |code: Value| event(json!({"code": code, "message": "inner words", "param": null}), "error");
    let completed = ended("response.completed", json!({"status": "completed"}));
    let server = Server::start();
    for (events, kind, words) in [
        (text("half") + &incomplete("max_output_tokens"), FailureKind::Truncated, "output tokens"),
        (text("half") + &incomplete("content_filter"), FailureKind::Refused, "declined: half"),
        (text("half") + &incomplete("tired"), FailureKind::Overloaded, "incomplete, tired"),
        (refusal + &completed, FailureKind::Refused, "declined: I will not."),
        (text("half") + &failed("server_error"), FailureKind::Overloaded, "inner words"),
        (failed("rate_limit_exceeded"), FailureKind::RateLimited, "inner words"),
        (failed("invalid_prompt"), FailureKind::BadRequest, "inner words"),
        (text("half") + &error(json!("insufficient_quota")), FailureKind::Quota, "inner words"),
        (error(json!(null)), FailureKind::Overloaded, "inner words"),
        (ended("response.failed", json!({"error": null})), FailureKind::Overloaded, "failed"),
        (text("half") + "data: [DONE]\n\n", FailureKind::Connection, "incomplete stream"),
        (completed, FailureKind::Malformed, "empty answer"),
    ] {
        server.when("hello", [Act::Sse(events)]);
        let failed = assert_fails(ask(&responses(&server.openai())), kind, words);
        if kind == FailureKind::Truncated {
            assert_eq!((failed.usage.map(|usage| usage.output_tokens), failed.unsettled), (Some(5), false));
        }
    }
}

#[test]
fn a_whole_response_is_judged_like_a_stream() {
    let server = Server::start();
    let whole = |change: fn(&mut Value)| {
        let mut body = responses_whole("half an answer");
        change(&mut body);
        Act::json(body.to_string())
    };
    for (act, kind, words) in [
        (
            whole(|body| {
                body["status"] = json!("incomplete");
                body["incomplete_details"] = json!({"reason": "max_output_tokens"});
            }),
            FailureKind::Truncated,
            "output tokens",
        ),
        (
            whole(|body| {
                body["status"] = json!("failed");
                body["error"] = json!({"code": "rate_limit_exceeded", "message": "slow down"});
            }),
            FailureKind::RateLimited,
            "slow down",
        ),
        (
            whole(|body| body["output"][1]["content"] = json!([{"type": "refusal", "refusal": "No."}])),
            FailureKind::Refused,
            "declined: No.",
        ),
        (whole(|body| body["status"] = json!("cancelled")), FailureKind::Overloaded, "cancelled"),
        (whole(|body| body["output"] = json!([])), FailureKind::Malformed, "empty answer"),
    ] {
        server.when("hello", [act]);
        assert_fails(ask(&responses(&server.openai())), kind, words);
    }
}

#[test]
fn a_model_without_thoughts_is_asked_for_none_the_next_time() {
    let server = Server::start();
    let refusal =
        json!({"error": {"message": "Encrypted content is not supported with this model.", "param": "include"}});
    server.when("hello", [Act::error(400, &refusal)]);
    let wire = responses(&server.openai());
    assert_fails(ask(&wire), FailureKind::Malformed, "the next attempt");
    assert!(ask(&wire).is_ok());
    let asked: Vec<bool> = server.seen().iter().map(|seen| seen.body.get("include").is_some()).collect();
    assert_eq!(asked, [true, false]);
}
