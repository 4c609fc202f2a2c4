//! An orchestra's file as it is written: every key of the format, with its place, and nothing decided yet.
//!
//! [`OrchestraFile`] and its parts are the format. The JSON Schema, the check of a file and the editor's help are made
//! from these types and their comments. Knows no other file: whether an agent exists is for `resolve`.

pub mod check;
mod later;
pub mod located;
pub mod playbook;
mod salvage;
pub mod script;
pub mod yaml;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::plan::spec::located::{Either, Spanned};
use crate::plan::tier::Tier;
use crate::words::diagnostic::{Diagnostic, Source};

pub use crate::plan::spec::salvage::Gaps;

/// Text with its place.
pub type Text = Spanned<String>;

/// Agents, tasks, and how to run them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an orchestra file")]
pub struct OrchestraFile {
    /// Who made the orchestra and what it is for.
    pub metadata: Option<Metadata>,
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

/// What may be used at most. It is reserved before each call of a model, so that it holds also where tasks run side
/// by side, and goes on counting over a resume.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`limits`")]
pub struct Limits {
    /// Calls of models, retries and fallbacks included.
    pub max_api_calls: Option<u64>,
    /// Tokens of prompts and answers.
    pub token_budget: Option<u64>,
    /// Dollars. Every model needs a known price then.
    #[schemars(range(min = 0))]
    pub cost_limit_usd: Option<f64>,
    /// Seconds in which calls may begin.
    pub max_seconds: Option<u64>,
    /// Rounds between a model and its tools in one attempt at a task; 50 if left out.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_iterations: Option<u32>,
}

/// A server of the Model Context Protocol: a program of which the input and output are spoken to, or an address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an MCP server")]
pub struct McpServer {
    /// The program and its arguments.
    pub argv: Option<Spanned<Vec<String>>>,
    /// The environment variables that the program is given besides the usual ones, by name.
    #[serde(default)]
    pub env: Vec<String>,
    /// The server's address, for one that speaks streamable HTTP.
    pub url: Option<Text>,
    /// HTTP headers, each with the environment variable that holds its value.
    #[serde(default)]
    pub header_env: BTreeMap<String, String>,
    /// The tools that may be used; all if left out.
    pub tools: Option<Vec<String>>,
    /// The tools that may not be used.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// How long one call may take, in seconds; 60 if left out.
    #[schemars(range(max = 86_400), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
}

/// A tool that an agent may use, with what it may do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a tool")]
pub struct ToolGrant {
    /// The tool's name.
    pub name: Text,
    /// For `run_command`: the beginnings of the command lines that are allowed, such as `[cargo, test]`.
    pub allow: Option<Spanned<Vec<Vec<String>>>>,
    /// For `run_command`: how long one command may take, in seconds; 120 if left out.
    #[schemars(range(max = 86_400), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
}

/// What a task's output is to be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`output`")]
pub struct OutputTable {
    /// What kind of text it is; `text` if left out, `json` with a schema.
    pub format: Option<Spanned<OutputFormat>>,
    /// The JSON Schema that it must match: written here, or the path of a file in the project.
    pub schema: Option<Either<Text, Spanned<BTreeMap<String, serde_json::Value>>>>,
    /// A file in the project that gets the output as well, as soon as the task is done. A plan is written there as
    /// Markdown, unless the name ends with `.json`.
    pub file: Option<Text>,
    /// With `format: file`: the file of the project whose content the output is.
    pub path: Option<Text>,
}

/// What kind of text an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Any text.
    Text,
    /// Markdown.
    Markdown,
    /// One JSON document.
    Json,
    /// The content of a file, and nothing else.
    File,
    /// A plan as JSON: `tasks` with their dependencies, `files` to make or change, and `decisions`.
    Plan,
}

