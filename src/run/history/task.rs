//! What one task of a run has come to, and which events fit it.

use std::sync::Arc;

use serde_json::Value;

use crate::run::history::Released;
use crate::words::conversation::AssistantMessage;
use crate::words::event::{CacheKey, Omission, Output, PlannedTask, SkipReason, TaskEvent};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::{Name, RunId};
use crate::words::usage::Usage;

/// A task of a run, folded.
#[derive(Debug, Clone)]
pub struct TaskHistory {
    /// What the journal says of it at the start.
    pub planned: PlannedTask,
    /// The task whose member it is, by its place in the run.
    pub parent: Option<usize>,
    /// Where it stands for many: its members, once the graph has grown by them.
    pub members: Option<Vec<usize>>,
    /// Its state.
    pub state: TaskState,
    /// Attempts so far, over all processes.
    pub attempts: u32,
    /// Attempts since the run was last taken up.
    pub tries: u32,
    /// Calls so far.
    pub calls: u32,
    /// Tokens so far.
    pub usage: Usage,
    /// Dollars so far, for the calls that had a price.
    pub cost_usd: Option<f64>,
    /// Whether a call was made whose price is not known.
    pub unpriced: bool,
    /// The model of the last attempt, as `provider/model`.
    pub model: Option<String>,
    /// The conversation of a task that is not done: what was said is not asked for again.
    pub conversation: Vec<Step>,
    /// In how many of its oldest rounds a note stands for what tools have answered, and how many of these are left out
    /// altogether, since they were too long for the model.
    pub left_out: [usize; 2],
    /// Conversations that led to nothing. What tools did in them stands, so it is not done again in silence.
    pub abandoned: Vec<Step>,
    /// How long the conversation was when a limit stopped the task: a resume after that counts its rounds anew.
    pub rounds_before: usize,
    /// Why persons have rejected what was made before, in their words.
    pub rejections: Vec<String>,
    /// What tools have told the model: the output depends on it.
    pub reads: Vec<ToolRead>,
    /// What the first attempt of the last process says that the output depends on.
    pub cache_key: Option<Arc<CacheKey>>,
    /// The run's time at the first attempt's start, in microseconds.
    pub started_us: Option<u64>,
    /// The run's time at the task's end, in microseconds.
    pub ended_us: Option<u64>,
    /// The attempt under way.
    attempt: CurrentAttempt,
}

/// What events say of the attempt under way.
#[derive(Debug, Clone, Default)]
struct CurrentAttempt {
    /// Calls of it that were begun.
    calls: u32,
    /// Whether one of them has no end yet.
    call_is_open: bool,
    /// Whether the last one ended with the output.
    has_output: bool,
    /// The failure of the last call, which is the attempt's own unless the call is made again.
    call_failure: Option<FailureKind>,
    /// Calls of tools of the last turn that it began.
    begun: Vec<String>,
    /// Why it failed, until it is said what follows.
    failure: Option<Failure>,
}

/// A turn of a model in an attempt that goes on after it, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What the model said.
    pub turn: Arc<AssistantMessage>,
    /// The ids of the calls of tools that were begun.
    pub begun: Vec<String>,
    /// The answers of tools, by the ids of their calls.
    pub answers: Vec<ToolAnswer>,
    /// What the model is told if the turn is an answer that was rejected.
    pub correction: Option<Arc<str>>,
}

/// What a tool was asked and what it said.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRead {
    /// The id of the call.
    id: String,
    /// The tool.
    pub tool: String,
    /// What it was asked.
    pub arguments: Value,
    /// The SHA-256 of its answer in lowercase hex; empty while there is none.
    pub sha256: String,
}

/// The answer of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolAnswer {
    /// The id of the call.
    pub id: String,
    /// What the model is told.
    pub output: Output,
    /// Whether the call failed.
    pub is_error: bool,
}

/// The state of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskState {
    /// It waits for others, or for a place.
    Waiting,
    /// An attempt is under way, or was when its process ended.
    Running,
    /// The last attempt failed and the next one waits.
    Retrying(Failure),
    /// Done.
    Succeeded(Output),
    /// Done in another run, whose output is used again.
    Reused(Output, RunId),
    /// Stopped by a limit, in these words.
    Limited(String),
    /// Failed for good.
    Failed(Failure),
    /// Not run, because of this task.
    Skipped(Name, SkipReason),
    /// Left out, since it is not wanted.
    Omitted(Omission),
    /// A member whose task has changed since, and is none any more.
    Withdrawn,
    /// What it has made waits for a person.
    AwaitsApproval(Gate),
}

