//! A run as a value: events go in, commands come out.
//!
//! [`State::apply`] takes what has happened, live and read back from a journal alike, and is the only place where a run
//! changes. [`State::tell`] takes what somebody asks for or reports and that is not an event yet. [`State::next`] says
//! what to do: first of all which events to write down. Retries, fallbacks, reservations, limits, the end of a run that
//! was told to stop, and growth are decided here.
//!
//! Knows no runtime, no files and no clock: the time comes in, as microseconds since this process took up the run, and
//! so does chance.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::plan::graph::TaskIx;
use crate::plan::orchestra::Orchestra;
use crate::plan::orchestra::RateLimit;
use crate::run::history::{Answer, History, IllegalEvent, TaskState};
use crate::run::rate_limit::RateLimitKey;
use crate::run::schedule::{Schedule, Step};
use crate::words::event::{
    CacheHit, CacheKey, Event, Omission, Output, PlannedTask, Record, Reservation, RunEvent, RunStatus, TaskEvent,
};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::{Name, RunId};

mod admission;
mod approval;
mod attempts;
mod growth;

use admission::Admission;

/// How long what runs may take to end once the run was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// What is to be done. Everything but [`Command::Record`] waits until the records before it are durable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Write the event down, and apply it.
    Record(Event),
    /// Say with what an attempt at a task would begin, by [`Input::Prepared`].
    Prepare(TaskIx),
    /// Say what the items of a task are, by [`Input::Expanded`].
    Expand(TaskIx),
    /// Look whether somebody has answered what waits, and say so by [`Input::Answered`].
    LookForAnswers,
    /// Put the outputs of a task's members together, and say so by [`Input::Collected`].
    Collect(TaskIx),
    /// Make the attempt that was prepared.
    Launch {
        /// The task.
        task: TaskIx,
        /// The number of the attempt.
        attempt: u32,
        /// Its model, by its place in the chain.
        candidate: usize,
        /// With what its first call is granted, if it is.
        granted: Option<Granted>,
    },
    /// Let an attempt make the call that it has asked for.
    Grant(TaskIx, Granted),
    /// Tell an attempt that the call it has asked for is not made.
    Reject(TaskIx, Failure),
    /// End every attempt under way.
    Abort,
}

/// The leave to make a call.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Granted {
    /// What a program may spend on it in dollars, where a limit counts them.
    pub lid_usd: Option<f64>,
}

/// What is reported or asked for, and is no event yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// The answer to [`Command::Prepare`].
    Prepared(TaskIx, Preparation),
    /// The answer to [`Command::Expand`]: the members.
    Expanded(TaskIx, Result<Vec<PlannedTask>, Failure>),
    /// The other answer to [`Command::Prepare`] and to [`Command::Expand`]: the task is not wanted.
    Omitted(TaskIx, Omission),
    /// The answer to [`Command::Collect`].
    Collected(TaskIx, Result<Made, Failure>),
    /// A person has answered what waits, with what the task has made if that is approved.
    Answered(TaskIx, Answer, Result<Made, Failure>),
    /// An attempt asks for leave to call its model.
    CallRequested(CallRequest),
    /// An attempt has ended.
    AttemptEnded {
        /// The task.
        task: TaskIx,
        /// The number of the attempt.
        attempt: u32,
        /// What it has made, or why there is nothing.
        result: Result<Made, Failure>,
    },
    /// A signal tells the run to stop; a second one, to stop at once.
    Signal(&'static str),
}

/// What a task has made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    /// The output.
    pub output: Output,
    /// The shared values that it sets, by their keys.
    pub sets: Vec<(String, serde_json::Value)>,
}

