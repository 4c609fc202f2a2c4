//! What looks like an answer and is none.

use orch::event::FailureKind;
use orch::http::Deadlines;
use serde_json::json;

use super::vendors::{ALL, ANTHROPIC, GEMINI, OLLAMA, parts};
use super::{KEY, PATIENT, SOON, after, after_request, assert_fails, request};
use crate::server::Act;
use crate::server::vendor::response;

#[test]
fn an_answer_without_an_end_is_incomplete_however_it_stops() {
    for vendor in &ALL {
        let half = vendor.open("half");
        let cut = vendor.chunks(&(vendor.end)(vendor.reasons[0]));
        let too_long = [("content-type", vendor.content_type.to_owned())];
        let mut short = response(200, &too_long, vendor.answer("half").as_bytes());
        short.truncate(short.len() - cut.len());
        for (fault, act) in [
            ("clean end", vendor.act(half.clone())),
            ("cut in an event", vendor.act(format!("{half}{}", &cut[..cut.len() / 2]))),
            (
                "chunks without an end",
                Act::Raw(format!("{}{:x}\r\n{half}\r\n", vendor.head(), half.len()).into_bytes()),
            ),
            ("half a chunk", Act::Raw(format!("{}fff\r\n{half}", vendor.head()).into_bytes())),
            ("too few bytes", Act::Raw(short)),
        ] {
            let name = format!("{}: {fault}", vendor.name);
            let failed = assert_fails(&name, after(vendor, act), FailureKind::Connection, "");
            assert_eq!(failed.partial, "half", "{name}");
        }
        let failed = after(vendor, vendor.act(half));
        assert_fails(vendor.name, failed, FailureKind::Connection, "incomplete stream");
    }
    let unnamed = after(&OLLAMA, Act::json(OLLAMA.open("half")));
    assert_fails("lines called JSON", unnamed, FailureKind::Connection, "incomplete stream");
}

#[test]
fn a_server_that_falls_silent_is_not_waited_for() {
    for vendor in &ALL {
        let half = vendor.open("half");
        let head = format!("{}{:x}\r\n{half}\r\n", vendor.head(), half.len());
        let silence = Act::Repeat { head, piece: vec![], pause: SOON };
        let deadlines = Deadlines { idle: SOON, ..PATIENT };
        let failed = after_request(vendor, &request("hello"), &deadlines, silence);
        let failed = assert_fails(vendor.name, failed, FailureKind::Timeout, "sent nothing for 50ms in the middle");
        assert_eq!(failed.partial, "half", "{}", vendor.name);

        let deadlines = Deadlines { first_byte: SOON, ..PATIENT };
        let failed = after_request(vendor, &request("hello"), &deadlines, Act::Stall { after: 0 });
        assert_fails(vendor.name, failed, FailureKind::Timeout, "sent no answer within 50ms");
    }
}

#[test]
fn an_answer_is_whole_when_the_model_has_stopped_whatever_happens_then() {
    for vendor in &ALL {
        let whole = vendor.answer("done");
        let cut = format!("{}{:x}\r\n{whole}\r\n", vendor.head(), whole.len());
        for act in [Act::Raw(cut.into_bytes()), vendor.act(format!("{whole}{}", (vendor.chunk)(&json!("junk"))))] {
            let reply = after(vendor, act).unwrap_or_else(|failed| panic!("{}: {failed:?}", vendor.name));
            assert_eq!(reply.turn.text, "done", "{}", vendor.name);
        }
    }
}

#[test]
fn an_empty_answer_is_no_answer() {
    for vendor in &ALL {
        for text in ["", " \n\t "] {
            let failed = after(vendor, vendor.act(vendor.answer(text)));
            assert_fails(vendor.name, failed, FailureKind::Malformed, "empty answer");
        }
    }
    for act in [
        Act::json(json!({"candidates": []}).to_string()),
        Act::json(json!({"candidates": [{"finishReason": "STOP"}]}).to_string()),
        GEMINI.act(GEMINI.chunks(&[parts(&json!([]), Some("STOP"))])),
        GEMINI.act(GEMINI.chunks(&[parts(&json!([{"text": "hm", "thought": true}]), Some("STOP"))])),
    ] {
        assert_fails("gemini", after(&GEMINI, act), FailureKind::Malformed, "empty answer");
    }
    for message in [json!(null), json!({"content": null}), json!({"content": "", "thinking": "hm"})] {
        let loaded = json!({"message": message, "done": true, "done_reason": "load"});
        let failed = after(&OLLAMA, OLLAMA.act(OLLAMA.chunks(&[loaded])));
        assert_fails("ollama", failed, FailureKind::Malformed, "empty answer");
    }
}

