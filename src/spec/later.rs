//! The parts of the format that this version does not perform yet.
//!
//! They are refused by name, so that a file never seems to ask for something that then does not happen.

/// The keys, with the noun of the mapping that they belong to.
const KEYS: &[(&str, &[&str])] = &[
    ("an orchestra file", &["orchestration_type", "replicas", "resources", "mcp_servers", "limits", "hooks"]),
    (
        "`orchestra`",
        &[
            "limits",
            "hooks",
            "orchestration_type",
            "replicas",
            "resources",
            "autoApprove",
            "coordination",
            "project_dir",
            "api_provider",
            "mcp_servers",
            "customPrompts",
        ],
    ),
    ("`execution`", &["state_file"]),
    ("a task group", &["max_concurrency", "limits"]),
    ("an agent", &["memory", "tools", "specialties", "mcp_servers", "team", "specialities"]),
    ("a model", &["argv", "api_key_command", "context_window", "timeout_seconds"]),
    (
        "a task",
        &[
            "agents", "resolve", "phase", "output", "sets", "approve", "for_each", "review", "run", "verify", "tools",
            "inputs", "outputs", "limits", "when", "branch", "model",
        ],
    ),
];

/// Words of enumerations, with the key that they belong to.
const WORDS: &[(&str, &[&str])] = &[
    ("`strategy`", &["hierarchical"]),
    ("`execution_strategy`", &["hierarchical"]),
    ("`provider`", &["command", "codex", "claude", "cohere", "mistral"]),
];

/// Whether a key of the mapping that `noun` names belongs to a later version.
pub(crate) fn key(noun: &str, key: &str) -> bool {
    KEYS.iter().any(|(owner, keys)| *owner == noun && keys.contains(&key))
}

/// Whether a word for `what` belongs to a later version.
pub(crate) fn word(what: &str, word: &str) -> bool {
    WORDS.iter().any(|(owner, words)| *owner == what && words.contains(&word))
}
