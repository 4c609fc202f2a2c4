//! Runs made up by hand, for the tests of what reads a run.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::plan::graph::Plan;
use crate::plan::orchestra::{Agent, Execution, Orchestra, OutputRule, Task, Work};
use crate::plan::retry::RetryPolicy;
use crate::plan::spec::{Join, Limits, OnError, Priority, Strategy};
use crate::plan::template::Template;
use crate::run::history::History;
use crate::words::conversation::{AssistantMessage, ToolCall};
use crate::words::event::{
    Event, FORMAT, Holder, Output, Overrides, PlannedTask, Record, RunEvent, RunStarted, RunStatus, SkipReason,
    TaskEvent,
};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::{Name, RunId};
use crate::words::usage::{StopReason, Usage};

/// A run so far: its records, and what they fold to.
pub(crate) struct RunBuilder {
    pub records: Vec<Record>,
    pub history: History,
    now_ms: u64,
}

/// A name that is known to be one.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

impl RunBuilder {
    /// A run of tasks, each with its agent, on 20 November 2026 at 09:30 UTC.
    pub(crate) fn of(tasks: &[(&str, &str)]) -> Self {
        Self::with(tasks, |_| {})
    }

    /// The same, with something else at the start.
    pub(crate) fn with(tasks: &[(&str, &str)], change: impl FnOnce(&mut RunStarted)) -> Self {
        let mut start = RunStarted {
            format: FORMAT,
            orch: "0.1.0".into(),
            run: RunId::at("20261120_093000", 0x7f3a),
            orchestra: name("feature"),
            goal: "Add a login".into(),
            inputs: std::collections::BTreeMap::new(),
            source: "orchestras/feature_orchestra.yaml".into(),
            workspace: "orchestra_workspaces/feature".into(),
            rehearsal: false,
            marker: "m".into(),
            overrides: Overrides::default(),
            holder: Holder { pid: 1, host: "here".into() },
            tasks: tasks
                .iter()
                .map(|(task, agent)| PlannedTask {
                    joins: false,
                    task: name(task),
                    agent: Some(name(agent)),
                    program: None,
                    for_each: false,
                    rounds: false,
                    item: None,
                    needs: Vec::new(),
                    digest: "0".repeat(16),
                })
                .collect(),
        };
        change(&mut start);
        let first = Record {
            seq: 1,
            at_ms: 1_795_167_000_000,
            mono_us: 0,
            event: Event::Run(RunEvent::Started(Arc::new(start))),
        };
        let history = History::begin(&first).unwrap();
        Self { records: vec![first], history, now_ms: 0 }
    }

    /// The record that was added last.
    pub(crate) fn last(&self) -> &Record {
        self.records.last().unwrap()
    }

    /// What follows happens so many milliseconds after the process took the run up.
    pub(crate) fn at(mut self, ms: u64) -> Self {
        self.now_ms = ms;
        self
    }

    pub(crate) fn then(mut self, event: Event) -> Self {
        let seq = self.last().seq + 1;
        let record = Record { seq, at_ms: 1_795_167_000_000 + self.now_ms, mono_us: self.now_ms * 1000, event };
        // A view shows what it is given, also a part of a run that could not be by itself.
        self.history.force(&record);
        self.records.push(record);
        self
    }

    pub(crate) fn attempt(self, task: &str, attempt: u32, model: &str) -> Self {
        self.then(Event::Task {
            task: name(task),
            event: TaskEvent::AttemptStarted { attempt, model: Some(model.into()), candidate: 0, cache_key: None },
        })
    }

    pub(crate) fn call(self, task: &str, attempt: u32, model: &str) -> Self {
        let (task, model) = (name(task), model.to_owned());
        self.then(Event::Task {
            task,
            event: TaskEvent::CallStarted { attempt, call: 1, model, input_tokens: 900, reserved: None },
        })
    }

    /// The call is answered: 1,000 tokens in, 200 out.
    pub(crate) fn answer(self, task: &str, attempt: u32, cost_usd: Option<f64>) -> Self {
        self.then(Event::Task {
            task: name(task),
            event: TaskEvent::CallFinished {
                attempt,
                call: 1,
                usage: Usage { input_tokens: 1000, output_tokens: 200, ..Usage::default() },
                stop: StopReason::End,
                cost_usd,
                latency_ms: 900,
                first_byte_ms: 250,
                rate_limit: None,
                turn: None,
            },
        })
    }

    /// The call is answered by a call of `read_file`, which begins.
    pub(crate) fn uses_tool(self, task: &str, attempt: u32, id: &str) -> Self {
        let call = ToolCall { id: id.to_owned(), name: "read_file".to_owned(), arguments: Value::Null };
        let turn = AssistantMessage { calls: vec![call], ..AssistantMessage::default() };
        let answered = TaskEvent::CallFinished {
            attempt,
            call: 1,
            usage: Usage::default(),
            stop: StopReason::ToolUse,
            cost_usd: None,
            latency_ms: 1,
            first_byte_ms: 1,
            rate_limit: None,
            turn: Some(turn.into()),
        };
        let (id, tool) = (id.to_owned(), "read_file".to_owned());
        let begins = TaskEvent::ToolStarted { attempt, id, tool, arguments: Value::Null };
        let of = |event| Event::Task { task: name(task), event };
        self.then(of(answered)).then(of(begins))
    }

