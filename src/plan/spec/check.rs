//! Holds a tree against the format's JSON Schema and names every mistake in it.
//!
//! The schema is made from the types that the tree is then turned into, so the check, the types and what
//! `orch schema` prints cannot differ. Understands the part of JSON Schema that those types use.

use serde_json::Value as Json;

use crate::plan::spec::prune::Faults;
use crate::plan::spec::yaml::{Node, Value};
use crate::plan::spec::{cures, later};
use crate::words::diagnostic::{Diagnostic, either, near_miss};

/// What the whole of a file is called.
const ROOT: &str = "the file";

/// Names every place where `node` is not what `schema` says, and marks the nodes.
#[must_use]
pub(super) fn check(node: &Node, schema: &Json) -> (Vec<Diagnostic>, Faults) {
    let mut checker = Checker { root: schema, lenient: false, found: Vec::new(), faults: Faults::default() };
    checker.visit(node, schema, ROOT);
    (checker.found, checker.faults)
}

/// The same for the files of other tools: keys that the schema does not know are warnings.
#[must_use]
pub(crate) fn check_leniently(node: &Node, schema: &Json) -> Vec<Diagnostic> {
    let mut checker = Checker { root: schema, lenient: true, found: Vec::new(), faults: Faults::default() };
    checker.visit(node, schema, ROOT);
    checker.found
}

/// Whether a mapping is most likely a text that begins with a brace.
fn is_braced(value: &Value) -> bool {
    matches!(value, Value::Map(entries) if entries.iter().all(|(_, value)| matches!(value.value, Value::Null)))
}

struct Checker<'s> {
    root: &'s Json,
    lenient: bool,
    found: Vec<Diagnostic>,
    faults: Faults,
}

impl<'s> Checker<'s> {
    /// `what` names the value in a message, such as "`timeout_seconds`".
    fn visit(&mut self, node: &Node, schema: &'s Json, what: &str) {
        let schema = self.resolve(schema);
        if let Some(variants) = schema.get("anyOf").and_then(Json::as_array) {
            return self.visit_any(node, variants, what);
        }
        if let Some(words) = words(schema) {
            return self.visit_word(node, &words, what);
        }
        let Some(kind) = schema.get("type") else { return };
        if !accepts(kind, &node.value) {
            return self.wrong_type(node, &[schema], what);
        }
        match &node.value {
            Value::Map(entries) => self.visit_map(node, entries, schema, what),
            Value::List(items) => {
                let Some(item_schema) = schema.get("items") else { return };
                for item in items {
                    self.visit(item, item_schema, &format!("an entry of {what}"));
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "bounds in the format are small")]
            Value::Int(number) => self.visit_number(node, *number as f64, schema, what),
            Value::Float(number) => self.visit_number(node, *number, schema, what),
            Value::Null | Value::Bool(_) | Value::Text(_) => {}
        }
    }

    fn visit_any(&mut self, node: &Node, variants: &'s [Json], what: &str) {
        let mut flat = Vec::new();
        self.flatten(variants, &mut flat);
        let variants = flat;
        let fits = |schema: &&&Json| match schema.get("type") {
            Some(kind) => accepts(kind, &node.value),
            None => words(schema).is_some() && matches!(node.value, Value::Text(_)),
        };
        // `{goal}` without quotes.
        let is_text = is_braced(&node.value) && variants.iter().any(|variant| kinds(variant).contains(&"text"));
        match variants.iter().find(fits).filter(|_| !is_text) {
            Some(variant) => self.visit(node, variant, what),
            None => self.wrong_type(node, &variants, what),
        }
    }

    /// An optional value of two forms is a choice in a choice.
    fn flatten(&self, variants: &'s [Json], flat: &mut Vec<&'s Json>) {
        for variant in variants {
            let variant = self.resolve(variant);
            match variant.get("anyOf").and_then(Json::as_array) {
                Some(inner) => self.flatten(inner, flat),
                None => flat.push(variant),
            }
        }
    }

    fn visit_word(&mut self, node: &Node, words: &[&str], what: &str) {
        let Value::Text(text) = &node.value else {
            self.faults.mark(node);
            return self.found.push(
                Diagnostic::error(format!("{what} is {}", either(words)), node.span.clone(), found(&node.value))
                    .help("it is written as a word"),
            );
        };
        if words.contains(&text.as_str()) {
            return;
        }
        self.faults.mark(node);
        let mut diagnostic = Diagnostic::error(
            format!("{what} cannot be `{text}`"),
            node.span.clone(),
            format!("can be {}", either(words)),
        );
        if later::word(what, text) {
            diagnostic.message = format!("`{text}` for {what} is not supported yet");
        } else if let Some(near) = near_miss(text, words.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        self.found.push(diagnostic);
    }

    fn visit_number(&mut self, node: &Node, number: f64, schema: &Json, what: &str) {
        let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
        let complaint = if let Some(min) = bound("minimum").filter(|&min| number < min) {
            format!("{min} or more")
        } else if let Some(min) = bound("exclusiveMinimum").filter(|&min| number <= min) {
            format!("more than {min}")
        } else if let Some(max) = bound("maximum").filter(|&max| number > max) {
            format!("{max} or less")
        } else {
            return;
        };
        self.faults.mark(node);
        self.found.push(Diagnostic::error(format!("{what} must be {complaint}"), node.span.clone(), ""));
    }

    fn visit_map(&mut self, node: &Node, entries: &[(Node, Node)], schema: &'s Json, what: &str) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let noun = schema.get("title").and_then(Json::as_str).unwrap_or(what);
        let mut seen: std::collections::HashMap<&str, &Node> = std::collections::HashMap::new();
        for (key, value) in entries {
            let Value::Text(name) = &key.value else {
                let message = format!("a key is text, and here is {}", key.value.kind());
                self.faults.mark(key);
                self.found.push(Diagnostic::error(message, key.span.clone(), "").help("put it in quotes"));
                continue;
            };
            if let Some(first) = seen.insert(name, key) {
                let duplicate =
                    Diagnostic::error(format!("`{name}` stands twice in {noun}"), key.span.clone(), "here again")
                        .see(first.span.clone(), "first here");
                self.faults.mark(key);
                self.found.push(duplicate.help("keep one of the two"));
            }
            let quoted = format!("`{name}`");
            match (properties.and_then(|p| p.get(name)), schema.get("additionalProperties")) {
                (Some(property), _) => self.visit(value, property, &quoted),
                (None, Some(Json::Bool(false))) => self.unknown_key(key, name, noun, properties),
                (None, Some(rest)) if rest.is_object() => self.visit(value, rest, &quoted),
                (None, _) if self.lenient => self.found.push(
                    Diagnostic::error(format!("`{name}` in {noun} has no effect here"), key.span.clone(), "")
                        .into_warning(),
                ),
                (None, _) => {}
            }
        }
        for required in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            if !seen.contains_key(required) {
                self.faults.mark(node);
                let span = entries.first().map_or_else(|| node.span.clone(), |(key, _)| key.span.clone());
                self.found.push(Diagnostic::error(format!("{noun} has no `{required}`"), span, "it is needed here"));
            }
        }
    }

