//! Takes secrets out of text before it leaves the process.
//!
//! Knows the secrets and what a key in a URL looks like; knows nothing of where the text comes from or goes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A shorter secret is not looked for: it would be found in ordinary words, and what guards a paid account is longer.
pub const MIN_SECRET_BYTES: usize = 8;

/// The names of URL query parameters that carry a key.
const KEY_PARAMETERS: [&str; 9] =
    ["key", "api_key", "api-key", "apikey", "token", "access_token", "auth", "secret", "sig"];

/// Replaces every secret that it knows with [`REDACTED`]. Cheap to clone.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another goes as a whole.
    secrets: Arc<[SecretString]>,
}

impl Redactor {
    /// A redactor for `secrets`; those shorter than [`MIN_SECRET_BYTES`] are left out.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let mut secrets: Vec<_> =
            secrets.into_iter().filter(|secret| secret.expose_secret().len() >= MIN_SECRET_BYTES).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Self { secrets: secrets.into() }
    }

    /// For messages and logs: takes out the known secrets, and the value of any URL query parameter
    /// that carries a key, known or not.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redact_secrets(text) {
            Cow::Borrowed(text) => redact_query_keys(text),
            Cow::Owned(text) => Cow::Owned(redact_query_keys(&text).into_owned()),
        }
    }

    /// For what a model wrote: takes out the known secrets only. A model may well be asked for code with
    /// `?key=` in it, and that must arrive as it was written.
    #[must_use]
    pub fn redact_secrets<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in self.secrets.iter().map(ExposeSecret::expose_secret) {
            if text.contains(secret) {
                text = Cow::Owned(text.replace(secret, REDACTED));
            }
        }
        text
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

/// Whether a URL query parameter of this name carries a key.
#[must_use]
pub fn is_key_parameter(name: &str) -> bool {
    KEY_PARAMETERS.iter().any(|key| key.eq_ignore_ascii_case(name))
}

fn redact_query_keys(text: &str) -> Cow<'_, str> {
    let ends_value = |c: char| c.is_whitespace() || matches!(c, '&' | '#' | '"' | '\'' | '`' | '<' | '>' | ')' | ',');
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['?', '&']) {
        let (before, parameter) = rest.split_at(at + 1);
        out.push_str(before);
        rest = parameter;
        let name = parameter.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-')).next();
        let Some(name) = name.filter(|name| parameter[name.len()..].starts_with('=') && is_key_parameter(name)) else {
            continue;
        };
        let value = &parameter[name.len() + 1..];
        let end = value.find(ends_value).unwrap_or(value.len());
        out.push_str(name);
        out.push('=');
        out.push_str(if end == 0 { "" } else { REDACTED });
        rest = &value[end..];
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(secrets.iter().map(|&s| SecretString::from(s)))
    }

    #[test]
    fn secrets_are_replaced_the_longest_first() {
        let r = redactor(&["sk-canary", "sk-canary-long"]);
        assert_eq!(r.redact("a sk-canary-long b sk-canary c"), "a [redacted] b [redacted] c");
    }

    #[test]
    fn text_without_a_secret_is_borrowed() {
        assert!(matches!(redactor(&["sk-canary"]).redact("nothing here"), Cow::Borrowed("nothing here")));
    }

    #[test]
    fn a_short_secret_is_left_out() {
        assert_eq!(redactor(&["the"]).redact("the end"), "the end");
    }

    #[test]
    fn keys_in_a_url_go_from_messages_but_not_from_answers() {
        let r = Redactor::default();
        for (text, expected) in [
            ("GET https://h/v1?key=abc&x=1: no", "GET https://h/v1?key=[redacted]&x=1: no"),
            ("https://h/?a=1&API_KEY=abc#f", "https://h/?a=1&API_KEY=[redacted]#f"),
            ("why? key=abc", "why? key=abc"),
            ("?monkey=1&key=", "?monkey=1&key="),
        ] {
            assert_eq!(r.redact(text), expected);
            assert_eq!(r.redact_secrets(text), text);
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", redactor(&["sk-canary-1"])), "Redactor");
    }
}
