//! The built-in tools that a model may call: files of the project, commands that the orchestra's file allows, and the
//! values that the run's tasks share.
//!
//! An agent has the tools that it was granted by name, and no other. Every path that a model names leads from the
//! project down, through no link. Whatever a model gives a tool, the result is a text for the model: no call fails the
//! run. Knows nothing of conversations, journals or agents.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::Tool;
use crate::plan::guarded::OwnFiles;
use crate::plan::orchestra::Grant;
use crate::store::disk::Dir;

use self::file_tool::FileTool;

pub(crate) use self::command::{Invocation, Ran, Runner};
pub use self::ctx::Ctx;
pub(super) use self::path::quoted;
pub(crate) use self::project_files::ProjectFiles;
pub use self::seen::FilesSeen;

mod access;
mod arguments;
mod command;
mod contents;
mod ctx;
mod edit;
mod file_tool;
mod given;
mod list;
mod path;
mod place;
mod project_files;
mod read;
mod search;
mod seen;
#[cfg(test)]
mod tests;
mod walk;
mod write;

/// The most that one call returns of the project's files, in bytes, notes aside.
const MAX_RESULT_BYTES: usize = 256 << 10;

/// What built-in tools work with. One for each run.
pub(crate) struct ToolContext {
    /// The project's folder.
    pub project: Arc<ProjectFiles>,
    /// The files that belong to the run itself.
    pub own: Arc<OwnFiles>,
    /// Its absolute path, for commands.
    pub root: PathBuf,
    /// The environment of commands.
    pub environment: Vec<(String, String)>,
    /// What runs commands.
    pub runner: Runner,
    /// The values that the tasks share.
    pub ctx: Ctx,
}

/// A built-in tool.
struct Row {
    name: &'static str,
    /// Makes the tool from all grants of it, of which there is one at least.
    make: fn(&[&Grant], &ToolContext) -> Arc<dyn Tool>,
}

/// Every built-in tool, as [`crate::plan::tools::BUILT_IN`] names them and in the same order.
const TOOLS: [Row; 8] = [
    Row { name: "read_file", make: |grants, context| read::TOOL.granted(grants, context) },
    Row { name: "list_files", make: |grants, context| list::TOOL.granted(grants, context) },
    Row { name: "search_files", make: |grants, context| search::TOOL.granted(grants, context) },
    Row { name: "write_file", make: |grants, context| write::TOOL.granted(grants, context) },
    Row { name: "edit_file", make: |grants, context| edit::TOOL.granted(grants, context) },
    Row { name: "run_command", make: command::granted },
    Row { name: "ctx_get", make: |_, context| ctx::get(context) },
    Row { name: "ctx_set", make: |_, _| ctx::set() },
];

/// The tools that write a file of the project, whose `path` argument names it.
const WRITERS: [&FileTool; 2] = [&write::TOOL, &edit::TOOL];

/// The built-in tools that are granted, each once and always in the same order.
#[must_use]
pub(crate) fn granted(grants: &[Grant], context: &ToolContext) -> Vec<Arc<dyn Tool>> {
    let made = TOOLS.iter().filter_map(|row| {
        let of_this: Vec<&Grant> = grants.iter().filter(|grant| grant.built_in() == Some(row.name)).collect();
        (!of_this.is_empty()).then(|| (row.make)(&of_this, context))
    });
    made.collect()
}

/// Writes a file of the project that the orchestra names, under the same rules as a model: it cannot leave, and follows
/// no link.
///
/// # Errors
/// Why it cannot be written.
pub(crate) fn write_file(project: &ProjectFiles, path: &str, content: &[u8]) -> Result<(), String> {
    let path = path::ProjectPath::of_written_file(path)?;
    let _alone = project.write_alone();
    write::put(project, &path, content)
}

/// What stands in a file that [`write_file`] would write; `None` if there is none.
///
/// # Errors
/// Why it cannot be read, or could not be written.
pub(crate) fn read_whole(project: &Dir, path: &str) -> Result<Option<Vec<u8>>, String> {
    write::standing(project, &path::ProjectPath::of_written_file(path)?)
}

/// Removes a file that [`write_file`] has made. That there is none is fine.
///
/// # Errors
/// Why it cannot be removed.
pub(crate) fn remove_file(project: &ProjectFiles, path: &str) -> Result<(), String> {
    let path = path::ProjectPath::of_written_file(path)?;
    let _alone = project.write_alone();
    write::remove(project, &path)
}

/// The digest of a file of the project, or of all files that a glob pattern means with their paths, looked at under
/// the same rules. Both change when and only when a path or a content does.
///
/// # Errors
/// That a file is not there or cannot be read. A pattern may mean none.
pub(crate) fn digest(project: &Dir, pattern: &str) -> Result<String, String> {
    contents::digest(project, pattern)
}

/// The texts of the files that paths and patterns mean, each with its path, for a model that has no tools.
///
/// # Errors
/// That a file is not there, is no text, is kept from tools, or that they are too long together.
pub(crate) fn texts(project: &Dir, own: &OwnFiles, patterns: &[String]) -> Result<Vec<(String, String)>, String> {
    given::texts(project, own, patterns)
}

/// Removes what a killed process has left of writing a file of the project, see [`Dir::marked`].
///
/// # Errors
/// Why it cannot be removed. A path that no tool writes to has nothing left.
pub(crate) fn clear_unfinished(project: &Dir, path: &str) -> Result<(), String> {
    write::clear(project, path)
}

/// The file that a call would write, if it is a call of a tool that writes one.
#[must_use]
pub(crate) fn written_file<'a>(tool: &str, arguments: &'a Value) -> Option<&'a str> {
    let is_writer = WRITERS.iter().any(|writer| (writer.definition)().name == tool);
    is_writer.then(|| arguments["path"].as_str()).flatten()
}

/// Looks whether a file of the project is there, under the same rules.
///
/// # Errors
/// What is there instead, or that nothing is.
pub(crate) fn find_file(project: &Dir, path: &str) -> Result<(), String> {
    let found = path::ProjectPath::of_file(path).and_then(|path| place::file(project, &path));
    // Whoever asks may not have the tool that these words recommend.
    let plain = |why: String| why.split_once("; list_files").map(|(why, _)| why.to_owned()).unwrap_or(why);
    found.map(drop).map_err(plain)
}