    fn unknown_key(&mut self, key: &Node, name: &str, noun: &str, properties: Option<&serde_json::Map<String, Json>>) {
        let span = key.span.clone();
        self.faults.mark(key);
        if later::key(noun, name) {
            let message = format!("`{name}` in {noun} is not supported yet");
            return self.found.push(
                Diagnostic::error(message, span, "").help("take it out; it is refused rather than read and ignored"),
            );
        }
        let known: Vec<&str> = properties.into_iter().flat_map(|p| p.keys()).map(String::as_str).collect();
        let diagnostic = Diagnostic::error(format!("unknown key `{name}` in {noun}"), span, "");
        if let Some(cure) = cures::key(noun, name) {
            return self.found.push(diagnostic.help(cure));
        }
        self.found.push(match near_miss(name, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("the keys of {noun} are {}", known.join(", "))),
        });
    }

    fn wrong_type(&mut self, node: &Node, schemas: &[&Json], what: &str) {
        self.faults.mark(node);
        let wanted: Vec<&str> = schemas.iter().flat_map(|s| kinds(s)).collect();
        let message = format!("{what} must be {}", wanted.join(" or "));
        let diagnostic = Diagnostic::error(message, node.span.clone(), found(&node.value));
        let takes = |kind: &str| wanted.contains(&kind);
        self.found.push(match &node.value {
            Value::Bool(_) | Value::Int(_) | Value::Float(_) if takes("text") => diagnostic.help("put it in quotes"),
            Value::Text(text) if takes("a list") && !text.contains('\n') => {
                diagnostic.help(format!("put it in brackets: [{text}]"))
            }
            Value::Text(text) if text.parse::<f64>().is_ok() && (takes("a number") || takes("a whole number")) => {
                diagnostic.help("take the quotes away")
            }
            braced if takes("text") && is_braced(braced) => {
                diagnostic.help("put it in quotes: a text that begins with { is a mapping to YAML")
            }
            Value::Null if what == ROOT => {
                diagnostic.help("it needs `tasks`; `orch create ID` writes a file to start from")
            }
            Value::Null => diagnostic.help("give it a value, or take the key out"),
            _ => diagnostic,
        });
    }

    fn resolve(&self, schema: &'s Json) -> &'s Json {
        match schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).map_or(schema, |target| self.resolve(target)),
            None => schema,
        }
    }
}

/// The words of an enumeration, whether or not each has a description.
fn words(schema: &Json) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Json::as_array) {
        return Some(words.iter().filter_map(Json::as_str).collect());
    }
    let variants = schema.get("oneOf")?.as_array()?;
    let word = |variant: &'_ Json| variant.get("const").and_then(Json::as_str).is_some();
    variants.iter().all(word).then(|| variants.iter().filter_map(|v| v["const"].as_str()).collect())
}

fn accepts(kind: &Json, value: &Value) -> bool {
    let one = |kind: &Json| match (kind.as_str().unwrap_or_default(), value) {
        ("number", Value::Int(_)) => true,
        ("integer", Value::Float(number)) => number.fract() == 0.0,
        (kind, value) => kind == json_kind(value),
    };
    kind.as_array().map_or_else(|| one(kind), |kinds| kinds.iter().any(one))
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) => "integer",
        Value::Float(_) => "number",
        Value::Text(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}

fn kinds(schema: &Json) -> Vec<&'static str> {
    if words(schema).is_some() {
        return vec!["text"];
    }
    let name = |kind: &Json| match kind.as_str() {
        Some("string") => Some("text"),
        Some("integer") => Some("a whole number"),
        Some("number") => Some("a number"),
        Some("boolean") => Some("true or false"),
        Some("array") => Some("a list"),
        Some("object") => Some("a mapping"),
        _ => None,
    };
    match schema.get("type") {
        Some(Json::Array(kinds)) => kinds.iter().filter_map(name).collect(),
        Some(kind) => name(kind).into_iter().collect(),
        None => Vec::new(),
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing stands here".to_owned(),
        Value::Bool(_) => "this is true or false".to_owned(),
        other => format!("this is {}", other.kind()),
    }
}
