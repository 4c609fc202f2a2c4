//! What a task's output depends on, as digests: an output may be used again where all of them are the same.
//!
//! Each part has a name for people, so that two fingerprints can be told apart in words. The id of a run and its
//! secret markers are no part: they are new every time and mean nothing to the answer.

use std::collections::BTreeMap;
use std::fmt;

use crate::words::digest::Parts;
use crate::words::event::CacheKey;

/// Stands in every key. It is raised when orch puts other words of its own around what authors and tasks say, since
/// the answers to the old words are not answers to the new ones.
const WORDING: &str = "1";

/// The part that says in which order outputs are given.
const ORDER: &str = "order of the outputs";

/// Bytes of a key, and of a part. A key decides; a part only explains.
const KEY_BYTES: usize = 16;
const PART_BYTES: usize = 8;

/// What goes into a task's output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ingredients<'i> {
    /// The system prompt.
    pub system: &'i str,
    /// The description, rendered.
    pub description: &'i str,
    /// The goal of the run.
    pub goal: &'i str,
    /// The outputs that the task is given, in their order: the name of each task and the SHA-256 of its output.
    pub outputs: &'i [(&'i str, &'i str)],
    /// One text for each model of the chain: label, address, temperature, limit of tokens, seed. The label tells a
    /// rehearsal from a run, so that made-up text never stands for an answer.
    pub models: &'i [String],
    /// What the output must be: format, schema and checks in one text.
    pub output: &'i str,
    /// One text for each tool that the agent may use.
    pub tools: &'i [String],
    /// The files that the task says it reads: each path or pattern, and the SHA-256 of what that means.
    pub files: &'i [(String, String)],
}

/// The cache_key of a task.
#[must_use]
pub(crate) fn cache_key(of: &Ingredients<'_>) -> CacheKey {
    let mut parts = BTreeMap::new();
    let mut add = |name: &str, texts: &[&str]| parts.insert(name.to_owned(), digest(texts).hex(PART_BYTES));
    add("agent", &[of.system]);
    add("task", &[of.description]);
    add("goal", &[of.goal]);
    add("models", &texts(of.models));
    add("output rule", &[of.output]);
    add("tools", &texts(of.tools));
    for (task, sha256) in of.outputs {
        add(&format!("output of {task}"), &[sha256]);
    }
    for (pattern, sha256) in of.files {
        add(&format!("input {pattern}"), &[sha256]);
    }
    if of.outputs.len() > 1 {
        add(ORDER, &of.outputs.iter().map(|(task, _)| *task).collect::<Vec<_>>());
    }
    let mut key = digest(&[WORDING]);
    for (name, part) in &parts {
        key.add(name);
        key.add(part);
    }
    CacheKey { key: key.hex(KEY_BYTES), parts }
}

fn texts(of: &[String]) -> Vec<&str> {
    of.iter().map(String::as_str).collect()
}

fn digest(texts: &[&str]) -> Parts {
    let mut digest = Parts::default();
    texts.iter().for_each(|text| digest.add(text));
    digest
}

/// A part in which two fingerprints differ, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// It was something else before.
    Changed(String),
    /// It was not there before.
    New(String),
    /// It is not there any more.
    Gone(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(part) => write!(f, "the {part} changed"),
            Self::New(part) => write!(f, "the {part} is new"),
            Self::Gone(part) => write!(f, "the {part} is gone"),
        }
    }
}

/// What is not as it was before, by name. Nothing, if one output can stand for the other.
#[must_use]
pub(crate) fn differences(before: &CacheKey, now: &CacheKey) -> Vec<Difference> {
    let changed = now.parts.iter().filter_map(|(name, part)| match before.parts.get(name) {
        None => Some(Difference::New(name.clone())),
        Some(old) if old != part => Some(Difference::Changed(name.clone())),
        Some(_) => None,
    });
    let gone = before.parts.keys().filter(|name| !now.parts.contains_key(*name)).cloned().map(Difference::Gone);
    let mut found: Vec<Difference> = changed.chain(gone).collect();
    // Where an output came or went, that is why the order is another one.
    if found.iter().any(is_membership) {
        found.retain(|difference| difference.part() != ORDER);
    }
    if found.is_empty() && before.key != now.key {
        found.push(Difference::Changed("wording of orch's own prompts".to_owned()));
    }
    found
}

