//! What a model server can do to us, over a real connection: every fault has its class, whatever the protocol, and only a
//! whole answer is one.
//!
//! The tests are one matrix. Each loops over all wires ([`ALL`] has a row for each, which says how its vendor speaks), so a
//! new wire is tested by writing its row. What only one vendor does stands under its name at the end of each list.
//!
//! - `packaging`: the same answer in every form that HTTP, events and JSON have
//! - `endings`: streams that are cut, limits, refusals, and reasons that nobody knows
//! - `nothing`: empty answers, error pages, and what is no JSON
//! - `errors`: statuses, errors inside of a success, waits that are asked for
//! - `limits`: time, size and connection
//! - `characters`, `costs`, `secrets`: bytes that are no text, tokens that nobody counted, keys that a server repeats
//! - `tools`, `thoughts`: calls of tools, and what has to go back to the vendor as it came
//! - `forms`: the servers that speak Chat Completions in their own way
//! - `requests`: what is sent, body for body

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use orch::model::{self, CallFailure, Cue, Endpoint, Model, ModelRequest, RemoteModel, Reply, Wire};
use orch::net::http::{Client, Deadlines};
use orch::words::conversation::{AnswerSchema, Message, Tool};
use orch::words::failure::FailureKind;
use orch::words::redact::Redactor;
use orch::words::usage::Usage;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::server::vendor::{ALL, Vendor};
use crate::server::{Act, Server};

mod characters;
mod costs;
mod endings;
mod errors;
mod forms;
mod limits;
mod nothing;
mod packaging;
mod requests;
mod secrets;
mod thoughts;
mod tools;
mod usage;

const KEY: &str = "sk-canary-0123456789";

/// Long enough for a busy machine, short enough that a mistake does not hang the tests.
const PATIENT: Deadlines = Deadlines {
    connect: Duration::from_secs(60),
    first_byte: Duration::from_secs(60),
    idle: Duration::from_secs(60),
    total: Duration::from_secs(60),
};

const SOON: Duration = Duration::from_millis(50);

/// A vendor's wire at an address.
fn at(vendor: &Vendor, base_url: &str) -> Arc<dyn Wire> {
    model::Vendor::of(vendor.provider).wire(Endpoint::new(base_url, Some(SecretString::from(KEY))).unwrap()).unwrap()
}

/// A vendor's wire at the test server.
fn wire(vendor: &Vendor, server: &Server) -> Arc<dyn Wire> {
    at(vendor, &format!("{}{}", server.url(), vendor.base))
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
        context_window: None,
        tuning: Arc::default(),
        takes_parts: false,
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

/// A model behind the test server.
fn remote(wire: &Arc<dyn Wire>) -> RemoteModel {
    RemoteModel::new(wire.clone(), Client::new(), redactor())
}

/// Asks once.
fn ask_for(wire: &Arc<dyn Wire>, request: &ModelRequest, deadlines: &Deadlines) -> Result<Reply, CallFailure> {
    ask_of(&remote(wire), request, deadlines)
}

/// Asks once more of a model that may know something of its server.
fn ask_of(model: &RemoteModel, request: &ModelRequest, deadlines: &Deadlines) -> Result<Reply, CallFailure> {
    let cue = Cue { task: "hello", agent: "dev", attempt: 1, lid_usd: None };
    run(model.call(request, deadlines, &cue))
}

fn ask(wire: &Arc<dyn Wire>) -> Result<Reply, CallFailure> {
    ask_for(wire, &request("hello"), &PATIENT)
}

/// What a vendor's wire makes of one act.
fn after(vendor: &Vendor, act: Act) -> Result<Reply, CallFailure> {
    after_within(vendor, &PATIENT, act)
}

fn after_within(vendor: &Vendor, deadlines: &Deadlines, act: Act) -> Result<Reply, CallFailure> {
    after_request(vendor, &request("hello"), deadlines, act)
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
    let reply = ask_for(&wire(vendor, &server), request, deadlines);
    // A server on a busy machine may not have read the request before it is given up.
    assert!(server.seen().len() <= 1, "{}: the transport never asks twice", vendor.name);
    reply
}

/// The body that a wire sends.
fn body(wire: &dyn Wire, request: &ModelRequest) -> Value {
    serde_json::from_slice(wire.encode(request).body.as_deref().unwrap()).unwrap()
}

#[track_caller]
fn assert_answers(case: &str, reply: Result<Reply, CallFailure>, text: &str) -> Reply {
    let reply = reply.unwrap_or_else(|failed| panic!("{case}: {failed:?}"));
    assert_eq!(reply.turn.text, text, "{case}");
    reply
}

#[track_caller]
fn assert_fails(case: &str, reply: Result<Reply, CallFailure>, kind: FailureKind, words: &str) -> CallFailure {
    let failed = reply.expect_err(case);
    assert_eq!(failed.failure.kind, kind, "{case}: {:?}", failed.failure);
    assert!(failed.failure.message.contains(words), "{case}: {words:?} is not in {:?}", failed.failure.message);
    failed
}

/// The usage of an answer as the vendor's row has it.
fn counted(usage: Usage) -> (u64, u64, u64, bool) {
    (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.estimated)
}

fn zip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
