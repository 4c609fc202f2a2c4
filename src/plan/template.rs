//! Texts with places to fill in: `{goal}` and `{{ expression }}`.
//!
//! One pass over the author's text, and over nothing else: what is filled in is never looked at again, so a goal or
//! an output that contains braces stays as it is. All other braces (JSON, CSS, code) are text.
//! An expression is one of minijinja's, with its filters; a name that does not exist is an error before the run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

use minijinja::{Environment, UndefinedBehavior, Value};

use crate::words::diagnostic::near_miss;

/// A text with places to fill in.
#[derive(Debug, Clone)]
pub struct Template {
    text: String,
    holes: Vec<Hole>,
}

#[derive(Debug, Clone)]
struct Hole {
    range: Range<usize>,
    /// The expression between the double braces; `{goal}` is the expression `goal`.
    expression: String,
}

/// What fills the places.
#[derive(Debug, Clone, Default)]
pub struct Values<'v> {
    /// `goal`
    pub goal: &'v str,
    /// `run.id`
    pub run: &'v str,
    /// `outputs.<task>`, for the tasks whose outputs this one gets.
    pub outputs: BTreeMap<&'v str, &'v str>,
    /// `item` and `loop`, for a member of a task that stands for many.
    pub item: Option<ItemValues<'v>>,
}

/// What the template of a member knows of its item.
#[derive(Debug, Clone, Copy)]
pub struct ItemValues<'v> {
    /// `item`
    pub value: &'v serde_json::Value,
    /// `loop.index`, from 1.
    pub index: usize,
    /// `loop.length`
    pub length: usize,
}

/// A mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The part of the text that is wrong, braces included.
    pub hole: String,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

