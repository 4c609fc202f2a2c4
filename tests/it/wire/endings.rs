//! How an answer ends: whole, cut, at a limit, with a refusal, or for a reason that nobody knows.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};

use orch::net::http::Deadlines;
use orch::words::failure::FailureKind;
use orch::words::usage::StopReason;
use serde_json::{Value, json};

use orch::model::ModelRequest;

use super::{
    ALL, PATIENT, SOON, after, after_request, after_with_tools, after_within, ask, assert_answers, assert_fails, at,
    request, with_tools,
};
use crate::server::Act;
use crate::server::vendor::{Called, Said, Vendor, anthropic, gemini, ollama, openai, response, responses, zhipu};

/// A reason that no vendor has.
const UNKNOWN: &str = "tired";

#[test]
fn a_stream_is_no_answer_before_the_model_has_stopped() {
    for vendor in ALL {
        let text = "the whole text";
        let frames = vendor.frames(&vendor.says(text));
        let mut answers = 0;
        for count in 1..=frames.len() {
            let stream = frames[..count].concat();
            for act in [Act::Raw(vendor.head_and(&stream).into_bytes()), vendor.sends(stream)] {
                let case = format!("{} {count}", vendor.name);
                match after(vendor, act) {
                    Ok(reply) => {
                        assert_eq!(reply.turn.text, text, "{case}");
                        answers += 1;
                    }
                    Err(failed) => {
                        assert_eq!(failed.failure.kind, FailureKind::Connection, "{case}");
                        assert!(failed.unsettled, "{case}: nobody knows what it cost");
                        assert!(text.starts_with(&failed.partial), "{case}: {failed:?}");
                    }
                }
            }
        }
        assert!((2..2 * frames.len()).contains(&answers), "{}: {answers}", vendor.name);
    }
}

#[test]
fn an_answer_without_an_end_is_incomplete_however_it_stops() {
    for vendor in ALL {
        let (half, rest) = (vendor.half("half"), vendor.rest("half"));
        let mut short =
            response(200, &[("content-type", vendor.content_type.to_owned())], (half.clone() + &rest).as_bytes());
        short.truncate(short.len() - rest.len());
        let raw = |text: String| Act::Raw(text.into_bytes());
        for (fault, act, partial) in [
            ("clean end", vendor.sends(&*half), "half"),
            ("cut in a piece", vendor.sends(format!("{half}{}", &rest[..rest.len() / 3])), "half"),
            ("chunks without an end", raw(vendor.head_and(&half)), "half"),
            ("half a chunk", raw(format!("{}fff\r\n{half}", vendor.head())), "half"),
            ("too few bytes", Act::Raw(short), "half"),
            ("no body at all", raw(vendor.head()), ""),
            ("no head", raw(String::new()), ""),
            ("half a head", Act::Cut { after: 9 }, ""),
            ("no whole document", Act::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"a\"".to_vec()), ""),
        ] {
            let case = format!("{}: {fault}", vendor.name);
            let failed = assert_fails(&case, after(vendor, act), FailureKind::Connection, "");
            assert_eq!((&*failed.partial, failed.unsettled), (partial, true), "{case}");
        }
        let words = "incomplete stream";
        assert_fails(vendor.name, after(vendor, vendor.sends(half)), FailureKind::Connection, words);
    }
}

#[test]
fn the_end_of_a_stream_alone_is_no_end_of_an_answer() {
    for vendor in ALL.into_iter().filter(|vendor| vendor.sends_events()) {
        let done = vendor.half("half") + "data: [DONE]\n\n";
        let reply = after(vendor, vendor.sends(done));
        let failed = assert_fails(vendor.name, reply, FailureKind::Connection, "incomplete stream");
        assert_eq!(failed.partial, "half");
        let pings = vendor.sends(vendor.keepalive.repeat(3));
        assert_fails(vendor.name, after(vendor, pings), FailureKind::Connection, "incomplete stream");
    }
    let blanks = ollama::ROW.sends(ollama::ROW.keepalive.repeat(3));
    assert_fails("ollama", after(&ollama::ROW, blanks), FailureKind::Malformed, "is empty");
    let unnamed = Act::json(ollama::ROW.half("half"));
    assert_fails("lines called JSON", after(&ollama::ROW, unnamed), FailureKind::Connection, "incomplete stream");
}

/// The base URL of a server that begins an answer, and resets the connection: it leaves unread what it was asked.
fn resets_after(vendor: &Vendor, answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}{}", listener.local_addr().unwrap(), vendor.base);
    std::thread::spawn(move || {
        let mut connection = listener.accept().unwrap().0;
        let _ = connection.read(&mut [0; 16]);
        let _ = connection.write_all(answer.as_bytes());
        connection.shutdown(Shutdown::Read)
    });
    base_url
}

