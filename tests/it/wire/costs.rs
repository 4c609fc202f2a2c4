//! What a call costs: the vendor's numbers, an estimate where it gives none, and what stays open where nobody knows.

use std::net::TcpListener;

use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{ALL, after, after_with_tools, ask, assert_answers, assert_fails, at, counted, request, with_tools};
use crate::server::Act;
use crate::server::vendor::{Called, Said, Vendor, gemini, ollama, openai};

#[test]
fn usage_that_is_missing_is_estimated_and_marked() {
    for vendor in ALL {
        let said = Said { usage: false, ..vendor.says("answer") };
        for act in [vendor.sends(vendor.stream(&said)), vendor.sends_whole(&said)] {
            let reply = assert_answers(vendor.name, after(vendor, act), "answer");
            assert_eq!(counted(reply.usage), (5, 2, 0, true), "{}", vendor.name);
        }
    }
}

/// The same with a zero in place of every number.
fn zeros(value: Value) -> Value {
    match value {
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, zeros(value))).collect(),
        Value::Array(values) => values.into_iter().map(zeros).collect(),
        Value::Number(_) => json!(0),
        other => other,
    }
}

#[test]
fn numbers_that_are_zero_are_none() {
    for vendor in ALL {
        let said = vendor.says("answer");
        let values: Vec<Value> = vendor.values(&said).into_iter().map(zeros).collect();
        for act in [vendor.sends(vendor.open(&values)), Act::json(zeros((vendor.whole)(&said)).to_string())] {
            let reply = assert_answers(vendor.name, after(vendor, act), "answer");
            assert_eq!(counted(reply.usage), (5, 2, 0, true), "{}", vendor.name);
        }
    }
}

#[test]
fn what_calls_of_tools_cost_is_estimated_too() {
    let calls = [Called { id: "c1", name: "weather", arguments: "{\"place\":\"a place with a long name\"}" }];
    for vendor in ALL {
        let said = Said { usage: false, ..vendor.calls(&calls) };
        for act in [vendor.sends(vendor.stream(&said)), vendor.sends_whole(&said)] {
            let usage = after_with_tools(vendor, act).unwrap().usage;
            assert!(usage.estimated && usage.output_tokens > 8, "{}: {usage:?}", vendor.name);
            assert_eq!(usage.input_tokens, with_tools(request("hello")).estimated_tokens());
        }
    }
}

#[test]
fn what_a_broken_answer_has_cost_so_far_is_known_where_the_vendor_says_it_first() {
    for vendor in ALL {
        let failed = after(vendor, vendor.sends(vendor.half("half"))).unwrap_err();
        let expected = match vendor.name {
            "anthropic" | "gemini" => Some(10),
            _ => None,
        };
        assert_eq!(
            (failed.usage.map(|usage| usage.input_tokens), failed.unsettled),
            (expected, true),
            "{}",
            vendor.name
        );
    }
}

#[test]
fn what_was_never_sent_and_what_came_to_its_end_costs_what_is_said() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for vendor in ALL {
        let unsent = ask(&at(vendor, &format!("http://{free}")));
        assert!(!assert_fails(vendor.name, unsent, FailureKind::Unreachable, "refused").unsettled);
        let unanswered = after(vendor, Act::Cut { after: 0 });
        assert!(assert_fails(vendor.name, unanswered, FailureKind::Connection, "before it answered").unsettled);
        let down = Act::json(json!({"error": {"code": 503, "message": "down"}}).to_string());
        for (act, kind) in [(vendor.sends(vendor.answer(" ")), FailureKind::Malformed), (down, FailureKind::Overloaded)]
        {
            assert!(!assert_fails(vendor.name, after(vendor, act), kind, "127.0.0.1").unsettled);
        }
    }
}

/// A whole answer with these numbers in place of the row's.
fn with_usage(vendor: &Vendor, usage: &[(&str, Value)]) -> Act {
    let mut whole = (vendor.whole)(&Said { usage: false, ..vendor.says("four") });
    for (key, value) in usage {
        whole[key] = value.clone();
    }
    Act::json(whole.to_string())
}

#[test]
fn every_token_that_is_paid_for_is_counted_once() {
    let thought = |total: u64| json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": total, "completion_tokens_details": {"reasoning_tokens": 3}});
    let cached = json!({"prompt_tokens": 20, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}});
    let google = json!({"promptTokenCount": 20, "cachedContentTokenCount": 8, "toolUsePromptTokenCount": 4, "candidatesTokenCount": 3, "thoughtsTokenCount": 7, "totalTokenCount": 34});
    for (vendor, usage, expected) in [
        (&openai::ROW, vec![("usage", thought(15))], (10, 5, 0, false)),
        (&openai::ROW, vec![("usage", thought(18))], (10, 8, 0, false)),
        (&openai::ROW, vec![("usage", cached)], (20, 5, 8, false)),
        (&gemini::ROW, vec![("usageMetadata", google)], (24, 10, 8, false)),
        // A prompt that Ollama still knows is not counted by some of its versions.
        (&ollama::ROW, vec![("eval_count", json!(7))], (5, 7, 0, true)),
    ] {
        let reply = assert_answers(vendor.name, after(vendor, with_usage(vendor, &usage)), "four");
        assert_eq!(counted(reply.usage), expected, "{}: {usage:?}", vendor.name);
    }
}