/// With what an attempt would begin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Preparation {
    /// It cannot begin.
    Refused(Failure),
    /// An earlier result takes its place.
    Cached {
        /// The run that made it.
        run: RunId,
        /// What it made.
        made: Made,
        /// How it was found.
        hit: CacheHit,
    },
    /// It can.
    Ready {
        /// What the output will depend on, where a later run may use it again.
        cache_key: Option<Arc<CacheKey>>,
        /// The estimated size of the prompt in tokens.
        prompt_tokens: u64,
        /// For each model of the chain, what the first call may cost at worst; `None` where the attempt does not begin
        /// with a call, or cannot tell yet.
        first_call: Option<Vec<Reservation>>,
    },
}

/// A call that an attempt is about to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CallRequest {
    /// The task.
    pub task: TaskIx,
    /// The number of the attempt.
    pub attempt: u32,
    /// Which call of the attempt it is, from 1.
    pub call: u32,
    /// The estimated size of the prompt in tokens.
    pub input_tokens: u64,
    /// What it may cost at worst.
    pub need: Reservation,
}

/// What the state has to know of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelFacts {
    /// `provider/model`
    pub label: String,
    /// Which of the run's models it is, from 0. The same model of two agents has one number.
    pub number: usize,
    /// Which provider and key it is called with, from 0: those that share one share its rate limit.
    pub limit_key: RateLimitKey,
    /// How fast the file lets it be called.
    pub rate: RateLimit,
    /// How many tokens a prompt and its answer may have together.
    pub context_window: Option<u64>,
    /// Whether it is a program, of which nobody knows before a call what that will take.
    pub is_program: bool,
}

/// What follows from events about one task, beside its history.
#[derive(Debug, Clone, Default)]
struct TaskRun {
    /// The model of the attempt under way, by its place in the chain.
    candidate: usize,
    /// The model of the next try, where it was decided.
    next_candidate: Option<usize>,
    /// When the next try is due, in microseconds of this process.
    due_us: Option<u64>,
    /// Whether [`Command::Prepare`] or its like was given and not answered.
    asked: bool,
    /// The estimated size of its prompt in tokens.
    prompt_tokens: u64,
    /// The tries of this process that failed, each with its model's place in the chain.
    failed: Vec<(usize, Failure)>,
    /// Since when no provider has taken its calls, since this process took up the run.
    refused_since: Option<Duration>,
    /// The call that is under way.
    open_call: Option<OpenCall>,
    /// The limit that a call of it would have passed, in words, and whether it is that of the run.
    limited: Option<(String, bool)>,
}

/// A call that is under way.
#[derive(Debug, Clone, Copy)]
struct OpenCall {
    limit_key: RateLimitKey,
    /// Since this process took up the run.
    begun: Duration,
}

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct State {
    orchestra: Orchestra,
    /// For each agent of the orchestra, its models.
    chains: Vec<Vec<ModelFacts>>,
    /// `None` until the run has begun.
    history: Option<History>,
    schedule: Schedule,
    tasks: Vec<TaskRun>,
    admission: Admission,
    /// When the first task of each group began, in microseconds of the run's time.
    group_started_us: Vec<Option<u64>>,
    /// Tasks that wait for their next try, the earliest first.
    due: std::collections::BinaryHeap<std::cmp::Reverse<(u64, TaskIx)>>,
    inbox: VecDeque<Input>,
    /// When what runs has had its time to end, in microseconds of this process.
    grace_ends_us: Option<u64>,
    aborted: bool,
    /// Whether there may be answers that nobody has looked for.
    looks_for_answers: bool,
    /// Whether they were looked for when nothing else was left to do.
    has_looked_at_last: bool,
}

impl State {
    /// A run of an orchestra in which nothing has happened. `chains` are the models of each of its agents.
    #[must_use]
    pub(crate) fn new(orchestra: Orchestra, chains: Vec<Vec<ModelFacts>>) -> Self {
        let rules = orchestra.tasks.iter().map(growth::rules);
        Self {
            schedule: Schedule::new(&orchestra.plan, orchestra.execution.max_parallel, rules),
            tasks: vec![TaskRun::default(); orchestra.tasks.len()],
            admission: Admission::new(&orchestra, &chains),
            group_started_us: vec![None; orchestra.execution.groups.len()],
            orchestra,
            chains,
            history: None,
            due: std::collections::BinaryHeap::new(),
            inbox: VecDeque::new(),
            grace_ends_us: None,
            aborted: false,
            looks_for_answers: false,
            has_looked_at_last: false,
        }
    }

