//! What is particular to Zhipu's GLM.

use orch::event::FailureKind;
use orch::provider::Wire;
use serde_json::json;

use crate::server::{Act, Server};
use crate::wire::{KEY, ask, assert_fails, delta, events, finish, request, zhipu};

#[test]
fn glm_is_asked_as_zhipu_documents_it() {
    let server = Server::start();
    ask(&zhipu(&format!("{}/api/paas/v4", server.url()))).unwrap();
    let seen = &server.seen()[0];
    assert_eq!((&*seen.method, &*seen.path), ("POST", "/api/paas/v4/chat/completions"));
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {KEY}")));
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]);
    assert_eq!(seen.body, json!({"model": "m", "messages": messages, "stream": true}));
    for (base_url, expected) in [
        ("https://api.z.ai", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("https://api.z.ai/api/paas/v4/", "https://api.z.ai/api/paas/v4/chat/completions"),
        ("https://api.z.ai/api/coding/paas/v4", "https://api.z.ai/api/coding/paas/v4/chat/completions"),
        ("https://open.bigmodel.cn", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1/chat/completions"),
    ] {
        assert_eq!(zhipu(base_url).encode(&request("x")).url.as_str(), expected);
    }
}

#[test]
fn the_codes_of_zhipu_have_their_classes_whatever_the_status() {
    let server = Server::start();
    let wire = zhipu(&server.openai());
    for (status, code, expected) in [
        (401, "1002", FailureKind::Auth),
        (429, "1112", FailureKind::Auth),
        (429, "1113", FailureKind::Quota),
        (429, "1302", FailureKind::RateLimited),
        (429, "1305", FailureKind::RateLimited),
        (429, "1304", FailureKind::Quota),
        (429, "1312", FailureKind::Overloaded),
        (400, "1214", FailureKind::BadRequest),
        (400, "1261", FailureKind::ContextTooLong),
        (400, "1301", FailureKind::Refused),
        (500, "1234", FailureKind::Overloaded),
        (429, "1999", FailureKind::RateLimited),
    ] {
        let error = json!({"error": {"code": code, "message": "inner words"}});
        let in_stream = format!("{}data: {error}\n\n", events(&[delta("half")]));
        server.when("hello", [Act::error(status, &error), Act::Sse(in_stream)]);
        assert_fails(ask(&wire), expected, "inner words");
        let in_stream = if code == "1999" { FailureKind::Overloaded } else { expected };
        assert_fails(ask(&wire), in_stream, "inner words");
    }
}

#[test]
fn the_ends_of_zhipu_are_known() {
    let server = Server::start();
    for (reason, kind, words) in [
        ("sensitive", FailureKind::Refused, "declined: half"),
        ("network_error", FailureKind::Overloaded, "network_error"),
        ("length", FailureKind::Truncated, "output tokens"),
        ("model_context_window_exceeded", FailureKind::Truncated, "context window"),
    ] {
        server.when("hello", [Act::Sse(events(&[delta("half"), finish(reason)]))]);
        assert_fails(ask(&zhipu(&server.openai())), kind, words);
    }
}
