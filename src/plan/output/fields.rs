//! What a JSON Schema says of the fields of a document, as far as it says it plainly.

use serde_json::Value;

use crate::words::diagnostic::near_miss;

/// How many references are followed for one value.
const MAX_REFERENCES: usize = 16;

/// What a schema says of a part of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part<'s> {
    /// It looks like this.
    Schema(&'s Value),
    /// Nothing is said.
    Unknown,
    /// It cannot be there.
    Missing(NoField),
}

/// A field that a document cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoField {
    /// The field.
    pub field: String,
    /// The field that there is, if one is near.
    pub near: Option<String>,
    /// The type of the value that it is asked of, where that has no fields at all.
    pub kind: Option<String>,
}

/// Follows a way through a schema: names of fields, and `None` for an item of a list.
#[must_use]
pub(crate) fn follow<'s, 'w>(schema: &'s Value, way: impl IntoIterator<Item = Option<&'w str>>) -> Part<'s> {
    let mut here = schema;
    for step in way {
        let Some(node) = plain(schema, here) else { return Part::Unknown };
        let kind = node.get("type").and_then(Value::as_str);
        let next = match step {
            Some(place) if kind == Some("array") && place.bytes().all(|byte| byte.is_ascii_digit()) => {
                node.get("items")
            }
            Some(field) => match field_of(node, kind, field) {
                Ok(found) => found,
                Err(missing) => return Part::Missing(missing),
            },
            None => node.get("items"),
        };
        let Some(next) = next else { return Part::Unknown };
        here = next;
    }
    plain(schema, here).map_or(Part::Unknown, Part::Schema)
}

/// The first field on a way that a document cannot have.
#[must_use]
pub(crate) fn missing<'w>(schema: &Value, way: impl IntoIterator<Item = Option<&'w str>>) -> Option<NoField> {
    match follow(schema, way) {
        Part::Missing(missing) => Some(missing),
        Part::Schema(_) | Part::Unknown => None,
    }
}

fn field_of<'s>(node: &'s Value, kind: Option<&str>, field: &str) -> Result<Option<&'s Value>, NoField> {
    let error = |near: Option<&str>, kind: Option<&str>| NoField {
        field: field.to_owned(),
        near: near.map(str::to_owned),
        kind: kind.map(str::to_owned),
    };
    if let Some(kind) = kind.filter(|kind| *kind != "object") {
        return Err(error(None, Some(kind)));
    }
    let Some(properties) = node.get("properties").and_then(Value::as_object) else { return Ok(None) };
    match properties.get(field) {
        Some(found) => Ok(Some(found)),
        None if node.get("additionalProperties").is_some_and(|more| more != &Value::Bool(false)) => Ok(None),
        None => Err(error(near_miss(field, properties.keys().map(String::as_str)), None)),
    }
}

/// A schema behind its references; nothing where it is put together of several.
fn plain<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    let mut schema = schema;
    for _ in 0..MAX_REFERENCES {
        if ["anyOf", "oneOf", "allOf", "if", "patternProperties"].iter().any(|key| schema.get(key).is_some()) {
            return None;
        }
        match schema.get("$ref").and_then(Value::as_str) {
            None => return Some(schema),
            Some(reference) => schema = root.pointer(reference.strip_prefix('#')?)?,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_cannot_be_is_found() {
        let schema = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
                "more": {"type": "object", "properties": {"a": {}}, "additionalProperties": true},
                "any": {"anyOf": [{"type": "string"}]}
            },
            "$defs": {"part": {"properties": {"name": {"type": "string"}}}, "loop": {"$ref": "#/$defs/loop"}}
        });
        let missing = |way: &[Option<&str>]| {
            missing(&schema, way.iter().copied()).map(|no| (no.field, no.near.or(no.kind).unwrap_or_default()))
        };
        let found = |field: &str, what: &str| Some((field.to_owned(), what.to_owned()));
        assert_eq!(missing(&[Some("title")]), None);
        assert_eq!(missing(&[Some("titel")]), found("titel", "title"));
        assert_eq!(missing(&[Some("title"), Some("x")]), found("x", "string"));
        assert_eq!(missing(&[Some("parts"), None, Some("nme")]), found("nme", "name"));
        assert_eq!(missing(&[Some("parts"), Some("0"), Some("name")]), None);
        assert_eq!(missing(&[Some("more"), Some("b")]), None);
        assert_eq!(missing(&[Some("any"), Some("b")]), None);
        assert_eq!(follow(&json!({"$ref": "#"}), []), Part::Unknown);
    }
}
