//! Attempts: which model is asked, and what follows when it fails.

use std::time::Duration;

use super::{CallRequest, Command, Granted, Made, OpenCall, Preparation, State};
use crate::plan::graph::TaskIx;
use crate::plan::retry::LONGEST_WAIT;
use crate::run::fallback::{self, Candidate, Candidates, Next, Try};
use crate::run::history::TaskState;
use crate::run::rate_limit::RateLimitKey;
use crate::run::state::admission::{Verdict, is_of_run};
use crate::words::event::{Reservation, TaskEvent};
use crate::words::failure::{Failure, FailureKind};

impl State {
    /// Begins an attempt, unless an earlier result does or a limit stands against it.
    pub(super) fn begin(&mut self, task: TaskIx, preparation: Preparation, now_us: u64) -> Vec<Command> {
        let Some(history) = &self.history else { return Vec::new() };
        let attempt = history.tasks[task].attempts + 1;
        let chosen = self.tasks[task].next_candidate;
        match preparation {
            Preparation::Cached { run, made, hit } => {
                self.made(task, 0, made, |output| TaskEvent::Reused { run, output, cache: Some(hit) })
            }
            Preparation::Refused(failure) => {
                let candidate = chosen.unwrap_or_else(|| self.first_candidate(task, 0, now_us));
                let started = self.started(task, attempt, candidate, None);
                self.inbox.push_front(super::Input::AttemptEnded { task, attempt, result: Err(failure) });
                vec![started]
            }
            Preparation::Ready { cache_key, prompt_tokens, first_call } => {
                self.tasks[task].prompt_tokens = prompt_tokens;
                let candidate = chosen.unwrap_or_else(|| self.first_candidate(task, prompt_tokens, now_us));
                let call = first_call.and_then(|needs| needs.get(candidate).copied());
                let mut call =
                    call.map(|need| CallRequest { task, attempt, call: 1, input_tokens: prompt_tokens, need });
                let limit_key =
                    self.chain(task).get(candidate).map_or_else(RateLimitKey::default, |facts| facts.limit_key);
                let verdict = match &mut call {
                    Some(call) if !self.admission.has_line(limit_key) => self.admit(call, candidate, now_us),
                    _ => Verdict::Wait,
                };
                if let Verdict::Never(exceeded) = verdict {
                    let message = self.admission.explain(&exceeded, self.name(task));
                    return vec![self.record(task, TaskEvent::LimitReached { message, run: is_of_run(&exceeded) })];
                }
                let granted = call.filter(|_| matches!(verdict, Verdict::Go));
                let mut commands = vec![self.started(task, attempt, candidate, cache_key)];
                commands.extend(granted.map(|call| self.call_started(&call, candidate)));
                let granted = granted.map(|call| self.granted(&call, candidate));
                commands.push(Command::Launch { task, attempt, candidate, granted });
                commands
            }
        }
    }

