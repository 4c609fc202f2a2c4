//! What a run has come to: the fold of its events that views, summaries and a resume read.
//!
//! Live and read back, events go through the same [`History::apply`]. Knows no file and no clock.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::words::conversation::AssistantMessage;
use crate::words::event::{
    CacheKey, Event, Output, PlannedTask, Record, RunEvent, RunStarted, RunStatus, SkipReason, TaskEvent,
};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::{Name, RunId};
use crate::words::usage::Usage;

/// A run, folded.
#[derive(Debug, Clone)]
pub struct History {
    /// What was fixed at the start.
    pub start: Arc<RunStarted>,
    /// The tasks in file order.
    pub tasks: Vec<TaskHistory>,
    /// How the last process left the run; `None` while one holds it, or when it was killed.
    pub status: Option<RunStatus>,
    /// Wall time of the first event, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Wall time of the last event, in milliseconds since 1970.
    pub last_at_ms: u64,
    /// How often the run was taken up again.
    pub resumes: u32,
    /// The sequence number of the last event.
    pub last_seq: u64,
    /// The time that earlier processes spent on the run, in microseconds.
    earlier_us: u64,
    /// The last event's time in its process, in microseconds.
    mono_us: u64,
    index: HashMap<Name, usize>,
}

/// A task of a run, folded.
#[derive(Debug, Clone)]
pub struct TaskHistory {
    /// What the journal says of it at the start.
    pub planned: PlannedTask,
    /// How it stands.
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
    /// The conversation of the task that is not done: what was said is not asked for again.
    pub conversation: Vec<Exchange>,
    /// What tools have told the model: the output depends on it.
    pub heard: Vec<Heard>,
    /// What the first attempt of the last process says that the output depends on.
    pub cache_key: Option<Arc<CacheKey>>,
    /// The run's time at the first attempt's start, in microseconds.
    pub started_us: Option<u64>,
    /// The run's time at the task's end, in microseconds.
    pub ended_us: Option<u64>,
}

/// A turn of a model in an attempt that goes on after it, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// What the model said.
    pub turn: Arc<AssistantMessage>,
    /// The ids of the calls of tools that were begun.
    pub begun: Vec<String>,
    /// The answers of tools, by the ids of their calls.
    pub answers: Vec<ToolAnswer>,
    /// What the model is told if the turn is an answer that does not do.
    pub correction: Option<Arc<str>>,
}

/// What a tool was asked and what it said.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
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

/// How a task stands.
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
    /// Taken over from another run.
    Reused(Output, RunId),
    /// Stopped by a limit, in these words.
    Limited(String),
    /// Failed for good.
    Failed(Failure),
    /// Not run, because of this task.
    Skipped(Name, SkipReason),
}

impl TaskHistory {
    /// The output, if there is one.
    #[must_use]
    pub fn output(&self) -> Option<&Output> {
        match &self.state {
            TaskState::Succeeded(output) | TaskState::Reused(output, _) => Some(output),
            _ => None,
        }
    }

    /// From the first attempt's start to the end, in milliseconds; 0 while there is no end.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        match (self.started_us, self.ended_us) {
            (Some(start), Some(end)) => end.saturating_sub(start) / 1000,
            _ => 0,
        }
    }
}

impl History {
    /// Begins the fold with a journal's first record; `None` if that is not a start.
    #[must_use]
    pub fn begin(record: &Record) -> Option<Self> {
        let Event::Run(RunEvent::Started(start)) = &record.event else { return None };
        let tasks: Vec<TaskHistory> = start.tasks.iter().cloned().map(TaskHistory::new).collect();
        Some(Self {
            index: tasks.iter().enumerate().map(|(ix, t)| (t.planned.task.clone(), ix)).collect(),
            start: start.clone(),
            tasks,
            status: None,
            started_at_ms: record.at_ms,
            last_at_ms: record.at_ms,
            resumes: 0,
            last_seq: record.seq,
            earlier_us: 0,
            mono_us: record.mono_us,
        })
    }

    /// Takes note of the next record.
    pub fn apply(&mut self, record: &Record) {
        self.last_seq = record.seq;
        self.last_at_ms = record.at_ms;
        if let Event::Run(RunEvent::Resumed { rerun, changed, .. }) = &record.event {
            self.earlier_us += self.mono_us;
            self.mono_us = record.mono_us;
            self.take_up(rerun, changed);
            return;
        }
        self.mono_us = record.mono_us;
        let now = self.elapsed_us();
        if let Event::Run(RunEvent::Finished { status }) = &record.event {
            self.status = Some(*status);
        } else if let Some(task) = record.event.task().and_then(|name| self.index.get(name)) {
            self.tasks[*task].apply(&record.event, now);
        }
    }

    /// The time that processes have spent on the run until the last event, in microseconds.
    #[must_use]
    pub fn elapsed_us(&self) -> u64 {
        self.earlier_us + self.mono_us
    }

    /// The same at a moment of this process, which is `mono_us` on its clock.
    #[must_use]
    pub fn elapsed_at_us(&self, mono_us: u64) -> u64 {
        self.earlier_us + mono_us.max(self.mono_us)
    }