/// What waits for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What was made.
    pub output: Output,
    /// The attempt that made it.
    pub attempt: u32,
    /// What the person is to look at.
    pub question: Option<String>,
    /// What a person has said of it, where the task has not ended since.
    pub answer: Option<Answer>,
}

impl Gate {
    /// Whether it was approved, if somebody has said so or the contrary.
    #[must_use]
    pub fn approved(&self) -> Option<bool> {
        self.answer.as_ref().map(|answer| answer.approved)
    }
}

/// What a person has said of what a task has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The SHA-256 of what was shown, in lowercase hex. The answer counts for nothing else.
    pub sha256: String,
    /// Whether it was approved.
    pub approved: bool,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

impl TaskState {
    /// Whether nothing more happens to the task in this process.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Succeeded(_)
            | Self::Reused(..)
            | Self::Failed(_)
            | Self::Skipped(..)
            | Self::Omitted(_)
            | Self::Withdrawn => true,
            Self::Waiting | Self::Running | Self::Retrying(_) | Self::Limited(_) | Self::AwaitsApproval(_) => false,
        }
    }

    /// Whether an attempt is made, or waits to be made again.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        matches!(self, Self::Running | Self::Retrying(_))
    }
}

impl TaskHistory {
    /// A task to which nothing has happened.
    pub(super) fn new(planned: PlannedTask) -> Self {
        Self {
            planned,
            parent: None,
            members: None,
            state: TaskState::Waiting,
            attempts: 0,
            tries: 0,
            calls: 0,
            usage: Usage::default(),
            cost_usd: None,
            unpriced: false,
            model: None,
            conversation: Vec::new(),
            left_out: [0; 2],
            abandoned: Vec::new(),
            rounds_before: 0,
            rejections: Vec::new(),
            reads: Vec::new(),
            cache_key: None,
            started_us: None,
            ended_us: None,
            attempt: CurrentAttempt::default(),
        }
    }

    /// The output, if there is one.
    #[must_use]
    pub fn output(&self) -> Option<&Output> {
        match &self.state {
            TaskState::Succeeded(output) | TaskState::Reused(output, _) => Some(output),
            _ => None,
        }
    }

    /// What of it waits for a person, if it does.
    #[must_use]
    pub fn gate(&self) -> Option<&Gate> {
        match &self.state {
            TaskState::AwaitsApproval(gate) => Some(gate),
            _ => None,
        }
    }