    /// What follows the end of an attempt. One that was cancelled may report all the same; it no longer counts.
    pub(super) fn end(
        &mut self,
        task: TaskIx,
        attempt: u32,
        result: Result<Made, Failure>,
        now_us: u64,
        dice: f64,
    ) -> Vec<Command> {
        let Some(history) = &self.history else { return Vec::new() };
        let known = &history.tasks[task];
        if known.state != TaskState::Running || known.attempts != attempt {
            return Vec::new();
        }
        let failure = match result {
            Ok(made) => return self.made(task, attempt, made, |output| TaskEvent::Succeeded { attempt, output }),
            Err(failure) if failure.kind == FailureKind::ContextTooLong => self.name_largest_inputs(task, failure),
            Err(failure) => failure,
        };
        let next = self.next_try(task, &failure, now_us, dice);
        let retry_in_ms = next.map(|(_, wait)| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let next_candidate = next.map(|(candidate, _)| candidate);
        let other = next_candidate.filter(|&candidate| candidate != self.tasks[task].candidate);
        let next_model = other.and_then(|candidate| Some(self.chain(task).get(candidate)?.label.clone()));
        let of_attempt =
            TaskEvent::AttemptFailed { attempt, failure: failure.clone(), retry_in_ms, next_model, next_candidate };
        let mut commands = vec![self.record(task, of_attempt)];
        match failure.kind {
            FailureKind::Cancelled => {}
            FailureKind::Budget => {
                let (message, run) = self.tasks[task].limited.take().unwrap_or((failure.message, false));
                commands.push(self.record(task, TaskEvent::LimitReached { message, run }));
            }
            _ if next.is_none() => commands.push(self.record(task, TaskEvent::Failed { failure })),
            _ => {}
        }
        commands
    }

    /// Asks for the first call in a line that may be made, or that can never be.
    pub(super) fn admit_one(&mut self, now_us: u64) -> Option<Vec<Command>> {
        self.admission.look_again();
        for limit_key in self.admission.limit_keys() {
            let Some(mut call) = self.admission.first(limit_key) else { continue };
            let is_open = self.history.as_ref().is_some_and(|history| {
                let known = &history.tasks[call.task];
                known.state == TaskState::Running && known.attempts == call.attempt
            });
            if !is_open {
                self.admission.drop_first(limit_key);
                return Some(vec![Command::Reject(
                    call.task,
                    Failure::new(FailureKind::Cancelled, "it was cancelled"),
                )]);
            }
            let candidate = self.tasks[call.task].candidate;
            match self.admit(&mut call, candidate, now_us) {
                Verdict::Wait => {}
                Verdict::Go => {
                    self.admission.drop_first(limit_key);
                    let candidate = self.tasks[call.task].candidate;
                    return Some(vec![
                        self.call_started(&call, candidate),
                        Command::Grant(call.task, self.granted(&call, candidate)),
                    ]);
                }
                Verdict::Never(exceeded) => {
                    self.admission.drop_first(limit_key);
                    let message = self.admission.explain(&exceeded, self.name(call.task));
                    self.tasks[call.task].limited = Some((message.clone(), is_of_run(&exceeded)));
                    return Some(vec![Command::Reject(call.task, Failure::new(FailureKind::Budget, message))]);
                }
            }
        }
        None
    }

    /// Takes what an event says of a call: what it costs, and how fast the next ones may come.
    pub(super) fn follow_call(&mut self, task: TaskIx, event: &TaskEvent, now_us: u64) {
        let now = Duration::from_micros(now_us);
        match event {
            TaskEvent::CallStarted { input_tokens, .. } => {
                let open_call = self.facts(task).map(|facts| OpenCall { limit_key: facts.limit_key, begun: now });
                self.tasks[task].open_call = open_call;
                self.admission.begin(task, open_call, *input_tokens, event);
            }
            TaskEvent::CallFinished { .. } | TaskEvent::CallFailed { .. } => {
                let is_refused = matches!(event, TaskEvent::CallFailed { failure, .. } if failure.policy().waits);
                let refused_since = self.tasks[task].refused_since.unwrap_or(now);
                self.tasks[task].refused_since = is_refused.then_some(refused_since);
                let number = self.facts(task).map(|facts| facts.number);
                let open_call = self.tasks[task].open_call.take();
                self.admission.end(task, open_call, number, event, now);
            }
            TaskEvent::AttemptFailed { .. } => {
                // Whatever call it had under way is none any more.
                if let Some(open_call) = self.tasks[task].open_call.take() {
                    self.admission.give_up(open_call, now);
                }
            }
            _ => {}
        }
    }

    /// The first model of a task's chain that can be used now for a prompt of about so many tokens.
    fn first_candidate(&self, task: TaskIx, prompt_tokens: u64, now_us: u64) -> usize {
        let models = self.candidates(task, now_us);
        let policy = &self.orchestra.tasks[task].retry;
        fallback::first(&Candidates { models: &models, policy, prompt_tokens, patience: Duration::ZERO })
    }

    /// The model of the next try, and how long it waits; `None` where there is none.
    fn next_try(&self, task: TaskIx, failure: &Failure, now_us: u64, dice: f64) -> Option<(usize, Duration)> {
        let run = &self.tasks[task];
        let last = Try { model: run.candidate, failure };
        let failed = run.failed.iter().map(|(model, failure)| Try { model: *model, failure });
        let tries: Vec<Try<'_>> = failed.chain([last]).collect();
        let models = self.candidates(task, now_us);
        let policy = &self.orchestra.tasks[task].retry;
        let patience = self.patience(task, failure, now_us);
        let candidates = Candidates { models: &models, policy, prompt_tokens: run.prompt_tokens, patience };
        match fallback::next(&candidates, &tries, dice) {
            Next::Again { wait } => Some((run.candidate, wait)),
            Next::FallBack { to, wait } => Some((to, wait)),
            Next::GiveUp => None,
        }
    }

    /// For how long a task may go on to wait for a provider that does not take its calls: not longer than it is waited
    /// for at all, counted from when the provider last took a call of anybody.
    fn patience(&self, task: TaskIx, failure: &Failure, now_us: u64) -> Duration {
        let now = Duration::from_micros(now_us);
        let allowed = if failure.kind.policy().slow_down { LONGEST_WAIT } else { self.orchestra.execution.outage };
        let refused_since = self.tasks[task].refused_since.unwrap_or(now);
        let last_answer = self.facts(task).and_then(|facts| self.admission.last_answer(facts.limit_key));
        let since = last_answer.map_or(refused_since, |answer| answer.max(refused_since));
        allowed.saturating_sub(now.saturating_sub(since))
    }

    /// The chain of a task as it stands now. A program counts as one model without a window.
    fn candidates(&self, task: TaskIx, now_us: u64) -> Vec<Candidate> {
        let now = Duration::from_micros(now_us);
        let chain = self.chain(task).iter();
        let mut models: Vec<Candidate> = chain
            .map(|facts| Candidate {
                context_window: facts.context_window,
                cooling_for: self.admission.open_until(facts.number, now).map(|until| until.saturating_sub(now)),
            })
            .collect();
        if models.is_empty() {
            models.push(Candidate::default());
        }
        models
    }

    fn started(
        &self,
        task: TaskIx,
        attempt: u32,
        candidate: usize,
        cache_key: Option<std::sync::Arc<crate::words::event::CacheKey>>,
    ) -> Command {
        let model = self.chain(task).get(candidate).map(|facts| facts.label.clone());
        self.record(task, TaskEvent::AttemptStarted { attempt, model, candidate, cache_key })
    }

    /// The leave to make a call for which so much is set aside.
    fn granted(&self, call: &CallRequest, candidate: usize) -> Granted {
        let is_program = self.chain(call.task).get(candidate).is_some_and(|facts| facts.is_program);
        let counts = is_program && self.admission.counts_dollars(call.task);
        Granted { lid_usd: counts.then_some(call.need.cost_usd) }
    }

    fn call_started(&self, call: &CallRequest, candidate: usize) -> Command {
        let CallRequest { task, attempt, call, input_tokens, need } = *call;
        let model = self.chain(task).get(candidate).map(|facts| facts.label.clone()).unwrap_or_default();
        let reserved: Option<Reservation> = self.admission.counts_cost().then_some(need);
        self.record(task, TaskEvent::CallStarted { attempt, call, model, input_tokens, reserved })
    }

    /// A prompt that is too long is mostly what other tasks and tools have written; a person needs to know which.
    fn name_largest_inputs(&self, task: TaskIx, failure: Failure) -> Failure {
        let Some(history) = &self.history else { return failure };
        let needs = self.orchestra.plan.needs(task).iter();
        let mut inputs: Vec<(u64, String)> = needs
            .filter_map(|&needed| {
                let name = self.name(needed);
                Some((history.tasks[needed].output()?.bytes, format!("the output of {name}")))
            })
            .collect();
        let answers = history.tasks[task].conversation.iter().flat_map(|step| &step.answers);
        inputs.push((answers.map(|answer| answer.output.bytes).sum(), "what tools have answered".to_owned()));
        inputs.push((history.start.goal.len() as u64, "the goal".to_owned()));
        inputs.retain(|(bytes, _)| *bytes > 0);
        inputs.sort_unstable_by(|a, b| b.cmp(a));
        let largest: Vec<String> =
            inputs.iter().take(3).map(|(bytes, what)| format!("{what} ({bytes} bytes)")).collect();
        let are = match largest.len() {
            0 => return failure,
            1 => "input is",
            _ => "inputs are",
        };
        let message = failure.message.trim_end_matches('.');
        let message = format!("{message}; its largest {are} {}", largest.join(", "));
        Failure { message, ..failure }
    }
}
