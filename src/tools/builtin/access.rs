//! Which files of the project one tool of one agent may use: those that its grants mean, and of the guarded ones those
//! that a grant names letter for letter.

use std::sync::Arc;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::plan::guarded::table::Row;
use crate::plan::guarded::{OwnFiles, Use, parts};
use crate::plan::orchestra::Grant;

/// The files that a tool may use.
pub(super) struct Access {
    /// Whether a grant is for all files that are not guarded.
    is_for_all: bool,
    granted: Vec<Pattern>,
    own: Arc<OwnFiles>,
}

/// A pattern of a grant.
struct Pattern {
    text: String,
    matcher: GlobSet,
}

impl Access {
    /// What all grants of a tool allow together.
    pub(super) fn new(grants: &[&Grant], own: &Arc<OwnFiles>) -> Self {
        let mut access = Self { is_for_all: false, granted: Vec::new(), own: own.clone() };
        for grant in grants {
            match grant {
                // A pattern that is none was refused with its place, and means no file.
                Grant::Files { paths, .. } => access.granted.extend(paths.iter().filter_map(|path| Pattern::new(path))),
                _ => access.is_for_all = true,
            }
        }
        access
    }

    /// The patterns of the files, for the model; `None` where all files are meant.
    pub(super) fn shown(&self) -> Option<String> {
        let texts: Vec<&str> = self.granted.iter().map(|pattern| &*pattern.text).collect();
        (!self.is_for_all).then(|| texts.join(", "))
    }

    /// Whether the grants mean a file, guarded or not.
    pub(super) fn is_granted(&self, path: &str) -> bool {
        self.is_for_all || self.patterns_of(path).next().is_some()
    }

    /// Whether a file may be used in this way.
    ///
    /// # Errors
    /// Why not, for the model.
    pub(super) fn check(&self, path: &str, wanted: Use) -> Result<(), String> {
        let verb = match wanted {
            Use::Read => "read",
            Use::Write => "written",
        };
        let is_open =
            |row: &'static Row| self.patterns_of(path).any(|pattern| self.own.is_named(row, &pattern.text, wanted));
        match self.own.rows(path, wanted).into_iter().find(|row| !row.grantable || !is_open(row)) {
            Some(row) if !row.grantable => Err(format!("{path} is not {verb}: {}", row.why)),
            Some(row) => Err(format!(
                "{path} is not {verb}: {}. Only the author of the orchestra can allow it, by a grant of this tool with \
                 `paths: [{path}]`; go on without it",
                row.why
            )),
            None if self.is_granted(path) => Ok(()),
            None => {
                let granted = self.shown().unwrap_or_default();
                Err(format!("{path} is not {verb}: this tool was granted for other files: {granted}"))
            }
        }
    }

    fn patterns_of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Pattern> {
        self.granted.iter().filter(move |pattern| pattern.matcher.is_match(path))
    }
}

