//! What counts as an answer, in whatever packaging it comes.

use orch::event::{FailureKind, StopReason, Usage};
use orch::http::Deadlines;
use serde_json::json;

use crate::server::vendor::{STREAM_HEAD, anthropic_events, openai_events, openai_whole, response, stream};
use crate::server::{Act, Server};
use crate::wire::{
    PATIENT, SOON, after, anthropic_after, ask, ask_within, assert_fails, delta, events, finish, openai, zip,
};

#[test]
fn every_packaging_of_the_same_answer_is_the_same_answer() {
    let text = "h\u{e9}llo \u{1f3bb}";
    let plain: String = openai_events(text).concat();
    let whole = openai_whole(text).to_string();
    let escaped = plain.replace('\u{e9}', "\\u00e9").replace('\u{1f3bb}', "\\ud83c\\udfbb");
    let no_length = |body: &str| format!("HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{body}");
    let one_byte_each = plain.bytes().fold(STREAM_HEAD.as_bytes().to_vec(), |mut bytes, byte| {
        bytes.extend([b"1\r\n", &[byte][..], b"\r\n"].concat());
        bytes
    });
    let two_choices = plain.replace(
        "data: [DONE]",
        "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]",
    );
    let zipped = zip(plain.as_bytes());
    let gzip_head = [("content-type", "text/event-stream".to_owned()), ("content-encoding", "gzip".to_owned())];
    for (name, act) in [
        ("byte order mark", Act::Sse(format!("\u{feff}{plain}"))),
        ("CRLF", Act::Sse(plain.replace('\n', "\r\n"))),
        ("no space", Act::Sse(plain.replace("data: ", "data:"))),
        ("data over lines", Act::Sse(plain.replace("\"choices\":", "\ndata: \"choices\":"))),
        ("comments", Act::Sse(plain.replace("data: ", ": ping\n\ndata: "))),
        ("blank events", Act::Sse(plain.replace("data: {", "data: \n\ndata: {"))),
        ("escapes", Act::Sse(escaped)),
        ("one byte a chunk", Act::Raw([&one_byte_each[..], b"0\r\n\r\n"].concat())),
        ("gzip", Act::Raw(response(200, &gzip_head, &zipped))),
        ("HTTP/1.0", Act::Raw(no_length(&plain).into_bytes())),
        ("100 first", Act::Raw([b"HTTP/1.1 100 Continue\r\n\r\n", &stream([plain.clone()])[..]].concat())),
        ("finish reason always there", Act::Sse(plain.replace("null", "\"\""))),
        ("two choices", Act::Sse(two_choices)),
        ("no [DONE]", Act::Sse(plain.replace("data: [DONE]\n\n", ""))),
        ("no last blank line", Act::Sse(plain.replace("data: [DONE]\n\n", "").trim_end().to_owned())),
        ("usage null", Act::Sse(plain.replace("\"index\":0}]", "\"index\":0}],\"usage\":null"))),
        ("no content type", Act::Raw(no_length(&plain).replace("content-type", "x-type").into_bytes())),
        ("stream called JSON", Act::Body { content_type: "application/json", body: plain.clone().into_bytes() }),
        ("JSON called stream", Act::Body { content_type: "text/event-stream", body: whole.clone().into_bytes() }),
        ("JSON after blanks", Act::json(format!("\u{feff}\n\n {whole}\n"))),
        (
            "content in parts",
            Act::json(whole.replace(&format!("\"{text}\""), &json!([{"type": "text", "text": text}]).to_string())),
        ),
    ] {
        let reply = after(act).unwrap_or_else(|failed| panic!("{name}: {failed:?}"));
        assert_eq!((&*reply.turn.text, reply.stop, reply.usage.output_tokens), (text, StopReason::End, 5), "{name}");
    }
}

#[test]
fn an_answer_is_whole_when_the_model_has_stopped_whatever_happens_then() {
    let stopped = events(&[delta("done"), finish("stop")]);
    let cut = format!("{STREAM_HEAD}{:x}\r\n{stopped}\r\n", stopped.len());
    let reply = after(Act::Raw(cut.into_bytes())).unwrap();
    assert_eq!(reply.turn.text, "done");
    assert_eq!(after(Act::Sse(format!("{stopped}data: [END]\n\n"))).unwrap().turn.text, "done");

    let messages: String = anthropic_events("done").into_iter().filter(|e| !e.contains("message_stop")).collect();
    assert_eq!(anthropic_after(Act::Sse(messages)).unwrap().turn.text, "done");
}

#[test]
fn a_server_that_hangs_after_the_end_is_not_waited_for() {
    let server = Server::start();
    let until_stop = stream(openai_events("echo: hello").into_iter().take(4)).len() - "0\r\n\r\n".len();
    server.when("hello", [Act::Stall { after: until_stop }]);
    let deadlines = Deadlines { idle: SOON, ..PATIENT };
    let reply = ask_within(&openai(&server.openai()), &deadlines).unwrap();
    assert_eq!((&*reply.turn.text, reply.usage.estimated), ("echo: hello", true));
}

#[test]
fn calls_run_side_by_side() {
    let server = Server::start();
    server.when("hello", [Act::Hold, Act::Hold]);
    let wire = openai(&server.openai());
    std::thread::scope(|scope| {
        let calls = [scope.spawn(|| ask(&wire)), scope.spawn(|| ask(&wire))];
        server.wait_for(2);
        assert_eq!(server.most_in_flight(), 2);
        server.release();
        assert!(calls.into_iter().all(|call| call.join().unwrap().is_ok()));
    });
    assert!(server.settled().iter().all(|seen| seen.completed));
}

#[test]
fn odd_characters_arrive_the_same_way_every_time() {
    let raw = |content: &[u8]| {
        let body =
            [&b"data: {\"choices\":[{\"delta\":{\"content\":\""[..], content, b"\"},\"finish_reason\":\"stop\"}]}\n\n"];
        after(Act::Body { content_type: "text/event-stream", body: body.concat() })
    };
    assert_eq!(raw(b"a\xFFb").unwrap().turn.text, "a\u{fffd}b");
    assert_eq!(raw(b"a\\u0000b").unwrap().turn.text, "a\0b");
    assert_eq!(raw(b"a\\u001b[31mb").unwrap().turn.text, "a\u{1b}[31mb");
    assert_fails(raw(b"a\\ud800b"), FailureKind::Malformed, "no JSON");
}

#[test]
fn usage_that_is_missing_is_estimated_and_marked() {
    let estimated = Usage { input_tokens: 5, output_tokens: 2, estimated: true, ..Usage::default() };
    let zeros = json!({"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}});
    for chunks in [vec![delta("answer"), finish("stop")], vec![delta("answer"), finish("stop"), zeros]] {
        assert_eq!(after(Act::Sse(events(&chunks))).unwrap().usage, estimated);
    }
}

#[test]
fn a_stop_reason_that_nobody_knows_is_kept() {
    for (reason, expected) in [
        ("stop", StopReason::End),
        ("stop_sequence", StopReason::StopSequence),
        ("tired", StopReason::Other("tired".to_owned())),
    ] {
        assert_eq!(after(Act::Sse(events(&[delta("a"), finish(reason)]))).unwrap().stop, expected);
    }
    let tired = anthropic_events("a").concat().replace("end_turn", "pause_turn");
    assert_eq!(anthropic_after(Act::Sse(tired)).unwrap().stop, StopReason::Other("pause_turn".to_owned()));
}
