//! Which calls may be made now: limits are held, and providers are not pressed.
//!
//! A call is reserved before it is made and settled when it ends; both follow from events, so that a resumed run counts
//! on. Requests that must wait stand in line, one line for each provider and key, and only the first of a line is
//! looked at.

use std::collections::VecDeque;
use std::time::Duration;

use super::{CallRequest, ModelFacts, OpenCall, State};
use crate::plan::orchestra::RateLimit;
use crate::plan::orchestra::{Orchestra, Task};
use crate::plan::spec;
use crate::run::budget::{self, Budget, CallKey, Exceeded, Limits, Need, Scope, Spent};
use crate::run::history::History;
use crate::run::rate_limit::{Admit, CircuitBreakers, Ended, Limiter, RateLimitKey};
use crate::words::event::{Reservation, TaskEvent};
use crate::words::id::Name;

/// The least amount of money that is counted.
const LEAST_USD: f64 = 1e-9;

/// Whether a call may be made.
pub(super) enum Verdict {
    /// It may, now.
    Go,
    /// Later.
    Wait,
    /// A limit stands against it.
    Never(Exceeded),
}

#[derive(Debug, Clone)]
pub(super) struct Admission {
    budget: Budget,
    /// The groups as a person knows them.
    groups: Vec<String>,
    limiter: Limiter,
    breakers: CircuitBreakers,
    models: usize,
    lines: Vec<VecDeque<CallRequest>>,
    /// When the first of a line may be looked at again.
    opens_at: Option<Duration>,
    /// For each model, the most that a call of it took.
    most: Vec<Option<Spent>>,
}

impl State {
    /// Whether a call may be made now. Nothing is reserved: the event that says so does that. For a program, of which nobody
    /// knows what it will take, as much is asked for as such calls took before, or all that is left.
    pub(super) fn admit(&mut self, call: &mut CallRequest, candidate: usize, now_us: u64) -> Verdict {
        let facts = self.chain(call.task).get(candidate);
        let limit_key = facts.map_or_else(RateLimitKey::default, |facts| facts.limit_key);
        if let Some(number) = facts.filter(|facts| facts.is_program).map(|facts| facts.number) {
            call.need = self.admission.need_of_program(call, number);
        }
        let run_us = self.history.as_ref().map_or(0, |history| history.elapsed_at_us(now_us));
        let since = |start: Option<u64>| Duration::from_micros(start.map_or(0, |start| run_us.saturating_sub(start)));
        let started = self.history.as_ref().and_then(|history: &History| history.tasks[call.task].started_us);
        let groups = &self.group_started_us;
        let group = |group: usize| since(groups.get(group).copied().flatten());
        let elapsed = [Duration::from_micros(run_us), since(started)];
        self.admission.ask(call, limit_key, elapsed, &group, Duration::from_micros(now_us))
    }
}

impl Admission {
    pub(super) fn new(orchestra: &Orchestra, chains: &[Vec<ModelFacts>]) -> Self {
        let groups = &orchestra.execution.groups;
        let facts = || chains.iter().flatten();
        let keys = facts().map(|facts| facts.limit_key.0 + 1).max().unwrap_or(0);
        let mut rates = vec![RateLimit::default(); keys];
        facts().for_each(|facts| rates[facts.limit_key.0] = facts.rate);
        let models = facts().map(|facts| facts.number + 1).max().unwrap_or(0);
        let tasks = orchestra.tasks.iter().map(account).collect();
        let of_groups = groups.iter().map(|group| limits(&group.limits)).collect();
        Self {
            budget: Budget::new(limits(&orchestra.limits), of_groups, tasks),
            groups: groups.iter().map(|group| format!("the group `{}`", group.name)).collect(),
            limiter: Limiter::new(rates),
            breakers: CircuitBreakers::new(models),
            models,
            lines: vec![VecDeque::new(); keys],
            opens_at: None,
            most: vec![None; models],
        }
    }

    pub(super) fn add_task(&mut self, task: &Task) {
        let (limits, groups) = account(task);
        self.budget.add_task(limits, groups);
    }

    pub(super) fn counts_cost(&self) -> bool {
        !self.budget.is_unlimited()
    }

    /// Another process goes on: what was in flight is spent, and nothing is known of the providers' rate limits.
    pub(super) fn resume(&mut self) {
        self.budget.resume();
        self.limiter.forget();
        self.breakers = CircuitBreakers::new(self.models);
        self.lines.iter_mut().for_each(VecDeque::clear);
        self.opens_at = None;
    }

