//! What a provider says instead of an answer, and the class that it gets.

use orch::event::FailureKind;
use serde_json::{Value, json};

use crate::server::Act;
use crate::server::vendor::anthropic_events;
use crate::wire::{after, anthropic_after, assert_fails, delta, events, finish};

#[test]
fn an_error_status_is_classed_and_asked_for_once() {
    let openai_error = |code: &str, message: &str| json!({"error": {"message": message, "type": "invalid_request_error", "code": code}});
    let kind = |kind: &str, message: &str| json!({"type": "error", "error": {"type": kind, "message": message}});
    let said = json!({"error": {"message": "because"}});
    for (status, body, expected, words) in [
        (400, said.clone(), FailureKind::BadRequest, "answered 400 Bad Request: because"),
        (404, json!({"error": "no such model"}), FailureKind::BadRequest, "no such model"),
        (405, said.clone(), FailureKind::BadRequest, "because"),
        (413, kind("request_too_large", "too large"), FailureKind::BadRequest, "too large"),
        (422, json!({"detail": "field required"}), FailureKind::BadRequest, "field required"),
        (401, openai_error("invalid_api_key", "Incorrect key"), FailureKind::Auth, "Incorrect key"),
        (403, kind("permission_error", "not yours"), FailureKind::Auth, "not yours"),
        (402, said.clone(), FailureKind::Quota, "because"),
        (429, openai_error("insufficient_quota", "You exceeded your current quota"), FailureKind::Quota, "quota"),
        (429, said.clone(), FailureKind::RateLimited, "because"),
        (408, said.clone(), FailureKind::Timeout, "because"),
        (409, said.clone(), FailureKind::Overloaded, "because"),
        (500, said.clone(), FailureKind::Overloaded, "because"),
        (503, said, FailureKind::Overloaded, "because"),
        (529, kind("overloaded_error", "Overloaded"), FailureKind::Overloaded, "Overloaded"),
        (400, openai_error("context_length_exceeded", "8192 tokens"), FailureKind::ContextTooLong, "8192"),
        (400, kind("invalid_request_error", "prompt is too long: 9 > 8"), FailureKind::ContextTooLong, "too long"),
        (
            400,
            json!({"error": {"code": 400, "type": "exceed_context_size_error", "message": "n_ctx"}}),
            FailureKind::ContextTooLong,
            "n_ctx",
        ),
        (400, openai_error("content_filter", "filtered"), FailureKind::Refused, "filtered"),
    ] {
        let failed = assert_fails(after(Act::error(status, &body)), expected, words);
        assert_eq!((failed.failure.status, failed.usage), (Some(status), None));
        assert_fails(anthropic_after(Act::error(status, &body)), expected, words);
    }
}

#[test]
fn an_error_page_is_told_by_its_status_and_shown_by_its_beginning() {
    let page = format!("<html>\n<h1>Bad gateway</h1>{}</html>", "x".repeat(100_000));
    let act = |code| Act::Status { code, headers: vec![], body: page.clone() };
    let failed = assert_fails(after(act(502)), FailureKind::Overloaded, "502 Bad Gateway: <html> <h1>Bad gateway");
    assert!(failed.failure.message.len() < 300, "{}", failed.failure.message);
    assert_fails(after(act(404)), FailureKind::BadRequest, "base URL");
}

#[test]
fn a_wait_that_the_server_asks_for_is_handed_on() {
    for (name, value, expected) in [
        ("retry-after", "7", Some(7000)),
        ("retry-after-ms", "1500", Some(1500)),
        ("retry-after", "86400", Some(86_400_000)),
        ("retry-after", "-7", None),
        ("retry-after", "later", None),
    ] {
        let act = Act::Status { code: 429, headers: vec![(name, value.to_owned())], body: String::new() };
        let failed = assert_fails(after(act), FailureKind::RateLimited, "429 Too Many Requests");
        assert_eq!(failed.failure.retry_after_ms, expected, "{name}: {value}");
    }
}

