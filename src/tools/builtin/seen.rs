//! What a conversation has seen of the project's files, so that it does not write over what others have made of them.
//!
//! Knows nothing of who the others are: a task of the same run, a command, a person.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::path::ProjectPath;
use super::{read, write};
use crate::words::conversation::{ToolCall, ToolResult};
use crate::words::digest::sha256;

/// The files that a conversation has read or written, each by its path with the digest of what stood there then.
#[derive(Debug, Default)]
pub struct FilesSeen(Mutex<BTreeMap<String, String>>);

impl FilesSeen {
    /// What calls of tools have shown of files, as far as their answers tell. Of a file that was read in part, or
    /// edited, they do not tell what all of it was: it counts as changed.
    #[must_use]
    pub fn after<'c>(answered: impl Iterator<Item = (&'c ToolCall, &'c ToolResult)>) -> Self {
        let seen = Self::default();
        for (call, result) in answered.filter(|(_, result)| !result.is_error) {
            let path = call.arguments["path"].as_str().and_then(|path| ProjectPath::of_file(path).ok());
            let Some(path) = path else { continue };
            let is_of = |tool: fn() -> crate::words::conversation::Tool| tool().name == call.name;
            if is_of(read::TOOL.definition) {
                seen.note(&path, result.text.as_bytes());
            } else if is_of(write::TOOL.definition) {
                seen.note(&path, call.arguments["content"].as_str().unwrap_or_default().as_bytes());
            } else if is_of(super::edit::TOOL.definition) {
                seen.note(&path, result.text.as_bytes());
            }
        }
        seen
    }

    /// Takes note of what stands in a file.
    pub(super) fn note(&self, path: &ProjectPath, content: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_string(), sha256(content));
    }

    /// Whether it was seen.
    pub(super) fn knows(&self, path: &ProjectPath) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&path.to_string())
    }

    /// Looks whether a file is as it was seen, which one that was not seen is.
    ///
    /// # Errors
    /// That it is not, for the model. `content` is what stands there now.
    pub(super) fn check(&self, path: &ProjectPath, content: Option<&[u8]>) -> Result<(), String> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(&path.to_string()) {
            Some(seen) if content.map(sha256).as_ref() != Some(seen) => Err(format!(
                "{path} is not written: it has changed since you read it, by another task or outside of this \
                 conversation. Read it again, and then write what is to stand there now"
            )),
            _ => Ok(()),
        }
    }

    /// Forgets a file that is gone: what is written in its place is new.
    pub(super) fn forget(&self, path: &ProjectPath) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&path.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::tools::builtin::tests::Project;

    #[tokio::test]
    async fn a_file_that_others_changed_is_read_again_before_it_is_written() {
        let project = Project::new();
        for (tool, arguments) in [
            ("write_file", json!({"path": "./a", "content": "mine"})),
            ("edit_file", json!({"path": "a", "old": "theirs", "new": "mine"})),
        ] {
            project.file("a", "before");
            project.ok("read_file", json!({"path": "a"})).await;
            project.file("a", "theirs");
            let refusal = project.refused(tool, arguments.clone()).await;
            assert!(refusal.starts_with("a is not written: it has changed since you read it"), "{refusal}");
            assert_eq!(project.content("a"), "theirs");
            project.ok("read_file", json!({"path": "a"})).await;
            project.ok(tool, arguments).await;
            assert_eq!(project.content("a"), "mine");
        }
    }

    #[tokio::test]
    async fn what_one_writes_oneself_is_no_change() {
        let project = Project::new();
        project.file("a", "one\n");
        project.ok("read_file", json!({"path": "a", "offset": 1, "limit": 1})).await;
        project.ok("write_file", json!({"path": "a", "content": "two"})).await;
        project.ok("edit_file", json!({"path": "a", "old": "two", "new": "three"})).await;
        project.ok("write_file", json!({"path": "a", "content": "four"})).await;
        project.file("b", "never read");
        project.ok("write_file", json!({"path": "b", "content": "new"})).await;
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_told_once() {
        let project = Project::new();
        project.file("a", "before");
        project.ok("read_file", json!({"path": "a"})).await;
        std::fs::remove_file(project.root().join("a")).unwrap();
        let write = json!({"path": "a", "content": "x"});
        let refusal = project.refused("write_file", write.clone()).await;
        assert!(refusal.starts_with("a is not written: it has changed"), "{refusal}");
        project.refused("read_file", json!({"path": "a"})).await;
        project.ok("write_file", write).await;
    }

    #[test]
    fn a_conversation_that_is_taken_up_knows_whole_files_only() {
        let call = |name: &str, arguments| ToolCall { id: String::new(), name: name.into(), arguments };
        let result =
            |text: &str| ToolResult { id: String::new(), name: String::new(), text: Arc::from(text), is_error: false };
        let calls = [
            (call("read_file", json!({"path": "./whole"})), result("all of it")),
            (call("read_file", json!({"path": "part", "limit": 1})), result("one\n[lines 1 to 1 of 2]")),
            (call("write_file", json!({"path": "made", "content": "made"})), result("Wrote 4 bytes")),
            (call("edit_file", json!({"path": "edited", "old": "a", "new": "b"})), result("Replaced 1 occurrence")),
        ];
        let seen = FilesSeen::after(calls.iter().map(|(call, result)| (call, result)));
        let is_as_seen = |path: &str, content: &str| {
            seen.check(&ProjectPath::of_file(path).unwrap(), Some(content.as_bytes())).is_ok()
        };
        assert!(is_as_seen("whole", "all of it") && !is_as_seen("whole", "other"));
        assert!(is_as_seen("made", "made") && is_as_seen("unknown", "x"));
        assert!(!is_as_seen("part", "one\ntwo\n") && !is_as_seen("edited", "b"));
    }
}
