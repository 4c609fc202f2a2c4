//! YAML that is valid and most likely not meant: a ` #` that cuts a text, a list that was folded into one, a version
//! that became a number. It is read as it stands, and its author is warned.
//!
//! Knows the text behind each value and nothing of orchestras.

use std::collections::HashSet;

use crate::plan::spec::yaml::{Node, Value};
use crate::words::diagnostic::{Diagnostic, Source, Span};

/// What separates things within a line.
const BLANKS: [char; 2] = [' ', '\t'];

/// The warnings for a tree that was read from `source`.
#[must_use]
pub(super) fn slips(source: &Source, root: &Node) -> Vec<Diagnostic> {
    let mut walk = Walk { source, seen: HashSet::new(), found: Vec::new() };
    walk.visit(root, false);
    walk.found
}

struct Walk<'s> {
    source: &'s Source,
    /// Where the values that were looked at begin: all that an alias repeats stands where the alias does.
    seen: HashSet<usize>,
    found: Vec<Diagnostic>,
}

impl Walk<'_> {
    /// `any` is whether a value of any kind may stand here, so that its type follows from how it is written.
    fn visit(&mut self, node: &Node, any: bool) {
        match &node.value {
            Value::Text(text) if self.seen.insert(node.span.start) => {
                let found = cut(self.source, text, &node.span).or_else(|| folded(self.source, &node.span));
                self.found.extend(found);
            }
            Value::Float(number) if any && self.seen.insert(node.span.start) => {
                self.found.extend(shortened(self.source, *number, &node.span));
            }
            Value::List(items) => items.iter().for_each(|item| self.visit(item, any)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    let takes_any =
                        matches!(&key.value, Value::Text(key) if matches!(key.as_str(), "for_each" | "default"));
                    self.visit(value, any || takes_any);
                }
            }
            Value::Text(_) | Value::Float(_) | Value::Null | Value::Bool(_) | Value::Int(_) => {}
        }
    }
}

/// A text without quotes that ends before a `#`, which is no comment by the look of it: `Fix issue #12 in the parser`.
fn cut(source: &Source, value: &str, span: &Span) -> Option<Diagnostic> {
    let text = plain(source, span)?;
    let end = span.start + text.trim_end().len();
    let comment = source.text[end..].trim_start_matches(BLANKS);
    let at = source.text.len() - comment.len();
    let begins = comment.strip_prefix('#')?.chars().next()?;
    let meant = begins.is_ascii_digit() || begins.is_alphanumeric() && value.contains(char::is_whitespace);
    if at == end || !meant {
        return None;
    }
    let warning = Diagnostic::error("the text ends here: a space and a # begin a comment", at..at + 1, "cut off");
    Some(warning.help("put the text in quotes, or put a space behind the # of a comment").into_warning())
}

/// Lines that look like a list in a text whose lines are joined.
fn folded(source: &Source, span: &Span) -> Option<Diagnostic> {
    let raw = source.text.get(span.clone())?;
    let deepest = match block(source, span) {
        // More-indented lines of a `>` keep their ends.
        Some('>') => indent_before(&source.text[..span.start]),
        Some(_) => return None,
        None => plain(source, span).map(|_| usize::MAX)?,
    };
    let mut at = span.start;
    for (number, line) in raw.split_inclusive('\n').enumerate() {
        let item = line.trim_start();
        let place = at + line.len() - item.len();
        at += line.len();
        if number > 0 && is_item(item) && indent(line) <= deepest {
            let warning = Diagnostic::error("this list is folded into one line of text", place..place + 1, "no list");
            return Some(warning.help("begin the text with `|`, which keeps its lines as they are").into_warning());
        }
    }
    None
}

/// A number that says less than what was written: `1.10`, as the number that it is, is 1.1.
fn shortened(source: &Source, number: f64, span: &Span) -> Option<Diagnostic> {
    let text = source.text.get(span.clone())?.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (digits && text.ends_with('0')).then(|| {
        let message = format!("`{text}` is read as the number {number}");
        Diagnostic::error(message, span.clone(), "").help("put it in quotes, if it is a version").into_warning()
    })
}

