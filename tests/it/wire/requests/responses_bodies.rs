//! Responses, as OpenAI documents them.
//!
//! <https://github.com/openai/openai-python>, `src/openai/types/responses/response_create_params.py`,
//! `easy_input_message_param.py`, `response_function_tool_call_param.py`, `response_input_param.py` (`FunctionCallOutput`),
//! `function_tool_param.py`, `response_format_text_json_schema_config_param.py`.

use orch::model::ModelRequest;
use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::super::{PATIENT, ask_of, assert_fails, at, body, remote, request, wire};
use super::{assert_bodies, place, score, with};
use crate::server::vendor::responses;
use crate::server::{Act, Server};

#[test]
fn a_response_is_asked_for_as_openai_documents_it() {
    let bare = |input: Value| {
        json!({
            "model": "m",
            "input": input,
            "stream": true,
            "store": false,
            "include": ["reasoning.encrypted_content"],
        })
    };
    let body = |input: Value, more: Value| with(with(bare(input), json!({"instructions": "Be brief."})), more);
    let said = |role: &str, content: &str| json!({"role": role, "content": content});
    let call = |id: &str, arguments: &str| json!({"type": "function_call", "call_id": id, "name": "weather", "arguments": arguments});
    let hello = json!([said("user", "hello")]);
    let tools = json!([{
        "type": "function",
        "name": "weather",
        "description": "The weather at a place.",
        "parameters": place(),
        "strict": false,
    }]);
    let text = json!({"format": {"type": "json_schema", "name": "verdict", "schema": score(), "strict": false}});
    let conversation = json!([
        said("user", "hello"),
        said("assistant", "Let me look."),
        call("a1", "{\"place\":\"Bern\"}"),
        call("a2", "\"no object\""),
        {"type": "function_call_output", "call_id": "a1", "output": "rain"},
        {"type": "function_call_output", "call_id": "a2", "output": "Error: "},
        said("user", "And?"),
    ]);
    assert_bodies(
        &responses::ROW,
        [
            bare(hello.clone()),
            body(json!([said("user", "hello"), said("assistant", "Hi."), said("user", "go on")]), json!({})),
            body(hello.clone(), json!({"temperature": 0.5, "max_output_tokens": 100})),
            body(hello.clone(), json!({"tools": tools})),
            body(conversation, json!({"tools": tools})),
            body(hello.clone(), json!({"text": text})),
            body(hello, json!({"text": text, "tools": tools})),
        ],
    );
}

#[test]
fn a_model_that_has_no_thoughts_is_not_asked_for_them() {
    for model in ["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "openai/gpt-4o"] {
        let request = ModelRequest { model: model.to_owned(), ..request("x") };
        let sent = body(&*at(&responses::ROW, "https://h/v1"), &request);
        assert_eq!(sent.get("include"), None, "{model} has no thoughts and refuses the wish for them");
    }
}

#[test]
fn a_model_without_thoughts_is_asked_again_for_none() {
    let server = Server::start();
    let refusal =
        json!({"error": {"message": "Encrypted content is not supported with this model.", "param": "include"}});
    server.when("hello", [Act::error(400, &refusal)]);
    let model = remote(&wire(&responses::ROW, &server));
    let ask = || ask_of(&model, &request("hello"), &PATIENT);
    assert!(assert_fails("refused", ask(), FailureKind::BadRequest, "not supported").again);
    assert!(ask().is_ok());
    let asked: Vec<bool> = server.seen().iter().map(|seen| seen.body.get("include").is_some()).collect();
    assert_eq!(asked, [true, false]);
}