    /// What the run has come to; `None` until it has begun.
    #[must_use]
    pub(crate) fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// The orchestra, with the tasks that the run has grown by.
    #[must_use]
    pub(crate) fn orchestra(&self) -> &Orchestra {
        &self.orchestra
    }

    /// Whether what calls cost is counted, so that the longest answer has to be known.
    #[must_use]
    pub(crate) fn counts_cost(&self) -> bool {
        self.admission.counts_cost()
    }

    /// The models of a task's agent; none where a program does the task.
    #[must_use]
    pub(crate) fn chain(&self, task: TaskIx) -> &[ModelFacts] {
        self.orchestra.tasks[task].agent().map_or(&[], |agent| &self.chains[agent])
    }

    /// Takes what has happened.
    ///
    /// # Errors
    /// If the record does not fit what came before; nothing has changed then.
    pub(crate) fn apply(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        self.check(record)?;
        self.recall(record)
    }

    /// Takes what happened while the file said something else than now, so that the graph may have been another one:
    /// the record must fit those before it, and may be out of turn.
    ///
    /// # Errors
    /// If the record does not fit what came before; nothing has changed then.
    pub(crate) fn recall(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        match &mut self.history {
            Some(history) => history.apply(record)?,
            None => self.history = Some(History::begin(record)?),
        }
        match &record.event {
            Event::Run(event) => self.follow_run(event, record.mono_us),
            Event::Task { task, event } => {
                if let Some(ix) = self.history.as_ref().and_then(|history| history.place(task.as_str())) {
                    self.follow_task(ix, event, record.mono_us);
                }
            }
        }
        Ok(())
    }

    /// Takes what is asked for or reported.
    pub(crate) fn tell(&mut self, input: Input) {
        self.inbox.push_back(input);
    }

    /// What to do next, decided at `now_us` of this process's clock; `dice` is anything from 0 to 1. Nothing means to
    /// wait, until somebody tells something or until [`State::wakes_at_us`]. Each record is to be applied before this
    /// is asked again.
    pub(crate) fn next(&mut self, now_us: u64, dice: f64) -> Vec<Command> {
        let Some(history) = &self.history else { return Vec::new() };
        if history.status.is_some() {
            return Vec::new();
        }
        while let Some(input) = self.inbox.pop_front() {
            let commands = self.decide(input, now_us, dice);
            if !commands.is_empty() {
                return commands;
            }
        }
        if self.grace_ends_us.is_some() {
            let commands = self.wind_down(now_us);
            if !commands.is_empty() {
                return commands;
            }
        }
        if std::mem::take(&mut self.looks_for_answers) {
            return vec![Command::LookForAnswers];
        }
        if let Some(commands) = self.admit_one(now_us) {
            return commands;
        }
        if let Some(task) = self.next_due(now_us) {
            return vec![Command::Prepare(task)];
        }
        self.next_of_schedule()
    }

    /// When [`State::next`] has something to say although nobody tells anything, in microseconds of this process.
    #[must_use]
    pub(crate) fn wakes_at_us(&self) -> Option<u64> {
        let due = self.due.peek().map(|std::cmp::Reverse((due, _))| *due);
        let grace = self.grace_ends_us.filter(|_| !self.aborted);
        [due, grace, self.admission.opens_at_us()].into_iter().flatten().min()
    }

