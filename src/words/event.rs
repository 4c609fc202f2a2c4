//! The one event type: what happened in a run, as plain data.
//!
//! Everything else is a fold of it: the scheduler's states, the history that a resume starts from, and every view.
//! Knows no clock, no file and no task graph.

mod json;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::words::conversation::AssistantMessage;
use crate::words::failure::Failure;
use crate::words::id::{Name, RunId};
use crate::words::rate_limit::RateLimitInfo;
use crate::words::usage::{StopReason, Usage};

/// The version of the journal's format. A journal with a newer one is refused by name, and so is one before
/// [`OLDEST_FORMAT`].
///
/// Format 3 has what a version that reads 2 does not know: the events `limit_passed` and `conversation_compacted`, a task
/// that is omitted since none before it has failed, growths that add members to a task which has some, turns that were
/// cut off and go on, and what waits for a person and is answered.
pub(crate) const FORMAT: u32 = 3;

/// The oldest format that is read. What later ones have is absent there, and each field says what that means.
pub(crate) const OLDEST_FORMAT: u32 = 2;

/// The format of whoever resumed a run and did not say: format 2 had no word for it.
const fn format_before_it_was_said() -> u32 {
    2
}

/// One line of the journal: an event, its place in the order, and its time.
///
/// In JSON it is one flat object: `seq`, `at_ms`, `mono_us`, the `task` that it is about if it is about one, the event's
/// `type`, and the event's own fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The place in the run's order, from 1 without gaps. The order of events is this and never the time.
    pub seq: u64,
    /// Wall time in milliseconds since 1970, for people. It may jump; durations are taken from `mono_us`.
    pub at_ms: u64,
    /// Microseconds on a monotonic clock since this process took up the run.
    pub mono_us: u64,
    /// What happened.
    pub event: Event,
}

/// What happened in a run: to the run as a whole, or to one of its tasks.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// To the run.
    Run(RunEvent),
    /// To a task.
    Task {
        /// The task.
        task: Name,
        /// What happened to it.
        event: TaskEvent,
    },
}

impl Event {
    /// The task that the event is about, if it is about one.
    #[must_use]
    pub fn task(&self) -> Option<&Name> {
        match self {
            Self::Run(_) => None,
            Self::Task { task, .. } => Some(task),
        }
    }

    /// The name that a journal gives to this kind of event, such as `attempt_started`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Run(event) => event.kind(),
            Self::Task { event, .. } => event.kind(),
        }
    }
}

impl From<RunEvent> for Event {
    fn from(event: RunEvent) -> Self {
        Self::Run(event)
    }
}

/// What happened to a run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunEvent {
    /// The first event of every journal.
    #[serde(rename = "run_started")]
    Started(Arc<RunStarted>),
    /// Another process took the run up. Attempts without an end are made again, and failed and skipped
    /// tasks get another chance.
    #[serde(rename = "run_resumed")]
    Resumed {
        /// The format of what follows, which may be newer than that of the start.
        #[serde(default = "format_before_it_was_said")]
        format: u32,
        /// The process that holds the run from here on.
        holder: Holder,
        /// Tasks that run again because their definition, or what they depend on, has changed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rerun: Vec<Name>,
        /// The changed definitions, which replace those of the start.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changed: Vec<PlannedTask>,
    },
    /// A task that stands for others has become them: its members are part of the graph from here on.
    GraphGrown {
        /// The task whose members they are. It goes on when all of them have ended.
        parent: Name,
        /// The new members, in their order: each comes behind those that it needs. They are more members of a task that
        /// has some, and the only ones of a task that has none or has given up those that it had.
        tasks: Vec<PlannedTask>,
    },
    /// The user or the system asked the run to stop: nothing new starts.
    StopRequested {
        /// The signal's name, such as `SIGINT`.
        signal: String,
    },
    /// Calls have cost more than was set aside for them, and more than a limit allows. Such a run has not succeeded.
    LimitPassed {
        /// Which limit, and how much was spent.
        message: String,
    },
    /// The last event that a process writes.
    #[serde(rename = "run_finished")]
    Finished {
        /// How the run ended.
        status: RunStatus,
    },
}

impl RunEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::Started(_) => "run_started",
            Self::Resumed { .. } => "run_resumed",
            Self::GraphGrown { .. } => "graph_grown",
            Self::StopRequested { .. } => "stop_requested",
            Self::LimitPassed { .. } => "limit_passed",
            Self::Finished { .. } => "run_finished",
        }
    }
}