#[test]
fn a_connection_that_is_reset_is_an_incomplete_answer() {
    for vendor in ALL {
        let base_url = resets_after(vendor, vendor.head_and(&vendor.half("half")));
        let failed = assert_fails(vendor.name, ask(&at(vendor, &base_url)), FailureKind::Connection, "127.0.0.1");
        assert!(failed.unsettled && "half".starts_with(&failed.partial), "{}: {failed:?}", vendor.name);
    }
}

#[test]
fn an_answer_is_whole_when_the_model_has_stopped_whatever_happens_then() {
    for vendor in ALL {
        let whole = vendor.answer("done");
        let silence = Act::Repeat { head: vendor.head_and(&whole), piece: vec![], pause: SOON };
        for (then, act) in [
            ("cut", Act::Raw(vendor.head_and(&whole).into_bytes())),
            ("junk", vendor.sends(format!("{whole}{}", (vendor.frame)(&json!("junk"))))),
            ("no JSON", vendor.sends(whole.replace(vendor.last, "") + &(vendor.frame)(&json!("x")).replace('"', ""))),
            ("silence", silence),
        ] {
            let case = format!("{}: {then}", vendor.name);
            let deadlines = Deadlines { total: 40 * SOON, ..PATIENT };
            assert_answers(&case, after_within(vendor, &deadlines, act), "done");
        }
    }
}

#[test]
fn a_server_that_hangs_before_it_has_said_what_it_costs_is_not_waited_for() {
    let vendor = &openai::ROW;
    let uncounted = vendor.open(&vendor.values(&Said { usage: false, ..vendor.says("done") }));
    let silence = Act::Repeat { head: vendor.head_and(&uncounted), piece: vec![], pause: SOON };
    let deadlines = Deadlines { idle: SOON, ..PATIENT };
    let reply = assert_answers("silence", after_within(vendor, &deadlines, silence), "done");
    assert!(reply.usage.estimated);
}

/// An answer that ends for `reason`, as a stream and as a document.
fn ended(vendor: &Vendor, text: &str, reason: &str) -> [Act; 2] {
    let said = Said { reason, ..vendor.says(text) };
    [vendor.sends(vendor.stream(&said)), vendor.sends_whole(&said)]
}

#[test]
fn an_answer_at_the_limit_is_truncated_and_still_costs() {
    let limits = ALL.map(|vendor| (vendor, vendor.reasons.limit, "output tokens"));
    let others = [
        (&openai::ROW, "max_tokens", "output tokens"),
        (&openai::ROW, "model_length", "context window"),
        (&zhipu::ROW, "model_context_window_exceeded", "context window"),
        (&anthropic::ROW, "model_context_window_exceeded", "context window"),
    ];
    for (vendor, reason, words) in limits.into_iter().chain(others) {
        for act in ended(vendor, "half an", reason) {
            let case = format!("{}: {reason}", vendor.name);
            let failed = assert_fails(&case, after(vendor, act), FailureKind::Truncated, words);
            let output = failed.usage.map(|usage| usage.output_tokens);
            assert_eq!((&*failed.partial, output, failed.unsettled), ("half an", Some(5), false), "{case}");
        }
    }
}

#[test]
fn a_model_or_a_filter_that_declines_is_quoted() {
    for vendor in ALL {
        let Some(reason) = vendor.reasons.refusal else {
            assert_eq!(vendor.name, "ollama", "only Ollama has no word for it");
            continue;
        };
        for act in ended(vendor, "So far", reason) {
            let failed = assert_fails(vendor.name, after(vendor, act), FailureKind::Refused, "declined: ");
            assert_eq!((&*failed.partial, failed.unsettled), ("So far", false), "{}", vendor.name);
        }
        for act in ended(vendor, "", reason) {
            assert_fails(vendor.name, after(vendor, act), FailureKind::Refused, "declined: ");
        }
    }
}