/// What must hold when a task says that it is done.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an entry of `verify`")]
pub struct Check {
    /// A command that must succeed.
    pub run: Option<Spanned<Vec<String>>>,
    /// A file of the project that must be there.
    pub file: Option<Text>,
    /// How long the command may take, in seconds; 300 if left out.
    #[schemars(range(max = 86_400), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
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

/// How the tasks run.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`execution`")]
pub struct Execution {
    /// How tasks are put in order; `sequential` if left out.
    pub strategy: Option<Spanned<Strategy>>,
    /// How many tasks may run at once: 1 if sequential, else 3; 0 is no limit.
    pub max_parallel_tasks: Option<Spanned<u32>>,
    /// How long one attempt at a task may take, in seconds; 300 if left out.
    #[schemars(range(max = 604_800), extend("exclusiveMinimum" = 0))]
    pub task_timeout_seconds: Option<f64>,
    /// When a failed attempt is tried again; `exponential_backoff` if left out.
    pub retry_strategy: Option<Retry>,
    /// What a failed task means for the others: `stop` if sequential, else `continue`.
    pub on_error: Option<OnError>,
    /// Whether `summary.json` is written into the run's folder; true if left out.
    pub enable_metrics: Option<bool>,
    /// Whether `trace.json` is written into the run's folder; true if left out.
    pub enable_trace: Option<bool>,
    /// With `mixed`: the groups in their order; each waits for the one before it.
    pub task_groups: Option<Spanned<Vec<TaskGroup>>>,
}

/// How tasks are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// One after another; each gets the output of the one before it.
    Sequential,
    /// As soon as what their `context` names is done.
    Parallel,
    /// In groups, one group after another.
    Mixed,
}

/// A group of tasks in a `mixed` orchestra.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a task group")]
pub struct TaskGroup {
    /// The group's name.
    pub name: Option<Text>,
    /// The names of its tasks.
    pub tasks: Spanned<Vec<Text>>,
    /// How its tasks are put in order; `sequential` if left out.
    pub execution_strategy: Option<GroupStrategy>,
    /// What its tasks may use together.
    pub limits: Option<Spanned<Limits>>,
}

/// How the tasks of a group are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupStrategy {
    /// One after another; each gets the output of the one before it.
    Sequential,
    /// As soon as what their `context` names is done.
    Parallel,
}

/// When a failed attempt is tried again: a name, or a name with its numbers.
pub type Retry = Either<Spanned<RetryStrategy>, RetryTable>;

/// How the wait between two attempts grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryStrategy {
    /// It doubles from try to try, and a random part of it is waited.
    ExponentialBackoff,
    /// It stays the same.
    Fixed,
    /// There is no second attempt.
    None,
}

/// When a failed attempt is tried again, in full.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`retry_strategy`")]
pub struct RetryTable {
    /// How the wait grows; `exponential_backoff` if left out.
    pub strategy: Option<RetryStrategy>,
    /// Attempts in all, the first one included; 3 if left out.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: Option<u32>,
    /// The wait before the second attempt, in seconds; 1 if left out.
    #[schemars(range(min = 0, max = 3600))]
    pub initial_seconds: Option<f64>,
    /// The longest wait, in seconds; 60 if left out.
    #[schemars(range(min = 0, max = 3600))]
    pub max_seconds: Option<f64>,
}

/// What a failed task means for those that do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// What runs ends, and nothing new starts.
    Stop,
    /// They run all the same.
    Continue,
}

/// What a name under `models` stands for.
#[derive(Debug, Clone)]
pub enum ModelEntry {
    /// One model.
    One(Box<Model>),
    /// Several, of which the next one is used when the one before it fails: other names, or `provider/model`.
    Chain(Vec<Text>),
}

impl<'de> Deserialize<'de> for ModelEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;

        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = ModelEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model or a list of models")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ModelEntry, A::Error> {
                Box::deserialize(MapAccessDeserializer::new(map)).map(ModelEntry::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ModelEntry, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(ModelEntry::Chain)
            }
        }

        deserializer.deserialize_any(EntryVisitor)
    }
}

impl JsonSchema for ModelEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ModelEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"anyOf": [generator.subschema_for::<Model>(), generator.subschema_for::<Vec<Text>>()]})
    }
}

