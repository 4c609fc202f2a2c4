//! What a program's complaint means, as far as its words leave no doubt.
//!
//! Programs pass on what their providers say, in words and in the codes of their APIs; see
//! <https://docs.anthropic.com/en/api/errors>, <https://platform.openai.com/docs/guides/error-codes>,
//! <https://ai.google.dev/gemini-api/docs/troubleshooting>.

use crate::model::status::by_words;
use crate::words::failure::FailureKind;

/// Phrases that say that what was paid for is used up, whatever else is said. As they stand in the programs: Claude Code
/// 2.1.332 (`You've hit your session limit · resets 3:50pm (Europe/Paris)`, also for a week, a model, an organization and
/// money), Codex 0.171 (`You've hit your usage limit. … or try again at …`), Gemini CLI 0.61 (`You have exhausted your daily
/// quota on this model.`).
const USED_UP: [&str; 23] = [
    "you've hit your",
    "you've reached your",
    "you hit your spend cap",
    "usage limit reached",
    "out of usage credits",
    "out of extra usage",
    "org is out of usage",
    "usage limit is set to $0",
    "doesn't include usage",
    "doesn't include extra usage",
    "requires usage credits",
    "usage allocation has been disabled",
    "spend limit reached",
    "workspace is out of credits",
    "you're out of credits",
    "reached your workspace credit limit",
    "quota exceeded. check your plan and billing",
    "to use codex with your chatgpt plan, upgrade",
    "exhausted your daily quota",
    "exhausted your capacity",
    "quota will reset after",
    "quota_exhausted",
    "insufficient_g1_credits_balance",
];

/// What a program says of a limit that is another's.
const NOT_USED_UP: &str = "(not your usage limit)";

/// Phrases in lower case, and what each of them alone means.
const PHRASES: [(FailureKind, &[&str]); 7] = [
    (
        FailureKind::Auth,
        &[
            "invalid api key",
            "invalid x-api-key",
            "incorrect api key",
            "api key not valid",
            "api key not found",
            "authentication_error",
            "authentication error",
            "authentication failed",
            "failed to authenticate",
            "unauthenticated",
            "401 unauthorized",
            "not logged in",
            "please run /login",
            "please set an auth method",
            "invalid auth method",
            "oauth token has expired",
            "permission_error",
        ],
    ),
    (
        FailureKind::Quota,
        &[
            "usage limit",
            "insufficient_quota",
            "exceeded your current quota",
            "credit balance is too low",
            "insufficient credits",
            "billing_error",
        ],
    ),
    (
        FailureKind::RateLimited,
        &["rate limit", "rate_limit", "too many requests", "resource_exhausted", "temporarily limiting requests"],
    ),
    (
        FailureKind::Overloaded,
        &["overloaded", "internal server error", "service unavailable", "at capacity", "bad gateway", "high demand"],
    ),
    (
        FailureKind::ContextTooLong,
        &[
            "prompt is too long",
            "input is too long",
            "maximum context length",
            "context_length_exceeded",
            "ran out of room in the model's context window",
            "exceeds the maximum number of tokens",
        ],
    ),
    (
        FailureKind::Connection,
        &[
            "connection error",
            "connection refused",
            "econnrefused",
            "econnreset",
            "enotfound",
            "fetch failed",
            "stream disconnected",
            "error sending request",
        ],
    ),
    (
        FailureKind::BadRequest,
        &[
            "unknown option",
            "unknown argument",
            "unexpected argument",
            "unrecognized option",
            "unrecognized argument",
            "invalid_request_error",
            "not_found_error",
            "not inside a trusted directory",
            "not running in a trusted directory",
        ],
    ),
];

/// The class of a failure that is told in words; `None` where they mean nothing or several things.
pub(super) fn kind(said: &str) -> Option<FailureKind> {
    let said = said.to_lowercase().replace('\u{2019}', "'").replace(NOT_USED_UP, "");
    if USED_UP.iter().any(|phrase| said.contains(phrase)) {
        return Some(FailureKind::Quota);
    }
    let says = |(_, phrases): &&(FailureKind, &[&str])| phrases.iter().any(|phrase| said.contains(phrase));
    let mut kinds: Vec<_> = PHRASES.iter().filter(says).map(|(kind, _)| *kind).collect();
    if kinds.len() > 1 {
        // A code of the API that says no more than "not like this" stands beside words that say what is wrong.
        kinds.retain(|kind| *kind != FailureKind::BadRequest);
    }
    match kinds[..] {
        [one] => Some(one),
        // Google's word for both; the one that passes is the one to try.
        [FailureKind::Quota, FailureKind::RateLimited] => Some(FailureKind::RateLimited),
        // The words of a provider that nobody has wrapped.
        [] => by_words(&said),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_classed_where_it_leaves_no_doubt() {
        for (said, expected) in [
            ("Invalid API key · Please run /login", Some(FailureKind::Auth)),
            (
                r#"API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"x"}}"#,
                Some(FailureKind::Auth),
            ),
            ("You've hit your usage limit. Try again at 5pm.", Some(FailureKind::Quota)),
            ("Claude AI usage limit reached|1760000000", Some(FailureKind::Quota)),
            ("You\u{2019}ve hit your session limit \u{b7} resets 3:50pm (Europe/Paris)", Some(FailureKind::Quota)),
            ("You've hit your org's monthly usage limit", Some(FailureKind::Quota)),
            ("You're out of usage credits. Run /usage-credits", Some(FailureKind::Quota)),
            ("Your workspace is out of credits. Add credits to continue.", Some(FailureKind::Quota)),
            (
                "API Error: Server is temporarily limiting requests (not your usage limit) \u{b7} Try again.",
                Some(FailureKind::RateLimited),
            ),
            ("You have exhausted your daily quota on this model. (resource_exhausted)", Some(FailureKind::Quota)),
            ("This endpoint's maximum prompt length is 131072", Some(FailureKind::ContextTooLong)),
            ("429 RESOURCE_EXHAUSTED: You exceeded your current quota", Some(FailureKind::RateLimited)),
            ("API Error: Rate limit reached", Some(FailureKind::RateLimited)),
            (r#"API Error: 529 {"error":{"type":"overloaded_error"}}"#, Some(FailureKind::Overloaded)),
            (
                r#"400 {"error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#,
                Some(FailureKind::ContextTooLong),
            ),
            ("error: unexpected argument '--json' found", Some(FailureKind::BadRequest)),
            ("invalid api key, or the service is overloaded", None),
            ("segmentation fault", None),
            ("", None),
        ] {
            assert_eq!(kind(said), expected, "{said}");
        }
    }
}
