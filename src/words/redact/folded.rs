//! A text without its escapes and line breaks, and where each byte of it comes from.
//!
//! Folding is loose on purpose. A secret is folded too and looked for in the folded text, so it is enough that all ways to
//! write it fold to one: what else folds to the same is that secret for every purpose.

use std::borrow::Cow;
use std::ops::Range;

mod escape;

use escape::{Unescaped, begins_break, begins_escape, unbreak, unescape};

/// How many times a text is folded: as deep as escapes stand within escapes.
const ROUNDS: usize = 8;

/// What is left of a text, and where it comes from.
type Pass = (Vec<u8>, Vec<Piece>);

/// What is left of a text when it was folded.
#[derive(Debug)]
pub(super) struct Folded {
    pub bytes: Vec<u8>,
    /// One for each pass, the first first.
    origins: Vec<Vec<Piece>>,
}

/// A part of a folded text, up to the next one.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Where it begins.
    at: usize,
    /// Where it begins in the text before.
    from: usize,
    /// How long an escape is there; `None` where each byte stands for itself.
    escape: Option<usize>,
}

/// Folds a text until there is nothing left to fold. `None` if it is so already.
pub(super) fn fold(text: &[u8]) -> Option<Folded> {
    let (mut bytes, mut origins) = (Cow::Borrowed(text), Vec::new());
    for _ in 0..ROUNDS {
        let before = origins.len();
        for pass in [without_breaks, without_escapes] {
            if let Some((folded, origin)) = pass(&bytes) {
                bytes = Cow::Owned(folded);
                origins.push(origin);
            }
        }
        if origins.len() == before {
            break;
        }
    }
    if origins.is_empty() { None } else { Some(Folded { bytes: bytes.into_owned(), origins }) }
}

impl Folded {
    /// Where in the text a range of the folded bytes, which is not empty, comes from.
    pub(super) fn origin(&self, range: Range<usize>) -> Range<usize> {
        self.origins.iter().rev().fold(range, |range, pieces| {
            let piece = |at: usize| pieces[pieces.partition_point(|piece| piece.at <= at).saturating_sub(1)];
            let (first, last) = (piece(range.start), piece(range.end - 1));
            let start = first.from + if first.escape.is_none() { range.start - first.at } else { 0 };
            start..last.from + last.escape.unwrap_or(range.end - last.at)
        })
    }
}

fn without_breaks(text: &[u8]) -> Option<Pass> {
    without(text, begins_break, unbreak)
}

fn without_escapes(text: &[u8]) -> Option<Pass> {
    without(text, begins_escape, unescape)
}

/// Takes away what `unescape` finds where a byte `may_begin` it. `None` if that is nothing.
fn without(text: &[u8], may_begin: fn(u8) -> bool, unescape: fn(&[u8]) -> Option<Unescaped>) -> Option<Pass> {
    let (mut bytes, mut pieces): (Vec<u8>, Vec<Piece>) = (Vec::new(), Vec::new());
    let (mut copied, mut from) = (0, 0);
    while let Some(found) = text[from..].iter().position(|&byte| may_begin(byte)) {
        let at = from + found;
        let Some(Unescaped { bytes: of_escape, length, guarded }) = unescape(&text[at..]) else {
            from = at + 1;
            continue;
        };
        if at > copied {
            pieces.push(Piece { at: bytes.len(), from: copied, escape: None });
            bytes.extend_from_slice(&text[copied..at]);
        }
        if !of_escape.is_empty() {
            pieces.push(Piece { at: bytes.len(), from: at, escape: Some(length) });
            bytes.extend_from_slice(&of_escape);
        }
        copied = at + length;
        from = (copied + guarded).min(text.len());
    }
    if copied == 0 {
        return None;
    }
    if copied < text.len() {
        pieces.push(Piece { at: bytes.len(), from: copied, escape: None });
        bytes.extend_from_slice(&text[copied..]);
    }
    Some((bytes, pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        fold(text.as_bytes()).map_or(text.to_owned(), |folded| String::from_utf8_lossy(&folded.bytes).into_owned())
    }

    #[test]
    fn escapes_of_every_kind_are_folded_however_deep() {
        for text in [
            "a/b\"c",
            r#"a\/b\"c"#,
            r"a\u002fb\u0022c",
            r"a\x2Fb\x22c",
            r"a\057b\042c",
            r"a\u{2f}b\U00000022c",
            "a%2fb%22c",
            "a%252Fb%2522c",
            "a&#47;b&quot;c",
            "a&#x2f;b&#X22;c",
            "a&sol;b&amp;quot;c",
            r"a\\\/b\\\u0022c",
            "a/\n    b\"c",
            "a\r\n\t/b\"c",
            "a/b\\\n  \"c",
            r"a/\n  b\u005c\u0022c",
            "a/b\"\"c",
            "a&#x2\nf;b%2\n2c",
            r"a\\%2fb\\%22c",
            r"a\\\%2fb\\\\%22c",
        ] {
            assert_eq!(folded(text), "a/b\"c", "{text}");
        }
        assert_eq!(folded(r"\ud83d\ude00 %F0%9F%98%80 &#128512;"), "😀 😀 😀");
        // What is guarded by a backslash is another escape than what the backslash begins.
        assert_eq!([folded(r"\%6e"), folded(r"\\%6e\n"), folded(r"\\\%6e")], ["n", "n", "n"]);
        assert_eq!([folded(r"a\n%20b"), folded(r"a\r\n\t%20b"), folded(r"a\n\t b")], ["a b", "a b", "ab"]);
        assert_eq!(folded(r#"a'\''b a'"'"'b"#), "a'b a'b");
        for text in ["", "plain", "100% of & \"it\"", "%", "&#;", "&x;", "\\", "\\u{}x"] {
            let _ = folded(text);
        }
        assert!(fold(b"100% of & \"it\" &none; &#xFFFFFFFF;").is_none());
    }

    #[test]
    fn every_byte_knows_where_it_comes_from() {
        let text = r"x\\u002fy%252Fz";
        let folded = fold(text.as_bytes()).unwrap();
        assert_eq!(folded.bytes, b"x/y/z");
        let origin = |range| &text[folded.origin(range)];
        assert_eq!(origin(0..1), "x");
        assert_eq!(origin(1..2), r"\\u002f");
        assert_eq!(origin(2..4), "y%252F");
        assert_eq!(origin(0..5), text);
    }
}
