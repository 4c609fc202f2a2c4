//! An orchestra's file as it is written: every key of the format, with its place, and nothing decided yet.
//!
//! [`OrchestraFile`] and its parts are the format. The JSON Schema, the check of a file and the editor's help are made
//! from these types and their comments. Knows no other file: whether an agent exists is for `resolve`.

mod agent;
pub mod check;
mod cures;
mod execution;
mod hooks;
mod input;
mod later;
pub mod located;
mod model;
mod notify;
pub(crate) mod place;
pub mod playbook;
mod prune;
pub mod script;
mod slips;
mod task;
pub mod yaml;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;

use crate::plan::spec::located::{Either, Spanned};
use crate::plan::tier::Tier;
use crate::words::diagnostic::{Diagnostic, Source};

pub use crate::plan::spec::agent::{InlineAgent, McpServer, ToolGrant};
pub use crate::plan::spec::execution::{
    Execution, GroupStrategy, Limits, OnError, Retry, RetryStrategy, RetryTable, Strategy, TaskGroup,
};
pub use crate::plan::spec::hooks::{Hook, HookList, Hooks};
pub use crate::plan::spec::input::{Input, InputKind};
pub use crate::plan::spec::model::{
    Auth, Given, KeepAlive, Model, ModelEntry, OnTruncated, Price, Provider, Reasoning, Variable,
};
pub use crate::plan::spec::notify::{Notify, NotifyBody, NotifyOn};
pub use crate::plan::spec::prune::Omissions;
pub use crate::plan::spec::task::{
    ApproveTable, Check, Collect, ExpandTable, Join, OnMax, OutputFormat, OutputTable, Priority, RepeatTable,
    ReviewTable, Task,
};

/// Text with its place.
pub type Text = Spanned<String>;

/// A text, or a file of the project that holds it.
pub type Prose = Either<Text, Spanned<ProseFile>>;

/// A file of the project that holds a text.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a text in a file")]
pub struct ProseFile {
    /// The path of the file, relative to the project.
    pub file: Text,
}

/// Inputs by name: a word for what each is, or more.
pub type Inputs = BTreeMap<String, Either<Spanned<InputKind>, Spanned<Input>>>;

/// Agents, tasks, and how to run them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an orchestra file")]
pub struct OrchestraFile {
    /// Who made the orchestra and what it is for.
    pub metadata: Option<Metadata>,
    /// The values that a run is given by name, besides its goal: a word for what each is, or more. `{{ inputs.NAME }}`
    /// and `{NAME}` stand for them.
    pub inputs: Option<Inputs>,
    /// The orchestra's id, its workspace and how its tasks run.
    pub orchestra: Option<OrchestraSection>,
    /// The same as `orchestra.execution`; one of the two is enough.
    pub execution: Option<Spanned<Execution>>,
    /// Names for models, and for chains of models; `provider/model` needs no entry here.
    #[serde(default)]
    pub models: BTreeMap<String, ModelEntry>,
    /// The servers whose tools agents may be given, by a name of yours.
    #[serde(default)]
    pub mcp_servers: BTreeMap<String, McpServer>,
    /// What the whole run may use; the same as `orchestra.limits`, and one of the two is enough.
    pub limits: Option<Spanned<Limits>>,
    /// The agents that may play tasks: names of playbooks or built-in roles, or agents described here. Left out, these
    /// are the agents that the tasks name.
    pub agents: Option<Vec<Either<Text, InlineAgent>>>,
    /// The tasks, in the order in which they are told.
    #[schemars(required)]
    pub tasks: Spanned<Vec<Spanned<Task>>>,
    /// The tasks whose outputs are the result of the run, in this order. Left out, these are the tasks that nothing
    /// follows.
    pub result: Option<Spanned<Vec<Text>>>,
    /// Programs that run at the points of a run; the same as `orchestra.hooks`, and one of the two is enough.
    pub hooks: Option<Spanned<Hooks>>,
    /// Who is told how a run has ended.
    pub notify: Option<Spanned<Vec<Spanned<Notify>>>>,
}

/// Who made the orchestra and what it is for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`metadata`")]
pub struct Metadata {
    /// A name for people.
    pub name: Option<String>,
    /// The orchestra's id, unless `orchestra.id` says otherwise.
    pub id: Option<Text>,
    /// The orchestra's own version.
    pub version: Option<String>,
    /// What kind of orchestra it is, such as `basic`.
    pub kind: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Option<String>,
}

