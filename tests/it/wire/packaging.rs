//! What counts as an answer, in whatever packaging it comes.

use orch::words::usage::StopReason;
use serde_json::{Value, json};

use super::{ALL, KEY, PATIENT, after, ask, assert_answers, counted, remote, run, wire, zip};
use crate::project::Project;
use crate::server::vendor::{Vendor, chunked, gemini, ollama, openai, response, zhipu};
use crate::server::{Act, Server};

/// A text with characters of two and of four bytes.
const TEXT: &str = "h\u{e9}llo \u{1f3bb}";

#[test]
fn an_answer_is_streamed_with_its_usage() {
    let server = Server::start();
    for vendor in ALL {
        let reply = assert_answers(vendor.name, ask(&wire(vendor, &server)), "echo: hello");
        assert_eq!((reply.stop, counted(reply.usage)), (StopReason::End, (10, 5, vendor.cached_tokens, false)));
        assert!(reply.first_byte_ms <= reply.latency_ms);
        assert_eq!(reply.pace, None);
    }
}

#[test]
fn every_packaging_of_the_same_answer_is_the_same_answer() {
    for vendor in ALL {
        for (packaging, act) in [connections(vendor), streams(vendor), documents(vendor)].concat() {
            let case = format!("{}: {packaging}", vendor.name);
            let reply = assert_answers(&case, after(vendor, act), TEXT);
            let usage = (10, 5, vendor.cached_tokens, false);
            assert_eq!((reply.stop, counted(reply.usage)), (StopReason::End, usage), "{case}");
        }
    }
}

/// How a stream comes over the connection.
fn connections(vendor: &Vendor) -> Vec<(&'static str, Act)> {
    let plain = vendor.answer(TEXT);
    let pieces = chunked(&vendor.head(), vendor.frames(&vendor.says(TEXT)));
    let first = |status: &str| Act::Raw([status.as_bytes(), b"\r\n\r\n", &pieces].concat());
    let no_length = format!("HTTP/1.0 200 OK\r\ncontent-type: {}\r\n\r\n{plain}", vendor.content_type);
    let packed = [("content-type", vendor.content_type.to_owned()), ("content-encoding", "gzip".to_owned())];
    let zipped = zip(plain.as_bytes());
    vec![
        ("length", vendor.sends(&*plain)),
        ("chunks", Act::Raw(pieces.clone())),
        ("one byte a chunk", Act::Raw(chunked(&vendor.head(), plain.as_bytes().chunks(1)))),
        ("gzip", Act::Raw(response(200, &packed, &zipped))),
        ("HTTP/1.0", Act::Raw(no_length.clone().into_bytes())),
        ("100 first", first("HTTP/1.1 100 Continue")),
        ("103 first", first("HTTP/1.1 103 Early Hints\r\nlink: </x>")),
        ("no content type", Act::Raw(no_length.replace("content-type", "x-type").into_bytes())),
        ("charset", Act::Raw(no_length.replacen("\r\n\r\n", "; charset=utf-8\r\n\r\n", 1).into_bytes())),
        ("stream called JSON", Act::json(plain)),
    ]
}

/// How a stream is written. What only Server-Sent Events have changes nothing in lines of JSON.
fn streams(vendor: &Vendor) -> Vec<(&'static str, Act)> {
    let plain = vendor.answer(TEXT);
    let feeds = plain.replace("\r\n", "\n");
    let between = |what: &str| vendor.frames(&vendor.says(TEXT)).join(what);
    let blank = if vendor.sends_events() { "data: \n\n" } else { " \n" };
    let over_lines: String = vendor.values(&vendor.says(TEXT)).iter().map(|value| over_lines(vendor, value)).collect();
    [
        ("byte order mark", format!("\u{feff}{plain}")),
        ("LF", feeds.clone()),
        ("CRLF", feeds.replace('\n', "\r\n")),
        ("blanks first", format!("\n \n{plain}")),
        ("no space", plain.replace("data: ", "data:").replace("event: ", "event:")),
        ("data over lines", over_lines + vendor.last),
        ("comments", plain.replace("data: ", ": ping\ndata: ")),
        ("other fields", plain.replace("data: ", "id: 7\nretry: 10\nx: y\ndata: ")),
        ("pings between", between(vendor.keepalive)),
        ("blank events", between(blank)),
        ("escapes", plain.replace('\u{e9}', "\\u00e9").replace('\u{1f3bb}', "\\ud83c\\udfbb")),
        ("no line feed at the end", plain.trim_end().to_owned()),
        ("[DONE] behind the end", plain.clone() + if vendor.sends_events() { "data: [DONE]\n\n" } else { "" }),
        ("nothing behind the end", plain.strip_suffix(vendor.last).unwrap().trim_end().to_owned()),
    ]
    .map(|(packaging, stream)| (packaging, vendor.sends(stream)))
    .into()
}

/// An event with a line of data for each line of its JSON.
fn over_lines(vendor: &Vendor, value: &Value) -> String {
    if !vendor.sends_events() {
        return (vendor.frame)(value);
    }
    format!("{value:#}\n").lines().map(|line| format!("data: {line}\n")).chain(["\n".to_owned()]).collect()
}