    /// What a call of a program is to set aside: half as much again as the dearest one so far, if that is left; where none
    /// is known, all that is left, so that it runs alone.
    fn need_of_program(&self, call: &CallRequest, number: usize) -> Reservation {
        let rest = self.budget.rest(call.task);
        let most = self.most.get(number).copied().flatten();
        let tokens = rest.tokens.map_or(call.need.tokens, |rest| {
            let usual =
                most.map_or(rest, |most| rest.min(most.tokens.saturating_add(most.tokens / 2)).max(most.tokens));
            usual.max(call.input_tokens).max(1)
        });
        let cost_usd = rest.cost_usd.map_or(call.need.cost_usd, |rest| {
            let usual = most.map_or(rest, |most| rest.min(most.cost_usd * 1.5).max(most.cost_usd));
            // Where nothing is left, nothing may begin.
            usual.max(LEAST_USD)
        });
        Reservation { tokens, cost_usd }
    }

    /// Whether a limit in dollars holds for a task.
    pub(super) fn counts_dollars(&self, task: usize) -> bool {
        self.budget.rest(task).cost_usd.is_some()
    }

    /// In words, a limit of which more was spent than it allows.
    pub(super) fn passed(&self, name: &dyn Fn(usize) -> Name) -> Option<String> {
        let (exceeded, task) = self.budget.passed()?;
        let owner = match (exceeded.scope, task) {
            (Scope::Run, _) => "the run".to_owned(),
            (Scope::Group(group), _) => self.groups.get(group).map_or("the group", String::as_str).to_owned(),
            (Scope::Task, Some(task)) => format!("the task `{}`", name(task)),
            (Scope::Task, None) => "the task".to_owned(),
        };
        Some(exceeded.told_as_passed(&owner))
    }

    fn ask(
        &mut self,
        call: &CallRequest,
        limit_key: RateLimitKey,
        [run, task]: [Duration; 2],
        group: &dyn Fn(usize) -> Duration,
        now: Duration,
    ) -> Verdict {
        let need = Need { tokens: call.need.tokens, cost_usd: call.need.cost_usd };
        match self.budget.ask(call.task, &need, run, task, group) {
            budget::Verdict::Exceeded(exceeded) => return Verdict::Never(exceeded),
            budget::Verdict::Wait => return Verdict::Wait,
            budget::Verdict::Granted => {}
        }
        if limit_key.0 >= self.limiter.keys() {
            return Verdict::Go;
        }
        match self.limiter.admit(limit_key, call.input_tokens, now) {
            Admit::Now => Verdict::Go,
            Admit::At(when) => {
                self.opens_at = Some(self.opens_at.map_or(when, |before| before.min(when)));
                Verdict::Wait
            }
            Admit::AfterAnEnd => Verdict::Wait,
        }
    }

    /// A call begins, as its event says.
    pub(super) fn begin(&mut self, task: usize, open_call: Option<OpenCall>, tokens: u64, event: &TaskEvent) {
        let TaskEvent::CallStarted { attempt, call, reserved, .. } = event else { return };
        let need =
            reserved.map_or(Need { tokens: 0, cost_usd: 0.0 }, |r| Need { tokens: r.tokens, cost_usd: r.cost_usd });
        self.budget.reserve(task, CallKey { attempt: *attempt, call: *call }, &need);
        if let Some(OpenCall { limit_key, begun }) = open_call {
            self.limiter.begin(limit_key, tokens, begun);
        }
    }