/// A model and where it is served.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a model")]
pub struct Model {
    /// The wire format that the server speaks.
    pub provider: Spanned<Provider>,
    /// The name that the server knows the model by. An agent CLI needs none.
    pub model: Option<Text>,
    /// With `command`: the program and its arguments. The prompt goes to its standard input.
    pub argv: Option<Spanned<Vec<String>>>,
    /// With `command`: the environment variables that the program is given besides the usual ones, by name.
    #[serde(default)]
    pub env: Vec<String>,
    /// The server's address; the provider's own if left out.
    pub base_url: Option<Text>,
    /// The environment variable that holds the key.
    pub api_key_env: Option<Text>,
    /// A command that prints the key, in place of a variable.
    pub api_key_command: Option<Spanned<Vec<String>>>,
    /// How many tokens a prompt and its answer may have together.
    #[schemars(range(min = 1))]
    pub context_window: Option<u64>,
    /// What it costs; that of the built-in table if left out.
    pub price: Option<Price>,
    /// How freely it chooses its words: 0 is not at all.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// How long one call may take, in seconds; as long as the attempt at the task may, if left out.
    #[schemars(range(max = 604_800), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
}

/// The wire format that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = with_other_names)]
pub enum Provider {
    /// OpenAI Chat Completions, also spoken by llama.cpp, vLLM, LiteLLM and many others.
    Openai,
    /// OpenAI Responses, which lets a reasoning model keep its thoughts from one call of a tool to the next.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini.
    #[serde(alias = "google")]
    Gemini,
    /// Zhipu's GLM, at Z.ai or at a server with its interface.
    #[serde(alias = "glm")]
    Zhipu,
    /// A local Ollama, through its own interface.
    Ollama,
    /// A program, such as an agent CLI: `claude`, `codex`, `gemini`, or any other.
    Command,
}

/// Adds the other names of providers, which the schema would leave out and the check of words would refuse.
fn with_other_names(schema: &mut schemars::Schema) {
    if let Some(words) = schema.get_mut("oneOf").and_then(|words| words.as_array_mut()) {
        let aliases = Provider::ALL.into_iter().flat_map(|p| p.aliases().iter().map(move |alias| (alias, p.name())));
        for (word, same) in aliases {
            let description = format!("The same as `{same}`.");
            words.push(serde_json::json!({"type": "string", "const": word, "description": description}));
        }
    }
}

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`price`")]
pub struct Price {
    /// For tokens of the prompt.
    #[schemars(range(min = 0))]
    pub input: f64,
    /// For tokens of the answer.
    #[schemars(range(min = 0))]
    pub output: f64,
    /// For tokens of the prompt that the provider had in its cache; as `input` if left out.
    #[schemars(range(min = 0))]
    pub cached_input: Option<f64>,
    /// For tokens of the prompt that the provider wrote to its cache, as Anthropic and some models of OpenAI charge for;
    /// if left out, 1.25 times `input` with `provider: anthropic` and with a program, and as `input` elsewhere. What is
    /// kept for an hour costs 1.6 times this.
    #[schemars(range(min = 0))]
    pub cache_write: Option<f64>,
}

/// An agent described where it is listed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an agent")]
pub struct InlineAgent {
    /// The name that tasks use.
    pub name: Text,
    /// A built-in role to start from, or any title; the name if left out.
    pub role: Option<String>,
    /// What it is to achieve in general.
    pub goal: Option<String>,
    /// What kind of character it is.
    pub persona: Option<String>,
    /// How it works and what its answers look like.
    pub instructions: Option<String>,
    /// The model: a name under `models`, or `provider/model`; or a list of them, in which the next one is used when the
    /// one before it fails.
    pub model: Option<Either<Text, Spanned<Vec<Text>>>>,
    /// The tools that it may use: built-in ones by name, those of an MCP server as `server/tool` or `server/*`.
    #[serde(default)]
    pub tools: Vec<Either<Text, ToolGrant>>,
    /// How freely it chooses its words: 0 is not at all.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
}

