//! `search_files`: the lines of the project's files that match a regular expression.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::file_tool::{FileTool, Files};
use super::path::ProjectPath;
use super::place::{self, Unreadable};
use super::walk::{Glob, walk};
use super::{MAX_RESULT_BYTES, arguments};
use crate::plan::guarded::Use;
use crate::store::disk::{Dir, Kind};
use crate::tools::{Effect, FilesSeen};
use crate::words::conversation::Tool;

const USUAL_MATCHES: usize = 100;
const MAX_MATCHES: usize = 1000;

/// Larger files are seldom written by hand.
const MAX_FILE_BYTES: u64 = 2 << 20;

/// What is read in all before a search is given up, in bytes.
const MAX_READ_BYTES: usize = 512 << 20;

/// How much of a matching line is shown.
const MAX_LINE_CHARS: usize = 300;

/// What an expression may take once it is compiled: repetitions of repetitions grow beyond all bounds.
const MAX_PROGRAM_BYTES: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    path: Option<String>,
    glob: Option<String>,
    limit: Option<NonZeroUsize>,
}

pub(super) static TOOL: FileTool = FileTool { definition: tool, effect: Effect::None, call };

fn tool() -> Tool {
    Tool {
        name: "search_files".to_owned(),
        description:
            "Searches the text files of the project line by line with a regular expression, and gives matches \
                      as `path:line: text`. Left out are files over 2 MiB and what list_files leaves out."
                .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "pattern": {
                    "type": "string",
                    "description": "A regular expression without look-around or backreferences; (?i) in front ignores case",
                },
                "path": {"type": "string", "description": "The folder or file to search, relative to the project"},
                "glob": {
                    "type": "string",
                    "description": "Which files to search: *.rs for names, or src/**/*.rs for paths relative to `path`",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_MATCHES,
                    "description": "The most matches to give; 100 if left out",
                },
            },
            "required": ["pattern"],
            "additionalProperties": false,
        }),
    }
}

fn call(files: &Files, _: &FilesSeen, arguments: &Value) -> Result<String, String> {
    let project: &Dir = &files.project;
    let Arguments { pattern, path, glob, limit } = arguments::read(arguments, tool)?;
    let regex = RegexBuilder::new(&pattern).size_limit(MAX_PROGRAM_BYTES).build();
    let regex = regex.map_err(|error| format!("`pattern` is no regular expression that can be used: {error}"))?;
    let glob = glob.as_deref().map(Glob::new).transpose()?;
    let place = ProjectPath::of_folder(path.as_deref().unwrap_or("."))?;
    let limit = limit.map_or(USUAL_MATCHES, NonZeroUsize::get).min(MAX_MATCHES);
    let mut search = Search { regex, limit, lines: Vec::new(), bytes: 0, read: 0, skipped: 0, kept: 0, end: None };
    if is_file(project, &place)? {
        files.access.check(&place.to_string(), Use::Read)?;
        let (_, file) = place::file(project, &place)?;
        let text = place::text(&file, MAX_FILE_BYTES).map_err(|why| format!("{place} is not searched: {why}"))?;
        let _ = search.text(&place.to_string(), &text);
        return Ok(search.told(Vec::new()));
    }
    let notes = walk(project, &place, glob, &mut |found| {
        if !files.access.is_granted(found.path) {
            return ControlFlow::Continue(());
        }
        if files.access.check(found.path, Use::Read).is_err() {
            search.kept += 1;
            return ControlFlow::Continue(());
        }
        let text = found.folder.open_regular(found.name).map_err(Unreadable::from);
        match text.and_then(|file| place::text(&file, MAX_FILE_BYTES)) {
            Ok(text) => search.text(found.path, &text),
            Err(_) => {
                search.skipped += 1;
                ControlFlow::Continue(())
            }
        }
    })?;
    Ok(search.told(notes))
}

/// Whether the place is a file. What cannot be reached is found out again, and said, by whoever goes there.
fn is_file(project: &Dir, place: &ProjectPath) -> Result<bool, String> {
    let (folders, name) = place.split_file();
    let dir = place::folder(project, folders, place::Missing::Refuse)?;
    Ok(dir.kind(name).is_ok_and(|kind| kind == Some(Kind::File)))
}

struct Search {
    regex: Regex,
    limit: usize,
    lines: Vec<String>,
    /// How long the lines are together.
    bytes: usize,
    /// In bytes.
    read: usize,
    /// Files that are no text, or too large.
    skipped: usize,
    /// Files that tools are kept from.
    kept: usize,
    /// Why the search was broken off, if it was.
    end: Option<String>,
}

