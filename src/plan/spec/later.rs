//! The parts of the format that this version does not perform yet.
//!
//! They are refused by name, so that a file never seems to ask for something that then does not happen.

/// The keys, with the noun of the mapping that they belong to.
const KEYS: &[(&str, &[&str])] = &[
    ("an orchestra file", &["orchestration_type", "replicas", "resources"]),
    (
        "`orchestra`",
        &[
            "orchestration_type",
            "replicas",
            "resources",
            "autoApprove",
            "coordination",
            "project_dir",
            "api_provider",
            "customPrompts",
        ],
    ),
    // Points that no run comes to yet.
    ("`hooks`", &["before-plan", "after-plan", "before-audit", "after-audit", "on-file-change"]),
    ("`execution`", &["state_file"]),
    ("a task group", &["max_concurrency"]),
    ("an agent", &["memory", "specialties", "team", "specialities"]),
    ("a task", &["agents", "resolve", "phase", "tools", "branch"]),
];

/// Words of enumerations, with the key that they belong to.
const WORDS: &[(&str, &[&str])] = &[
    ("`strategy`", &["hierarchical"]),
    ("`execution_strategy`", &["hierarchical"]),
    ("`provider`", &["codex", "claude", "cohere"]),
];

/// Whether a key of the mapping that `noun` names belongs to a later version.
pub(crate) fn key(noun: &str, key: &str) -> bool {
    KEYS.iter().any(|(owner, keys)| *owner == noun && keys.contains(&key))
}

/// Whether a word for `what` belongs to a later version.
pub(crate) fn word(what: &str, word: &str) -> bool {
    WORDS.iter().any(|(owner, words)| *owner == what && words.contains(&word))
}
