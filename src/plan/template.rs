//! Texts with places to fill in: Jinja's `{{ expression }}`, `{% if %}` and `{% for %}`, and `{goal}`.
//!
//! One pass over the author's text, and over nothing else: what is filled in is never looked at again, so a goal or
//! an output that contains braces stays as it is. All other braces (JSON, CSS, code) are text.
//! What a text asks for is known before the run: a name that does not exist is a mistake then. Conditions are read by
//! the same engine.

mod check;
mod engine;
mod scan;
mod uses;
mod values;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{Error, ErrorKind, Value, machinery};

use crate::plan::ctx::tree;
use crate::plan::inputs::Input;
pub(crate) use crate::plan::template::check::{CtxKnown, ItemsKnown, Known, RoundsKnown};
use crate::plan::template::engine::{Capped, MAX_BYTES, environment};
use crate::plan::template::uses::{Path, Uses};
pub(crate) use crate::plan::template::values::{ItemValues, RoundValues, RunValues, Values};

/// How braces are written as text.
const TEXT_HELP: &str =
    "to write braces as text, put them in quotes, as in {{ '{{' }}, or between {% raw %} and {% endraw %}";

/// A text with places to fill in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Template {
    text: Arc<str>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// There is nothing to fill in.
    Text,
    Parsed(Arc<Parsed>),
    Broken(Arc<TemplateError>),
}

#[derive(Debug)]
struct Parsed {
    scanned: scan::Scanned,
    uses: Uses,
}

/// A mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The part of the text that is wrong, in bytes.
    pub range: Range<usize>,
    /// The same as text.
    pub hole: String,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

