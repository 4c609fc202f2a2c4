//! What is sent, field for field as the vendors document it.

use orch::conversation::{Echo, Message, ToolCall, ToolResult, Turn};
use orch::http::Client;
use orch::provider::anthropic::Anthropic;
use orch::provider::gemini::Gemini;
use orch::provider::ollama::Ollama;
use orch::provider::{Endpoint, ModelRequest, Wire, call};
use serde_json::{Value, json};

use super::vendors::{ALL, Vendor};
use super::{KEY, PATIENT, anthropic, body, gemini, ollama, redactor, request, run, weather, with_schema, with_tools};
use crate::server::{Seen, Server};

/// What a server sees of a request that is answered well.
fn seen(vendor: &Vendor, request: &ModelRequest) -> Seen {
    let server = Server::start();
    server.when("hello", [vendor.act(vendor.answer("hi"))]);
    run(call(&Client::new(), &*(vendor.wire)(&server.url()), request, &PATIENT, &redactor())).unwrap();
    server.seen().remove(0)
}

/// A conversation in which a tool has been called twice in one turn, with a limit and a temperature.
fn conversation(echo: Option<Echo>) -> ModelRequest {
    let call = |id: &str, arguments: Value| ToolCall { id: id.to_owned(), name: "weather".to_owned(), arguments };
    let result = |id: &str, text: &str, is_error| {
        Message::Tools(vec![ToolResult { id: id.to_owned(), name: "weather".to_owned(), text: text.into(), is_error }])
    };
    let mut request = with_tools(request("hello"));
    let calls = vec![call("a1", json!({"place": "Bern"})), call("a2", json!("no object"))];
    request.messages.push(Message::Assistant(Turn { text: "Let me look.".to_owned(), calls, echo }));
    request.messages.extend([result("a1", "rain", false), result("a2", "", true), Message::User("And?".to_owned())]);
    ModelRequest { temperature: Some(0.5), max_tokens: Some(100), ..request }
}

#[test]
fn a_plain_request_is_sent_as_the_vendors_document_it() {
    let system = "Be brief.";
    let expected = [
        (
            "/v1/messages",
            json!({
                "model": "m",
                "max_tokens": 8192,
                "system": system,
                "messages": [{"role": "user", "content": "hello"}],
                "stream": true,
            }),
        ),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            json!({
                "systemInstruction": {"parts": [{"text": system}]},
                "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
            }),
        ),
        (
            "/api/chat",
            json!({
                "model": "m",
                "messages": [{"role": "system", "content": system}, {"role": "user", "content": "hello"}],
                "stream": true,
            }),
        ),
    ];
    for (vendor, (path, body)) in ALL.iter().zip(expected) {
        let seen = seen(vendor, &request("hello"));
        assert_eq!((&*seen.method, &*seen.path, seen.body), ("POST", path, body), "{}", vendor.name);
        assert_eq!(seen.headers.iter().filter(|(_, value)| value.contains(KEY)).count(), 1, "{}", vendor.name);
        let key = match vendor.name {
            "anthropic" => ("x-api-key", KEY.to_owned()),
            "gemini" => ("x-goog-api-key", KEY.to_owned()),
            _ => ("authorization", format!("Bearer {KEY}")),
        };
        let sent = (vendor.wire)("https://h").encode(&request("x"));
        assert_eq!(sent.headers.get(key.0).unwrap().to_str().unwrap(), key.1);
        assert!(!sent.url.as_str().contains(KEY) && !format!("{sent:?} {:?}", sent.headers).contains("canary"));
    }
}

#[test]
fn without_a_key_none_is_sent() {
    let endpoint = || Endpoint::new("https://h", None).unwrap();
    let wires: [Box<dyn Wire>; 3] =
        [Box::new(Anthropic::new(endpoint())), Box::new(Gemini::new(endpoint())), Box::new(Ollama::new(endpoint()))];
    for wire in wires {
        let headers = wire.encode(&request("x")).headers;
        assert!(["x-api-key", "x-goog-api-key", "authorization"].iter().all(|name| !headers.contains_key(*name)));
    }
}

#[test]
fn tools_and_their_results_are_sent_to_anthropic_in_alternating_turns() {
    let sent = body(&*anthropic("https://h"), &conversation(None));
    let expected = json!({
        "model": "m",
        "max_tokens": 100,
        "tools": [{
            "name": "weather",
            "description": "The weather at a place.",
            "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
        }],
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "a1", "name": "weather", "input": {"place": "Bern"}},
                {"type": "tool_use", "id": "a2", "name": "weather", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a1", "content": "rain"},
                {"type": "tool_result", "tool_use_id": "a2", "content": "The call failed.", "is_error": true},
                {"type": "text", "text": "And?"},
            ]},
        ],
        "stream": true,
        "temperature": 0.5,
    });
    assert_eq!(sent, expected);
}

#[test]
fn tools_and_their_results_are_sent_to_gemini_as_functions() {
    let sent = body(&*gemini("https://h"), &conversation(None));
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{
            "name": "weather",
            "description": "The weather at a place.",
            "parametersJsonSchema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
        }]}],
        "contents": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [
                {"text": "Let me look."},
                {
                    "functionCall": {"name": "weather", "args": {"place": "Bern"}},
                    "thoughtSignature": "skip_thought_signature_validator",
                },
                {"functionCall": {"name": "weather", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "weather", "response": {"output": "rain"}}},
                {"functionResponse": {"name": "weather", "response": {"error": ""}}},
                {"text": "And?"},
            ]},
        ],
        "generationConfig": {"temperature": 0.5, "maxOutputTokens": 100},
    });
    assert_eq!(sent, expected);
}

