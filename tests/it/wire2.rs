//! The protocols of Anthropic, Gemini and Ollama over a real connection: what is sent for tools and forms of answers, what
//! is made of what comes back, and that every fault has its class whatever the protocol.

use std::sync::Arc;
use std::time::Duration;

use orch::conversation::{AnswerSchema, Message, Tool};
use orch::event::FailureKind;
use orch::http::{Client, Deadlines};
use orch::provider::anthropic::Anthropic;
use orch::provider::gemini::Gemini;
use orch::provider::ollama::Ollama;
use orch::provider::{CallFailure, Endpoint, ModelRequest, Reply, Wire, call};
use orch::redact::Redactor;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::server::{Act, Server};

mod answers;
mod broken_answers;
mod caching;
mod failures;
mod requests;
mod tools;
mod vendors;

use vendors::Vendor;

const KEY: &str = "sk-canary-0123456789";

/// Long enough for a busy machine, short enough that a mistake does not hang the tests.
const PATIENT: Deadlines = Deadlines {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(5),
};

const SOON: Duration = Duration::from_millis(50);

fn endpoint(base_url: &str) -> Endpoint {
    Endpoint::new(base_url, Some(SecretString::from(KEY))).unwrap()
}

fn anthropic(base_url: &str) -> Box<dyn Wire> {
    Box::new(Anthropic::new(endpoint(base_url)))
}

fn gemini(base_url: &str) -> Box<dyn Wire> {
    Box::new(Gemini::new(endpoint(base_url)))
}

fn ollama(base_url: &str) -> Box<dyn Wire> {
    Box::new(Ollama::new(endpoint(base_url)))
}

fn redactor() -> Redactor {
    Redactor::new([SecretString::from(KEY)])
}

fn request(prompt: &str) -> ModelRequest {
    ModelRequest {
        model: "m".to_owned(),
        messages: vec![Message::System("Be brief.".to_owned()), Message::User(prompt.to_owned())],
        tools: Arc::default(),
        schema: None,
        temperature: None,
        max_tokens: None,
    }
}

fn weather() -> Tool {
    Tool {
        name: "weather".to_owned(),
        description: "The weather at a place.".to_owned(),
        parameters: json!({"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}),
    }
}

fn with_tools(request: ModelRequest) -> ModelRequest {
    ModelRequest { tools: Arc::from([weather()]), ..request }
}

fn with_schema(request: ModelRequest) -> ModelRequest {
    let schema = json!({"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]});
    ModelRequest { schema: Some(Arc::new(AnswerSchema { name: "verdict".to_owned(), schema })), ..request }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What a vendor's wire makes of one act.
fn after(vendor: &Vendor, act: Act) -> Result<Reply, CallFailure> {
    after_request(vendor, &request("hello"), &PATIENT, act)
}

/// The same where the model was given a tool.
fn after_with_tools(vendor: &Vendor, act: Act) -> Result<Reply, CallFailure> {
    after_request(vendor, &with_tools(request("hello")), &PATIENT, act)
}

fn after_request(
    vendor: &Vendor,
    request: &ModelRequest,
    deadlines: &Deadlines,
    act: Act,
) -> Result<Reply, CallFailure> {
    let server = Server::start();
    server.when("hello", [act]);
    let wire = (vendor.wire)(&server.url());
    let reply = run(call(&Client::new(), &*wire, request, deadlines, &redactor()));
    assert_eq!(server.seen().len(), 1, "the transport never asks twice");
    reply
}

/// The body that a wire sends.
fn body(wire: &dyn Wire, request: &ModelRequest) -> Value {
    serde_json::from_slice(wire.encode(request).body.as_deref().unwrap()).unwrap()
}

#[track_caller]
fn assert_fails(name: &str, reply: Result<Reply, CallFailure>, kind: FailureKind, words: &str) -> CallFailure {
    let failed = reply.expect_err(name);
    assert_eq!(failed.failure.kind, kind, "{name}: {:?}", failed.failure);
    assert!(failed.failure.message.contains(words), "{name}: {words:?} is not in {:?}", failed.failure.message);
    failed
}
