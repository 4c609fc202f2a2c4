//! YAML as a person would write it: blocks for prose, lists in a row where they are short, and comments.
//!
//! What is written is read back as what was given; prose may get a line end behind it. Knows nothing of orchestras.

use std::fmt::Write;

use crate::plan::spec::yaml::{self, Node};

/// How wide comments and prose are, indentation included.
const WIDTH: usize = 110;

/// A mapping: keys, comments and empty lines in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map(Vec<Line>);

#[derive(Debug, Clone)]
enum Line {
    Key(String, Value),
    Note(String),
    Gap,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A text on one line, to the letter.
    Word(String),
    /// A text for people and models, in a block where it is long.
    Prose(String),
    /// What is no text: a number, a truth value, nothing.
    Plain(String),
    /// A list on one line.
    Row(Vec<Value>),
    /// A list of an entry a line.
    List(Vec<Item>),
    /// A mapping.
    Map(Map),
}

/// An entry of a list, or an empty line between them.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// An entry.
    Of(Value),
    /// An empty line.
    Gap,
}

impl Map {
    /// Adds a key, or gives it another value.
    pub(crate) fn set(&mut self, key: &str, value: Value) {
        let known = self.0.iter_mut().find_map(|line| match line {
            Line::Key(known, value) if known == key => Some(value),
            _ => None,
        });
        match known {
            Some(known) => *known = value,
            None => self.0.push(Line::Key(key.to_owned(), value)),
        }
    }

    /// Adds a key with a text on one line.
    pub(crate) fn word(&mut self, key: &str, text: &str) {
        self.set(key, Value::Word(text.to_owned()));
    }

    /// Adds a key with a text for people or models.
    pub(crate) fn prose(&mut self, key: &str, text: &str) {
        self.set(key, Value::Prose(text.trim().to_owned()));
    }

    /// Adds a key with a number.
    pub(crate) fn number(&mut self, key: &str, number: impl ToString) {
        self.set(key, Value::Plain(number.to_string()));
    }

    /// Adds a comment.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.0.push(Line::Note(text.into()));
    }

    /// Adds an empty line.
    pub(crate) fn gap(&mut self) {
        self.0.push(Line::Gap);
    }

    /// Whether there is no key in it.
    pub(crate) fn is_empty(&self) -> bool {
        !self.0.iter().any(|line| matches!(line, Line::Key(..)))
    }

    /// The text of a file.
    #[must_use]
    pub(crate) fn render(&self) -> String {
        let mut page = String::new();
        self.write(&mut page, 0);
        page
    }

    fn write(&self, page: &mut String, indent: usize) {
        for line in &self.0 {
            match line {
                Line::Gap => page.push('\n'),
                Line::Note(text) => comment(page, text, indent),
                Line::Key(key, value) => {
                    let _ = write!(page, "{:indent$}{}:", "", word(key));
                    value.write(page, indent);
                }
            }
        }
    }
}

impl Value {
    /// A list of names on one line.
    pub(crate) fn row<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Self {
        Self::Row(words.into_iter().map(|word| Self::Word(word.as_ref().to_owned())).collect())
    }

    /// Writes the value behind its key or its dash, and ends the line.
    fn write(&self, page: &mut String, indent: usize) {
        match self {
            Self::Map(map) if map.is_empty() => page.push_str(" {}\n"),
            Self::Map(map) => {
                page.push('\n');
                map.write(page, indent + 2);
            }
            Self::List(items) if !items.iter().any(|item| matches!(item, Item::Of(_))) => page.push_str(" []\n"),
            Self::List(items) => {
                page.push('\n');
                items.iter().for_each(|item| item.write(page, indent + 2));
            }
            Self::Prose(text) => {
                let _ = writeln!(page, " {}", prose(text, indent + 2));
            }
            _ => {
                let _ = writeln!(page, " {}", self.on_a_line());
            }
        }
    }

    fn on_a_line(&self) -> String {
        match self {
            Self::Word(text) | Self::Prose(text) => word(text),
            Self::Plain(text) => text.clone(),
            Self::Row(values) => {
                format!("[{}]", values.iter().map(Self::on_a_line).collect::<Vec<_>>().join(", "))
            }
            Self::List(_) | Self::Map(_) => String::new(),
        }
    }

