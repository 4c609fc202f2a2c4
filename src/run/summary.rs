//! What a run came to, in numbers: what `summary.json` holds.
//!
//! A pure fold of a [`History`]. How it looks to a person is [`crate::run::summary::page`]'s business.

pub(crate) mod page;

use std::collections::HashMap;

use serde::Serialize;

use crate::run::history::{History, TaskHistory, TaskState};
use crate::words::event::{RunStatus, SkipReason};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::{Name, RunId};

/// A run in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// The run.
    pub run: RunId,
    /// The orchestra's id.
    pub orchestra: Name,
    /// The goal, as given.
    pub goal: String,
    /// How the last process left the run; `null` while one holds it, or when it was killed.
    pub status: Option<RunStatus>,
    /// Whether the offline player stood in for every model.
    pub rehearsal: bool,
    /// How often the run was taken up again.
    pub resumes: u32,
    /// When the run began, as RFC 3339 in UTC.
    pub started_at: String,
    /// The time that processes spent on the run, in milliseconds; the time between two of them does not count.
    pub duration_ms: u64,
    /// The folder of its results, relative to the project where it lies inside.
    pub workspace: String,
    /// What all tasks together took.
    pub totals: Spent,
    /// What each agent took, in the order in which the file first names them.
    pub agents: Vec<AgentSummary>,
    /// The tasks, in file order.
    pub tasks: Vec<TaskSummary>,
}

/// What models were asked, and what it cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Spent {
    /// Tries at tasks.
    pub attempts: u32,
    /// Tries after the first one of each task, those that a resume made again included.
    pub retries: u32,
    /// Requests to models, those without an answer included.
    pub calls: u32,
    /// Tokens of prompts, those read from a cache included.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Of the prompts' tokens, those that providers read from their caches.
    pub cached_tokens: u64,
    /// Of the prompts' tokens, those that providers wrote to their caches.
    pub cache_write_tokens: u64,
    /// Whether some of the tokens are estimates, because a provider gave no numbers.
    pub estimated: bool,
    /// Dollars for the calls that had a price; `null` if none had.
    pub cost_usd: Option<f64>,
    /// Whether a call was answered whose price is not known, so that `cost_usd` is too low.
    pub unpriced: bool,
}

/// What an agent took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AgentSummary {
    /// The agent.
    pub agent: String,
    /// How many tasks are its own, run or not.
    pub tasks: u32,
    /// What they took.
    #[serde(flatten)]
    pub spent: Spent,
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TaskSummary {
    /// The task.
    pub task: Name,
    /// The agent that plays it.
    pub agent: String,
    /// The model of the last attempt, as `provider/model`; `null` if there was none.
    pub model: Option<String>,
    /// How it stands.
    pub status: TaskStatus,
    /// From the first attempt's start to the end, in milliseconds; 0 while there is no end.
    pub duration_ms: u64,
    /// What it took.
    #[serde(flatten)]
    pub spent: Spent,
    /// The file of its output, relative to the project where the workspace lies inside; `null` without an output.
    pub output_file: Option<String>,
    /// Why it failed, or why its last attempt did.
    pub error: Option<Failure>,
    /// Why it was not run.
    pub skipped_because: Option<Cause>,
    /// What a person is asked, where the file says so and it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Why it was left out, in words.
    pub omitted_because: Option<String>,
    /// The run whose output it took over.
    pub reused_from: Option<RunId>,
}

/// The failure that kept a task from running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cause {
    /// The task that failed.
    pub task: Name,
    /// Why that concerned the other one.
    pub reason: SkipReason,
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskStatus {
    /// It has not begun.
    Waiting,
    /// It has begun and has no end: it is under way, or its process ended.
    Running,
    /// Done.
    Succeeded,
    /// Its output was taken over from another run.
    Reused,
    /// Stopped by a limit.
    Limited,
    /// Failed for good.
    Failed,
    /// Not run, because another task failed.
    Skipped,
    /// Left out, since it is not wanted.
    Omitted,
    /// Made, and waits for a person.
    AwaitsApproval,
}

