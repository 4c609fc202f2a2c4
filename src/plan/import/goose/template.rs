//! The templates of a recipe: `{{ parameter }}` becomes `{parameter}`, or its value where that is known. Statements such
//! as `{% if %}` stay as text.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::import::outline::{left_out, listed};

/// A way to convert the texts of one recipe, with what was met in them.
#[derive(Debug)]
pub(super) struct Template<'t> {
    keys: &'t BTreeSet<String>,
    values: &'t BTreeMap<String, String>,
    has_statements: bool,
    filters: BTreeSet<String>,
    has_folder: bool,
}

impl<'t> Template<'t> {
    /// For a recipe that may name these parameters, some of which have a value.
    pub(super) fn new(keys: &'t BTreeSet<String>, values: &'t BTreeMap<String, String>) -> Self {
        Self { keys, values, has_statements: false, filters: BTreeSet::new(), has_folder: false }
    }

    /// A text with its parameters in single braces.
    pub(super) fn convert(&mut self, text: &str) -> String {
        self.has_statements |= text.contains("{%");
        let mut converted = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once("{{") {
            converted.push_str(before);
            let Some((expression, behind)) = inside.split_once("}}") else {
                converted.push_str("{{");
                rest = inside;
                continue;
            };
            let (name, filter) = match expression.split_once('|') {
                Some((name, filter)) => (name.trim(), Some(filter.trim())),
                None => (expression.trim(), None),
            };
            if let Some(value) = self.values.get(name) {
                // A value may name parameters of the main recipe, and those only.
                let none = BTreeMap::new();
                let mut of_value = Template::new(self.keys, &none);
                converted.push_str(&of_value.convert(value));
                self.take(filter);
            } else if self.keys.contains(name) {
                converted.push_str(&format!("{{{name}}}"));
                self.take(filter);
            } else if name == "recipe_dir" {
                self.has_folder = true;
                converted.push('.');
            } else {
                converted.push_str(&format!("{{{{{expression}}}}}"));
            }
            rest = behind;
        }
        converted + rest
    }

    /// Whether a converted text has nothing to fill in.
    pub(super) fn is_plain(&self, converted: &str) -> bool {
        !self.keys.iter().any(|key| converted.contains(&format!("{{{key}}}")))
    }

    /// What is to be said of the texts that were converted.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.has_statements {
            notes.push(left_out("statements such as `{% if %}`", "They are text here: write what they come to."));
        }
        if !self.filters.is_empty() {
            let names = listed(self.filters.iter().map(String::as_str));
            notes.push(left_out(&format!("the filters {names}"), "The value is put in as it is."));
        }
        if self.has_folder {
            notes.push(left_out("`recipe_dir`", "Paths here begin at the project's folder: `.` stands in its place."));
        }
        notes
    }

    fn take(&mut self, filter: Option<&str>) {
        self.filters.extend(filter.map(str::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_in_single_braces_or_filled_in() {
        let keys = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let values = BTreeMap::from([("b".to_owned(), "[{{ a }} {{ b }}]".to_owned())]);
        let mut template = Template::new(&keys, &values);
        let converted = template.convert("{{a}} {{ b | indent(2) }} {{ c }} {{ recipe_dir }}/x {{ {% if a %} {a} {{ a");
        assert_eq!(converted, "{a} [{a} {b}] {{ c }} ./x {{ {% if a %} {a} {{ a");
        assert_eq!(template.notes().len(), 3);
        assert!(template.is_plain("{{ c }}") && !template.is_plain("x {a}"));
    }
}