    /// Whether a person has rejected what it has made.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        match &self.state {
            TaskState::Failed(failure) => failure.kind == FailureKind::Rejected,
            TaskState::AwaitsApproval(gate) => gate.approved() == Some(false),
            _ => false,
        }
    }

    /// Whether nothing is missing: there is an output, or none is wanted.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.output().is_some() || matches!(self.state, TaskState::Omitted(_))
    }

    /// From the first attempt's start to the end, in milliseconds; 0 while there is no end.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        match (self.started_us, self.ended_us) {
            (Some(start), Some(end)) => end.saturating_sub(start) / 1000,
            _ => 0,
        }
    }

    /// Another process goes on; with `anew`, what was said before no longer counts, since definitions have changed.
    pub(super) fn resume(&mut self, anew: bool) {
        self.tries = 0;
        if anew {
            self.forget();
        }
        // What was rejected is made again, whether or not its failure was written down.
        let asks = self.gate().is_some() && !self.is_rejected();
        let stays = self.state == TaskState::Withdrawn || asks;
        if self.output().is_none() && !stays {
            self.reopen();
        }
    }

    /// The task runs again although it is done. Gives its output, where this run made it and what it depends on is
    /// known.
    pub(super) fn give_up(&mut self, this_run: &RunId) -> Option<Released> {
        let output = match &self.state {
            TaskState::Succeeded(output) | TaskState::AwaitsApproval(Gate { output, .. }) => Some(output.clone()),
            TaskState::Reused(output, run) if run == this_run => Some(output.clone()),
            _ => None,
        };
        let key = self.cache_key.take().map(|cache_key| cache_key.key.clone());
        self.forget();
        self.abandoned.clear();
        self.reopen();
        Some(Released { key: key?, output: output? })
    }

    fn reopen(&mut self) {
        self.state = TaskState::Waiting;
        self.started_us = None;
        self.ended_us = None;
        self.attempt = CurrentAttempt::default();
    }

    /// The task is made for another item.
    pub(super) fn replan(&mut self, planned: PlannedTask) {
        self.planned = planned;
        self.cache_key = None;
        self.forget();
        self.abandoned.clear();
        self.reopen();
    }

    /// The conversation begins anew.
    fn forget(&mut self) {
        self.abandoned.extend(self.conversation.drain(..).filter(|step| !step.begun.is_empty()));
        self.rounds_before = 0;
        self.left_out = [0; 2];
        self.reads.clear();
    }

    /// Takes an event that fits.
    pub(super) fn apply(&mut self, event: &TaskEvent, now_us: u64) {
        match event {
            TaskEvent::AttemptStarted { attempt, model, cache_key, .. } => {
                self.state = TaskState::Running;
                self.attempt = CurrentAttempt::default();
                self.attempts = *attempt;
                self.tries += 1;
                self.model.clone_from(model);
                if cache_key.is_some() {
                    self.cache_key.clone_from(cache_key);
                }
                self.started_us.get_or_insert(now_us);
            }
            TaskEvent::CallStarted { .. } => {
                self.calls += 1;
                self.attempt.calls += 1;
                self.attempt.call_is_open = true;
            }
            TaskEvent::CallFinished { usage, cost_usd, turn, .. } => {
                self.attempt.call_is_open = false;
                self.attempt.has_output = turn.is_none();
                // Some servers number the calls of each turn anew.
                self.attempt.begun.clear();
                self.usage += *usage;
                self.add_cost(*cost_usd);
                self.conversation.extend(turn.clone().map(Step::new));
            }
            TaskEvent::CallFailed { usage, cost_usd, failure, again, .. } => {
                self.attempt.call_is_open = false;
                self.attempt.call_failure = (!again).then_some(failure.kind);
                if let Some(usage) = usage {
                    self.usage += *usage;
                    self.add_cost(*cost_usd);
                }
            }
            TaskEvent::AnswerRejected { correction, .. } => {
                if let Some(last) = self.conversation.last_mut() {
                    last.correction = Some(correction.clone());
                }
            }
            TaskEvent::ToolStarted { id, tool, arguments, .. } => {
                let (read, tool, arguments) = (id.clone(), tool.clone(), arguments.clone());
                self.reads.push(ToolRead { id: read, tool, arguments, sha256: String::new() });
                self.attempt.begun.push(id.clone());
                if let Some(last) = self.conversation.last_mut() {
                    last.begun.push(id.clone());
                }
            }
            TaskEvent::ToolFinished { id, output, is_error, .. } => {
                if let Some(read) = self.reads.iter_mut().rfind(|read| read.id == *id) {
                    read.sha256.clone_from(&output.sha256);
                }
                if let Some(last) = self.conversation.last_mut() {
                    last.answers.push(ToolAnswer { id: id.clone(), output: output.clone(), is_error: *is_error });
                }
            }
            TaskEvent::ConversationCompacted { emptied, dropped, .. } => {
                self.attempt.call_failure = None;
                self.left_out = [*emptied, *dropped];
            }
            TaskEvent::CtxSet { .. } => {}
            TaskEvent::LimitReached { message, .. } => {
                self.rounds_before = self.conversation.len();
                self.state = TaskState::Limited(message.clone());
            }
            TaskEvent::ApprovalRequested { attempt, output, question } => {
                let (output, question) = (output.clone(), question.clone());
                let gate = Gate { output, attempt: *attempt, question, answer: None };
                self.end(TaskState::AwaitsApproval(gate), now_us);
            }
            TaskEvent::ApprovalGiven { sha256, approved, by, reason } => {
                if let TaskState::AwaitsApproval(gate) = &mut self.state {
                    let (sha256, by, reason) = (sha256.clone(), by.clone(), reason.clone());
                    gate.answer = Some(Answer { sha256, approved: *approved, by, reason });
                }
                if !approved {
                    let reason = reason.clone().unwrap_or_else(|| "none was given".to_owned());
                    self.rejections.push(reason);
                }
            }
            TaskEvent::AttemptFailed { failure, retry_in_ms, .. } => self.fail(failure, retry_in_ms.is_some()),
            TaskEvent::Succeeded { output, .. } => self.end(TaskState::Succeeded(output.clone()), now_us),
            TaskEvent::Reused { run, output, cache } => {
                self.cache_key = cache.as_ref().map(|hit| hit.cache_key.clone());
                self.end(TaskState::Reused(output.clone(), run.clone()), now_us);
            }
            TaskEvent::Failed { failure } => self.end(TaskState::Failed(failure.clone()), now_us),
            TaskEvent::Skipped { because, reason } => self.end(TaskState::Skipped(because.clone(), *reason), now_us),
            TaskEvent::Omitted(why) => self.end(TaskState::Omitted(why.clone()), now_us),
        }
    }

    fn fail(&mut self, failure: &Failure, again: bool) {
        if failure.kind.policy().spoils_conversation {
            self.forget();
        }
        if again {
            self.state = TaskState::Retrying(failure.clone());
        } else if failure.kind == FailureKind::Cancelled {
            self.reopen();
        } else {
            self.attempt.failure = Some(failure.clone());
            self.attempt.call_is_open = false;
        }
    }

    fn end(&mut self, state: TaskState, now_us: u64) {
        // A failed task's next try goes on with what was said.
        if matches!(state, TaskState::Succeeded(_) | TaskState::Reused(..)) {
            self.conversation = Vec::new();
            self.abandoned = Vec::new();
        }
        self.state = state;
        self.ended_us = Some(now_us);
        self.attempt = CurrentAttempt::default();
    }

    fn add_cost(&mut self, cost_usd: Option<f64>) {
        match cost_usd {
            Some(cost) => *self.cost_usd.get_or_insert(0.0) += cost,
            None => self.unpriced = true,
        }
    }
}

