//! Conditions: `when: "{{ expression }}"` says whether a task is wanted, `until` whether it is repeated no more.
//!
//! The expression is one of a template's. An output that is JSON is seen as what it says, so that its fields can be
//! asked for; any other is the text without the blank space around it.

use std::collections::BTreeMap;

use minijinja::Value;

use crate::plan::template::{Known, Template, TemplateError, Values};
use crate::words::text::one_line;

/// How much of a value is shown where a condition does not hold.
const SHOWN: usize = 60;

/// What is asked before a task, or after a round of it.
#[derive(Debug, Clone)]
pub struct Condition {
    template: Template,
    expression: String,
}

impl Condition {
    /// Reads the condition of a key.
    ///
    /// # Errors
    /// If the text is not one expression in double braces.
    pub fn new(key: &str, text: &str) -> Result<Self, TemplateError> {
        let text = text.trim();
        let template = Template::condition(text);
        if let Some(error) = template.broken() {
            return Err(error.clone());
        }
        match template.sole_expression().map(str::to_owned) {
            Some(expression) => Ok(Self { template, expression }),
            None => Err(TemplateError {
                range: 0..text.len(),
                hole: text.to_owned(),
                message: format!("`{key}` is not one expression in double braces"),
                help: Some("such as \"{{ outputs.triage.kind == 'bug' }}\"".to_owned()),
            }),
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

    /// Whether it may ask for the output of a task.
    #[must_use]
    pub fn may_name(&self, task: &str) -> bool {
        self.template.names_output(task)
    }

    /// What is wrong with it, if anything is. The outputs that are known are those that there may be when it is asked.
    #[must_use]
    pub fn check(&self, known: &Known<'_>) -> Option<TemplateError> {
        self.template.check(known).into_iter().next()
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// If it cannot be told with these values.
    pub fn holds(&self, values: &Values<'_>) -> Result<bool, TemplateError> {
        self.template.evaluate(values).map(|value| value.is_true())
    }

    /// The values that it asks for, by their names, each cut to a few words.
    #[must_use]
    pub fn seen(&self, values: &Values<'_>) -> BTreeMap<String, String> {
        let shown = |value: &Value| match value.is_undefined() {
            true => "not there".to_owned(),
            false => one_line(&value.to_string(), SHOWN),
        };
        let seen = self.template.seen(values);
        seen.into_iter().map(|(name, value)| (name, shown(&value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::template::{CtxKnown, ItemsKnown, RoundsKnown};

    fn ask(text: &str) -> Result<bool, String> {
        let outputs =
            BTreeMap::from([("triage", r#"{"kind": "bug", "size": 3}"#), ("say", " yes\n"), ("no", "false\n")]);
        let values = Values { goal: "ship it", outputs, ..Values::default() };
        let condition = Condition::new("when", text).map_err(|error| error.message)?;
        condition.holds(&values).map_err(|error| error.message)
    }

    #[test]
    fn outputs_are_seen_as_what_they_say() {
        for holds in [
            "{{ outputs.triage.kind == 'bug' }}",
            " {{ outputs.triage.size > 2 and outputs.say == 'yes' }} ",
            "{{ 'ship' in goal }}",
            "{{ outputs.gone is not defined }}",
            "{{ outputs.say | upper == 'YES' and not outputs.no }}",
            "{{ outputs.triage.kind in ['bug', 'crash'] }}",
        ] {
            assert_eq!(ask(holds), Ok(true), "{holds}");
        }
        for fails in [
            "{{ outputs.triage.kind == 'chore' }}",
            "{{ outputs.gone }}",
            "{{ outputs.no }}",
            "{{ outputs.triage.other == 1 }}",
        ] {
            assert_eq!(ask(fails), Ok(false), "{fails}");
        }
        assert!(ask("{{ outputs.gone.kind == 'bug' }}").is_err());
    }

    #[test]
    fn a_condition_is_one_expression() {
        for text in ["outputs.a", "{{ goal }} {{ goal }}", "not {{ goal }}", "", "{{ 1 + }}"] {
            assert!(Condition::new("when", text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_it_saw_is_told_in_a_few_words() {
        let condition =
            Condition::new("when", "{{ outputs.triage.kind == 'bug' and outputs.long and outputs.gone }}").unwrap();
        let long = "x".repeat(500);
        let outputs = BTreeMap::from([("triage", r#"{"kind": "a\nb"}"#), ("long", long.as_str())]);
        let seen = condition.seen(&Values { outputs, ..Values::default() });
        assert_eq!(seen["outputs.triage.kind"], "a b");
        assert_eq!(seen["outputs.gone"], "not there");
        assert!(seen["outputs.long"].chars().count() <= SHOWN);
    }

    #[test]
    fn unknown_names_are_found_before_the_run() {
        let all = BTreeSet::from(["triage", "other"]);
        let check = |text: &str| {
            let (schema, items, rounds) = (&|_: &str| None, ItemsKnown::None, RoundsKnown::None);
            let known = Known {
                outputs: &["triage"],
                tasks: &all,
                schema,
                items,
                rounds,
                inputs: &[],
                ctx: CtxKnown::default(),
            };
            let error = Condition::new("when", text).unwrap().check(&known);
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
