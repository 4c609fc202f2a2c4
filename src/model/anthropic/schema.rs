//! The form that an answer must have, in the part of JSON Schema that Anthropic's constrained decoding takes.
//!
//! Limits: <https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations>. A limit on
//! values that cannot be enforced is told to the model in the description, as Anthropic's own clients do it; whether the
//! answer keeps to it is for the caller to check. A form that could only be narrowed into what is taken is not sent.

use serde_json::{Map, Value, json};

/// The formats of texts that are enforced.
const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// `schema` as it can be enforced, or `None` if it cannot be.
pub(super) fn enforceable(schema: &Value) -> Option<Value> {
    if leads_back(schema, schema, &mut Vec::new()) {
        return None;
    }
    node(schema)
}

fn node(schema: &Value) -> Option<Value> {
    let schema = schema.as_object()?;
    let is_one = ["type", "enum", "const", "anyOf", "oneOf", "$ref"].iter().any(|key| schema.contains_key(*key));
    if !is_one || schema.contains_key("allOf") || schema.contains_key("patternProperties") {
        return None;
    }
    let (mut kept, mut told) = (Map::new(), Vec::new());
    for (key, value) in schema {
        let (key, value) = match key.as_str() {
            "type" | "const" | "required" | "title" | "description" | "default" => (key.as_str(), value.clone()),
            "enum" => (key.as_str(), plain_values(value)?),
            "$ref" => (key.as_str(), json!(value.as_str().filter(|target| target.starts_with("#/"))?)),
            "$defs" | "definitions" | "properties" => (key.as_str(), members(value)?),
            "anyOf" | "oneOf" => ("anyOf", value.as_array()?.iter().map(node).collect::<Option<Value>>()?),
            "items" => (key.as_str(), node(value)?),
            "format" if value.as_str().is_some_and(|format| FORMATS.contains(&format)) => (key.as_str(), value.clone()),
            "minItems" if matches!(value.as_u64(), Some(0 | 1)) => (key.as_str(), value.clone()),
            "additionalProperties" => continue,
            other if other.starts_with('$') => continue,
            other => {
                told.push(format!("{other}: {value}"));
                continue;
            }
        };
        kept.insert(key.to_owned(), value);
    }
    if schema.get("type").is_some_and(|kind| kind == "object") || schema.contains_key("properties") {
        close(schema, &mut kept)?;
    }
    if !told.is_empty() {
        let described = kept.get("description").and_then(Value::as_str).map(|text| format!("{text}\n\n"));
        let description = format!("{}{{{}}}", described.unwrap_or_default(), told.join(", "));
        kept.insert("description".to_owned(), json!(description));
    }
    Some(Value::Object(kept))
}

/// Says that an object has the named members and no others, which is the only kind that is taken.
fn close(schema: &Map<String, Value>, kept: &mut Map<String, Value>) -> Option<()> {
    let named = schema.get("properties").and_then(Value::as_object).filter(|named| !named.is_empty())?;
    if schema.get("additionalProperties").is_some_and(Value::is_object) {
        return None;
    }
    let required = schema.get("required").and_then(Value::as_array);
    let is_named = |name: &Value| name.as_str().is_some_and(|name| named.contains_key(name));
    if !required.is_none_or(|required| required.iter().all(is_named)) {
        return None;
    }
    kept.insert("additionalProperties".to_owned(), json!(false));
    Some(())
}

fn members(value: &Value) -> Option<Value> {
    let members = value.as_object()?.iter().map(|(name, schema)| Some((name.clone(), node(schema)?)));
    members.collect::<Option<Map<_, _>>>().map(Value::Object)
}

fn plain_values(value: &Value) -> Option<Value> {
    let is_plain = |value: &Value| !value.is_object() && !value.is_array();
    value.as_array()?.iter().all(is_plain).then(|| value.clone())
}

/// Whether a reference leads back to where it stands, which no constrained decoding can follow. `way` are the
/// references that have been followed to `schema`.
fn leads_back<'s>(schema: &'s Value, root: &'s Value, way: &mut Vec<&'s str>) -> bool {
    let target = schema.get("$ref").and_then(Value::as_str);
    if let Some(target) = target {
        // So long a way is made to be one: it doubles with every step.
        if way.contains(&target) || way.len() > 16 {
            return true;
        }
        let pointed = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        way.push(target);
        let back = pointed.is_some_and(|pointed| leads_back(pointed, root, way));
        way.pop();
        if back {
            return true;
        }
    }
    match schema {
        Value::Object(members) => members.values().any(|member| leads_back(member, root, way)),
        Value::Array(items) => items.iter().any(|item| leads_back(item, root, way)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_closed_and_what_cannot_be_enforced_is_told() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "score": {"type": "integer", "minimum": 1, "description": "How good."},
                "tags": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 1},
                "due": {"type": ["string", "null"], "format": "date"},
                "kind": {"oneOf": [{"enum": ["a", "b"]}, {"$ref": "#/$defs/other"}]},
            },
            "required": ["score"],
            "$defs": {"other": {"type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": true}},
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "score": {"type": "integer", "description": "How good.\n\n{minimum: 1}"},
                "tags": {"type": "array", "items": {"type": "string", "description": "{maxLength: 5}"}, "minItems": 1},
                "due": {"type": ["string", "null"], "format": "date"},
                "kind": {"anyOf": [{"enum": ["a", "b"]}, {"$ref": "#/$defs/other"}]},
            },
            "required": ["score"],
            "additionalProperties": false,
            "$defs": {"other": {"type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": false}},
        });
        assert_eq!(enforceable(&schema), Some(expected));
    }

    #[test]
    fn what_could_only_be_narrowed_is_not_enforced() {
        let tree = json!({"$ref": "#/$defs/tree", "$defs": {"tree": {
            "type": "object", "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]}}}}});
        for schema in [
            tree,
            json!(true),
            json!({}),
            json!({"description": "anything"}),
            json!({"type": "object"}),
            json!({"type": "object", "properties": {}}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}),
            json!({"type": "object", "properties": {"a": {}}}),
            json!({"type": "array", "items": {"type": "object", "patternProperties": {"^x": {"type": "string"}}}}),
            json!({"allOf": [{"type": "string"}]}),
            json!({"enum": [{"a": 1}]}),
            json!({"$ref": "https://elsewhere/schema"}),
        ] {
            assert_eq!(enforceable(&schema), None, "{schema}");
        }
    }
}
