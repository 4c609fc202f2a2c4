//! How much a model is to think, and how else it is asked to answer, as each vendor documents it. What is sent to a vendor is
//! known by its address, so nothing is called here.
//!
//! OpenAI: `completion_create_params.py`, `response_create_params.py` and `reasoning_effort.py` of
//! <https://github.com/openai/openai-python>; Anthropic: <https://platform.claude.com/docs/en/build-with-claude/effort>,
//! `thinking_config_param.py` of its SDK; Gemini: <https://ai.google.dev/api/generate-content#GenerationConfig>; Ollama:
//! <https://docs.ollama.com/api/chat>; DeepSeek: <https://api-docs.deepseek.com/guides/thinking_mode>; OpenRouter:
//! <https://openrouter.ai/docs/use-cases/reasoning-tokens>; Groq: <https://console.groq.com/docs/reasoning>; Mistral:
//! <https://docs.mistral.ai/api>; Z.ai: <https://docs.z.ai/api-reference/llm/chat-completion>.

use std::sync::Arc;

use orch::model::ModelRequest;
use orch::plan::spec::Reasoning;
use orch::plan::tuning::Tuning;
use serde_json::{Value, json};

use super::super::{after_request, at, body, remote, request, wire};
use super::{PATIENT, ask_of, assert_fails};
use crate::server::vendor::{ALL, Vendor, anthropic, gemini, ollama, openai, responses, zhipu};
use crate::server::{Act, Server};
use orch::words::failure::FailureKind;

const OPENAI: (&Vendor, &str) = (&openai::ROW, "https://api.openai.com/v1");
const OWN: (&Vendor, &str) = (&openai::ROW, "http://127.0.0.1:8000/v1");

/// A request for a model with these settings.
fn tuned(model: &str, tuning: Tuning) -> ModelRequest {
    ModelRequest { model: model.to_owned(), tuning: Arc::new(tuning), ..request("hello") }
}

fn thinking(model: &str, reasoning: Reasoning) -> ModelRequest {
    tuned(model, Tuning { reasoning: Some(reasoning), ..Tuning::default() })
}

/// What a request has that one without settings has not.
fn told((vendor, base_url): (&Vendor, &str), asked: &ModelRequest) -> Value {
    let wire = at(vendor, base_url);
    let plain = body(&*wire, &ModelRequest { tuning: Arc::default(), ..asked.clone() });
    let Value::Object(mut members) = body(&*wire, asked) else { panic!("no object") };
    members.retain(|name, value| plain.get(name) != Some(value));
    Value::Object(members)
}