#[test]
fn the_words_of_a_refusal_are_shown() {
    let openai = |delta: Value, reason: &str| {
        openai::ROW.sends(openai::ROW.open(&[openai::delta(delta), openai::finish(reason)]))
    };
    let anthropic = |details: &str| {
        let refusal = anthropic::ROW.stream(&Said { reason: "refusal", ..anthropic::ROW.says("I cannot.") });
        anthropic::ROW.sends(refusal.replace("\"stop_sequence\":null", details))
    };
    let said = json!({"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}], "status": "completed"});
    let refusing = [
        responses::event("response.refusal.delta", json!({"output_index": 0, "delta": "No."})),
        responses::event("response.completed", json!({ "response": said })),
    ];
    for (vendor, act, words) in [
        (&openai::ROW, openai(json!({"refusal": "I will not."}), "stop"), "declined: I will not."),
        (&openai::ROW, openai(json!({"content": "So far"}), "content_filter"), "declined: So far"),
        (&zhipu::ROW, openai(json!({"content": ""}), "sensitive"), "it gave no reason"),
        (&responses::ROW, responses::ROW.sends(responses::ROW.open(&refusing)), "declined: No."),
        (&responses::ROW, Act::json(said.to_string()), "declined: No."),
        (&anthropic::ROW, anthropic("\"stop_sequence\":null"), "declined: I cannot."),
        (
            &anthropic::ROW,
            anthropic("\"stop_details\":{\"type\":\"refusal\",\"explanation\":\"Too risky.\"}"),
            "Too risky.",
        ),
    ] {
        assert_fails(vendor.name, after(vendor, act), FailureKind::Refused, words);
    }
}

#[test]
fn the_filters_of_gemini_are_named() {
    let vendor = &gemini::ROW;
    let stopped = |reason: &str, message: &str| {
        let mut chunk = gemini::parts(&json!([{"text": "So far"}]), Some(reason));
        chunk["candidates"][0]["finishMessage"] = json!(message);
        vendor.sends((vendor.frame)(&chunk))
    };
    for reason in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "LANGUAGE", "IMAGE_SAFETY"] {
        let failed = assert_fails(reason, after(vendor, stopped(reason, "")), FailureKind::Refused, reason);
        assert_eq!(failed.partial, "So far");
    }
    assert_fails("words", after(vendor, stopped("SAFETY", "Too risky.")), FailureKind::Refused, "SAFETY: Too risky.");
    for reason in ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "OTHER"] {
        assert_fails(reason, after(vendor, stopped(reason, "Why.")), FailureKind::Overloaded, "Why.");
    }
    let blocked =
        json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}});
    for act in [vendor.sends((vendor.frame)(&blocked)), Act::json(blocked.to_string())] {
        let words = "the prompt was blocked (PROHIBITED_CONTENT)";
        let failed = assert_fails("prompt", after(vendor, act), FailureKind::Refused, words);
        assert_eq!(failed.usage.map(|usage| usage.input_tokens), Some(9));
    }
}

#[test]
fn an_end_that_is_no_end_is_a_failure() {
    for vendor in ALL {
        for reason in [UNKNOWN, "abort", "error", "cancelled"] {
            for act in ended(vendor, "a", reason) {
                let case = format!("{}: {reason}", vendor.name);
                let failed = assert_fails(&case, after(vendor, act), FailureKind::Overloaded, reason);
                assert_eq!((&*failed.partial, failed.unsettled), ("a", false), "{case}");
                assert_eq!(failed.failure.should_retry, None, "{case}");
            }
        }
    }
    // A server without the memory for it has no more in a moment.
    for act in ended(&openai::ROW, "a", "insufficient_system_resource") {
        let failed = assert_fails("memory", after(&openai::ROW, act), FailureKind::Overloaded, "insufficient");
        assert_eq!(failed.failure.should_retry, Some(false));
    }
    for reason in ["load", "unload"] {
        for act in ended(&ollama::ROW, "a", reason) {
            assert_fails(reason, after(&ollama::ROW, act), FailureKind::Overloaded, reason);
        }
    }
    for vendor in [&openai::ROW, &anthropic::ROW] {
        for act in ended(vendor, "a", "stop_sequence") {
            assert_eq!(assert_answers(vendor.name, after(vendor, act), "a").stop, StopReason::StopSequence);
        }
    }
}

#[test]
fn no_call_of_a_tool_is_made_in_an_answer_that_ends_badly() {
    let calls = [Called { id: "c", name: "weather", arguments: "{}" }];
    for vendor in ALL {
        for reason in [UNKNOWN, "abort", "error"] {
            let said = Said { reason, ..vendor.calls(&calls) };
            for act in [vendor.sends(vendor.stream(&said)), vendor.sends_whole(&said)] {
                assert_fails(vendor.name, after_with_tools(vendor, act), FailureKind::Overloaded, reason);
            }
        }
    }
}

