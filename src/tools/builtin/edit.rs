//! `edit_file`: a piece of a file replaced by another one.

use serde::Deserialize;
use serde_json::{Value, json};

use super::file_tool::{FileTool, Files};
use super::path::ProjectPath;
use super::{arguments, place, write};
use crate::plan::guarded::Use;
use crate::store::disk::Dir;
use crate::tools::{Effect, FilesSeen};
use crate::words::conversation::Tool;
use crate::words::text;

/// How many places are named when a text is found too often.
const MAX_PLACES: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    old: String,
    new: String,
    all: Option<bool>,
}

pub(super) static TOOL: FileTool = FileTool { definition: tool, effect: Effect::Once, call };

fn tool() -> Tool {
    Tool {
        name: "edit_file".to_owned(),
        description: "Replaces a piece of text in a file of the project. `old` must stand in the file exactly once, \
                      spaces included, unless `all` is true."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The file, relative to the project, such as src/main.rs"},
                "old": {"type": "string", "description": "The text that stands there now, with enough around it to be the only one"},
                "new": {"type": "string", "description": "The text that is to stand there"},
                "all": {"type": "boolean", "description": "Whether to replace every occurrence; false if left out"},
            },
            "required": ["path", "old", "new"],
            "additionalProperties": false,
        }),
    }
}

fn call(files: &Files, seen: &FilesSeen, arguments: &Value) -> Result<String, String> {
    let Arguments { path, old, new, all } = arguments::read(arguments, tool)?;
    let path = ProjectPath::of_written_file(&path)?;
    if old.is_empty() {
        return Err("`old` is empty: give the text to replace, or use write_file for a whole file".to_owned());
    }
    if old == new {
        return Err("`old` and `new` are the same, so there is nothing to do".to_owned());
    }
    // What an edit finds or does not find tells what stands in the file.
    for wanted in [Use::Write, Use::Read] {
        files.access.check(&path.to_string(), wanted)?;
    }
    let project = &files.project;
    let _alone = project.write_alone();
    let text = current(project, &path)?;
    seen.check(&path, Some(text.as_bytes()))?;
    let (edited, lines) = edited(&text, &old, &new, all.unwrap_or(false)).map_err(|why| format!("{path}: {why}"))?;
    write::put(project, &path, edited.as_bytes())?;
    seen.note(&path, edited.as_bytes());
    let times = text::plural(lines.len() as u64, "occurrence", "occurrences");
    Ok(format!("Replaced {times} in {path}, {}", places(&lines)))
}

/// The text of a file that may be edited.
fn current(project: &Dir, path: &ProjectPath) -> Result<String, String> {
    let (folder, file) = place::file(project, path)?;
    place::replaceable(&folder, path.split_file().1, path)?;
    place::text(&file, place::MAX_FILE_BYTES).map_err(|why| format!("{path} is not edited: {why}"))
}

/// The text with `new` in place of `old`, and the lines where that began.
fn edited(text: &str, old: &str, new: &str, all: bool) -> Result<(String, Vec<usize>), String> {
    let (old, new) = (with_ends_of(text, old), with_ends_of(text, new));
    let found = lines_of(text, &old);
    match found.len() {
        0 if !new.is_empty() && text.contains(&new) => {
            Err("`old` is not there, but `new` is there already: the edit seems to be made".to_owned())
        }
        0 => Err("`old` is not there (found 0 times): read the file again and give the text exactly".to_owned()),
        1 => Ok((text.replacen(&old, &new, 1), found)),
        _ if all => Ok((text.replace(&old, &new), found)),
        many => {
            let already = if !new.is_empty() && text.contains(&new) { ", and `new` is there already" } else { "" };
            let places = places(&found);
            Err(format!(
                "`old` is found {many} times, {places}{already}: give more of the text around it, or set `all`"
            ))
        }
    }
}

/// A piece with the line ends of the text, if those are all CRLF. Models write LF whatever the file has.
fn with_ends_of(text: &str, piece: &str) -> String {
    let all_crlf = text.contains("\r\n") && text.matches('\n').count() == text.matches("\r\n").count();
    if all_crlf { piece.replace("\r\n", "\n").replace('\n', "\r\n") } else { piece.to_owned() }
}

/// The lines, counted from 1, on which a piece begins.
fn lines_of(text: &str, piece: &str) -> Vec<usize> {
    let (mut line, mut behind) = (1, 0);
    let mut lines = Vec::new();
    for (at, _) in text.match_indices(piece) {
        line += text[behind..at].matches('\n').count();
        behind = at;
        lines.push(line);
    }
    lines
}

fn places(lines: &[usize]) -> String {
    let named: Vec<String> = lines.iter().take(MAX_PLACES).map(usize::to_string).collect();
    let more = if lines.len() > MAX_PLACES { ", …" } else { "" };
    format!("{} {}{more}", if lines.len() == 1 { "line" } else { "lines" }, named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::builtin::tests::Project;

    #[tokio::test]
    async fn a_piece_that_stands_there_once_is_replaced() {
        let project = Project::new();
        project.file("a.rs", "fn one() {}\nfn two() {}\n");
        let edited = project.ok("edit_file", json!({"path": "a.rs", "old": "two", "new": "three"})).await;
        assert_eq!(edited, "Replaced 1 occurrence in a.rs, line 2");
        assert_eq!(project.content("a.rs"), "fn one() {}\nfn three() {}\n");
        let edited = project.ok("edit_file", json!({"path": "a.rs", "old": "fn ", "new": "", "all": true})).await;
        assert_eq!(edited, "Replaced 2 occurrences in a.rs, lines 1, 2");
        assert_eq!(project.content("a.rs"), "one() {}\nthree() {}\n");
    }

    #[tokio::test]
    async fn how_often_it_was_found_is_said_and_nothing_is_changed() {
        let project = Project::new();
        let text = "x = 1\n".repeat(12);
        project.file("a", &text);
        for (old, new, said) in [
            ("x =", "y", "found 12 times, lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …: give more"),
            ("x =", "1", "found 12 times, lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …, and `new` is there already"),
            ("z", "y", "`old` is not there (found 0 times)"),
            ("z", "", "`old` is not there (found 0 times)"),
            ("z", "x = 1", "`new` is there already"),
            ("", "y", "`old` is empty"),
            ("x", "x", "are the same"),
        ] {
            let refusal = project.refused("edit_file", json!({"path": "a", "old": old, "new": new})).await;
            assert!(refusal.contains(said), "{old:?}: {refusal}");
        }
        assert_eq!(project.content("a"), text);
    }

    #[test]
    fn the_line_ends_of_a_file_are_kept() {
        let crlf = |old, new| edited("one\r\ntwo\r\n", old, new, false).map(|(text, _)| text);
        assert_eq!(crlf("one\ntwo", "1\n2"), Ok("1\r\n2\r\n".to_owned()));
        assert_eq!(crlf("one\r\ntwo", "1\r\n2"), Ok("1\r\n2\r\n".to_owned()));
        assert_eq!(crlf("two", "2\n3"), Ok("one\r\n2\r\n3\r\n".to_owned()));
        let mixed = edited("one\r\ntwo\n", "two\n", "2\n3\n", false).map(|(text, _)| text);
        assert_eq!(mixed, Ok("one\r\n2\n3\n".to_owned()), "a file of both kinds is taken as it is");
    }
}