impl Template {
    /// Finds the places of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut holes = Vec::new();
        let mut at = 0;
        // Behind the last `}}` no expression can end, so a text full of `{{` is not searched again and again.
        let last_end = text.rfind("}}").unwrap_or(0);
        while let Some(found) = text[at..].find('{').map(|n| at + n) {
            let rest = &text[found..];
            let inner = rest.strip_prefix("{{").filter(|_| found < last_end);
            if let Some(end) = inner.and_then(|inner| inner.find("}}")) {
                let range = found..found + end + 4;
                holes.push(Hole {
                    expression: text[found + 2..found + 2 + end].trim().to_owned(),
                    range: range.clone(),
                });
                at = range.end;
            } else if rest.starts_with("{goal}") {
                holes.push(Hole { expression: "goal".to_owned(), range: found..found + "{goal}".len() });
                at = found + "{goal}".len();
            } else {
                at = found + 1;
            }
        }
        Self { text: text.to_owned(), holes }
    }

    /// The author's text, before anything is filled in.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The expression, where the text is one place to fill in and nothing else.
    #[must_use]
    pub fn sole_expression(&self) -> Option<&str> {
        match self.holes.as_slice() {
            [hole] if hole.range == (0..self.text.len()) && self.text.starts_with("{{") => Some(&hole.expression),
            _ => None,
        }
    }

    /// Checks every expression against the tasks whose outputs there will be.
    #[must_use]
    pub fn check(&self, outputs: &[&str], all_tasks: &BTreeSet<&str>, items: ItemsKnown<'_>) -> Vec<TemplateError> {
        let known: BTreeMap<&str, &str> = outputs.iter().map(|&name| (name, "")).collect();
        let trial = Values { goal: "goal", run: "run", outputs: known, item: None };
        self.holes.iter().filter_map(|hole| self.check_hole(hole, &trial, all_tasks, items)).collect()
    }

    /// Whether a place of the text needs the goal.
    #[must_use]
    pub fn names_goal(&self) -> bool {
        self.holes.iter().any(|hole| hole.names().iter().any(|name| name == "goal"))
    }

    /// Whether a place of the text needs the item of a list.
    #[must_use]
    pub fn names_item(&self) -> bool {
        self.holes.iter().any(Hole::names_item)
    }

    /// The text with its places filled in.
    ///
    /// # Errors
    /// An expression that fails on these values, such as a filter that does not take them.
    pub fn render(&self, values: &Values<'_>) -> Result<String, TemplateError> {
        let mut rendered = String::with_capacity(self.text.len() + values.goal.len());
        let mut at = 0;
        let context = self.holes.iter().any(|h| h.expression != "goal").then(|| values.context());
        for hole in &self.holes {
            rendered.push_str(&self.text[at..hole.range.start]);
            match &context {
                Some(context) => rendered.push_str(&self.evaluate(hole, context)?),
                None => rendered.push_str(values.goal),
            }
            at = hole.range.end;
        }
        rendered.push_str(&self.text[at..]);
        Ok(rendered)
    }

    /// Checks every expression against values of another kind than those of a task.
    pub(crate) fn check_with(&self, values: &Value) -> Vec<TemplateError> {
        self.holes.iter().filter_map(|hole| self.evaluate(hole, values).err()).collect()
    }

    /// The text with its places filled in from values of another kind than those of a task.
    ///
    /// # Errors
    /// An expression that fails on these values.
    pub(crate) fn render_with(&self, values: &Value) -> Result<String, TemplateError> {
        let mut rendered = String::new();
        let mut at = 0;
        for hole in &self.holes {
            rendered.push_str(&self.text[at..hole.range.start]);
            rendered.push_str(&self.evaluate(hole, values)?);
            at = hole.range.end;
        }
        Ok(rendered + &self.text[at..])
    }

    /// Whether a place that needs an item which is not known yet is an expression, and asks `loop` for what it has.
    fn check_loop(&self, hole: &Hole) -> Option<TemplateError> {
        let fault = |message: String, help: &str| TemplateError {
            hole: self.text[hole.range.clone()].to_owned(),
            message,
            help: Some(help.to_owned()),
        };
        let unknown = |name: &String| {
            name.strip_prefix("loop.").is_some_and(|field| !matches!(field, "index" | "index0" | "length"))
        };
        let name = hole.names().into_iter().find(unknown)?;
        Some(fault(format!("there is no `{name}`"), "it has `loop.index`, `loop.index0` and `loop.length`"))
    }

    fn evaluate(&self, hole: &Hole, context: &Value) -> Result<String, TemplateError> {
        let fault = |message: String, help: Option<String>| TemplateError {
            hole: self.text[hole.range.clone()].to_owned(),
            message,
            help,
        };
        let compiled = environment()
            .compile_expression(&hole.expression)
            .map_err(|error| fault(format!("not a template expression: {}", plain(&error)), Some(literal_help())))?;
        let value = compiled.eval(context.clone()).map_err(|error| fault(plain(&error), None))?;
        if value.is_undefined() {
            return Err(fault("there is no such value".to_owned(), None));
        }
        Ok(value.to_string())
    }

    fn check_hole(
        &self,
        hole: &Hole,
        trial: &Values<'_>,
        all_tasks: &BTreeSet<&str>,
        items: ItemsKnown<'_>,
    ) -> Option<TemplateError> {
        let of_list = !matches!(items, ItemsKnown::None) && hole.names_item();
        if let Some(error) = of_list.then(|| self.check_loop(hole)).flatten() {
            return Some(error);
        }
        let mut error = match items {
            ItemsKnown::These(items) if hole.names_item() => items.iter().enumerate().find_map(|(place, value)| {
                let item = ItemValues { value, index: place + 1, length: items.len() };
                let error = self.evaluate(hole, &Values { item: Some(item), ..trial.clone() }.context()).err()?;
                Some(TemplateError { message: format!("{} (for item {})", error.message, place + 1), ..error })
            })?,
            // What fields it has is seen when it is there.
            ItemsKnown::Later if hole.names_item() => return None,
            _ => self.evaluate(hole, &trial.context()).err()?,
        };
        let names = environment().compile_expression(&hole.expression).map(|e| e.undeclared_variables(true));
        let mut names: Vec<String> = names.into_iter().flatten().collect();
        names.sort();
        for name in names.iter().filter(|name| !of_list || !names_item(name)) {
            if let Some((message, help)) = unknown(name, trial, all_tasks) {
                error.message = message;
                error.help = Some(help);
                break;
            }
        }
        Some(error)
    }
}

/// What is known before the run of the items that a text is filled in for.
#[derive(Debug, Clone, Copy)]
pub enum ItemsKnown<'v> {
    /// There are none.
    None,
    /// These.
    These(&'v [serde_json::Value]),
    /// There will be some.
    Later,
}

impl Hole {
    fn names(&self) -> Vec<String> {
        let compiled = environment().compile_expression(&self.expression);
        compiled.map(|expression| expression.undeclared_variables(true).into_iter().collect()).unwrap_or_default()
    }

    fn names_item(&self) -> bool {
        self.names().iter().any(|name| names_item(name))
    }
}

fn names_item(name: &str) -> bool {
    matches!(name.split('.').next(), Some("item" | "loop"))
}

