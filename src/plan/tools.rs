//! The names by which the author of an orchestra grants built-in tools.
//!
//! Knows no implementation: `tools::builtin` has a row for each of these, and a test there holds that both agree.

use crate::plan::orchestra::Grant;

/// The tool that runs commands.
const RUN_COMMAND: &str = "run_command";

/// A built-in tool as an author may grant it.
#[derive(Debug)]
pub(crate) struct BuiltInTool {
    /// Its name.
    pub name: &'static str,
    /// What a grant of it says besides the name.
    pub settings: GrantSettings,
}

/// What a grant says besides the name of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GrantSettings {
    /// Nothing.
    None,
    /// Which files it is for (`paths`).
    Files,
    /// Which commands are allowed (`allow`), and how long one may take (`timeout_seconds`).
    Commands,
}

/// Every built-in tool, in the order in which a model gets them.
pub(crate) const BUILT_IN: [BuiltInTool; 8] = [
    on_files("read_file"),
    on_files("list_files"),
    on_files("search_files"),
    on_files("write_file"),
    on_files("edit_file"),
    BuiltInTool { name: RUN_COMMAND, settings: GrantSettings::Commands },
    BuiltInTool { name: "ctx_get", settings: GrantSettings::None },
    BuiltInTool { name: "ctx_set", settings: GrantSettings::None },
];

const fn on_files(name: &'static str) -> BuiltInTool {
    BuiltInTool { name, settings: GrantSettings::Files }
}

/// The built-in tool of that name.
#[must_use]
pub(crate) fn find(name: &str) -> Option<&'static BuiltInTool> {
    BUILT_IN.iter().find(|tool| tool.name == name)
}

/// The names of all built-in tools.
#[must_use]
pub(crate) fn names() -> [&'static str; BUILT_IN.len()] {
    BUILT_IN.map(|tool| tool.name)
}

impl Grant {
    /// The name of the built-in tool that is granted; `None` for those of servers.
    #[must_use]
    pub fn built_in(&self) -> Option<&'static str> {
        match self {
            Self::BuiltIn(name) | Self::Files { tool: name, .. } => Some(name),
            Self::RunCommand { .. } => Some(RUN_COMMAND),
            Self::Mcp { .. } => None,
        }
    }
}
