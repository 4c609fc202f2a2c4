//! A file of another tool: its values, and mistakes where it is not what that tool reads.

use std::sync::Arc;

use crate::plan::spec::yaml::{self, Node, Value};
use crate::words::diagnostic::{Diagnostic, Report, Source};
use crate::words::redact::names_key;
use crate::words::text::one_line;

/// As much of a value as a comment repeats, in columns.
const SHOWN: usize = 60;

/// A file that is YAML, and the mistakes found in it so far.
#[derive(Debug)]
pub(super) struct Foreign {
    source: Arc<Source>,
    /// The whole of it.
    pub root: Node,
    mistakes: Vec<Diagnostic>,
}

impl Foreign {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is no YAML, or a key stands twice in it.
    pub(super) fn new(source: &Arc<Source>) -> Result<Self, Vec<Report>> {
        let root = match yaml::parse(source) {
            Ok(root) => root,
            Err(mistake) => return Err(vec![Report::new(source.clone(), vec![*mistake])]),
        };
        let mut mistakes = Vec::new();
        find_twins(&root, &mut mistakes);
        let file = Self { source: source.clone(), root, mistakes };
        if file.mistakes.is_empty() { Ok(file) } else { Err(file.refuse()) }
    }

    /// Notes a mistake.
    pub(super) fn mistake(&mut self, mistake: Diagnostic) {
        self.mistakes.push(mistake);
    }

    /// The entries of a mapping; none and a mistake if it is none. `what` says what should stand there.
    pub(super) fn entries(&mut self, node: &Node, what: &str) -> Vec<(String, Node, Node)> {
        let Value::Map(entries) = &node.value else {
            self.not(node, what);
            return Vec::new();
        };
        let named = |(key, value): &(Node, Node)| Some((text(key)?, key.clone(), value.clone()));
        entries.iter().filter_map(named).collect()
    }

    /// The text of a node; none and a mistake if it is none.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> String {
        let found = text(node);
        if found.is_none() {
            self.not(node, what);
        }
        found.unwrap_or_default()
    }

    /// A list of texts, of which one may stand alone.
    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<(String, Node)> {
        match &node.value {
            Value::Null => Vec::new(),
            Value::List(items) => items.iter().map(|item| (self.text(item, what), item.clone())).collect(),
            _ => vec![(self.text(node, what), node.clone())],
        }
    }

    /// The entries of a list; none and a mistake if it is none.
    pub(super) fn items(&mut self, node: &Node, what: &str) -> Vec<Node> {
        match &node.value {
            Value::List(items) => items.clone(),
            Value::Null => Vec::new(),
            _ => {
                self.not(node, what);
                Vec::new()
            }
        }
    }

    /// Notes that something else stands there.
    pub(super) fn not(&mut self, node: &Node, what: &str) {
        let label = format!("here is {}", node.value.kind());
        self.mistakes.push(Diagnostic::error(format!("{what} is expected here"), node.span.clone(), label));
    }

    /// Refuses the file if there are mistakes in it.
    ///
    /// # Errors
    /// Those mistakes.
    pub(super) fn check(&self) -> Result<(), Vec<Report>> {
        if self.mistakes.is_empty() { Ok(()) } else { Err(self.refuse()) }
    }

    /// The mistakes as a report.
    pub(super) fn refuse(&self) -> Vec<Report> {
        vec![Report::new(self.source.clone(), self.mistakes.clone())]
    }
}

/// The mistake of a file that is something else altogether.
pub(super) fn is_no(source: &Arc<Source>, what: &str, why: &str) -> Vec<Report> {
    vec![Report::new(source.clone(), vec![Diagnostic::error_in_file(format!("this is not {what}: {why}"))])]
}

fn find_twins(node: &Node, mistakes: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| find_twins(item, mistakes)),
        Value::Map(entries) => {
            let mut seen = std::collections::HashMap::new();
            for (key, value) in entries {
                if let Value::Text(name) = &key.value
                    && let Some(first) = seen.insert(name, key)
                {
                    let twice = Diagnostic::error(format!("`{name}` stands twice"), key.span.clone(), "again");
                    mistakes.push(twice.see(first.span.clone(), "first here"));
                }
                find_twins(value, mistakes);
            }
        }
        _ => {}
    }
}

/// A scalar as text.
pub(super) fn text(node: &Node) -> Option<String> {
    Some(match &node.value {
        Value::Text(text) => text.trim().to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => return None,
    })
}

/// A number.
#[expect(clippy::cast_precision_loss, reason = "counts and seconds are small")]
pub(super) fn number(node: &Node) -> Option<f64> {
    match &node.value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A whole number from 1.
pub(super) fn count(node: &Node) -> Option<u64> {
    match &node.value {
        Value::Int(number) => u64::try_from(*number).ok().filter(|&n| n > 0),
        Value::Text(text) => text.trim().parse().ok().filter(|&n| n > 0),
        _ => None,
    }
}

/// Whether it says yes.
pub(super) fn is_true(node: &Node) -> bool {
    matches!(&node.value, Value::Bool(true))
        || matches!(&node.value, Value::Text(text) if text.eq_ignore_ascii_case("true"))
}

/// Whether nothing is asked for: `false`, nothing, or an empty list.
pub(super) fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Bool(true) | Value::Int(_) | Value::Float(_) => false,
    }
}

/// A key with its value for a comment, without what may be a secret or is long.
pub(super) fn shown(key: &str, node: &Node) -> String {
    match text(node) {
        Some(value) if !names_key(key) && value.len() <= SHOWN && !value.contains('\n') => {
            format!("`{}: {}`", one_line(key, SHOWN), one_line(&value, SHOWN))
        }
        _ => format!("`{}`", one_line(key, SHOWN)),
    }
}

/// A number of seconds as YAML takes it here.
pub(super) fn seconds(node: &Node) -> Option<String> {
    number(node).filter(|&n| n > 0.0 && n <= 86_400.0).map(|n| n.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_key_is_not_shown() {
        let node = |text: &str| Node { value: Value::Text(text.to_owned()), span: 0..0 };
        assert_eq!(shown("api_key", &node("sk-123")), "`api_key`");
        assert_eq!(shown("speed", &node("fast")), "`speed: fast`");
        assert_eq!(shown("text", &node("one\ntwo")), "`text`");
    }
}
