//! What was recorded is played as it was, and what was not is refused.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::model::{CallFailure, ModelRequest, Reply};
use crate::words::conversation::{AnswerSchema, AssistantMessage, Message, ProviderState, Tool, ToolCall, ToolResult};
use crate::words::failure::{Failure, FailureKind};
use crate::words::usage::{StopReason, Usage};

const LABEL: &str = "openai/m";

fn request(user: &str) -> ModelRequest {
    ModelRequest {
        model: "m".into(),
        messages: vec![Message::System("You are dev.".into()), Message::User(user.into())],
        tools: Arc::default(),
        schema: None,
        temperature: None,
        max_tokens: None,
        context_window: None,
        tuning: Arc::default(),
        takes_parts: false,
    }
}

fn reply(text: &str) -> Reply {
    Reply {
        turn: AssistantMessage { text: text.into(), ..AssistantMessage::default() },
        usage: Usage { input_tokens: 3, output_tokens: 1, ..Usage::default() },
        stop: StopReason::End,
        first_byte_ms: 5,
        latency_ms: 9,
        pace: None,
    }
}

fn failure(kind: FailureKind) -> CallFailure {
    let failure = Failure { status: Some(429), retry_after_ms: Some(20), ..Failure::new(kind, "slow down") };
    CallFailure { failure, usage: None, unsettled: true, partial: "half".into(), pace: None, again: false }
}

