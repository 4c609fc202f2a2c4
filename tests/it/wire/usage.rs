//! What each vendor means by its numbers: which tokens are part of which, and which cost something else.
//!
//! Anthropic: <https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance>.
//! OpenAI: <https://platform.openai.com/docs/guides/prompt-caching>. Gemini: <https://ai.google.dev/api/generate-content>.

use orch::words::failure::FailureKind;
use orch::words::usage::Usage;
use serde_json::{Value, json};

use super::{ALL, PATIENT, after, after_request, assert_answers, assert_fails, request};
use crate::server::Act;
use crate::server::vendor::{Vendor, anthropic, gemini, ollama, openai, responses, zhipu};

/// What a vendor's wire makes of one act.
fn used(act: Act, vendor: &Vendor) -> Usage {
    after(vendor, act).unwrap().usage
}

/// Messages as a stream, with the numbers of its beginning and of its end.
fn messages(first: &Value, last: &Value) -> Act {
    let text = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}});
    anthropic::ROW.sends(anthropic::ROW.open(&[
        json!({"type": "message_start", "message": {"content": [], "usage": first}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        text,
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}),
        json!({"type": "message_stop"}),
    ]))
}

#[test]
fn usage_that_stands_in_a_choice_is_read() {
    let usage = json!({"prompt_tokens": 12, "completion_tokens": 3});
    let end = json!({"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop", "usage": usage}]});
    let used = used(openai::ROW.sends(openai::ROW.open(&[end]) + openai::ROW.last), &openai::ROW);
    assert_eq!((used.input_tokens, used.output_tokens, used.estimated), (12, 3, false));
}