/// One piece of work for one agent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a task")]
pub struct Task {
    /// The name, which also names its output file.
    pub name: Text,
    /// The agent that does it. A task has either an agent or `run`.
    pub agent: Option<Text>,
    /// A program and its arguments that do the task without a model; what it writes to standard output is the output.
    /// `{goal}` and `{{ ... }}` are filled in, each argument by itself, and nothing goes through a shell.
    pub run: Option<Spanned<Vec<Text>>>,
    /// For `run`: the environment variables that the program is given besides the usual ones, by name.
    pub env: Option<Spanned<Vec<Text>>>,
    /// For `run`: what the program reads on standard input; `{goal}` and `{{ ... }}` are filled in.
    pub stdin: Option<Text>,
    /// Makes the task once for each item of a list: a list in the file, or `outputs.TASK` or `outputs.TASK.FIELD` for a
    /// JSON list or the lines of a text that a task in `context` has made. `{{ item }}` and `{{ loop.index }}` are
    /// filled in.
    pub for_each: Option<Either<Text, Spanned<Vec<serde_json::Value>>>>,
    /// For `for_each`: how many of its tasks run side by side; as many as the run allows if left out.
    #[schemars(range(min = 1))]
    pub max_parallel: Option<Spanned<u32>>,
    /// For `for_each`: what its own output is; `json` if left out.
    pub collect: Option<Spanned<Collect>>,
    /// The model for this task, or a list of them, in place of the agent's.
    pub model: Option<Either<Text, Spanned<Vec<Text>>>>,
    /// What the agent is to do; `{goal}` and `{{ ... }}` are filled in.
    pub description: Option<Text>,
    /// The tasks whose outputs it gets.
    pub context: Option<Spanned<Vec<Text>>>,
    /// Which of several ready tasks starts first; `medium` if left out.
    pub priority: Option<Priority>,
    /// How long one attempt may take, in seconds.
    #[schemars(range(max = 604_800), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
    /// When a failed attempt is tried again.
    pub retry_strategy: Option<Retry>,
    /// What its failure means for the others.
    pub on_error: Option<OnError>,
    /// Whether an earlier result may be used again; as `orchestra.reuse` says if left out, and false for a task whose
    /// tools change something, unless it declares its `inputs` and `outputs`.
    pub reuse: Option<Spanned<bool>>,
    /// What the output is to be.
    pub output: Option<OutputTable>,
    /// What must hold when the model says that it is done.
    #[serde(default)]
    pub verify: Vec<Spanned<Check>>,
    /// The files of the project that the work depends on: paths, or glob patterns such as `src/**/*.rs`.
    pub inputs: Option<Vec<Text>>,
    /// The files of the project that the work makes. They must be there when the task is done. With `inputs`, the task
    /// may be reused although its tools change something.
    pub outputs: Option<Vec<Text>>,
    /// What the task may use, over all its attempts.
    pub limits: Option<Spanned<Limits>>,
}

/// What the output of a task with `for_each` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Collect {
    /// A JSON list of the outputs in the order of the items; `null` for one that failed.
    #[default]
    Json,
    /// The outputs one after another, each under its name.
    Text,
}

/// Which of several ready tasks starts first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others.
    Critical,
    /// Early.
    High,
    /// In between.
    #[default]
    Medium,
    /// Late.
    Low,
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
    pub gaps: Gaps,
    /// The mistakes of form, in no particular order.
    pub mistakes: Vec<Diagnostic>,
}

/// Reads a file: every mistake of form at once, and what is left to be checked for its meaning.
#[must_use]
pub fn read(source: &Source) -> Reading {
    let nothing = |mistakes| Reading { file: None, gaps: Gaps::default(), mistakes };
    let tree = match yaml::parse(source) {
        Ok(tree) => tree,
        Err(mistake) => return nothing(vec![*mistake]),
    };
    let (mistakes, faults) = check::check(&tree, schema());
    if mistakes.is_empty() {
        return match located::convert(&tree) {
            Ok(file) => Reading { file: Some(file), gaps: Gaps::default(), mistakes },
            Err(error) => nothing(vec![unexpected(&error)]),
        };
    }
    let salvaged = salvage::salvage(&tree, &faults);
    match salvaged.and_then(|(tree, gaps)| Some((located::convert(&tree).ok()?, gaps))) {
        Some((file, gaps)) => Reading { file: Some(file), gaps, mistakes },
        None => nothing(mistakes),
    }
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