/// What happened to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TaskEvent {
    /// A task's output was taken over from an earlier run instead of being made.
    #[serde(rename = "task_reused")]
    Reused {
        /// The run that made the output.
        run: RunId,
        /// The output.
        output: Output,
        /// Why it could be: the inputs are those of an earlier success. Absent where the command line asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache: Option<CacheHit>,
    },
    /// One try at a task begins. It is on disk before anything is sent.
    AttemptStarted {
        /// Which try this is, from 1; it goes on counting over a resume.
        attempt: u32,
        /// The model, as `provider/model`; absent where a program does the task.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// The model's place in the chain of the agent, from 0: two of them may have one name, at two addresses.
        #[serde(default, skip_serializing_if = "is_zero")]
        candidate: usize,
        /// All that the output will depend on, where the first try of a process makes it anew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache_key: Option<Arc<CacheKey>>,
    },
    /// A request to a model is about to be sent. On disk before it is, with what it may cost.
    CallStarted {
        /// The attempt it belongs to.
        attempt: u32,
        /// Which call of the attempt this is, from 1.
        call: u32,
        /// The model, as `provider/model`.
        model: String,
        /// The estimated size of the prompt in tokens.
        input_tokens: u64,
        /// What the call may cost at worst; absent where no limit counts it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reserved: Option<Reservation>,
    },
    /// A model has answered completely.
    CallFinished {
        /// The attempt it belongs to.
        attempt: u32,
        /// Which call of the attempt this is, from 1.
        call: u32,
        /// What the answer cost in tokens.
        usage: Usage,
        /// Why the model stopped.
        stop: StopReason,
        /// What the answer cost in dollars; absent without a known price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
        /// From sending to the last byte, in milliseconds.
        latency_ms: u64,
        /// From sending to the first byte of the body, in milliseconds.
        first_byte_ms: u64,
        /// What the provider says about its rate limits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rate_limit: Option<RateLimitInfo>,
        /// What the model said, where that is not the end of the attempt: it calls tools, or is asked once more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn: Option<Arc<AssistantMessage>>,
    },
    /// A call came to no usable answer.
    CallFailed {
        /// The attempt it belongs to.
        attempt: u32,
        /// Which call of the attempt this is, from 1.
        call: u32,
        /// Why.
        failure: Failure,
        /// What the call cost all the same, when the provider said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
        /// What that is in dollars; absent without a known price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
        /// From sending to the failure, in milliseconds.
        latency_ms: u64,
        /// What the provider says about its rate limits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rate_limit: Option<RateLimitInfo>,
        /// Whether nobody can say what the call cost, so that what was reserved for it stays counted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsettled: bool,
        /// Whether the call is made again, without what of it was refused: its failure is not the attempt's. Journals from
        /// before there was this have none.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// What the model said is not what the task asks for; it is told so and asked once more.
    AnswerRejected {
        /// The attempt it belongs to.
        attempt: u32,
        /// What the model is told.
        correction: Arc<str>,
    },
    /// The conversation has become too long for the model, so its oldest part is not shown to it any more. Both numbers count
    /// from its first round and take in those of earlier events.
    ConversationCompacted {
        /// The attempt it belongs to.
        attempt: u32,
        /// In so many rounds, a note stands for what tools have answered.
        emptied: usize,
        /// So many of them are left out altogether.
        dropped: usize,
    },
    /// A tool is about to be called for a model. On disk before it is.
    ToolStarted {
        /// The attempt it belongs to.
        attempt: u32,
        /// The model's id for the call.
        id: String,
        /// The tool.
        tool: String,
        /// What it is called with.
        arguments: Value,
    },
    /// A tool has answered. On disk before the model is told; the tool is not called again for this.
    ToolFinished {
        /// The attempt it belongs to.
        attempt: u32,
        /// The model's id for the call.
        id: String,
        /// The tool.
        tool: String,
        /// What the model is told.
        output: Output,
        /// Whether the call failed.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
        /// From the call to the answer, in milliseconds.
        latency_ms: u64,
    },
    /// A task has set one of the values that all tasks of the run share.
    CtxSet {
        /// The value's name: words with dots in between, such as `plan.files`.
        key: String,
        /// The value; null takes it away.
        value: Value,
    },
    /// A call was not made, because it could pass a limit. Nothing new starts that the limit concerns.
    LimitReached {
        /// Which limit, how much of it is spent, and what was needed.
        message: String,
        /// Whether the limit is that of the whole run.
        run: bool,
    },
    /// What a task has made waits for a person. It is safe, and nothing that needs it begins.
    ApprovalRequested {
        /// The attempt that made it; 0 where none did, since an earlier result or the outputs of members took its place.
        attempt: u32,
        /// What is to be approved.
        output: Output,
        /// What the person is to look at, in the words of the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        question: Option<String>,
    },
    /// A person has answered. What follows is the end of the task.
    ApprovalGiven {
        /// The SHA-256 of the output that the answer is about, in lowercase hex.
        sha256: String,
        /// Whether it was approved.
        approved: bool,
        /// Who answered, by what they call themselves.
        by: String,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A try at a task failed.
    AttemptFailed {
        /// The try.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// How long the next try waits, in milliseconds; absent when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u64>,
        /// The model of the next try, where that is another one of the chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_model: Option<String>,
        /// The place of the next try's model in the chain; absent when there is no next try.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_candidate: Option<usize>,
    },
    /// A task is done and its output is safe.
    #[serde(rename = "task_succeeded")]
    Succeeded {
        /// The attempt that did it.
        attempt: u32,
        /// The output.
        output: Output,
    },
    /// A task has failed for good in this process; a resume may try it again.
    #[serde(rename = "task_failed")]
    Failed {
        /// Why the last attempt failed.
        failure: Failure,
    },
    /// A task is not run, because another one failed.
    #[serde(rename = "task_skipped")]
    Skipped {
        /// The task whose failure is the cause.
        because: Name,
        /// Why that failure concerns this task.
        reason: SkipReason,
    },
    /// A task is left out, because it is not wanted.
    #[serde(rename = "task_omitted")]
    Omitted(Omission),
}

impl TaskEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::Reused { .. } => "task_reused",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::CallStarted { .. } => "call_started",
            Self::CallFinished { .. } => "call_finished",
            Self::CallFailed { .. } => "call_failed",
            Self::AnswerRejected { .. } => "answer_rejected",
            Self::ToolStarted { .. } => "tool_started",
            Self::ToolFinished { .. } => "tool_finished",
            Self::ConversationCompacted { .. } => "conversation_compacted",
            Self::CtxSet { .. } => "ctx_set",
            Self::LimitReached { .. } => "limit_reached",
            Self::ApprovalRequested { .. } => "approval_requested",
            Self::ApprovalGiven { .. } => "approval_given",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::Succeeded { .. } => "task_succeeded",
            Self::Failed { .. } => "task_failed",
            Self::Skipped { .. } => "task_skipped",
            Self::Omitted(_) => "task_omitted",
        }
    }
}

