//! What a provider's error means: from its HTTP status, its headers, and the words inside of its body.
//!
//! The same table serves an error status, an error inside of a 200, and an error in the middle of a stream.
//! The words are in `status/table.rs`, each with its source.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::model::reset::reset_ms;
use crate::net::http::{HeaderMap, HeaderValue, StatusCode, header};
use crate::plan::retry::LONGEST_WAIT;
use crate::words::failure::{Failure, FailureKind};
use crate::words::text::duration;

mod table;

pub(crate) use table::{by_words, lacks_memory};

/// A longer wait than a year says no more than a year, and would only overflow sums.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(365 * 24 * 3600);

/// An error as a provider reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The provider's words for a person.
    pub message: String,
    /// Its words for a program (`type`, `code`, `status`), in lower case.
    pub codes: Vec<String>,
    /// The number inside of the body that looks like an HTTP status.
    pub status: Option<u16>,
    /// How long the body asks to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl Report {
    /// The error in `body`, if that is one, in any of the forms that servers use: `{"error": {…}}`, `{"error": "…"}`,
    /// `[{"error": {…}}]`, `{"type": "error", …}`, `{"object": "error", …}`.
    #[must_use]
    pub fn find(body: &Value) -> Option<Self> {
        let body = body.as_array().and_then(|list| list.first()).unwrap_or(body);
        match &body["error"] {
            Value::Null if body["type"] == "error" || body["object"] == "error" => Some(Self::read(body)),
            Value::Null | Value::Bool(false) => None,
            Value::String(nothing) if nothing.is_empty() => None,
            Value::Object(nothing) if nothing.is_empty() => None,
            error => Some(Self::read(error)),
        }
    }

    /// The error that the body of an error status must be, in whatever form: FastAPI's `{"detail": …}` and a bare
    /// `{"message": …}` too.
    fn of_error_status(body: &Value) -> Self {
        Self::find(body).unwrap_or_else(|| Self::read(body))
    }

    fn read(error: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let message = text(error)
            .or_else(|| ["message", "detail", "error"].iter().find_map(|key| text(&error[key])))
            // OpenRouter passes the words of the provider behind it on in here.
            .map(|message| match error["metadata"]["raw"].as_str() {
                Some(raw) => format!("{message}: {raw}"),
                None => message,
            })
            .unwrap_or_default();
        // OpenRouter's moderation says which rules a prompt broke.
        let is_flagged = error["metadata"]["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty());
        let flagged = is_flagged.then(|| "content_policy_violation".to_owned());
        // Groq shows what the model wrote where it was no call and no JSON.
        let failed = error["failed_generation"].is_string().then(|| "tool_use_failed".to_owned());
        let codes = flagged
            .into_iter()
            .chain(failed)
            .chain(google_reasons(error))
            .chain(["code", "type", "status"].iter().filter_map(|key| text(&error[key])));
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let status = ["code", "status"].iter().find_map(|key| number(&error[key]));
        Self {
            message,
            codes: codes.map(|code| code.to_ascii_lowercase()).filter(|code| code != "error").collect(),
            status: status.and_then(|n| u16::try_from(n).ok()).filter(|n| (400..600).contains(n)),
            retry_after_ms: google_details(error).find_map(|detail| delay_ms(detail["retryDelay"].as_str()?)),
        }
    }

    /// The class of the failure. A precise word wins over any number, since servers put `insufficient_quota` under 429
    /// and a prompt that is too long under 400 or 500; a vague word is asked only where there is no number. Codes for
    /// limits and for keys are as good as the sentence beside them: used-up money hides behind both.
    fn kind(&self, status: Option<u16>) -> Option<FailureKind> {
        let number = self.status.or(status);
        let code = self.codes.iter().find_map(|code| table::by_code(code).or_else(|| kind_of_zhipus_code(code)));
        let is_vague = matches!(code, None | Some(FailureKind::RateLimited | FailureKind::Auth));
        let words = || by_words(&self.message).filter(|kind| fits(*kind, number));
        is_vague
            .then(words)
            .flatten()
            .or(code)
            .or_else(|| lacks_memory(&self.message).then_some(FailureKind::Overloaded))
            .or_else(|| number.and_then(by_status))
            .or_else(|| self.codes.iter().find_map(|code| vague(code)))
    }
}

impl Report {
    /// How long to wait, as the headers, the body or the sentence says. A sentence is asked about limits only.
    fn wait(&self, kind: FailureKind, headers: &HeaderMap) -> Option<u64> {
        let is_limit = matches!(kind, FailureKind::RateLimited | FailureKind::Quota);
        let now = SystemTime::now();
        let in_words = || is_limit.then(|| reset_ms(&self.message, now)).flatten();
        retry_after_ms(headers, now).or(self.retry_after_ms).or_else(in_words)
    }

