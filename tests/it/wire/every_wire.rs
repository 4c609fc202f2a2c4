//! What holds for every protocol: its own way to write things is tested next door.

use std::net::TcpListener;
use std::time::Duration;

use orch::event::{FailureKind, StopReason, Usage};
use orch::http::{Client, Deadlines};
use orch::limiter::Pace;
use orch::provider::probe;
use serde_json::json;

use crate::server::vendor::{STREAM_HEAD, response, stream};
use crate::server::{Act, Server};
use crate::story::Story;
use crate::wire::{KEY, PATIENT, SOON, all, ask, ask_within, assert_fails, openai, redactor, run, zip};

#[test]
fn an_answer_is_streamed_with_its_usage() {
    let server = Server::start();
    for spoken in all(&server) {
        let reply = ask(&*spoken.wire).unwrap();
        let (cached_tokens, cache_write_tokens) = if spoken.name == "anthropic" { (5, 1) } else { (0, 0) };
        let usage = Usage { input_tokens: 10, output_tokens: 5, cached_tokens, cache_write_tokens, ..Usage::default() };
        assert_eq!((&*reply.turn.text, reply.stop, reply.usage), ("echo: hello", StopReason::End, usage));
        assert!(reply.first_byte_ms <= reply.latency_ms);
        assert_eq!(reply.pace, None);
    }
}

#[test]
fn a_run_reaches_a_provider_by_its_names_and_variables() {
    let text = "agents: [{name: w, role: writer}]\ntasks:\n  - {name: a, agent: w, description: Say hello}\n";
    for (model, variable, key, path) in [
        ("openai/m", "OPENAI_BASE_URL", "OPENAI_API_KEY", "/v1/chat/completions"),
        ("responses/m", "OPENAI_BASE_URL", "OPENAI_API_KEY", "/v1/responses"),
        ("zhipu/m", "ZAI_BASE_URL", "ZAI_API_KEY", "/v1/chat/completions"),
        ("glm/m", "ZAI_BASE_URL", "ZHIPUAI_API_KEY", "/v1/chat/completions"),
        ("anthropic/m", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "/v1/messages"),
    ] {
        let server = Server::start();
        let story = Story::new().file("o.yaml", text).env(variable, server.openai()).env(key, KEY);
        story.args(["run", "o.yaml", "--goal", "g", "--model", model]).run().exits(0);
        let seen = server.seen();
        assert_eq!(seen.iter().map(|seen| &*seen.path).collect::<Vec<_>>(), [path], "{model}");
        assert!(seen[0].headers.iter().any(|(_, value)| value.ends_with(KEY)), "{model}");
        let shown = story.files().into_iter().any(|(_, bytes)| String::from_utf8_lossy(&bytes).contains("canary"));
        assert!(!shown, "{model}");
    }
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let server = Server::start();
    for spoken in all(&server) {
        server.when("hello", [Act::json((spoken.whole)("hi").to_string())]);
        let reply = ask(&*spoken.wire).unwrap();
        assert_eq!((&*reply.turn.text, reply.stop, reply.usage.input_tokens), ("hi", StopReason::End, 10));
    }
}

#[test]
fn the_packaging_makes_no_difference() {
    let text = "h\u{e9}llo \u{1f3bb}";
    let server = Server::start();
    for spoken in all(&server) {
        let plain = (spoken.events)(text).concat();
        let one_byte_each = plain.bytes().fold(STREAM_HEAD.as_bytes().to_vec(), |mut bytes, byte| {
            bytes.extend([b"1\r\n", &[byte][..], b"\r\n"].concat());
            bytes
        });
        let gzip = [("content-type", "text/event-stream".to_owned()), ("content-encoding", "gzip".to_owned())];
        for (case, act) in [
            ("byte order mark", Act::Sse(format!("\u{feff}{plain}"))),
            ("CRLF", Act::Sse(plain.replace('\n', "\r\n"))),
            ("no space", Act::Sse(plain.replace("data: ", "data:").replace("event: ", "event:"))),
            ("comments", Act::Sse(plain.replace("data: ", ": ping\ndata: "))),
            ("escapes", Act::Sse(plain.replace('\u{e9}', "\\u00e9").replace('\u{1f3bb}', "\\ud83c\\udfbb"))),
            ("one byte a chunk", Act::Raw([&one_byte_each[..], b"0\r\n\r\n"].concat())),
            ("gzip", Act::Raw(response(200, &gzip, &zip(plain.as_bytes())))),
            ("no last blank line", Act::Sse(plain.trim_end().to_owned())),
            (
                "JSON called stream",
                Act::Body { content_type: "text/event-stream", body: (spoken.whole)(text).to_string().into_bytes() },
            ),
        ] {
            server.when("hello", [act]);
            let reply = ask(&*spoken.wire).unwrap_or_else(|failed| panic!("{} {case}: {failed:?}", spoken.name));
            assert_eq!((&*reply.turn.text, reply.usage.output_tokens), (text, 5), "{} {case}", spoken.name);
        }
    }
}

