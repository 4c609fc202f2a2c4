//! The places of a project that are kept from what a file or a model names.
//!
//! Looks at names alone, as every file system may compare them. Knows no disk and no tool. Which files they are stands
//! in [`table`].

pub(crate) mod table;

use self::table::{KeptFrom, OWN_ORCHESTRA, OWN_WORKSPACE, Row, TABLE};

/// The folder of Git: hooks in it are run, and its settings may hold passwords.
pub(crate) const GIT: &str = ".git";

/// The folder of orch itself. What it says of runs must stay true.
pub(crate) const ORCH: &str = ".orchestra";

/// The folders of a project that its orchestras and playbooks come from.
pub(crate) const SOURCES: [&str; 2] = ["orchestras", "agents"];

/// What somebody wants to do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// See what is in it.
    Read,
    /// Make or change it.
    Write,
}

/// The files of one run that its tools keep away from, besides those of the [`table`].
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnFiles {
    orchestra: Vec<String>,
    workspace: Vec<String>,
}

impl OwnFiles {
    /// Those of a run with this file and this workspace, both relative to the project. `None` is one that lies outside.
    pub(crate) fn new(orchestra: Option<&str>, workspace: Option<&str>) -> Self {
        let names = |path: Option<&str>| path.into_iter().flat_map(parts).map(folded).collect();
        Self { orchestra: names(orchestra), workspace: names(workspace) }
    }

    /// The rows that keep a file, or all that is in a folder, from such a use.
    pub(crate) fn rows(&self, path: &str, wanted: Use) -> Vec<&'static Row> {
        let names: Vec<String> = parts(path).map(folded).collect();
        let is_orchestra = !self.orchestra.is_empty() && names == self.orchestra;
        let below = (!self.workspace.is_empty()).then(|| names.strip_prefix(self.workspace.as_slice())).flatten();
        let is_own =
            below.is_some_and(|below| has(OWN_WORKSPACE.files, below, 0) && !is_excepted(&OWN_WORKSPACE, below));
        let own = is_orchestra.then_some(&OWN_ORCHESTRA).into_iter().chain(is_own.then_some(&OWN_WORKSPACE));
        let others = TABLE.iter().filter(|row| is_any(row.files, &names) && !is_excepted(row, &names));
        own.chain(others).filter(|row| row.from.covers(wanted)).collect()
    }

    /// Whether a pattern names what the row is about: letter for letter, and not by a wildcard or a template.
    pub(crate) fn is_named(&self, row: &'static Row, pattern: &str, wanted: Use) -> bool {
        self.literal_rows(pattern, wanted).into_iter().any(|named| std::ptr::eq(named, row))
    }

    /// The rows that a pattern or a template names letter for letter.
    pub(crate) fn literal_rows(&self, pattern: &str, wanted: Use) -> Vec<&'static Row> {
        let is_literal = |part: &&str| !part.contains(['*', '?', '[', ']', '{', '}', '!']);
        let literal: Vec<&str> = parts(pattern).take_while(is_literal).collect();
        self.rows(&literal.join("/"), wanted)
    }
}

impl KeptFrom {
    fn covers(self, wanted: Use) -> bool {
        matches!((self, wanted), (Self::Both, _) | (Self::Writing, Use::Write) | (Self::Reading, Use::Read))
    }
}

fn is_excepted(row: &Row, names: &[String]) -> bool {
    is_any(row.except, names)
}

/// Whether one of the patterns is about these names, from whatever name on it may begin.
fn is_any(patterns: &[&str], names: &[String]) -> bool {
    (0..names.len()).any(|from| has(patterns, &names[from..], from))
}

/// Whether one of the patterns is about names that stand this deep in the project.
fn has(patterns: &[&str], names: &[String], depth: usize) -> bool {
    patterns.iter().any(|pattern| {
        let (pattern, is_rooted) = pattern.strip_prefix('/').map_or((*pattern, false), |rest| (rest, true));
        let mut names = names.iter();
        let mut is_next = |part: &str| names.next().is_some_and(|name| is_meant(part, name));
        (!is_rooted || depth == 0) && pattern.split('/').all(&mut is_next)
    })
}

/// Whether a part of a pattern means a folded name.
fn is_meant(part: &str, name: &str) -> bool {
    match part.split_once('*') {
        None => is_name_of_folded(name, part),
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| match rest.split_once('*') {
            None => name.ends_with(rest),
            Some((middle, end)) => name.strip_suffix(end).is_some_and(|name| name.contains(middle)),
        }),
    }
}

/// The names on the way of a path, without those that mean the folder itself.
pub(crate) fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."))
}

/// Whether a name is that of `entry` to some file system. Windows and macOS know no case, and Windows also has short
/// names such as `GIT~1`, streams such as `.git::$INDEX_ALLOCATION`, and drops dots and spaces at the end.
pub(crate) fn is_name_of(name: &str, entry: &str) -> bool {
    is_name_of_folded(&folded(name), entry)
}

