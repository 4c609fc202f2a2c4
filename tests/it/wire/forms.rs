//! What the servers do that speak Chat Completions in their own way: each with an answer as it documents it, over a real
//! connection, and with its errors.

use orch::model::{CallFailure, Reply};
use orch::plan::spec::Provider;
use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{KEY, PATIENT, ask_for, assert_answers, assert_fails, model, request, with_tools};
use crate::server::{Act, Server};
use orch::model::{Endpoint, ModelRequest};
use secrecy::SecretString;

/// Asks a server that a file calls `provider`, whose base URL ends in `base`, and gives what came of it and what was sent.
fn asked(
    provider: Provider,
    base: &str,
    request: &ModelRequest,
    act: Act,
) -> (Result<Reply, CallFailure>, String, Value) {
    let server = Server::start();
    server.when("hello", [act]);
    let endpoint = Endpoint::new(&format!("{}{base}", server.url()), Some(SecretString::from(KEY))).unwrap();
    let wire = model::Vendor::of(provider).wire(endpoint).unwrap();
    let reply = ask_for(&wire, request, &PATIENT);
    let seen = server.seen().remove(0);
    (reply, seen.path, seen.body)
}

fn ask(provider: Provider, base: &str, act: Act) -> Result<Reply, CallFailure> {
    asked(provider, base, &request("hello"), act).0
}

/// A stream of these chunks, with what stands between them.
fn stream(chunks: &[Value], between: &str) -> Act {
    let events: String = chunks.iter().map(|chunk| format!("{between}data: {chunk}\n\n")).collect();
    Act::Sse(events + "data: [DONE]\n\n")
}

fn delta(delta: Value) -> Value {
    json!({"id": "c-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"id": "c-1", "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": reason}]})
}

fn usage(usage: Value) -> Value {
    json!({"id": "c-1", "object": "chat.completion.chunk", "choices": [], "usage": usage})
}

fn counts(more: Value) -> Value {
    let mut counted = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    counted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    counted
}

/// <https://openrouter.ai/docs/api/reference/streaming>, <https://openrouter.ai/docs/use-cases/usage-accounting>
#[test]
fn openrouter_sends_comments_and_says_what_a_call_costs() {
    let chunks = |cost: Value| {
        [
            delta(json!({"role": "assistant", "content": "", "reasoning": "hm", "reasoning_details": [
                {"type": "reasoning.text", "text": "hm", "index": 0}]})),
            delta(json!({"content": "Hel"})),
            delta(json!({"content": "lo."})),
            json!({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop",
                "native_finish_reason": "completed"}], "provider": "OpenAI"}),
            usage(counts(cost)),
        ]
    };
    let comments = ": OPENROUTER PROCESSING\n\n";
    for (cost, nano) in [
        (
            json!({"cost": 0.00078, "is_byok": false, "cost_details": {"upstream_inference_cost": 0.0007}}),
            Some(780_000),
        ),
        (json!({"cost": 0.0001, "is_byok": true, "cost_details": {"upstream_inference_cost": 0.002}}), Some(2_100_000)),
        (json!({"cost": 0}), Some(0)),
        (json!({}), None),
    ] {
        let act = stream(&chunks(cost.clone()), comments);
        let reply = assert_answers("openrouter", ask(Provider::Openrouter, "/api/v1", act), "Hello.");
        assert_eq!((reply.usage.billed_nano_usd, reply.usage.output_tokens), (nano, 5), "{cost}");
        // The word of any other server is not taken for it.
        let other = ask(Provider::Openai, "/v1", stream(&chunks(cost), comments)).unwrap();
        assert_eq!(other.usage.billed_nano_usd, None);
    }
    let broken = json!({"error": {"code": 502, "message": "Provider disconnected"},
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]});
    let act = stream(&[delta(json!({"content": "Hel"})), broken], comments);
    let failed =
        assert_fails("openrouter", ask(Provider::Openrouter, "/api/v1", act), FailureKind::Overloaded, "disconnected");
    assert_eq!(failed.partial, "Hel");
    let poor = json!({"error": {"code": 402, "message": "Insufficient credits"}});
    let reply = ask(Provider::Openrouter, "/api/v1", Act::error(402, &poor));
    assert_fails("openrouter", reply, FailureKind::Quota, "Insufficient credits");
}

