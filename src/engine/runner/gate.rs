//! Who may call a model now: limits are held and providers are not pressed.
//!
//! A call is reserved before it is made and settled when it ends; both are events, so that a resumed run counts on.
//! Those that must wait stand in line, one line for each provider and key, and only the first of a line is looked at.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::attempt::Ask;
use crate::plan::graph::TaskIx;
use crate::plan::orchestra::Orchestra;
use crate::plan::spec;
use crate::run::budget::{Budget, CallKey, Exceeded, Limits, Need, Scope, Spent, Verdict};
use crate::run::fallback::Rung;
use crate::run::rate_limit::{Admit, Cooldowns, Ended, Limiter, RateLimitInfo};
use crate::words::event::{Event, Record, RunEvent, TaskEvent};
use crate::words::failure::Failure;
use crate::words::id::Name;

/// A call that waits for leave.
pub(super) struct Waiting {
    pub(super) task: TaskIx,
    pub(super) ask: Ask,
    pub(super) answer: oneshot::Sender<Result<(), Failure>>,
}

/// Whether a call may be made.
pub(super) enum Leave {
    /// It may.
    Go,
    /// Later.
    Wait,
    /// A limit stands against it.
    Never(Exceeded),
}

/// How long the parts of a run have been going on.
pub(super) struct Elapsed<'e> {
    pub(super) run: Duration,
    pub(super) task: Duration,
    pub(super) group: &'e dyn Fn(usize) -> Duration,
}

pub(super) struct Gate {
    budget: Budget,
    /// The groups as a person knows them.
    groups: Vec<String>,
    limiter: Limiter,
    cooldowns: Cooldowns,
    lines: Vec<VecDeque<Waiting>>,
    /// The lane of the call that a task has under way.
    open: HashMap<TaskIx, usize>,
    /// When the first of a line may be looked at again, on the clock of this process.
    opens_at: Option<Duration>,
}

impl Gate {
    pub(super) fn new(orchestra: &Orchestra, lanes: usize, models: usize) -> Self {
        let groups = &orchestra.execution.groups;
        let mut member: HashMap<TaskIx, Vec<usize>> = HashMap::new();
        for (group, tasks) in groups.iter().map(|group| &group.tasks).enumerate() {
            tasks.iter().for_each(|&task| member.entry(task).or_default().push(group));
        }
        let tasks = orchestra.tasks.iter().enumerate();
        let tasks = tasks.map(|(ix, task)| (limits(&task.limits), member.remove(&ix).unwrap_or_default())).collect();
        let of_groups = groups.iter().map(|group| limits(&group.limits)).collect();
        Self {
            budget: Budget::new(limits(&orchestra.limits), of_groups, tasks),
            groups: groups.iter().map(|group| format!("the group `{}`", group.name)).collect(),
            limiter: Limiter::new(lanes),
            cooldowns: Cooldowns::new(models),
            lines: (0..lanes).map(|_| VecDeque::new()).collect(),
            open: HashMap::new(),
            opens_at: None,
        }
    }

    /// Whether some limit counts what calls cost, so that the longest answer has to be known.
    pub(super) fn counts(&self) -> bool {
        !self.budget.is_unlimited()
    }

    /// Takes note of what is in the journal, or will be.
    pub(super) fn apply(&mut self, record: &Record, task: Option<TaskIx>) {
        let Some(task) = task else {
            if matches!(record.event, Event::Run(RunEvent::Resumed { .. })) {
                self.budget.take_up();
            }
            return;
        };
        match &record.event {
            Event::Task { event: TaskEvent::CallStarted { attempt, call, reserved, .. }, .. } => {
                let need = reserved
                    .map_or(Need { tokens: 0, cost_usd: 0.0 }, |r| Need { tokens: r.tokens, cost_usd: r.cost_usd });
                self.budget.reserve(task, CallKey { attempt: *attempt, call: *call }, &need);
            }
            Event::Task { event: TaskEvent::CallFinished { attempt, call, usage, cost_usd, .. }, .. } => {
                let tokens = usage.input_tokens + usage.output_tokens;
                let spent = Spent { tokens, cost_usd: cost_usd.unwrap_or(0.0) };
                self.budget.settle(task, CallKey { attempt: *attempt, call: *call }, Some(spent));
            }
            Event::Task { event: TaskEvent::CallFailed { attempt, call, usage, cost_usd, unsettled, .. }, .. } => {
                let tokens = usage.map_or(0, |usage| usage.input_tokens + usage.output_tokens);
                let spent = Spent { tokens, cost_usd: cost_usd.unwrap_or(0.0) };
                // The numbers of an answer that broke off are those of its beginning: the model may have written on.
                let spent = (!unsettled).then_some(spent);
                self.budget.settle(task, CallKey { attempt: *attempt, call: *call }, spent);
            }
            _ => {}
        }
    }

