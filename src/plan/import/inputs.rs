//! What a run of the original is given by name: the `inputs` of the file.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::plan::draft::literal;
use crate::plan::draft::yaml::{Map, Value};
use crate::plan::inputs::Input;
use crate::plan::spec::InputKind;
use crate::plan::template::{CtxKnown, ItemsKnown, Known, RoundsKnown, Template};

/// The input that every run has.
const GOAL: &str = "goal";

/// The inputs of an original, in the order in which they are met.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// Each with the name that the original has for it.
    declared: Vec<(String, Input)>,
}

impl Inputs {
    /// Takes up an input by the name that the original has for it; one that is known stays as it is.
    pub(super) fn add(&mut self, theirs: &str, input: Input) {
        if theirs == GOAL || self.declared.iter().any(|(known, _)| known == theirs) {
            return;
        }
        let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let near: String = theirs.chars().map(safe).collect();
        let near = if near.starts_with(|c: char| c.is_ascii_alphabetic()) { near } else { format!("input_{near}") };
        let is_free = |name: &String| self.declared.iter().all(|(_, input)| input.name != *name) && name != GOAL;
        let numbered = (2..).map(|n| format!("{near}_{n}"));
        let name = std::iter::once(near.clone()).chain(numbered).find(is_free).unwrap_or(near);
        self.declared.push((theirs.to_owned(), Input { name, ..input }));
    }

    /// Takes up what stands in single braces in a text.
    pub(super) fn find(&mut self, text: &str) {
        for name in in_braces(text) {
            self.add(name, text_input());
        }
    }

    /// A text of the original with its inputs in single braces, as a template of ours.
    pub(super) fn fill(&self, text: &str) -> String {
        let renamed = self.declared.iter().filter(|(theirs, input)| *theirs != input.name);
        renamed.fold(literal(text), |text, (theirs, input)| {
            text.replace(&format!("{{{theirs}}}"), &format!("{{{}}}", input.name))
        })
    }

    /// Our name of an input.
    pub(super) fn name(&self, theirs: &str) -> Option<&str> {
        if theirs == GOAL {
            return Some(GOAL);
        }
        self.declared.iter().find(|(known, _)| known == theirs).map(|(_, input)| input.name.as_str())
    }

    /// Whether a text is a template of ours that these inputs are enough for.
    pub(super) fn are_enough(&self, template: &str) -> bool {
        let inputs: Vec<Input> = self.declared.iter().map(|(_, input)| input.clone()).collect();
        let known = Known {
            outputs: &[],
            tasks: &BTreeSet::new(),
            schema: &|_| None,
            items: ItemsKnown::None,
            rounds: RoundsKnown::None,
            inputs: &inputs,
            ctx: CtxKnown::default(),
        };
        Template::with_inputs(template, &inputs).check(&known).is_empty()
    }

    /// What the file says of them.
    pub(super) fn section(&self) -> Map {
        let mut section = Map::default();
        for (_, input) in &self.declared {
            let plain = Input { name: input.name.clone(), ..text_input() };
            if *input == plain {
                section.word(&input.name, "text");
                continue;
            }
            let mut map = Map::default();
            if !matches!(input.kind, InputKind::Text | InputKind::Choice) {
                map.word("type", kind(input.kind));
            }
            if !input.choices.is_empty() {
                map.set("choices", Value::row(&input.choices));
            }
            match &input.default {
                Some(Json::String(text)) => map.word("default", text),
                Some(default) => map.number("default", default),
                None if !input.required => map.number("required", false),
                None => {}
            }
            if let Some(description) = &input.description {
                map.prose("description", description);
            }
            section.set(&input.name, Value::Map(map));
        }
        section
    }
}

/// Any text, which has to be given.
pub(super) fn text_input() -> Input {
    Input {
        name: String::new(),
        kind: InputKind::Text,
        default: None,
        required: true,
        description: None,
        choices: Vec::new(),
    }
}

/// The names that stand in single braces in a text.
fn in_braces(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        rest = &rest[open + 1..];
        if let Some(double) = rest.strip_prefix('{') {
            rest = double;
        } else if let Some((name, _)) = rest.split_once('}')
            && is_name(name)
        {
            names.push(name);
        }
    }
    names
}

/// Whether a text in braces is the name of an input, and not JSON or code.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && text.len() <= 100 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn kind(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Text => "text",
        InputKind::Number => "number",
        InputKind::Boolean => "boolean",
        InputKind::Choice => "choice",
        InputKind::File => "file",
        InputKind::List => "list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_braces_is_an_input() {
        let mut inputs = Inputs::default();
        inputs.find("On {topic}, as {\"json\": {a b}}, {the-year} {goal} and {topic} {{ x }} {{y}}");
        assert_eq!(inputs.fill("{topic} {the-year} {goal} {{ x }}"), "{topic} {the_year} {goal} {{ '{{' }} x }}");
        assert_eq!(inputs.section().render(), "topic: text\nthe_year: text\n");
        assert!(inputs.are_enough("{topic} {% if inputs.topic %}x{% endif %}"));
        assert!(!inputs.are_enough("{{ inputs.other }}") && !inputs.are_enough("{% if topic %}"));
    }
}
