//! What counts as an answer, in whatever packaging it comes.

use orch::event::{FailureKind, StopReason, Usage};
use orch::http::Client;
use orch::provider::probe;
use serde_json::{Value, json};

use super::vendors::{ALL, ANTHROPIC, GEMINI, OLLAMA, parts};
use super::{PATIENT, after, assert_fails, gemini, ollama, redactor, run};
use crate::server::{Act, Server};

#[test]
fn every_packaging_of_the_same_answer_is_the_same_answer() {
    let text = "h\u{e9}llo \u{1f3bb}";
    for vendor in &ALL {
        let plain = vendor.answer(text);
        let escaped = plain.replace('\u{e9}', "\\u00e9").replace('\u{1f3bb}', "\\ud83c\\udfbb");
        let no_length = format!("HTTP/1.0 200 OK\r\ncontent-type: {}\r\n\r\n{plain}", vendor.content_type);
        for (packaging, act) in [
            ("plain", vendor.act(plain.clone())),
            ("byte order mark", vendor.act(format!("\u{feff}{plain}"))),
            ("LF", vendor.act(plain.replace("\r\n", "\n"))),
            ("CRLF", vendor.act(plain.replace("\r\n", "\n").replace('\n', "\r\n"))),
            ("blanks first", vendor.act(format!("\n \n{plain}"))),
            ("escapes", vendor.act(escaped)),
            ("one byte a chunk", vendor.byte_by_byte(&plain)),
            ("gzip", vendor.zipped(&plain)),
            ("HTTP/1.0", Act::Raw(no_length.into_bytes())),
            ("no line feed at the end", vendor.act(plain.trim_end())),
            ("parameters", Act::Body { content_type: content_type(vendor.content_type), body: plain.into_bytes() }),
        ] {
            let name = format!("{}: {packaging}", vendor.name);
            let reply = after(vendor, act).unwrap_or_else(|failed| panic!("{name}: {failed:?}"));
            let usage = Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() };
            assert_eq!((&*reply.turn.text, reply.stop, reply.usage), (text, StopReason::End, usage), "{name}");
            assert_eq!(reply.turn.echo, None, "{name}");
        }
    }
}

fn content_type(plain: &str) -> &'static str {
    if plain.starts_with("text") { "text/event-stream; charset=utf-8" } else { "application/x-ndjson; charset=utf-8" }
}

#[test]
fn a_stream_by_another_name_and_a_whole_document_are_understood() {
    let whole = GEMINI.chunks(&[parts(&json!([{"text": "hi"}]), Some("STOP"))]);
    let whole = whole.trim().strip_prefix("data: ").unwrap();
    let listed = json!([parts(&json!([{"text": "h"}]), None), parts(&json!([{"text": "i"}]), Some("STOP"))]);
    for (vendor, body) in [
        (&GEMINI, whole.to_owned()),
        (&GEMINI, listed.to_string()),
        (&OLLAMA, OLLAMA.answer("hi")),
        (&OLLAMA, OLLAMA.chunks(&[json!({"message": {"content": "hi"}, "done": true, "done_reason": "stop"})])),
        (&OLLAMA, format!("{:#}", json!({"message": {"content": "hi"}, "done": true, "done_reason": "stop"}))),
    ] {
        let reply = after(vendor, Act::json(body.clone())).unwrap_or_else(|failed| panic!("{body}: {failed:?}"));
        assert_eq!((&*reply.turn.text, reply.stop), ("hi", StopReason::End), "{body}");
    }
}

#[test]
fn thoughts_are_no_answer() {
    let thought = parts(&json!([{"text": "hm", "thought": true}]), None);
    let gemini = GEMINI.chunks(&[thought]) + &GEMINI.answer("done");
    let ollama = OLLAMA.chunks(&[json!({"message": {"content": "", "thinking": "hm"}, "done": false})]);
    for (vendor, stream) in [(&GEMINI, gemini), (&OLLAMA, ollama + &OLLAMA.answer("done"))] {
        let reply = after(vendor, vendor.act(stream)).unwrap();
        assert_eq!((&*reply.turn.text, reply.turn.echo), ("done", None));
    }
}

#[test]
fn every_token_that_is_paid_for_is_counted() {
    let usage = json!({"promptTokenCount": 20, "cachedContentTokenCount": 8, "toolUsePromptTokenCount": 4, "candidatesTokenCount": 3, "thoughtsTokenCount": 7, "totalTokenCount": 34});
    let mut chunk = parts(&json!([{"text": "hi"}]), Some("STOP"));
    chunk["usageMetadata"] = usage;
    let reply = after(&GEMINI, GEMINI.act(GEMINI.chunks(&[chunk]))).unwrap();
    let expected = Usage { input_tokens: 24, output_tokens: 10, cached_tokens: 8, ..Usage::default() };
    assert_eq!(reply.usage, expected);

    let cached = json!({"message": {"content": "four"}, "done": true, "done_reason": "stop", "eval_count": 7});
    let reply = after(&OLLAMA, OLLAMA.act(OLLAMA.chunks(&[cached]))).unwrap();
    assert_eq!((reply.usage.output_tokens, reply.usage.estimated), (7, true), "{:?}", reply.usage);
    assert!(reply.usage.input_tokens > 0);
}

#[test]
fn a_stop_reason_that_nobody_knows_is_kept() {
    for vendor in &ALL {
        let reply = after(vendor, vendor.act(vendor.ended("a", "tired"))).unwrap();
        assert_eq!(reply.stop, StopReason::Other("tired".to_owned()), "{}", vendor.name);
    }
    let paused = after(&ANTHROPIC, ANTHROPIC.act(ANTHROPIC.ended("", "pause_turn")));
    assert_fails("pause_turn", paused, FailureKind::Malformed, "empty answer");
}

#[test]
fn what_nobody_knows_in_a_stream_is_passed_over() {
    for vendor in &ALL {
        let strange = (vendor.chunk)(&json!({"type": "hologram", "x": [1, {"y": null}]}));
        let stream =
            format!("{strange}{}{strange}{}", vendor.open("done"), vendor.chunks(&(vendor.end)(vendor.reasons[0])));
        let reply = after(vendor, vendor.act(stream)).unwrap_or_else(|failed| panic!("{}: {failed:?}", vendor.name));
        assert_eq!(reply.turn.text, "done", "{}", vendor.name);
    }
}

#[test]
fn the_models_of_a_server_can_be_asked_for() {
    let listed = |models: Value| Act::json(json!({"models": models}).to_string());
    let server = Server::start();
    // Without a body nothing can be looked for but the nothing that it is.
    server.when("null", [listed(json!([{"name": "models/large"}])), listed(json!([{"name": "small:7b"}]))]);
    let ask = |wire: &dyn orch::provider::Wire| run(probe(&Client::new(), wire, &PATIENT, &redactor())).unwrap();
    assert_eq!(ask(&*gemini(&server.url())).len(), 1);
    assert_eq!(ask(&*ollama(&server.url())), ["small:7b"]);
    let paths: Vec<_> = server.seen().into_iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    assert_eq!(paths, ["GET /v1beta/models?pageSize=1000", "GET /api/tags"]);
}
