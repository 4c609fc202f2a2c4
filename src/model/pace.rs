//! What a provider says of its limits in the headers of its answer: how much it still takes, and until when.
//!
//! Sources: <https://platform.openai.com/docs/guides/rate-limits>, <https://docs.anthropic.com/en/api/rate-limits>, and
//! the servers that copy them. What cannot be read counts as absent: pace is advice, and no answer fails for it.

use std::time::{Duration, SystemTime};

use crate::net::http::HeaderMap;
use crate::words::rate_limit::RateLimitInfo;

/// A reset that is further away than a year says no more than a year, and would only overflow sums.
const MAX_RESET: Duration = Duration::from_secs(365 * 24 * 3600);

/// A number of seconds from here on is a moment and no wait: it lies in the year 2001 or later.
const FIRST_EPOCH_SECONDS: f64 = 1e9;

/// From here on a moment is written in milliseconds.
const FIRST_EPOCH_MILLISECONDS: f64 = 1e12;

impl RateLimitInfo {
    /// What `headers` say; `None` if they say nothing.
    #[must_use]
    pub fn of(headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let left = |name: &str| whole(text(name)?);
        let reset = |name: &str| wait(text(name)?, now);
        let tokens = [
            ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
            ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
            ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
            ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
        ];
        // Anthropic tells the limit that is reached first as that of all tokens, and next to it each by itself.
        let (tokens_left, tokens_reset) = tokens
            .map(|(remaining, until)| (left(remaining), reset(until)))
            .into_iter()
            .find(|(left, reset)| left.is_some() || reset.is_some())
            .unwrap_or_default();
        let pace = Self {
            requests_left: left("x-ratelimit-remaining-requests")
                .or_else(|| left("anthropic-ratelimit-requests-remaining")),
            requests_reset: reset("x-ratelimit-reset-requests").or_else(|| reset("anthropic-ratelimit-requests-reset")),
            tokens_left,
            tokens_reset,
        };
        (pace != Self::default()).then_some(pace)
    }
}

/// How many tokens a server takes in its whole window, as `headers` say. Of several such limits the smallest counts.
pub(crate) fn tokens_in_all(headers: &HeaderMap) -> Option<u64> {
    let names =
        ["x-ratelimit-limit-tokens", "anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-input-tokens-limit"];
    names.iter().filter_map(|name| whole(headers.get(*name)?.to_str().ok()?.trim())).filter(|&limit| limit > 0).min()
}

/// A count. Some servers write it as a float.
fn whole(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .or_else(|| text.split_once('.').filter(|(_, zeros)| zeros.bytes().all(|b| b == b'0'))?.0.parse().ok())
}

/// How long until the moment that `text` means: `120ms`, `1s`, `6m0s`, seconds, seconds or milliseconds since 1970, or
/// a moment as RFC 3339 writes it. One that has passed is now.
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let until = |moment: Duration| moment.saturating_sub(since_epoch);
    let wait = if let Ok(number) = text.parse::<f64>() {
        match number {
            n if n >= FIRST_EPOCH_MILLISECONDS => until(seconds(n / 1000.0)?),
            n if n >= FIRST_EPOCH_SECONDS => until(seconds(n)?),
            n => seconds(n)?,
        }
    } else if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        until(Duration::from_millis(u64::try_from(moment.as_millisecond()).ok()?))
    } else {
        units(text)?
    };
    Some(wait.min(MAX_RESET))
}