/// <https://api-docs.deepseek.com/api/create-chat-completion>, <https://api-docs.deepseek.com/quick_start/rate_limit>
#[test]
fn deepseek_keeps_alive_thinks_aloud_and_counts_its_cache() {
    let chunks = [
        delta(json!({"role": "assistant", "content": null, "reasoning_content": "hm"})),
        delta(json!({"content": "Hello.", "reasoning_content": null})),
        json!({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}], "usage":
            counts(json!({"prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2,
                "completion_tokens_details": {"reasoning_tokens": 3}}))}),
    ];
    let form = super::with_schema(request("hello"));
    let (reply, path, body) = asked(Provider::Deepseek, "", &form, stream(&chunks, ": keep-alive\n\n"));
    let reply = assert_answers("deepseek", reply, "Hello.");
    assert_eq!((reply.usage.cached_tokens, reply.usage.output_tokens), (8, 5));
    assert_eq!((&*path, &body["response_format"]), ("/chat/completions", &json!({"type": "json_object"})));
    // A whole answer has empty lines in front of it as long as it is worked at.
    let whole = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."},
        "finish_reason": "stop"}], "usage": counts(json!({}))});
    assert_answers("deepseek", ask(Provider::Deepseek, "", Act::json(format!("\n\n\n{whole}"))), "Hello.");
    let busy = stream(&[delta(json!({"content": "Hel"})), finish("insufficient_system_resource")], "");
    assert_fails(
        "deepseek",
        ask(Provider::Deepseek, "", busy),
        FailureKind::Overloaded,
        "insufficient_system_resource",
    );
    let poor =
        json!({"error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}});
    assert_fails("deepseek", ask(Provider::Deepseek, "", Act::error(402, &poor)), FailureKind::Quota, "Balance");
}

/// <https://console.groq.com/docs/api-reference>, <https://console.groq.com/docs/tool-use>
#[test]
fn groq_counts_in_a_place_of_its_own_and_hands_out_calls_that_fail() {
    let mut last = finish("stop");
    last["x_groq"] = json!({"id": "req_1", "usage": counts(json!({"queue_time": 0.1}))});
    let mut first = delta(json!({"role": "assistant", "content": "", "reasoning": "hm"}));
    first["x_groq"] = json!({"id": "req_1"});
    let act = stream(&[first, delta(json!({"content": "Hello."})), last], "");
    let (reply, path, _) = asked(Provider::Groq, "/openai/v1", &request("hello"), act);
    let reply = assert_answers("groq", reply, "Hello.");
    assert_eq!((reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.estimated), (10, 5, false));
    assert_eq!(path, "/openai/v1/chat/completions");
    let failed = json!({"error": {"message": "Failed to call a function. See 'failed_generation' for more details.",
        "type": "invalid_request_error", "code": "tool_use_failed", "failed_generation": "<function=weather>"}});
    let (reply, ..) = asked(Provider::Groq, "/openai/v1", &with_tools(request("hello")), Act::error(400, &failed));
    assert_fails("groq", reply, FailureKind::Malformed, "Failed to call a function");
}

/// <https://docs.mistral.ai/api>, <https://docs.mistral.ai/capabilities/reasoning>
#[test]
fn mistral_answers_in_parts_and_refuses_what_it_does_not_know() {
    let thought = json!([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]);
    let mut last = finish("stop");
    last["usage"] = counts(json!({}));
    let act = stream(
        &[
            delta(json!({"role": "assistant", "content": thought})),
            delta(json!({"content": [{"type": "text", "text": "Hel"}]})),
            delta(json!({"content": "lo."})),
            last,
        ],
        "",
    );
    let (reply, path, body) = asked(Provider::Mistral, "/v1", &request("hello"), act);
    assert_eq!(assert_answers("mistral", reply, "Hello.").usage.output_tokens, 5);
    assert_eq!((&*path, body.get("stream_options")), ("/v1/chat/completions", None));
    let cut = stream(&[delta(json!({"content": "Hel"})), finish("model_length")], "");
    assert_fails("mistral", ask(Provider::Mistral, "/v1", cut), FailureKind::Truncated, "context window");
    let unknown = json!({"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "top_p"],
        "msg": "Extra inputs are not permitted"}]}, "type": "invalid_request_error"});
    assert_fails("mistral", ask(Provider::Mistral, "/v1", Act::error(422, &unknown)), FailureKind::BadRequest, "top_p");
}

/// <https://docs.x.ai/docs/api-reference>, <https://docs.x.ai/docs/guides/reasoning>
#[test]
fn xai_counts_its_thoughts_beside_the_answer() {
    let chunks = [
        delta(json!({"role": "assistant", "reasoning_content": "hm"})),
        delta(json!({"content": "Hello."})),
        finish("stop"),
        usage(counts(json!({"total_tokens": 215, "completion_tokens_details": {"reasoning_tokens": 200}}))),
    ];
    let reply = assert_answers("xai", ask(Provider::Xai, "/v1", stream(&chunks, "")), "Hello.");
    assert_eq!(reply.usage.output_tokens, 205);
}