    fn is_short(&self) -> bool {
        match self {
            Self::Word(_) | Self::Prose(_) | Self::Plain(_) => self.on_a_line().len() < 40,
            _ => false,
        }
    }
}

impl Item {
    fn write(&self, page: &mut String, indent: usize) {
        match self {
            Self::Gap => page.push('\n'),
            Self::Of(Value::Map(map)) if !map.is_empty() => {
                // Comments in front of the first key stand in front of the entry.
                let first = map.0.iter().position(|line| matches!(line, Line::Key(..))).unwrap_or_default();
                Map(map.0[..first].to_vec()).write(page, indent);
                let mut entry = String::new();
                Map(map.0[first..].to_vec()).write(&mut entry, indent + 2);
                let _ = write!(page, "{:indent$}- {}", "", entry.trim_start_matches(' '));
            }
            Self::Of(value) => {
                let _ = write!(page, "{:indent$}-", "");
                value.write(page, indent);
            }
        }
    }
}

/// A value of another file as it stands there, without its comments and anchors.
impl From<&Node> for Value {
    fn from(node: &Node) -> Self {
        match &node.value {
            yaml::Value::Null => Self::Plain("null".to_owned()),
            yaml::Value::Bool(value) => Self::Plain(value.to_string()),
            yaml::Value::Int(number) => Self::Plain(number.to_string()),
            yaml::Value::Float(number) => Self::Plain(format!("{number:?}")),
            yaml::Value::Text(text) => Self::Word(text.clone()),
            yaml::Value::List(items) => {
                let items: Vec<Self> = items.iter().map(Self::from).collect();
                match items.iter().all(Self::is_short) && items.len() <= 8 {
                    true => Self::Row(items),
                    false => Self::List(items.into_iter().map(Item::Of).collect()),
                }
            }
            yaml::Value::Map(entries) => {
                let mut map = Map::default();
                for (key, value) in entries {
                    if let yaml::Value::Text(key) = &key.value {
                        map.set(key, Self::from(value));
                    }
                }
                Self::Map(map)
            }
        }
    }
}

/// A comment, broken between words.
fn comment(page: &mut String, text: &str, indent: usize) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + line.len() + word.len() + 3 > WIDTH {
            let _ = writeln!(page, "{:indent$}#{line}", "");
            line.clear();
        }
        line.push(' ');
        line.extend(word.chars().filter(|&c| stands(c)));
    }
    let _ = writeln!(page, "{:indent$}#{line}", "");
}

/// A text on one line: quoted unless it is a plain name, since YAML takes much for a number, a date or a truth value.
#[must_use]
pub(crate) fn word(text: &str) -> String {
    let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    if is_name { plain(text) } else { double_quoted(text) }
}

/// A name as YAML: quoted where YAML would read a number, a date or a truth value instead of a text.
#[must_use]
pub(crate) fn plain(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let means_else =
        ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&name.to_lowercase().as_str());
    if is_word && !means_else { name.to_owned() } else { format!("\"{name}\"") }
}

/// A text for people: on one line where it is short, else in a block.
fn prose(text: &str, indent: usize) -> String {
    let is_short = !text.contains('\n') && text.len() + indent < WIDTH - 20;
    if is_short { word(text) } else { scalar(text, indent) }
}

/// A text as a YAML value: a block where that keeps every character, and quoted otherwise.
#[must_use]
pub(crate) fn scalar(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    if text.is_empty() || text.starts_with([' ', '\n']) || text.ends_with([' ', '\n']) || !text.chars().all(in_block) {
        return double_quoted(text);
    }
    if !text.contains('\n') {
        return format!(">\n{margin}{}", folded(text, WIDTH.saturating_sub(indent)).join(&format!("\n{margin}")));
    }
    let lines: Vec<String> =
        text.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("{margin}{line}") }).collect();
    format!("|\n{}", lines.join("\n"))
}

