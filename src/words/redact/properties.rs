//! A random key in a random form at a random place is found, and a text without it stays as it is.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const BREAK: [&str; 4] = ["\n", "\r\n", "\n    ", "\n\t"];

/// Writes each character of a key as `write` says, if it is a sign or `also` picks it.
fn each(key: &str, also: &[bool], write: impl Fn(u8) -> String) -> String {
    let picked = |(at, c): (usize, char)| match !c.is_ascii_alphanumeric() || also[at % also.len()] {
        true => write(u8::try_from(c).unwrap()),
        false => c.to_string(),
    };
    key.chars().enumerate().map(picked).collect()
}

fn html(byte: u8) -> String {
    match byte {
        b'/' => "&sol;".to_owned(),
        b'"' => "&quot;".to_owned(),
        b'&' => "&amp;".to_owned(),
        b'_' => "&lowbar;".to_owned(),
        other if other.is_multiple_of(2) => format!("&#{other};"),
        other => format!("&#x{other:X};"),
    }
}

fn base64(bytes: &[u8], alphabet: &[u8]) -> String {
    let chars = bytes.chunks(3).flat_map(|chunk| {
        let value = (0..3).fold(0_u32, |value, at| value << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        (0..=chunk.len()).map(move |at| usize::try_from(value >> (18 - 6 * at) & 63).unwrap())
    });
    chars.map(|at| char::from(alphabet[at])).collect()
}

/// The same with a line break after so many characters.
fn wrapped(text: &str, width: usize, line_break: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let lines = chars.chunks(width).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>().join(line_break);
    // A break right behind a backslash belongs to the backslash.
    lines.replace(&format!("\\{line_break}"), "\\")
}

/// The key in one of the forms in which text carries it.
fn written(key: &str, form: usize, also: &[bool], align: usize) -> String {
    let standard = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let url = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let around = format!("{}{key}:x", &"uvw"[..align % 3]);
    let hex = |upper: bool| {
        key.bytes().fold(String::new(), |mut hex, byte| {
            let _ = if upper { write!(hex, "{byte:02X}") } else { write!(hex, "{byte:02x}") };
            hex
        })
    };
    match form {
        0 => key.to_owned(),
        1 => each(key, also, |byte| format!("\\u{byte:04x}")),
        2 => each(key, also, |byte| format!("%{byte:02X}")),
        3 => each(key, also, |byte| format!("%25{byte:02x}")),
        4 => each(key, also, html),
        5 => each(key, also, |byte| format!("\\x{byte:02x}")),
        6 => each(key, also, |byte| format!("\\{byte:03o}")),
        7 => each(key, &[false], |byte| format!("\\{}", char::from(byte))),
        8 => key.replace('\'', r"'\''"),
        9 => key.replace('\'', r#"'"'"'"#),
        10 => base64(around.as_bytes(), standard),
        11 => base64(around.as_bytes(), url),
        12 => hex(false),
        13 => hex(true),
        _ => serde_json::to_string(key).unwrap().trim_matches('"').replace('/', "\\/"),
    }
}

const FORMS: usize = 15;

fn redactor(key: &str) -> Redactor {
    Redactor::new([SecretString::from(key)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn a_key_is_found_in_every_form(
        key in "[A-Za-z0-9_][A-Za-z0-9_./+=:$!'\"&%~-]{8,40}[A-Za-z0-9_=]{3}",
        form in 0..FORMS,
        also in vec(any::<bool>(), 1..7),
        align in 0_usize..3,
        width in proptest::option::of(3_usize..30),
        line_break in 0_usize..4,
        in_json in 0_usize..3,
        before in "([a-z ,;:(\\[{\"=\n]|é){0,12}[ ,:(\"=]?",
        after in "[ ,;)\\]}\"\n]?([a-z ,\"\n]|é){0,12}",
    ) {
        let mut text = written(&key, form, &also, align);
        if let Some(width) = width {
            text = wrapped(&text, width, BREAK[line_break]);
        }
        text = format!("{before}{text}{after}");
        for _ in 0..in_json {
            text = serde_json::to_string(&text).unwrap();
        }
        let shown = redactor(&key).redact_secrets(&text).into_owned();
        prop_assert!(shown.contains(REDACTED), "{text}");
        // Of Base64, what hangs on its neighbours stays.
        let most = text.len() - key.len().min(text.len()) + REDACTED.len();
        prop_assert!(shown.len() <= most, "{text}\n{shown}");
    }

    #[test]
    fn of_a_key_in_two_chunks_little_is_left(
        key in "[A-Za-z0-9_./+=:-]{47}[A-Za-z0-9]",
        form in 0..FORMS,
        also in vec(any::<bool>(), 1..7),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = written(&key, form, &also, 0);
        let cut = cut.index(text.len());
        let redactor = redactor(&key);
        let shown = format!("..., {}|{} ,...", redactor.redact_part(&text[..cut]), redactor.redact_part(&text[cut..]));
        let left = shown.replace(REDACTED, "");
        let left = folded::fold(left.as_bytes()).map_or(left.len(), |folded| folded.bytes.len());
        prop_assert!(left < 11 + 2 * MIN_SECRET_BYTES + 10, "{text}\n{shown}");
    }

    #[test]
    fn a_text_without_the_key_stays_as_it_is(
        text in "([A-Za-z0-9+/=\\\\%&;#'\"\n\r ux]|é|\u{1F600}|\\PC){0,200}",
    ) {
        let redactor = redactor("sk-canary-0123456789/+");
        prop_assert!(matches!(redactor.redact_secrets(&text), Cow::Borrowed(_)));
        prop_assert!(matches!(redactor.redact_part(&text), Cow::Borrowed(_)));
        // And one beside the key.
        let with_key = format!("{text} sk-canary-0123456789/+ {text}");
        prop_assert_eq!(redactor.redact_secrets(&with_key), format!("{text} {REDACTED} {text}"));
    }
}
