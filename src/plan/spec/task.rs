//! Tasks: what is to be done, by whom, with what, and what has to come of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::spec::located::{Either, Spanned};
use crate::plan::spec::{Limits, OnError, Prose, Retry, Text};

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
    /// Makes the task once for each item of a list: a list in the file, or `inputs.NAME`, or `outputs.TASK` or
    /// `outputs.TASK.FIELD` for a JSON list or the lines of a text that a task in `context` has made. `{{ item }}` and `{{ loop.index }}` are
    /// filled in.
    pub for_each: Option<Either<Text, Spanned<Vec<serde_json::Value>>>>,
    /// For `for_each` and `expand`: how many of its tasks run side by side; as many as the run allows if left out.
    #[schemars(range(min = 1))]
    pub max_parallel: Option<Spanned<u32>>,
    /// For `for_each` and `expand`: what its own output is; `json` if left out, and `text` for `expand`.
    pub collect: Option<Spanned<Collect>>,
    /// Does the task again and again, until something holds.
    pub repeat: Option<Spanned<RepeatTable>>,
    /// Has its agent plan tasks for others, which are then done. Its own output is what those have made.
    pub expand: Option<Either<Spanned<bool>, Spanned<ExpandTable>>>,
    /// Has another agent review what the task has made, which is made anew until that approves it.
    pub review: Option<Spanned<ReviewTable>>,
    /// The model for this task, or a list of them, in place of the agent's.
    pub model: Option<Either<Text, Spanned<Vec<Text>>>>,
    /// What the agent is to do: a text, or `{file: PATH}` for one in a file of the project. `{goal}` and `{{ ... }}` are
    /// filled in.
    pub description: Option<Prose>,
    /// What is expected of the output, in words that are put behind the description.
    pub expected_output: Option<Text>,
    /// The tasks whose outputs it gets.
    pub context: Option<Spanned<Vec<Text>>>,
    /// Whether the task is wanted: an expression in double braces such as `{{ outputs.triage.kind == 'bug' }}`, asked when
    /// the tasks in `context` have ended. A task that is not wanted is left out.
    pub when: Option<Text>,
    /// How the tasks in `context` must have ended; `all` if left out.
    pub join: Option<Spanned<Join>>,
    /// The tasks on whose failure it runs, in place of `context` and `join: failed`. Where none of them fails, it is left
    /// out.
    pub on_failure: Option<Either<Text, Spanned<Vec<Text>>>>,
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
    /// tools change something, unless it declares what it `reads` and `writes`.
    pub reuse: Option<Spanned<bool>>,
    /// What the output is to be.
    pub output: Option<OutputTable>,
    /// The values that all later tasks of the run share: a key for all of the output, or keys with the field of the JSON
    /// output that each gets. They are asked for as `{{ ctx.KEY }}`.
    pub sets: Option<Either<Text, Spanned<BTreeMap<String, Text>>>>,
    /// Has a person approve what the task has made before anything that needs it begins; with `expand`, the plan.
    pub approve: Option<Either<Spanned<bool>, Spanned<ApproveTable>>>,
    /// What must hold when the model says that it is done.
    #[serde(default)]
    pub verify: Vec<Spanned<Check>>,
    /// The files of the project that the work depends on: paths, or glob patterns such as `src/**/*.rs`.
    /// A model without tools is given their texts.
    pub reads: Option<Vec<Text>>,
    /// The files of the project that the work makes. They must be there when the task is done. With `reads`, the task
    /// may be reused although its tools change something.
    pub writes: Option<Vec<Text>>,
    /// What the task may use, over all its attempts.
    pub limits: Option<Spanned<Limits>>,
}

/// The tasks that a task plans.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`expand`")]
pub struct ExpandTable {
    /// Who may be given tasks; all that the file lists under `agents`, but for the one that plans, if left out.
    pub agents: Option<Spanned<Vec<Text>>>,
    /// How many tasks there may be; 20 if left out.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_tasks: Option<u32>,
}

/// Who looks at what a task has made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`review`")]
pub struct ReviewTable {
    /// The agent that reviews it.
    pub by: Text,
    /// The agent that says how to mend what the review has found, before it is made anew.
    pub advise: Option<Text>,
    /// How often it may be made; 3 if left out.
    #[schemars(range(min = 1, max = 100))]
    pub max_iterations: Option<u32>,
    /// What becomes of the task when the last version is not approved; `fail` if left out.
    pub on_max: Option<OnMax>,
    /// What the review is to look at above all; filled in like a description.
    pub criteria: Option<Text>,
}

/// The question to a person.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`approve`")]
pub struct ApproveTable {
    /// What the person is to look at.
    pub question: Option<Text>,
}

/// The rounds of a task. Each is a task of its own and gets the output of the one before it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`repeat`")]
pub struct RepeatTable {
    /// An expression in double braces such as `{{ output.approved }}`, asked after each round: the round is the last one if it
    /// holds. Without it there are as many rounds as there may be.
    pub until: Option<Text>,
    /// How many rounds there may be.
    #[schemars(range(min = 1, max = 1000))]
    pub max: u32,
    /// What becomes of the task when `until` does not hold after the last round; `fail` if left out.
    pub on_max: Option<OnMax>,
}

/// What becomes of a task whose condition never held, or that was never approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMax {
    /// It fails.
    Fail,
    /// The output of the last round is its output.
    Accept,
}

/// What the output of a task with `for_each` or `expand` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Collect {
    /// A JSON list of the outputs in the order of the items; `null` for one that failed. With `expand`, a JSON object with
    /// the output of each task by its `task_id`.
    #[default]
    Json,
    /// The outputs one after another, each under its name.
    Text,
}

/// How the tasks that a task waits for must have ended for it to run. It waits for all of them in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// All have an output.
    #[default]
    All,
    /// At least one has an output.
    Any,
    /// However they have ended.
    Settled,
    /// At least one has failed; else the task is left out.
    Failed,
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
