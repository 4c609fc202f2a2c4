//! Where a part of a text stands in its file. A text in YAML may be written with quotes, escapes and indentation, which
//! are no part of it.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use crate::plan::spec::Text;
use crate::words::diagnostic::{Source, Span};

/// The place of a part of a text, `range` in bytes; that of the whole text where it cannot be told.
///
/// Blank space is where the text and its file differ most, so that only the other letters are counted.
#[must_use]
pub(crate) fn within(source: &Source, text: &Text, range: Range<usize>) -> Span {
    let whole = || text.span.clone();
    let (Some(raw), Some(before), Some(part)) =
        (source.text.get(text.span.clone()), text.value.get(..range.start), text.value.get(range))
    else {
        return whole();
    };
    let mut letters = Letters::of(raw);
    for wanted in before.chars().filter(|c| !c.is_whitespace()) {
        match letters.next() {
            Some((letter, _)) if letter == wanted => {}
            _ => return whole(),
        }
    }
    let mut span: Option<Span> = None;
    for wanted in part.chars().filter(|c| !c.is_whitespace()) {
        match letters.next() {
            Some((letter, at)) if letter == wanted => {
                let at = text.span.start + at.start..text.span.start + at.end;
                span = Some(span.map_or(at.clone(), |span| span.start..at.end));
            }
            _ => return whole(),
        }
    }
    span.unwrap_or_else(whole)
}

/// The letters of a text as its file writes them, each with its place; without blank space.
struct Letters<'r> {
    raw: &'r str,
    rest: Peekable<CharIndices<'r>>,
    quote: Option<char>,
}

impl<'r> Letters<'r> {
    fn of(raw: &'r str) -> Self {
        let quote = raw.chars().next().filter(|first| matches!(first, '"' | '\''));
        let mut rest = raw.char_indices().peekable();
        if quote.is_some() {
            rest.next();
        }
        Self { raw, rest, quote }
    }

    /// What a `\` stands for, with where it ends; nothing where that is blank space.
    fn escaped(&mut self) -> Option<(Option<char>, usize)> {
        let (at, letter) = self.rest.next()?;
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0' => return Some((Some('\0'), at + 1)),
            'n' | 't' | 'r' | 'N' | '_' | 'L' | 'P' | 'v' | 'f' | ' ' | '\n' | '\r' | '\t' => {
                return Some((None, at + 1));
            }
            'a' => return Some((Some('\u{7}'), at + 1)),
            'b' => return Some((Some('\u{8}'), at + 1)),
            'e' => return Some((Some('\u{1b}'), at + 1)),
            other => return Some((Some(other), at + other.len_utf8())),
        };
        let code = self.raw.get(at + 1..at + 1 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok())?;
        for _ in 0..digits {
            self.rest.next();
        }
        Some((char::from_u32(code).filter(|c| !c.is_whitespace()), at + 1 + digits))
    }
}

impl Iterator for Letters<'_> {
    type Item = (char, Span);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (at, letter) = self.rest.next()?;
            match (self.quote, letter) {
                (_, blank) if blank.is_whitespace() => {}
                (Some('"'), '\\') => {
                    if let (Some(letter), end) = self.escaped()? {
                        return Some((letter, at..end));
                    }
                }
                (Some('\''), '\'') => {
                    let (end, _) = self.rest.next()?;
                    return Some(('\'', at..end + 1));
                }
                _ => return Some((letter, at..at + letter.len_utf8())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::spec::yaml::{self, Value};

    /// What stands in a file where `part` stands in its only text.
    fn found(yaml: &str, part: &str) -> String {
        let source = Source::new("a.yaml", yaml);
        let tree = yaml::parse(&source).unwrap();
        let Value::Map(entries) = &tree.value else { panic!("{yaml}") };
        let Value::Text(value) = &entries[0].1.value else { panic!("{yaml}") };
        let text = Text { value: value.clone(), span: entries[0].1.span.clone() };
        let at = value.rfind(part).unwrap();
        source.text[within(&source, &text, at..at + part.len())].to_owned()
    }

    #[test]
    fn a_part_is_found_however_its_text_is_written() {
        for yaml in [
            "a: {{ x }} und {{ x.y }} z\n".replace("{{ x }}", "x"),
            "a: 'it''s {{ x }} {{ x.y }} z'\n".to_owned(),
            "a: \"a\\n\\t\\u00e4\\x41 \\\"{{ x }}\\\" {{ x.y }}\\\n   z\"\n".to_owned(),
            "a: |\n  {{ x }}\n   {{ x.y }}\n\n  z\n".to_owned(),
            "a: >-\n  some\n  {{ x }}\n\n  {{ x.y }}\n".to_owned(),
            "a: some\n  more {{ x.y }}\n  z\n".to_owned(),
        ] {
            assert_eq!(found(&yaml, "{{ x.y }}"), "{{ x.y }}", "{yaml}");
        }
        assert_eq!(found("a: \"\\u00e4{\\x7b x }}\"\n", "{{ x"), "{\\x7b x");
    }

    #[test]
    fn what_cannot_be_found_is_somewhere_in_the_text() {
        let source = Source::new("a.yaml", "a: some text\n");
        let text = Text { value: "other text".to_owned(), span: 3..12 };
        assert_eq!(within(&source, &text, 6..10), 3..12);
        assert_eq!(within(&source, &text, 0..99), 3..12);
    }
}
