//! What a program's complaint means, as far as its words leave no doubt.
//!
//! Programs pass on what their providers say, in words and in the codes of their APIs; see
//! <https://docs.anthropic.com/en/api/errors>, <https://platform.openai.com/docs/guides/error-codes>,
//! <https://ai.google.dev/gemini-api/docs/troubleshooting>.

use crate::words::failure::FailureKind;

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
    (FailureKind::RateLimited, &["rate limit", "rate_limit", "too many requests", "resource_exhausted"]),
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
    let said = said.to_lowercase();
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
