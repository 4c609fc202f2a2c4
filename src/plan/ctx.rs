//! The values that the tasks of a run share, by dotted keys: which of them a task sets from its output, and how a
//! template sees them.
//!
//! Knows neither where they are kept nor who may change them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::plan::output;

/// The longest key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 200;

/// The longest value that a task sets, in bytes of JSON: all of them are in one file.
const MAX_VALUE_BYTES: usize = 256 * 1024;

/// A value that a task sets when it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key.
    pub key: String,
    /// The fields on the way to it in the output; none for all of the output.
    pub path: Vec<String>,
}

/// Whether a text is a key: words with dots in between.
#[must_use]
pub(crate) fn is_key(key: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    key.len() <= MAX_KEY_BYTES && key.split('.').all(is_word)
}

/// Whether one key is a part of the way to the other, or the same.
#[must_use]
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let begins =
        |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    begins(one, other) || begins(other, one)
}

/// What an output sets. All of it is JSON where it reads as JSON, and a text otherwise. A made-up output (`is_free`) sets
/// what it has.
///
/// # Errors
/// A field that is not there, or a value that is too long, in words for a person and for the model.
pub(crate) fn settings(of: &[Setting], output: &str, is_free: bool) -> Result<Vec<(String, Value)>, String> {
    let mut document = None;
    let mut values = Vec::with_capacity(of.len());
    for Setting { key, path } in of {
        let value = if path.is_empty() {
            serde_json::from_str(output.trim()).unwrap_or_else(|_| Value::from(output))
        } else {
            match field(document.get_or_insert_with(|| output::document(output)), path) {
                Err(_) if is_free => continue,
                found => found.map_err(|why| format!("`{key}` is to be set from `{}`, and {why}", path.join(".")))?,
            }
        };
        let bytes = value.to_string().len();
        if bytes > MAX_VALUE_BYTES {
            return Err(format!("`{key}` is to be set to {bytes} bytes, and {MAX_VALUE_BYTES} are the most"));
        }
        values.push((key.clone(), value));
    }
    Ok(values)
}

fn field(document: &Result<Value, String>, path: &[String]) -> Result<Value, String> {
    let mut value = document.as_ref().map_err(|why| format!("the output is not JSON: {why}"))?;
    for (depth, name) in path.iter().enumerate() {
        let inner = match value {
            Value::Array(list) => name.parse().ok().and_then(|place: usize| list.get(place)),
            other => other.get(name),
        };
        value = inner.ok_or_else(|| format!("the output has no `{}`", path[..=depth].join(".")))?;
    }
    Ok(value.clone())
}

/// All values as one: each word of a key is a field of the one before. A value that has no fields gives way to the keys
/// that go on from its own.
#[must_use]
pub(crate) fn tree(values: &BTreeMap<String, Value>) -> Value {
    let mut root = Map::new();
    // A key comes before those that go on from it.
    for (key, value) in values {
        let mut words = key.split('.').peekable();
        let mut here = &mut root;
        while let Some(word) = words.next() {
            if words.peek().is_none() {
                here.insert(word.to_owned(), value.clone());
                break;
            }
            let next = here.entry(word).or_insert_with(|| Value::Object(Map::new()));
            if !next.is_object() {
                *next = Value::Object(Map::new());
            }
            let Value::Object(fields) = next else { break };
            here = fields;
        }
    }
    Value::Object(root)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(key: &str, path: &str) -> Setting {
        Setting { key: key.to_owned(), path: path.split('.').filter(|it| !it.is_empty()).map(str::to_owned).collect() }
    }

    #[test]
    fn a_key_is_words_with_dots_in_between() {
        for key in ["plan", "plan.tasks", "a-1.b_2", &"k".repeat(MAX_KEY_BYTES)] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", ".", "a.", ".a", "a..b", "a b", "é", "a/b", "\u{1b}", &"k".repeat(MAX_KEY_BYTES + 1)] {
            assert!(!is_key(key), "{key:?}");
        }
    }

    #[test]
    fn an_output_sets_all_of_it_or_its_fields() {
        let set = |of: &[Setting], output: &str| settings(of, output, false);
        assert_eq!(set(&[of("note", "")], "two words\n").unwrap(), [("note".to_owned(), json!("two words\n"))]);
        assert_eq!(set(&[of("list", "")], " [1, 2]\n").unwrap(), [("list".to_owned(), json!([1, 2]))]);
        let plan = r#"{"tasks": [{"id": 7}], "why": null}"#;
        let both = [of("plan.first", "tasks.0.id"), of("plan.why", "why")];
        let values = set(&both, plan).unwrap();
        assert_eq!(values, [("plan.first".to_owned(), json!(7)), ("plan.why".to_owned(), Value::Null)]);
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        let why = |output: &str| settings(&[of("k", "a.b")], output, false).unwrap_err();
        assert_eq!(why(r#"{"a": {}}"#), "`k` is to be set from `a.b`, and the output has no `a.b`");
        assert!(why("prose").starts_with("`k` is to be set from `a.b`, and the output is not JSON"));
        assert_eq!(settings(&[of("k", "a.b")], "prose", true).unwrap(), []);
        let long = format!("\"{}\"", "x".repeat(MAX_VALUE_BYTES));
        assert!(settings(&[of("k", "")], &long, false).unwrap_err().contains("are the most"));
    }

    #[test]
    fn keys_are_ways_into_one_value() {
        let values =
            [("a", json!(1)), ("a.b", json!(2)), ("a.c.d", json!({"e": 3})), ("a.c.d.f", json!(4)), ("z", json!(null))];
        let values = values.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
        assert_eq!(tree(&values), json!({"a": {"b": 2, "c": {"d": {"e": 3, "f": 4}}}, "z": null}));
        assert!(overlap("a", "a.b") && overlap("a.b", "a") && overlap("a", "a"));
        assert!(!overlap("a", "ab") && !overlap("a.b", "a.c"));
    }
}
