//! A document that a schema describes, for a rehearsal in which no model makes one.

use serde_json::{Map, Value};

/// How deep a sample goes: a schema may describe itself.
const MAX_DEPTH: usize = 12;

/// A document of the kinds that a schema names. A text is the name of its field; what the schema says besides, such as a
/// pattern, is not looked at.
#[must_use]
pub(crate) fn sample(schema: &Value) -> Value {
    of(schema, "sample", MAX_DEPTH)
}

fn of(schema: &Value, name: &str, depth: usize) -> Value {
    if let Some(value) = schema.get("const").or_else(|| schema["enum"].get(0)).or_else(|| schema["examples"].get(0)) {
        return value.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        _ if depth == 0 => Value::Null,
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            let made: Map<String, Value> =
                fields.map(|(field, schema)| (field.clone(), of(schema, field, depth - 1))).collect();
            Value::Object(made)
        }
        Some("array") => Value::Array(vec![of(&schema["items"], name, depth - 1)]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| Value::from(1)),
        Some("boolean") => Value::Bool(true),
        Some("null") => Value::Null,
        _ => Value::from(name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sample_has_what_the_schema_names() {
        let schema = json!({"type": "object", "properties": {
            "files": {"type": "array", "items": {"type": "object", "properties": {
                "path": {"type": "string"}, "lines": {"type": "integer", "minimum": 10}, "new": {"type": ["boolean", "null"]},
                "kind": {"enum": ["code", "text"]},
            }}},
        }});
        assert_eq!(sample(&schema), json!({"files": [{"path": "path", "lines": 10, "new": true, "kind": "code"}]}));
        assert_eq!(sample(&json!({})), json!("sample"));
    }
}