#[test]
fn a_stream_is_no_answer_before_the_model_has_stopped() {
    let server = Server::start();
    for spoken in all(&server) {
        let events = (spoken.events)("the whole text");
        let mut answers = 0;
        for count in 1..=events.len() {
            let body = events[..count].concat();
            let cut = format!("{STREAM_HEAD}{:x}\r\n{body}\r\n", body.len());
            for act in [Act::Sse(body), Act::Raw(cut.into_bytes())] {
                server.when("hello", [act]);
                match ask(&*spoken.wire) {
                    Ok(reply) => {
                        assert_eq!(reply.turn.text, "the whole text", "{} {count}", spoken.name);
                        answers += 1;
                    }
                    Err(failed) => {
                        assert_eq!(failed.failure.kind, FailureKind::Connection, "{} {count}", spoken.name);
                        assert!(failed.unsettled, "{} {count}: nobody knows what it cost", spoken.name);
                    }
                }
            }
        }
        assert!((2..2 * events.len()).contains(&answers), "{}: {answers}", spoken.name);
    }
}

#[test]
fn an_error_status_has_its_class_and_is_asked_for_once() {
    let said = json!({"error": {"message": "because", "type": "no_such_word"}});
    for (status, expected) in [
        (400, FailureKind::BadRequest),
        (401, FailureKind::Auth),
        (403, FailureKind::Auth),
        (404, FailureKind::BadRequest),
        (408, FailureKind::Timeout),
        (409, FailureKind::Overloaded),
        (413, FailureKind::BadRequest),
        (429, FailureKind::RateLimited),
        (500, FailureKind::Overloaded),
        (503, FailureKind::Overloaded),
        (529, FailureKind::Overloaded),
    ] {
        let server = Server::start();
        for (number, spoken) in (1..).zip(all(&server)) {
            server.when("hello", [Act::error(status, &said)]);
            let failed = assert_fails(ask(&*spoken.wire), expected, "because");
            assert_eq!((failed.failure.status, failed.usage, failed.unsettled), (Some(status), None, false));
            assert_eq!(server.seen().len(), number, "{}", spoken.name);
        }
    }
}

#[test]
fn an_error_in_a_success_has_its_class_wherever_it_comes() {
    let server = Server::start();
    for spoken in all(&server) {
        for (code, expected) in [
            ("rate_limit_exceeded", FailureKind::RateLimited),
            ("insufficient_quota", FailureKind::Quota),
            ("context_length_exceeded", FailureKind::ContextTooLong),
            ("invalid_api_key", FailureKind::Auth),
            ("something_new", FailureKind::Overloaded),
        ] {
            let error = json!({"error": {"code": code, "message": "inner words"}});
            let half = (spoken.events)("the text").into_iter().take(2).collect::<String>();
            let named = format!("{half}event: error\ndata: {error}\n\n");
            for act in [Act::json(error.to_string()), Act::Sse(format!("{half}data: {error}\n\n")), Act::Sse(named)] {
                server.when("hello", [act]);
                assert_fails(ask(&*spoken.wire), expected, "inner words");
            }
        }
    }
}

#[test]
fn what_is_no_answer_is_shown_by_its_beginning_without_the_key() {
    let server = Server::start();
    let page = format!("<html>{KEY}{}", "x".repeat(1000));
    for spoken in all(&server) {
        let whole = (spoken.whole)("hi").to_string();
        for (content_type, body, words) in [
            ("text/html", &*page, "<html>[redacted]xxx"),
            ("text/event-stream", &*page, "<html>[redacted]xxx"),
            ("application/json", "", "is empty"),
            ("application/json", "oh no", "oh no"),
            ("application/json", &whole[..50], "no JSON"),
            ("application/json", &format!("{whole}{whole}"), "no JSON"),
            ("application/json", "{\"ok\":true}", "is JSON, but no"),
            ("text/event-stream", "data: junk\n\n", "an event that is no JSON"),
        ] {
            server.when("hello", [Act::Body { content_type, body: body.as_bytes().to_vec() }]);
            assert_fails(ask(&*spoken.wire), FailureKind::Malformed, words);
        }
    }
}

