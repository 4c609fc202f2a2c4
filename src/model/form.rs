//! How the form of an answer is asked for where the provider can see to it, and what to do where it will not.
//!
//! A request may hold things that not every server knows. Each is an [`Capability`]: it is sent until the server refuses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::words::failure::Failure;

/// A part of a request that a server may refuse without being wrong. It is sent because most servers act on it, and
/// left out once this one has refused it: a task must not be impossible for a thing that it can do without.
#[derive(Debug, Clone)]
pub(crate) struct Capability {
    /// Words of a refusal that mean this part, in lower case.
    words: &'static [&'static str],
    refused: Arc<AtomicBool>,
}

impl Capability {
    /// The schema of the answer. Without it the model has the prompt alone to go by, and the caller still checks.
    pub(crate) fn schema() -> Self {
        Self::told_by(&[
            "response_format",
            "response format",
            "json_schema",
            "json schema",
            "text.format",
            "structured output",
            "grammar",
        ])
    }

    /// A part that is meant by refusals with one of these words.
    pub(crate) fn told_by(words: &'static [&'static str]) -> Self {
        Self { words, refused: Arc::default() }
    }

    /// Whether to send it.
    pub(crate) fn is_sent(&self) -> bool {
        !self.refused.load(Ordering::Relaxed)
    }

    /// Whether `failure` refuses this part. If so, it is not sent again.
    pub(crate) fn is_refused_by(&self, failure: &Failure) -> bool {
        let message = failure.message.to_ascii_lowercase();
        let refused = matches!(failure.status, Some(400 | 404 | 422 | 500 | 501))
            && self.words.iter().any(|word| message.contains(word));
        if refused {
            self.refused.store(true, Ordering::Relaxed);
        }
        refused
    }
}

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
    use crate::words::failure::FailureKind;
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

    #[test]
    fn a_part_is_left_out_once_it_is_refused_and_not_before() {
        let failure = |status, message: &str| Failure {
            status: Some(status),
            ..Failure::new(FailureKind::BadRequest, message.to_owned())
        };
        let schema = Capability::schema();
        assert!(!schema.is_refused_by(&failure(400, "no such model")));
        assert!(!schema.is_refused_by(&failure(401, "a key for response_format")));
        assert!(schema.is_sent());
        assert!(schema.is_refused_by(&failure(400, "This response_format type is unavailable now")));
        assert!(!schema.is_sent());
        assert!(schema.is_refused_by(&failure(400, "again json_schema")), "it may have been under way twice");
    }
}