    /// Whether a call may be made now. One that may has its place; the event that says so is the caller's.
    pub(super) fn ask(&mut self, task: TaskIx, ask: &Ask, elapsed: &Elapsed<'_>, now: Duration) -> Leave {
        let need = Need { tokens: ask.need.tokens, cost_usd: ask.need.cost_usd };
        match self.budget.ask(task, &need, elapsed.run, elapsed.task, elapsed.group) {
            Verdict::Exceeded(exceeded) => return Leave::Never(exceeded),
            Verdict::Wait => return Leave::Wait,
            Verdict::Granted => {}
        }
        match self.limiter.admit(ask.client.lane, ask.input_tokens, now) {
            Admit::Now => {}
            Admit::At(when) => {
                self.opens_at = Some(self.opens_at.map_or(when, |before| before.min(when)));
                return Leave::Wait;
            }
            Admit::AfterAnEnd => return Leave::Wait,
        }
        self.limiter.begin(ask.client.lane, ask.input_tokens, now);
        self.open.insert(task, ask.client.lane);
        Leave::Go
    }

    /// In words for a person, whose limit stands against a call of `task`, and how it can be raised.
    pub(super) fn explain(&self, exceeded: &Exceeded, task: &Name) -> String {
        match exceeded.scope {
            Scope::Run => exceeded.told_of("the run"),
            Scope::Group(group) => exceeded.told_of(self.groups.get(group).map_or("the group", String::as_str)),
            Scope::Task => exceeded.told_of(&format!("the task `{task}`")),
        }
    }

    /// Whether somebody stands in line for a lane already, so that nobody else goes first.
    pub(super) fn has_line(&self, lane: usize) -> bool {
        self.lines.get(lane).is_some_and(|line| !line.is_empty())
    }

    pub(super) fn stand_in_line(&mut self, waiting: Waiting) {
        if let Some(line) = self.lines.get_mut(waiting.ask.client.lane) {
            line.push_back(waiting);
        }
    }

    pub(super) fn lanes(&self) -> usize {
        self.lines.len()
    }

    /// The first of a line, taken out. Those who no longer wait are passed over.
    pub(super) fn first(&mut self, lane: usize) -> Option<Waiting> {
        let line = self.lines.get_mut(lane)?;
        while let Some(first) = line.pop_front() {
            if !first.answer.is_closed() {
                return Some(first);
            }
        }
        None
    }

    pub(super) fn back_in_front(&mut self, waiting: Waiting) {
        if let Some(line) = self.lines.get_mut(waiting.ask.client.lane) {
            line.push_front(waiting);
        }
    }

    /// When the lines have to be looked at again although nothing has happened.
    pub(super) fn take_opens_at(&mut self) -> Option<Duration> {
        self.opens_at.take()
    }

    pub(super) fn opens_at(&self) -> Option<Duration> {
        self.opens_at
    }

    /// A call has ended.
    pub(super) fn ended(
        &mut self,
        task: TaskIx,
        model: usize,
        ended: &Result<(), Failure>,
        pace: Option<RateLimitInfo>,
        now: Duration,
    ) {
        let Some(lane) = self.open.remove(&task) else { return };
        match ended {
            Ok(()) => {
                self.cooldowns.succeeded(model);
                self.limiter.end(lane, now, &Ended::Answered(pace));
            }
            Err(failure) => {
                self.cooldowns.note(model, failure, now);
                self.limiter.end(lane, now, &Ended::Failed(failure, pace));
            }
        }
    }

    /// An attempt has ended; whatever call it had under way is no longer.
    pub(super) fn left(&mut self, task: TaskIx, now: Duration) {
        if let Some(lane) = self.open.remove(&task) {
            self.limiter.end(lane, now, &Ended::Answered(None));
        }
    }

    /// What the ladder has to know of a chain of models.
    pub(super) fn rung(&self, model: usize, context_window: Option<u64>, now: Duration) -> Rung {
        Rung { context_window, cooling_for: self.cooldowns.until(model, now).map(|until| until.saturating_sub(now)) }
    }
}

/// Whether it is a limit of the whole run.
pub(super) fn is_of_run(exceeded: &Exceeded) -> bool {
    matches!(exceeded.scope, Scope::Run)
}

fn limits(limits: &spec::Limits) -> Limits {
    Limits {
        max_api_calls: limits.max_api_calls,
        token_budget: limits.token_budget,
        cost_limit_usd: limits.cost_limit_usd,
        max_seconds: limits.max_seconds,
    }
}
