//! The forms that a secret takes when a program writes it into JSON, a URL or a header.

use std::fmt::Write;

use memchr::memchr3;

/// A shorter part of a secret is found in many texts, and tells nothing.
const MIN_PLAIN_BYTES: usize = 4;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The parts of Base64 that a secret makes wherever it begins: at the first, second or third byte of three. The
/// characters at the ends depend on what stands beside it and are left out.
pub(super) fn base64_cores(secret: &str) -> Vec<String> {
    let mut cores = Vec::new();
    for before in 0..3 {
        let core = base64_core(secret.as_bytes(), before);
        if core.contains(['+', '/']) {
            cores.push(core.replace('+', "-").replace('/', "_"));
        }
        cores.push(core);
    }
    cores
}

fn base64_core(secret: &[u8], before: usize) -> String {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
    let characters = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
    let sextet = |at: usize| {
        let (byte, bit) = (at * 6 / 8, at * 6 % 8);
        let two = u16::from(bytes[byte]) << 8 | u16::from(bytes.get(byte + 1).copied().unwrap_or_default());
        usize::from(two >> (10 - bit)) & 0x3f
    };
    characters.map(|at| char::from(STANDARD[sextet(at)])).collect()
}

/// Whether some encoder writes any character of a secret in another way. Letters and digits are left as they are by all.
pub(super) fn is_escapable(secret: &str) -> bool {
    !secret.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Whether there are escapes in a text at all.
pub(super) fn may_be_escaped(text: &str) -> bool {
    text.contains(['\\', '%', '+'])
}

/// The text with every place replaced where the secret stands with some of its characters escaped. `None` if there is
/// no such place.
pub(super) fn replace_escaped(text: &str, secret: &str, by: &str) -> Option<String> {
    let first = *secret.as_bytes().first()?;
    // Letters and digits stand as they are, so that most texts need no closer look.
    let plain = secret.split(|c: char| !c.is_ascii_alphanumeric()).max_by_key(|part| part.len())?;
    if plain.len() >= MIN_PLAIN_BYTES && !text.contains(plain) {
        return None;
    }
    let mut out: Option<String> = None;
    let (mut copied, mut from) = (0, 0);
    while let Some(found) = memchr3(first, b'\\', b'%', &text.as_bytes()[from..]) {
        let at = from + found;
        match length_of(&text[at..], secret) {
            Some(length) => {
                let out = out.get_or_insert_default();
                out.push_str(&text[copied..at]);
                out.push_str(by);
                from = at + length;
                copied = from;
            }
            None => from = at + 1,
        }
    }
    out.map(|out| out + &text[copied..])
}

/// How long the secret is at the beginning of a text, each of its characters escaped or not.
fn length_of(text: &str, secret: &str) -> Option<usize> {
    let mut rest = text;
    let mut backslashes = 0;
    for wanted in secret.chars() {
        if wanted == '\\' && !rest.starts_with('%') {
            // Those of the secret and those that escape them stand in one row; how many are whose makes no difference.
            backslashes += 1;
            continue;
        }
        let bare = rest.trim_start_matches('\\');
        if rest.len() - bare.len() < backslashes {
            return None;
        }
        backslashes = 0;
        rest = after(rest, bare, wanted)?;
    }
    let bare = rest.trim_start_matches('\\');
    (rest.len() - bare.len() >= backslashes).then(|| text.len() - if backslashes > 0 { bare } else { rest }.len())
}

/// What follows on `wanted` in a text; `bare` is the text behind its backslashes.
fn after<'t>(rest: &'t str, bare: &'t str, wanted: char) -> Option<&'t str> {
    let is_escaped = bare.len() < rest.len();
    // A sign that begins an escape is first taken for one: where all stands as it is, it was found before.
    if wanted == '%'
        && let Some(behind) = after_percent(rest, wanted)
    {
        return Some(behind);
    }
    let letter = match wanted {
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        other => other,
    };
    if let Some(behind) = bare.strip_prefix(if is_escaped { letter } else { wanted }) {
        return Some(behind);
    }
    if is_escaped {
        let (digits, behind) = bare.strip_prefix('u')?.split_at_checked(4)?;
        return (u32::from_str_radix(digits, 16).ok()? == u32::from(wanted)).then_some(behind);
    }
    match rest.strip_prefix('+') {
        Some(behind) if wanted == ' ' => Some(behind),
        _ => after_percent(rest, wanted),
    }
}

/// What follows on `wanted` where it is written as in a URL, also as in a URL within a URL.
fn after_percent(mut rest: &str, wanted: char) -> Option<&str> {
    let mut buffer = [0; 4];
    for byte in wanted.encode_utf8(&mut buffer).bytes() {
        rest = rest.strip_prefix('%')?;
        let mut expected = String::new();
        let _ = write!(expected, "{byte:02x}");
        while let (Some(inner), false) = (rest.strip_prefix("25"), expected == "25") {
            rest = inner;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        if !digits.eq_ignore_ascii_case(&expected) {
            return None;
        }
        rest = behind;
    }
    Some(rest)
}