#[test]
fn a_response_is_as_whole_as_the_worst_that_it_says_of_itself() {
    let vendor: &Vendor = &responses::ROW;
    let calls = [Called { id: "c", name: "weather", arguments: "{\"place\":\"Be" }];
    let said = vendor.calls(&calls);
    let whole = |status: Value, details: Value| {
        let mut whole = (vendor.whole)(&said);
        (whole["status"], whole["incomplete_details"]) = (status, details);
        whole
    };
    let limit = || json!({"reason": "max_output_tokens"});
    let mut cut_item = whole(json!("completed"), Value::Null);
    cut_item["output"][2]["status"] = json!("incomplete");
    for (response, kind, words) in [
        (whole(json!("incomplete"), limit()), FailureKind::Truncated, "output tokens"),
        (whole(json!("completed"), limit()), FailureKind::Truncated, "output tokens"),
        (whole(Value::Null, limit()), FailureKind::Truncated, "output tokens"),
        (whole(json!("incomplete"), json!({"reason": "content_filter"})), FailureKind::Refused, "declined"),
        (whole(json!("incomplete"), Value::Null), FailureKind::Overloaded, "incomplete"),
        (whole(json!("failed"), Value::Null), FailureKind::Overloaded, "failed"),
        (whole(json!("cancelled"), Value::Null), FailureKind::Overloaded, "cancelled"),
        (cut_item, FailureKind::Overloaded, "incomplete"),
    ] {
        let values = [(vendor.begin)(&said), (vendor.calls)(&said)].concat();
        let end = responses::event("response.completed", json!({"response": response}));
        let stream = vendor.open(&values) + &(vendor.frame)(&end);
        for act in [vendor.sends(stream), Act::json(response.to_string())] {
            assert_fails(&response.to_string(), after_with_tools(vendor, act), kind, words);
        }
    }
}

#[test]
fn a_routers_word_for_the_end_counts_and_so_does_that_of_the_server_behind_it() {
    let vendor: &Vendor = &openai::ROW;
    for (reason, native, kind) in [
        ("stop", "MAX_TOKENS", FailureKind::Truncated),
        ("stop", "SAFETY", FailureKind::Refused),
        ("stop", "MALFORMED_FUNCTION_CALL", FailureKind::Overloaded),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "", FailureKind::Overloaded),
        ("content_filter: PROHIBITED_CONTENT", "", FailureKind::Refused),
    ] {
        let mut end = openai::finish(reason);
        end["choices"][0]["native_finish_reason"] = json!(native);
        let act = vendor.sends(vendor.half("a") + &(vendor.frame)(&end) + vendor.last);
        assert_fails(&format!("{reason} {native}"), after(vendor, act), kind, "");
    }
    let mut end = openai::finish("stop");
    end["choices"][0]["native_finish_reason"] = json!("STOP_OF_SOME_KIND");
    assert_answers("unknown", after(vendor, vendor.sends(vendor.half("a") + &(vendor.frame)(&end) + vendor.last)), "a");
}

#[test]
fn a_pause_is_no_end_and_what_the_servers_own_tools_did_goes_back() {
    for vendor in ALL.into_iter().filter(|vendor| vendor.name != "responses") {
        for act in ended(vendor, "a", "pause_turn") {
            let reply = assert_answers(vendor.name, after(vendor, act), "a");
            assert!(reply.turn.is_paused, "{}", vendor.name);
        }
        for act in ended(vendor, "a", vendor.reasons.end) {
            assert!(!after(vendor, act).unwrap().turn.is_paused, "{}", vendor.name);
        }
    }
    let vendor: &Vendor = &anthropic::ROW;
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []});
    let piece = |text: &str| anthropic::delta(1, &json!({"type": "input_json_delta", "partial_json": text}));
    let mut values = vec![
        anthropic::start(json!({})),
        anthropic::block(0, &json!({"type": "text", "text": "a"})),
        anthropic::block(1, &json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
        piece("{\"q\":"),
        piece("1}"),
        anthropic::block(2, &found),
    ];
    values.extend(anthropic::ended("pause_turn", true));
    let turn = assert_answers("streamed", after(vendor, vendor.sends(vendor.open(&values))), "a").turn;
    let used = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}});
    let expected = json!([{"type": "text", "text": "a"}, used, found]);
    assert_eq!((turn.echo.map(|echo| echo.value), turn.calls.len()), (Some(expected), 0));
}