impl Template {
    /// Reads a text. What is wrong with it is told by [`Template::check`].
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::read(text, &[], false)
    }

    /// A text in which nothing is filled in.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self { text: text.into(), body: Body::Text }
    }

    /// Reads a text in which the names of these inputs, in single braces, are filled in.
    #[must_use]
    pub fn with_inputs(text: &str, inputs: &[Input]) -> Self {
        Self::read(text, inputs, false)
    }

    /// Reads a text that is one expression, which is asked whether it holds.
    #[must_use]
    pub(super) fn condition(text: &str) -> Self {
        Self::read(text, &[], true)
    }

    fn read(text: &str, inputs: &[Input], is_condition: bool) -> Self {
        let body = match parse(text, inputs, is_condition) {
            Ok(None) => Body::Text,
            Ok(Some(parsed)) => Body::Parsed(Arc::new(parsed)),
            Err(error) => Body::Broken(Arc::new(error)),
        };
        Self { text: text.into(), body }
    }

    /// The author's text, before anything is filled in.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The expression, where the text is one place to fill in and nothing else.
    #[must_use]
    pub fn sole_expression(&self) -> Option<&str> {
        let parsed = self.parsed()?;
        let range = parsed.uses.sole.clone()?;
        self.text.get(parsed.scanned.author(range)).filter(|_| self.text.starts_with("{{"))
    }

    /// The text as a part of a longer template, in which the same is filled in: nothing, where nothing is in this one.
    #[must_use]
    pub(super) fn source(&self) -> String {
        match self.body {
            Body::Text => self.text.replace('{', "{{ '{' }}"),
            Body::Parsed(_) | Body::Broken(_) => self.text.to_string(),
        }
    }

    /// Checks all that the text asks for against what there will be.
    #[must_use]
    pub fn check(&self, known: &Known<'_>) -> Vec<TemplateError> {
        let parsed = match &self.body {
            Body::Text => return Vec::new(),
            Body::Broken(error) => return vec![TemplateError::clone(error)],
            Body::Parsed(parsed) => parsed,
        };
        let values = &parsed.uses.values;
        let of_values = values.iter().filter_map(|one| Some((&one.range, check::value(one, values, known)?)));
        let of_called = parsed.uses.called.iter().filter_map(|one| Some((&one.range, check::called(one)?)));
        let wrong = of_values.chain(of_called);
        wrong.map(|(range, (message, help))| self.fault(parsed, range.clone(), message, Some(help))).collect()
    }

    /// Words in single braces that are nearly a name, and stay as they are.
    #[must_use]
    pub fn near_words(&self, known: &Known<'_>) -> Vec<TemplateError> {
        let scanned = match &self.body {
            Body::Parsed(parsed) => Some(parsed.scanned.words.clone()),
            Body::Text if self.text.contains('{') => {
                scan::scan(&self.text, &|word| named(word, &[])).ok().map(|scanned| scanned.words)
            }
            Body::Text | Body::Broken(_) => None,
        };
        let near = |(word, range): (String, Range<usize>)| {
            let near = check::near_word(&word, known)?;
            let message = format!("`{{{word}}}` is no name, so it stays in the text as it is");
            Some(TemplateError {
                hole: self.text[range.clone()].to_owned(),
                range,
                message,
                help: Some(format!("did you mean `{near}`?")),
            })
        };
        scanned.into_iter().flatten().filter_map(near).collect()
    }

    /// Whether a place of the text needs the goal.
    #[must_use]
    pub fn names_goal(&self) -> bool {
        let is_goal = |path: &Path| path.root == "inputs" && path.first_field() == Some("goal");
        self.names(&["goal"])
            || self.parsed().is_some_and(|parsed| parsed.uses.values.iter().any(|one| is_goal(&one.path)))
    }

    /// Whether a place of the text needs the item of a list.
    #[must_use]
    pub fn names_item(&self) -> bool {
        self.names(&["item", "loop"])
    }

    /// Whether there is anything to fill in.
    #[must_use]
    pub fn has_tags(&self) -> bool {
        !matches!(self.body, Body::Text)
    }

    /// Whether it asks for what a single task has: outputs of others, values that they share, or the item of a list.
    #[must_use]
    pub fn names_task(&self) -> bool {
        self.names(&["outputs", "failures", "ctx", "item", "loop", "round"])
    }

    /// Whether it may ask for the output of a task.
    #[must_use]
    pub fn names_output(&self, task: &str) -> bool {
        let of_task = |path: &Path| path.root == "outputs" && path.first_field().is_none_or(|name| name == task);
        self.parsed().is_some_and(|parsed| parsed.uses.values.iter().any(|one| of_task(&one.path)))
    }

    /// Whether it may ask for what the round before has made.
    #[must_use]
    pub fn names_last_round(&self) -> bool {
        let is_last = |path: &Path| path.root == "round" && path.first_field().is_none_or(|name| name == "last");
        self.parsed().is_some_and(|parsed| parsed.uses.values.iter().any(|one| is_last(&one.path)))
    }

    /// The text with its places filled in.
    ///
    /// # Errors
    /// An expression that fails on these values, such as a filter that does not take them.
    pub fn render(&self, values: &Values<'_>) -> Result<String, TemplateError> {
        let parsed = match &self.body {
            Body::Text => return Ok(self.text.to_string()),
            Body::Broken(error) => return Err(TemplateError::clone(error)),
            Body::Parsed(parsed) => parsed,
        };
        match parsed.render(self.context(values)) {
            Err(_) if values.run.is_rehearsal => Ok(self.text.to_string()),
            rendered => rendered.map_err(|error| self.failed(parsed, &error, values)),
        }
    }

    /// Checks all that the text asks for against values of another kind than those of a task.
    pub(crate) fn check_with(&self, values: &Value) -> Vec<TemplateError> {
        let Some(parsed) = self.parsed() else { return self.broken().cloned().into_iter().collect() };
        let absent = |one: &uses::Use| {
            let name = one.path.text();
            let found = environment().compile_expression(&name).and_then(|it| it.eval(values.clone()));
            let is_there = found.is_ok_and(|value| !value.is_undefined());
            (!is_there).then(|| self.fault(parsed, one.range.clone(), format!("there is no `{name}`"), None))
        };
        let called = |one: &uses::Called| {
            let (message, help) = check::called(one)?;
            Some(self.fault(parsed, one.range.clone(), message, Some(help)))
        };
        let values = parsed.uses.values.iter().filter_map(absent);
        values.chain(parsed.uses.called.iter().filter_map(called)).collect()
    }

    /// The text with its places filled in from values of another kind than those of a task.
    ///
    /// # Errors
    /// An expression that fails on these values.
    pub(crate) fn render_with(&self, values: &Value) -> Result<String, TemplateError> {
        let parsed = match &self.body {
            Body::Text => return Ok(self.text.to_string()),
            Body::Broken(error) => return Err(TemplateError::clone(error)),
            Body::Parsed(parsed) => parsed,
        };
        parsed.render(values.clone()).map_err(|error| self.failed(parsed, &error, &Values::default()))
    }

    /// The value of the sole expression.
    pub(super) fn evaluate(&self, values: &Values<'_>) -> Result<Value, TemplateError> {
        let parsed = match &self.body {
            Body::Text => return Ok(Value::from(&*self.text)),
            Body::Broken(error) => return Err(TemplateError::clone(error)),
            Body::Parsed(parsed) => parsed,
        };
        let source = parsed.uses.sole.clone().map_or("", |range| &parsed.scanned.source[range]);
        let context = self.context(values);
        let value = environment().compile_expression(source).and_then(|it| it.eval(context));
        value.map_err(|error| {
            let error = self.failed(parsed, &error, values);
            TemplateError { range: 0..self.text.len(), hole: self.text.to_string(), ..error }
        })
    }

    /// Whether it asks for values that tasks share.
    #[must_use]
    pub(crate) fn names_ctx(&self) -> bool {
        self.names(&["ctx"])
    }

    fn context(&self, values: &Values<'_>) -> Value {
        values.context(&|task| self.names_output(task), self.names_ctx())
    }

    /// The values that the text asks for, by how they are written.
    pub(super) fn seen(&self, values: &Values<'_>) -> BTreeMap<String, Value> {
        let context = self.context(values);
        let seen = |one: &uses::Use| {
            let name = one.path.text();
            let value = environment().compile_expression(&name).and_then(|it| it.eval(context.clone()));
            (name, value.unwrap_or_default())
        };
        self.parsed().map(|parsed| parsed.uses.values.iter().map(seen).collect()).unwrap_or_default()
    }

    /// Why the text cannot be read, if it cannot.
    pub(super) fn broken(&self) -> Option<&TemplateError> {
        match &self.body {
            Body::Broken(error) => Some(error),
            Body::Text | Body::Parsed(_) => None,
        }
    }

    fn parsed(&self) -> Option<&Parsed> {
        match &self.body {
            Body::Parsed(parsed) => Some(parsed),
            Body::Text | Body::Broken(_) => None,
        }
    }

    fn names(&self, roots: &[&str]) -> bool {
        self.parsed().is_some_and(|parsed| parsed.uses.values.iter().any(|one| roots.contains(&one.path.root.as_str())))
    }

    fn fault(&self, parsed: &Parsed, range: Range<usize>, message: String, help: Option<String>) -> TemplateError {
        let range = parsed.scanned.author(range);
        TemplateError { hole: self.text.get(range.clone()).unwrap_or_default().to_owned(), range, message, help }
    }

    /// What is wrong with these values, in words for a person.
    fn failed(&self, parsed: &Parsed, error: &Error, values: &Values<'_>) -> TemplateError {
        let range = error.range().unwrap_or(0..parsed.scanned.source.len());
        match error.kind() {
            ErrorKind::UndefinedError => {
                let absent =
                    parsed.uses.values.iter().find_map(|one| Some((one.range.clone(), absent(&one.path, values)?)));
                let (range, message) = absent.unwrap_or_else(|| (range, "there is no such value".to_owned()));
                self.fault(parsed, range, message, Some("ask first whether it `is defined`".to_owned()))
            }
            ErrorKind::OutOfFuel => {
                let help = "go through a shorter list, or make the text in a task of its own".to_owned();
                self.fault(parsed, range, "it takes too many steps to fill in".to_owned(), Some(help))
            }
            ErrorKind::WriteFailure => {
                let message = format!("it makes a text of more than {} MiB", MAX_BYTES >> 20);
                self.fault(parsed, range, message, None)
            }
            _ => self.fault(parsed, range, plain(error), None),
        }
    }
}

