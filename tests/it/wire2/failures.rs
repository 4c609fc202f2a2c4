//! What a server says when it does not answer.

use orch::event::FailureKind;
use serde_json::{Value, json};

use super::vendors::{ALL, ANTHROPIC, GEMINI, OLLAMA};
use super::{after, assert_fails};
use crate::server::Act;

fn google(code: u16, status: &str, message: &str, details: &Value) -> Value {
    json!({"error": {"code": code, "message": message, "status": status, "details": details}})
}

#[test]
fn an_error_in_the_middle_of_a_stream_or_inside_of_a_success_is_an_error() {
    let kinds = [
        (
            &ANTHROPIC,
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "inner words"}}),
            FailureKind::Overloaded,
        ),
        (
            &ANTHROPIC,
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "inner words"}}),
            FailureKind::RateLimited,
        ),
        (&GEMINI, google(503, "UNAVAILABLE", "inner words", &json!([])), FailureKind::Overloaded),
        (&GEMINI, google(500, "INTERNAL", "inner words", &json!([])), FailureKind::Overloaded),
        (&GEMINI, google(429, "RESOURCE_EXHAUSTED", "inner words", &json!([])), FailureKind::RateLimited),
        (&GEMINI, json!([google(504, "DEADLINE_EXCEEDED", "inner words", &json!([]))]), FailureKind::Overloaded),
        (&OLLAMA, json!({"error": "inner words: model runner has unexpectedly stopped"}), FailureKind::Overloaded),
    ];
    for (vendor, error, kind) in &kinds {
        let stream = vendor.open("half") + &(vendor.chunk)(error);
        let broken = assert_fails(vendor.name, after(vendor, vendor.act(stream)), *kind, "inner words");
        assert_eq!(broken.partial, "half");
        let alone = after(vendor, vendor.act((vendor.chunk)(error)));
        assert_fails(vendor.name, alone, *kind, "inner words");
        assert_fails(vendor.name, after(vendor, Act::json(error.to_string())), *kind, "inner words");
    }
    let last = json!([{"candidates": []}, google(503, "UNAVAILABLE", "inner words", &json!([]))]);
    assert_fails("list", after(&GEMINI, Act::json(last.to_string())), FailureKind::Overloaded, "inner words");
}

#[test]
fn an_error_that_google_writes_between_two_events_is_an_error() {
    let delay = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}]);
    let error = google(429, "RESOURCE_EXHAUSTED", "inner words", &delay);
    for written in [format!("{error:#}"), format!("{:#}\n", json!([error])), error.to_string()] {
        let stream = GEMINI.open("half") + &written;
        for act in [GEMINI.act(stream.clone()), GEMINI.byte_by_byte(&stream)] {
            let failed = assert_fails(&written, after(&GEMINI, act), FailureKind::RateLimited, "inner words");
            assert_eq!((&*failed.partial, failed.failure.retry_after_ms), ("half", Some(37_000)));
        }
        let cut = GEMINI.act(&stream[..stream.len() - 5]);
        assert_fails(&written, after(&GEMINI, cut), FailureKind::Connection, "incomplete stream");
        let taken_back = GEMINI.act(GEMINI.answer("done") + &written);
        assert_fails(&written, after(&GEMINI, taken_back), FailureKind::RateLimited, "inner words");
    }
    for other in ["{\"x\": 1}\n", "[1,\n2]\n", "{\n"] {
        let stream = GEMINI.answer("done").replacen("\r\n\r\n", &format!("\r\n\r\n{other}"), 1) + other;
        assert_eq!(after(&GEMINI, GEMINI.act(stream)).unwrap().turn.text, "done", "no error is passed over: {other}");
    }
}

