//! What a model server can do to us, over a real connection: every fault has its class, and only a whole answer is one.

use std::io::Write;
use std::time::Duration;

use orch::conversation::Message;
use orch::event::FailureKind;
use orch::http::{Client, Deadlines};
use orch::provider::anthropic::Anthropic;
use orch::provider::openai::OpenAi;
use orch::provider::responses::Responses;
use orch::provider::{CallFailure, Endpoint, ModelRequest, Reply, Wire, call};
use orch::redact::Redactor;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::server::{Act, Server, vendor};

mod answers;
mod broken_answers;
mod calls;
mod every_wire;
mod limits;
mod refusals;
mod requests;
mod responses;
mod usage;
mod zhipu;

const KEY: &str = "sk-canary-0123456789";

/// Long enough for a busy machine, short enough that a mistake does not hang the tests.
const PATIENT: Deadlines = Deadlines {
    connect: Duration::from_secs(60),
    first_byte: Duration::from_secs(60),
    idle: Duration::from_secs(60),
    total: Duration::from_secs(60),
};

const SOON: Duration = Duration::from_millis(50);

fn openai(base_url: &str) -> OpenAi {
    OpenAi::new(Endpoint::new(base_url, Some(SecretString::from(KEY))).unwrap())
}

fn anthropic(base_url: &str) -> Anthropic {
    Anthropic::new(Endpoint::new(base_url, Some(SecretString::from(KEY))).unwrap())
}

fn responses(base_url: &str) -> Responses {
    Responses::new(Endpoint::new(base_url, Some(SecretString::from(KEY))).unwrap())
}

fn zhipu(base_url: &str) -> OpenAi {
    orch::provider::zhipu::wire(Endpoint::new(base_url, Some(SecretString::from(KEY))).unwrap())
}

/// A wire, and how its vendor writes an answer.
struct Spoken {
    name: &'static str,
    wire: Box<dyn Wire>,
    events: fn(&str) -> Vec<String>,
    whole: fn(&str) -> Value,
}

/// Every wire, at `server`.
fn all(server: &Server) -> Vec<Spoken> {
    let spoken = |name, wire, events: fn(&str) -> Vec<String>, whole| Spoken { name, wire, events, whole };
    vec![
        spoken("openai", Box::new(openai(&server.openai())), vendor::openai_events, vendor::openai_whole),
        spoken("zhipu", Box::new(zhipu(&server.openai())), vendor::openai_events, vendor::openai_whole),
        spoken("responses", Box::new(responses(&server.openai())), vendor::responses_events, vendor::responses_whole),
        spoken("anthropic", Box::new(anthropic(&server.url())), vendor::anthropic_events, vendor::anthropic_whole),
    ]
}

fn redactor() -> Redactor {
    Redactor::new([SecretString::from(KEY)])
}

fn request(prompt: &str) -> ModelRequest {
    ModelRequest {
        model: "m".to_owned(),
        messages: vec![Message::System("Be brief.".to_owned()), Message::User(prompt.to_owned())],
        tools: std::sync::Arc::default(),
        schema: None,
        temperature: None,
        max_tokens: None,
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn ask_within(wire: &dyn Wire, deadlines: &Deadlines) -> Result<Reply, CallFailure> {
    run(call(&Client::new(), wire, &request("hello"), deadlines, &redactor()))
}

fn ask(wire: &dyn Wire) -> Result<Reply, CallFailure> {
    ask_within(wire, &PATIENT)
}

/// What Chat Completions makes of one act.
fn after(act: Act) -> Result<Reply, CallFailure> {
    let server = Server::start();
    server.when("hello", [act]);
    let reply = ask(&openai(&server.openai()));
    assert_eq!(server.seen().len(), 1, "the transport never asks twice");
    reply
}

/// What Messages makes of one act.
fn anthropic_after(act: Act) -> Result<Reply, CallFailure> {
    let server = Server::start();
    server.when("hello", [act]);
    ask(&anthropic(&server.url()))
}

fn events(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn delta(content: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": content}}]})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

#[track_caller]
fn assert_fails(reply: Result<Reply, CallFailure>, kind: FailureKind, words: &str) -> CallFailure {
    let failed = reply.expect_err("this is no answer");
    assert_eq!(failed.failure.kind, kind, "{:?}", failed.failure);
    assert!(failed.failure.message.contains(words), "{words:?} is not in {:?}", failed.failure.message);
    failed
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