/// What is fixed when a run starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The journal's format, see [`FORMAT`].
    pub format: u32,
    /// The version of orch that started the run.
    pub orch: String,
    /// The run.
    pub run: RunId,
    /// The orchestra's id.
    pub orchestra: Name,
    /// The goal, as given.
    pub goal: String,
    /// What was given by name, with the usual values of what was not. Older journals have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Value>,
    /// The orchestra's file, relative to the project where it lies inside.
    pub source: String,
    /// The workspace, relative to the project where it lies inside.
    pub workspace: String,
    /// Whether the offline player stands in for every model.
    pub rehearsal: bool,
    /// The random text that marks where data begins and ends in this run's prompts.
    pub marker: String,
    /// What the command line set, so that a resume goes on under the same rules.
    pub overrides: Overrides,
    /// The process that holds the run.
    pub holder: Holder,
    /// Every task of the run, in file order.
    pub tasks: Vec<PlannedTask>,
}

/// What a journal says of a task, so that a run can be read without its orchestra's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// The task.
    pub task: Name,
    /// The agent that does it; absent where a program does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Name>,
    /// The program that does it, where no model is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Whether it stands for others, by which the run grows, such as one for each item of a list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_each: bool,
    /// Whether it may grow once more when all of those have ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rounds: bool,
    /// The item or the round that it was made for, where it is a member of such a task. `null` is an item too.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::present")]
    pub item: Option<Value>,
    /// Whether it may run although not all that it needs is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joins: bool,
    /// The tasks whose outputs it gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Name>,
    /// The digest of all that defines it: its text, agent, model and settings, but not its inputs. 16 hex digits.
    pub digest: String,
}