#[test]
fn an_error_inside_of_a_success_is_an_error() {
    let error = |code: Value, kind: &str| json!({"error": {"message": "inner words", "code": code, "type": kind}});
    for (error, expected) in [
        (error(json!(429), ""), FailureKind::RateLimited),
        (error(json!("rate_limit_exceeded"), ""), FailureKind::RateLimited),
        (error(json!(503), ""), FailureKind::Overloaded),
        (error(json!(null), "server_error"), FailureKind::Overloaded),
        (error(json!(401), ""), FailureKind::Auth),
        (error(json!("insufficient_quota"), ""), FailureKind::Quota),
        (error(json!("context_length_exceeded"), ""), FailureKind::ContextTooLong),
        (error(json!(null), "invalid_request_error"), FailureKind::BadRequest),
        (json!({"error": "inner words"}), FailureKind::Overloaded),
    ] {
        assert_fails(after(Act::json(error.to_string())), expected, "inner words");
        let broken = after(Act::Sse(events(&[delta("half"), error.clone(), finish("stop")])));
        assert_eq!(assert_fails(broken, expected, "inner words").partial, "half");
        let named = after(Act::Sse(format!("{}event: error\ndata: {error}\n\n", events(&[delta("half")]))));
        assert_fails(named, expected, "inner words");
    }
    assert_fails(
        after(Act::Sse("event: error\ndata: inner words\n\n".to_owned())),
        FailureKind::Overloaded,
        "inner words",
    );
    assert_fails(
        after(Act::json(r#"{"choices":[{"error":{"code":502,"message":"inner words"}}]}"#)),
        FailureKind::Overloaded,
        "inner words",
    );
}

#[test]
fn an_error_event_of_anthropic_is_classed_by_its_type() {
    for (kind, expected) in [
        ("overloaded_error", FailureKind::Overloaded),
        ("api_error", FailureKind::Overloaded),
        ("rate_limit_error", FailureKind::RateLimited),
        ("authentication_error", FailureKind::Auth),
        ("timeout_error", FailureKind::Timeout),
        ("invalid_request_error", FailureKind::BadRequest),
        ("billing_error", FailureKind::Quota),
    ] {
        let mut events = anthropic_events("half");
        events.truncate(8);
        let error = json!({"type": "error", "error": {"type": kind, "message": "inner words"}});
        let failed = anthropic_after(Act::Sse(format!("{}event: error\ndata: {error}\n\n", events.concat())));
        let failed = assert_fails(failed, expected, "inner words");
        assert_eq!((&*failed.partial, failed.usage.map(|usage| usage.input_tokens)), ("ha", Some(10)));
    }
}

#[test]
fn a_model_that_declines_is_quoted() {
    let refusal = json!({"choices": [{"delta": {"refusal": "I will not."}}]});
    let openai = [
        (events(&[refusal, finish("stop")]), "declined: I will not."),
        (events(&[delta("So far"), finish("content_filter")]), "declined: So far"),
        (events(&[finish("content_filter")]), "no reason"),
    ];
    for (events, words) in openai {
        assert_fails(after(Act::Sse(events)), FailureKind::Refused, words);
    }
    let events = anthropic_events("I cannot.").concat().replace("end_turn", "refusal");
    assert_fails(anthropic_after(Act::Sse(events.clone())), FailureKind::Refused, "I cannot.");
    let explained = events.replace("\"refusal\"", "\"refusal\",\"stop_details\":{\"explanation\":\"Too risky.\"}");
    assert_fails(anthropic_after(Act::Sse(explained)), FailureKind::Refused, "Too risky.");
}

#[test]
fn an_answer_at_the_limit_is_truncated_and_still_costs() {
    for reason in ["length", "max_tokens"] {
        let failed = after(Act::Sse(events(&[delta("half an"), finish(reason)])));
        let failed = assert_fails(failed, FailureKind::Truncated, "output tokens");
        assert_eq!((&*failed.partial, failed.usage.map(|usage| usage.output_tokens)), ("half an", Some(2)));
    }
    let events = anthropic_events("half an").concat().replace("end_turn", "max_tokens");
    let failed = assert_fails(anthropic_after(Act::Sse(events)), FailureKind::Truncated, "output tokens");
    assert_eq!(failed.usage.map(|usage| usage.output_tokens), Some(5));
}

#[test]
fn a_tool_that_nobody_gave_is_not_called() {
    let calls = json!({"choices": [{"delta": {"tool_calls": [{"function": {"name": "rm"}}]}}]});
    for reason in ["tool_calls", "stop"] {
        let reply = after(Act::Sse(events(&[delta("Let me"), calls.clone(), finish(reason)])));
        assert_fails(reply, FailureKind::Malformed, "asked for a tool");
    }
    let events = anthropic_events("Let me").concat().replace("end_turn", "tool_use");
    assert_fails(anthropic_after(Act::Sse(events)), FailureKind::Malformed, "asked for a tool");
}