#[test]
fn an_answer_without_text_is_no_answer() {
    let server = Server::start();
    for spoken in all(&server) {
        for text in ["", " \n\t"] {
            server.when("hello", [Act::Text(text.to_owned()), Act::json((spoken.whole)(text).to_string())]);
            for _ in 0..2 {
                assert_fails(ask(&*spoken.wire), FailureKind::Malformed, "empty answer");
            }
        }
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up_and_what_it_costs_is_open() {
    let server = Server::start();
    for spoken in all(&server) {
        for (after, deadlines) in [
            (0, Deadlines { first_byte: SOON, ..PATIENT }),
            (STREAM_HEAD.len() + 20, Deadlines { idle: SOON, ..PATIENT }),
            (STREAM_HEAD.len() + 20, Deadlines { total: SOON, ..PATIENT }),
        ] {
            server.when("hello", [Act::Stall { after }]);
            let failed = assert_fails(ask_within(&*spoken.wire, &deadlines), FailureKind::Timeout, "127.0.0.1");
            assert!(failed.unsettled, "{}", spoken.name);
        }
    }
}

#[test]
fn what_was_never_sent_and_what_came_to_its_end_costs_what_is_said() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let unsent = assert_fails(ask(&openai(&format!("http://{free}/v1"))), FailureKind::Connection, "refused");
    assert!(!unsent.unsettled);
    let server = Server::start();
    server.when("hello", [Act::Cut { after: 0 }]);
    let unanswered = assert_fails(ask(&openai(&server.openai())), FailureKind::Connection, "before it answered");
    assert!(unanswered.unsettled);
    let with_status = json!({"error": {"code": 503, "message": "down"}}).to_string();
    server.when("hello", [Act::Text(" ".to_owned()), Act::json(with_status)]);
    for kind in [FailureKind::Malformed, FailureKind::Overloaded] {
        assert!(!assert_fails(ask(&openai(&server.openai())), kind, "127.0.0.1").unsettled);
    }
}

#[test]
fn the_pace_that_a_provider_names_is_handed_on() {
    let headers = [
        ("content-type", "text/event-stream".to_owned()),
        ("x-ratelimit-remaining-requests", "7".to_owned()),
        ("x-ratelimit-reset-tokens", "6m0s".to_owned()),
    ];
    let pace = Pace { requests_left: Some(7), tokens_reset: Some(Duration::from_secs(360)), ..Pace::default() };
    let server = Server::start();
    for spoken in all(&server) {
        let body = (spoken.events)("hi").concat();
        let half = (spoken.events)("hi")[0].clone();
        let refused = Act::Status { code: 429, headers: headers.to_vec(), body: String::new() };
        let raw = |body: &str| Act::Raw(response(200, &headers, body.as_bytes()));
        server.when("hello", [raw(&body), raw(&half), refused]);
        assert_eq!(ask(&*spoken.wire).unwrap().pace, Some(pace));
        for _ in 0..2 {
            assert_eq!(ask(&*spoken.wire).unwrap_err().pace, Some(pace));
        }
    }
}

#[test]
fn the_key_is_shown_nowhere_even_when_the_server_repeats_it() {
    let server = Server::start();
    for spoken in all(&server) {
        let echoing = json!({"error": {"message": format!("bad key {KEY}")}});
        server.when("hello", [Act::error(401, &echoing), Act::json(echoing.to_string()), Act::Text(KEY.to_owned())]);
        for _ in 0..2 {
            let shown = format!("{:?}", ask(&*spoken.wire).unwrap_err());
            assert!(!shown.contains("canary") && shown.contains("[redacted]"), "{shown}");
        }
        let reply = ask(&*spoken.wire).unwrap();
        assert_eq!(reply.turn.text, "[redacted]");
        assert!(!format!("{reply:?}").contains("canary"), "{reply:?}");
    }
}

#[test]
fn odd_characters_arrive_the_same_way_every_time() {
    let server = Server::start();
    for spoken in all(&server) {
        let raw = |with: &[u8]| {
            let plain = (spoken.events)("a@@b").concat().into_bytes();
            let mut body = Vec::new();
            for (number, part) in plain.split(|&byte| byte == b'@').enumerate() {
                if number % 2 == 1 {
                    body.extend_from_slice(with);
                }
                body.extend_from_slice(part);
            }
            server.when(
                "hello",
                [Act::Raw(stream([String::new()])), Act::Body { content_type: "text/event-stream", body }],
            );
            assert!(ask(&*spoken.wire).is_err(), "an empty stream is no answer");
            ask(&*spoken.wire)
        };
        assert_eq!(raw(b"\xFF").unwrap().turn.text, "a\u{fffd}b", "{}", spoken.name);
        assert_eq!(raw(b"\\u0000").unwrap().turn.text, "a\0b", "{}", spoken.name);
        assert_fails(raw(b"\\ud800"), FailureKind::Malformed, "no JSON");
    }
}

#[test]
fn the_models_of_a_server_can_be_asked_for() {
    let server = Server::start();
    for spoken in all(&server) {
        let models = run(probe(&Client::new(), &*spoken.wire, &PATIENT, &redactor())).unwrap();
        assert_eq!(models, ["small", "large"]);
    }
    assert!(server.seen().iter().all(|seen| (&*seen.method, &*seen.path) == ("GET", "/v1/models")));
}
