//! One function for each thing that a vendor needs of a schema.
//!
//! Each works on the keywords of one part and knows nothing of what is above or below it.

use serde_json::{Map, Value, json};

/// Makes the keywords of a part of a schema keep one rule.
pub(super) type Need = fn(&mut Map<String, Value>);

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

/// What other languages call them.
const OTHER_NAMES: [(&str, &str); 16] = [
    ("str", "string"),
    ("text", "string"),
    ("int", "integer"),
    ("int32", "integer"),
    ("int64", "integer"),
    ("long", "integer"),
    ("float", "number"),
    ("double", "number"),
    ("decimal", "number"),
    ("bool", "boolean"),
    ("dict", "object"),
    ("map", "object"),
    ("list", "array"),
    ("tuple", "array"),
    ("none", "null"),
    ("nonetype", "null"),
];

/// The keywords that Gemini documents.
const OF_GEMINI: [&str; 17] = [
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
];

/// The formats that it documents.
const FORMATS_OF_GEMINI: [&str; 7] = ["date-time", "date", "time", "int32", "int64", "float", "double"];

/// The keywords that make a choice of what they stand in.
pub(super) const CHOICES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Leaves out what has the wrong form for its keyword, and what is only for readers of files.
pub(super) fn sound_keywords(part: &mut Map<String, Value>) {
    part.retain(|keyword, value| match keyword.as_str() {
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => value.is_object(),
        "anyOf" | "oneOf" | "allOf" => value.as_array().is_some_and(|all| !all.is_empty()),
        "enum" | "prefixItems" | "examples" => value.is_array(),
        "description" | "title" | "format" | "pattern" => value.is_string(),
        "$schema" | "$id" | "id" | "$comment" => !value.is_string(),
        _ => true,
    });
    // In old drafts it is a switch of the property that it stands in.
    if let Some(required) = part.get_mut("required") {
        match required.as_array_mut() {
            Some(names) => {
                let mut seen = Vec::new();
                names.retain(|name| {
                    let is_new = name.is_string() && !seen.contains(name);
                    seen.push(name.clone());
                    is_new
                });
            }
            None => {
                part.remove("required");
            }
        }
    }
}

/// Calls types by the names of JSON Schema, and leaves out those that it does not have.
pub(super) fn types_by_name(part: &mut Map<String, Value>) {
    let named = match part.get("type") {
        None => return,
        Some(Value::Array(names)) => {
            let mut known: Vec<&str> = names.iter().filter_map(Value::as_str).filter_map(type_name).collect();
            known.dedup();
            (!known.is_empty()).then(|| json!(known))
        }
        Some(name) => name.as_str().and_then(type_name).map(Value::from),
    };
    match named {
        Some(named) => part.insert("type".to_owned(), named),
        None => part.remove("type"),
    };
}

fn type_name(name: &str) -> Option<&'static str> {
    let name = name.trim().to_ascii_lowercase();
    let known = TYPES.into_iter().find(|known| *known == name);
    known.or_else(|| OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, known)| *known))
}

/// Says of every list what is in it, if only that it may be anything.
pub(super) fn items_in_lists(part: &mut Map<String, Value>) {
    // The old way to write a tuple.
    if let Some(Value::Array(items)) = part.get("items") {
        let one = if items.is_empty() { json!({}) } else { json!({ "anyOf": items }) };
        part.insert("items".to_owned(), one);
    }
    let is_list = part.get("type").is_some_and(|kind| kind == "array" || contains(kind, "array"));
    if is_list && !part.contains_key("items") && !part.contains_key("prefixItems") {
        part.insert("items".to_owned(), json!({}));
    }
}

fn contains(list: &Value, wanted: &str) -> bool {
    list.as_array().is_some_and(|all| all.iter().any(|one| one == wanted))
}

/// Makes one object of what must be all of several.
pub(super) fn all_as_one(part: &mut Map<String, Value>) {
    while let Some(all) = part.remove("allOf") {
        for one in all.as_array().into_iter().flatten().filter_map(Value::as_object) {
            merge(part, one, true);
        }
    }
}

/// Makes one object of a choice: it has the properties of all, and those are required that each requires. Which of them
/// go together is for the server to say.
pub(super) fn no_choice(whole: &mut Map<String, Value>) {
    for keyword in CHOICES {
        let Some(Value::Array(mut choices)) = whole.remove(keyword) else { continue };
        let mut choices: Vec<&mut Map<String, Value>> = choices.iter_mut().filter_map(Value::as_object_mut).collect();
        choices.iter_mut().for_each(|choice| no_choice(choice));
        let choices: Vec<&Map<String, Value>> = choices.into_iter().map(|choice| &*choice).collect();
        let common = common_required(&choices);
        for choice in choices {
            merge(whole, choice, keyword == "allOf");
        }
        if keyword != "allOf" {
            require(whole, common);
        }
    }
    for keyword in ["not", "enum", "const", "if", "then", "else"] {
        whole.remove(keyword);
    }
}