#[test]
fn anthropic_counts_the_cache_apart_from_the_input() {
    let first = json!({
        "input_tokens": 50, "cache_creation_input_tokens": 1000, "cache_read_input_tokens": 9000, "output_tokens": 1,
        "cache_creation": {"ephemeral_5m_input_tokens": 700, "ephemeral_1h_input_tokens": 300},
    });
    let expected = Usage {
        input_tokens: 10_050,
        output_tokens: 42,
        cached_tokens: 9000,
        cache_write_tokens: 1000,
        cache_write_1h_tokens: 300,
        ..Usage::default()
    };
    assert_eq!(used(messages(&first, &json!({"output_tokens": 42})), &anthropic::ROW), expected);
    // The end may say everything once more: the numbers are sums so far, and are not added up.
    let mut last = first.clone();
    last["output_tokens"] = json!(42);
    assert_eq!(used(messages(&first, &last), &anthropic::ROW), expected);
    // Some servers know nothing before the end, and some do not stream.
    assert_eq!(used(messages(&json!({"input_tokens": 0, "output_tokens": 0}), &last), &anthropic::ROW), expected);
    let whole = json!({"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "usage": last});
    assert_eq!(used(Act::json(whole.to_string()), &anthropic::ROW), expected);
}

#[test]
fn what_anthropic_keeps_counts_with_and_without_the_sum() {
    for usage in [
        json!({"input_tokens": 4, "cache_creation_input_tokens": 6, "output_tokens": 1}),
        json!({"input_tokens": 4, "cache_creation": {"ephemeral_5m_input_tokens": 6}, "output_tokens": 1}),
    ] {
        let used = used(messages(&usage, &json!({"output_tokens": 5})), &anthropic::ROW);
        assert_eq!((used.input_tokens, used.cache_write_tokens, used.cache_write_1h_tokens), (10, 6, 0), "{usage}");
    }
}

/// Chat Completions with these numbers at the end.
fn completion(usage: &Value) -> Act {
    openai::ROW.sends(openai::ROW.open(&[
        json!({"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": usage}),
    ]))
}

#[test]
fn chat_completions_count_the_cache_and_the_thoughts_among_the_rest() {
    let usage = json!({
        "prompt_tokens": 2000, "completion_tokens": 300, "total_tokens": 2300,
        "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 512},
        "completion_tokens_details": {"reasoning_tokens": 256},
    });
    let expected = Usage {
        input_tokens: 2000,
        output_tokens: 300,
        cached_tokens: 1024,
        cache_write_tokens: 512,
        ..Usage::default()
    };
    assert_eq!(used(completion(&usage), &openai::ROW), expected);
    assert_eq!(used(completion(&usage), &zhipu::ROW), expected);
    // A proxy of Anthropic, a vendor with its own word, and thoughts that come on top, as the total says.
    for (usage, [input, output, cached, written]) in [
        (json!({"prompt_tokens": 90, "completion_tokens": 5, "cache_creation_input_tokens": 30}), [90, 5, 0, 30]),
        (json!({"prompt_tokens": 90, "completion_tokens": 5, "prompt_cache_hit_tokens": 64}), [90, 5, 64, 0]),
        (
            json!({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 21, "completion_tokens_details": {"reasoning_tokens": 7}}),
            [9, 12, 0, 0],
        ),
        // No part is larger than the whole.
        (
            json!({"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6, "cache_write_tokens": 6}}),
            [9, 5, 6, 3],
        ),
    ] {
        let used = used(completion(&usage), &openai::ROW);
        let numbers = [used.input_tokens, used.output_tokens, used.cached_tokens, used.cache_write_tokens];
        assert_eq!(numbers, [input, output, cached, written], "{usage}");
    }
}

#[test]
fn responses_count_the_cache_and_the_thoughts_among_the_rest() {
    let usage = json!({
        "input_tokens": 2000, "input_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 512},
        "output_tokens": 300, "output_tokens_details": {"reasoning_tokens": 256}, "total_tokens": 2300,
    });
    let message = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]});
    let whole =
        json!({"object": "response", "status": "completed", "error": null, "output": [message], "usage": usage});
    let used = used(Act::json(whole.to_string()), &responses::ROW);
    let expected = Usage {
        input_tokens: 2000,
        output_tokens: 300,
        cached_tokens: 1024,
        cache_write_tokens: 512,
        ..Usage::default()
    };
    assert_eq!(used, expected);
}

#[test]
fn gemini_counts_the_cache_among_the_prompt_and_thoughts_apart_from_the_answer() {
    let chunk = json!({
        "candidates": [{"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 2000, "cachedContentTokenCount": 1024, "candidatesTokenCount": 44,
            "thoughtsTokenCount": 256, "totalTokenCount": 2300,
        },
    });
    let used = used(gemini::ROW.sends((gemini::ROW.frame)(&chunk)), &gemini::ROW);
    assert_eq!(used, Usage { input_tokens: 2000, output_tokens: 300, cached_tokens: 1024, ..Usage::default() });
}

#[test]
fn ollama_counts_the_prompt_and_the_answer_and_no_cache() {
    let line = json!({
        "message": {"content": "hi"}, "done": true, "done_reason": "stop", "prompt_eval_count": 20, "eval_count": 3,
    });
    assert_eq!(
        used(ollama::ROW.sends((ollama::ROW.frame)(&line)), &ollama::ROW),
        Usage { input_tokens: 20, output_tokens: 3, ..Usage::default() }
    );
}

#[test]
fn a_server_that_counts_far_less_than_was_sent_has_cut_the_prompt() {
    for vendor in ALL {
        let counting = |tokens: u64| {
            let said = vendor.stream(&vendor.says("hi"));
            let counted = format!(":{tokens},");
            vendor.sends(
                ["\"prompt_tokens\"", "\"input_tokens\"", "\"promptTokenCount\"", "\"prompt_eval_count\""]
                    .iter()
                    .fold(said, |said, key| said.replace(&format!("{key}:10,"), &format!("{key}{counted}")))
                    .replace("\"input_tokens\":4,", &format!("\"input_tokens\"{counted}"))
                    .replace("\"prompt_eval_count\":10}", &format!("\"prompt_eval_count\":{tokens}}}")),
            )
        };
        let long = request(&format!("hello {}", "word ".repeat(5_600)));
        let asked =
            |request: &orch::model::ModelRequest, tokens| after_request(vendor, request, &PATIENT, counting(tokens));
        let failed = assert_fails(vendor.name, asked(&long, 2_050), FailureKind::ContextTooLong, "has read 205");
        assert_eq!((failed.usage.map(|usage| usage.output_tokens), failed.unsettled), (Some(5), false));
        for (request, tokens) in [(&long, 6_900), (&long, 3_500), (&long, 10), (&request("hello"), 300)] {
            assert_answers(vendor.name, asked(request, tokens), "hi");
        }
    }
}