    fn next_of_schedule(&mut self) -> Vec<Command> {
        match self.schedule.next(&self.orchestra.plan) {
            Some(Step::Start(task)) if self.tasks[task].asked => Vec::new(),
            Some(Step::Start(task)) => {
                let command = self.start(task);
                self.tasks[task].asked = !matches!(command, Command::Record(_));
                vec![command]
            }
            Some(Step::Skip { task, because, reason }) => {
                let because = self.name(because).clone();
                vec![self.record(task, TaskEvent::Skipped { because, reason })]
            }
            Some(Step::Omit { task, because }) => {
                let why = match because {
                    Some(because) => Omission::Dependency { because: self.name(because).clone() },
                    None => {
                        let needs = self.orchestra.plan.needs(task).iter();
                        Omission::NoFailure { none_failed: needs.map(|&needed| self.name(needed).clone()).collect() }
                    }
                };
                vec![self.record(task, TaskEvent::Omitted(why))]
            }
            Some(Step::Over) if !self.tasks.iter().any(|task| task.asked) => {
                if self.gates().next().is_some() && !std::mem::replace(&mut self.has_looked_at_last, true) {
                    return vec![Command::LookForAnswers];
                }
                if let Some(message) = self.passed_limit() {
                    return vec![Command::Record(RunEvent::LimitPassed { message }.into())];
                }
                let status = self.history.as_ref().map_or(RunStatus::Failed, History::end_status);
                vec![Command::Record(RunEvent::Finished { status }.into())]
            }
            Some(Step::Over) | None => Vec::new(),
        }
    }

    /// In words, which limit was passed, where nobody has said so yet.
    fn passed_limit(&self) -> Option<String> {
        self.history.as_ref().filter(|history| !history.has_passed_limit())?;
        self.admission.passed(&|task| self.name(task).clone())
    }

    fn start(&self, task: TaskIx) -> Command {
        if self.orchestra.tasks[task].grows.is_empty() {
            return Command::Prepare(task);
        }
        self.next_of_fan_out(task)
    }

    /// A task whose next try is due.
    fn next_due(&mut self, now_us: u64) -> Option<TaskIx> {
        while let Some(&std::cmp::Reverse((due_us, task))) = self.due.peek() {
            if due_us > now_us {
                return None;
            }
            self.due.pop();
            if self.tasks[task].due_us == Some(due_us) {
                self.tasks[task].due_us = None;
                self.tasks[task].asked = true;
                return Some(task);
            }
        }
        None
    }

    fn decide(&mut self, input: Input, now_us: u64, dice: f64) -> Vec<Command> {
        match input {
            Input::Prepared(task, preparation) => {
                self.tasks[task].asked = false;
                self.begin(task, preparation, now_us)
            }
            Input::Omitted(task, why) => {
                self.tasks[task].asked = false;
                vec![self.record(task, TaskEvent::Omitted(why))]
            }
            Input::Expanded(task, members) => {
                self.tasks[task].asked = false;
                let parent = self.name(task).clone();
                match members {
                    Ok(tasks) => vec![Command::Record(RunEvent::GraphGrown { parent, tasks }.into())],
                    Err(failure) => vec![self.record(task, TaskEvent::Failed { failure })],
                }
            }
            Input::Collected(task, made) => {
                self.tasks[task].asked = false;
                match made {
                    Ok(made) => self.made(task, 0, made, |output| TaskEvent::Succeeded { attempt: 0, output }),
                    Err(failure) => vec![self.record(task, TaskEvent::Failed { failure })],
                }
            }
            Input::Answered(task, answer, made) => self.answered(task, answer, made),
            Input::CallRequested(request) => {
                let limit_key = self.facts(request.task).map_or_else(RateLimitKey::default, |facts| facts.limit_key);
                self.admission.stand_in_line(limit_key, request);
                Vec::new()
            }
            Input::AttemptEnded { task, attempt, result } => self.end(task, attempt, result, now_us, dice),
            Input::Signal(signal) => {
                if self.grace_ends_us.is_some() {
                    return self.abort("the run was told to stop at once");
                }
                vec![Command::Record(RunEvent::StopRequested { signal: signal.to_owned() }.into())]
            }
        }
    }

