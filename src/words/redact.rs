//! Takes secrets out of text before it leaves the process.
//!
//! Knows the secrets and what a key in a URL looks like; knows nothing of where the text comes from or goes. A secret is
//! also found in the forms that programs give it without being asked: escaped as in JSON, HTML, a URL or a shell, as a part
//! of Base64, in hex, and broken over lines. Who means to hide it (spelled backwards, letter by letter) can; that is not
//! what this is for.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

mod folded;
mod forms;
mod variables;

use forms::{Forms, Readings};
pub use variables::{names_key, secrets_of_variable};

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A shorter secret is not looked for: it would be found in ordinary words, and what guards a paid account is longer.
pub const MIN_SECRET_BYTES: usize = 8;

/// Of a secret of several lines, such as a private key, each line of so many bytes is one too.
const MIN_LINE_BYTES: usize = 16;

/// The names of URL query parameters that carry a key.
const KEY_PARAMETERS: [&str; 9] =
    ["key", "api_key", "api-key", "apikey", "token", "access_token", "auth", "secret", "sig"];

/// Replaces every secret that it knows with [`REDACTED`]. Cheap to clone; what one clone learns, all know.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Arc<Known>>>,
}

#[derive(Default)]
struct Known {
    secrets: Vec<SecretString>,
    /// One for each of them.
    forms: Vec<Arc<Forms>>,
}

