//! `list_files`: the files of the project, by their paths.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::file_tool::{FileTool, Files};
use super::path::ProjectPath;
use super::walk::{Glob, walk};
use super::{MAX_RESULT_BYTES, arguments};
use crate::tools::{Effect, FilesSeen};
use crate::words::conversation::Tool;

const USUAL_FILES: usize = 500;
const MAX_FILES: usize = 5000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: Option<String>,
    pattern: Option<String>,
    limit: Option<NonZeroUsize>,
}

pub(super) static TOOL: FileTool = FileTool { definition: tool, effect: Effect::None, call };

fn tool() -> Tool {
    Tool {
        name: "list_files".to_owned(),
        description: "Lists the files of the project, sorted, with those in folders below. Left out are links, what \
                      .gitignore files name, and .git, .orchestra, target and node_modules."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The folder to list, relative to the project; all if left out"},
                "pattern": {
                    "type": "string",
                    "description": "A glob pattern: *.rs for names, or src/**/*.rs for paths relative to `path`",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_FILES,
                    "description": "The most files to list; 500 if left out",
                },
            },
            "required": [],
            "additionalProperties": false,
        }),
    }
}

fn call(allowed: &Files, _: &FilesSeen, arguments: &Value) -> Result<String, String> {
    let Arguments { path, pattern, limit } = arguments::read(arguments, tool)?;
    let folder = ProjectPath::of_folder(path.as_deref().unwrap_or("."))?;
    let glob = pattern.as_deref().map(Glob::new).transpose()?;
    let limit = limit.map_or(USUAL_FILES, NonZeroUsize::get).min(MAX_FILES);
    let mut files: Vec<String> = Vec::new();
    let (mut bytes, mut is_cut) = (0, false);
    let notes = walk(&allowed.project, &folder, glob, &mut |found| {
        if !allowed.access.is_granted(found.path) {
            return ControlFlow::Continue(());
        }
        bytes += found.path.len() + 1;
        is_cut = files.len() == limit || bytes > MAX_RESULT_BYTES;
        if is_cut {
            return ControlFlow::Break(());
        }
        files.push(found.path.to_owned());
        ControlFlow::Continue(())
    })?;
    let note = match files.len() {
        0 => Some("[no files]".to_owned()),
        shown => is_cut.then(|| {
            let advice = format!("narrow `path` or `pattern`, or raise `limit`, up to {MAX_FILES}");
            format!("[there are more than {shown} files: {advice}]")
        }),
    };
    files.extend(note);
    files.extend(notes.into_iter().map(|note| format!("[{note}]")));
    Ok(files.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::builtin::tests::Project;

    /// Files in an order that is not the one they are listed in.
    fn project() -> Project {
        let project = Project::new();
        for path in [
            "z.rs",
            "src/b/mod.rs",
            "src/a.rs",
            "src/b.rs",
            "README.md",
            "target/debug/x.rs",
            "web/node_modules/x/index.js",
            "web/index.js",
            ".git/config",
            ".orchestra/plan.md",
            ".github/ci.yml",
        ] {
            project.file(path, "");
        }
        project
    }

    #[tokio::test]
    async fn files_are_sorted_and_those_of_others_are_left_out() {
        let project = project();
        let all = project.ok("list_files", json!({})).await;
        let files = [".github/ci.yml", "README.md", "src/a.rs", "src/b/mod.rs", "src/b.rs", "web/index.js", "z.rs"];
        assert_eq!(all, files.join("\n"));
        assert_eq!(project.ok("list_files", json!({"path": "."})).await, all, "the same again");
        assert_eq!(project.ok("list_files", json!({"path": "./src/b/"})).await, "src/b/mod.rs");
        for (path, said) in
            [("none", "no folder none"), ("z.rs", "z.rs is a file"), ("..", "leads out"), (".git", "Git")]
        {
            let refusal = project.refused("list_files", json!({ "path": path })).await;
            assert!(refusal.contains(said), "{path}: {refusal}");
        }
    }

    #[tokio::test]
    async fn a_pattern_is_of_names_or_of_paths() {
        let project = project();
        for (path, pattern, files) in [
            (".", "*.rs", "src/a.rs\nsrc/b/mod.rs\nsrc/b.rs\nz.rs"),
            (".", "./*.rs", "z.rs"),
            (".", "src/*.rs", "src/a.rs\nsrc/b.rs"),
            ("src", "b/*.rs", "src/b/mod.rs"),
            ("src", "**/mod.rs", "src/b/mod.rs"),
            (".", "*.{md,yml}", ".github/ci.yml\nREADME.md"),
            (".", "../*", "[no files]"),
        ] {
            let listed = project.ok("list_files", json!({"path": path, "pattern": pattern})).await;
            assert_eq!(listed, files, "{path} {pattern}");
        }
        let refusal = project.refused("list_files", json!({"pattern": "a{b"})).await;
        assert!(refusal.contains("write a glob pattern such as"), "{refusal}");
    }

    #[tokio::test]
    async fn a_long_list_is_cut_with_a_note() {
        let project = project();
        let listed = project.ok("list_files", json!({"limit": 2})).await;
        let note = "[there are more than 2 files: narrow `path` or `pattern`, or raise `limit`, up to 5000]";
        assert_eq!(listed, format!(".github/ci.yml\nREADME.md\n{note}"));
        let exact = project.ok("list_files", json!({"pattern": "*.rs", "limit": 4})).await;
        assert!(!exact.contains('['), "{exact}");
    }

    #[tokio::test]
    async fn a_list_of_long_paths_is_cut_before_its_limit() {
        let project = Project::new();
        let folder = format!("{0}/{0}/{0}", "d".repeat(250));
        (0..400).for_each(|n| project.file(&format!("{folder}/{n}"), ""));
        let listed = project.ok("list_files", json!({})).await;
        assert!(listed.len() < MAX_RESULT_BYTES + 200 && listed.contains("[there are more than 3"), "{}", listed.len());
    }

    #[tokio::test]
    async fn gitignore_is_honoured_in_every_folder() {
        let project = project();
        project.file(".gitignore", "# a comment\n*.js\n/z.rs\nb/\n");
        project.file("web/.gitignore", "!index.js\n");
        let listed = project.ok("list_files", json!({"pattern": "*.{rs,js}"})).await;
        assert_eq!(listed, "src/a.rs\nsrc/b.rs\nweb/index.js");
        let listed = project.ok("list_files", json!({"path": "web", "pattern": "*.js"})).await;
        assert_eq!(listed, "web/index.js");
        project.file("web/.gitignore", "");
        assert_eq!(project.ok("list_files", json!({"path": "web", "pattern": "*.js"})).await, "[no files]");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_pipes_and_names_that_no_tool_takes_are_left_out() {
        let project = Project::new();
        project.file("real/x", "");
        project.file("new\nline", "");
        std::os::unix::fs::symlink("real", project.root().join("folder")).unwrap();
        std::os::unix::fs::symlink("real/x", project.root().join("link")).unwrap();
        std::os::unix::fs::symlink("..", project.root().join("real/up")).unwrap();
        nix::unistd::mkfifo(&project.root().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(project.ok("list_files", json!({})).await, "real/x");
    }

    #[tokio::test]
    async fn a_folder_that_lies_too_deep_is_named() {
        let project = Project::new();
        project.file(&format!("{}x", "d/".repeat(70)), "");
        let listed = project.ok("list_files", json!({})).await;
        assert_eq!(listed, format!("[no files]\n[{} lies too deep and is left out]", "d/".repeat(65)));
    }
}