impl PlannedTask {
    /// Who does it, for people: its agent, or its program.
    #[must_use]
    pub fn doer(&self) -> &str {
        self.agent.as_ref().map(Name::as_str).or(self.program.as_deref()).unwrap_or_default()
    }

    /// The same with the model that is asked, if one is: `writer, openai/gpt-5`.
    #[must_use]
    pub fn doer_with(&self, model: Option<&str>) -> String {
        match model {
            Some(model) => format!("{}, {model}", self.doer()),
            None => self.doer().to_owned(),
        }
    }
}

/// What the command line sets over the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overrides {
    /// `--strategy`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// `--max-parallel`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// `--timeout`, in seconds
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// `--model`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `--tier`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// `--only`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<Name>,
    /// `--from`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Name>,
    /// `--fresh` for every task
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// `--fresh TASK`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fresh_tasks: Vec<Name>,
    /// `--replay`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// `--script` of a rehearsal
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

/// The process that holds a run or a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// The name of its machine.
    pub host: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// A task's output: its digest, and its text where that is short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The SHA-256 of the text in lowercase hex, which is also its name under `objects/`.
    pub sha256: String,
    /// The length in bytes.
    pub bytes: u64,
    /// The text itself where it is at most [`INLINE_BYTES`] long; a longer one lies under `objects/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Arc<str>>,
}

/// Up to this length an output stands in the event itself, so that it is durable with the event's own
/// sync; a longer one is an object of its own, which costs two more.
pub(crate) const INLINE_BYTES: usize = 64 * 1024;

/// What a call may cost at worst, taken off a limit before it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    /// Tokens of the prompt and of the longest answer.
    pub tokens: u64,
    /// Dollars for those.
    pub cost_usd: f64,
}

/// All that a task's output depends on, as digests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheKey {
    /// The digest of all parts, 32 hex digits.
    pub key: String,
    /// Each part by its name, such as `task`, `model` or `output of research`, 16 hex digits.
    pub parts: BTreeMap<String, String>,
}

/// An earlier success that took the place of a new one, found by what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheHit {
    /// When the output was made, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// What it cost then in tokens.
    pub usage: Usage,
    /// What it cost then in dollars; absent without a known price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// What the output depends on.
    pub cache_key: Arc<CacheKey>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// Why a task is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Omission {
    /// It needs the output of a task that was left out.
    Dependency {
        /// That task.
        because: Name,
    },
    /// It is for failures, and there was none.
    NoFailure {
        /// The tasks that it waited for.
        none_failed: Vec<Name>,
    },
    /// Its condition does not hold.
    Condition {
        /// The condition, as the file writes it.
        when: String,
        /// The values that it saw, by their names, each cut to a few words.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        values: BTreeMap<String, String>,
    },
}

impl fmt::Display for Omission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dependency { because } => write!(f, "it needs `{because}`, which was left out"),
            Self::NoFailure { none_failed } => {
                let names: Vec<String> = none_failed.iter().map(|name| format!("`{name}`")).collect();
                match names.as_slice() {
                    [one] => write!(f, "{one} has not failed"),
                    several => write!(f, "none of {} has failed", several.join(", ")),
                }
            }
            Self::Condition { when, values } => {
                write!(f, "{when} does not hold")?;
                let mut before = ": ";
                for (name, value) in values {
                    write!(f, "{before}{name} is {value}")?;
                    before = ", ";
                }
                Ok(())
            }
        }
    }
}

/// Why a task is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// It needs the output of a task that failed or was skipped.
    Dependency,
    /// `on_error: stop`: after a failure nothing new starts.
    Stopped,
}

/// How a run stands when a process leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Every task succeeded.
    Succeeded,
    /// A task failed and no task succeeded.
    Failed,
    /// Some tasks succeeded, some did not.
    Partial,
    /// A limit was reached.
    Limited,
    /// An approval is waited for.
    Waiting,
    /// It was told to stop before it was done.
    Interrupted,
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Partial => "partial",
            Self::Limited => "limited",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_flat_json_object() {
        let record = Record {
            seq: 3,
            at_ms: 1,
            mono_us: 2,
            event: Event::Task {
                task: Name::new("b").unwrap(),
                event: TaskEvent::Skipped { because: Name::new("a").unwrap(), reason: SkipReason::Dependency },
            },
        };
        let line = serde_json::to_string(&record).unwrap();
        assert_eq!(
            line,
            r#"{"seq":3,"at_ms":1,"mono_us":2,"task":"b","type":"task_skipped","because":"a","reason":"dependency"}"#
        );
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }
}
