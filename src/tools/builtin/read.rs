//! `read_file`: the text of a file, or some of its lines.

use std::num::NonZeroUsize;

use serde::Deserialize;
use serde_json::{Value, json};

use super::file_tool::{FileTool, Files};
use super::path::ProjectPath;
use super::{MAX_RESULT_BYTES, arguments, place};
use crate::plan::guarded::Use;
use crate::tools::{Effect, FilesSeen};
use crate::words::conversation::Tool;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    offset: Option<NonZeroUsize>,
    limit: Option<NonZeroUsize>,
}

pub(super) static TOOL: FileTool = FileTool { definition: tool, effect: Effect::None, call };

fn tool() -> Tool {
    Tool {
        name: "read_file".to_owned(),
        description:
            "Reads a text file of the project. At most 256 KiB are given at a time; a note at the end says how \
                      to go on."
                .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The file, relative to the project, such as src/main.rs"},
                "offset": {"type": "integer", "minimum": 1, "description": "The first line to read; 1 if left out"},
                "limit": {"type": "integer", "minimum": 1, "description": "How many lines to read; all if left out"},
            },
            "required": ["path"],
            "additionalProperties": false,
        }),
    }
}

fn call(files: &Files, seen: &FilesSeen, arguments: &Value) -> Result<String, String> {
    let Arguments { path, offset, limit } = arguments::read(arguments, tool)?;
    let path = ProjectPath::of_file(&path)?;
    files.access.check(&path.to_string(), Use::Read)?;
    // What is not there is seen too: a file made in its place is no change of the model's.
    let (_, file) = place::file(&files.project, &path).inspect_err(|_| seen.forget(&path))?;
    let text = place::text(&file, place::MAX_FILE_BYTES).map_err(|why| format!("{path} is not read: {why}"))?;
    seen.note(&path, text.as_bytes());
    if text.is_empty() {
        return Ok(format!("[{path} is empty]"));
    }
    let (first, limit) = (offset.map_or(1, NonZeroUsize::get), limit.map_or(usize::MAX, NonZeroUsize::get));
    lines(&text, first, limit).map_err(|total| format!("{path} ends at line {total}, so there is no line {first}"))
}

/// The lines from `first` on, counted from 1, with a note if others follow. The error is how many there are, if `first`
/// lies behind them.
fn lines(text: &str, first: usize, limit: usize) -> Result<String, usize> {
    let total = text.split_inclusive('\n').count();
    if first > total {
        return Err(total);
    }
    let start: usize = text.split_inclusive('\n').take(first - 1).map(str::len).sum();
    let (mut end, mut taken) = (start, 0);
    for line in text[start..].split_inclusive('\n').take(limit) {
        if end + line.len() - start > MAX_RESULT_BYTES {
            break;
        }
        end += line.len();
        taken += 1;
    }
    if taken == 0 {
        let cut = text.floor_char_boundary(start + MAX_RESULT_BYTES);
        let note = format!("[line {first} of {total} is longer than 256 KiB and cut here");
        return Ok(with_note(&text[start..cut], &note, first, total));
    }
    let last = first + taken - 1;
    if last == total {
        return Ok(text[start..end].to_owned());
    }
    Ok(with_note(&text[start..end], &format!("[lines {first} to {last} of {total}"), last, total))
}

fn with_note(text: &str, note: &str, last: usize, total: usize) -> String {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let next = if last < total { format!("; go on with offset {}", last + 1) } else { String::new() };
    format!("{text}{newline}{note}{next}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::builtin::tests::Project;

    #[tokio::test]
    async fn a_file_is_given_as_it_is_or_in_part() {
        let project = Project::new();
        project.file("a", "one\r\n\ntrois é\nfour");
        let read = async |offset: Option<u64>, limit: Option<u64>| {
            project.ok("read_file", json!({"path": "a", "offset": offset, "limit": limit})).await
        };
        assert_eq!(read(None, None).await, "one\r\n\ntrois é\nfour");
        assert_eq!(read(Some(3), None).await, "trois é\nfour");
        assert_eq!(read(Some(2), Some(2)).await, "\ntrois é\n[lines 2 to 3 of 4; go on with offset 4]");
        assert_eq!(read(Some(4), Some(9)).await, "four");
        let refusal = project.refused("read_file", json!({"path": "a", "offset": 5})).await;
        assert_eq!(refusal, "a ends at line 4, so there is no line 5");
        project.file("empty", "");
        assert_eq!(project.ok("read_file", json!({"path": "empty"})).await, "[empty is empty]");
    }

    #[tokio::test]
    async fn a_long_file_is_read_to_its_end_by_what_the_notes_say() {
        let project = Project::new();
        let text: String = (0..60_000).map(|n| format!("line {n}\n")).collect();
        project.file("long", &text);
        let (mut read, mut offset, mut calls) = (String::new(), 1, 0);
        loop {
            let part = project.ok("read_file", json!({"path": "long", "offset": offset})).await;
            assert!(part.len() < MAX_RESULT_BYTES + 100, "{} bytes", part.len());
            calls += 1;
            let Some((lines, note)) = part.split_once('[') else {
                read += &part;
                break;
            };
            read += lines;
            offset = note.rsplit(' ').next().unwrap().trim_end_matches(']').parse().unwrap();
        }
        assert!(read == text, "{} bytes of {}", read.len(), text.len());
        assert_eq!(calls, 3);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_between_characters() {
        let text = format!("x{}\nnext", "é".repeat(MAX_RESULT_BYTES));
        let cut = lines(&text, 1, 1).unwrap();
        assert!(cut.ends_with("é\n[line 1 of 2 is longer than 256 KiB and cut here; go on with offset 2]"));
        assert_eq!(lines(&text, 2, 1).unwrap(), "next");
    }

    #[tokio::test]
    async fn what_is_no_text_or_too_large_is_refused() {
        let project = Project::new();
        project.bytes("binary", b"a\0b");
        project.bytes("latin1", b"caf\xe9");
        project.file("large", "");
        let large = std::fs::OpenOptions::new().write(true).open(project.root().join("large")).unwrap();
        large.set_len(place::MAX_FILE_BYTES + 1).unwrap();
        for (path, said) in [
            ("binary", "binary is not read: it is binary, not text"),
            ("latin1", "latin1 is not read: it is not UTF-8 text (byte 3 is the first that is not)"),
            ("large", "large is not read: it has 16777217 bytes, and no file of more than 16777216 is read"),
            ("none", "there is no file none; list_files shows what there is"),
        ] {
            assert_eq!(project.refused("read_file", json!({ "path": path })).await, said);
        }
    }
}
