//! What a provider says instead of an answer, the class that it gets, and the wait that it asks for.

use std::time::{Duration, SystemTime};

use orch::words::conversation::{AssistantMessage, Message};
use orch::words::failure::FailureKind;
use orch::words::rate_limit::RateLimitInfo;
use serde_json::{Value, json};

use super::{ALL, KEY, after, ask, assert_answers, assert_fails, request, wire};
use crate::server::vendor::{Vendor, gemini, openai, response};
use crate::server::{Act, Server};

#[test]
fn an_error_of_the_vendor_has_its_class_as_a_status_and_inside_of_a_success() {
    for vendor in ALL {
        for trouble in (vendor.errors)() {
            let (status, body) = (trouble.status, &trouble.body);
            let case = format!("{}: {status} {body}", vendor.name);
            let failed = assert_fails(&case, after(vendor, Act::error(status, body)), trouble.kind, "inner words");
            assert!(failed.failure.message.contains(&format!("answered {status}")), "{failed:?}");
            assert_eq!((failed.failure.status, failed.usage, failed.unsettled), (Some(status), None, false), "{case}");

            let event = (vendor.frame)(body);
            let half = vendor.half("half");
            for (act, partial) in [
                (Act::json(body.to_string()), ""),
                (vendor.sends(&*event), ""),
                (vendor.sends(format!("{half}{event}")), "half"),
                (vendor.sends(format!("{half}{event}{}", vendor.rest("half"))), "half"),
            ] {
                let failed = assert_fails(&case, after(vendor, act), trouble.inside, "inner words");
                assert_eq!(failed.partial, partial, "{case}");
            }
        }
    }
}

#[test]
fn an_error_status_has_its_class_and_is_asked_for_once() {
    let said = json!({"error": {"message": "because", "type": "no_such_word"}});
    for (status, expected) in [
        (400, FailureKind::BadRequest),
        (401, FailureKind::Auth),
        (402, FailureKind::Quota),
        (403, FailureKind::Auth),
        (404, FailureKind::BadRequest),
        (405, FailureKind::BadRequest),
        (408, FailureKind::Timeout),
        (409, FailureKind::Overloaded),
        (413, FailureKind::ContextTooLong),
        (422, FailureKind::BadRequest),
        (429, FailureKind::RateLimited),
        (500, FailureKind::Overloaded),
        (503, FailureKind::Overloaded),
        (529, FailureKind::Overloaded),
    ] {
        for vendor in ALL {
            let failed = assert_fails(vendor.name, after(vendor, Act::error(status, &said)), expected, "because");
            assert_eq!((failed.failure.status, failed.usage, failed.unsettled), (Some(status), None, false));
        }
    }
}

#[test]
fn an_error_is_read_in_whatever_form_a_server_in_between_writes_it() {
    let openai = |code: &str| json!({"error": {"message": "inner words", "code": code}});
    let kind = |kind: &str| json!({"error": {"message": "inner words", "type": kind}});
    for vendor in ALL {
        for (status, body, expected) in [
            (404, json!({"error": "inner words"}), FailureKind::BadRequest),
            (422, json!({"detail": "inner words"}), FailureKind::BadRequest),
            (400, json!({"message": "inner words"}), FailureKind::BadRequest),
            (429, openai("insufficient_quota"), FailureKind::Quota),
            (400, openai("context_length_exceeded"), FailureKind::ContextTooLong),
            (400, kind("exceed_context_size_error"), FailureKind::ContextTooLong),
            (400, json!({"error": {"message": "inner words: prompt is too long: 9 > 8"}}), FailureKind::ContextTooLong),
            (400, openai("content_filter"), FailureKind::Refused),
            (529, kind("overloaded_error"), FailureKind::Overloaded),
        ] {
            let case = format!("{}: {status} {body}", vendor.name);
            assert_fails(&case, after(vendor, Act::error(status, &body)), expected, "inner words");
        }
    }
}

