//! The one engine behind texts and conditions: minijinja, with what it may do and what it has beside its own filters.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io;
use std::sync::OnceLock;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::plan::output;
use crate::plan::template::values::Document;

/// How many steps a text may take to be filled in: a second or less.
const FUEL: u64 = 2_000_000;

/// The longest text that a template may make, in bytes.
pub(super) const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The filters, for a near miss.
pub(super) const FILTERS: [&str; 46] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "count",
    "default",
    "dictsort",
    "escape",
    "first",
    "float",
    "format",
    "fromjson",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// The tests, for a near miss.
pub(super) const TESTS: [&str; 16] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "even",
    "in",
    "integer",
    "mapping",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "undefined",
    "iterable",
];

/// The environment. A value that is not there may be asked for, and is no text.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.set_syntax(syntax());
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.remove_global("debug");
        environment.add_filter("fromjson", fromjson);
        environment.add_filter("tojson", tojson);
        environment.set_formatter(|out, state, value| match value.kind() {
            ValueKind::Seq | ValueKind::Map | ValueKind::None | ValueKind::Bool
                if value.downcast_object_ref::<Document>().is_none() =>
            {
                out.write_str(&json(value)?).map_err(Error::from)
            }
            _ => minijinja::escape_formatter(out, state, value),
        });
        environment
    })
}

/// The syntax: Jinja's. A line with a statement alone leaves no line, and a text ends as it is written.
pub(super) fn syntax() -> minijinja::syntax::SyntaxConfig {
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    // These are Jinja's own delimiters, which are always valid.
    syntax.build().unwrap_or_default()
}

/// Whether there is a filter of this name.
pub(super) fn has_filter(name: &str) -> bool {
    let applied = environment().empty_state().apply_filter(name, &[]);
    !applied.is_err_and(|error| error.kind() == ErrorKind::UnknownFilter)
}

/// Whether there is a test of this name.
pub(super) fn has_test(name: &str) -> bool {
    let performed = environment().empty_state().perform_test(name, &[]);
    !performed.is_err_and(|error| error.kind() == ErrorKind::UnknownTest)
}

/// The functions.
pub(super) fn functions() -> BTreeSet<&'static str> {
    environment().globals().map(|(name, _)| name).collect()
}

fn fromjson(text: Cow<'_, str>) -> Result<Value, Error> {
    let found = output::document(&text);
    let found = found.map_err(|why| Error::new(ErrorKind::InvalidOperation, format!("not JSON: {why}")))?;
    Ok(super::values::of_json(&found))
}

fn tojson(value: &Value, indent: Option<bool>, named: Kwargs) -> Result<Value, Error> {
    let is_indented = match named.get::<Option<Value>>("indent")? {
        Some(indent) => indent.is_true(),
        None => indent.unwrap_or(false),
    };
    named.assert_all_used()?;
    let text = if is_indented { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    text.map(Value::from).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// A text that grows to a limit and no further.
#[derive(Debug, Default)]
pub(super) struct Capped {
    pub bytes: Vec<u8>,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_BYTES {
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_in_a_near_miss_is_there() {
        assert!(FILTERS.iter().all(|name| has_filter(name)) && TESTS.iter().all(|name| has_test(name)));
        assert!(!has_filter("nothing") && !has_test("nothing"));
        assert!(functions().contains("range") && !functions().contains("debug"));
    }
}
