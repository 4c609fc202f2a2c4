//! What looks like an answer and is none: nothing, an error page, and what is no JSON.

use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{ALL, KEY, after, assert_answers, assert_fails};
use crate::server::Act;
use crate::server::vendor::{Vendor, gemini, ollama, openai, responses};

#[test]
fn an_empty_answer_is_no_answer_whatever_the_model_thought() {
    for vendor in ALL {
        for text in ["", " \n\t "] {
            let said = vendor.says(text);
            for act in [vendor.sends(vendor.stream(&said)), vendor.sends_whole(&said)] {
                let failed = assert_fails(vendor.name, after(vendor, act), FailureKind::Malformed, "empty answer");
                assert_eq!(failed.usage.map(|usage| usage.output_tokens), Some(5), "what is empty costs all the same");
            }
        }
    }
}

#[test]
fn an_answer_that_leaves_out_what_it_should_hold_is_empty() {
    let choice = |content: Value| json!({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]});
    let ended = |message: Value| json!({"message": message, "done": true, "done_reason": "stop"});
    for (vendor, whole) in [
        (&openai::ROW, json!({"choices": []})),
        (&openai::ROW, json!({"choices": null})),
        (&openai::ROW, choice(Value::Null)),
        (&openai::ROW, choice(json!(""))),
        (&openai::ROW, choice(json!([]))),
        (&responses::ROW, json!({"output": [], "status": "completed"})),
        (&responses::ROW, json!({"output": null, "status": "completed"})),
        (&gemini::ROW, json!({"candidates": []})),
        (&gemini::ROW, json!({"candidates": [{"finishReason": "STOP"}]})),
        (&gemini::ROW, gemini::parts(&json!([]), Some("STOP"))),
        (&gemini::ROW, gemini::parts(&json!([{"text": "hm", "thought": true}]), Some("STOP"))),
        (&ollama::ROW, ended(Value::Null)),
        (&ollama::ROW, ended(json!({"content": null}))),
        (&ollama::ROW, ended(json!({"content": "", "thinking": "hm"}))),
    ] {
        let case = format!("{}: {whole}", vendor.name);
        assert_fails(&case, after(vendor, Act::json(whole.to_string())), FailureKind::Malformed, "empty answer");
    }
    let ends = [
        (&openai::ROW, openai::finish("stop")),
        (&responses::ROW, responses::event("response.completed", json!({"response": {"status": "completed"}}))),
        (&gemini::ROW, gemini::parts(&json!([]), Some("STOP"))),
    ];
    for (vendor, end) in ends {
        let act = vendor.sends((vendor.frame)(&end));
        assert_fails(vendor.name, after(vendor, act), FailureKind::Malformed, "empty answer");
    }
}

#[test]
fn what_is_no_answer_is_shown_by_its_first_200_bytes_without_the_key() {
    let page = format!("<html>{KEY}{}", "x".repeat(1000));
    let deep = format!("{{\"choices\":{}", "[".repeat(100_000));
    for vendor in ALL {
        let whole = (vendor.whole)(&vendor.says("hi")).to_string();
        for (content_type, body, words) in [
            ("text/html", &*page, "<html>[redacted]xxx"),
            ("application/json", &*page, "<html>[redacted]xxx"),
            (vendor.content_type, &*page, "<html>[redacted]xxx"),
            ("application/json", "", "is empty"),
            (vendor.content_type, "", "is empty"),
            ("application/json", "oh no", "oh no"),
            ("text/plain", "error: no", "error: no"),
            ("application/json", &whole[..50], "no JSON"),
            ("application/json", &deep, "no JSON"),
            ("application/json", "{\"ok\":true}", "{\"ok\":true}"),
            ("application/json", "{\"ok\":true}", "is JSON, but no"),
            ("application/json", "[]", "is JSON, but no"),
        ] {
            let act = Act::Body { content_type, body: body.as_bytes().to_vec() };
            let case = format!("{}: {content_type} {}", vendor.name, &body[..body.len().min(40)]);
            let failed = assert_fails(&case, after(vendor, act), FailureKind::Malformed, words);
            assert!(failed.failure.message.len() < 400, "{}", failed.failure.message);
        }
    }
}

/// A stream in whose middle something stands that is no JSON.
fn broken(vendor: &Vendor, junk: &str) -> Act {
    let junk = (vendor.frame)(&json!("@")).replace("\"@\"", junk);
    vendor.sends(vendor.half("half") + &junk + &vendor.rest("half"))
}

#[test]
fn what_is_no_json_in_the_middle_of_a_stream_breaks_it() {
    for vendor in ALL {
        for junk in ["junk", "{\"a\":1}{\"b\":2}", "{\"a\":", &"[".repeat(100_000)] {
            let case = format!("{}: {}", vendor.name, &junk[..junk.len().min(20)]);
            let failed =
                assert_fails(&case, after(vendor, broken(vendor, junk)), FailureKind::Malformed, "that is no JSON");
            assert_eq!(failed.partial, "half", "{case}");
            assert!(failed.failure.message.len() < 400, "{}", failed.failure.message);
        }
    }
}

#[test]
fn a_document_that_comes_twice_is_no_document() {
    for vendor in ALL {
        let whole = (vendor.whole)(&vendor.says("hi")).to_string();
        let reply = after(vendor, Act::json(format!("{whole}{whole}")));
        if vendor.name == "ollama" {
            // Documents in a row are how it streams, and nothing counts behind the last of them.
            assert_answers(vendor.name, reply, "hi");
        } else {
            assert_fails(vendor.name, reply, FailureKind::Malformed, "no JSON");
        }
    }
}
