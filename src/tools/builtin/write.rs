//! `write_file`: a file made or replaced as a whole.

use std::io::Read;

use serde::Deserialize;
use serde_json::{Value, json};

use super::arguments;
use super::file_tool::{FileTool, Files};
use super::path::ProjectPath;
use super::place::{self, Missing};
use crate::plan::guarded::Use;
use crate::store::disk::Dir;
use crate::tools::{Effect, FilesSeen};
use crate::words::conversation::Tool;
use crate::words::text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    content: String,
}

pub(super) static TOOL: FileTool = FileTool { definition: tool, effect: Effect::Repeatable, call };

fn tool() -> Tool {
    Tool {
        name: "write_file".to_owned(),
        description: "Writes a file of the project whole, and makes its folders. A file that is there is replaced."
            .to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The file, relative to the project, such as src/main.rs"},
                "content": {"type": "string", "description": "All that is to stand in the file"},
            },
            "required": ["path", "content"],
            "additionalProperties": false,
        }),
    }
}

fn call(files: &Files, seen: &FilesSeen, arguments: &Value) -> Result<String, String> {
    let Arguments { path, content } = arguments::read(arguments, tool)?;
    let path = ProjectPath::of_written_file(&path)?;
    files.access.check(&path.to_string(), Use::Write)?;
    let _alone = files.project.write_alone();
    if seen.knows(&path) {
        seen.check(&path, standing(&files.project, &path)?.as_deref())?;
    }
    put(&files.project, &path, content.as_bytes())?;
    seen.note(&path, content.as_bytes());
    Ok(format!("Wrote {} to {path}", text::plural(content.len() as u64, "byte", "bytes")))
}

/// Writes a file, and makes its folders.
pub(super) fn put(project: &Dir, path: &ProjectPath, content: &[u8]) -> Result<(), String> {
    if content.len() as u64 > place::MAX_FILE_BYTES {
        return Err(format!("{path} is not written: a file has at most {} bytes", place::MAX_FILE_BYTES));
    }
    let (folders, name) = path.split_file();
    let folder = place::folder(project, folders, Missing::Make)?;
    let before = place::replaceable(&folder, name, path)?;
    let permissions = before.and_then(|file| file.metadata().ok()).map(|metadata| metadata.permissions());
    folder.replace(name, content, permissions).map_err(|error| format!("writing {path} failed: {error}"))
}

/// What stands in a file that may be written; `None` if there is none.
pub(super) fn standing(project: &Dir, path: &ProjectPath) -> Result<Option<Vec<u8>>, String> {
    let (folders, name) = path.split_file();
    let folder = place::folder(project, folders, Missing::Make)?;
    let Some(file) = place::replaceable(&folder, name, path)? else { return Ok(None) };
    let mut content = Vec::new();
    let read = file.take(place::MAX_FILE_BYTES + 1).read_to_end(&mut content);
    read.map_err(|error| format!("{path} cannot be read: {error}"))?;
    if content.len() as u64 > place::MAX_FILE_BYTES {
        return Err(format!("{path} has more than {} bytes and is not replaced", place::MAX_FILE_BYTES));
    }
    Ok(Some(content))
}

/// Removes a file; that there is none is fine.
pub(super) fn remove(project: &Dir, path: &ProjectPath) -> Result<(), String> {
    let (folders, name) = path.split_file();
    let folder = place::folder(project, folders, Missing::Make)?;
    folder.remove(name).map_err(|error| format!("{path} cannot be removed: {error}"))
}

/// Removes what a killed process has left of a write: a file beside the one that was to be written.
pub(super) fn clear(project: &Dir, path: &str) -> Result<(), String> {
    let Ok(path) = ProjectPath::of_written_file(path) else { return Ok(()) };
    // A folder that is not there, or that a link leads to, was not written to.
    let Ok(folder) = place::folder(project, path.split_file().0, Missing::Refuse) else { return Ok(()) };
    folder.remove_unfinished().map_err(|error| format!("what is left of writing {path} cannot be removed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::builtin::tests::Project;

    #[tokio::test]
    async fn a_file_is_made_with_its_folders_and_replaced() {
        let project = Project::new();
        for content in ["é\n", "two\r\nlines", ""] {
            let told = project.ok("write_file", json!({"path": "a/b/c.txt", "content": content})).await;
            assert_eq!(told, format!("Wrote {} bytes to a/b/c.txt", content.len()));
            assert_eq!(project.content("a/b/c.txt"), content);
        }
        assert_eq!(std::fs::read_dir(project.root().join("a/b")).unwrap().count(), 1, "no other file is left");
    }

    #[tokio::test]
    async fn a_file_that_is_too_long_is_not_written() {
        let project = Project::new();
        project.file("a", "before");
        let content = "x".repeat(1 + usize::try_from(place::MAX_FILE_BYTES).unwrap());
        let refusal = project.refused("write_file", json!({"path": "a", "content": content})).await;
        assert!(refusal.contains("at most 16777216 bytes"), "{refusal}");
        assert_eq!(project.content("a"), "before");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_script_stays_one() {
        use std::os::unix::fs::PermissionsExt;
        let project = Project::new();
        project.file("run.sh", "");
        let path = project.root().join("run.sh");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        project.ok("write_file", json!({"path": "run.sh", "content": "#!/bin/sh\n"})).await;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o755);
    }
}
