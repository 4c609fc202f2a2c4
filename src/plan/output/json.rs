//! The one JSON document in an answer, whatever stands around it.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::plan::output::mend::mend;

/// No repair beyond this size: what long answers lack is their end, and that is not made up.
const MAX_REPAIR_BYTES: usize = 2 * 1024 * 1024;

/// The deepest nesting that is looked into for a document.
const MAX_DEPTH: usize = 100;

/// A document that was found.
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) text: String,
    pub(super) repaired: bool,
}

/// Finds the document.
pub(super) fn find(answer: &str) -> Result<Found, String> {
    let answer = answer.trim_start_matches('\u{feff}').trim();
    if let Some(value) = strict(answer)? {
        return Ok(Found { value, text: answer.to_owned(), repaired: false });
    }
    let candidates = match fenced(answer) {
        blocks if blocks.is_empty() => documents(answer),
        blocks => blocks,
    };
    let mut found: Vec<Found> = Vec::new();
    for candidate in &candidates {
        if let Some(one) = read(candidate)?
            && !found.iter().any(|known| known.value == one.value)
        {
            found.push(one);
        }
    }
    match found.len() {
        1 => found.pop().ok_or_else(String::new),
        0 if candidates.is_empty() && answer.contains(['{', '[']) => {
            Err("the JSON in it has no end: brackets or quotes are not closed".to_owned())
        }
        0 => Err("there is no JSON document in it".to_owned()),
        several => Err(format!("there are {several} different JSON documents in it, and one is asked for")),
    }
}

/// A candidate as it is, or mended.
fn read(candidate: &str) -> Result<Option<Found>, String> {
    let candidate = candidate.trim();
    if let Some(value) = strict(candidate)? {
        return Ok(Some(Found { value, text: candidate.to_owned(), repaired: false }));
    }
    if candidate.len() > MAX_REPAIR_BYTES || !is_closed(candidate) {
        return Ok(None);
    }
    let Some(mended) = mend(candidate) else { return Ok(None) };
    let Some(value) = strict(&mended)? else { return Ok(None) };
    let text = serde_json::to_string_pretty(&value).map_err(|error| error.to_string())?;
    Ok((value.is_object() || value.is_array()).then_some(Found { value, text, repaired: true }))
}

/// Parses a whole document. A key that stands twice is a mistake that hides itself, so it is told.
fn strict(text: &str) -> Result<Option<Value>, String> {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Ok(None) };
    let mut source = serde_json::Deserializer::from_str(text);
    match Unique::deserialize(&mut source) {
        Ok(_) => Ok(Some(value)),
        Err(error) => Err(error.to_string()),
    }
}

/// The insides of code fences.
fn fenced(answer: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = answer;
    while let Some(start) = rest.find("```") {
        let after = &rest[start + 3..];
        let Some(line) = after.find('\n') else { break };
        let body = &after[line + 1..];
        let Some(end) = body.find("```") else { break };
        blocks.push(&body[..end]);
        rest = &body[end + 3..];
    }
    blocks
}

/// The objects and arrays that stand in a text, each from its first bracket to the one that closes it.
fn documents(answer: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = answer[from..].find(['{', '[']).map(|at| from + at) {
        match end_of(&answer[start..]) {
            // Brackets in prose, such as "[1]" or "{name}", are no documents of their own.
            Some(end) => {
                found.push(&answer[start..start + end]);
                from = start + end;
            }
            None => break,
        }
    }
    let objects: Vec<&str> = found.iter().copied().filter(|text| text.starts_with('{')).collect();
    if objects.is_empty() { found } else { objects }
}

/// Where the bracket that a text begins with is closed, in bytes; `None` if it is not.
fn end_of(text: &str) -> Option<usize> {
    let mut open: Vec<char> = Vec::new();
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut before = '\0';
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            // An apostrophe within a word opens nothing.
            None if c == '"' || (c == '\'' && !before.is_alphanumeric()) => quote = Some(c),
            None if c == '{' || c == '[' => open.push(c),
            None if c == '}' || c == ']' => {
                let fits = matches!((open.pop(), c), (Some('{'), '}') | (Some('['), ']'));
                if !fits || open.len() > MAX_DEPTH {
                    return None;
                }
                if open.is_empty() {
                    return Some(at + 1);
                }
            }
            None => {}
        }
        if open.len() > MAX_DEPTH {
            return None;
        }
        before = c;
    }
    None
}

fn is_closed(text: &str) -> bool {
    end_of(text).is_some_and(|end| text[end..].trim().trim_end_matches(';').is_empty())
}

/// Walks a document and refuses keys that stand twice in one object.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walk)
    }
}

struct Walk;

impl<'de> Visitor<'de> for Walk {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Unique>()?;
            if keys.contains(&key) {
                return Err(serde::de::Error::custom(format!("the key {key:?} stands twice in one object")));
            }
            keys.insert(key);
        }
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Unique, A::Error> {
        while list.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique)
    }
}
