//! What is sent, body for body as the vendors document it.
//!
//! Every vendor has a file with the whole body for every feature, and names where the fields are documented.

use std::sync::Arc;

use orch::model::ModelRequest;
use orch::words::conversation::{AnswerSchema, AssistantMessage, Message, ProviderState, Tool, ToolCall, ToolResult};
use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{
    ALL, PATIENT, ask, ask_for, ask_of, assert_answers, assert_fails, at, body, remote, request, weather, wire,
    with_schema, with_tools,
};
use crate::server::vendor::{Vendor, anthropic, gemini, ollama, openai, responses, zhipu};
use crate::server::{Act, Server};

mod addresses;
mod anthropic_bodies;
mod chat_bodies;
mod gemini_bodies;
mod ollama_bodies;
mod responses_bodies;
mod tuning;

/// What is asked for, one feature after the other, in the order in which every vendor lists its bodies.
fn features() -> [(&'static str, ModelRequest); 7] {
    let mut without_system = request("hello");
    without_system.messages.remove(0);
    let mut answered = request("hello");
    answered
        .messages
        .push(Message::Assistant(AssistantMessage { text: "Hi.".to_owned(), ..AssistantMessage::default() }));
    answered.messages.push(Message::User("go on".to_owned()));
    [
        ("without a system prompt", without_system),
        ("a conversation", answered),
        ("temperature and limit", ModelRequest { temperature: Some(0.5), max_tokens: Some(100), ..request("hello") }),
        ("tools", with_tools(request("hello"))),
        ("parallel calls and their results", conversation(None)),
        ("structured output", with_schema(request("hello"))),
        ("structured output beside tools", with_schema(with_tools(request("hello")))),
    ]
}

/// A conversation in which a tool has been called twice in one turn, once in vain, after some words.
pub(super) fn conversation(echo: Option<ProviderState>) -> ModelRequest {
    let call = |id: &str, arguments: Value| ToolCall { id: id.to_owned(), name: "weather".to_owned(), arguments };
    let result = |id: &str, text: &str, is_error| ToolResult {
        id: id.to_owned(),
        name: "weather".to_owned(),
        text: text.into(),
        is_error,
    };
    let mut request = with_tools(request("hello"));
    let calls = vec![call("a1", json!({"place": "Bern"})), call("a2", json!("no object"))];
    request.messages.push(Message::Assistant(AssistantMessage {
        text: "Let me look.".to_owned(),
        calls,
        echo,
        is_paused: false,
        is_cut: false,
    }));
    request.messages.push(Message::Tools(vec![result("a1", "rain", false), result("a2", "", true)]));
    request.messages.push(Message::User("And?".to_owned()));
    request
}

/// The schema of [`with_schema`].
fn score() -> Value {
    json!({"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]})
}

/// The schema of the arguments of the tool.
fn place() -> Value {
    json!({"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]})
}

/// Sends every feature, and compares what arrives.
#[track_caller]
fn assert_bodies(vendor: &Vendor, expected: [Value; 7]) {
    let server = Server::start();
    let wire = wire(vendor, &server);
    for (number, ((feature, request), expected)) in features().into_iter().zip(expected).enumerate() {
        ask_for(&wire, &request, &PATIENT).unwrap_or_else(|failed| panic!("{}: {failed:?}", vendor.name));
        assert_eq!(server.seen()[number].body, expected, "{}: {feature}", vendor.name);
    }
}

/// A body like another one, with more members.
fn with(mut body: Value, members: Value) -> Value {
    let (Some(body_members), Value::Object(members)) = (body.as_object_mut(), members) else { panic!("no objects") };
    body_members.extend(members);
    body
}

#[test]
fn every_request_is_posted_as_json_and_asks_for_a_stream() {
    let paths = [
        ("zhipu", "/api/paas/v4/chat/completions"),
        ("openai", "/v1/chat/completions"),
        ("responses", "/v1/responses"),
        ("anthropic", "/v1/messages"),
        ("gemini", "/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("ollama", "/api/chat"),
    ];
    for (vendor, (name, path)) in ALL.into_iter().zip(paths) {
        let server = Server::start();
        assert_answers(name, ask(&wire(vendor, &server)), "echo: hello");
        let seen = &server.seen()[0];
        assert_eq!((vendor.name, &*seen.method, &*seen.path), (name, "POST", path));
        assert_eq!(seen.header("content-type"), Some("application/json"), "{name}");
        assert!(seen.header("accept").unwrap().starts_with(vendor.content_type), "{name}");
        assert!(path.contains(":stream") || seen.body["stream"] == true, "{name}: {}", seen.body);
    }
}

#[test]
fn a_schema_that_strict_mode_takes_is_strict() {
    let closed = with(place(), json!({"additionalProperties": false}));
    let schema = Arc::new(AnswerSchema { name: "answer".to_owned(), schema: closed.clone() });
    let tool = Tool { parameters: closed, ..weather() };
    let strict = ModelRequest { schema: Some(schema), tools: Arc::from([tool]), ..request("x") };
    let open = with_schema(with_tools(request("x")));
    for (vendor, member) in [
        (&openai::ROW, "/response_format/json_schema/strict"),
        (&responses::ROW, "/text/format/strict"),
        (&responses::ROW, "/tools/0/strict"),
    ] {
        let of = |request| body(&*at(vendor, "https://h"), request).pointer(member).cloned();
        assert_eq!((of(&strict), of(&open)), (Some(json!(true)), Some(json!(false))), "{}: {member}", vendor.name);
    }
}

#[test]
fn what_a_server_refuses_is_left_out_of_the_next_call_and_of_all_others() {
    let other = json!({"error": {"message": "no such model"}});
    for (vendor, key, message) in [
        (&openai::ROW, "/response_format", "This response_format type is unavailable now"),
        (&zhipu::ROW, "/response_format", "json_schema is not supported"),
        (&responses::ROW, "/text", "Invalid parameter: 'text.format' of type 'json_schema'"),
        (&anthropic::ROW, "/output_config/format", "output_config: Extra inputs are not permitted"),
        (&openai::ROW, "/temperature", "Unsupported value: 'temperature' does not support 0.5 with this model."),
        (&anthropic::ROW, "/temperature", "`temperature` is deprecated for this model."),
        (
            &gemini::ROW,
            "/generationConfig/temperature",
            "Unknown name \"temperature\" at 'generation_config': Cannot find field.",
        ),
        (&ollama::ROW, "/format", "invalid JSON schema in format"),
        (&openai::ROW, "/stream", "Your organization must be verified to stream this model."),
        (&openai::ROW, "/stream_options", "Unrecognized request argument supplied: stream_options"),
        (
            &openai::ROW,
            "/max_tokens",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        ),
    ] {
        let refusal = json!({"error": {"message": message, "type": "invalid_request_error"}});
        let server = Server::start();
        let model = remote(&wire(vendor, &server));
        server.when("hello", [Act::error(400, &other), Act::error(400, &refusal)]);
        let asked = ModelRequest { temperature: Some(0.5), max_tokens: Some(99), ..with_schema(request("hello")) };
        let ask = || ask_of(&model, &asked, &PATIENT);
        assert!(!assert_fails(vendor.name, ask(), FailureKind::BadRequest, "no such model").again);
        assert!(assert_fails(vendor.name, ask(), FailureKind::BadRequest, message).again, "{}: {key}", vendor.name);
        assert!(ask().is_ok(), "{}: {key}", vendor.name);
        assert!(ask().is_ok());
        let seen: Vec<bool> = server.seen().iter().map(|seen| seen.body.pointer(key).is_some()).collect();
        assert_eq!(seen, [true, true, false, false], "{}: {key}", vendor.name);
        let renamed = server.seen()[2].body.get("max_completion_tokens").cloned();
        assert_eq!(renamed, (key == "/max_tokens").then(|| json!(99)), "{}: {key}", vendor.name);
    }
}

#[test]
fn a_server_that_refuses_all_is_not_asked_for_ever() {
    let server = Server::start();
    let refusal = json!({"error": {"message": "unknown parameter: temperature, max_tokens, stream_options"}});
    server.when("hello", std::iter::repeat_n(Act::error(400, &refusal), 20));
    let asked = ModelRequest { temperature: Some(0.5), max_tokens: Some(99), ..request("hello") };
    let model = remote(&wire(&openai::ROW, &server));
    let again = (0..8)
        .map(|_| assert_fails("openai", ask_of(&model, &asked, &PATIENT), FailureKind::BadRequest, "unknown").again);
    assert_eq!(again.filter(|again| *again).count(), 3, "once for each of them");
}