impl Summary {
    /// Folds a run.
    #[must_use]
    pub(crate) fn of(history: &History) -> Self {
        let start = &history.start;
        let mut totals = Spent::default();
        for task in history.counted() {
            totals.add(task);
        }
        Self {
            run: start.run.clone(),
            orchestra: start.orchestra.clone(),
            goal: start.goal.clone(),
            status: history.status,
            rehearsal: start.rehearsal,
            resumes: history.resumes,
            started_at: rfc3339(history.started_at_ms),
            duration_ms: history.elapsed_us() / 1000,
            workspace: start.workspace.clone(),
            totals,
            agents: agents(history.counted()),
            tasks: history.counted().map(|task| TaskSummary::of(task, &start.workspace)).collect(),
        }
    }

    /// How many tasks have an output.
    #[must_use]
    pub(crate) fn done(&self) -> usize {
        self.tasks.iter().filter(|task| matches!(task.status, TaskStatus::Succeeded | TaskStatus::Reused)).count()
    }
}

impl Spent {
    fn add(&mut self, task: &TaskHistory) {
        self.attempts += task.attempts;
        self.retries += task.attempts.saturating_sub(1);
        self.calls += task.calls;
        self.input_tokens += task.usage.input_tokens;
        self.output_tokens += task.usage.output_tokens;
        self.cached_tokens += task.usage.cached_tokens;
        self.cache_write_tokens += task.usage.cache_write_tokens;
        self.estimated |= task.usage.estimated;
        self.unpriced |= task.unpriced;
        if let Some(cost) = task.cost_usd {
            *self.cost_usd.get_or_insert(0.0) += cost;
        }
    }

    /// Tokens of prompts and answers together.
    #[must_use]
    pub(crate) fn tokens(&self) -> u64 {
        self.input_tokens + self.output_tokens
    }
}

impl TaskSummary {
    fn of(task: &TaskHistory, workspace: &str) -> Self {
        let mut spent = Spent::default();
        spent.add(task);
        let mut summary = Self {
            task: task.planned.task.clone(),
            agent: task.planned.doer().to_owned(),
            model: task.model.clone(),
            status: TaskStatus::Waiting,
            duration_ms: task.duration_ms(),
            spent,
            output_file: task.output().map(|_| format!("{workspace}/task_outputs/{}_output.txt", task.planned.task)),
            error: None,
            skipped_because: None,
            question: task.gate().and_then(|gate| gate.question.clone()),
            omitted_because: None,
            reused_from: None,
        };
        summary.status = match &task.state {
            TaskState::Waiting => TaskStatus::Waiting,
            TaskState::Running => TaskStatus::Running,
            TaskState::Succeeded(_) => TaskStatus::Succeeded,
            TaskState::Retrying(failure) => {
                summary.error = Some(failure.clone());
                TaskStatus::Running
            }
            TaskState::AwaitsApproval(_) => TaskStatus::AwaitsApproval,
            TaskState::Limited(why) => {
                summary.error = Some(Failure::new(FailureKind::Budget, why.clone()));
                TaskStatus::Limited
            }
            TaskState::Failed(failure) => {
                summary.error = Some(failure.clone());
                TaskStatus::Failed
            }
            TaskState::Withdrawn => TaskStatus::Skipped,
            TaskState::Omitted(why) => {
                summary.omitted_because = Some(why.to_string());
                TaskStatus::Omitted
            }
            TaskState::Reused(_, run) => {
                summary.reused_from = Some(run.clone());
                TaskStatus::Reused
            }
            TaskState::Skipped(because, reason) => {
                summary.skipped_because = Some(Cause { task: because.clone(), reason: *reason });
                TaskStatus::Skipped
            }
        };
        summary
    }
}

