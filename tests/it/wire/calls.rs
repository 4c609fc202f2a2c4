//! Tools, and the form of an answer, as OpenAI's family of protocols writes them.

use std::sync::Arc;

use orch::conversation::{AnswerSchema, Echo, Message, Tool, ToolCall, ToolResult, Turn};
use orch::event::{FailureKind, StopReason};
use orch::http::Client;
use orch::provider::{CallFailure, ModelRequest, Reply, Wire, call};
use serde_json::{Value, json};

use crate::server::{Act, Server};
use crate::wire::{KEY, PATIENT, assert_fails, events, finish, openai, redactor, request, responses, run, zhipu};

fn parameters() -> Value {
    json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"], "additionalProperties": false})
}

/// A conversation in which two tools were called, one in vain, and the form of the answer is given.
pub fn conversation(echo: Option<Echo>) -> ModelRequest {
    let call = |id: &str, arguments: Value| ToolCall { id: id.to_owned(), name: "read_file".to_owned(), arguments };
    let result = |id: &str, text: &str, is_error| ToolResult {
        id: id.to_owned(),
        name: "read_file".to_owned(),
        text: text.into(),
        is_error,
    };
    let calls = vec![call("call_1", json!({"path": "a.txt"})), call("call_2", json!("a.t"))];
    let mut request = request("read it");
    request.messages.push(Message::Assistant(Turn { text: String::new(), calls, echo }));
    request.messages.push(Message::Tools(vec![result("call_1", "alpha", false), result("call_2", "no object", true)]));
    request.messages.push(Message::Assistant(Turn { text: "It says alpha.".to_owned(), ..Turn::default() }));
    request.messages.push(Message::User("as JSON".to_owned()));
    request.tools = Arc::from([Tool {
        name: "read_file".to_owned(),
        description: "Reads a file.".to_owned(),
        parameters: parameters(),
    }]);
    let schema = json!({"type": "object", "properties": {"word": {"type": "string"}}});
    request.schema = Some(Arc::new(AnswerSchema { name: "answer".to_owned(), schema }));
    request
}

pub fn body(wire: &dyn Wire, request: &ModelRequest) -> Value {
    serde_json::from_slice(wire.encode(request).body.as_deref().unwrap()).unwrap()
}

pub fn ask(wire: &dyn Wire, request: &ModelRequest) -> Result<Reply, CallFailure> {
    run(call(&Client::new(), wire, request, &PATIENT, &redactor()))
}

fn chat_messages(reasoning: Option<&str>) -> Value {
    let mut calling = json!({
        "role": "assistant",
        "content": null,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": "{\"path\":\"a.txt\"}"}},
            {"id": "call_2", "type": "function", "function": {"name": "read_file", "arguments": "\"a.t\""}},
        ],
    });
    if let Some(reasoning) = reasoning {
        calling["reasoning_content"] = json!(reasoning);
    }
    json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "read it"},
        calling,
        {"role": "tool", "tool_call_id": "call_1", "content": "alpha"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Error: no object"},
        {"role": "assistant", "content": "It says alpha."},
        {"role": "user", "content": "as JSON"},
    ])
}

#[test]
fn tools_and_a_schema_go_to_openai_as_it_documents_them() {
    let schema = json!({"type": "object", "properties": {"word": {"type": "string"}}});
    let function = json!({"name": "read_file", "description": "Reads a file.", "parameters": parameters()});
    assert_eq!(
        body(&openai("https://api.openai.com/v1"), &conversation(None)),
        json!({
            "model": "m",
            "messages": chat_messages(None),
            "stream": true,
            "stream_options": {"include_usage": true},
            "tools": [{"type": "function", "function": function}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": schema, "strict": false},
            },
        })
    );
    let closed = Arc::new(AnswerSchema { name: "answer".to_owned(), schema: parameters() });
    let strict = body(&openai("http://localhost/v1"), &ModelRequest { schema: Some(closed), ..request("x") });
    assert_eq!(strict["response_format"]["json_schema"]["strict"], true);
}

#[test]
fn tools_and_a_schema_go_to_zhipu_as_it_documents_them() {
    let function = json!({"name": "read_file", "description": "Reads a file.", "parameters": parameters()});
    let thought = Echo { wire: "zhipu".to_owned(), value: json!("I must read it.") };
    assert_eq!(
        body(&zhipu("https://api.z.ai/api/paas/v4"), &conversation(Some(thought.clone()))),
        json!({
            "model": "m",
            "messages": chat_messages(Some("I must read it.")),
            "stream": true,
            "tools": [{"type": "function", "function": function}],
            "response_format": {"type": "json_object"},
        })
    );
    let elsewhere = body(&openai("https://api.openai.com/v1"), &conversation(Some(thought)));
    assert_eq!(elsewhere["messages"], chat_messages(None), "an echo is for its own wire");
}

