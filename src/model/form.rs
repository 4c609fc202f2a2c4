//! Which schemas OpenAI's strict mode takes.

use serde_json::Value;

/// Whether OpenAI's strict mode takes a schema: every object is closed and requires all of its properties, and there is
/// no keyword in it that the mode may refuse. The request would fail otherwise, where without strict mode the schema is
/// followed all but always.
pub(crate) fn is_strict(schema: &Value) -> bool {
    schema["type"] == "object" && schema.get("anyOf").is_none() && is_strict_below(schema)
}

fn is_strict_below(schema: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return false };
    let is_object = schema["type"] == "object" || keywords.contains_key("properties");
    if is_object && !(schema["additionalProperties"] == false && requires_all(schema)) {
        return false;
    }
    keywords.iter().all(|(keyword, value)| match keyword.as_str() {
        "type" | "required" | "enum" | "const" | "title" | "description" | "$ref" | "additionalProperties" => true,
        "properties" | "$defs" | "definitions" => {
            value.as_object().is_some_and(|all| all.values().all(is_strict_below))
        }
        "items" => is_strict_below(value),
        "anyOf" => value.as_array().is_some_and(|all| all.iter().all(is_strict_below)),
        _ => false,
    })
}

fn requires_all(schema: &Value) -> bool {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    schema["properties"].as_object().is_some_and(|all| all.keys().all(|name| required.contains(&name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strict_is_what_openai_takes_as_strict() {
        let closed = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        let text = json!({"type": "string"});
        let inner = closed(json!({"b": text}), json!(["b"]));
        for (schema, strict) in [
            (closed(json!({"a": text}), json!(["a"])), true),
            (closed(json!({"a": {"type": "array", "items": inner}}), json!(["a"])), true),
            (closed(json!({"a": {"anyOf": [inner, {"type": "null"}]}}), json!(["a"])), true),
            (closed(json!({"a": {"enum": ["x"], "description": "d"}}), json!(["a"])), true),
            (closed(json!({"a": text, "b": text}), json!(["a"])), false),
            (json!({"type": "object", "properties": {"a": text}, "required": ["a"]}), false),
            (closed(json!({"a": {"type": "object", "properties": {}}}), json!(["a"])), false),
            (closed(json!({"a": {"type": "string", "minLength": 1}}), json!(["a"])), false),
            (json!({"type": "array", "items": text}), false),
            (json!({"anyOf": [inner]}), false),
            (json!(true), false),
            (json!({}), false),
        ] {
            assert_eq!(is_strict(&schema), strict, "{schema}");
        }
    }
}