/// A line broken where YAML puts a blank again: between two words with one blank, not where the rest would look like a
/// list, and not inside of braces, which a reader wants to see as a whole.
fn folded(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut begin = 0;
    let mut last = None;
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c != ' ' || depth > 0 {
            continue;
        }
        let (before, after) = (&text[..at], &text[at + 1..]);
        let word = after.split(' ').next().unwrap_or_default();
        let looks_like_item =
            matches!(word, "-" | "*") || word.strip_suffix('.').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        if before.ends_with([' ', '\t']) || after.starts_with([' ', '\t']) || looks_like_item {
            continue;
        }
        if let Some(fits) = last
            && text[begin..at].chars().count() > width
        {
            lines.push(&text[begin..fits]);
            begin = fits + 1;
        }
        last = Some(at);
    }
    if let Some(fits) = last.filter(|&fits| fits > begin && text[begin..].chars().count() > width) {
        lines.push(&text[begin..fits]);
        begin = fits + 1;
    }
    lines.push(&text[begin..]);
    lines
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if stands(c) => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a block keeps this character.
fn in_block(c: char) -> bool {
    c == '\n' || stands(c)
}

/// Whether a character can stand for itself: not those that a reader could take for something else, such as tabs, line
/// ends of other systems, and marks that nobody sees or that turn the direction of writing.
fn stands(c: char) -> bool {
    let is_mark = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    !c.is_control() && !is_mark && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::words::diagnostic::Source;

    fn read(map: &Map) -> Node {
        let text = map.render();
        yaml::parse(&Source::new("a.yaml", text.clone())).unwrap_or_else(|error| panic!("{}\n{text}", error.message))
    }

    fn text<'n>(root: &'n Node, key: &str) -> &'n str {
        match &root.get(key).unwrap().value {
            yaml::Value::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            a in "[ -~éß😀\t\n\u{85}\u{202e}]{0,200}", b in "([a-z0-9.*-]{1,9} ){0,60}[a-z]", c in "\\PC{0,20}",
        ) {
            let mut inner = Map::default();
            inner.note(&c);
            inner.word("x", &a);
            inner.note(&a);
            inner.prose("y", &b);
            let mut map = Map::default();
            map.word("a", &a);
            map.prose("b", &b);
            map.prose("long", &format!("{a} {b}"));
            map.set("c", Value::row([&a, &b, &c]));
            map.set("d", Value::List(vec![Item::Of(Value::Map(inner))]));
            let root = read(&map);
            prop_assert_eq!(text(&root, "a"), &a);
            prop_assert_eq!(text(&root, "b").trim(), b.trim());
            let long = format!("{a} {b}");
            prop_assert_eq!(text(&root, "long").trim_end_matches('\n'), long.trim().trim_end_matches('\n'));
            let yaml::Value::List(row) = &root.get("c").unwrap().value else { panic!() };
            prop_assert!(matches!(&row[2].value, yaml::Value::Text(read) if *read == c));
            let yaml::Value::List(items) = &root.get("d").unwrap().value else { panic!() };
            prop_assert_eq!(text(&items[0], "x"), &a);
            prop_assert_eq!(text(&items[0], "y").trim(), b.trim());
        }
    }

    #[test]
    fn it_looks_as_a_person_would_write_it() {
        let mut task = Map::default();
        task.note("About this task.");
        task.word("name", "plan");
        task.set("context", Value::row(["a", "1.0"]));
        task.prose("description", "One.\n\nTwo: \"x\".");
        let mut map = Map::default();
        map.word("name", "A name");
        map.number("limit", 3);
        map.gap();
        map.set("tasks", Value::List(vec![Item::Of(Value::Map(task)), Item::Of(Value::Word("b".into()))]));
        let expected = "name: \"A name\"\nlimit: 3\n\ntasks:\n  # About this task.\n  - name: plan\n    context: [a, \
                        \"1.0\"]\n    description: |\n      One.\n\n      Two: \"x\".\n  - b\n";
        assert_eq!(map.render(), expected);
    }

    #[test]
    fn a_long_line_is_folded_and_never_into_a_list() {
        let text = "aaa bbb ccc - ddd 1. eee  fff";
        let lines = folded(text, 8);
        assert_eq!(lines.join(" "), text);
        assert!(lines.len() > 1 && lines.iter().all(|line| !line.starts_with(['-', '1', ' '])), "{lines:?}");
    }
}
