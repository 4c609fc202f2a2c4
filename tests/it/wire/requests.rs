//! What is sent, field for field as the vendors document it.

use orch::conversation::{Message, Turn};
use orch::http::Request;
use orch::provider::anthropic::Anthropic;
use orch::provider::openai::OpenAi;
use orch::provider::{Endpoint, ModelRequest, Wire};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::server::Server;
use crate::wire::{KEY, anthropic, ask, openai, request};

fn body(request: &Request) -> Value {
    serde_json::from_slice(request.body.as_deref().unwrap()).unwrap()
}

fn full() -> ModelRequest {
    let mut request = request("hello");
    request.messages.push(Message::Assistant(Turn { text: "Hi.".to_owned(), ..Turn::default() }));
    request.messages.push(Message::User("go on".to_owned()));
    ModelRequest { temperature: Some(0.5), max_tokens: Some(100), ..request }
}

#[test]
fn chat_completions_are_asked_for_as_openai_documents_them() {
    let server = Server::start();
    ask(&openai(&server.openai())).unwrap();
    let seen = &server.seen()[0];
    assert_eq!((&*seen.method, &*seen.path), ("POST", "/v1/chat/completions"));
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let system = json!({"role": "system", "content": "Be brief."});
    assert_eq!(
        seen.body,
        json!({
            "model": "m",
            "messages": [system, {"role": "user", "content": "hello"}],
            "stream": true,
            "stream_options": {"include_usage": true},
        })
    );

    let elsewhere = body(&openai("http://localhost/v1").encode(&full()));
    assert_eq!((&elsewhere["max_tokens"], &elsewhere["temperature"]), (&json!(100), &json!(0.5)));
    assert_eq!(elsewhere["messages"][2], json!({"role": "assistant", "content": "Hi."}));
    let at_openai = body(&openai("https://api.openai.com/v1").encode(&full()));
    assert_eq!((&at_openai["max_completion_tokens"], &at_openai["max_tokens"]), (&json!(100), &Value::Null));
}

#[test]
fn messages_are_asked_for_as_anthropic_documents_them() {
    let server = Server::start();
    ask(&anthropic(&server.url())).unwrap();
    let seen = &server.seen()[0];
    assert_eq!((&*seen.method, &*seen.path), ("POST", "/v1/messages"));
    assert_eq!(seen.header("x-api-key"), Some(KEY));
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(
        seen.body,
        json!({
            "model": "m",
            "max_tokens": 8192,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": "hello"}],
            "stream": true,
        })
    );
    let with_limits = body(&anthropic("http://localhost").encode(&full()));
    assert_eq!((&with_limits["max_tokens"], &with_limits["temperature"]), (&json!(100), &json!(0.5)));
}

#[test]
fn every_way_to_write_a_base_url_leads_to_the_same_place() {
    for (base_url, expected) in [
        ("https://h/v1", "https://h/v1/chat/completions"),
        ("https://h/v1/", "https://h/v1/chat/completions"),
        (" https://h/v1/chat/completions ", "https://h/v1/chat/completions"),
        ("https://h", "https://h/chat/completions"),
        ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("https://h/v1?api-version=2", "https://h/v1/chat/completions?api-version=2"),
    ] {
        assert_eq!(openai(base_url).encode(&request("x")).url.as_str(), expected);
    }
    for base_url in ["https://h/a", "https://h/a/", "https://h/a/v1", "https://h/a/v1/", "https://h/a/v1/messages"] {
        assert_eq!(anthropic(base_url).encode(&request("x")).url.as_str(), "https://h/a/v1/messages");
        assert_eq!(anthropic(base_url).list_models().url.as_str(), "https://h/a/v1/models");
    }
}

#[test]
fn without_a_key_none_is_sent() {
    let server = Server::start();
    let keyless = |url: &str, key: Option<&str>| Endpoint::new(url, key.map(SecretString::from)).unwrap();
    ask(&OpenAi::new(keyless(&server.openai(), None))).unwrap();
    ask(&Anthropic::new(keyless(&server.url(), Some(" ")))).unwrap();
    for seen in server.seen() {
        assert_eq!((seen.header("authorization"), seen.header("x-api-key")), (None, None));
    }
}