#[test]
fn an_error_inside_of_a_success_has_its_class_wherever_it_comes() {
    let error = |code: Value, kind: &str| json!({"error": {"message": "inner words", "code": code, "type": kind}});
    for vendor in ALL {
        for (error, expected) in [
            (error(json!(429), ""), FailureKind::RateLimited),
            (error(json!("rate_limit_exceeded"), ""), FailureKind::RateLimited),
            (error(json!(503), ""), FailureKind::Overloaded),
            (error(Value::Null, "server_error"), FailureKind::Overloaded),
            (error(json!(401), ""), FailureKind::Auth),
            (error(json!("insufficient_quota"), ""), FailureKind::Quota),
            (error(json!("context_length_exceeded"), ""), FailureKind::ContextTooLong),
            (error(Value::Null, "invalid_request_error"), FailureKind::BadRequest),
            (error(json!("something_new"), ""), FailureKind::Overloaded),
            (json!({"error": "inner words"}), FailureKind::Overloaded),
        ] {
            let case = format!("{}: {error}", vendor.name);
            let half = vendor.half("half");
            let plain = if vendor.sends_events() { format!("data: {error}\n\n") } else { format!("{error}\n") };
            let named = if vendor.sends_events() { format!("event: error\n{plain}") } else { plain.clone() };
            assert_fails(&case, after(vendor, Act::json(error.to_string())), expected, "inner words");
            for stream in [format!("{half}{plain}"), format!("{half}{plain}{}", vendor.rest("half")), half + &named] {
                let failed = assert_fails(&case, after(vendor, vendor.sends(stream)), expected, "inner words");
                assert_eq!(failed.partial, "half", "{case}");
            }
        }
        if vendor.sends_events() {
            let act = vendor.sends("event: error\ndata: inner words\n\n");
            assert_fails(vendor.name, after(vendor, act), FailureKind::Overloaded, "inner words");
        }
    }
    let in_choice = Act::json(r#"{"choices":[{"error":{"code":502,"message":"inner words"}}]}"#);
    assert_fails("in a choice", after(&openai::ROW, in_choice), FailureKind::Overloaded, "inner words");
}

#[test]
fn an_error_page_is_told_by_its_status_and_shown_by_its_beginning() {
    let page = format!("<html>\n<h1>Bad gateway</h1>{KEY}{}</html>", "x".repeat(100_000));
    let act = |code| Act::Status { code, headers: vec![], body: page.clone() };
    for vendor in ALL {
        let words = "502 Bad Gateway: <html> <h1>Bad gateway</h1>[redacted]xx";
        let failed = assert_fails(vendor.name, after(vendor, act(502)), FailureKind::Overloaded, words);
        assert!(failed.failure.message.len() < 300, "{}", failed.failure.message);
        assert_fails(vendor.name, after(vendor, act(404)), FailureKind::BadRequest, "base URL");
    }
}

#[test]
fn a_wait_that_the_server_asks_for_is_handed_on() {
    let in_an_hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    for vendor in ALL {
        let failed = |name, value: &str| {
            let act = Act::Status { code: 429, headers: vec![(name, value.to_owned())], body: String::new() };
            let case = format!("{}: {name} {value}", vendor.name);
            assert_fails(&case, after(vendor, act), FailureKind::RateLimited, "429 Too Many Requests").failure
        };
        for (name, value, expected) in [
            ("retry-after", "7", Some(7000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after-ms", "1500", Some(1500)),
            ("retry-after", "86400", Some(86_400_000)),
            ("retry-after", "-7", None),
            ("retry-after-ms", "-7", None),
            ("retry-after", "later", None),
            ("retry-after", "Fri, 20 Nov 1998 09:30:00 GMT", None),
            ("x-nothing", "7", None),
        ] {
            assert_eq!(failed(name, value).retry_after_ms, expected, "{}: {name} {value}", vendor.name);
        }
        let until = failed("retry-after", &in_an_hour).retry_after_ms.unwrap();
        assert!((3_500_000..=3_600_000).contains(&until), "{until}");
    }
}

#[test]
fn a_prompt_that_is_more_than_the_whole_quota_is_not_waited_for() {
    let limited = |limit: &str| {
        let headers =
            vec![("anthropic-ratelimit-input-tokens-limit", limit.to_owned()), ("retry-after", "5".to_owned())];
        let body = json!({"error": {"message": "This request would exceed your organization's rate limit"}});
        Act::Status { code: 429, headers, body: body.to_string() }
    };
    let long = request(&format!("hello {}", "word ".repeat(8000)));
    let mut later = long.clone();
    later.messages.push(Message::Assistant(AssistantMessage { text: "hm".to_owned(), ..AssistantMessage::default() }));
    for vendor in ALL {
        for (asked, limit, kind) in [
            (&long, "5000", FailureKind::ContextTooLong),
            (&long, "9000", FailureKind::RateLimited),
            (&later, "5000", FailureKind::RateLimited),
            (&request("hello"), "5000", FailureKind::RateLimited),
        ] {
            let reply = super::after_request(vendor, asked, &super::PATIENT, limited(limit));
            let failed = assert_fails(vendor.name, reply, kind, "organization's rate limit").failure;
            assert_eq!(failed.message.contains("no wait helps"), kind == FailureKind::ContextTooLong, "{failed}");
        }
    }
}

#[test]
fn the_pace_that_a_provider_names_is_handed_on() {
    for vendor in ALL {
        let headers = [
            ("content-type", vendor.content_type.to_owned()),
            ("x-ratelimit-remaining-requests", "7".to_owned()),
            ("x-ratelimit-reset-tokens", "6m0s".to_owned()),
        ];
        let pace = RateLimitInfo {
            requests_left: Some(7),
            tokens_reset: Some(Duration::from_secs(360)),
            ..RateLimitInfo::default()
        };
        let refused = Act::Status { code: 429, headers: headers.to_vec(), body: String::new() };
        let raw = |body: &str| Act::Raw(response(200, &headers, body.as_bytes()));
        let server = Server::start();
        server.when("hello", [raw(&vendor.answer("hi")), raw(&vendor.half("hi")), refused]);
        let wire = wire(vendor, &server);
        assert_eq!(ask(&wire).unwrap().pace, Some(pace), "{}", vendor.name);
        for _ in 0..2 {
            assert_eq!(ask(&wire).unwrap_err().pace, Some(pace), "{}", vendor.name);
        }
    }
}

#[test]
fn google_says_in_its_details_how_long_to_wait_and_which_quota_is_spent() {
    let detail = |kind: &str, key: &str, value: Value| json!({"@type": format!("type.googleapis.com/google.rpc.{kind}"), key: value});
    let quota = |id: &str| detail("QuotaFailure", "violations", json!([{ "quotaId": id }]));
    let delay = |text: &str| detail("RetryInfo", "retryDelay", json!(text));
    let minute = quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier");
    let day = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier");
    let vendor: &Vendor = &gemini::ROW;
    for (details, kind, wait) in [
        (json!([minute, delay("37s")]), FailureKind::RateLimited, Some(37_000)),
        (json!([delay("0.497s")]), FailureKind::RateLimited, Some(497)),
        (json!([delay("-3s")]), FailureKind::RateLimited, None),
        (json!([delay("soon")]), FailureKind::RateLimited, None),
        (json!([delay("1e300s")]), FailureKind::RateLimited, Some(365 * 86_400_000)),
        (json!([]), FailureKind::RateLimited, None),
        (json!([day, delay("37s")]), FailureKind::Quota, Some(37_000)),
    ] {
        let error = gemini::error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", &details);
        let in_stream = vendor.sends(vendor.half("half") + &(vendor.frame)(&error));
        for act in [Act::error(429, &error), Act::error(429, &json!([error])), in_stream] {
            let failed = assert_fails(&details.to_string(), after(vendor, act), kind, "exceeded");
            assert_eq!(failed.failure.retry_after_ms, wait, "{details}");
        }
    }
    let headers = vec![("retry-after", "5".to_owned())];
    let body = gemini::error(429, "RESOURCE_EXHAUSTED", "m", &json!([delay("37s")])).to_string();
    let failed = after(vendor, Act::Status { code: 429, headers, body });
    assert_eq!(failed.unwrap_err().failure.retry_after_ms, Some(5000), "the header is the more precise word");
}

#[test]
fn an_error_that_google_writes_between_two_events_is_an_error() {
    let vendor: &Vendor = &gemini::ROW;
    let details = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}]);
    let error = gemini::error(429, "RESOURCE_EXHAUSTED", "inner words", &details);
    for written in [format!("{error:#}"), format!("{:#}\n", json!([error])), error.to_string()] {
        let stream = vendor.half("half") + &written;
        let bytes = crate::server::vendor::chunked(&vendor.head(), stream.as_bytes().chunks(1));
        for act in [vendor.sends(&*stream), Act::Raw(bytes)] {
            let failed = assert_fails(&written, after(vendor, act), FailureKind::RateLimited, "inner words");
            assert_eq!((&*failed.partial, failed.failure.retry_after_ms), ("half", Some(37_000)));
        }
        let cut = vendor.sends(&stream[..stream.len() - 5]);
        assert_fails(&written, after(vendor, cut), FailureKind::Connection, "incomplete stream");
        let taken_back = vendor.sends(vendor.answer("done") + &written);
        assert_fails(&written, after(vendor, taken_back), FailureKind::RateLimited, "inner words");
    }
    for other in ["{\"x\": 1}\n", "[1,\n2]\n", "{\n"] {
        let stream = vendor.answer("done").replacen("\r\n\r\n", &format!("\r\n\r\n{other}"), 1) + other;
        assert_answers(other, after(vendor, vendor.sends(stream)), "done");
    }
    let last = json!([{"candidates": []}, gemini::error(503, "UNAVAILABLE", "inner words", &json!([]))]);
    assert_fails("list", after(vendor, Act::json(last.to_string())), FailureKind::Overloaded, "inner words");
}

