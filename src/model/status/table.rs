//! What vendors' words mean: codes for programs and phrases for people, each row with its source.
//!
//! Where no vendor documents its words, the source is where they were seen. Codes and phrases are in lower case.

use crate::words::failure::FailureKind;

/// Words that mean one class of failure.
pub(super) struct Row {
    pub(super) kind: FailureKind,
    /// Words for programs: `type`, `code`, `status`, `reason`.
    pub(super) codes: &'static [&'static str],
    /// Parts of sentences for people.
    pub(super) phrases: &'static [&'static str],
    /// Whose words they are, and where they stand.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for readers, and a test that no row is without one"))]
    pub(super) source: &'static str,
}

const fn row(
    kind: FailureKind,
    codes: &'static [&'static str],
    phrases: &'static [&'static str],
    source: &'static str,
) -> Row {
    Row { kind, codes, phrases, source }
}

/// What the words of a server mean that has not enough memory for the model: it will not have more in a moment.
pub(super) const NO_MEMORY: Row = row(
    FailureKind::Overloaded,
    &[],
    &[
        "requires more system memory",
        "out of memory",
        "outofmemoryerror",
        "cudamalloc failed",
        "insufficient system resources",
        "insufficient_system_resource",
        "no available memory for the",
    ],
    "Ollama: server/sched.go, llm/server.go; LM Studio: its model loading guardrails; vLLM: v1/core/kv_cache_utils.py; \
     PyTorch: torch.OutOfMemoryError; DeepSeek: https://api-docs.deepseek.com/api/create-chat-completion",
);

