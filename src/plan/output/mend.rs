//! Mends what people and models write in place of JSON: commas too many, single quotes, bare keys, comments, and the
//! literals of Python.
//!
//! Only what can mean one thing is mended, and nothing is added that closes an open end. The result is parsed strictly
//! afterwards. The libraries that do more make up ends, and the usual one panics on some texts.

use std::iter::Peekable;
use std::str::Chars;

/// The text as JSON, if what is wrong with it is one of those things; whether it is JSON then is for the caller to see.
pub(super) fn mend(text: &str) -> Option<String> {
    let mut rest = text.chars().peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = rest.next() {
        match c {
            '"' | '\'' => quoted(c, &mut rest, &mut out)?,
            '/' | '#' => comment(c, &mut rest)?,
            '}' | ']' => {
                drop_comma(&mut out);
                out.push(c);
            }
            c if c.is_ascii_alphabetic() || c == '_' || c == '$' => word(c, &mut rest, &mut out)?,
            c if c == '-' || c.is_ascii_digit() => {
                out.push(c);
                // The letters of an exponent are no word.
                while let Some(next) = rest.next_if(|n| n.is_ascii_alphanumeric() || matches!(n, '.' | '+' | '-')) {
                    out.push(next);
                }
            }
            c => out.push(c),
        }
    }
    Some(out)
}

/// Takes off the comma that stands before a closing bracket.
fn drop_comma(out: &mut String) {
    let end = out.trim_end().len();
    if out[..end].ends_with(',') {
        out.truncate(end - 1);
    }
}

fn quoted(quote: char, rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('"');
    loop {
        match rest.next()? {
            c if c == quote => break,
            '\\' => match rest.next()? {
                '\'' => out.push('\''),
                c => out.extend(['\\', c]),
            },
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    Some(())
}

fn comment(start: char, rest: &mut Peekable<Chars<'_>>) -> Option<()> {
    let block = start == '/' && rest.next_if_eq(&'*').is_some();
    if start == '/' && !block {
        rest.next_if_eq(&'/')?;
    }
    let mut before = ' ';
    loop {
        match (rest.next(), block) {
            (Some('/'), true) if before == '*' => return Some(()),
            (Some('\n') | None, false) => return Some(()),
            (Some(c), _) => before = c,
            (None, true) => return None,
        }
    }
}

/// A bare word is a literal, or a key if a colon follows.
fn word(first: char, rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<()> {
    let mut word = String::from(first);
    while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-')) {
        word.push(c);
    }
    let mut ahead = rest.clone();
    if ahead.find(|c| !c.is_whitespace()) == Some(':') {
        out.extend(["\"", &word, "\""]);
        return Some(());
    }
    out.push_str(match word.as_str() {
        "true" | "True" => "true",
        "false" | "False" => "false",
        "null" | "None" => "null",
        _ => return None,
    });
    Some(())
}
