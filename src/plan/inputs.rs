//! The inputs of an orchestra: which values a run is given by name, and whether a value can be one of them. Pure.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::plan::resolve::is_in_project;
use crate::plan::spec::InputKind;
use crate::words::diagnostic::{either, near_miss};

/// The longest that all inputs of a run may be together, in bytes: they stand in its journal.
pub(crate) const MAX_INPUT_BYTES: usize = 1024 * 1024;

/// The values of a run, by the names of its inputs.
pub type InputValues = BTreeMap<String, Value>;

/// An input of an orchestra.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What kind of value it is.
    pub kind: InputKind,
    /// Its value where none is given.
    pub default: Option<Value>,
    /// Whether it has to be given.
    pub required: bool,
    /// What it is, for people.
    pub description: Option<String>,
    /// The values that it may have, where it is a choice.
    pub choices: Vec<String>,
}

/// Why a run does not begin with the values that it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// There is no such input.
    #[error("there is no input `{name}`")]
    Unknown {
        /// What was named.
        name: String,
        /// The input that is most likely meant, or all that there are.
        near: Result<String, Vec<String>>,
    },
    /// One has no value.
    #[error("the input `{name}` is needed{}", .about.as_ref().map_or(String::new(), |about| format!(": {about}")))]
    Missing {
        /// Its name.
        name: String,
        /// What it is.
        about: Option<String>,
    },
    /// A value cannot be that of its input.
    #[error("the input `{name}` {why}")]
    Wrong {
        /// The input.
        name: String,
        /// Why.
        why: String,
    },
    /// They are too long together.
    #[error("the inputs have more than {MAX_INPUT_BYTES} bytes together")]
    TooLong,
}

impl Input {
    /// The value that a text stands for, as a person writes it.
    ///
    /// # Errors
    /// Why it stands for none, to be read behind the input's name.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        let value = match self.kind {
            InputKind::Number => Value::Number(number(text).ok_or_else(|| format!("is a number, and not `{text}`"))?),
            InputKind::Boolean => match text.trim() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                other => return Err(format!("is `true` or `false`, and not `{other}`")),
            },
            InputKind::List if text.trim_start().starts_with('[') => {
                serde_json::from_str(text).map_err(|error| format!("begins like a JSON list and is none: {error}"))?
            }
            InputKind::List => text.split([',', '\n']).map(str::trim).filter(|one| !one.is_empty()).collect(),
            InputKind::Text => text.into(),
            InputKind::Choice | InputKind::File => text.trim().into(),
        };
        self.accept(&value)
    }

    /// The value, if it can be that of this input.
    ///
    /// # Errors
    /// Why it cannot, to be read behind the input's name.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        let wrong = |what: &str| Err(format!("is {what}, and not {}", shown(value)));
        match (self.kind, value) {
            (InputKind::Text, Value::String(_)) | (InputKind::Number, Value::Number(_)) => Ok(value.clone()),
            (InputKind::Text, Value::Number(_) | Value::Bool(_)) => Ok(value.to_string().into()),
            (InputKind::Text, _) => wrong("a text"),
            (InputKind::Number, _) => wrong("a number"),
            (InputKind::Boolean, Value::Bool(_)) => Ok(value.clone()),
            (InputKind::Boolean, _) => wrong("`true` or `false`"),
            (InputKind::Choice, Value::String(text)) if self.choices.contains(text) => Ok(value.clone()),
            (InputKind::Choice, _) => wrong(&either(&self.choices)),
            (InputKind::File, Value::String(path)) if is_in_project(path) => Ok(value.clone()),
            (InputKind::File, _) => wrong("the path of a file in the project"),
            (InputKind::List, Value::Array(_)) => Ok(value.clone()),
            (InputKind::List, _) => wrong("a list"),
        }
    }

    /// What it is where nobody gives it and nobody has to.
    fn nothing(&self) -> Value {
        match self.kind {
            InputKind::Text | InputKind::Choice | InputKind::File => Value::String(String::new()),
            InputKind::Number => Value::Null,
            InputKind::Boolean => Value::Bool(false),
            InputKind::List => Value::Array(Vec::new()),
        }
    }

    /// Its value where none is given, if there need not be one.
    fn usual(&self) -> Option<Value> {
        self.default.clone().or_else(|| (!self.required).then(|| self.nothing()))
    }
}