fn is_membership(difference: &Difference) -> bool {
    !matches!(difference, Difference::Changed(_)) && difference.part() != ORDER
}

impl Difference {
    /// The name of the part.
    #[must_use]
    pub(crate) fn part(&self) -> &str {
        match self {
            Self::Changed(part) | Self::New(part) | Self::Gone(part) => part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUTS: [(&str, &str); 2] = [("research", "aa"), ("plan", "bb")];

    fn usual() -> Ingredients<'static> {
        Ingredients {
            system: "You are dev.",
            description: "Write it",
            goal: "a login",
            outputs: &OUTPUTS,
            models: &[],
            output: "text",
            tools: &[],
            files: &[],
        }
    }

    fn changes(now: &Ingredients<'_>) -> Vec<String> {
        differences(&cache_key(&usual()), &cache_key(now)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_ingredient_counts_and_is_named() {
        let (models, tools) = (["openai/m".to_owned()], ["read_file".to_owned()]);
        let files = [("src/*.rs".to_owned(), "aa".to_owned())];
        for (now, said) in [
            (Ingredients { system: "x", ..usual() }, "the agent changed"),
            (Ingredients { description: "x", ..usual() }, "the task changed"),
            (Ingredients { goal: "x", ..usual() }, "the goal changed"),
            (Ingredients { models: &models, ..usual() }, "the models changed"),
            (Ingredients { output: "json", ..usual() }, "the output rule changed"),
            (Ingredients { tools: &tools, ..usual() }, "the tools changed"),
            (Ingredients { files: &files, ..usual() }, "the input src/*.rs is new"),
            (Ingredients { outputs: &[("research", "xx"), OUTPUTS[1]], ..usual() }, "the output of research changed"),
            (Ingredients { outputs: &[OUTPUTS[1], OUTPUTS[0]], ..usual() }, "the order of the outputs changed"),
            (Ingredients { outputs: &OUTPUTS[1..], ..usual() }, "the output of research is gone"),
            (Ingredients { outputs: &[OUTPUTS[0], OUTPUTS[1], ("c", "")], ..usual() }, "the output of c is new"),
        ] {
            assert_ne!(cache_key(&now).key, cache_key(&usual()).key, "{said}");
            assert_eq!(changes(&now), [said]);
        }
    }

    #[test]
    fn the_same_ingredients_have_the_same_key() {
        let (one, other) = (cache_key(&usual()), cache_key(&usual()));
        assert_eq!(one, other);
        assert_eq!((one.key.len(), one.parts["goal"].len()), (32, 16));
        assert!(differences(&one, &other).is_empty());
    }

    #[test]
    fn a_key_stays_from_version_to_version() {
        assert_eq!(cache_key(&usual()).key, "ebae27a37fffed3dede3a1a1672fdc2c");
    }

    #[test]
    fn texts_do_not_move_from_one_part_to_another() {
        let split = |models: &[&str]| {
            let models: Vec<String> = models.iter().map(|&model| model.to_owned()).collect();
            cache_key(&Ingredients { models: &models, ..usual() }).key
        };
        assert_ne!(split(&["ab", "c"]), split(&["a", "bc"]));
        assert_ne!(split(&["a", "b"]), split(&["b", "a"]));
    }

    #[test]
    fn a_key_of_another_wording_is_explained() {
        let now = cache_key(&usual());
        let before = CacheKey { key: "0".repeat(32), ..now.clone() };
        assert_eq!(differences(&before, &now).len(), 1);
    }
}