/// What a server answers that does not stream.
fn documents(vendor: &Vendor) -> Vec<(&'static str, Act)> {
    let whole = (vendor.whole)(&vendor.says(TEXT));
    vec![
        ("whole", Act::json(whole.to_string())),
        ("whole over lines", Act::json(format!("{whole:#}"))),
        ("whole after blanks", Act::json(format!("\u{feff}\n\n {whole}\n"))),
        ("whole called stream", vendor.sends(whole.to_string())),
    ]
}

#[test]
fn chat_completions_are_written_in_many_ways() {
    for vendor in [&openai::ROW, &zhipu::ROW] {
        let plain = vendor.answer(TEXT);
        let other =
            "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"},\"finish_reason\":\"length\"}]}\n\n";
        let whole = (vendor.whole)(&vendor.says(TEXT)).to_string();
        let parts = json!([{"type": "text", "text": TEXT}]).to_string();
        for (packaging, act) in [
            (
                "finish reason always there",
                vendor.sends(plain.replace("\"finish_reason\":null", "\"finish_reason\":\"\"")),
            ),
            ("usage null", vendor.sends(with_null_usage(vendor))),
            ("two choices", vendor.sends(plain.replace(vendor.last, &format!("{other}{}", vendor.last)))),
            ("content in parts", Act::json(whole.replace(&format!("\"{TEXT}\""), &parts))),
        ] {
            let reply = assert_answers(packaging, after(vendor, act), TEXT);
            assert_eq!((reply.stop, reply.usage.output_tokens), (StopReason::End, 5), "{packaging}");
        }
    }
}

/// As OpenAI writes it that was asked for the usage: every chunk but the last says that there is none.
fn with_null_usage(vendor: &Vendor) -> String {
    let mut values = vendor.values(&vendor.says(TEXT));
    for value in values.iter_mut().filter(|value| value.get("usage").is_none()) {
        value["usage"] = Value::Null;
    }
    vendor.open(&values) + vendor.last
}

#[test]
fn gemini_is_understood_behind_a_proxy_that_drops_the_query_and_with_two_candidates() {
    let vendor = &gemini::ROW;
    let listed = Value::Array(vendor.values(&vendor.says(TEXT)));
    assert_answers("list", after(vendor, Act::json(listed.to_string())), TEXT);
    let mut other = gemini::parts(&json!([{"text": "other"}]), Some("MAX_TOKENS"));
    other["candidates"][0]["index"] = json!(1);
    let two = (vendor.frame)(&other) + &vendor.answer(TEXT);
    assert_answers("two candidates", after(vendor, vendor.sends(two)), TEXT);
}

#[test]
fn what_nobody_knows_in_a_stream_is_passed_over() {
    for vendor in ALL {
        let strange = (vendor.frame)(&json!({"type": "hologram", "x": [1, {"y": null}]}));
        let frames = vendor.frames(&vendor.says(TEXT)).join(&strange);
        assert_answers(vendor.name, after(vendor, vendor.sends(format!("{strange}{frames}{strange}"))), TEXT);
    }
}

#[test]
fn calls_run_side_by_side() {
    for vendor in ALL {
        let server = Server::start();
        server.when("hello", [Act::Hold, Act::Hold]);
        let wire = wire(vendor, &server);
        std::thread::scope(|scope| {
            let calls = [scope.spawn(|| ask(&wire)), scope.spawn(|| ask(&wire))];
            server.wait_for(2);
            assert_eq!(server.most_in_flight(), 2);
            server.release();
            assert!(calls.into_iter().all(|call| call.join().unwrap().is_ok()));
        });
        assert!(server.settled().iter().all(|seen| seen.completed));
    }
}

#[test]
fn the_models_of_a_server_can_be_asked_for() {
    for vendor in ALL {
        let server = Server::start();
        let models = run(remote(&wire(vendor, &server)).list_models(&PATIENT)).unwrap();
        assert_eq!(models, ["small", "large"], "{}", vendor.name);
        let seen = &server.seen()[0];
        assert_eq!((&*seen.method, &*seen.path), ("GET", vendor.models_path));
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
        ("gemini/m", "GEMINI_BASE_URL", "GEMINI_API_KEY", "/v1/models/m:streamGenerateContent?alt=sse"),
        ("google/m", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_API_KEY", "/v1/models/m:streamGenerateContent?alt=sse"),
        ("ollama/m", "OLLAMA_HOST", "OLLAMA_API_KEY", "/api/chat"),
    ] {
        let server = Server::start();
        let project = Project::new().file("o.yaml", text).env(variable, server.openai()).env(key, KEY);
        project.args(["run", "o.yaml", "--goal", "g", "--model", model]).run().exits(0);
        let seen = server.seen();
        assert_eq!(seen.iter().map(|seen| &*seen.path).collect::<Vec<_>>(), [path], "{model}");
        assert!(seen[0].headers.iter().any(|(_, value)| value.ends_with(KEY)), "{model}");
        let shown = project.files().into_iter().any(|(_, bytes)| String::from_utf8_lossy(&bytes).contains("canary"));
        assert!(!shown, "{model}");
    }
}

#[test]
fn lines_of_ollama_are_known_by_whatever_name_they_come() {
    let vendor = &ollama::ROW;
    let whole = json!({"message": {"content": "hi"}, "done": true, "done_reason": "stop"});
    for body in [vendor.answer("hi"), (vendor.frame)(&whole), format!("{whole:#}")] {
        assert_answers(&body, after(vendor, Act::json(body.clone())), "hi");
    }
}
