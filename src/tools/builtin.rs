//! The built-in tools that a model may call: files of the project, and commands that the orchestra's file allows.
//!
//! An agent has the tools that it was granted by name, and no other. Every path that a model names leads from the
//! project down, through no link. Whatever a model gives a tool, what comes of it is a text for the model: no call
//! fails the run. Knows nothing of conversations, journals or agents.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::store::disk::Dir;
use crate::words::conversation::Tool;

use self::command::RunCommand;
pub use self::command::{Invocation, Ran, Runner};

mod arguments;
mod command;
mod contents;
mod edit;
mod list;
mod path;
mod place;
mod read;
mod search;
#[cfg(test)]
mod tests;
mod walk;
mod write;

/// The names of all built-in tools, in the order in which they are offered. The last two are done by whoever holds a
/// run's values: see [`ctx_tools`].
pub const NAMES: [&str; 8] =
    ["read_file", "list_files", "search_files", "write_file", "edit_file", "run_command", "ctx_get", "ctx_set"];

/// The most that one call tells of the project's files, in bytes, notes aside.
const MAX_RESULT_BYTES: usize = 256 << 10;

/// What came of a call, for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the model is told.
    pub text: String,
    /// Whether the call was refused or failed.
    pub is_error: bool,
}

/// What a tool does to the world, and so whether a call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: made again, it gives the same while the files are the same.
    None,
    /// It changes something, and made again it changes nothing more.
    Repeatable,
    /// It may be made once.
    Once,
}

/// A tool that an agent may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// `read_file`
    ReadFile,
    /// `list_files`
    ListFiles,
    /// `search_files`
    SearchFiles,
    /// `write_file`
    WriteFile,
    /// `edit_file`
    EditFile,
    /// `run_command`
    RunCommand(RunCommandGrant),
}

/// Which commands an agent may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCommandGrant {
    /// How a command must begin, element by element: `["cargo", "test"]` allows `cargo test --lib`.
    pub allow: Vec<Vec<String>>,
    /// After which a command is ended.
    pub timeout: Duration,
}

/// A call of a tool that works on the project's files.
type FileCall = fn(&Dir, &Value) -> Result<String, String>;

/// A tool that works on the project's files.
struct FileTool {
    grant: Grant,
    tool: fn() -> Tool,
    call: FileCall,
}

/// In the order of [`NAMES`].
const FILE_TOOLS: [FileTool; 5] = [
    FileTool { grant: Grant::ReadFile, tool: read::tool, call: read::call },
    FileTool { grant: Grant::ListFiles, tool: list::tool, call: list::call },
    FileTool { grant: Grant::SearchFiles, tool: search::tool, call: search::call },
    FileTool { grant: Grant::WriteFile, tool: write::tool, call: write::call },
    FileTool { grant: Grant::EditFile, tool: edit::tool, call: edit::call },
];

/// The tools of one agent.
pub struct Toolbox {
    project: Arc<Dir>,
    offered: Arc<[Tool]>,
    files: Vec<(&'static str, FileCall)>,
    command: Option<RunCommand>,
}

impl Toolbox {
    /// The tools that are `granted`, each once. `project` is the folder that they work in, `root` its absolute path,
    /// for commands, which `runner` runs. Of several grants of `run_command` all commands hold, and the shortest
    /// timeout.
    #[must_use]
    pub fn new(project: Dir, root: PathBuf, granted: &[Grant], runner: Runner) -> Self {
        let (mut offered, mut files) = (Vec::new(), Vec::new());
        for (name, tool) in NAMES.into_iter().zip(FILE_TOOLS) {
            if granted.contains(&tool.grant) {
                offered.push((tool.tool)());
                files.push((name, tool.call));
            }
        }
        let command = commands(granted).map(|grant| RunCommand { grant, root, runner });
        offered.extend(command.as_ref().map(RunCommand::tool));
        Self { project: Arc::new(project), offered: offered.into(), files, command }
    }

    /// The tools, as a model is shown them. Always in the same order.
    #[must_use]
    pub fn offered(&self) -> Arc<[Tool]> {
        self.offered.clone()
    }

    /// Whether there is a tool of that name among them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.offered.iter().any(|tool| tool.name == name)
    }

    /// What a tool does to the world, granted or not. A name that no tool has does nothing.
    #[must_use]
    pub fn effect(&self, name: &str) -> Effect {
        match name {
            "write_file" | "ctx_set" => Effect::Repeatable,
            "edit_file" | "run_command" => Effect::Once,
            _ => Effect::None,
        }
    }