#[test]
fn every_vendor_is_told_in_its_own_words_how_much_to_think() {
    let claude = "claude-sonnet-4-5";
    let openrouter = (&openai::ROW, "https://openrouter.ai/api/v1");
    let deepseek = (&openai::ROW, "https://api.deepseek.com");
    let groq = (&openai::ROW, "https://api.groq.com/openai/v1");
    let mistral = (&openai::ROW, "https://api.mistral.ai/v1");
    let xai = (&openai::ROW, "https://api.x.ai/v1");
    let (responses, anthropic) = ((&responses::ROW, "https://h"), (&anthropic::ROW, "https://h"));
    let (gemini, ollama, zhipu) = ((&gemini::ROW, "https://h"), (&ollama::ROW, "http://h"), (&zhipu::ROW, "https://h"));
    let on = |effort: &str| json!({"thinking": {"type": "enabled"}, "reasoning_effort": effort});
    let off = json!({"thinking": {"type": "disabled"}});
    let config = |config: Value| json!({"generationConfig": {"thinkingConfig": config}});
    for (to, model, level, expected) in [
        (OPENAI, "gpt-5.2", Reasoning::None, json!({"reasoning_effort": "none"})),
        (OPENAI, "gpt-5.2", Reasoning::Max, json!({"reasoning_effort": "xhigh"})),
        (OWN, "qwen3", Reasoning::Low, json!({"reasoning_effort": "low"})),
        (OWN, "qwen3", Reasoning::Max, json!({"reasoning_effort": "high"})),
        (responses, "gpt-5-mini", Reasoning::None, json!({"reasoning": {"effort": "minimal"}})),
        (responses, "gpt-5-mini", Reasoning::High, json!({"reasoning": {"effort": "high"}})),
        (anthropic, claude, Reasoning::None, off.clone()),
        (
            anthropic,
            claude,
            Reasoning::Medium,
            json!({"max_tokens": 32000, "thinking": {"type": "enabled", "budget_tokens": 16000}}),
        ),
        (
            anthropic,
            "claude-opus-4-6",
            Reasoning::Max,
            json!({"max_tokens": 32000, "thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ),
        (gemini, "gemini-2.5-flash", Reasoning::None, config(json!({"thinkingBudget": 0}))),
        (gemini, "gemini-3-pro-preview", Reasoning::Max, config(json!({"thinkingLevel": "high"}))),
        (ollama, "qwen3", Reasoning::None, json!({"think": false})),
        (ollama, "qwen3", Reasoning::Max, json!({"think": true})),
        (ollama, "gpt-oss:20b", Reasoning::Medium, json!({"think": "medium"})),
        (openrouter, "openai/gpt-5", Reasoning::None, json!({"reasoning": {"effort": "none"}})),
        (openrouter, "x/y", Reasoning::Max, json!({"reasoning": {"effort": "max"}})),
        (deepseek, "deepseek-chat", Reasoning::None, off.clone()),
        (deepseek, "deepseek-chat", Reasoning::Max, on("max")),
        (zhipu, "glm-5.2", Reasoning::None, off),
        (zhipu, "glm-5.2", Reasoning::High, on("high")),
        (groq, "qwen/qwen3-32b", Reasoning::None, json!({"reasoning_effort": "none"})),
        (groq, "qwen/qwen3-32b", Reasoning::High, json!({"reasoning_effort": "default"})),
        (groq, "openai/gpt-oss-120b", Reasoning::Max, json!({"reasoning_effort": "high"})),
        (mistral, "mistral-small-latest", Reasoning::Low, json!({"reasoning_effort": "high"})),
        (mistral, "mistral-large-4", Reasoning::Low, json!({"reasoning_effort": "low"})),
        (xai, "grok-4.3", Reasoning::Low, json!({"reasoning_effort": "low"})),
    ] {
        assert_eq!(told(to, &thinking(model, level)), expected, "{} {model} {level:?}", to.1);
    }
}

#[test]
fn claude_thinks_within_the_limit_and_at_its_own_temperature() {
    let asked = |max_tokens, reasoning| ModelRequest {
        max_tokens: Some(max_tokens),
        temperature: Some(0.5),
        ..thinking("claude-sonnet-4-5", reasoning)
    };
    let sent = |max_tokens, reasoning| body(&*at(&anthropic::ROW, "https://h"), &asked(max_tokens, reasoning));
    let high = sent(4000, Reasoning::High);
    assert_eq!((&high["max_tokens"], &high["thinking"]["budget_tokens"]), (&json!(4000), &json!(3000)));
    assert_eq!(high["temperature"], Value::Null);
    // Where there is no room, it does not think, and the temperature counts.
    let short = sent(1000, Reasoning::High);
    assert_eq!((&short["thinking"], &short["temperature"]), (&Value::Null, &json!(0.5)));
    assert_eq!(sent(4000, Reasoning::None)["temperature"], 0.5);
}

#[test]
fn what_else_is_asked_goes_by_the_name_that_a_vendor_has_for_it() {
    let (top_p, stop) = (Some(0.9), vec!["END".to_owned()]);
    let all = Tuning { top_p, stop: stop.clone(), seed: Some(7), ..Tuning::default() };
    let plain = json!({"top_p": 0.9, "stop": ["END"], "seed": 7});
    let kept = Tuning { keep_alive: Some(json!("10m")), ..all.clone() };
    let unseeded = Tuning { seed: None, ..all.clone() };
    let short = Tuning { top_p, ..Tuning::default() };
    for (to, tuning, expected) in [
        (OPENAI, &all, plain.clone()),
        ((&zhipu::ROW, "https://h"), &all, plain.clone()),
        ((&openai::ROW, "https://api.mistral.ai/v1"), &all, json!({"top_p": 0.9, "stop": ["END"], "random_seed": 7})),
        ((&responses::ROW, "https://h"), &short, json!({"top_p": 0.9})),
        ((&anthropic::ROW, "https://h"), &unseeded, json!({"top_p": 0.9, "stop_sequences": ["END"]})),
        (
            (&gemini::ROW, "https://h"),
            &all,
            json!({"generationConfig": {"topP": 0.9, "stopSequences": ["END"], "seed": 7}}),
        ),
        ((&ollama::ROW, "http://h"), &kept, json!({"options": plain, "keep_alive": "10m"})),
    ] {
        assert_eq!(told(to, &tuned("m", tuning.clone())), expected, "{}", to.1);
    }
}

#[test]
fn members_of_the_file_are_put_over_those_of_the_request() {
    let members = json!({
        "generationConfig": {"topK": 4},
        "stream_options": null,
        "temperature": 1.5,
        "chat_template_kwargs": {"enable_thinking": false},
    });
    let Value::Object(members) = members else { panic!("no object") };
    let tuning = Tuning { top_p: Some(0.5), body: members, ..Tuning::default() };
    for vendor in ALL {
        let server = Server::start();
        let asked = ModelRequest { temperature: Some(0.1), ..tuned("m", tuning.clone()) };
        ask_of(&remote(&wire(vendor, &server)), &asked, &PATIENT)
            .unwrap_or_else(|it| panic!("{}: {it:?}", vendor.name));
        let sent = &server.seen()[0].body;
        assert_eq!(sent["temperature"], 1.5, "{}", vendor.name);
        assert_eq!(sent["chat_template_kwargs"], json!({"enable_thinking": false}), "{}", vendor.name);
        assert_eq!(sent["generationConfig"]["topK"], 4, "{}", vendor.name);
        assert!(sent.get("stream_options").is_none(), "{}: null takes a member out", vendor.name);
    }
    let server = Server::start();
    let asked = tuned("m", tuning);
    assert!(ask_of(&remote(&wire(&gemini::ROW, &server)), &asked, &PATIENT).is_ok());
    // What orch says beside it stays.
    assert_eq!(server.seen()[0].body["generationConfig"], json!({"topP": 0.5, "topK": 4}));
}

#[test]
fn a_model_that_cannot_think_as_it_is_told_is_asked_without() {
    for (vendor, model, key, message) in [
        (&openai::ROW, "gpt-4o", "/reasoning_effort", "Unrecognized request argument supplied: reasoning_effort"),
        (
            &responses::ROW,
            "gpt-5",
            "/reasoning",
            "Unsupported value: 'max' is not supported with the 'gpt-5' model. Unsupported parameter: 'reasoning.effort'",
        ),
        (&anthropic::ROW, "claude-opus-4-6", "/thinking", "adaptive thinking is not supported on this model"),
        (
            &gemini::ROW,
            "gemini-2.0-flash",
            "/generationConfig/thinkingConfig",
            "Thinking is not enabled for this model",
        ),
        (&ollama::ROW, "llama3.2", "/think", "\"llama3.2\" does not support thinking"),
    ] {
        let refusal = json!({"error": {"message": message, "type": "invalid_request_error"}});
        let server = Server::start();
        server.when("hello", [Act::error(400, &refusal)]);
        let remote = remote(&wire(vendor, &server));
        let asked = thinking(model, Reasoning::Max);
        assert!(
            assert_fails(model, ask_of(&remote, &asked, &PATIENT), FailureKind::BadRequest, message).again,
            "{model}"
        );
        assert!(ask_of(&remote, &asked, &PATIENT).is_ok(), "{model}");
        let sent: Vec<bool> = server.seen().iter().map(|seen| seen.body.pointer(key).is_some()).collect();
        assert_eq!(sent, [true, false], "{model}");
    }
}

#[test]
fn an_answer_that_ends_at_a_stop_is_whole() {
    let stop = Tuning { stop: vec!["END".to_owned()], ..Tuning::default() };
    let ended = json!({"content": [{"type": "text", "text": "half"}], "stop_reason": "stop_sequence",
        "stop_sequence": "END", "type": "message", "role": "assistant"});
    let reply = after_request(&anthropic::ROW, &tuned("m", stop), &PATIENT, Act::json(ended.to_string())).unwrap();
    assert_eq!(reply.turn.text, "half");
}