impl Pattern {
    fn new(text: &str) -> Option<Self> {
        let plain = parts(text).collect::<Vec<_>>().join("/");
        let mut set = GlobSetBuilder::new();
        // A folder that is named stands for all that is in it.
        for glob in [plain.clone(), format!("{plain}/**")] {
            set.add(GlobBuilder::new(&glob).literal_separator(true).build().ok()?);
        }
        Some(Self { text: plain, matcher: set.build().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools::builtin::tests::Project;

    #[tokio::test]
    async fn a_guarded_file_is_refused_with_its_reason() {
        let project = Project::new();
        for path in [".envrc", ".vscode/tasks.json", ".github/workflows/ci.yml", "agents/a.yaml", "sub/.env", "k.pem"] {
            project.file(path, "before");
            for (tool, more) in
                [("write_file", json!({"content": "x"})), ("edit_file", json!({"old": "before", "new": "x"}))]
            {
                let mut arguments = more;
                arguments["path"] = json!(path);
                let refusal = project.refused(tool, arguments).await;
                assert!(refusal.starts_with(&format!("{path} is not written: ")), "{refusal}");
                assert!(refusal.contains(&format!("a grant of this tool with `paths: [{path}]`")), "{refusal}");
            }
            assert_eq!(project.content(path), "before");
        }
        for path in [".env", "sub/.env.local", "id_rsa", "tls/a.key"] {
            project.file(path, "SECRET=1");
            let refusal = project.refused("read_file", json!({"path": path})).await;
            assert!(refusal.starts_with(&format!("{path} is not read: it ")), "{refusal}");
            let refusal = project.refused("search_files", json!({"path": path, "pattern": "S"})).await;
            assert!(refusal.starts_with(&format!("{path} is not read: it ")), "{refusal}");
        }
        let found = project.ok("search_files", json!({"pattern": "SECRET"})).await;
        assert_eq!(found, "[no matches]\n[files that tools are kept from, such as keys, left out: 7]");
    }

    #[tokio::test]
    async fn records_of_other_runs_are_never_shown() {
        let project = Project::new();
        project.file(".orchestra/runs/1/journal.jsonl", "SECRET");
        project.file(".orchestra/plan.md", "the plan");
        let path = ".orchestra/runs/1/journal.jsonl";
        let refusal = project.refused("read_file", json!({ "path": path })).await;
        assert_eq!(refusal, format!("{path} is not read: it holds the records of other runs"));
        let found = project.ok("search_files", json!({"pattern": "SECRET|plan", "path": ".orchestra"})).await;
        assert_eq!(
            found,
            ".orchestra/plan.md:1: the plan\n[files that tools are kept from, such as keys, left out: 1]"
        );
        assert_eq!(project.ok("read_file", json!({"path": ".orchestra/plan.md"})).await, "the plan");
    }

    fn files(tool: &'static str, paths: &[&str]) -> Grant {
        Grant::Files { tool, paths: paths.iter().map(|&path| path.to_owned()).collect() }
    }

    #[tokio::test]
    async fn a_grant_that_names_a_guarded_place_opens_it_and_no_other() {
        let grants = [
            Grant::BuiltIn("write_file"),
            files("write_file", &["./.github/workflows/*.yml", ".vscode", "**"]),
            files("read_file", &[".env", "src/**", "**/*.key"]),
            files("list_files", &["src/**"]),
            files("search_files", &["src/**", ".env"]),
        ];
        let project = Project::granted(&grants);
        for path in [".github/workflows/ci.yml", ".vscode/a/b.json", "src/main.rs"] {
            project.ok("write_file", json!({"path": path, "content": "x"})).await;
        }
        for path in [".github/workflows/ci.sh", ".github/workflows/a/b.yml", "sub/.vscode/x", ".envrc", ".vscode/.env"]
        {
            project.refused("write_file", json!({"path": path, "content": "x"})).await;
        }
        project.file(".env", "A=1 x");
        project.file("src/a.key", "x");
        project.file("src/.env", "x");
        assert_eq!(project.ok("read_file", json!({"path": ".env"})).await, "A=1 x");
        for path in ["src/a.key", "src/.env"] {
            assert!(project.refused("read_file", json!({ "path": path })).await.contains("is not read: it "), "{path}");
        }
        let refusal = project.refused("read_file", json!({"path": "README.md"})).await;
        let granted = "this tool was granted for other files: .env, src/**, **/*.key";
        assert_eq!(refusal, format!("README.md is not read: {granted}"));
        assert_eq!(project.ok("list_files", json!({})).await, "src/.env\nsrc/a.key\nsrc/main.rs");
        let found = project.ok("search_files", json!({"pattern": "x"})).await;
        assert!(found.starts_with(".env:1: A=1 x\nsrc/main.rs:1: x\n["), "{found}");
        let offered = project.offered();
        let read = offered.iter().find(|tool| tool.name == "read_file").unwrap();
        assert!(read.description.ends_with(" Only for these files: .env, src/**, **/*.key."), "{}", read.description);
    }

    #[tokio::test]
    async fn no_grant_opens_what_orch_itself_writes() {
        let own = Arc::new(OwnFiles::new(Some("flows/a.yaml"), Some("results")));
        let project = Project::of_run(&[files("write_file", &["results", "flows/a.yaml"])], &own);
        for path in ["results/task_outputs/a_output.txt", "results/.orch.lock", "results/intermediate/ctx.json"] {
            let refusal = project.refused("write_file", json!({"path": path, "content": "x"})).await;
            assert!(refusal.ends_with("where orch alone writes what tasks have made"), "{refusal}");
        }
        project.ok("write_file", json!({"path": "results/intermediate/artifacts/a", "content": "x"})).await;
        project.ok("write_file", json!({"path": "flows/a.yaml", "content": "x"})).await;
        let project = Project::of_run(&[Grant::BuiltIn("write_file")], &own);
        let refusal = project.refused("write_file", json!({"path": "Flows/A.yaml", "content": "x"})).await;
        assert!(refusal.contains("it is the orchestra that is running"), "{refusal}");
    }
}