    /// Makes a call. A name that is not among the tools, arguments that are wrong and everything that goes wrong are
    /// told to the model.
    pub async fn call(&self, name: &str, arguments: &Value) -> Outcome {
        let told = match (self.files.iter().find(|(file_tool, _)| *file_tool == name), &self.command) {
            (Some((_, call)), _) => self.call_on_files(*call, arguments).await,
            (None, Some(command)) if name == "run_command" => command.call(&self.project, arguments).await,
            _ => Err(self.unknown(name)),
        };
        match told {
            Ok(text) => Outcome { text, is_error: false },
            Err(text) => Outcome { text, is_error: true },
        }
    }

    /// Makes a call of a tool that only reads, at once; `None` for any other. For those who want to know whether it
    /// would still say the same.
    #[must_use]
    pub fn ask_again(&self, name: &str, arguments: &Value) -> Option<Outcome> {
        let (_, call) = self.files.iter().find(|(tool, _)| *tool == name && self.effect(tool) == Effect::None)?;
        Some(match call(&self.project, arguments) {
            Ok(text) => Outcome { text, is_error: false },
            Err(text) => Outcome { text, is_error: true },
        })
    }

    /// Disks can be slow, and searches long, so that other tasks must not wait for them.
    async fn call_on_files(&self, call: FileCall, arguments: &Value) -> Result<String, String> {
        let (project, arguments) = (self.project.clone(), arguments.clone());
        let called = tokio::task::spawn_blocking(move || call(&project, &arguments)).await;
        called.unwrap_or_else(|error| Err(format!("the tool failed, which is a mistake in orch: {error}")))
    }

    fn unknown(&self, name: &str) -> String {
        let names: Vec<&str> = self.offered.iter().map(|tool| &*tool.name).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("there is no tool {}; the tools are: {names}", path::quoted(name))
    }
}

/// Writes a file of the project under the same rules as a model: it cannot leave, and follows no link.
///
/// # Errors
/// Why it cannot be written.
pub fn write_file(project: &Dir, path: &str, content: &str) -> Result<(), String> {
    write::call(project, &json!({ "path": path, "content": content })).map(drop)
}

/// The digest of a file of the project, or of all files that a glob pattern means with their paths, looked at under
/// the same rules. Both change when and only when a path or a content does.
///
/// # Errors
/// That a file is not there or cannot be read. A pattern may mean none.
pub fn digest(project: &Dir, pattern: &str) -> Result<String, String> {
    contents::digest(project, pattern)
}

/// Removes what a killed process has left of writing a file of the project, see [`Dir::marked`].
///
/// # Errors
/// Why it cannot be removed. A path that no tool writes to has nothing left.
pub fn clear_unfinished(project: &Dir, path: &str) -> Result<(), String> {
    write::clear(project, path)
}

/// The file that a call would write, if it is a call of a tool that writes one.
#[must_use]
pub fn written_file<'a>(tool: &str, arguments: &'a Value) -> Option<&'a str> {
    matches!(tool, "write_file" | "edit_file").then(|| arguments["path"].as_str()).flatten()
}

/// Whether a file of the project is there, looked at under the same rules.
#[must_use]
pub fn is_there(project: &Dir, path: &str) -> bool {
    path::ProjectPath::of_file(path).is_ok_and(|path| place::file(project, &path).is_ok())
}

/// One grant of all commands that are granted.
fn commands(granted: &[Grant]) -> Option<RunCommandGrant> {
    let grants = granted.iter().filter_map(|grant| match grant {
        Grant::RunCommand(commands) => Some(commands.clone()),
        _ => None,
    });
    grants.reduce(|mut all, other| {
        all.allow.extend(other.allow);
        all.timeout = all.timeout.min(other.timeout);
        all
    })
}

/// `ctx_get` and `ctx_set`, by which a model reads and sets the values that the tasks of a run share. Done by whoever
/// holds them.
#[must_use]
pub fn ctx_tools() -> [Tool; 2] {
    let key = json!({"type": "string", "description": "The value's name, with dots, such as plan.tasks"});
    let get = Tool {
        name: "ctx_get".to_owned(),
        description: "Gives a value that the tasks of this run share, as JSON.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"key": key},
            "required": ["key"],
            "additionalProperties": false,
        }),
    };
    let set = Tool {
        name: "ctx_set".to_owned(),
        description: "Sets a value for the tasks of this run that come later.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"key": key, "value": {"description": "Any JSON value"}},
            "required": ["key", "value"],
            "additionalProperties": false,
        }),
    };
    [get, set]
}