/// The values of all inputs, from those that are given: each is what its input says.
///
/// # Errors
/// The first input that has no value, or one that it cannot have; or a name that is none.
pub fn settle(inputs: &[Input], given: &InputValues) -> Result<InputValues, InputError> {
    if let Some(name) = given.keys().find(|name| inputs.iter().all(|input| input.name != **name)) {
        let names = || inputs.iter().map(|input| input.name.as_str());
        let near = near_miss(name, names()).map(str::to_owned).ok_or_else(|| names().map(str::to_owned).collect());
        return Err(InputError::Unknown { name: name.clone(), near });
    }
    let mut settled = InputValues::new();
    for input in inputs {
        let name = &input.name;
        let value = match given.get(name) {
            Some(value) => input.accept(value).map_err(|why| InputError::Wrong { name: name.clone(), why })?,
            None => input
                .usual()
                .ok_or_else(|| InputError::Missing { name: name.clone(), about: input.description.clone() })?,
        };
        settled.insert(name.clone(), value);
    }
    let bytes: usize = settled.values().map(|value| value.to_string().len()).sum();
    if bytes > MAX_INPUT_BYTES { Err(InputError::TooLong) } else { Ok(settled) }
}

/// The values of a run that has begun, with those of inputs that its file has got since.
#[must_use]
pub(crate) fn with_usual(inputs: &[Input], given: &InputValues) -> InputValues {
    let new = inputs.iter().filter(|input| !given.contains_key(&input.name));
    let new = new.filter_map(|input| Some((input.name.clone(), input.usual()?)));
    given.iter().map(|(name, value)| (name.clone(), value.clone())).chain(new).collect()
}

fn number(text: &str) -> Option<Number> {
    let text = text.trim();
    text.parse::<i64>().ok().map(Number::from).or_else(|| Number::from_f64(text.parse().ok()?))
}

fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("`{}`", crate::words::text::one_line(&text, 60))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(kind: InputKind) -> Input {
        let choices = vec!["red".to_owned(), "blue".to_owned()];
        Input { name: "x".into(), kind, default: None, required: true, description: None, choices }
    }

    #[test]
    fn a_text_is_read_as_what_its_input_is() {
        for (kind, text, value) in [
            (InputKind::Text, " a, b ", json!(" a, b ")),
            (InputKind::Number, "3", json!(3)),
            (InputKind::Number, "-0.5", json!(-0.5)),
            (InputKind::Boolean, "true", json!(true)),
            (InputKind::Choice, "red", json!("red")),
            (InputKind::File, "docs/a.md", json!("docs/a.md")),
            (InputKind::List, "a, b\nc,", json!(["a", "b", "c"])),
            (InputKind::List, "[1, {\"a\": 2}]", json!([1, {"a": 2}])),
        ] {
            assert_eq!(input(kind).read(text), Ok(value), "{text}");
        }
        for (kind, text) in [
            (InputKind::Number, "three"),
            (InputKind::Number, "NaN"),
            (InputKind::Boolean, "yes"),
            (InputKind::Choice, "green"),
            (InputKind::File, "../a.md"),
            (InputKind::File, "~/a.md"),
            (InputKind::File, "/etc/passwd"),
            (InputKind::File, ".git/config"),
            (InputKind::List, "[1"),
        ] {
            assert!(input(kind).read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_input_has_a_value_or_the_run_does_not_begin() {
        let with = |required, default| Input { default, required, ..input(InputKind::Text) };
        let none = InputValues::new();
        assert_eq!(settle(&[with(false, None)], &none).unwrap()["x"], json!(""));
        assert_eq!(settle(&[with(false, Some(json!("d")))], &none).unwrap()["x"], json!("d"));
        let missing = settle(&[with(true, None)], &none).unwrap_err();
        assert_eq!(missing.to_string(), "the input `x` is needed");
        let other = InputValues::from([("y".to_owned(), json!("v"))]);
        assert!(matches!(settle(&[with(true, None)], &other), Err(InputError::Unknown { .. })));
        let long = InputValues::from([("x".to_owned(), json!("v".repeat(MAX_INPUT_BYTES + 1)))]);
        assert_eq!(settle(&[with(true, None)], &long), Err(InputError::TooLong));
        assert_eq!(with_usual(&[with(false, None)], &other).len(), 2);
    }
}
