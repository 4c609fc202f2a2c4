//! What looks like an answer and is none.

use orch::event::FailureKind;
use orch::provider::Wire;
use serde_json::{Value, json};

use crate::server::vendor::{STREAM_HEAD, anthropic_events, openai_whole};
use crate::server::{Act, Server};
use crate::wire::{KEY, after, anthropic_after, ask, assert_fails, delta, events, finish, openai, request};

#[test]
fn an_answer_without_an_end_is_incomplete_however_it_stops() {
    let half = events(&[delta("half")]);
    let head = STREAM_HEAD;
    let cut_in_event = format!("{half}data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"st");
    for (name, act) in [
        ("clean end", Act::Sse(half.clone())),
        ("[DONE] only", Act::Sse(format!("{half}data: [DONE]\n\n"))),
        ("cut in an event", Act::Sse(cut_in_event)),
        ("nothing but comments", Act::Sse(": ping\n\n".to_owned())),
        ("chunks without an end", Act::Raw(format!("{head}{:x}\r\n{half}\r\n", half.len()).into_bytes())),
        ("half a chunk", Act::Raw(format!("{head}fff\r\n{half}").into_bytes())),
        ("no body at all", Act::Raw(head.as_bytes().to_vec())),
        ("too few bytes", Act::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"choices\"".to_vec())),
        ("no head", Act::Raw(vec![])),
        ("half a head", Act::Cut { after: 9 }),
    ] {
        let failed = after(act).expect_err(name);
        assert_eq!(failed.failure.kind, FailureKind::Connection, "{name}: {:?}", failed.failure);
        assert!(failed.usage.is_none(), "{name}");
    }
    let failed = assert_fails(after(Act::Sse(half)), FailureKind::Connection, "incomplete stream");
    assert_eq!(failed.partial, "half");
    let events: String = anthropic_events("half").into_iter().take(10).collect();
    assert_fails(anthropic_after(Act::Sse(events)), FailureKind::Connection, "incomplete stream");
}

#[test]
fn an_empty_answer_is_no_answer() {
    let whole = |choices: Value| Act::json(json!({ "choices": choices }).to_string());
    for act in [
        whole(json!([])),
        whole(json!(null)),
        whole(json!([{"message": {"content": null}, "finish_reason": "stop"}])),
        whole(json!([{"message": {"content": ""}, "finish_reason": "stop"}])),
        Act::Sse(events(&[finish("stop")])),
        Act::Sse(events(&[delta(" \n\t "), finish("stop")])),
    ] {
        assert_fails(after(act), FailureKind::Malformed, "empty answer");
    }
    assert_fails(anthropic_after(Act::Text(" ".to_owned())), FailureKind::Malformed, "empty answer");
}

#[test]
fn what_is_no_answer_is_shown_by_its_first_200_bytes_without_the_key() {
    let whole = openai_whole("hi").to_string();
    let deep = format!("{{\"choices\":{}", "[".repeat(100_000));
    let page = format!("<html>{KEY}{}", "x".repeat(1000));
    for (content_type, body, words) in [
        ("text/html", &*page, "<html>[redacted]xxx"),
        ("application/json", &*page, "<html>[redacted]xxx"),
        ("text/event-stream", &*page, "<html>[redacted]xxx"),
        ("application/json", "", "is empty"),
        ("text/event-stream", "", "is empty"),
        ("application/json", "oh no", "oh no"),
        ("text/plain", "error: no", "error: no"),
        ("application/json", &whole[..50], "no JSON"),
        ("application/json", &format!("{whole}{whole}"), "no JSON"),
        ("application/json", &deep, "no JSON"),
        ("application/json", "{\"ok\":true}", "no chat completion: {\"ok\":true}"),
        ("application/json", "[]", "no chat completion"),
        ("text/event-stream", "data: {\"a\":1}{\"b\":2}\n\n", "an event that is no JSON"),
        ("text/event-stream", "data: junk\n\n", "an event that is no JSON"),
    ] {
        let act = Act::Body { content_type, body: body.as_bytes().to_vec() };
        let failed = assert_fails(after(act), FailureKind::Malformed, words);
        assert!(failed.failure.message.len() < 400, "{}", failed.failure.message);
    }
}

#[test]
fn the_key_is_shown_nowhere_even_when_the_server_repeats_it() {
    let server = Server::start();
    let echoing = json!({"error": {"message": format!("bad key {KEY} at https://h/?key=other-canary")}});
    server.when(
        "hello",
        [
            Act::error(401, &echoing),
            Act::json(echoing.to_string()),
            Act::Sse(events(&[delta("sk-canary-"), delta("0123456789"), delta(" and then")])),
            Act::Text(format!("my key is {KEY}")),
        ],
    );
    let wire = openai(&format!("{}?key=url-canary-123", server.openai()));
    for _ in 0..3 {
        let shown = format!("{:?}", ask(&wire).unwrap_err());
        assert!(!shown.contains("canary") && shown.contains("[redacted]"), "{shown}");
    }
    assert_eq!(ask(&wire).unwrap().turn.text, "my key is [redacted]");
    let request = wire.encode(&request("x"));
    assert!(!format!("{request:?} {:?} {wire:?}", request.headers).contains("canary-0123"));
    assert!(!format!("{request:?}").contains("canary"));
}
