//! Keys that have another name here, with what to write instead: words of earlier versions, and those that stand for
//! something else.

/// Each with the noun of the mapping that it stands in.
const KEYS: &[(&str, &str, &str)] = &[
    (
        "a task",
        "inputs",
        "the files that a task reads are its `reads`; values for a run are `inputs` at the file's top",
    ),
    ("a task", "outputs", "the files that a task makes are its `writes`; how its answer looks is its `output`"),
];

/// What to write instead of a key of the mapping that `noun` names.
pub(super) fn key(noun: &str, key: &str) -> Option<&'static str> {
    KEYS.iter().find(|(owner, word, _)| *owner == noun && *word == key).map(|(.., cure)| *cure)
}