#[test]
fn a_document_without_a_reason_is_believed_since_it_cannot_have_been_cut() {
    for vendor in ALL {
        let whole = (vendor.whole)(&Said { reason: "@", ..vendor.says("a") }).to_string();
        let unreasoned = match vendor.name {
            "responses" => (vendor.whole)(&vendor.says("a")).to_string().replace("\"completed\"", "null"),
            _ => whole.replace("\"@\"", "null"),
        };
        let expected = match vendor.name {
            "responses" => StopReason::End,
            _ => StopReason::Other("unspecified".to_owned()),
        };
        let reply = assert_answers(vendor.name, after(vendor, Act::json(unreasoned)), "a");
        assert_eq!(reply.stop, expected, "{}", vendor.name);
    }
}

#[test]
fn a_vendor_that_breaks_down_is_asked_again() {
    let failed = |code: &str| json!({"status": "failed", "error": {"code": code, "message": "inner words"}});
    let event = |response: &Value| responses::event("response.failed", json!({ "response": response }));
    let half = responses::ROW.half("half");
    let sent = |response: &Value| responses::ROW.sends(half.clone() + &(responses::ROW.frame)(&event(response)));
    let error = |code: Value| {
        let error = responses::event("error", json!({"code": code, "message": "inner words", "param": null}));
        responses::ROW.sends(half.clone() + &(responses::ROW.frame)(&error))
    };
    let cancelled = (responses::ROW.whole)(&responses::ROW.says("half")).to_string();
    let cancelled = cancelled.replacen("\"status\":\"completed\",\"usage\"", "\"status\":\"cancelled\",\"usage\"", 1);
    for (vendor, act, kind, words) in [
        (&zhipu::ROW, ended(&zhipu::ROW, "half", "network_error")[0].clone(), FailureKind::Overloaded, "network_error"),
        (
            &openai::ROW,
            ended(&openai::ROW, "half", "error")[1].clone(),
            FailureKind::Overloaded,
            "broke off its answer",
        ),
        (&responses::ROW, sent(&failed("server_error")), FailureKind::Overloaded, "inner words"),
        (&responses::ROW, sent(&failed("rate_limit_exceeded")), FailureKind::RateLimited, "inner words"),
        (&responses::ROW, sent(&failed("invalid_prompt")), FailureKind::BadRequest, "inner words"),
        (&responses::ROW, sent(&json!({"error": null})), FailureKind::Overloaded, "failed"),
        (&responses::ROW, error(json!("insufficient_quota")), FailureKind::Quota, "inner words"),
        (&responses::ROW, error(Value::Null), FailureKind::Overloaded, "inner words"),
        (&responses::ROW, Act::json(cancelled), FailureKind::Overloaded, "cancelled"),
    ] {
        let failed = assert_fails(vendor.name, after(vendor, act), kind, words);
        assert!(failed.partial.is_empty() || failed.partial == "half", "{failed:?}");
    }
}

#[test]
fn an_answer_at_the_limit_is_a_part_where_parts_are_taken() {
    let takes_parts = |request: ModelRequest| ModelRequest { takes_parts: true, max_tokens: Some(5), ..request };
    for vendor in ALL {
        let cut = Said { text: "half", calls: &[], reason: vendor.reasons.limit, usage: true };
        let reply = after_request(vendor, &takes_parts(request("hello")), &PATIENT, vendor.sends_whole(&cut));
        let turn = assert_answers(vendor.name, reply, "half").turn;
        assert!(turn.is_cut && turn.goes_on() && turn.echo.is_none(), "{}: {turn:?}", vendor.name);
        // Whoever stops by itself is at its end.
        let whole = vendor.sends_whole(&vendor.says("whole"));
        let reply = after_request(vendor, &takes_parts(request("hello")), &PATIENT, whole);
        assert!(!assert_answers(vendor.name, reply, "whole").turn.goes_on(), "{}", vendor.name);
        // Half a call of a tool cannot go on.
        let calls = [Called { id: "a", name: "weather", arguments: "{}" }];
        let call = Said { text: "half", calls: &calls, reason: vendor.reasons.limit, usage: true };
        let reply =
            after_request(vendor, &takes_parts(with_tools(request("hello"))), &PATIENT, vendor.sends_whole(&call));
        assert_fails(vendor.name, reply, FailureKind::Truncated, "cut off");
    }
    // Ollama does not say which limit it was; the end of its window leaves no room to go on.
    let cut = Said { text: "half", calls: &[], reason: ollama::ROW.reasons.limit, usage: true };
    let longer = ModelRequest { max_tokens: Some(6), ..takes_parts(request("hello")) };
    let reply = after_request(&ollama::ROW, &longer, &PATIENT, ollama::ROW.sends_whole(&cut));
    assert_fails("ollama", reply, FailureKind::Truncated, "context window");
}