#[test]
fn every_servers_own_words_are_understood() {
    use FailureKind::{Auth, ContextTooLong, Malformed, Overloaded, Quota, Refused};
    for (status, said, kind) in [
        (400, "The decoder prompt (length 9) is longer than the maximum model length of 8.", ContextTooLong),
        (400, "The input (9 tokens) is longer than the model's context length (8 tokens).", ContextTooLong),
        (422, "Input validation error: `inputs` must have less than 8 tokens. Given: 9", ContextTooLong),
        (400, "Trying to keep the first 9 tokens when context the overflows.", ContextTooLong),
        (400, "This model's maximum prompt length is 8 but the request contains 9 tokens.", ContextTooLong),
        (413, "Request too large for model `m` on tokens per minute (TPM): Limit 8, Requested 9", ContextTooLong),
        (429, "Request too large for m on tokens per min (TPM): Limit 8, Requested 9.", ContextTooLong),
        (400, "You have reached your specified API usage limits. You will regain access later.", Quota),
        (429, "Budget has been exceeded! Current cost: 15.07, Max budget: 15.0", Quota),
        (403, "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys", Quota),
        (429, "Rate limit exceeded: free-models-per-day.", Quota),
        (429, "Your project has exceeded its monthly spending cap.", Quota),
        (
            400,
            "The number of tokens to keep from the initial prompt is greater than the context length.",
            ContextTooLong,
        ),
        (429, "you (someone) have reached your weekly usage limit, please wait or upgrade to continue", Quota),
        (429, "ExceededTokenBudget: Current spend for token: 9; Max Budget for Token: 8", Quota),
        (403, "Your newly created team doesn't have any credits yet.", Quota),
        (400, "The prompt triggered Azure OpenAI's content management policy.", Refused),
        (403, "m requires moderation on Azure. Your input was flagged for \"violence\".", Refused),
        (400, "API key not valid. Please pass a valid API key.", Auth),
        (400, "Incorrect API key provided: xx.", Auth),
        (400, "Failed to call a function. Please adjust your prompt. See 'failed_generation'.", Malformed),
        (500, "model requires more system memory (5.6 GiB) than is available (3.1 GiB)", Overloaded),
        (500, "CUDA out of memory. Tried to allocate 2.00 GiB", Overloaded),
    ] {
        for vendor in ALL {
            let failed =
                assert_fails(said, after(vendor, Act::error(status, &json!({"error": {"message": said}}))), kind, "");
            assert_eq!(failed.failure.should_retry, said.contains("memory").then_some(false), "{said}");
        }
    }
    for (status, value, expected) in [(503, "false", Some(false)), (400, "true", Some(true)), (401, "true", None)] {
        let act =
            Act::Status { code: status, headers: vec![("x-should-retry", value.to_owned())], body: String::new() };
        assert_eq!(after(&openai::ROW, act).unwrap_err().failure.should_retry, expected, "{status}");
    }
}