    /// What the provider says of another try. That it helps is heard where nothing better is known than a status that
    /// says otherwise: <https://github.com/anthropics/anthropic-sdk-python/blob/main/src/anthropic/_base_client.py>.
    fn should_retry(&self, kind: FailureKind, headers: &HeaderMap) -> Option<bool> {
        if lacks_memory(&self.message) {
            return Some(false);
        }
        match headers.get("x-should-retry").map(HeaderValue::as_bytes) {
            Some(b"false") => Some(false),
            Some(b"true") if kind == FailureKind::BadRequest => Some(true),
            _ => None,
        }
    }
}

/// Whether a sentence can mean this under a status. Under those of keys, most sentences about lengths are about keys.
fn fits(kind: FailureKind, number: Option<u16>) -> bool {
    !matches!((kind, number), (FailureKind::ContextTooLong, Some(401 | 403)))
}

/// The failure for an answer with an error status. `excerpt` is the beginning of a body that is no JSON.
#[must_use]
pub(crate) fn failure_of_status(
    host: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    excerpt: &str,
) -> Failure {
    let report = serde_json::from_slice(body).map(|body| Report::of_error_status(&body)).unwrap_or_default();
    let said = if report.message.is_empty() { excerpt } else { &report.message };
    let mut message = format!("{host} answered {status}");
    if !said.is_empty() {
        message = format!("{message}: {said}");
    }
    if status == StatusCode::NOT_FOUND && report.message.is_empty() {
        message.push_str(" (is the base URL right? Most end in /v1)");
    }
    let kind = report.kind(Some(status.as_u16())).unwrap_or(FailureKind::BadRequest);
    let retry_after_ms = report.wait(kind, headers);
    if let Some(ms) = retry_after_ms.filter(|&ms| Duration::from_millis(ms) > LONGEST_WAIT) {
        message.push_str(&format!(" (it asks to wait {}, which is too long to wait for)", duration(ms)));
    }
    Failure {
        kind,
        message,
        status: Some(status.as_u16()),
        retry_after_ms,
        should_retry: report.should_retry(kind, headers),
    }
}

/// The failure for an error that is reported inside of an answer whose status says success. One that nobody can class
/// is taken for a breakdown, which is tried again.
#[must_use]
pub(crate) fn failure_in_answer(host: &str, report: &Report, headers: &HeaderMap) -> Failure {
    let kind = report.kind(None).unwrap_or(FailureKind::Overloaded);
    let said = match (&*report.message, report.codes.first()) {
        ("", None) => "an error without a message",
        ("", Some(code)) => code,
        (message, _) => message,
    };
    Failure {
        kind,
        message: format!("{host} reports an error in its answer: {said}"),
        status: report.status,
        retry_after_ms: report.wait(kind, headers),
        should_retry: report.should_retry(kind, headers),
    }
}

/// What Google says about an error for a program: <https://google.aip.dev/193>.
fn google_details(error: &Value) -> impl Iterator<Item = &Value> {
    error["details"].as_array().into_iter().flatten()
}

/// Reasons that are more precise than the status. A quota for a day comes under the same status as one for a minute, and
/// with a delay that is as short, but it is not open again before the day is over.
fn google_reasons(error: &Value) -> impl Iterator<Item = String> {
    let is_daily = |violation: &Value| {
        violation["quotaId"].as_str().is_some_and(|id| id.contains("PerDay")) || violation["quotaValue"] == "0"
    };
    let is_spent = move |detail: &Value| detail["violations"].as_array().is_some_and(|all| all.iter().any(is_daily));
    google_details(error).filter_map(move |detail| {
        let reason = if is_spent(detail) { Some("insufficient_quota") } else { detail["reason"].as_str() };
        reason.map(str::to_owned)
    })
}

/// A duration as Google writes it, `37s` or `0.5s`, in milliseconds.
fn delay_ms(text: &str) -> Option<u64> {
    let seconds = text.strip_suffix('s')?.parse::<f64>().ok().filter(|n| n.is_finite() && n.is_sign_positive())?;
    u64::try_from(Duration::from_secs_f64(seconds.min(MAX_RETRY_AFTER.as_secs_f64())).as_millis()).ok()
}

pub(super) fn by_status(status: u16) -> Option<FailureKind> {
    Some(match status {
        401 | 403 | 407 => FailureKind::Auth,
        402 => FailureKind::Quota,
        413 => FailureKind::ContextTooLong,
        408 => FailureKind::Timeout,
        409 | 425 | 500..=599 => FailureKind::Overloaded,
        429 => FailureKind::RateLimited,
        400..=499 => FailureKind::BadRequest,
        _ => return None,
    })
}

fn vague(code: &str) -> Option<FailureKind> {
    Some(match code {
        "timeout_error" | "timeout" | "deadline_exceeded" => FailureKind::Timeout,
        "permission_denied" => FailureKind::Auth,
        "invalid_request_error"
        | "invalid_argument"
        | "not_found_error"
        | "not_found"
        | "model_not_found"
        | "badrequesterror"
        | "invalid_prompt"
        | "failed_precondition" => FailureKind::BadRequest,
        _ => return None,
    })
}

