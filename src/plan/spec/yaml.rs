//! YAML text as a tree whose every node knows its place.
//!
//! The parser is bounded before it starts: by the size of the text, the depth and the number of nodes, aliases
//! included. Knows nothing of orchestras.

use std::fmt;

use serde_yaml::budget::BudgetBreach;
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{Error, Location, Spanned};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::words::diagnostic::{Diagnostic, Source, Span};

/// The largest file that is read, in bytes. An orchestra of 10,000 tasks has about two million.
pub const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The deepest nesting. The format itself needs eight levels.
const MAX_DEPTH: usize = 32;
/// The most nodes, those that aliases repeat included.
const MAX_NODES: usize = 500_000;
/// The most nodes that aliases may repeat.
const MAX_REPEATED: usize = 100_000;

/// A value and its place in the text.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands, in bytes. A collection's span is its beginning.
    pub span: Span,
}

/// A YAML value.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`; `yes` and `no` are text, as YAML 1.2 says.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order, keys that stand twice included.
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// What it is, with its article.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(k, _)| matches!(&k.value, Value::Text(t) if t == key)).map(|(_, value)| value)
    }
}

/// Parses one document.
///
/// # Errors
/// What keeps the text from being a tree: broken syntax, an exceeded bound, several documents. One at a time,
/// since what comes behind broken syntax cannot be told.
pub fn parse(source: &Source) -> Result<Node, Box<Diagnostic>> {
    if source.text.len() as u64 > MAX_BYTES {
        return Err(Box::new(too_large(source.text.len() as u64)));
    }
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_documents: 1,
        },
        // A mapping that is read as one hands over every pair with this policy, and the check reports those that
        // stand twice, all of them and with both places.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MAX_REPEATED },
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_yaml::from_str_with_options::<Spanned<Value>>(&source.text, options) {
        Ok(root) => Ok(node(root)),
        Err(error) => Err(Box::new(diagnose(source, &error))),
    }
}

/// A file that is not read because of its size in bytes.
#[must_use]
pub fn too_large(bytes: u64) -> Diagnostic {
    let mib = |n: u64| n / (1024 * 1024);
    Diagnostic::error_in_file(format!(
        "the file is too large: {} MiB, and at most {} MiB are read",
        mib(bytes),
        mib(MAX_BYTES)
    ))
    .help("an orchestra holds instructions; put data into files of its own")
}

fn node(spanned: Spanned<Value>) -> Node {
    // An alias stands where it is used, not where its anchor is.
    Node { span: span(&spanned.referenced), value: spanned.value }
}

fn span(location: &Location) -> Span {
    let span = location.span();
    let start = usize::try_from(span.byte_offset().unwrap_or(0)).unwrap_or(0);
    let length = usize::try_from(span.byte_len().unwrap_or(0)).unwrap_or(0);
    start..start + length
}

fn diagnose(source: &Source, error: &Error) -> Diagnostic {
    let text = error.without_snippet().render_with_formatter(&serde_yaml::UserMessageFormatter);
    // The place is shown by the caret, so it need not stand in the message too.
    let message = text.split(" at line ").next().unwrap_or(&text).trim_end_matches(['.', ':']).to_owned();
    let Some(location) = error.location() else {
        return Diagnostic::error_in_file(format!("not valid YAML: {message}"));
    };
    let mut at = match location.span().byte_offset() {
        Some(_) => span(&location),
        None => {
            let start = source.byte_at(location.line(), location.column());
            start..start + 1
        }
    };
    at.start = at.start.min(source.text.len());
    at.end = at.end.clamp(at.start, source.text.len());
    let line = source.text[..at.start].rfind('\n').map_or(0, |n| n + 1);
    let indent = source.text[line..].split(|c: char| c != ' ' && c != '\t').next().unwrap_or("");
    if let Some(tab) = indent.find('\t') {
        return Diagnostic::error("tabs cannot indent YAML", line + tab..line + tab + 1, "a tab").help("use spaces");
    }
    match exceeded(error, &message) {
        Some(Bound::Documents) => Diagnostic::error("the file holds several documents", at, "the second begins here")
            .help("a file holds one orchestra; put the others into files of their own"),
        Some(Bound::Depth) => Diagnostic::error("the nesting is too deep", at, "")
            .help(format!("at most {MAX_DEPTH} levels are read, and the format needs eight")),
        Some(Bound::Size) => Diagnostic::error("the file holds too many values", at, "")
            .help(format!("at most {MAX_NODES} are read, and {MAX_REPEATED} that aliases repeat")),
        None => {
            let help = cure(&source.text[line..at.start], &source.text[at.start..], &message);
            let mistake = Diagnostic::error(format!("not valid YAML: {message}"), at, "");
            help.into_iter().fold(mistake, Diagnostic::help)
        }
    }
}