    /// A call has ended, as its event says.
    pub(super) fn end(
        &mut self,
        task: usize,
        open_call: Option<OpenCall>,
        number: Option<usize>,
        event: &TaskEvent,
        now: Duration,
    ) {
        let (key, spent, ended) = match event {
            TaskEvent::CallFinished { attempt, call, usage, cost_usd, rate_limit, .. } => {
                let tokens = usage.input_tokens + usage.output_tokens;
                let key = CallKey { attempt: *attempt, call: *call };
                // A program that does not say what it cost has cost what it might.
                let cost_usd = cost_usd.unwrap_or_else(|| self.budget.reserved_usd(task, key));
                (key, Some(Spent { tokens, cost_usd }), Ended::Answered(*rate_limit))
            }
            TaskEvent::CallFailed { attempt, call, failure, usage, cost_usd, rate_limit, unsettled, .. } => {
                let tokens = usage.map_or(0, |usage| usage.input_tokens + usage.output_tokens);
                // The numbers of an answer that broke off are those of its beginning: the model may have written on.
                let spent = (!unsettled).then_some(Spent { tokens, cost_usd: cost_usd.unwrap_or(0.0) });
                (CallKey { attempt: *attempt, call: *call }, spent, Ended::Failed(failure, *rate_limit))
            }
            _ => return,
        };
        match &ended {
            Ended::Failed(failure, _) if failure.kind.is_unsent() => self.budget.release(task, key),
            _ => self.budget.settle(task, key, spent),
        }
        if let Some(number) = number {
            if let (Some(spent), Some(most)) = (spent, self.most.get_mut(number)) {
                let before = most.unwrap_or(Spent { tokens: 0, cost_usd: 0.0 });
                let cost_usd = before.cost_usd.max(spent.cost_usd);
                let is_some = spent.tokens > 0 || spent.cost_usd > 0.0;
                if is_some {
                    *most = Some(Spent { tokens: before.tokens.max(spent.tokens), cost_usd });
                }
            }
            match &ended {
                Ended::Answered(_) => self.breakers.succeeded(number),
                Ended::Failed(failure, _) => self.breakers.note(number, failure, now),
                Ended::GivenUp => {}
            }
        }
        if let Some(OpenCall { limit_key, begun }) = open_call {
            self.limiter.end(limit_key, begun, now, &ended);
        }
    }

    /// A call was given up in the middle.
    pub(super) fn give_up(&mut self, open_call: OpenCall, now: Duration) {
        self.limiter.end(open_call.limit_key, open_call.begun, now, &Ended::GivenUp);
    }

    /// In words for a person, whose limit stands against a call of `task`, and how it can be raised.
    pub(super) fn explain(&self, exceeded: &Exceeded, task: &Name) -> String {
        match exceeded.scope {
            Scope::Run => exceeded.told_of("the run"),
            Scope::Group(group) => exceeded.told_of(self.groups.get(group).map_or("the group", String::as_str)),
            Scope::Task => exceeded.told_of(&format!("the task `{task}`")),
        }
    }

    /// Until when a model is better left alone; `None` if it need not be.
    pub(super) fn open_until(&self, model: usize, now: Duration) -> Option<Duration> {
        self.breakers.until(model, now)
    }

    /// When a call with a key was answered last.
    pub(super) fn last_answer(&self, limit_key: RateLimitKey) -> Option<Duration> {
        self.limiter.last_answer(limit_key)
    }

    /// Whether somebody stands in line for a key already, so that nobody else goes first.
    pub(super) fn has_line(&self, limit_key: RateLimitKey) -> bool {
        self.lines.get(limit_key.0).is_some_and(|line| !line.is_empty())
    }

    pub(super) fn stand_in_line(&mut self, limit_key: RateLimitKey, request: CallRequest) {
        if let Some(line) = self.lines.get_mut(limit_key.0) {
            line.push_back(request);
        }
    }

    pub(super) fn limit_keys(&self) -> impl Iterator<Item = RateLimitKey> + use<> {
        (0..self.lines.len()).map(RateLimitKey)
    }

    pub(super) fn first(&self, limit_key: RateLimitKey) -> Option<CallRequest> {
        self.lines.get(limit_key.0)?.front().copied()
    }

    pub(super) fn drop_first(&mut self, limit_key: RateLimitKey) {
        if let Some(line) = self.lines.get_mut(limit_key.0) {
            line.pop_front();
        }
    }

    /// A request of any line, taken out.
    pub(super) fn pop(&mut self) -> Option<CallRequest> {
        self.lines.iter_mut().find_map(VecDeque::pop_front)
    }

    /// The lines are gone through: what was known of when they open is found anew.
    pub(super) fn look_again(&mut self) {
        self.opens_at = None;
    }

    pub(super) fn opens_at_us(&self) -> Option<u64> {
        let rounded_up = |time: Duration| u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX);
        self.opens_at.map(rounded_up)
    }
}

/// Whether it is a limit of the whole run.
pub(super) fn is_of_run(exceeded: &Exceeded) -> bool {
    matches!(exceeded.scope, Scope::Run)
}

fn account(task: &Task) -> (Limits, Vec<usize>) {
    (limits(&task.limits), task.group.into_iter().collect())
}

fn limits(limits: &spec::Limits) -> Limits {
    Limits {
        max_api_calls: limits.max_api_calls,
        token_budget: limits.token_budget,
        cost_limit_usd: limits.cost_limit_usd,
        max_seconds: limits.max_seconds,
    }
}