    /// Which task, in file order, has this name.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// A task by name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskHistory> {
        self.index.get(name).map(|&ix| &self.tasks[ix])
    }

    /// Whether there is nothing left to do: every task is done, and the workspace has been seen to show it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status == Some(RunStatus::Succeeded)
    }

    fn take_up(&mut self, rerun: &[Name], changed: &[PlannedTask]) {
        self.status = None;
        self.resumes += 1;
        for planned in changed {
            if let Some(&ix) = self.index.get(&planned.task) {
                self.tasks[ix].planned = planned.clone();
            }
        }
        for task in &mut self.tasks {
            task.tries = 0;
            if !rerun.is_empty() || !changed.is_empty() {
                task.conversation.clear();
                task.heard.clear();
            }
            if task.output().is_none() {
                task.reopen();
            }
        }
        for name in rerun {
            if let Some(&ix) = self.index.get(name) {
                self.tasks[ix].reopen();
            }
        }
    }
}

impl Exchange {
    fn new(turn: Arc<AssistantMessage>) -> Self {
        Self { turn, begun: Vec::new(), answers: Vec::new(), correction: None }
    }
}

impl TaskHistory {
    fn new(planned: PlannedTask) -> Self {
        Self {
            planned,
            state: TaskState::Waiting,
            attempts: 0,
            tries: 0,
            calls: 0,
            usage: Usage::default(),
            cost_usd: None,
            unpriced: false,
            model: None,
            conversation: Vec::new(),
            heard: Vec::new(),
            cache_key: None,
            started_us: None,
            ended_us: None,
        }
    }

    fn reopen(&mut self) {
        self.state = TaskState::Waiting;
        self.started_us = None;
        self.ended_us = None;
    }

    fn apply(&mut self, event: &Event, now_us: u64) {
        match event {
            Event::Task { event: TaskEvent::AttemptStarted { attempt, model, cache_key, .. }, .. } => {
                self.state = TaskState::Running;
                self.attempts = *attempt;
                self.tries += 1;
                self.model.clone_from(model);
                if cache_key.is_some() {
                    self.cache_key.clone_from(cache_key);
                }
                self.started_us.get_or_insert(now_us);
            }
            Event::Task { event: TaskEvent::CallStarted { .. }, .. } => self.calls += 1,
            Event::Task { event: TaskEvent::CallFinished { usage, cost_usd, turn, .. }, .. } => {
                self.usage += *usage;
                self.add_cost(*cost_usd);
                self.conversation.extend(turn.clone().map(Exchange::new));
            }
            Event::Task { event: TaskEvent::AnswerRejected { correction, .. }, .. } => {
                if let Some(last) = self.conversation.last_mut() {
                    last.correction = Some(correction.clone());
                }
            }
            Event::Task { event: TaskEvent::ToolStarted { id, tool, arguments, .. }, .. } => {
                let (id_heard, tool, arguments) = (id.clone(), tool.clone(), arguments.clone());
                self.heard.push(Heard { id: id_heard, tool, arguments, sha256: String::new() });
                if let Some(last) = self.conversation.last_mut() {
                    last.begun.push(id.clone());
                }
            }
            Event::Task { event: TaskEvent::ToolFinished { id, output, is_error, .. }, .. } => {
                if let Some(heard) = self.heard.iter_mut().rfind(|heard| heard.id == *id) {
                    heard.sha256.clone_from(&output.sha256);
                }
                if let Some(last) = self.conversation.last_mut() {
                    last.answers.push(ToolAnswer { id: id.clone(), output: output.clone(), is_error: *is_error });
                }
            }
            Event::Task { event: TaskEvent::LimitReached { message, .. }, .. } => {
                self.state = TaskState::Limited(message.clone())
            }
            Event::Task { event: TaskEvent::CallFailed { usage: Some(usage), cost_usd, .. }, .. } => {
                self.usage += *usage;
                self.add_cost(*cost_usd);
            }
            Event::Task { event: TaskEvent::AttemptFailed { failure, retry_in_ms, .. }, .. } => {
                if failure.kind.spoils_conversation() {
                    self.conversation.clear();
                    self.heard.clear();
                }
                match retry_in_ms {
                    Some(_) => self.state = TaskState::Retrying(failure.clone()),
                    None if failure.kind == FailureKind::Cancelled => self.reopen(),
                    None => {}
                }
            }
            Event::Task { event: TaskEvent::Succeeded { output, .. }, .. } => {
                self.end(TaskState::Succeeded(output.clone()), now_us)
            }
            Event::Task { event: TaskEvent::Reused { run, output, .. }, .. } => {
                self.end(TaskState::Reused(output.clone(), run.clone()), now_us);
            }
            Event::Task { event: TaskEvent::Failed { failure, .. }, .. } => {
                self.end(TaskState::Failed(failure.clone()), now_us)
            }
            Event::Task { event: TaskEvent::Skipped { because, reason, .. }, .. } => {
                self.end(TaskState::Skipped(because.clone(), *reason), now_us);
            }
            _ => {}
        }
    }

    fn end(&mut self, state: TaskState, now_us: u64) {
        // A failed task's next try goes on with what was said.
        if matches!(state, TaskState::Succeeded(_) | TaskState::Reused(..)) {
            self.conversation = Vec::new();
        }
        self.state = state;
        self.ended_us = Some(now_us);
    }

    fn add_cost(&mut self, cost_usd: Option<f64>) {
        match cost_usd {
            Some(cost) => *self.cost_usd.get_or_insert(0.0) += cost,
            None => self.unpriced = true,
        }
    }
}
