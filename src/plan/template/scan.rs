//! Where the tags of a text are, before it is read as a template: what stands in single braces is made a place to fill
//! in where it is a known name, and is told where it is nearly one.
//!
//! Goes through the text once, from its beginning to its end, so that no text takes long.

use std::ops::Range;

/// The longest tag, in bytes. What reads expressions goes down one call for each part of them.
const MAX_TAG_BYTES: usize = 2 * 1024;

/// How many branches the conditions of a text may have behind their first ones, for the same reason.
const MAX_BRANCHES: usize = 200;

/// A text as the engine reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// The text, in which `{goal}` is written `{{goal}}`.
    pub source: String,
    /// What was put in: offsets in `source`, in order, and how many bytes there.
    pub added: Vec<(usize, usize)>,
    /// Words in single braces that are no names, with their places in the author's text, braces included.
    pub words: Vec<(String, Range<usize>)>,
    /// Whether there is anything to fill in.
    pub has_tags: bool,
}

/// A tag that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadTag {
    /// Its place in the author's text.
    pub range: Range<usize>,
    /// What is wrong with it.
    pub why: String,
}

/// Which words in single braces are filled in, each with what stands before it in a template: `` or `inputs.`.
pub(super) type Named<'n> = &'n dyn Fn(&str) -> Option<&'static str>;

/// Finds the tags of a text.
pub(super) fn scan(text: &str, named: Named<'_>) -> Result<Scanned, BadTag> {
    let mut scanned = Scanned { source: String::with_capacity(text.len()), ..Scanned::default() };
    let (mut at, mut branches) = (0, 0);
    while let Some(found) = text[at..].find('{').map(|n| at + n) {
        scanned.source.push_str(&text[at..found]);
        let rest = &text[found..];
        let end = match rest.as_bytes().get(1) {
            Some(b'{') => found + tag(rest, "}}").ok_or_else(|| not_closed(found, "{{", "}}"))?,
            Some(b'%') => {
                let end = tag(rest, "%}").ok_or_else(|| not_closed(found, "{%", "%}"))?;
                let word = statement(&rest[..end]);
                branches += usize::from(word == "elif");
                if branches > MAX_BRANCHES {
                    let why = format!("more than {MAX_BRANCHES} `elif` in one text");
                    return Err(BadTag { range: found..found + end, why });
                }
                match word {
                    "raw" => found + end + raw_end(&rest[end..]).ok_or_else(|| no_endraw(found, end))?,
                    _ => found + end,
                }
            }
            Some(b'#') => found + rest.find("#}").ok_or_else(|| not_closed(found, "{#", "#}"))? + 2,
            _ => {
                at = word_or_brace(rest, found, named, &mut scanned);
                continue;
            }
        };
        if end - found > MAX_TAG_BYTES && !rest.starts_with("{#") && statement(rest) != "raw" {
            let why = format!("a tag has more than {MAX_TAG_BYTES} bytes");
            return Err(BadTag { range: found..found + 2, why });
        }
        scanned.has_tags = true;
        scanned.source.push_str(&text[found..end]);
        at = end;
    }
    scanned.source.push_str(&text[at..]);
    Ok(scanned)
}

/// A word in single braces that begins here, or a brace that means nothing. Returns where to go on.
fn word_or_brace(rest: &str, found: usize, named: Named<'_>, scanned: &mut Scanned) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let length = rest[1..].find(|c| !is_part(c)).unwrap_or(rest.len() - 1);
    let (word, behind) = (&rest[1..=length], &rest[1 + length..]);
    if word.is_empty() || !behind.starts_with('}') {
        scanned.source.push('{');
        return found + 1;
    }
    let end = found + length + 2;
    if let Some(before) = named(word) {
        scanned.has_tags = true;
        scanned.added.push((scanned.source.len(), 1 + before.len()));
        scanned.source.push_str("{{");
        scanned.source.push_str(before);
        scanned.source.push_str(word);
        scanned.added.push((scanned.source.len(), 1));
        scanned.source.push_str("}}");
    } else {
        scanned.words.push((word.to_owned(), found..end));
        scanned.source.push_str(&rest[..length + 2]);
    }
    end
}