fn is_name_of_folded(name: &str, entry: &str) -> bool {
    let is_short = || {
        let rest = entry.strip_prefix('.').filter(|_| name.contains('~'))?;
        let letters = rest.chars().filter(|c| *c != '.').take(6).collect::<String>();
        let number = name.strip_prefix(&letters)?.strip_prefix('~')?;
        Some(number.starts_with(|c: char| c.is_ascii_digit()))
    };
    name == entry || is_short().unwrap_or(false)
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
        ] {
            assert!(not_for_workspace(path).is_some(), "{path}");
        }
        for path in ["orchestra_workspaces/x", "out", "./out/", "a/orchestras", "results/agents", ".results"] {
            assert_eq!(not_for_workspace(path), None, "{path}");
        }
    }

    fn own() -> OwnFiles {
        OwnFiles::new(Some("./flows/Release.yaml"), Some("results/x"))
    }

    #[test]
    fn what_runs_unasked_is_kept_from_writing() {
        for path in [
            ".envrc",
            "sub/.ENVRC",
            ".vscode/tasks.json",
            "a/b/.VSCode/settings.json",
            "vscode~1/tasks.json",
            ".vſcode/tasks.json",
            ".idea/workspace.xml",
            ".github/workflows/ci.yml",
            ".GitHub/Workflows/ci.yml",
            ".gitlab-ci.yml",
            ".gitlab-ci.yml::$DATA",
            ".husky/pre-commit",
            ".githooks/pre-push",
            "Jenkinsfile",
            "jenkinsfile.release",
            ".circleci/config.yml",
            "orchestras/new.yaml",
            "agents/writer/playbook/writer_playbook.yaml",
            "flows/release.yaml",
            "results/x/task_outputs/a_output.txt",
            "results/x/.orch.lock",
            "results/x/intermediate/ctx.json",
            "orchestra_workspaces/other/final_results/orchestra_output.txt",
            ".claude/settings.json",
            ".cargo/config.toml",
            ".env",
            "keys/server.pem",
        ] {
            assert!(!own().rows(path, Use::Write).is_empty(), "{path}");
        }
        for path in [
            "Makefile",
            "package.json",
            "build.rs",
            "src/main.rs",
            ".github/dependabot.yml",
            ".github/CODEOWNERS",
            "workflows/ci.yml",
            "src/orchestras/x.yaml",
            "src/agents/x.py",
            "flows/other.yaml",
            "results/x/notes.md",
            "results/x/intermediate/artifacts/a.png",
            "task_outputs/x",
            ".env.example",
            ".gitignore",
            "envrc",
            "README.md",
        ] {
            assert!(own().rows(path, Use::Write).is_empty(), "{path}");
        }
    }

    #[test]
    fn what_holds_keys_or_records_is_kept_from_reading() {
        for path in [
            ".env",
            ".ENV",
            "api/.env.production",
            ".env.example.local",
            "id_rsa",
            "deploy/id_ed25519",
            "tls/a.key",
            "tls/A.PEM",
            ".ssh/config",
            ".npmrc",
            ".orchestra/runs/2026/journal.jsonl",
            "prod.tfstate",
        ] {
            assert!(!own().rows(path, Use::Read).is_empty(), "{path}");
        }
        for path in [
            ".env.example",
            "env",
            "id_rsa.pub",
            "src/key.rs",
            "keys.md",
            ".orchestra/plan.md",
            ".github/workflows/ci.yml",
            "orchestras/x.yaml",
            "results/x/task_outputs/a_output.txt",
        ] {
            assert!(own().rows(path, Use::Read).is_empty(), "{path}");
        }
    }

    #[test]
    fn a_pattern_names_a_place_letter_for_letter_or_not_at_all() {
        let named = |path: &str, pattern: &str| {
            let rows = own().rows(path, Use::Write);
            rows.iter().all(|row| own().is_named(row, pattern, Use::Write))
        };
        for (path, pattern) in [
            (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
            (".github/workflows/ci.yml", ".github/workflows/*.yml"),
            (".github/workflows/ci.yml", "./.github/workflows/**"),
            ("sub/.envrc", "sub/.envrc"),
            ("agents/a.yaml", "agents/*.yaml"),
            ("flows/release.yaml", "flows/release.yaml"),
        ] {
            assert!(named(path, pattern), "{path} {pattern}");
        }
        for (path, pattern) in [
            (".github/workflows/ci.yml", "**"),
            (".github/workflows/ci.yml", ".github/**"),
            (".github/workflows/ci.yml", ".github/*/ci.yml"),
            (".envrc", ".env*"),
            ("sub/.envrc", "**/.envrc"),
            ("sub/.envrc", "sub/{.envrc,x}"),
            ("tls/a.key", "tls/*.key"),
            ("flows/release.yaml", "flows/*.yaml"),
            (".vscode/.env", ".vscode/*"),
        ] {
            assert!(!named(path, pattern), "{path} {pattern}");
        }
    }

    #[test]
    fn every_row_is_written_as_it_is_compared() {
        for row in TABLE.iter().chain([&OWN_ORCHESTRA, &OWN_WORKSPACE]) {
            assert!(!row.why.is_empty() && !row.why.ends_with('.'), "{row:?}");
            for name in row.files.iter().chain(row.except).flat_map(|pattern| parts(pattern)) {
                assert_eq!(folded(name), name, "a capital would never match");
                assert!(name.matches('*').count() <= 2, "{name}");
            }
        }
    }
}