impl Redactor {
    /// A redactor for `secrets`; those shorter than [`MIN_SECRET_BYTES`] are left out.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let redactor = Self::default();
        redactor.learn(secrets);
        redactor
    }

    /// Takes these out too from now on; those shorter than [`MIN_SECRET_BYTES`] are left out.
    pub fn learn(&self, secrets: impl IntoIterator<Item = SecretString>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Arc::new(known.with(secrets));
    }

    fn known(&self) -> Arc<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.without(text, false)
    }

    /// For a text that is a part of a longer one: takes out the known secrets, and what at either end is a part of one.
    #[must_use]
    pub fn redact_part<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.without(text, true)
    }

    /// The text with [`REDACTED`] in place of what is found for any of the secrets; where it `is_part` of a longer one, of
    /// what was cut at its ends, too.
    fn without<'a>(&self, text: &'a str, is_part: bool) -> Cow<'a, str> {
        let known = self.known();
        if known.forms.is_empty() || text.len() < MIN_SECRET_BYTES {
            return Cow::Borrowed(text);
        }
        let (readings, mut found) = (Readings::of(text), Vec::new());
        for forms in &known.forms {
            readings.find(forms, &mut found);
            if is_part {
                readings.find_cut(forms, &mut found);
            }
        }
        if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(replaced(text, found)) }
    }

    /// Takes the known secrets out of all texts of a JSON document, the names of its members included.
    pub fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact_secrets(text) {
                    *text = redacted;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact_value(value)),
            Value::Object(members) => {
                if members.keys().any(|name| self.finds_in(name)) {
                    let renamed = std::mem::take(members).into_iter();
                    *members = renamed.map(|(name, value)| (self.redact_secrets(&name).into_owned(), value)).collect();
                }
                members.values_mut().for_each(|value| self.redact_value(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether a JSON document holds a secret.
    #[must_use]
    pub fn finds_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.finds_in(text),
            Value::Array(values) => values.iter().any(|value| self.finds_in_value(value)),
            Value::Object(members) => {
                members.iter().any(|(name, value)| self.finds_in(name) || self.finds_in_value(value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    fn finds_in(&self, text: &str) -> bool {
        matches!(self.redact_secrets(text), Cow::Owned(_))
    }
}

impl Known {
    /// The same with these secrets added.
    fn with(&self, secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let mut plain: Vec<String> = Vec::new();
        for secret in secrets {
            let secret = secret.expose_secret();
            let lines = secret.lines().map(str::trim).filter(|line| *line != secret && line.len() >= MIN_LINE_BYTES);
            plain.extend(lines.filter(|line| !line.starts_with("-----")).map(str::to_owned));
            plain.push(secret.to_owned());
        }
        plain.retain(|secret| secret.len() >= MIN_SECRET_BYTES);
        plain.sort();
        plain.dedup();
        plain.retain(|secret| !self.secrets.iter().any(|known| known.expose_secret() == secret));
        let forms = plain.iter().map(|secret| Arc::new(Forms::of(secret)));
        let forms = self.forms.iter().cloned().chain(forms).collect();
        let secrets = plain.iter().map(|secret| SecretString::from(secret.as_str()));
        Self { secrets: self.secrets.iter().cloned().chain(secrets).collect(), forms }
    }
}

/// The text with [`REDACTED`] in place of these ranges. What overlaps goes as a whole.
fn replaced(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_by_key(|range| range.start);
    let (mut out, mut copied, mut open) = (String::new(), 0, None::<Range<usize>>);
    let mut close = |range: Range<usize>| {
        // Whatever an escape decoded to, a character is left or taken whole.
        out.push_str(&text[copied..text.floor_char_boundary(range.start).max(copied)]);
        out.push_str(REDACTED);
        copied = text.ceil_char_boundary(range.end);
    };
    for range in found {
        open = Some(match open.take() {
            Some(before) if range.start < before.end => before.start..before.end.max(range.end),
            before => {
                before.into_iter().for_each(&mut close);
                range
            }
        });
    }
    open.into_iter().for_each(close);
    out + &text[copied..]
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
mod properties;

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
    fn what_is_learned_later_is_known_to_all_clones() {
        let r = redactor(&["sk-canary-1"]);
        let clone = r.clone();
        r.learn([SecretString::from("sk-canary-1-renewed")]);
        assert_eq!(clone.redact("a sk-canary-1-renewed b sk-canary-1 c"), "a [redacted] b [redacted] c");
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
    fn a_secret_is_found_however_a_program_writes_it() {
        let r = redactor(&["pa+ss/w=rd\"1\\2é", "sk-canary-0123456789", "a/b%41\\/"]);
        for text in [
            "pa+ss/w=rd\"1\\2é",
            r#"pa+ss\/w=rd\"1\\2é"#,
            r"pa\u002bss\/w\u003Drd\u00221\\2\u00e9",
            "pa%2Bss%2fw%3Drd%221%5C2%C3%A9",
            "pa%252Bss%252fw%253Drd%25221%255C2%25C3%25A9",
            "a%2Fb%2541%5C%2F",
            r#"pa+ss\\\/w=rd\\\"1\\\\2é"#,
            "sk-canary-0123456789",
            "c2stY2FuYXJ5LTAxMjM0NTY3OD",
        ] {
            assert!(r.redact_secrets(&format!("({text})")).starts_with("([redacted]"), "{text}");
        }
        // The Base64 of a name and the secret, as in a header, wherever the secret begins in it.
        for text in
            ["dTpzay1jYW5hcnktMDEyMzQ1Njc4OQ==", "dXU6c2stY2FuYXJ5LTAxMjM0NTY3ODk=", "dXV1OnNrLWNhbmFyeS0wMTIzNDU2Nzg5"]
        {
            let shown = r.redact_secrets(text).into_owned();
            assert!(shown.contains(REDACTED) && shown.len() < REDACTED.len() + 10, "{text}: {shown}");
        }
        for text in ["pa+ss/w=rd", r"a \ and 100% of \u002b", "sk-canary-", "%", "\\", "pa%2", "pa\\u00"] {
            assert!(matches!(r.redact_secrets(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn a_part_of_a_secret_is_taken_off_the_ends_of_a_part_of_a_text() {
        let r = redactor(&["sk-canary-0123456789"]);
        assert_eq!(r.redact_part("nary-0123456789 and sk-canary-01"), "[redacted] and [redacted]");
        assert_eq!(r.redact_part("x sk-canary-0123456789 y"), "x [redacted] y");
        assert_eq!(r.redact_part("456789 and sk-can"), "456789 and sk-can", "too little to be one");
    }

    #[test]
    fn a_secret_of_several_lines_is_one_in_each_of_them() {
        let r = redactor(&["-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----"]);
        assert_eq!(
            r.redact_secrets("| -----BEGIN KEY-----\n| 9w0BAQEFAASCBKcwggSj\n"),
            "| -----BEGIN KEY-----\n| [redacted]\n"
        );
        assert_eq!(
            r.redact_secrets(r#""-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----""#),
            "\"[redacted]\""
        );
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", redactor(&["sk-canary-1"])), "Redactor");
    }
}