impl Step {
    fn new(turn: Arc<AssistantMessage>) -> Self {
        Self { turn, begun: Vec::new(), answers: Vec::new(), correction: None }
    }

    /// Whether the model can be asked again: its tools have answered, or its answer was rejected.
    fn is_answered(&self) -> bool {
        let asks_nothing = self.turn.calls.is_empty() && !self.turn.goes_on();
        if asks_nothing { self.correction.is_some() } else { self.answers.len() == self.turn.calls.len() }
    }
}

/// Which events fit.
impl TaskHistory {
    /// Why an event does not fit, if it does not.
    pub(super) fn check(&self, event: &TaskEvent) -> Result<(), String> {
        match event {
            TaskEvent::AttemptStarted { attempt, .. } => self.check_start(*attempt),
            TaskEvent::CallStarted { attempt, call, .. } => {
                self.check_attempt(*attempt)?;
                require(!self.attempt.call_is_open, "a call is open")?;
                require(self.attempt.call_failure.is_none(), "its last call failed")?;
                require(*call == self.attempt.calls + 1, "it is not the next call")?;
                require(!self.attempt.has_output, "the attempt has its output")?;
                require(self.conversation.last().is_none_or(Step::is_answered), "the model's last turn is open")
            }
            TaskEvent::CallFinished { attempt, call, .. } | TaskEvent::CallFailed { attempt, call, .. } => {
                self.check_attempt(*attempt)?;
                require(self.attempt.call_is_open && *call == self.attempt.calls, "that call is not open")
            }
            TaskEvent::AnswerRejected { attempt, .. } => {
                self.check_attempt(*attempt)?;
                let last = self.conversation.last();
                let is_answer = last.is_some_and(|step| !step.is_answered() && step.turn.calls.is_empty());
                require(is_answer && !self.attempt.call_is_open, "there is no answer to reject")
            }
            TaskEvent::ToolStarted { attempt, id, .. } => {
                self.check_attempt(*attempt)?;
                self.check_tool(id)?;
                require(!self.attempt.begun.contains(id), "the call of the tool was begun before")
            }
            TaskEvent::ToolFinished { attempt, id, .. } => {
                self.check_attempt(*attempt)?;
                self.check_tool(id)?;
                let begun = self.conversation.last().is_some_and(|step| step.begun.contains(id));
                require(begun, "the call of the tool was not begun")
            }
            TaskEvent::ConversationCompacted { attempt, emptied, dropped } => {
                self.check_attempt(*attempt)?;
                require(!self.attempt.call_is_open, "a call is open")?;
                let fits = dropped <= emptied && *emptied < self.conversation.len();
                let is_more = *emptied >= self.left_out[0] && *dropped >= self.left_out[1];
                require(fits && is_more, "there is no such part of the conversation")
            }
            // A task whose output was made before, or by its members, sets values without an attempt.
            TaskEvent::CtxSet { .. } => require(!self.state.is_final(), "it has ended"),
            TaskEvent::LimitReached { .. } => {
                let stopped = self.attempt.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Budget);
                let begins = matches!(self.state, TaskState::Waiting | TaskState::Retrying(_));
                require(begins || stopped, "nothing of it was about to begin")
            }
            TaskEvent::AttemptFailed { attempt, failure, .. } => self.check_failure(*attempt, failure.kind),
            TaskEvent::ApprovalRequested { attempt: 0, .. } if !self.planned.for_each => {
                require(self.state == TaskState::Waiting, "it does not wait")
            }
            TaskEvent::ApprovalRequested { attempt, .. } => self.check_success(*attempt),
            TaskEvent::ApprovalGiven { sha256, .. } => {
                let is_open = |gate: &Gate| gate.answer.is_none() && gate.output.sha256 == *sha256;
                require(self.gate().is_some_and(is_open), "nothing of that digest waits for an answer")
            }
            TaskEvent::Succeeded { attempt, output } if self.gate().is_some() => {
                let is_it =
                    |gate: &Gate| gate.approved() == Some(true) && gate.attempt == *attempt && gate.output == *output;
                require(self.gate().is_some_and(is_it), "it was not approved")
            }
            TaskEvent::Failed { failure } if self.gate().is_some() => {
                let is_rejected = self.gate().is_some_and(|gate| gate.approved() == Some(false));
                require(is_rejected && failure.kind == FailureKind::Rejected, "it was not rejected")
            }
            TaskEvent::Succeeded { attempt, .. } => self.check_success(*attempt),
            TaskEvent::Reused { .. } | TaskEvent::Skipped { .. } | TaskEvent::Omitted(_) => {
                require(self.state == TaskState::Waiting, "it does not wait")
            }
            TaskEvent::Failed { failure } => self.check_end(failure),
        }
    }

    fn check_start(&self, attempt: u32) -> Result<(), String> {
        let begins = matches!(self.state, TaskState::Waiting | TaskState::Retrying(_));
        require(begins && !self.planned.for_each, "it does not wait for an attempt")?;
        require(attempt == self.attempts + 1, "it is not the next attempt")
    }

    fn check_attempt(&self, attempt: u32) -> Result<(), String> {
        let open = self.state == TaskState::Running && self.attempt.failure.is_none();
        require(open && attempt == self.attempts, "that attempt is not under way")
    }

    /// A tool is used between two calls, for the model's last turn, once for each of its calls.
    fn check_tool(&self, id: &str) -> Result<(), String> {
        let asked = self.conversation.last().is_some_and(|step| {
            step.turn.calls.iter().any(|call| call.id == id) && step.answers.iter().all(|answer| answer.id != id)
        });
        require(asked && !self.attempt.call_is_open, "no such call of a tool is open")
    }

    fn check_failure(&self, attempt: u32, kind: FailureKind) -> Result<(), String> {
        if kind == FailureKind::Cancelled && matches!(self.state, TaskState::Retrying(_)) {
            return require(attempt == self.attempts, "that attempt is not the last one");
        }
        self.check_attempt(attempt)?;
        let broke_off = matches!(kind, FailureKind::Cancelled | FailureKind::Internal);
        require(broke_off || !self.attempt.call_is_open, "a call is open")?;
        let of_call = self.attempt.call_failure;
        require(broke_off || of_call.is_none_or(|of_call| of_call == kind), "its last call failed otherwise")
    }

    fn check_success(&self, attempt: u32) -> Result<(), String> {
        if self.planned.for_each {
            let waits = self.state == TaskState::Waiting && self.members.is_some() && attempt == 0;
            return require(waits, "it does not wait for its members");
        }
        self.check_attempt(attempt)?;
        require(!self.attempt.call_is_open, "a call is open")?;
        require(self.attempt.call_failure.is_none(), "its last call failed")
    }

    fn check_end(&self, failure: &Failure) -> Result<(), String> {
        if self.planned.for_each {
            return require(self.state == TaskState::Waiting, "it has ended");
        }
        let is_it = self.attempt.failure.as_ref() == Some(failure);
        require(self.state == TaskState::Running && is_it, "its last attempt has not failed for this")?;
        let open = matches!(failure.kind, FailureKind::Budget | FailureKind::Cancelled);
        require(!open, "it is left for a resume")
    }
}

fn require(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
