//! The templates of a recipe. goose and orch fill in texts by the same engine, so a template stays what it is, with
//! `inputs.` in front of the names of parameters; one that orch cannot fill in becomes text.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::draft::literal;
use crate::plan::import::inputs::Inputs;
use crate::plan::import::outline::left_out;

/// A way to convert the texts of one recipe, with what was met in them.
#[derive(Debug)]
pub(super) struct Template<'t> {
    /// The parameters that the recipe may name.
    keys: &'t BTreeSet<String>,
    /// Those that have a value already.
    values: &'t BTreeMap<String, String>,
    is_beyond: bool,
    has_folder: bool,
}

impl<'t> Template<'t> {
    /// For a recipe that may name these parameters, some of which have a value.
    pub(super) fn new(keys: &'t BTreeSet<String>, values: &'t BTreeMap<String, String>) -> Self {
        Self { keys, values, is_beyond: false, has_folder: false }
    }

    /// A text as a template of ours.
    pub(super) fn convert(&mut self, text: &str, inputs: &Inputs) -> String {
        let converted = self.parts(text, inputs, true);
        if inputs.are_enough(&converted) {
            return converted;
        }
        self.is_beyond = true;
        self.parts(text, inputs, false)
    }

    /// The text with its parts converted; without `whole`, only names that stand alone are filled in.
    fn parts(&mut self, text: &str, inputs: &Inputs, whole: bool) -> String {
        let between = |text: &str| if whole { text.to_owned() } else { literal(text) };
        let mut converted = String::with_capacity(text.len());
        let mut rest = text;
        loop {
            let next =
                [("{{", "}}"), ("{%", "%}")].into_iter().filter_map(|tags| Some((rest.find(tags.0)?, tags))).min();
            let Some((at, (open, close))) = next else { break };
            let Some(length) = rest[at + 2..].find(close) else { break };
            converted.push_str(&between(&rest[..at]));
            let code = &rest[at + 2..at + 2 + length];
            let name = code.split('|').next().unwrap_or(code).trim();
            if open == "{{" && name == "recipe_dir" {
                self.has_folder = true;
                converted.push('.');
            } else if let Some(value) = self.values.get(name).filter(|_| open == "{{") {
                // A value may name parameters of the main recipe, and those only.
                let none = BTreeMap::new();
                let mut of_value = Template::new(self.keys, &none);
                converted.push_str(&of_value.parts(value, inputs, whole));
            } else if whole {
                converted.push_str(&format!("{open}{}{close}", self.renamed(code, inputs)));
            } else if let Some(name) = inputs.name(name).filter(|_| open == "{{" && self.keys.contains(name)) {
                converted.push_str(&format!("{{{name}}}"));
            } else {
                converted.push_str(&literal(&rest[at..at + length + 4]));
            }
            rest = &rest[at + length + 4..];
        }
        converted + &between(rest)
    }

    /// The code of a place with `inputs.` in front of parameters, and not of fields, filters, tests, calls and what is
    /// set.
    fn renamed(&self, code: &str, inputs: &Inputs) -> String {
        let mut converted = String::with_capacity(code.len());
        let mut rest = code;
        let mut before = String::new();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = match first {
                '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                c => c.len_utf8(),
            };
            let (token, behind) = rest.split_at(length);
            let next = behind.trim_start();
            let is_set = next.starts_with('=') && !next.starts_with("==");
            let is_own = matches!(before.as_str(), "." | "|" | "is" | "not") || next.starts_with('(') || is_set;
            match inputs.name(token).filter(|_| self.keys.contains(token) && !is_own) {
                Some(name) if name == "goal" => converted.push_str(name),
                Some(name) => converted.push_str(&format!("inputs.{name}")),
                None => converted.push_str(token),
            }
            // `not` in front of a value is none of its own; behind `is` the name of a test follows.
            let is_operator = token == "not" && before != "is";
            if !(is_operator || token.trim().is_empty()) {
                token.clone_into(&mut before);
            }
            rest = behind;
        }
        converted
    }

    /// What is to be said of the texts that were converted.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.is_beyond {
            let what = "a part of its template";
            notes.push(left_out(
                what,
                "It names something that orch has not, and is text here: write what it comes to.",
            ));
        }
        if self.has_folder {
            notes.push(left_out("`recipe_dir`", "Paths here begin at the project's folder: `.` stands in its place."));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::import::inputs::text_input;

    fn converted(text: &str) -> (String, usize) {
        let keys = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let values = BTreeMap::from([("b".to_owned(), "[{{ a }}]".to_owned())]);
        let mut inputs = Inputs::default();
        inputs.add("a", text_input());
        let mut template = Template::new(&keys, &values);
        (template.convert(text, &inputs), template.notes().len())
    }

    #[test]
    fn a_template_stays_what_it_is() {
        for (text, expected) in [
            ("{{a}} {{ b | indent(2) }} {{ recipe_dir }}/x", "{{inputs.a}} [{{ inputs.a }}] ./x"),
            (
                "{% if a == 'a' and not a %}x{% endif %} {a}",
                "{% if inputs.a == 'a' and not inputs.a %}x{% endif %} {a}",
            ),
            (
                "{{ a | indent(2) }}{% set c = a %}{{ c.a }}",
                "{{ inputs.a | indent(2) }}{% set c = inputs.a %}{{ c.a }}",
            ),
            ("{% for x in [a] %}{{ x }}{% endfor %}", "{% for x in [inputs.a] %}{{ x }}{% endfor %}"),
            ("no place", "no place"),
        ] {
            assert_eq!(converted(text).0, expected);
        }
    }

    #[test]
    fn what_orch_cannot_fill_in_is_text() {
        for (text, expected) in [
            ("{{ a }} {{ unknown }}", "{a} {{ '{{' }} unknown }}"),
            ("{% extends 'x' %}{{ a }}", "{{ '{%' }} extends 'x' %}{a}"),
            ("{{ a }} {{ b", "{a} {{ '{{' }} b"),
        ] {
            assert_eq!(converted(text), (expected.to_owned(), 1));
        }
    }
}