impl Parsed {
    fn render(&self, context: Value) -> Result<String, Error> {
        let mut written = Capped::default();
        let template = environment().template_from_str(&self.scanned.source)?;
        template.render_captured_to(context, &mut written).map(drop)?;
        // The engine writes texts, and nothing but texts.
        Ok(String::from_utf8_lossy(&written.bytes).into_owned())
    }
}

/// Reads a text; nothing where there is nothing to fill in.
fn parse(text: &str, inputs: &[Input], is_condition: bool) -> Result<Option<Parsed>, TemplateError> {
    if !text.contains('{') {
        return Ok(None);
    }
    let at = |range: Range<usize>, message: String, help: String| TemplateError {
        hole: text.get(range.clone()).unwrap_or_default().to_owned(),
        range,
        message,
        help: Some(help),
    };
    let scanned =
        scan::scan(text, &|word| named(word, inputs)).map_err(|bad| at(bad.range, bad.why, TEXT_HELP.to_owned()))?;
    if !scanned.has_tags {
        return Ok(None);
    }
    let tree = machinery::parse(&scanned.source, "", engine::syntax()).map_err(|error| {
        let range = error.range().unwrap_or(0..scanned.source.len());
        at(scanned.author(range), format!("not a template: {}", plain(&error)), TEXT_HELP.to_owned())
    })?;
    let uses = uses::uses(&scanned.source, &tree, is_condition);
    drop(tree);
    let mut source = scanned.source.clone();
    for name in &uses.deciding {
        let end = if name.has_fields { name.range.start + 1 } else { name.range.end };
        let in_capitals = source[name.range.start..end].to_ascii_uppercase();
        source.replace_range(name.range.start..end, &in_capitals);
    }
    Ok(Some(Parsed { scanned: scan::Scanned { source, ..scanned }, uses }))
}