    /// After the run was told to stop: nothing waits for a next try or a call, and what runs has its time.
    fn wind_down(&mut self, now_us: u64) -> Vec<Command> {
        while let Some(std::cmp::Reverse((due_us, task))) = self.due.pop() {
            if self.tasks[task].due_us != Some(due_us) {
                continue;
            }
            let message = "the run was told to stop before the next try";
            return vec![self.cancel(task, message)];
        }
        if let Some(request) = self.admission.pop() {
            let message = "the run was told to stop before this call";
            return vec![Command::Reject(request.task, Failure::new(FailureKind::Cancelled, message))];
        }
        match self.grace_ends_us {
            Some(ends_us) if now_us >= ends_us => self.abort("the run was told to stop"),
            _ => Vec::new(),
        }
    }

    /// Ends what runs. The order of the tasks makes the journal the same each time.
    fn abort(&mut self, why: &str) -> Vec<Command> {
        if std::mem::replace(&mut self.aborted, true) {
            return Vec::new();
        }
        let tasks = self.history.iter().flat_map(|history| history.tasks.iter().enumerate());
        let running = tasks.filter(|(_, task)| task.state == TaskState::Running).map(|(ix, _)| ix);
        let cancelled: Vec<Command> = running.map(|task| self.cancel(task, why)).collect();
        std::iter::once(Command::Abort).chain(cancelled).collect()
    }

    /// The end of a task that has made something. What it sets is there before it is done, so that nobody who waits for
    /// it misses that.
    fn done(&self, task: TaskIx, made: Made, end: impl FnOnce(Output) -> TaskEvent) -> Vec<Command> {
        let sets = made.sets.into_iter().map(|(key, value)| self.record(task, TaskEvent::CtxSet { key, value }));
        let mut commands: Vec<Command> = sets.collect();
        commands.push(self.record(task, end(made.output)));
        commands
    }

    fn cancel(&self, task: TaskIx, why: &str) -> Command {
        let attempt = self.history.as_ref().map_or(0, |history| history.tasks[task].attempts);
        let failure = Failure::new(FailureKind::Cancelled, why);
        let (retry_in_ms, next_model, next_candidate) = (None, None, None);
        self.record(task, TaskEvent::AttemptFailed { attempt, failure, retry_in_ms, next_model, next_candidate })
    }

    /// A state that fits the history may still not fit what is left of the graph.
    fn check(&self, record: &Record) -> Result<(), IllegalEvent> {
        let Some(history) = &self.history else { return Ok(()) };
        let ready = |task: &Name| match history.place(task.as_str()) {
            Some(ix) => self.schedule.is_ready(&self.orchestra.plan, ix) || history.tasks[ix].state.is_under_way(),
            None => true,
        };
        let why = match &record.event {
            Event::Task { task, event: TaskEvent::AttemptStarted { .. } } if !ready(task) => "it is not its turn",
            Event::Task { task, event: TaskEvent::Omitted(Omission::Condition { .. }) } if !ready(task) => {
                "it is not its turn"
            }
            Event::Run(RunEvent::Finished { .. }) if !self.schedule.is_over(&self.orchestra.plan) => {
                "there are tasks that can start"
            }
            Event::Run(RunEvent::Finished { status }) if *status != history.end_status() => "its tasks say otherwise",
            Event::Run(RunEvent::Finished { status: RunStatus::Interrupted }) if history.stop.is_none() => {
                "nobody told the run to stop"
            }
            _ => return Ok(()),
        };
        Err(IllegalEvent::new(record, why))
    }