/// <https://learn.microsoft.com/azure/ai-foundry/openai/reference>,
/// <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter>
#[test]
fn azure_filters_first_and_names_a_deployment_in_its_address() {
    let filtered = json!({"hate": {"filtered": false, "severity": "safe"}});
    let first = json!({"id": "", "object": "", "model": "", "choices": [],
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": filtered}]});
    let mut last = finish("stop");
    last["choices"][0]["content_filter_results"] = filtered.clone();
    let deployment = "/openai/deployments/writer";
    let chunks = [first.clone(), delta(json!({"content": "Hello."})), last, usage(counts(json!({})))];
    let (reply, path, _) = asked(Provider::Openai, deployment, &request("hello"), stream(&chunks, ""));
    assert_answers("azure", reply, "Hello.");
    assert_eq!(path, "/openai/deployments/writer/chat/completions");
    let cut = stream(&[first, delta(json!({"content": "Hel"})), finish("content_filter")], "");
    assert_fails("azure", ask(Provider::Openai, deployment, cut), FailureKind::Refused, "");
    let refused = json!({"error": {"message": "The response was filtered due to the prompt", "type": null, "param": "prompt",
        "code": "content_filter", "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation"}}});
    assert_fails(
        "azure",
        ask(Provider::Openai, deployment, Act::error(400, &refused)),
        FailureKind::Refused,
        "filtered",
    );
    let unknown = json!({"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}});
    assert_fails(
        "azure",
        ask(Provider::Openai, deployment, Act::error(404, &unknown)),
        FailureKind::BadRequest,
        "deployment",
    );
}

/// <https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html>,
/// <https://docs.vllm.ai/en/latest/features/reasoning_outputs.html>
#[test]
fn vllm_thinks_under_two_names_and_says_what_is_too_long() {
    for thoughts in ["reasoning", "reasoning_content"] {
        let mut last = finish("stop");
        last["choices"][0]["stop_reason"] = Value::Null;
        let chunks = [
            delta(json!({"role": "assistant", "content": ""})),
            delta(json!({thoughts: "hm"})),
            delta(json!({"content": "Hello."})),
            last,
            usage(counts(json!({}))),
        ];
        assert_answers("vllm", ask(Provider::Openai, "/v1", stream(&chunks, "")), "Hello.");
    }
    let long = "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens.";
    for body in [
        json!({"object": "error", "message": long, "type": "BadRequestError", "param": null, "code": 400}),
        json!({"error": {"message": long, "type": "BadRequestError", "param": null, "code": 400}}),
    ] {
        assert_fails("vllm", ask(Provider::Openai, "/v1", Act::error(400, &body)), FailureKind::ContextTooLong, "4096");
    }
}

/// <https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html>
#[test]
fn bedrock_writes_thoughts_into_the_text() {
    let chunks = [
        delta(json!({"role": "assistant", "content": "<reasoning>The user "})),
        delta(json!({"content": "greets.</reasoning>"})),
        delta(json!({"content": "Hello."})),
        finish("stop"),
        usage(counts(json!({}))),
    ];
    let (reply, path, _) = asked(Provider::Openai, "/openai/v1", &request("hello"), stream(&chunks, ""));
    assert_answers("bedrock", reply, "Hello.");
    assert_eq!(path, "/openai/v1/chat/completions");
    let denied = json!({"error": {"message": "Authentication failed: Please make sure your API Key is valid.",
        "type": "invalid_request_error", "code": "invalid_api_key"}});
    assert_fails("bedrock", ask(Provider::Openai, "/openai/v1", Act::error(401, &denied)), FailureKind::Auth, "");
}

/// <https://cloud.google.com/vertex-ai/generative-ai/docs/start/openai>
#[test]
fn vertex_signs_its_calls_and_lists_its_errors() {
    let place = "/v1/projects/p/locations/global/endpoints/openapi";
    let signed = json!({"google": {"thought_signature": "c2ln"}});
    let call = json!({"index": 0, "id": "a1", "type": "function", "extra_content": signed,
        "function": {"name": "weather", "arguments": "{\"place\":\"Bern\"}"}});
    let chunks = [
        delta(json!({"role": "assistant", "tool_calls": [call]})),
        finish("tool_calls"),
        usage(counts(json!({"extra_properties": {"google": {"traffic_type": "ON_DEMAND"}}}))),
    ];
    let (reply, path, _) = asked(Provider::Openai, place, &with_tools(request("hello")), stream(&chunks, ""));
    let turn = reply.unwrap().turn;
    assert_eq!((turn.calls.len(), &turn.echo.unwrap().value["extra_content"]), (1, &json!([signed])));
    assert_eq!(path, format!("{place}/chat/completions"));
    let expired = json!([{"error": {"code": 401, "message": "Request had invalid authentication credentials.",
        "status": "UNAUTHENTICATED"}}]);
    assert_fails("vertex", ask(Provider::Openai, place, Act::error(401, &expired)), FailureKind::Auth, "credentials");
    let busy = json!([{"error": {"code": 429, "message": "Resource exhausted.", "status": "RESOURCE_EXHAUSTED"}}]);
    assert_fails("vertex", ask(Provider::Openai, place, Act::error(429, &busy)), FailureKind::RateLimited, "exhausted");
}
