use super::*;

use proptest::prelude::*;

const ALL: [Manner; 5] = [CHAT_COMPLETIONS, RESPONSES, ANTHROPIC, GEMINI, OLLAMA];

/// Schemas with what they become for everybody.
#[test]
fn what_everybody_needs() {
    for (schema, expected) in [
        (json!({}), json!({"type": "object", "properties": {}})),
        (json!({"type": "object"}), json!({"type": "object", "properties": {}})),
        (json!({"type": "string", "format": "date"}), json!({"type": "object", "properties": {}})),
        (json!(true), json!({"type": "object", "properties": {}})),
        (json!({"type": "object", "properties": null, "required": true}), json!({"type": "object", "properties": {}})),
        (json!({"allOf": [{"properties": null}]}), json!({"type": "object", "properties": {}})),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "OBJECT", "properties": {
                "a": {"type": "String"}, "b": {"type": "int"}, "c": {"type": "any"}, "d": true, "e": false,
                "f": {"type": ["str", "None"]}, "g": {"type": "array"}, "h": {"type": "list", "items": true},
            }}),
            json!({"type": "object", "properties": {
                "a": {"type": "string"}, "b": {"type": "integer"}, "c": {}, "d": {},
                "f": {"type": ["string", "null"]}, "g": {"type": "array", "items": {}}, "h": {"type": "array", "items": {}},
            }}),
        ),
        (
            json!({"anyOf": [
                {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a", "b"]},
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
            ]}),
            json!({"type": "object", "properties": {
                "a": {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "b": {"type": "string"},
            }, "required": ["a"]}),
        ),
        (
            json!({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "not": {"required": ["c"]}, "$defs": {
                "a": {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                "b": {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            }}),
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a", "b"]}),
        ),
        (json!({"anyOf": [{"$ref": "#"}]}), json!({"type": "object", "properties": {}})),
        (
            json!({"oneOf": [
                {"anyOf": [{"$ref": "#/$defs/a"}, {"properties": {"b": {"type": "string"}}, "required": ["a", "b"]}]},
                {"anyOf": [{"$ref": "#/$defs/a"}, {"properties": {"c": {"type": "string"}}, "required": ["c"]}]},
            ], "$defs": {"a": {"properties": {"a": {"type": "string"}}, "required": ["a"]}}}),
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}}}),
        ),
        (
            json!({"properties": {"a": {"$ref": "https://h.example/a.json", "description": "d"}, "b": {"$ref": "#/nowhere"}}}),
            json!({"type": "object", "properties": {"a": {"description": "d"}, "b": {}}}),
        ),
    ] {
        for manner in &ALL {
            let mut fitted = fit(&schema, manner);
            fitted.as_object_mut().unwrap().remove("$defs");
            assert_eq!(fitted, expected, "{schema}");
        }
    }
}

#[test]
fn a_good_schema_stays_as_it_is() {
    let schema = json!({"type": "object", "properties": {
        "path": {"type": "string", "description": "A file."},
        "lines": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        "how": {"enum": ["a", "b"]},
        "more": {"type": "object", "additionalProperties": {"type": "string"}},
    }, "required": ["path"], "additionalProperties": false});
    for manner in &ALL {
        assert_eq!(fit(&schema, manner), schema);
    }
}

#[test]
fn references_are_replaced_for_those_who_follow_none() {
    let schema = json!({"type": "object", "$defs": {"a/b": {"type": "string"}}, "definitions": {
        "tree": {"type": "object", "properties": {"left": {"$ref": "#/definitions/tree"}}},
    }, "properties": {"a": {"$ref": "#/$defs/a~1b", "description": "d"}, "t": {"$ref": "#/definitions/tree"}}});
    let fitted = fit(&schema, &CHAT_COMPLETIONS);
    let expected = json!({"type": "object", "properties": {
        "a": {"type": "string", "description": "d"},
        "t": {"type": "object", "properties": {"left": {"type": "object"}}},
    }});
    assert_eq!(fitted, expected);
    assert_eq!(fit(&schema, &ANTHROPIC), schema);
}