/// The table. Of several rows that fit, the first counts.
#[rustfmt::skip]
pub(super) const ROWS: [Row; 32] = [
    // The answer that the model wrote cannot be read: another throw of the dice.
    row(FailureKind::Malformed, &["tool_use_failed", "json_validate_failed", "output_parse_failed"],
        &["see 'failed_generation'", "failed to call a function. please adjust your prompt"],
        "Groq: https://console.groq.com/docs/tool-use, https://console.groq.com/docs/structured-outputs"),
    row(FailureKind::Malformed, &[], &["error parsing tool call"], "Ollama: server/routes.go"),

    // A filter has declined this prompt or this answer.
    row(FailureKind::Refused, &["content_filter", "content_policy_violation", "image_content_policy_violation", "moderation_blocked"],
        &["rejected as a result of our safety system", "flagged as potentially violating our usage policy", "content management policy"],
        "OpenAI and Azure: https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter"),
    row(FailureKind::Refused, &[], &["requires moderation on", "your input was flagged for"],
        "OpenRouter, with 403: https://openrouter.ai/docs/api/reference/errors-and-debugging#moderation-errors"),
    row(FailureKind::Refused, &[], &["output blocked by content filtering policy"], "Anthropic: anthropics/claude-code#2111"),
    row(FailureKind::Refused, &[], &["content exists risk"], "DeepSeek: deepseek-ai/DeepSeek-V3#599"),
    row(FailureKind::Refused, &[], &["content violates usage guidelines"], "xAI, with 403: https://docs.x.ai/docs/key-information/debugging"),
    row(FailureKind::Refused, &["data_inspection_failed"], &["may contain inappropriate content"],
        "Alibaba: https://help.aliyun.com/zh/model-studio/error-code"),

    // The prompt is longer than the model can take, or than all that it may be sent in a minute.
    row(FailureKind::ContextTooLong, &["context_length_exceeded", "string_above_max_length"],
        &["maximum context length", "exceeds the context window", "exceed the configured limit", "reduce the length of the messages"],
        "OpenAI: https://platform.openai.com/docs/guides/error-codes; Mistral, DeepSeek, OpenRouter, Groq and SGLang share words"),
    row(FailureKind::ContextTooLong, &["request_too_large"],
        &["prompt is too long", "exceed context limit", "request exceeds the maximum size"],
        "Anthropic, the last with 413: https://docs.claude.com/en/api/errors"),
    row(FailureKind::ContextTooLong, &[], &["exceeds the maximum number of tokens"], "Google: googleapis/python-genai#842"),
    row(FailureKind::ContextTooLong, &[],
        &["is longer than the maximum model length", "however, the model's context length is only", "exceeds model's maximum"],
        "vLLM: v1/engine/input_processor.py, renderers/params.py"),
    row(FailureKind::ContextTooLong, &[], &["is longer than the model's context length", "exceeds the maximum allowed length"],
        "SGLang: srt/managers/tokenizer_manager.py, utils.py"),
    row(FailureKind::ContextTooLong, &[], &["`inputs` must have less than", "`inputs` tokens + `max_new_tokens` must be"],
        "TGI: router/src/validation.rs"),
    row(FailureKind::ContextTooLong, &["exceed_context_size_error"],
        &["exceeds the available context size", "input is too large to process", "context size has been exceeded"],
        "llama.cpp: tools/server/server-context.cpp"),
    row(FailureKind::ContextTooLong, &[],
        &["when context the overflows", "when context overflows", "is loaded with context length of only", "is loaded with a context length of only",
          "tokens to keep from the initial prompt is greater than"],
        "LM Studio: lmstudio-ai/lmstudio-bug-tracker#237, #546, #2205"),
    row(FailureKind::ContextTooLong, &[], &["maximum prompt length is"], "xAI: cline/cline#3120"),
    row(FailureKind::ContextTooLong, &[], &["exceed the context length", "exceeds the context length", "exceeded max context length"],
        "Ollama: server/prompt.go, llm/server.go"),
    row(FailureKind::ContextTooLong, &[],
        &["input is too long", "context window exceeds limit", "exceeded model token limit", "range of input length should be", "prompt token count of"],
        "Bedrock, MiniMax, Moonshot, Alibaba, GitHub Copilot: their errors in earendil-works/pi, packages/ai/src/utils/overflow.ts"),
    row(FailureKind::ContextTooLong, &[], &["request too large for"],
        "Groq with 413 and OpenAI with 429, where one request is more than a minute's quota: \
         https://console.groq.com/docs/rate-limits, https://community.openai.com/t/498006"),

    // No money, or a budget that is used up for longer than a run waits.
    row(FailureKind::Quota, &["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"], &[],
        "OpenAI: https://platform.openai.com/docs/guides/error-codes"),
    row(FailureKind::Quota, &["billing_error"],
        &["credit balance is too low", "reached your specified api usage limits", "reached your specified workspace api usage limits"],
        "Anthropic, with 400: https://docs.claude.com/en/api/rate-limits#spend-limits"),
    row(FailureKind::Quota, &["budget_exceeded"], &["budget has been exceeded", "exceededbudget", "exceededtokenbudget"],
        "LiteLLM, with 400 or 429: litellm/exceptions.py (BudgetExceededError), litellm/proxy/auth"),
    row(FailureKind::Quota, &[],
        &["reached your hourly usage limit", "reached your session usage limit", "reached your weekly usage limit", "reached your monthly usage limit"],
        "Ollama's cloud, with 429: continuedev/continue#9233, #10579, #11444"),
    row(FailureKind::Quota, &["exceeded_current_quota_error"], &[], "Moonshot, with 403 or 429: MoonshotAI/Kimi-K2#5"),
    row(FailureKind::Quota, &[],
        &["key limit exceeded", "insufficient credits", "requires more credits", "free-models-per-day", "spend limit exceeded"],
        "OpenRouter, with 402, 403 or 429: https://openrouter.ai/docs/api/reference/limits"),
    row(FailureKind::Quota, &[], &["monthly spending cap", "prepayment credits are depleted"],
        "Google, with 429: https://ai.google.dev/gemini-api/docs/billing"),
    row(FailureKind::Quota, &[],
        &["used all available credits", "doesn't have any credits", "insufficient balance", "insufficient_balance", "monthly included credits", "blocked due to spend limit"],
        "xAI with 403, DeepSeek and Moonshot, Hugging Face, Groq: https://docs.x.ai/docs/key-information/debugging, \
         https://api-docs.deepseek.com/quick_start/error_codes"),

    // The key. With 400, as Google and xAI write it.
    row(FailureKind::Auth,
        &["authentication_error", "permission_error", "invalid_api_key", "api_key_invalid", "unauthenticated"],
        &["api key not valid", "api key not found", "api key expired", "incorrect api key provided", "invalid api key"],
        "Google: https://ai.google.dev/gemini-api/docs/troubleshooting; xAI: https://docs.x.ai/docs/key-information/debugging"),
    row(FailureKind::Auth, &[], &["this organization has been disabled"], "Anthropic, with 400: anthropics/claude-code#5088"),

    // Codes alone: what these say in sentences is said of other things too.
    row(FailureKind::RateLimited, &["rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests", "resource_exhausted"],
        &[], "OpenAI, Anthropic, Google"),
    row(FailureKind::Overloaded, &["overloaded_error", "overloaded"], &[], "Anthropic: https://docs.claude.com/en/api/errors"),
];