impl Search {
    fn text(&mut self, path: &str, text: &str) -> ControlFlow<()> {
        for (ix, line) in text.lines().enumerate().filter(|(_, line)| self.regex.is_match(line)) {
            let shown = format!("{path}:{}: {}", ix + 1, shortened(line));
            self.bytes += shown.len() + 1;
            if self.lines.len() == self.limit || self.bytes > MAX_RESULT_BYTES {
                let advice = format!("narrow `path`, `glob` or `pattern`, or raise `limit`, up to {MAX_MATCHES}");
                self.end = Some(format!("there are more than {} matches: {advice}", self.lines.len()));
                return ControlFlow::Break(());
            }
            self.lines.push(shown);
        }
        self.read += text.len();
        if self.read > MAX_READ_BYTES {
            self.end = Some(format!("given up after 512 MiB at {path}; narrow `path` or `glob`"));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn told(mut self, notes: Vec<String>) -> String {
        if self.lines.is_empty() {
            self.lines.push("[no matches]".to_owned());
        }
        let skipped =
            (self.skipped > 0).then(|| format!("files that are no text or over 2 MiB, left out: {}", self.skipped));
        let kept =
            (self.kept > 0).then(|| format!("files that tools are kept from, such as keys, left out: {}", self.kept));
        let notes = self.end.into_iter().chain(skipped).chain(kept).chain(notes);
        self.lines.extend(notes.map(|note| format!("[{note}]")));
        self.lines.join("\n")
    }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::builtin::tests::Project;

    fn project() -> Project {
        let project = Project::new();
        project.file("b.rs", "fn main() {\r\n    let x = 1;\r\n}\r\n");
        project.file("a/lib.rs", "// let us\nlet x;");
        project.file("a/notes.md", "let it be\n");
        project
    }

    #[tokio::test]
    async fn matching_lines_are_given_in_the_order_of_files() {
        let project = project();
        for (arguments, lines) in [
            (json!({"pattern": "let .?x"}), "a/lib.rs:2: let x;\nb.rs:2:     let x = 1;"),
            (json!({"pattern": "^let"}), "a/lib.rs:2: let x;\na/notes.md:1: let it be"),
            (json!({"pattern": "let", "glob": "*.md"}), "a/notes.md:1: let it be"),
            (json!({"pattern": "LET", "path": "a"}), "[no matches]"),
            (json!({"pattern": "(?i)LET it", "path": "a"}), "a/notes.md:1: let it be"),
            (json!({"pattern": ";$", "path": "b.rs"}), "b.rs:2:     let x = 1;"),
        ] {
            assert_eq!(project.ok("search_files", arguments.clone()).await, lines, "{arguments}");
        }
    }

    #[tokio::test]
    async fn a_bad_expression_or_place_is_refused() {
        let project = project();
        for (pattern, path, said) in [
            ("a(", ".", "`pattern` is no regular expression that can be used"),
            ("((a{999}){999}){999}", ".", "exceeds size limit"),
            ("a", "..", "leads out of the project"),
            ("a", "none", "there is no folder none"),
            ("a", "none/x", "there is no folder none"),
        ] {
            let refusal = project.refused("search_files", json!({"pattern": pattern, "path": path})).await;
            assert!(refusal.contains(said), "{pattern} {path}: {refusal}");
        }
    }

    #[tokio::test]
    async fn what_is_left_out_is_said() {
        let project = project();
        project.bytes("binary", b"let\0");
        project.file("large", &"let\n".repeat(1 << 20));
        let found = project.ok("search_files", json!({"pattern": "let", "limit": 4})).await;
        assert_eq!(found.lines().count(), 5, "{found}");
        assert!(found.ends_with("[files that are no text or over 2 MiB, left out: 2]"), "{found}");
        let found = project.ok("search_files", json!({"pattern": "let", "limit": 3})).await;
        assert!(found.contains("[there are more than 3 matches: narrow"), "{found}");
        let refusal = project.refused("search_files", json!({"pattern": "let", "path": "binary"})).await;
        assert_eq!(refusal, "binary is not searched: it is binary, not text");
    }

    #[tokio::test]
    async fn a_long_line_is_shortened() {
        let project = Project::new();
        project.file("min.js", &"é".repeat(1000));
        let found = project.ok("search_files", json!({"pattern": "é"})).await;
        assert_eq!(found, format!("min.js:1: {}…", "é".repeat(300)));
        project.file("min.js", &format!("{}\n", "é".repeat(300)).repeat(1000));
        let found = project.ok("search_files", json!({"pattern": "é", "limit": 1000})).await;
        assert!(found.len() < MAX_RESULT_BYTES + 200 && found.contains("[there are more than 4"), "{}", found.len());
    }
}