/// A file with these calls on it.
fn recorded(calls: &[(ModelRequest, Result<Reply, CallFailure>)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    let recorder = Recorder::create(&path, "secret", None).unwrap();
    for (request, outcome) in calls {
        recorder.keep(request, LABEL, outcome).unwrap();
    }
    (folder, path)
}

#[test]
fn what_was_recorded_is_played_whole() {
    let turn = AssistantMessage {
        text: "é \u{1b} text\n".into(),
        calls: vec![ToolCall { id: "1".into(), name: "read".into(), arguments: json!({"path": "a"}) }],
        echo: Some(ProviderState::new("anthropic", json!([{"signature": "x"}]))),
        is_paused: false,
        is_cut: false,
    };
    let stop = StopReason::Other("odd".into());
    let calls =
        [(request("a"), Ok(Reply { turn, stop, ..reply("") })), (request("b"), Err(failure(FailureKind::RateLimited)))];
    let (_folder, path) = recorded(&calls);
    let cassette = Cassette::open(&path).unwrap();
    assert_eq!(cassette.marker(), "secret");
    for (request, outcome) in &calls {
        assert_eq!(&cassette.replay(request, LABEL), outcome);
    }
}

#[test]
fn answers_to_the_same_come_in_their_order_and_the_last_one_stays() {
    let calls = [
        (request("a"), Err(failure(FailureKind::Overloaded))),
        (request("b"), Ok(reply("other"))),
        (request("a"), Ok(reply("one"))),
        (request("a"), Ok(reply("two"))),
    ];
    let (_folder, path) = recorded(&calls);
    let cassette = Cassette::open(&path).unwrap();
    assert!(cassette.replay(&request("a"), LABEL).is_err());
    for text in ["one", "two", "two"] {
        assert_eq!(cassette.replay(&request("a"), LABEL).unwrap().turn.text, text);
    }
    assert_eq!(Cassette::open(&path).unwrap().replay(&request("a"), LABEL), calls[0].1);
}

#[test]
fn everything_that_an_answer_depends_on_is_told_apart() {
    let usual = || request("a");
    let tool = Tool { name: "read".into(), description: String::new(), parameters: json!({}) };
    let schema = AnswerSchema { name: "x".into(), schema: json!({}) };
    let told = |text: &str| {
        let results = vec![ToolResult { id: "1".into(), name: "read".into(), text: text.into(), is_error: false }];
        let messages = [usual().messages, vec![Message::Tools(results)]].concat();
        ModelRequest { messages, ..usual() }
    };
    let others = [
        request("b"),
        ModelRequest { model: "n".into(), ..usual() },
        ModelRequest { temperature: Some(0.5), ..usual() },
        ModelRequest { max_tokens: Some(5), ..usual() },
        ModelRequest { tools: vec![tool].into(), ..usual() },
        ModelRequest { schema: Some(schema.into()), ..usual() },
        told("one"),
        told("two"),
    ];
    let calls: Vec<_> =
        others.iter().enumerate().map(|(n, other)| (other.clone(), Ok(reply(&n.to_string())))).collect();
    let (_folder, path) = recorded(&calls);
    let cassette = Cassette::open(&path).unwrap();
    for (request, outcome) in &calls {
        assert_eq!(&cassette.replay(request, LABEL), outcome);
        assert!(cassette.replay(request, "openai/other").is_err());
    }
    assert!(cassette.replay(&usual(), LABEL).is_err());
}

#[test]
fn what_was_not_recorded_is_refused_with_what_is_nearest() {
    let prompt = |task: &str| request(&format!("The goal of the whole work: x\n\nYour task: {task}"));
    let calls = [(prompt("Write the code"), Ok(reply("x"))), (prompt("Test everything"), Ok(reply("y")))];
    let (_folder, path) = recorded(&calls);
    let cassette = Cassette::open(&path).unwrap();
    let refused = cassette.replay(&prompt("Write some code"), LABEL).unwrap_err();
    assert_eq!((refused.failure.kind, refused.unsettled, refused.usage), (FailureKind::BadRequest, false, None));
    let message = &refused.failure.message;
    for part in ["tape.jsonl", "openai/m is asked \"Write some code\"", "is \"Write the code\"", "anew"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let warmer = ModelRequest { temperature: Some(1.0), ..prompt("Test everything") };
    assert!(cassette.replay(&warmer, LABEL).unwrap_err().failure.message.contains("its settings"));
    let (_folder, path) = recorded(&[]);
    let message = Cassette::open(&path).unwrap().replay(&prompt("x"), LABEL).unwrap_err().failure.message;
    assert!(message.contains("nothing was recorded there"), "{message}");
}

#[test]
fn no_cassette_is_written_over() {
    let (_folder, path) = recorded(&[(request("a"), Ok(reply("x")))]);
    let error = Recorder::create(&path, "other", None).unwrap_err().to_string();
    assert!(error.contains("tape.jsonl is there already"), "{error}");
    assert_eq!(Cassette::open(&path).unwrap().marker(), "secret");
}

#[test]
fn damage_is_told_by_its_line() {
    let (_folder, path) = recorded(&[(request("a"), Ok(reply("x"))), (request("b"), Ok(reply("y")))]);
    let whole = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let said = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Cassette::open(&path).map(|cassette| cassette.marker().to_owned()).map_err(|error| error.to_string())
    };
    let [header, first, second] = lines[..] else { panic!("{whole}") };
    for (text, line) in [
        (String::new(), 1),
        (format!("{first}\n{second}\n"), 1),
        ("{\"cassette\":1}\n".to_owned(), 1),
        (format!("{header}\n{}\n{second}\n", &first[..first.len() / 2]), 2),
        (format!("{header}\n\n{first}\n{}", &second[..second.len() - 1]), 4),
        (format!("{header}\n{first}\n{{\"key\":\"x\"}}\n"), 3),
    ] {
        let error = said(&text).unwrap_err();
        assert!(error.contains(&format!("line {line} of the cassette")) && error.contains("tape.jsonl"), "{error}");
    }
    // What an editor or git does to the ends of lines is no damage.
    for text in [format!("{header}\r\n{first}\r\n\r\n{second}\r\n"), format!("{header}\n{first}\n{second}")] {
        assert_eq!(said(&text).as_deref(), Ok("secret"));
    }
    let error = said("{\"cassette\":2,\"marker\":[]}\nanything\n").unwrap_err();
    assert!(error.contains("has version 2") && error.contains("newer orch"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Cassette::open(&path), Err(CassetteError::Io { .. })));
}