#[test]
fn calls_of_tools_are_read_from_a_stream() {
    let piece = |index: u32, id: &str, name: &str, arguments: &str| {
        let function = json!({"name": name, "arguments": arguments});
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}}]})
    };
    let more = |index: u32, arguments: &str| json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}}]});
    let thought =
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": null, "reasoning_content": "hm"}}]});
    let chunks = [
        thought,
        piece(0, "call_1", "read_file", ""),
        more(0, "{\"path\":"),
        piece(1, "call_2", "read_file", "{\"path\": \"b"),
        more(0, &format!("\"{KEY}\"}}")),
        finish("tool_calls"),
    ];
    let server = Server::start();
    for (wire, name) in [(openai(&server.openai()), "openai"), (zhipu(&server.openai()), "zhipu")] {
        server.when("read it", [Act::Sse(events(&chunks) + "data: [DONE]\n\n")]);
        let reply = ask(&wire, &conversation(None)).unwrap();
        assert_eq!((reply.stop, &*reply.turn.text), (StopReason::ToolUse, ""));
        let calls: Vec<_> = reply.turn.calls.iter().map(|call| (&*call.id, &*call.name, &call.arguments)).collect();
        let (whole, broken) = (json!({"path": "[redacted]"}), json!("{\"path\": \"b"));
        assert_eq!(calls, [("call_1", "read_file", &whole), ("call_2", "read_file", &broken)]);
        assert_eq!(reply.turn.echo, Some(Echo { wire: name.to_owned(), value: json!("hm") }));
        assert!(reply.usage.estimated && reply.usage.output_tokens > 5, "the arguments are counted too");
    }
}

#[test]
fn an_estimate_counts_tools_and_calls_too() {
    let mut plain = conversation(None);
    let whole = plain.estimated_tokens();
    plain.tools = Arc::default();
    let without_tools = plain.estimated_tokens();
    plain.messages.remove(2);
    assert!(plain.estimated_tokens() < without_tools && without_tools + 20 < whole);
}

#[test]
fn calls_that_come_with_a_plain_stop_are_calls_and_an_announcement_alone_is_none() {
    let server = Server::start();
    let whole = |calls: Value, reason: &str| {
        let message = json!({"role": "assistant", "content": "", "tool_calls": calls});
        Act::json(json!({"choices": [{"message": message, "finish_reason": reason}]}).to_string())
    };
    let call = json!([{"id": "c", "type": "function", "function": {"name": "read_file", "arguments": {"path": "a"}}}]);
    server.when("read it", [whole(call, "stop"), whole(json!([]), "tool_calls")]);
    let wire = openai(&server.openai());
    let reply = ask(&wire, &conversation(None)).unwrap();
    assert_eq!((reply.stop, &reply.turn.calls[0].arguments), (StopReason::ToolUse, &json!({"path": "a"})));
    assert_fails(ask(&wire, &conversation(None)), FailureKind::Malformed, "named none");
}

#[test]
fn a_server_that_takes_no_schema_is_asked_without_one_the_next_time() {
    let server = Server::start();
    let refusal =
        json!({"error": {"message": "This response_format type is unavailable now", "type": "invalid_request_error"}});
    let other = json!({"error": {"message": "no such model"}});
    let wires: [(Box<dyn Wire>, &str); 2] =
        [(Box::new(openai(&server.openai())), "response_format"), (Box::new(responses(&server.openai())), "text")];
    for (wire, key) in wires {
        let begin = server.seen().len();
        server.when("read it", [Act::error(400, &other), Act::error(400, &refusal)]);
        assert_fails(ask(&*wire, &conversation(None)), FailureKind::BadRequest, "no such model");
        let failed =
            assert_fails(ask(&*wire, &conversation(None)), FailureKind::Malformed, "unavailable now (the next");
        assert!(failed.failure.kind.is_retryable() && !failed.unsettled);
        assert!(ask(&*wire, &conversation(None)).is_ok());
        let asked: Vec<bool> = server.seen()[begin..].iter().map(|seen| seen.body.get(key).is_some()).collect();
        assert_eq!(asked, [true, true, false]);
    }
}