fn agents<'h>(tasks: impl Iterator<Item = &'h TaskHistory>) -> Vec<AgentSummary> {
    let mut agents: Vec<AgentSummary> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for task in tasks {
        let agent = task.planned.doer();
        let place = *places.entry(agent).or_insert_with(|| {
            agents.push(AgentSummary { agent: agent.to_owned(), tasks: 0, spent: Spent::default() });
            agents.len() - 1
        });
        agents[place].tasks += 1;
        agents[place].spent.add(task);
    }
    agents
}

/// Milliseconds since 1970 as RFC 3339 in UTC. A time that no calendar holds becomes 1970.
fn rfc3339(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or_default();
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::failure::FailureKind;

    #[test]
    fn a_summary_counts_what_every_process_of_the_run_did() {
        let limited = Failure::new(FailureKind::RateLimited, "slow down");
        let story = RunBuilder::of(&[("research", "reader"), ("write", "writer"), ("check", "reader")])
            .plays("research", "openai/gpt-4o")
            .at(1000)
            .attempt("write", 1, "openai/gpt-4o")
            .at(2000)
            .attempt_fails("write", 1, limited.clone(), Some(500))
            .resumed()
            .at(500)
            .attempt("write", 2, "zai/glm")
            .at(1500)
            .attempt_fails("write", 2, limited.clone(), None)
            .fails("write", limited.clone())
            .skipped("check", "write")
            .finished(RunStatus::Partial);
        let summary = Summary::of(&story.history);

        assert_eq!((summary.resumes, summary.duration_ms, summary.done()), (1, 3500, 1));
        assert_eq!(summary.started_at, "2026-11-20T09:30:00Z");
        assert_eq!((summary.totals.attempts, summary.totals.retries, summary.totals.calls), (3, 1, 1));
        assert_eq!((summary.totals.tokens(), summary.totals.cost_usd), (1200, Some(0.005)));
        let agents: Vec<_> = summary.agents.iter().map(|a| (a.agent.as_str(), a.tasks, a.spent.calls)).collect();
        assert_eq!(agents, [("reader", 2, 1), ("writer", 1, 0)]);

        let [research, write, check] = summary.tasks.as_slice() else { panic!("three tasks") };
        let file = "orchestra_workspaces/feature/task_outputs/research_output.txt";
        assert_eq!((research.status, research.output_file.as_deref()), (TaskStatus::Succeeded, Some(file)));
        assert_eq!((write.status, &write.error, write.duration_ms), (TaskStatus::Failed, &Some(limited), 1000));
        assert_eq!(check.skipped_because.as_ref().map(|cause| cause.task.as_str()), Some("write"));
    }

    #[test]
    fn a_summary_says_the_same_keys_whatever_happened() {
        let summary = serde_json::to_value(Summary::of(&RunBuilder::of(&[("a", "b")]).history)).unwrap();
        let expected = serde_json::json!({
            "run": "run_20261120_093000_7f3a", "orchestra": "feature", "goal": "Add a login", "status": null,
            "rehearsal": false, "resumes": 0, "started_at": "2026-11-20T09:30:00Z", "duration_ms": 0,
            "workspace": "orchestra_workspaces/feature",
            "totals": {
                "attempts": 0, "retries": 0, "calls": 0, "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0,
                "cache_write_tokens": 0, "estimated": false, "cost_usd": null, "unpriced": false
            },
            "agents": [{
                "agent": "b", "tasks": 1, "attempts": 0, "retries": 0, "calls": 0, "input_tokens": 0,
                "output_tokens": 0, "cached_tokens": 0, "cache_write_tokens": 0, "estimated": false, "cost_usd": null,
                "unpriced": false
            }],
            "tasks": [{
                "task": "a", "agent": "b", "model": null, "status": "waiting", "duration_ms": 0, "attempts": 0,
                "retries": 0, "calls": 0, "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0,
                "cache_write_tokens": 0, "estimated": false, "cost_usd": null, "unpriced": false,
                "output_file": null, "error": null, "skipped_because": null, "omitted_because": null, "reused_from": null
            }]
        });
        assert_eq!(summary, expected);
    }
}