/// The sum of numbers with units, as Go writes a duration: `1h2m3.5s`, `6m0s`, `120ms`.
fn units(mut text: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    while !text.is_empty() {
        let (number, rest) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
        let (unit, rest) = rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()));
        let scale = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        sum = sum.checked_add(seconds(number.parse::<f64>().ok()? * scale)?)?;
        text = rest;
    }
    (sum > Duration::ZERO).then_some(sum)
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http::{HeaderName, HeaderValue};

    /// Friday, 20 November 2026, 09:30:00.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_167_000)
    }

    fn pace(headers: &[(&'static str, &str)]) -> Option<RateLimitInfo> {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        RateLimitInfo::of(&headers.collect(), now())
    }

    #[test]
    fn every_form_of_a_reset_is_read_and_junk_is_absent() {
        for (written, expected) in [
            ("1s", Some(1000)),
            ("120ms", Some(120)),
            ("6m0s", Some(360_000)),
            ("1h2m3.5s", Some(3_723_500)),
            ("7.66s", Some(7660)),
            ("2d", Some(172_800_000)),
            ("30", Some(30_000)),
            ("0.5", Some(500)),
            ("0", Some(0)),
            ("1795167060", Some(60_000)),
            ("1795167060000", Some(60_000)),
            ("1795166000", Some(0)),
            ("2026-11-20T09:31:00Z", Some(60_000)),
            ("2026-11-20T11:30:30+02:00", Some(30_000)),
            ("2026-11-20T09:00:00Z", Some(0)),
            ("9999999h", Some(365 * 86_400_000)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("-1s", None),
            ("NaN", None),
            ("inf", None),
            ("1e400", None),
            ("6m0", None),
            ("5 parsecs", None),
            ("s", None),
        ] {
            let read = pace(&[("x-ratelimit-reset-requests", written)]);
            assert_eq!(read.and_then(|pace| pace.requests_reset), expected.map(Duration::from_millis), "{written}");
        }
    }

    #[test]
    fn both_families_of_headers_are_read() {
        let seconds = |n| Some(Duration::from_secs(n));
        let openai = pace(&[
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-tokens", "149984.0"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let expected = RateLimitInfo {
            requests_left: Some(59),
            requests_reset: seconds(1),
            tokens_left: Some(149_984),
            tokens_reset: seconds(360),
        };
        assert_eq!(openai, Some(expected));
        let anthropic = pace(&[
            ("anthropic-ratelimit-requests-remaining", "4"),
            ("anthropic-ratelimit-requests-reset", "2026-11-20T09:30:12Z"),
            ("anthropic-ratelimit-tokens-remaining", "90000"),
            ("anthropic-ratelimit-tokens-reset", "2026-11-20T09:31:00Z"),
            ("anthropic-ratelimit-output-tokens-remaining", "8000"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-11-20T09:30:30Z"),
        ]);
        let expected = RateLimitInfo {
            requests_left: Some(4),
            requests_reset: seconds(12),
            tokens_left: Some(90_000),
            tokens_reset: seconds(60),
        };
        assert_eq!(anthropic, Some(expected));
        let output = pace(&[("anthropic-ratelimit-output-tokens-remaining", "8000")]);
        assert_eq!(output, Some(RateLimitInfo { tokens_left: Some(8000), ..RateLimitInfo::default() }));
    }

    #[test]
    fn the_smallest_of_all_quotas_counts() {
        let limit = |headers: &[(&'static str, &str)]| {
            let header = |&(name, value): &(&'static str, &str)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            };
            tokens_in_all(&headers.iter().map(header).collect())
        };
        let (all, input) = ("anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-input-tokens-limit");
        assert_eq!(limit(&[(all, "38000"), (input, "30000")]), Some(30_000));
        assert_eq!(limit(&[("x-ratelimit-limit-tokens", "6000")]), Some(6000));
        assert_eq!(limit(&[("x-ratelimit-limit-tokens", "0"), (all, "many")]), None);
    }

    #[test]
    fn headers_that_say_nothing_are_no_pace() {
        assert_eq!(pace(&[("content-type", "text/plain")]), None);
        for junk in ["", "-3", "many", "1.5", "99999999999999999999"] {
            assert_eq!(pace(&[("x-ratelimit-remaining-tokens", junk)]), None, "{junk}");
        }
    }
}