#[test]
fn tools_and_their_results_are_sent_to_ollama_by_name() {
    let sent = body(&*ollama("https://h"), &conversation(None));
    let expected = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "Let me look.", "tool_calls": [
                {"id": "a1", "function": {"name": "weather", "arguments": {"place": "Bern"}}},
                {"id": "a2", "function": {"name": "weather", "arguments": {}}},
            ]},
            {"role": "tool", "content": "rain", "tool_name": "weather", "tool_call_id": "a1"},
            {"role": "tool", "content": "", "tool_name": "weather", "tool_call_id": "a2"},
            {"role": "user", "content": "And?"},
        ],
        "stream": true,
        "tools": [{"type": "function", "function": weather()}],
        "options": {"temperature": 0.5, "num_predict": 100},
    });
    assert_eq!(sent, expected);
}

#[test]
fn a_turn_is_sent_back_in_the_form_of_its_own_wire_only() {
    let value = json!([{"type": "text", "text": "as it came"}]);
    let with = |wire: &str| conversation(Some(Echo { wire: wire.to_owned(), value: value.clone() }));
    assert_eq!(body(&*anthropic("https://h"), &with("anthropic"))["messages"][1]["content"], "as it came");
    assert_eq!(body(&*gemini("https://h"), &with("gemini"))["contents"][1]["parts"], value);
    for (wire, turns) in [(anthropic("https://h"), "messages"), (gemini("https://h"), "contents")] {
        let plain = body(&*wire, &conversation(None));
        assert_eq!(body(&*wire, &with("elsewhere"))[turns], plain[turns]);
    }
}

#[test]
fn ids_that_another_vendor_gave_twice_are_told_apart_for_anthropic() {
    let mut request = with_tools(request("hello"));
    for id in ["call_0", "call_0", "a.b"] {
        let call = ToolCall { id: id.to_owned(), name: "weather".to_owned(), arguments: json!({}) };
        let result = ToolResult { id: id.to_owned(), name: "weather".to_owned(), text: "rain".into(), is_error: false };
        request.messages.push(Message::Assistant(Turn { calls: vec![call], ..Turn::default() }));
        request.messages.push(Message::Tools(vec![result]));
    }
    let sent = body(&*anthropic("https://h"), &request);
    let ids = |kind: &str, key: &str| -> Vec<String> {
        let blocks = sent["messages"].as_array().unwrap().iter().filter_map(|message| message["content"].get(0));
        blocks.filter(|block| block["type"] == kind).map(|block| block[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("tool_use", "id"), ["call_0", "call_0_2", "a_b"]);
    assert_eq!(ids("tool_result", "tool_use_id"), ids("tool_use", "id"));
}

#[test]
fn the_form_of_an_answer_is_asked_for_where_the_vendor_sees_to_it() {
    let schema = json!({"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]});
    let mut closed = schema.clone();
    closed["additionalProperties"] = json!(false);
    let plain = with_schema(request("hello"));
    let [for_anthropic, for_gemini, for_ollama] = ALL.map(|vendor| seen(&vendor, &plain).body);
    assert_eq!(for_anthropic["output_config"], json!({"format": {"type": "json_schema", "schema": closed}}));
    let config = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
    assert_eq!(for_gemini["generationConfig"], config);
    assert_eq!(for_ollama["format"], schema);

    let both = with_tools(plain.clone());
    let [for_anthropic, for_gemini, for_ollama] = ALL.map(|vendor| body(&*(vendor.wire)("https://h"), &both));
    assert_eq!(for_anthropic["output_config"]["format"]["schema"], closed);
    assert_eq!((&for_gemini["generationConfig"], &for_ollama["format"]), (&Value::Null, &Value::Null));

    let mut open = plain;
    open.schema = Some(std::sync::Arc::new(orch::conversation::AnswerSchema {
        name: "any".to_owned(),
        schema: json!({"type": "object", "additionalProperties": {"type": "string"}}),
    }));
    assert_eq!(body(&*anthropic("https://h"), &open)["output_config"], Value::Null);
}

#[test]
fn every_way_to_write_a_base_url_leads_to_the_same_place() {
    let url = |wire: Box<dyn Wire>, model: &str| {
        let request = ModelRequest { model: model.to_owned(), ..request("x") };
        (wire.encode(&request).url.to_string(), wire.list_models().url.to_string())
    };
    for base in
        ["https://h/a", "https://h/a/", "https://h/a/v1beta", "https://h/a/v1beta/", "https://h/a/v1beta/models"]
    {
        for model in ["m", "models/m"] {
            let (generate, list) = url(gemini(base), model);
            assert_eq!(generate, "https://h/a/v1beta/models/m:streamGenerateContent?alt=sse", "{base}");
            assert_eq!(list, "https://h/a/v1beta/models?pageSize=1000", "{base}");
        }
    }
    assert_eq!(url(gemini("https://h/v1"), "m").0, "https://h/v1/models/m:streamGenerateContent?alt=sse");
    let tuned = url(gemini("https://h?x=1"), "tunedModels/t?y").0;
    assert_eq!(tuned, "https://h/v1beta/tunedModels/t%3Fy:streamGenerateContent?x=1&alt=sse");
    for base in
        ["http://h:11434", "http://h:11434/", "http://h:11434/v1", "http://h:11434/api", "http://h:11434/api/chat"]
    {
        let expected = ("http://h:11434/api/chat".to_owned(), "http://h:11434/api/tags".to_owned());
        assert_eq!(url(ollama(base), "m"), expected, "{base}");
    }
}