/// How long the provider asks to wait, in milliseconds: `retry-after-ms`, or `Retry-After` in seconds (RFC 9110, with
/// fractions) or as a date. What is negative, past or junk counts as absent.
fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && n.is_sign_positive());
    let after = header::RETRY_AFTER.as_str();
    let in_ms = || Some(number(text("retry-after-ms")?)? / 1000.0);
    let in_seconds = || number(text(after)?);
    let until = || httpdate::parse_http_date(text(after)?).ok()?.duration_since(now).ok();
    let wait = match in_ms().or_else(in_seconds) {
        Some(seconds) => Duration::from_secs_f64(seconds.min(MAX_RETRY_AFTER.as_secs_f64())),
        None => until()?.min(MAX_RETRY_AFTER),
    };
    u64::try_from(wait.as_millis()).ok()
}

/// The class of an error that Zhipu writes as a number in quotation marks. Its statuses do not tell: an account without
/// money is a 429 too.
fn kind_of_zhipus_code(code: &str) -> Option<FailureKind> {
    Some(match code {
        "1000" | "1001" | "1002" | "1003" | "1004" | "1110" | "1111" | "1112" | "1121" | "1220" | "1311" => {
            FailureKind::Auth
        }
        // No money, or the limit of a day, a week or a plan.
        "1113" | "1304" | "1308" | "1309" | "1310" | "1313" => FailureKind::Quota,
        "1120" | "1200" | "1230" | "1234" | "1312" => FailureKind::Overloaded,
        "1210" | "1211" | "1212" | "1213" | "1214" | "1215" | "1221" | "1222" => FailureKind::BadRequest,
        "1261" => FailureKind::ContextTooLong,
        "1300" | "1301" => FailureKind::Refused,
        "1302" | "1303" | "1305" => FailureKind::RateLimited,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http::{HeaderName, HeaderValue};
    use serde_json::json;

    fn wait(name: &'static str, value: &str) -> Option<u64> {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 09:30:00 GMT").unwrap();
        let header = (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        retry_after_ms(&HeaderMap::from_iter([header]), now)
    }

    #[test]
    fn every_form_of_retry_after_is_read_and_junk_is_absent() {
        for (value, expected) in [
            ("3", Some(3000)),
            ("0.5", Some(500)),
            ("0", Some(0)),
            ("86400", Some(86_400_000)),
            ("Fri, 20 Nov 2026 09:30:20 GMT", Some(20_000)),
            ("Fri, 20 Nov 2026 09:29:00 GMT", None),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("inf", None),
            ("NaN", None),
            ("1e300", Some(365 * 86_400_000)),
        ] {
            assert_eq!(wait("retry-after", value), expected, "{value}");
        }
        assert_eq!(wait("retry-after-ms", "250"), Some(250));
        assert_eq!(wait("retry-after-ms", "-250"), None);
    }

    #[test]
    fn an_error_is_found_in_every_form_that_servers_use() {
        for body in [
            json!({"error": {"message": "m", "code": 429}}),
            json!({"error": {"message": "m", "code": "429"}}),
            json!([{"error": {"message": "m", "code": 429, "status": "RESOURCE_EXHAUSTED"}}]),
            json!({"object": "error", "message": "m", "code": 429}),
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "m"}}),
        ] {
            let report = Report::find(&body).unwrap();
            assert_eq!((&*report.message, report.kind(None)), ("m", Some(FailureKind::RateLimited)), "{body}");
        }
        assert_eq!(Report::find(&json!({"error": "m"})).unwrap().message, "m");
        assert_eq!(Report::of_error_status(&json!({"detail": "m"})).message, "m");
        for nothing in [json!(null), json!({}), json!("")] {
            assert_eq!(Report::find(&json!({"error": nothing, "choices": []})), None);
        }
    }

    #[test]
    fn a_precise_word_wins_over_the_status_and_a_vague_one_does_not() {
        for (status, error, expected) in [
            (429, json!({"code": "insufficient_quota", "type": "insufficient_quota"}), FailureKind::Quota),
            (400, json!({"message": "Your credit balance is too low"}), FailureKind::Quota),
            (400, json!({"code": "context_length_exceeded"}), FailureKind::ContextTooLong),
            (
                400,
                json!({"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}),
                FailureKind::ContextTooLong,
            ),
            (500, json!({"type": "exceed_context_size_error", "code": 400}), FailureKind::ContextTooLong),
            (400, json!({"code": "content_filter"}), FailureKind::Refused),
            (401, json!({"type": "invalid_request_error", "code": "no_such_word"}), FailureKind::Auth),
            (500, json!({"type": "invalid_request_error"}), FailureKind::Overloaded),
            (500, json!({"code": 429}), FailureKind::RateLimited),
        ] {
            let report = Report::of_error_status(&json!({ "error": error }));
            assert_eq!(report.kind(Some(status)), Some(expected), "{status} {error}");
        }
    }
}
