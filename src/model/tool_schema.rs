//! The schema of a tool's arguments, in the part of JSON Schema that a vendor takes.
//!
//! Tools of MCP servers come with whatever schema their authors wrote, and a vendor that refuses one refuses the whole
//! request. Each function of `needs` makes a schema keep one rule, [`Manner`] says which of them a vendor has, and
//! [`fit`] applies them. What is lost on the way only makes the schema wider: the server still checks the arguments.

use serde_json::{Map, Value, json};

mod needs;
mod references;

use needs::Need;

/// How a vendor takes schemas.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// Whether it follows references. Elsewhere each is replaced by what it refers to.
    follows_references: bool,
    /// How many levels of objects and lists it takes. What is deeper may be anything.
    max_depth: usize,
    /// What the whole schema needs.
    whole: &'static [Need],
    /// What every part of it needs.
    part: &'static [Need],
}

/// The most parts of a schema, which references that are replaced can multiply. OpenAI takes so many properties.
const MAX_PARTS: usize = 5000;

/// Chat Completions, of OpenAI and of all who speak it: some of those follow no references. A choice at the top is
/// refused: <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>.
pub(crate) const CHAT_COMPLETIONS: Manner = Manner {
    follows_references: false,
    max_depth: 10,
    whole: &[needs::no_choice, needs::object],
    part: &[needs::sound_keywords, needs::types_by_name, needs::items_in_lists],
};

/// OpenAI's Responses.
pub(crate) const RESPONSES: Manner = Manner { follows_references: true, ..CHAT_COMPLETIONS };

/// Anthropic: no choice at the top, and names of properties from a small alphabet. No limit of depth is documented:
/// <https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use>.
pub(crate) const ANTHROPIC: Manner = Manner {
    follows_references: true,
    max_depth: 32,
    whole: &[needs::no_choice, needs::object],
    part: &[needs::sound_keywords, needs::types_by_name, needs::items_in_lists, needs::plain_names],
};

/// Gemini takes a list of keywords, references only within limits, and no required property that is not described:
/// <https://ai.google.dev/api/caching#FunctionDeclaration>.
pub(crate) const GEMINI: Manner = Manner {
    follows_references: false,
    max_depth: 10,
    whole: &[needs::no_choice, needs::object],
    part: &[
        needs::sound_keywords,
        needs::types_by_name,
        needs::all_as_one,
        needs::constants_as_enums,
        needs::enums_of_texts_and_numbers,
        needs::items_in_lists,
        needs::required_are_described,
        needs::keywords_of_gemini,
    ],
};

/// Ollama fills templates of models, which know types, enums and properties.
pub(crate) const OLLAMA: Manner = CHAT_COMPLETIONS;

/// `schema` as a vendor takes it: an object with properties, whatever else it was.
pub(crate) fn fit(schema: &Value, manner: &Manner) -> Value {
    let mut whole = match schema {
        Value::Object(keywords) => keywords.clone(),
        _ => Map::new(),
    };
    let mut way = Way { root: schema, manner, followed: Vec::new(), parts: 0 };
    way.inline_top(&mut whole);
    way.fit_part(&mut whole, 0);
    if !manner.follows_references {
        whole.remove("$defs");
        whole.remove("definitions");
    }
    manner.whole.iter().for_each(|need| need(&mut whole));
    Value::Object(whole)
}

/// Where in a schema parts are, by keyword.
const MAPS: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
const LISTS: [&str; 4] = ["anyOf", "oneOf", "allOf", "prefixItems"];
const SINGLES: [&str; 11] = [
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
];

/// The keywords among [`SINGLES`] that everybody knows as `true` and `false` too.
const SWITCHES: [&str; 4] = ["additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems"];

/// The way from the whole schema to one of its parts.
struct Way<'s> {
    root: &'s Value,
    manner: &'s Manner,
    /// The references that were replaced on it.
    followed: Vec<String>,
    /// How many parts were met so far, on all ways.
    parts: usize,
}

