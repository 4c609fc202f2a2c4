//! Conditions: `when: "{{ expression }}"` says whether a task is wanted.
//!
//! The expression is one of a template's. An output that is JSON is seen as what it says, so that its fields can be
//! asked for; any other is the text without the blank space around it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use crate::plan::template::{ItemValues, Template, TemplateError, Values, of_json, plain, unknown};
use crate::words::text::one_line;

/// How much of a value is shown where a condition does not hold.
const SHOWN: usize = 60;

/// Whether a task is wanted.
#[derive(Debug, Clone)]
pub struct Condition {
    template: Template,
    expression: String,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// If the text is not one expression in double braces.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let template = Template::new(text.trim());
        let Some(expression) = template.sole_expression().map(str::to_owned) else {
            return Err(TemplateError {
                hole: text.trim().to_owned(),
                message: "`when` is not one expression in double braces".to_owned(),
                help: Some("such as \"{{ outputs.triage.kind == 'bug' }}\"".to_owned()),
            });
        };
        let condition = Self { template, expression };
        match environment().compile_expression(&condition.expression) {
            Ok(_) => Ok(condition),
            Err(error) => Err(condition.fault(
                format!("not a template expression: {}", plain(&error)),
                "compare values, as in {{ outputs.triage.kind == 'bug' }}",
            )),
        }
    }

    /// The condition as the file writes it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.template.text()
    }

    /// The same without its braces.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The text with its place.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Whether it asks for the item of a list, so that it is one of each member and not of the whole.
    #[must_use]
    pub fn names_item(&self) -> bool {
        self.template.names_item()
    }

    /// Whether it may ask for the output of a task. To say yes too often costs only a look.
    #[must_use]
    pub fn may_name(&self, task: &str) -> bool {
        self.expression.contains(task)
    }

    /// What is wrong with it, if anything is. `outputs` are those that there may be when it is asked.
    #[must_use]
    pub fn check(&self, outputs: &[&str], all_tasks: &BTreeSet<&str>, has_item: bool) -> Option<TemplateError> {
        let item = serde_json::Value::Null;
        let item = has_item.then_some(ItemValues { value: &item, index: 1, length: 1 });
        let known: BTreeMap<&str, &str> = outputs.iter().map(|&name| (name, "")).collect();
        let trial = Values { goal: "", run: "", outputs: known, item };
        let wrong = self.names().iter().find_map(|name| unknown(name, &trial, all_tasks));
        if let Some((message, help)) = wrong {
            return Some(self.fault(message, &help));
        }
        // What fields an output has is seen when it is there. Filters and tests are known now.
        let error = environment().compile_expression(&self.expression).and_then(|it| it.eval(context(&trial))).err()?;
        let is_unknown = matches!(
            error.kind(),
            ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod
        );
        is_unknown.then(|| self.fault(plain(&error), "see the filters and tests of minijinja"))
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// If it cannot be told with these values.
    pub fn holds(&self, values: &Values<'_>) -> Result<bool, TemplateError> {
        let value = environment().compile_expression(&self.expression).and_then(|it| it.eval(context(values)));
        let value = value.map_err(|error| self.fault(plain(&error), "ask first whether it `is defined`"))?;
        Ok(value.is_true())
    }

    /// The values that it asks for, by their names, each cut to a few words.
    #[must_use]
    pub fn seen(&self, values: &Values<'_>) -> BTreeMap<String, String> {
        let context = context(values);
        let seen = |name: String| {
            let value = environment().compile_expression(&name).and_then(|it| it.eval(context.clone()));
            let text = match value {
                Ok(value) if !value.is_undefined() => one_line(&value.to_string(), SHOWN),
                _ => "not there".to_owned(),
            };
            (name, text)
        };
        self.names().into_iter().map(seen).collect()
    }

    /// The dotted names in it, in order.
    fn names(&self) -> BTreeSet<String> {
        let compiled = environment().compile_expression(&self.expression);
        compiled.map(|expression| expression.undeclared_variables(true).into_iter().collect()).unwrap_or_default()
    }

    fn fault(&self, message: String, help: &str) -> TemplateError {
        TemplateError { hole: self.text().to_owned(), message, help: Some(help.to_owned()) }
    }
}

fn context(values: &Values<'_>) -> Value {
    let outputs = Value::from_pairs(values.outputs.iter().map(|(&name, &text)| (name, output(text))));
    minijinja::context! { outputs, ..values.context() }
}

/// Unlike in a text, a value that is not there is no mistake: it is equal to nothing.
fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment
    })
}

fn output(text: &str) -> Value {
    let text = text.trim();
    serde_json::from_str(text).map_or_else(|_| Value::from(text), |json| of_json(&json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> Result<bool, String> {
        let outputs = BTreeMap::from([("triage", r#"{"kind": "bug", "size": 3}"#), ("say", " yes\n")]);
        let values = Values { goal: "ship it", run: "run_1", outputs, item: None };
        let condition = Condition::new(text).map_err(|error| error.message)?;
        condition.holds(&values).map_err(|error| error.message)
    }

    #[test]
    fn outputs_are_seen_as_what_they_say() {
        for holds in [
            "{{ outputs.triage.kind == 'bug' }}",
            " {{ outputs.triage.size > 2 and outputs.say == 'yes' }} ",
            "{{ 'ship' in goal }}",
            "{{ outputs.gone is not defined }}",
            "{{ outputs.triage.kind in ['bug', 'crash'] }}",
        ] {
            assert_eq!(ask(holds), Ok(true), "{holds}");
        }
        for fails in ["{{ outputs.triage.kind == 'chore' }}", "{{ outputs.gone }}", "{{ outputs.triage.other == 1 }}"] {
            assert_eq!(ask(fails), Ok(false), "{fails}");
        }
        assert!(ask("{{ outputs.gone.kind == 'bug' }}").is_err());
    }

    #[test]
    fn a_condition_is_one_expression() {
        for text in ["outputs.a", "{{ goal }} {{ goal }}", "not {{ goal }}", "", "{{ 1 + }}"] {
            assert!(Condition::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_it_saw_is_told_in_a_few_words() {
        let condition = Condition::new("{{ outputs.triage.kind == 'bug' and outputs.long and outputs.gone }}").unwrap();
        let long = "x".repeat(500);
        let outputs = BTreeMap::from([("triage", r#"{"kind": "a\nb"}"#), ("long", long.as_str())]);
        let seen = condition.seen(&Values { goal: "", run: "", outputs, item: None });
        assert_eq!(seen["outputs.triage.kind"], "a b");
        assert_eq!(seen["outputs.gone"], "not there");
        assert!(seen["outputs.long"].chars().count() <= SHOWN);
    }

    #[test]
    fn unknown_names_are_found_before_the_run() {
        let all = BTreeSet::from(["triage", "other"]);
        let check = |text: &str| {
            let error = Condition::new(text).unwrap().check(&["triage"], &all, false);
            error.map(|error| error.message).unwrap_or_default()
        };
        assert_eq!(check("{{ outputs.triage.kind == 'bug' }}"), "");
        assert_eq!(check("{{ outputs.triag.kind == 'bug' }}"), "there is no task `triag`");
        assert_eq!(check("{{ outputs.other == '' }}"), "the task does not get the output of `other`");
        assert_eq!(check("{{ item == 1 }}"), "`item` is known only in a task with `for_each`");
        assert!(check("{{ goal | nothing }}").contains("nothing"));
        assert!(check("{{ goal is nothing }}").contains("nothing"));
    }
}