/// The class that a word for programs means.
pub(super) fn by_code(code: &str) -> Option<FailureKind> {
    ROWS.iter().find(|row| row.codes.contains(&code)).map(|row| row.kind)
}

/// The class that a sentence means.
pub(crate) fn by_words(message: &str) -> Option<FailureKind> {
    let message = message.to_ascii_lowercase();
    let row = ROWS.iter().find(|row| row.phrases.iter().any(|phrase| message.contains(phrase)));
    row.map(|row| row.kind).or_else(|| {
        let asks_more = asks_more_than_all(&message);
        asks_more
            .then_some(FailureKind::ContextTooLong)
            .or_else(|| has_no_quota(&message).then_some(FailureKind::Quota))
    })
}

/// Whether a server says that it has not enough memory.
pub(crate) fn lacks_memory(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    NO_MEMORY.phrases.iter().any(|phrase| message.contains(phrase))
}

/// Whether one request is more than the whole quota, so that no wait helps: `Limit 6000, Requested 9000`, as Groq and
/// OpenAI write it, with or without what is used.
fn asks_more_than_all(message: &str) -> bool {
    let limit = number_after(message, "limit ");
    limit.zip(number_after(message, "requested ")).is_some_and(|(limit, requested)| requested > limit)
}

/// Whether there is no quota at all: `limit: 0`, as Google writes it for models that a plan has not.
fn has_no_quota(message: &str) -> bool {
    message.contains("quota") && number_after(message, "limit: ") == Some(0)
}

/// The number that follows the last occurrence of `word`.
fn number_after(message: &str, word: &str) -> Option<u64> {
    let rest = &message[message.rfind(word)? + word.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(rest.len());
    rest[..end].trim_end_matches(',').replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_words_in_lower_case_and_a_source() {
        for row in ROWS.iter().chain([&NO_MEMORY]) {
            assert!(!row.source.is_empty() && row.codes.len() + row.phrases.len() > 0);
            for word in row.codes.iter().chain(row.phrases) {
                assert_eq!(*word, word.to_ascii_lowercase());
            }
        }
    }

    #[test]
    fn a_request_that_is_more_than_the_whole_quota_is_told_from_one_that_comes_too_early() {
        for (message, expected) in [
            ("Rate limit reached on tokens per minute (TPM): Limit 6,000, Used 5,500, Requested 900.", None),
            ("Tokens per minute (TPM): Limit 6000, Used 0, Requested 9000.", Some(FailureKind::ContextTooLong)),
            ("Quota exceeded for metric: x, limit: 0, model: m", Some(FailureKind::Quota)),
            ("Quota exceeded for metric: x, limit: 0\nPlease retry in 12s", Some(FailureKind::Quota)),
            ("Quota exceeded for metric: x, limit: 20, model: m", None),
        ] {
            assert_eq!(by_words(message), expected, "{message}");
        }
    }
}