impl Values<'_> {
    pub(super) fn context(&self) -> Value {
        let outputs = Value::from_pairs(self.outputs.iter().map(|(&name, &text)| (name, text)));
        let run = minijinja::context! { id => self.run };
        let Some(ItemValues { value, index, length }) = self.item else {
            return minijinja::context! { goal => self.goal, run, outputs };
        };
        let position = minijinja::context! { index, index0 => index.saturating_sub(1), length };
        minijinja::context! { goal => self.goal, run, outputs, item => of_json(value), loop => position }
    }
}

pub(super) fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(list) => list.iter().map(of_json).collect(),
        serde_json::Value::Object(fields) => {
            Value::from_pairs(fields.iter().map(|(name, value)| (name.as_str(), of_json(value))))
        }
    }
}

/// What is wrong with a dotted name, if anything is, and what to do about it.
pub(super) fn unknown(name: &str, known: &Values<'_>, all_tasks: &BTreeSet<&str>) -> Option<(String, String)> {
    let (head, tail) = name.split_once('.').unwrap_or((name, ""));
    match head {
        "goal" => None,
        "run" if tail.is_empty() || tail == "id" => None,
        "run" => Some((format!("`run` has no `{tail}`"), "it has `run.id`".to_owned())),
        "item" | "loop" => known.item.is_none().then(|| {
            (format!("`{head}` is known only in a task with `for_each`"), "give the task a `for_each`".to_owned())
        }),
        "ctx" => Some((
            format!("`{head}` is not supported yet"),
            "use `outputs.<task>` for the output of a task in `context`".to_owned(),
        )),
        "outputs" => {
            let task = tail.split('.').next().unwrap_or(tail);
            if tail.is_empty() || known.outputs.contains_key(task) {
                None
            } else if all_tasks.contains(task) {
                Some((
                    format!("the task does not get the output of `{task}`"),
                    format!("add `{task}` to its `context`"),
                ))
            } else {
                let help = near_miss(task, known.outputs.keys().copied())
                    .map_or_else(|| "name a task of this file".to_owned(), |near| format!("did you mean `{near}`?"));
                Some((format!("there is no task `{task}`"), help))
            }
        }
        _ => {
            let help = near_miss(head, ["goal", "outputs", "run", "item", "loop"])
                .map_or_else(literal_help, |near| format!("did you mean `{near}`?"));
            Some((format!("unknown name `{head}`"), help))
        }
    }
}

fn literal_help() -> String {
    "the names are goal, outputs.<task> and run.id; to write double braces as text, use {{ '{{' }}".to_owned()
}

pub(super) fn plain(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'v>() -> Values<'v> {
        Values { goal: "a {{ goal }} {x}", run: "run_1", outputs: BTreeMap::from([("plan", "out {goal}")]), item: None }
    }

    fn check(text: &str) -> Vec<String> {
        let errors = Template::new(text).check(&["plan"], &BTreeSet::from(["plan", "other"]), ItemsKnown::None);
        errors.into_iter().map(|e| format!("{}: {} ({})", e.hole, e.message, e.help.unwrap_or_default())).collect()
    }

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        let template = Template::new("'{goal}' {{ outputs.plan }} {{ run.id }}");
        assert_eq!(template.render(&values()).unwrap(), "'a {{ goal }} {x}' out {goal} run_1");
    }

    #[test]
    fn other_braces_are_text() {
        for text in
            ["{filename: code}", "fn a() { {1} }", "{\"a\": {}}", "{ goal }", "{", "}}", "{{", "{goal", "{% if %}"]
        {
            assert_eq!(Template::new(text).render(&values()).unwrap(), text);
            assert_eq!(check(text), [""; 0]);
        }
    }

    #[test]
    fn filters_and_escapes_work() {
        assert_eq!(Template::new("{{ goal | length }}{{ '{{' }}").render(&values()).unwrap(), "16{{");
    }

    #[test]
    fn unknown_names_are_found_before_the_run() {
        assert_eq!(check("{{ gaol }}"), ["{{ gaol }}: unknown name `gaol` (did you mean `goal`?)"]);
        assert_eq!(check("{{ outputs.pln }}"), ["{{ outputs.pln }}: there is no task `pln` (did you mean `plan`?)"]);
        assert_eq!(
            check("x {{ outputs.other }}"),
            ["{{ outputs.other }}: the task does not get the output of `other` (add `other` to its `context`)"]
        );
        assert!(check("{{ ctx.a }}")[0].contains("not supported yet"));
        assert!(check("{{ 1 + }}")[0].contains("not a template expression"));
        assert!(check("{{ goal | nothing }}")[0].contains("nothing"));
    }
}