/// The part of the source behind a text, if it stands without quotes.
fn plain<'s>(source: &'s Source, span: &Span) -> Option<&'s str> {
    let text = source.text.get(span.clone())?;
    let first = text.chars().next()?;
    (block(source, span).is_none() && !matches!(first, '"' | '\'' | '*' | '&' | '!')).then_some(text)
}

/// The sign at the head of a text in a block, `|` or `>`. The text's place begins behind it, at its first line.
///
/// Looks at no more than the blanks before the text and one line before them: a line may hold all texts of a file.
fn block(source: &Source, span: &Span) -> Option<char> {
    let before = &source.text[..span.start];
    let head = before.trim_end();
    if !before[head.len()..].contains('\n') {
        return None;
    }
    let head = head.rsplit('\n').next()?;
    let head = head.find(" #").map_or(head, |comment| &head[..comment]);
    let head = head.trim_end().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
    head.chars().next_back().filter(|last| matches!(last, '|' | '>'))
}

/// How many blanks stand at the end of a text.
fn indent_before(text: &str) -> usize {
    text.len() - text.trim_end_matches(BLANKS).len()
}

fn is_item(line: &str) -> bool {
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("- ") || line.starts_with("* ") || numbered.len() < line.len() && numbered.starts_with(". ")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::spec::yaml;

    fn found(text: &str) -> Vec<String> {
        let source = Source::new("a.yaml", text);
        let tree = yaml::parse(&source).unwrap();
        let place = |d: &Diagnostic| {
            let (line, column) = source.position(d.at.as_ref().unwrap().0.start);
            format!("{line}:{column} {}", d.message.split(':').next().unwrap())
        };
        slips(&source, &tree).iter().map(place).collect()
    }

    #[test]
    fn a_text_that_is_cut_by_a_comment_is_found() {
        assert_eq!(found("a: Fix issue #12 in the parser\n"), ["1:14 the text ends here"]);
        assert_eq!(found("a: [Fix it #soon\n  , b]\n"), ["1:12 the text ends here"]);
        assert_eq!(found("a: Issue #12\n"), ["1:10 the text ends here"]);
        let fine = "a: 'x #1'\nb: a text # a comment\nc: gpt #cheap\nd: a#1\ne: |\n  Fix #1\nf: 3 #x\n# g\n";
        assert_eq!(found(fine), [""; 0]);
    }

    #[test]
    fn a_list_that_is_folded_into_a_text_is_found() {
        assert_eq!(found("a: Do\n  - one\n  - two\n"), ["2:3 this list is folded into one line of text"]);
        assert_eq!(
            found("a: >\n  Do\n\n  1. one\n  2. two\nb: 1\n"),
            ["4:3 this list is folded into one line of text"]
        );
        let fine = "a: |\n  - one\n  - two\nb:\n  - one - two\nc: >\n  Do\n    - one\n    - two\nd: one\n  two\n";
        assert_eq!(found(fine), [""; 0]);
    }

    #[test]
    fn the_texts_of_a_long_line_are_each_looked_at() {
        assert_eq!(
            found("a: |\n\n  - Fix #1\nb: [c d,\n e #1\n , {f: g #2\n }]\n"),
            ["5:4 the text ends here", "6:10 the text ends here"]
        );
        assert_eq!(found("a: >\r\n  Do\r\n  - one\r\n"), ["3:3 this list is folded into one line of text"]);
    }

    #[test]
    fn what_an_alias_repeats_is_found_once() {
        assert_eq!(found("a: &a [Fix it #soon\n ]\nb: [*a, *a]\n"), ["1:15 the text ends here"]);
        assert_eq!(found("for_each: &a [1.10]\nb: {for_each: *a}\n"), ["1:15 `1.10` is read as the number 1.1"]);
    }

    #[test]
    fn a_version_that_became_a_number_is_found() {
        let text = "for_each: [1.10, 1.5, '1.10', {v: 2.0}]\ntimeout_seconds: 1.50\n";
        let said = ["1:12 `1.10` is read as the number 1.1", "1:35 `2.0` is read as the number 2"];
        assert_eq!(found(text), said);
    }
}
