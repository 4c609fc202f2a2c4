//! The places of a project that are kept from what a file or a model names.
//!
//! Looks at names alone, as every file system may compare them. Knows no disk and no tool.

/// The folder of Git: hooks in it are run, and its settings may hold passwords.
pub(crate) const GIT: &str = ".git";

/// The folder of orch itself. What it says of runs must stay true.
pub(crate) const ORCH: &str = ".orchestra";

/// The folders of a project that its orchestras and playbooks come from.
pub(crate) const SOURCES: [&str; 2] = ["orchestras", "agents"];

/// The names on the way of a path, without those that mean the folder itself.
pub(crate) fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."))
}

/// Whether a name is that of `entry` to some file system. Windows and macOS know no case, and Windows also has short
/// names such as `GIT~1`, streams such as `.git::$INDEX_ALLOCATION`, and drops dots and spaces at the end.
pub(crate) fn is_name_of(name: &str, entry: &str) -> bool {
    let name = folded(name);
    let short = entry.strip_prefix('.').map(|rest| rest.chars().take(6).collect::<String>() + "~");
    let is_short = short.is_some_and(|short| {
        name.strip_prefix(&short).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    is_short || name == entry
}

/// A name as it is compared. The way over capitals also catches letters such as `ſ`, which is an `s` to macOS.
pub(crate) fn folded(name: &str) -> String {
    let name = name.split(':').next().unwrap_or(name).trim_end_matches(['.', ' ']);
    name.to_uppercase().to_lowercase()
}

/// Why a workspace cannot be at this path of the project: it would lie in, or hold, what orch or Git runs from. The
/// path is relative to the project and goes down only.
pub(crate) fn not_for_workspace(path: &str) -> Option<String> {
    let mut names = parts(path).peekable();
    let Some(&first) = names.peek() else {
        return Some("is the project itself, which holds more than results".to_owned());
    };
    if let Some(folder) = SOURCES.iter().find(|folder| is_name_of(first, folder)) {
        return Some(format!("lies in `{folder}`, where the project's {folder} come from"));
    }
    names.find_map(|name| match name {
        _ if is_name_of(name, GIT) => Some(format!("lies in `{GIT}`, which belongs to Git")),
        _ if is_name_of(name, ORCH) => Some(format!("lies in `{ORCH}`, where orch keeps its records")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_a_guarded_one_however_a_file_system_compares_them() {
        for name in [".git", ".GIT", ".Git", "git~1", "GIT~2", ".git::$INDEX_ALLOCATION", ".git.", ".git "] {
            assert!(is_name_of(name, GIT), "{name}");
        }
        for name in ["git", ".gitignore", "git~x", ".git2", "x.git"] {
            assert!(!is_name_of(name, GIT), "{name}");
        }
        assert!(is_name_of("agentſ", "agents"));
        assert!(is_name_of("orches~1", ORCH));
    }

    #[test]
    fn a_workspace_is_neither_the_project_nor_where_programs_and_orchestras_come_from() {
        for path in [
            ".",
            "./",
            "././",
            ".//",
            ".git",
            "./.git/",
            ".GIT",
            ".git/hooks",
            "a/.git",
            "git~1",
            ".orchestra",
            ".orchestra/runs",
            "./.Orchestra/",
            "a/.orchestra",
            "orchestras",
            "./orchestras/",
            "Orchestras/x",
            "agents",
            "AGENTS/",
            "agents/x/playbook",
            "orchestras/../x/.git",
        ] {
            assert!(not_for_workspace(path).is_some(), "{path}");
        }
        for path in ["orchestra_workspaces/x", "out", "./out/", "a/orchestras", "results/agents", ".results"] {
            assert_eq!(not_for_workspace(path), None, "{path}");
        }
    }
}