/// How long the tag is that `rest` begins with. What stands in quotes does not close it.
fn tag(rest: &str, close: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, byte) in rest.bytes().enumerate().skip(2) {
        match (quote, byte) {
            _ if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, _) if rest.as_bytes()[at..].starts_with(close.as_bytes()) => return Some(at + close.len()),
            (None, _) => {}
        }
    }
    None
}

/// The first word of a statement.
fn statement(tag: &str) -> &str {
    let inner = tag.strip_prefix("{%").unwrap_or_default().trim_start_matches(['-', '+']).trim_start();
    inner.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// How far behind `{% raw %}` its end is.
fn raw_end(rest: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = rest[at..].find("{%").map(|n| at + n) {
        if statement(&rest[found..]) == "endraw" {
            return Some(found + rest[found..].find("%}")? + 2);
        }
        at = found + 2;
    }
    None
}

fn not_closed(at: usize, open: &str, close: &str) -> BadTag {
    BadTag { range: at..at + open.len(), why: format!("`{open}` is not closed by `{close}`") }
}

fn no_endraw(at: usize, length: usize) -> BadTag {
    BadTag { range: at..at + length, why: "`{% raw %}` has no `{% endraw %}`".to_owned() }
}

impl Scanned {
    /// The place in the author's text for a place in the source.
    pub(super) fn author(&self, range: Range<usize>) -> Range<usize> {
        let back = |at: usize| {
            let before = self.added.iter().take_while(|&&(added, _)| added < at);
            at - before.map(|&(added, length)| length.min(at - added)).sum::<usize>()
        };
        back(range.start)..back(range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> String {
        scan(text, &|word| (word == "goal").then_some("")).unwrap().source
    }

    #[test]
    fn only_known_words_in_single_braces_are_places() {
        assert_eq!(source("a {goal} {goals} { goal } {{ x }}"), "a {{goal}} {goals} { goal } {{ x }}");
        assert_eq!(source("{% raw %}{goal}{% endraw %}{# {goal} #}"), "{% raw %}{goal}{% endraw %}{# {goal} #}");
        assert_eq!(source("{{ '}} {goal}' }}{%if '%}'%}"), "{{ '}} {goal}' }}{%if '%}'%}");
        let words = scan("{goals} {\"a\": {b}} {}", &|_| None).unwrap().words;
        assert_eq!(words, [("goals".to_owned(), 0..7), ("b".to_owned(), 14..17)]);
    }

    #[test]
    fn places_are_found_again() {
        let scanned = scan("ü {goal} x", &|_| Some("")).unwrap();
        assert_eq!(scanned.source, "ü {{goal}} x");
        assert_eq!(scanned.author(3..11), 3..9);
        assert_eq!(scanned.author(5..9), 4..8);
        assert_eq!(scanned.author(12..13), 10..11);
        let scanned = scan("a {topic}", &|_| Some("inputs.")).unwrap();
        assert_eq!(scanned.source, "a {{inputs.topic}}");
        assert_eq!(scanned.author(4..16), 2..8);
    }

    #[test]
    fn what_is_not_closed_is_told_where_it_opens() {
        for (text, at) in
            [("x {{ a", 2..4), ("100{% off", 3..5), ("a {#1}", 2..4), ("{% raw %} {{", 0..9), ("{{ ' }}", 0..2)]
        {
            assert_eq!(scan(text, &|_| None).unwrap_err().range, at, "{text}");
        }
    }

    #[test]
    fn a_text_full_of_openings_takes_no_longer() {
        assert!(scan(&"{{ '".repeat(500_000), &|_| None).is_err());
        assert!(scan(&"{% raw %}{%".repeat(500_000), &|_| None).is_err());
        assert!(scan(&"{a".repeat(500_000), &|_| None).is_ok());
        assert!(scan(&format!("{{{{ 1{} }}}}", "+1".repeat(100_000)), &|_| None).is_err());
        assert!(scan(&format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(300)), &|_| None).is_err());
    }
}