/// The orchestra's id, its workspace and how its tasks run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`orchestra`")]
pub struct OrchestraSection {
    /// The id, which names the workspace. Left out, it is `metadata.id`, else the file's name.
    pub id: Option<Text>,
    /// A name for people.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Where the results go.
    pub workspace: Option<Workspace>,
    /// How the tasks run.
    pub execution: Option<Spanned<Execution>>,
    /// The tier that the orchestra may not exceed; `oracles` and `genies` run one task at a time.
    pub required_tier: Option<Spanned<Tier>>,
    /// What the whole run may use.
    pub limits: Option<Spanned<Limits>>,
    /// Programs that run at the points of a run.
    pub hooks: Option<Spanned<Hooks>>,
    /// Whether a task whose inputs are those of an earlier success is not made again; true if left out.
    pub reuse: Option<Either<Spanned<bool>, ReuseTable>>,
}

/// How earlier results are used again.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`reuse`")]
pub struct ReuseTable {
    /// How old a result may be, in seconds; any age if left out.
    pub ttl_seconds: Option<u64>,
}

/// Where the results go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`workspace`")]
pub struct Workspace {
    /// What keeps the workspace.
    #[serde(rename = "type")]
    pub kind: Option<WorkspaceKind>,
    /// The folder, relative to the project. `./orchestra_workspaces/<id>` if left out.
    pub path: Option<Text>,
}

/// What keeps a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceKind {
    /// A folder.
    LocalFs,
}

/// The JSON Schema of the format (draft 2020-12), as `orch schema` prints it.
#[must_use]
pub fn schema() -> &'static serde_json::Value {
    static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let generator = SchemaSettings::draft2020_12().into_generator();
        generator.into_root_schema_for::<OrchestraFile>().to_value()
    })
}

/// What was read of a file.
#[derive(Debug)]
pub struct Reading {
    /// The file, without the parts that have mistakes of form; `None` if that leaves nothing to look at.
    pub file: Option<OrchestraFile>,
    /// What was left out for that.
    pub omissions: Omissions,
    /// The mistakes of form, in no particular order.
    pub mistakes: Vec<Diagnostic>,
    /// What is of the right form and most likely not meant.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a file: every mistake of form at once, and what is left to be checked for its meaning.
#[must_use]
pub fn read(source: &Source) -> Reading {
    let nothing = Reading { file: None, omissions: Omissions::default(), mistakes: Vec::new(), warnings: Vec::new() };
    let tree = match yaml::parse(source) {
        Ok(tree) => tree,
        Err(mistake) => return Reading { mistakes: vec![*mistake], ..nothing },
    };
    let nothing = Reading { warnings: slips::slips(source, &tree), ..nothing };
    let (mistakes, faults) = check::check(&tree, schema());
    if mistakes.is_empty() {
        return match located::convert(&tree) {
            Ok(file) => Reading { file: Some(file), ..nothing },
            Err(error) => Reading { mistakes: vec![unexpected(&error)], ..nothing },
        };
    }
    let pruned = prune::prune(&tree, &faults);
    match pruned.and_then(|(tree, omissions)| Some((located::convert(&tree).ok()?, omissions))) {
        Some((file, omissions)) => Reading { file: Some(file), omissions, mistakes, ..nothing },
        None => Reading { mistakes, ..nothing },
    }
}

/// The places where a tree is not what the format says, what is not supported yet included.
pub(crate) fn mistakes_of_form(tree: &yaml::Node) -> Vec<Diagnostic> {
    check::check(tree, schema()).0
}

/// Reads a text as the type that `schema` was made from.
pub(crate) fn read_as<T: for<'de> Deserialize<'de>>(
    source: &Source,
    schema: &serde_json::Value,
) -> Result<T, Vec<Diagnostic>> {
    let tree = yaml::parse(source).map_err(|diagnostic| vec![*diagnostic])?;
    let (found, _) = check::check(&tree, schema);
    if !found.is_empty() {
        return Err(found);
    }
    located::convert(&tree).map_err(|error| vec![unexpected(&error)])
}

/// The check and the types are made from the same source, so this is a fault in orch.
fn unexpected(error: &located::ConvertError) -> Diagnostic {
    Diagnostic::error_in_file(format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
