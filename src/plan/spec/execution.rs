//! How tasks run: the strategy, groups, retries, limits, and what a failure means.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::spec::Text;
use crate::plan::spec::located::{Either, Spanned};

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
    /// How long a provider that nobody reaches is waited for before that costs an attempt, in seconds; 60 if left out.
    #[schemars(range(min = 0, max = 604_800))]
    pub outage_seconds: Option<f64>,
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

/// When a failed attempt is tried again: a name, or a name with its numbers.
pub type Retry = Either<Spanned<RetryStrategy>, RetryTable>;

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
    /// Calls of tools for one task, over all its attempts: a number for all tools together, or a mapping from tools, as
    /// `tools` names them, to numbers; `"*"` is all of them, and `server/*` all of a server.
    pub max_tool_calls: Option<Either<u64, BTreeMap<String, u64>>>,
}