impl Way<'_> {
    fn fit_part(&mut self, part: &mut Map<String, Value>, depth: usize) {
        self.parts += 1;
        let followed = self.followed.len();
        if !self.manner.follows_references {
            self.inline(part);
            // What is merged with its neighbours cannot be a reference.
            self.inline_each(part, "allOf");
        }
        let leads_nowhere = |reference: &Value| {
            reference.as_str().and_then(|reference| references::target(self.root, reference)).is_none()
        };
        if part.get("$ref").is_some_and(leads_nowhere) {
            part.remove("$ref");
        }
        self.manner.part.iter().for_each(|need| need(part));
        if depth >= self.manner.max_depth || self.parts > MAX_PARTS {
            let is_deep =
                |keyword: &str| MAPS.contains(&keyword) || LISTS.contains(&keyword) || SINGLES.contains(&keyword);
            part.retain(|keyword, _| !is_deep(keyword) && keyword != "required");
            needs::items_in_lists(part);
        }
        self.fit_below(part, depth);
        self.followed.truncate(followed);
    }

    /// What is said at the top is merged, also for who follows references, and so is a choice within a choice.
    fn inline_top(&mut self, whole: &mut Map<String, Value>) {
        let followed = self.followed.len();
        self.inline(whole);
        for keyword in needs::CHOICES {
            let choices = whole.get_mut(keyword).and_then(Value::as_array_mut);
            for choice in choices.into_iter().flatten().filter_map(Value::as_object_mut) {
                self.parts += 1;
                if self.parts > MAX_PARTS {
                    return;
                }
                self.inline_top(choice);
            }
        }
        self.followed.truncate(followed);
    }

    fn inline_each(&mut self, part: &mut Map<String, Value>, keyword: &str) {
        let parts = part.get_mut(keyword).and_then(Value::as_array_mut);
        parts.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|part| self.inline(part));
    }

    /// Puts what a reference refers to in its place. What stands beside it counts more.
    fn inline(&mut self, part: &mut Map<String, Value>) {
        while let Some(reference) = part.remove("$ref") {
            let Some(name) = reference.as_str() else { continue };
            let Some(target) = references::target(self.root, name) else { continue };
            if self.followed.iter().any(|other| other == name) {
                // It leads back to where it stands: of what is below, only the type is told.
                let kind = target.get("type").cloned().unwrap_or_else(|| json!("object"));
                part.entry("type").or_insert(kind);
                return;
            }
            self.followed.push(name.to_owned());
            for (keyword, value) in target.as_object().into_iter().flatten() {
                part.entry(keyword.clone()).or_insert_with(|| value.clone());
            }
        }
    }

    /// The parts of a part. A choice is no level of its own, and neither is a definition.
    fn fit_below(&mut self, part: &mut Map<String, Value>, depth: usize) {
        if !self.manner.follows_references {
            part.remove("$defs");
            part.remove("definitions");
        }
        for (keyword, value) in part.iter_mut() {
            let keyword = keyword.as_str();
            let is_level = matches!(keyword, "properties" | "items" | "additionalProperties" | "prefixItems");
            let depth = depth + usize::from(is_level);
            match value {
                Value::Object(parts) if MAPS.contains(&keyword) => {
                    parts.retain(|_, part| *part != false);
                    parts.values_mut().for_each(|part| self.fit_value(part, depth));
                }
                Value::Array(parts) if LISTS.contains(&keyword) => {
                    parts.iter_mut().for_each(|part| self.fit_value(part, depth));
                }
                Value::Bool(_) if SWITCHES.contains(&keyword) => {}
                part if SINGLES.contains(&keyword) => self.fit_value(part, depth),
                _ => {}
            }
        }
    }

    /// A part that is no object is `true`, or a mistake: it says nothing.
    fn fit_value(&mut self, part: &mut Value, depth: usize) {
        if !part.is_object() {
            *part = json!({});
        }
        if let Value::Object(part) = part {
            self.fit_part(part, depth);
        }
    }
}

#[cfg(test)]
mod tests;