    pub(crate) fn call_fails(self, task: &str, attempt: u32, kind: FailureKind) -> Self {
        let failure = Failure::new(kind, "slow down");
        self.then(Event::Task {
            task: name(task),
            event: TaskEvent::CallFailed {
                attempt,
                call: 1,
                failure,
                usage: None,
                cost_usd: None,
                latency_ms: 100,
                rate_limit: None,
                unsettled: false,
                again: false,
            },
        })
    }

    pub(crate) fn attempt_fails(self, task: &str, attempt: u32, failure: Failure, retry_in_ms: Option<u64>) -> Self {
        self.then(Event::Task {
            task: name(task),
            event: TaskEvent::AttemptFailed { attempt, failure, retry_in_ms, next_model: None, next_candidate: None },
        })
    }

    pub(crate) fn succeeds(self, task: &str, attempt: u32) -> Self {
        let output = Output { sha256: "0".repeat(64), bytes: 3, text: Some("SECRET".into()) };
        self.then(Event::Task { task: name(task), event: TaskEvent::Succeeded { attempt, output } })
    }

    pub(crate) fn fails(self, task: &str, failure: Failure) -> Self {
        self.then(Event::Task { task: name(task), event: TaskEvent::Failed { failure } })
    }

    pub(crate) fn skipped(self, task: &str, because: &str) -> Self {
        self.then(Event::Task {
            task: name(task),
            event: TaskEvent::Skipped { because: name(because), reason: SkipReason::Dependency },
        })
    }

    /// Another process takes the run up, with its own clock.
    pub(crate) fn resumed(self) -> Self {
        let holder = Holder { pid: 2, host: "here".into() };
        self.at(0).then(Event::Run(RunEvent::Resumed {
            format: FORMAT,
            holder,
            rerun: Vec::new(),
            changed: Vec::new(),
        }))
    }

    pub(crate) fn finished(self, status: RunStatus) -> Self {
        self.then(Event::Run(RunEvent::Finished { status }))
    }

    /// One task from its start to its success, with one priced call, in 900 ms.
    pub(crate) fn plays(self, task: &str, model: &str) -> Self {
        let now = self.now_ms;
        let called = self.attempt(task, 1, model).call(task, 1, model);
        called.at(now + 900).answer(task, 1, Some(0.005)).succeeds(task, 1)
    }
}

/// An agent with a name and nothing else.
pub(crate) fn agent(named: &str) -> Agent {
    Agent {
        name: name(named),
        title: crate::plan::template::Template::literal(named),
        goal: None,
        persona: None,
        instructions: None,
        models: Vec::new(),
        tools: Vec::new(),
        temperature: None,
        max_tokens: None,
    }
}

/// A task with a name and what every task has; the first agent does it.
pub(crate) fn task(named: &str) -> Task {
    Task {
        name: name(named),
        work: Work::Agent { agent: 0, description: Template::new("do it") },
        grows: Vec::new(),
        when: None,
        join: Join::All,
        made_for: Vec::new(),
        approve: None,
        group: None,
        priority: Priority::default(),
        timeout: Duration::from_secs(300),
        retry: RetryPolicy::none(),
        on_error: OnError::Continue,
        reuse: None,
        output: OutputRule::default(),
        sets: Vec::new(),
        verify: Vec::new(),
        limits: Limits::default(),
        reads: None,
        writes: None,
    }
}

/// An orchestra of these agents and tasks.
pub(crate) fn orchestra_of(agents: Vec<Agent>, tasks: Vec<Task>, plan: Plan) -> Orchestra {
    Orchestra {
        inputs: Vec::new(),
        id: name("feature"),
        name: "feature".to_owned(),
        description: None,
        workspace: "orchestra_workspaces/feature".to_owned(),
        tier: None,
        execution: Execution {
            strategy: Strategy::Parallel,
            max_parallel: None,
            outage: Execution::USUAL_OUTAGE,
            metrics: true,
            trace: true,
            groups: Vec::new(),
        },
        agents,
        tasks,
        plan,
        limits: Limits::default(),
        reuse: None,
        mcp_servers: Vec::new(),
        result: None,
        notify: Vec::new(),
        hooks: Vec::new(),
    }
}

/// The start of a run of an orchestra.
pub(crate) fn start_of(orchestra: &Orchestra) -> RunStarted {
    let story = RunBuilder::of(&[]);
    RunStarted { tasks: orchestra.planned(), ..story.history.start.as_ref().clone() }
}