/// What is likely to be meant where a text without quotes says something to YAML. `before` is the line up to the
/// mistake, and `rest` begins there.
fn cure(before: &str, rest: &str, message: &str) -> Option<&'static str> {
    if message.contains("did not find expected key")
        && [": {", ": [", "- {", "- ["].iter().any(|it| before.contains(it))
    {
        return Some("put the whole text in quotes: a { or [ at its beginning opens a mapping or a list");
    }
    if message.contains("mapping values are not allowed") || rest.starts_with(": ") {
        return Some("put the text in quotes: a colon and a space in it begin a mapping");
    }
    message.contains("comment").then_some("put the text in quotes: a space and a # in it begin a comment")
}

/// What there is too much of.
enum Bound {
    Documents,
    Depth,
    Size,
}

/// The bound that a text exceeds, if that is what is wrong. The parser's own words for it are its counters.
fn exceeded(error: &Error, message: &str) -> Option<Bound> {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => exceeded(error, message),
        Error::MultipleDocuments { .. } | Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            Some(Bound::Documents)
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => Some(Bound::Depth),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => Some(Bound::Size),
        // The scanner below has a bound of its own, and tells it in words alone.
        _ => message.contains("recursion limit").then_some(Bound::Depth),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "a number beyond i64 is out of every range that the format knows")]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Value>>()? {
            items.push(node(item));
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<Value>>()? {
            if entries.len() > MAX_NODES {
                return Err(A::Error::custom("too many keys"));
            }
            entries.push((node(key), node(map.next_value::<Spanned<Value>>()?)));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_at<'s>(source: &'s Source, node: &Node) -> &'s str {
        &source.text[node.span.clone()]
    }

    #[test]
    fn every_node_knows_its_place() {
        let source = Source::new("a", "a: 1\nb:\n  - x: \"é y\"\n    z: no\n  - {k: [1.5, ~]}\n");
        let root = parse(&source).unwrap();
        let Value::List(items) = &root.get("b").unwrap().value else { panic!() };
        let x = items[0].get("x").unwrap();
        assert_eq!(text_at(&source, x), "\"é y\"");
        let z = items[0].get("z").unwrap();
        assert!(matches!(&z.value, Value::Text(t) if t == "no"));
        assert_eq!(text_at(&source, z), "no");
        let Value::Map(entries) = &items[1].value else { panic!() };
        assert_eq!(text_at(&source, &entries[0].0), "k");
    }

    #[test]
    fn keys_that_stand_twice_are_all_there() {
        let root = parse(&Source::new("a", "a: 1\nb: 2\na: 3\n")).unwrap();
        let Value::Map(entries) = &root.value else { panic!() };
        assert_eq!(entries.len(), 3);
    }

    #[test]
    fn what_is_too_much_is_refused_quickly() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for n in 1..12 {
            let refs = vec![format!("*a{}", n - 1); 9].join(",");
            bomb += &format!("a{n}: &a{n} [{refs}]\n");
        }
        for text in [bomb, "[".repeat(10_000), "{a: ".repeat(10_000), "- ".repeat(10_000), "x: ".repeat(100)] {
            assert!(parse(&Source::new("a", text)).is_err());
        }
    }

    #[test]
    fn mistakes_of_syntax_have_a_place_and_a_way_out() {
        let error = parse(&Source::new("a", "tasks:\n\t- name: x\n")).unwrap_err();
        assert_eq!((error.message.as_str(), error.at.unwrap().0), ("tabs cannot indent YAML", 7..8));
        let error = parse(&Source::new("a", "a: 1\n---\nb: 2\n")).unwrap_err();
        assert!(error.help.unwrap().contains("one orchestra"), "{}", error.message);
        let error = parse(&Source::new("a", "a: [1, 2\nb: \"x\n")).unwrap_err();
        assert!(error.at.is_some());
        let error = parse(&Source::new("a", "a:\n  b: {{ outputs.x }} and more\n")).unwrap_err();
        assert!(error.help.unwrap().contains("the whole text in quotes"), "{}", error.message);
    }
}