fn common_required(choices: &[&Map<String, Value>]) -> Vec<Value> {
    let requires = |choice: &&Map<String, Value>, name: &Value| {
        choice.get("required").and_then(Value::as_array).is_some_and(|names| names.contains(name))
    };
    let first = choices.first().and_then(|choice| choice.get("required")).and_then(Value::as_array);
    first.into_iter().flatten().filter(|name| choices.iter().all(|choice| requires(choice, name))).cloned().collect()
}

/// Adds what `other` says. A property that both describe may be either.
fn merge(part: &mut Map<String, Value>, other: &Map<String, Value>, is_required: bool) {
    // Nobody has looked at it yet.
    let mut other = other.clone();
    sound_keywords(&mut other);
    for (keyword, value) in &other {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let known = part.entry("properties").or_insert_with(|| json!({}));
                for (name, property) in properties {
                    match known.get_mut(name) {
                        None => known[name] = property.clone(),
                        Some(same) if same == property => {}
                        Some(known) => *known = json!({ "anyOf": [known.take(), property] }),
                    }
                }
            }
            ("required", Value::Array(names)) if is_required => require(part, names.clone()),
            ("required", _) => {}
            // What one choice closes, another opens.
            ("additionalProperties", Value::Bool(false)) => {}
            _ => {
                part.entry(keyword.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

fn require(part: &mut Map<String, Value>, names: Vec<Value>) {
    if names.is_empty() {
        return;
    }
    let required = part.entry("required").or_insert_with(|| json!([]));
    for name in names {
        if let Some(known) = required.as_array_mut().filter(|known| !known.contains(&name)) {
            known.push(name);
        }
    }
}

/// Arguments are an object with properties, if only none.
pub(super) fn object(whole: &mut Map<String, Value>) {
    whole.insert("type".to_owned(), json!("object"));
    whole.entry("properties").or_insert_with(|| json!({}));
    // They belong to other types, and a reference that is left here has no end.
    for keyword in ["items", "prefixItems", "format", "pattern", "$ref"] {
        whole.remove(keyword);
    }
}

/// Leaves out properties whose names Anthropic refuses. A model may still give them.
pub(super) fn plain_names(part: &mut Map<String, Value>) {
    let is_plain = |name: &str| {
        (1..=64).contains(&name.len())
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'))
    };
    if let Some(properties) = part.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| is_plain(name));
    }
    if let Some(required) = part.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_some_and(is_plain));
    }
}

/// Writes one value as a list of one.
pub(super) fn constants_as_enums(part: &mut Map<String, Value>) {
    if let Some(value) = part.remove("const") {
        part.entry("enum").or_insert_with(|| json!([value]));
    }
}

/// Leaves out of an enum what is neither a text of some length nor a number; without any, the type says enough.
pub(super) fn enums_of_texts_and_numbers(part: &mut Map<String, Value>) {
    let Some(values) = part.get_mut("enum").and_then(Value::as_array_mut) else { return };
    values.retain(|value| value.is_number() || value.as_str().is_some_and(|text| !text.is_empty()));
    if values.is_empty() {
        part.remove("enum");
    }
}

/// Requires no property that is not described.
pub(super) fn required_are_described(part: &mut Map<String, Value>) {
    let described: Vec<String> =
        part.get("properties").and_then(Value::as_object).map(|all| all.keys().cloned().collect()).unwrap_or_default();
    if let Some(required) = part.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_some_and(|name| described.iter().any(|known| known == name)));
        if required.is_empty() {
            part.remove("required");
        }
    }
}

/// Tells limits that Gemini has no keyword for in the description.
pub(super) fn keywords_of_gemini(part: &mut Map<String, Value>) {
    let mut told = Vec::new();
    part.retain(|keyword, value| {
        let is_known = match keyword.as_str() {
            "format" => value.as_str().is_some_and(|format| FORMATS_OF_GEMINI.contains(&format)),
            // They are only read for what refers to them.
            "$defs" | "definitions" => true,
            keyword => OF_GEMINI.contains(&keyword),
        };
        // What is not plain would need more words than it is worth.
        if !is_known && !value.is_object() && !value.is_array() && !keyword.starts_with('$') {
            told.push(format!("{keyword}: {value}"));
        }
        is_known
    });
    if !told.is_empty() {
        let described = part.get("description").and_then(Value::as_str).map(|text| format!("{text}\n\n"));
        let description = format!("{}{{{}}}", described.unwrap_or_default(), told.join(", "));
        part.insert("description".to_owned(), json!(description));
    }
}
