//! The text of an orchestra that orch writes for a person to go on with: names that can be a task's, and YAML with
//! comments. Knows no file and nothing of where the orchestra comes from.

pub(crate) mod names;
pub(crate) mod yaml;

/// A text as a template that renders to it. `{goal}` stays: whoever writes it elsewhere means the goal as well.
#[must_use]
pub(crate) fn literal(text: &str) -> String {
    text.replace("{{", "{{ '{{' }}")
}