#[test]
fn what_is_too_deep_may_be_anything() {
    let mut schema = json!({"type": "string"});
    for _ in 0..40 {
        schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": schema}}, "required": ["a"]});
    }
    for manner in &ALL {
        assert_eq!(levels(&fit(&schema, manner)), manner.max_depth);
    }
    // References that multiply are given up on instead of filling the memory.
    let names = |at: usize| json!({"$ref": format!("#/$defs/{at}")});
    let twice = |at: usize| json!({"type": "object", "properties": {"l": names(at + 1), "r": names(at + 1), "m": names(at + 1), "n": names(at + 1), "o": names(at + 1)}});
    let defs: Map<String, Value> = (0..60).map(|at| (at.to_string(), twice(at))).collect();
    let schema = json!({"$ref": "#/$defs/0", "$defs": defs});
    assert!(fit(&schema, &GEMINI).to_string().len() < 1 << 20);
}

/// How many levels have something below them.
fn levels(schema: &Value) -> usize {
    let items = schema.get("items").filter(|items| **items != json!({}));
    let below = schema["properties"].as_object().into_iter().flat_map(Map::values).chain(items);
    below.map(|part| 1 + levels(part)).max().unwrap_or_default()
}

#[test]
fn gemini_gets_the_keywords_that_it_knows_and_is_told_the_rest() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "string", "minLength": 3, "format": "uri", "description": "d"},
        "b": {"const": "x"},
        "c": {"type": "boolean", "enum": [true]},
        "d": {"enum": ["", "x", null]},
        "e": {"allOf": [{"$ref": "#/$defs/e"}], "default": null},
    }, "required": ["a", "z"], "patternProperties": {"^x": {}}, "$defs": {"e": {"type": "integer", "exclusiveMinimum": 0}}});
    let expected = json!({"type": "object", "properties": {
        "a": {"type": "string", "description": "d\n\n{format: \"uri\", minLength: 3}"},
        "b": {"enum": ["x"]},
        "c": {"type": "boolean"},
        "d": {"enum": ["x"]},
        "e": {"type": "integer", "description": "{default: null, exclusiveMinimum: 0}"},
    }, "required": ["a"]});
    assert_eq!(fit(&schema, &GEMINI), expected);
}

#[test]
fn anthropic_gets_names_that_it_takes() {
    let schema = json!({"type": "object", "properties": {"a.b-c_1": {}, "with space": {}, "": {}}, "required": ["with space", "a.b-c_1"]});
    let expected = json!({"type": "object", "properties": {"a.b-c_1": {}}, "required": ["a.b-c_1"]});
    assert_eq!(fit(&schema, &ANTHROPIC), expected);
    assert_eq!(fit(&schema, &CHAT_COMPLETIONS), schema);
}

/// Any JSON, with the words of schemas in it more often than not.
fn any_schema() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "type",
        "properties",
        "items",
        "$ref",
        "$defs",
        "anyOf",
        "allOf",
        "oneOf",
        "required",
        "enum",
        "const",
        "not",
        "additionalProperties",
        "description",
        "a",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec!["object", "string", "Array", "#/$defs/a", "#", "#/properties/a", "a"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_an_object_with_properties_goes_out(schema in any_schema()) {
        for manner in &ALL {
            let fitted = fit(&schema, manner);
            prop_assert_eq!(&fitted["type"], "object");
            prop_assert!(fitted["properties"].is_object());
            prop_assert!(["anyOf", "oneOf", "allOf", "enum", "not"].iter().all(|word| fitted.get(word).is_none()));
            if !manner.follows_references {
                prop_assert!(!holds_reference(&fitted), "{}", fitted);
            }
        }
    }
}

/// Whether there is a reference where schemas are.
fn holds_reference(schema: &Value) -> bool {
    let Some(part) = schema.as_object() else { return false };
    part.contains_key("$ref")
        || part.iter().any(|(keyword, value)| match value {
            Value::Object(parts) if MAPS.contains(&keyword.as_str()) => parts.values().any(holds_reference),
            Value::Array(parts) if LISTS.contains(&keyword.as_str()) => parts.iter().any(holds_reference),
            value => SINGLES.contains(&keyword.as_str()) && holds_reference(value),
        })
}