/// What a word in single braces stands behind, if it is a place to fill in.
fn named(word: &str, inputs: &[Input]) -> Option<&'static str> {
    match word {
        "goal" => Some(""),
        _ => inputs.iter().any(|input| input.name == word).then_some("inputs."),
    }
}

/// Why a value that is asked for is not there.
fn absent(path: &Path, values: &Values<'_>) -> Option<String> {
    let (whole, steps, value) = match path.root.as_str() {
        "inputs" => {
            let name = path.first_field().filter(|name| *name != "goal" && values.input(name).is_none())?;
            return Some(format!("the run was not given the input `{name}`"));
        }
        "item" => ("the item".to_owned(), path.steps.as_slice(), values.item.map(|item| item.value.clone())?),
        "round" => {
            let round = values.round?;
            let Some(last) = round.last else {
                return (path.first_field() == Some("last")).then(|| "there is no round before the first".to_owned());
            };
            let json = serde_json::from_str(last.trim()).unwrap_or_else(|_| last.into());
            ("the output of the last round".to_owned(), path.steps.get(1..)?, json)
        }
        "ctx" => ("what tasks share".to_owned(), path.steps.as_slice(), tree(values.ctx?)),
        "failures" => {
            let task = path.first_field().filter(|task| !values.failures.contains_key(task))?;
            return Some(format!("`{task}` has not failed"));
        }
        "outputs" => {
            let task = path.first_field()?;
            let Some(text) = values.outputs.get(task) else { return Some(format!("there is no output of `{task}`")) };
            let json = serde_json::from_str(text.trim()).unwrap_or_else(|_| (*text).into());
            (format!("the output of `{task}`"), &path.steps[1..], json)
        }
        _ => return None,
    };
    let ends = check::lookup(&value, steps).err()?;
    let whole =
        if ends.way.is_empty() { whole } else { format!("`{}` of {whole}", ends.of("").trim_matches(['`', '.'])) };
    Some(match ends.is_plain {
        true => format!("{whole} is no JSON object or list, so it has no `{}`", ends.step),
        false => format!("{whole} has no `{}`", ends.step),
    })
}

fn plain(error: &Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