#[test]
fn an_error_status_is_classed_by_what_the_vendor_says() {
    let invalid = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
    let too_long = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
    for (vendor, status, body, kind) in [
        (
            &ANTHROPIC,
            400,
            json!({"error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}}),
            FailureKind::ContextTooLong,
        ),
        (
            &ANTHROPIC,
            529,
            json!({"error": {"type": "overloaded_error", "message": "Overloaded"}}),
            FailureKind::Overloaded,
        ),
        (&GEMINI, 400, google(400, "INVALID_ARGUMENT", too_long, &json!([])), FailureKind::ContextTooLong),
        (&GEMINI, 400, google(400, "INVALID_ARGUMENT", "API key not valid.", &invalid), FailureKind::Auth),
        (&GEMINI, 400, google(400, "INVALID_ARGUMENT", "Unknown name", &json!([])), FailureKind::BadRequest),
        (&GEMINI, 403, google(403, "PERMISSION_DENIED", "no", &json!([])), FailureKind::Auth),
        (&GEMINI, 404, google(404, "NOT_FOUND", "models/x is not found", &json!([])), FailureKind::BadRequest),
        (
            &GEMINI,
            503,
            json!([google(503, "UNAVAILABLE", "The model is overloaded.", &json!([]))]),
            FailureKind::Overloaded,
        ),
        (&OLLAMA, 404, json!({"error": "model 'x' not found"}), FailureKind::BadRequest),
        (&OLLAMA, 400, json!({"error": "\"m\" does not support tools"}), FailureKind::BadRequest),
        (&OLLAMA, 400, json!({"error": "the input length exceeds the context length"}), FailureKind::ContextTooLong),
        (
            &OLLAMA,
            503,
            json!({"error": "server busy, please try again.  maximum pending requests exceeded"}),
            FailureKind::Overloaded,
        ),
    ] {
        let failed = assert_fails(vendor.name, after(vendor, Act::error(status, &body)), kind, &status.to_string());
        assert_eq!((failed.failure.status, failed.usage, failed.unsettled), (Some(status), None, false));
    }
}

#[test]
fn a_page_of_a_proxy_is_told_by_its_status() {
    for vendor in &ALL {
        let page = Act::Status { code: 502, headers: vec![], body: "<html><h1>Bad gateway</h1></html>".to_owned() };
        assert_fails(vendor.name, after(vendor, page), FailureKind::Overloaded, "502 Bad Gateway: <html>");
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_handed_on() {
    for vendor in &ALL {
        let act = Act::Status { code: 429, headers: vec![("retry-after", "7".to_owned())], body: String::new() };
        let failed = assert_fails(vendor.name, after(vendor, act), FailureKind::RateLimited, "429");
        assert_eq!(failed.failure.retry_after_ms, Some(7000));
    }
    let quota =
        |id: &str| json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]});
    let delay = |text: &str| json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text});
    let minute = quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier");
    let day = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier");
    for (details, kind, wait) in [
        (json!([minute, delay("37s")]), FailureKind::RateLimited, Some(37_000)),
        (json!([delay("0.497s")]), FailureKind::RateLimited, Some(497)),
        (json!([delay("-3s")]), FailureKind::RateLimited, None),
        (json!([delay("soon")]), FailureKind::RateLimited, None),
        (json!([delay("1e300s")]), FailureKind::RateLimited, Some(365 * 86_400_000)),
        (json!([]), FailureKind::RateLimited, None),
        (json!([day, delay("37s")]), FailureKind::Quota, Some(37_000)),
    ] {
        let error = google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", &details);
        for act in [
            Act::error(429, &error),
            Act::error(429, &json!([error])),
            GEMINI.act(GEMINI.open("half") + &GEMINI.chunks(std::slice::from_ref(&error))),
        ] {
            let failed = assert_fails(&details.to_string(), after(&GEMINI, act), kind, "exceeded");
            assert_eq!(failed.failure.retry_after_ms, wait, "{details}");
        }
    }
    let header = vec![("retry-after", "5".to_owned())];
    let body = google(429, "RESOURCE_EXHAUSTED", "m", &json!([delay("37s")])).to_string();
    let failed = after(&GEMINI, Act::Status { code: 429, headers: header, body });
    assert_eq!(failed.unwrap_err().failure.retry_after_ms, Some(5000), "the header is the more precise word");
}

#[test]
fn a_model_or_a_filter_that_declines_is_quoted() {
    let stopped = |reason: &str, message: &str| {
        let candidate =
            json!({"content": {"parts": [{"text": "So far"}]}, "finishReason": reason, "finishMessage": message});
        GEMINI.act(GEMINI.chunks(&[json!({"candidates": [candidate]})]))
    };
    for reason in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "LANGUAGE"] {
        let failed = assert_fails(reason, after(&GEMINI, stopped(reason, "")), FailureKind::Refused, reason);
        assert_eq!(failed.partial, "So far");
    }
    assert_fails("words", after(&GEMINI, stopped("SAFETY", "Too risky.")), FailureKind::Refused, "SAFETY: Too risky.");
    let blocked =
        json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}});
    for act in [GEMINI.act(GEMINI.chunks(std::slice::from_ref(&blocked))), Act::json(blocked.to_string())] {
        let failed = after(&GEMINI, act);
        let failed =
            assert_fails("prompt", failed, FailureKind::Refused, "the prompt was blocked (PROHIBITED_CONTENT)");
        assert_eq!(failed.usage.map(|usage| usage.input_tokens), Some(9));
    }
    for reason in ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER"] {
        assert_fails(reason, after(&GEMINI, stopped(reason, "Why.")), FailureKind::Overloaded, "Why.");
    }
    let refused = ANTHROPIC.act(ANTHROPIC.ended("I cannot.", "refusal"));
    assert_fails("anthropic", after(&ANTHROPIC, refused), FailureKind::Refused, "I cannot.");
}