    fn follow_run(&mut self, event: &RunEvent, now_us: u64) {
        match event {
            RunEvent::Started(_) => {}
            RunEvent::Resumed { .. } => self.resume(),
            RunEvent::GraphGrown { parent, tasks } => self.grow(parent, tasks),
            RunEvent::StopRequested { .. } => {
                self.schedule.stop();
                self.grace_ends_us = Some(now_us + u64::try_from(GRACE.as_micros()).unwrap_or(u64::MAX));
            }
            RunEvent::LimitPassed { .. } | RunEvent::Finished { .. } => {}
        }
    }

    fn follow_task(&mut self, task: TaskIx, event: &TaskEvent, now_us: u64) {
        self.follow_call(task, event, now_us);
        let plan = &self.orchestra.plan;
        match event {
            TaskEvent::AttemptStarted { candidate, .. } => {
                self.schedule.begin(plan, task);
                let run_us = self.history.as_ref().map_or(0, History::elapsed_us);
                if let Some(group) = self.orchestra.tasks[task].group {
                    self.group_started_us[group].get_or_insert(run_us);
                }
                let run = &mut self.tasks[task];
                run.candidate = *candidate;
                run.next_candidate = None;
                run.due_us = None;
            }
            TaskEvent::AttemptFailed { failure, retry_in_ms, next_candidate, .. } => {
                let run = &mut self.tasks[task];
                run.failed.push((run.candidate, failure.clone()));
                run.next_candidate = *next_candidate;
                run.due_us = retry_in_ms.map(|ms| now_us.saturating_add(ms.saturating_mul(1000)));
                self.due.extend(run.due_us.map(|due_us| std::cmp::Reverse((due_us, task))));
                if failure.kind == FailureKind::Cancelled {
                    self.schedule.reopen(plan, task);
                }
            }
            TaskEvent::LimitReached { run, .. } => {
                self.schedule.limit(plan, task);
                if *run {
                    self.schedule.stop();
                }
            }
            TaskEvent::ApprovalRequested { .. } => {
                self.schedule.ask(plan, task);
                self.looks_for_answers = true;
                self.has_looked_at_last = false;
            }
            TaskEvent::Succeeded { .. } | TaskEvent::Reused { .. } => self.schedule.succeed(plan, task),
            TaskEvent::Failed { .. } => self.schedule.fail(plan, task),
            TaskEvent::Skipped { .. } => self.schedule.skip(plan, task),
            TaskEvent::Omitted(_) => self.schedule.omit(plan, task),
            TaskEvent::CallStarted { .. }
            | TaskEvent::CallFinished { .. }
            | TaskEvent::CallFailed { .. }
            | TaskEvent::AnswerRejected { .. }
            | TaskEvent::ConversationCompacted { .. }
            | TaskEvent::ToolStarted { .. }
            | TaskEvent::ToolFinished { .. }
            | TaskEvent::ApprovalGiven { .. }
            | TaskEvent::CtxSet { .. } => {}
        }
    }

    /// Another process goes on: only what is done stays so, and nothing is known of providers.
    fn resume(&mut self) {
        let Some(history) = &self.history else { return };
        let keeps = |task: TaskIx| {
            let known = &history.tasks[task];
            known.output().is_some() || known.state == TaskState::Withdrawn
        };
        self.schedule.resume(&self.orchestra.plan, keeps);
        self.admission.resume();
        self.tasks.iter_mut().for_each(|task| *task = TaskRun::default());
        self.due.clear();
        self.inbox.clear();
        self.grace_ends_us = None;
        self.aborted = false;
        self.restore_gates();
    }

    fn name(&self, task: TaskIx) -> &Name {
        &self.orchestra.tasks[task].name
    }

    fn record(&self, task: TaskIx, event: TaskEvent) -> Command {
        Command::Record(Event::Task { task: self.name(task).clone(), event })
    }

    /// The model of the attempt under way at a task.
    fn facts(&self, task: TaskIx) -> Option<&ModelFacts> {
        self.chain(task).get(self.tasks[task].candidate)
    }
}

#[cfg(test)]
mod tests;