#[test]
fn an_answer_at_the_limit_is_truncated_and_still_costs() {
    for vendor in &ALL {
        let failed = after(vendor, vendor.act(vendor.ended("half an", vendor.reasons[1])));
        let failed = assert_fails(vendor.name, failed, FailureKind::Truncated, "output tokens");
        assert_eq!((&*failed.partial, failed.usage.map(|usage| usage.output_tokens)), ("half an", Some(5)));
    }
    let window = ANTHROPIC.act(ANTHROPIC.ended("half an", "model_context_window_exceeded"));
    assert_fails("window", after(&ANTHROPIC, window), FailureKind::Truncated, "context window");
}

#[test]
fn what_is_no_answer_is_shown_by_its_first_200_bytes_without_the_key() {
    let page = format!("<html>{KEY}{}", "x".repeat(1000));
    let deep = format!("{{\"message\":{}", "[".repeat(100_000));
    for vendor in &ALL {
        for (content_type, body, words) in [
            ("text/html", &*page, "<html>[redacted]xxx"),
            ("application/json", &*page, "<html>[redacted]xxx"),
            (vendor.content_type, &*page, "<html>[redacted]xxx"),
            (vendor.content_type, "", "is empty"),
            ("application/json", "", "is empty"),
            ("application/json", "{\"candidates\":[{\"message\":{\"content\":", "no JSON"),
            ("application/json", &deep, "no JSON"),
            ("application/json", "oh no", "oh no"),
            ("application/json", "{\"ok\":true}", "{\"ok\":true}"),
            ("application/json", "[]", "is JSON, but no"),
        ] {
            let act = Act::Body { content_type, body: body.as_bytes().to_vec() };
            let name = format!("{}: {content_type} {}", vendor.name, &body[..body.len().min(40)]);
            let failed = assert_fails(&name, after(vendor, act), FailureKind::Malformed, words);
            assert!(failed.failure.message.len() < 400, "{}", failed.failure.message);
        }
        let stream = vendor.open("half") + &(vendor.chunk)(&json!("x")).replace("\"x\"", "{\"a\":1}{\"b\":2}");
        let failed = after(vendor, vendor.act(stream + &vendor.chunks(&(vendor.end)(vendor.reasons[0]))));
        let failed = assert_fails(vendor.name, failed, FailureKind::Malformed, "that is no JSON");
        assert_eq!(failed.partial, "half");
    }
}

#[test]
fn a_line_without_an_end_is_refused() {
    let head = OLLAMA.head() + "1\r\n{\r\n";
    let piece = [&b"10000\r\n"[..], &vec![b' '; 0x10000], b"\r\n"].concat();
    let failed = after(&OLLAMA, Act::Repeat { head, piece, pause: std::time::Duration::ZERO });
    assert_fails("ollama", failed, FailureKind::Malformed, "longer than 2 MiB");
}

#[test]
fn odd_characters_arrive_the_same_way_every_time() {
    for vendor in &ALL {
        let with = |bytes: &[u8]| {
            let stream = vendor.answer("ab@");
            let at = stream.find('@').unwrap();
            after(vendor, vendor.act([&stream.as_bytes()[..at], bytes, &stream.as_bytes()[at + 1..]].concat()))
        };
        assert_eq!(with(b"\xFF").unwrap().turn.text, "ab\u{fffd}", "{}", vendor.name);
        assert_eq!(with(b"\\u0000").unwrap().turn.text, "ab\0", "{}", vendor.name);
        assert_eq!(with(b"\\u001b[31m").unwrap().turn.text, "ab\u{1b}[31m", "{}", vendor.name);
        assert_fails(vendor.name, with(b"\\ud800"), FailureKind::Malformed, "that is no JSON");
    }
}
