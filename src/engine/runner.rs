//! Performs a run: asks the scheduler what to do, makes it durable, and only then does it.
//!
//! One loop, one thread. What attempts report while the disk is busy is taken up together and shares one sync. The
//! order is always: decide, write the journal, write the workspace, tell the observers, start attempts, and let those go
//! on that waited for the journal.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::attempt::{Ask, Attempt, AttemptMessage, RunHandle};
use crate::plan::graph::TaskIx;
use crate::plan::orchestra::Orchestra;
use crate::plan::orchestra::Rules;
use crate::run::fallback::Next;
use crate::run::history::{History, TaskState};
use crate::run::schedule::{Schedule, Step};
use crate::words::event::{Event, Record, RunEvent, RunStatus, TaskEvent};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;

mod climb;
mod gate;
mod prepare;
mod stage;

use gate::{Elapsed, Gate, Leave, Waiting};

pub use stage::{Reusing, RunError, Stage};

/// How long what runs may take to end once the run was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// What a run has come to when its process leaves it.
#[derive(Debug)]
pub struct Ended {
    /// How it stands.
    pub status: RunStatus,
    /// Its whole story.
    pub history: History,
}

/// Performs a run from `past`, the records that are in the journal, and `first`, the event that begins this process's
/// part: a start or a resumption, with what belongs to it.
///
/// # Errors
/// If what makes the run durable fails.
pub async fn perform(stage: Stage, past: &[Record], first: Vec<Event>, signals: Signals) -> Result<Ended, RunError> {
    let orchestra = stage.orchestra.clone();
    let rules = orchestra.rules();
    let (sender, receiver) = mpsc::unbounded_channel();
    let (ended_sender, ended_receiver) = mpsc::unbounded_channel();
    let mut runner = Runner::new(stage, &orchestra, &rules, past, sender, ended_sender);
    let outcome = runner.run(first, receiver, ended_receiver, signals).await;
    runner.stage.observers.close();
    outcome
}

/// Where the signals come from that tell a run to stop, by name.
pub type Signals = UnboundedReceiver<&'static str>;

struct Runner<'r> {
    stage: Stage,
    orchestra: &'r Orchestra,
    index: HashMap<&'r str, TaskIx>,
    schedule: Schedule<'r>,
    history: Option<History>,
    /// Events that are decided and not yet written.
    batch: Vec<Record>,
    seq: u64,
    attempts: JoinSet<()>,
    /// The attempts that have not reported their end.
    in_flight: HashMap<TaskIx, InFlight>,
    /// The attempts that begin when the journal says so.
    prepared: HashMap<TaskIx, Result<Attempt, Failure>>,
    /// The tries of this process that failed, each with its model's place in the chain.
    failed: HashMap<TaskIx, Vec<(usize, Failure)>>,
    /// The model of the next try, where that is not the first one that can be used.
    next_model: HashMap<TaskIx, usize>,
    /// About how long the prompts are of tasks that more than one model can answer.
    prompt_tokens: HashMap<TaskIx, u64>,
    /// Who may call a model.
    gate: Gate,
    /// The tasks that a limit stopped, and whether it was that of the run.
    limited: HashMap<TaskIx, (String, bool)>,
    /// The group of each task that is in one.
    group_of: HashMap<TaskIx, usize>,
    /// When the first task of each group began, in microseconds of the run's time.
    group_started: Vec<Option<u64>>,
    /// Those who wait for the next write of the journal.
    waiting: Vec<Waiter>,
    /// Tasks that wait for their next try.
    retries: BinaryHeap<Reverse<(Instant, TaskIx)>>,
    handle: RunHandle,
    end: UnboundedSender<End>,
    /// When a run that was told to stop stops waiting for what runs.
    grace_ends: Option<Instant>,
}

/// An attempt that is under way.
#[derive(Clone, Copy)]
struct InFlight {
    number: u32,
    /// The place of its model in the chain. Two models may have one label, such as the same one at two addresses.
    model: usize,
}

/// What to say to an attempt when the journal is written.
enum Waiter {
    Kept(oneshot::Sender<()>),
    Granted(oneshot::Sender<Result<(), Failure>>),
}

/// How an attempt ended.
struct End {
    task: TaskIx,
    number: u32,
    result: Result<String, Failure>,
}

/// What the loop wakes up for.
enum Wake {
    AttemptMessage(AttemptMessage),
    Ended(End),
    RetryDue,
    LineDue,
    Signal(&'static str),
    GraceOver,
    Tick,
}

impl<'r> Runner<'r> {
    fn new(
        stage: Stage,
        orchestra: &'r Orchestra,
        rules: &'r Rules,
        past: &[Record],
        report: UnboundedSender<AttemptMessage>,
        end: UnboundedSender<End>,
    ) -> Self {
        let lanes = stage.clients.iter().flatten().map(|client| client.lane + 1).max().unwrap_or(0);
        let models = stage.clients.iter().flatten().map(|client| client.number + 1).max().unwrap_or(0);
        let groups = orchestra.execution.groups.iter().enumerate();
        let members = groups.flat_map(|(group, of)| of.tasks.iter().map(move |&task| (task, group)));
        let mut runner = Self {
            schedule: Schedule::new(&orchestra.plan, rules, orchestra.tasks.iter().map(|task| &task.name)),
            index: orchestra.tasks.iter().enumerate().map(|(ix, task)| (task.name.as_str(), ix)).collect(),
            history: None,
            stage,
            orchestra,
            batch: Vec::new(),
            seq: 0,
            attempts: JoinSet::new(),
            in_flight: HashMap::new(),
            prepared: HashMap::new(),
            failed: HashMap::new(),
            next_model: HashMap::new(),
            prompt_tokens: HashMap::new(),
            gate: Gate::new(orchestra, lanes, models),
            limited: HashMap::new(),
            group_of: members.collect(),
            group_started: vec![None; orchestra.execution.groups.len()],
            waiting: Vec::new(),
            retries: BinaryHeap::new(),
            handle: RunHandle::new(report),
            end,
            grace_ends: None,
        };
        for record in past {
            runner.seq = record.seq;
            runner.schedule.apply(&record.event);
            runner.remember(record);
            runner.stage.observers.recall(record);
        }
        runner
    }

    async fn run(
        &mut self,
        first: Vec<Event>,
        mut told: UnboundedReceiver<AttemptMessage>,
        mut ended: UnboundedReceiver<End>,
        mut signals: Signals,
    ) -> Result<Ended, RunError> {
        for event in first {
            self.note(event);
        }
        loop {
            let status = self.decide()?;
            self.commit()?;
            if let Some(status) = status
                && let Some(history) = self.history.take()
            {
                return Ok(Ended { status, history });
            }
            let wake = self.wait(&mut told, &mut ended, &mut signals).await;
            self.take(wake)?;
            // Whatever else has come in the meantime shares the next sync.
            while let Ok(said) = told.try_recv() {
                self.listen(said);
            }
            while let Ok(end) = ended.try_recv() {
                self.take(Wake::Ended(end))?;
            }
        }
    }

    /// Asks the scheduler until it has nothing more to say. Gives the status if the run is over.
    fn decide(&mut self) -> Result<Option<RunStatus>, RunError> {
        self.serve_lines();
        while let Some(step) = self.schedule.next_step() {
            match step {
                Step::Start(task) => self.start(task)?,
                Step::Skip { task, because, reason } => {
                    let name = |ix: TaskIx| self.orchestra.tasks[ix].name.clone();
                    self.note(Event::Task {
                        task: name(task),
                        event: TaskEvent::Skipped { because: name(because), reason },
                    });
                }
                Step::Finish(status) => {
                    self.note(Event::Run(RunEvent::Finished { status }));
                    return Ok(Some(status));
                }
            }
        }
        Ok(None)
    }

    /// Begins an attempt, unless an earlier result does or a limit stands against it.
    fn start(&mut self, task: TaskIx) -> Result<(), RunError> {
        let name = self.orchestra.tasks[task].name.clone();
        let known = self.history.as_ref().and_then(|h| h.task(name.as_str()));
        let number = known.map_or(0, |t| t.attempts) + 1;
        let chosen = self.next_model.remove(&task);
        let retried = chosen.is_some();
        let mut model = chosen.unwrap_or_else(|| self.first_model(task, 0));
        let prepared = match self.prepare(task, number, model)? {
            Ok(prepared) => prepared,
            Err(failure) => {
                let label = self.client(task, model).label.clone();
                self.in_flight.insert(task, InFlight { number, model });
                self.note(Event::Task {
                    task: name,
                    event: TaskEvent::AttemptStarted { attempt: number, model: Some(label), cache_key: None },
                });
                self.prepared.insert(task, Err(failure));
                return Ok(());
            }
        };
        let cache_key = prepared.cache_key;
        if let Some(cache_key) = &cache_key
            && let Some(adopted) = self.stage.reusable(task, cache_key, &name)
        {
            self.note(adopted);
            return Ok(());
        }
        let mut attempt = prepared.attempt;
        if !retried && let Some(fitting) = self.model_that_fits(task, &attempt) {
            model = fitting;
            attempt.client = self.client(task, model).clone();
        }
        let ask = attempt.tool_set.ready().filter(|_| attempt.begins_with_a_call()).map(|tools| attempt.ask(1, &tools));
        let leave = match &ask {
            Some(ask) if self.gate.has_line(ask.client.lane) => Leave::Wait,
            Some(ask) => self.leave(task, ask),
            None => Leave::Wait,
        };
        if let Leave::Never(exceeded) = leave {
            let (message, run) = (self.gate.explain(&exceeded, &name), gate::is_of_run(&exceeded));
            self.note(Event::Task { task: name, event: TaskEvent::LimitReached { message, run } });
            return Ok(());
        }
        let label = attempt.client.label.clone();
        self.in_flight.insert(task, InFlight { number, model });
        self.note(Event::Task {
            task: name,
            event: TaskEvent::AttemptStarted { attempt: number, model: Some(label), cache_key },
        });
        if let (Leave::Go, Some(ask)) = (leave, ask) {
            attempt.granted = true;
            self.note_call(&ask);
        }
        self.prepared.insert(task, Ok(attempt));
        Ok(())
    }

    /// The time of this process.
    fn now(&self) -> Duration {
        Duration::from_micros(self.stage.clock.mono_us())
    }

    fn leave(&mut self, task: TaskIx, ask: &Ask) -> Leave {
        let run_us = self.history.as_ref().map_or(0, |h| h.elapsed_at_us(self.stage.clock.mono_us()));
        let since = |start: Option<u64>| Duration::from_micros(start.map_or(0, |start| run_us.saturating_sub(start)));
        let name = self.orchestra.tasks[task].name.as_str();
        let started = self.history.as_ref().and_then(|h| h.task(name)).and_then(|t| t.started_us);
        let elapsed = Elapsed {
            run: Duration::from_micros(run_us),
            task: since(started),
            group: &|group| since(self.group_started.get(group).copied().flatten()),
        };
        let now = Duration::from_micros(self.stage.clock.mono_us());
        self.gate.ask(task, ask, &elapsed, now)
    }

    fn note_call(&mut self, ask: &Ask) {
        self.note(Event::Task {
            task: ask.task.clone(),
            event: TaskEvent::CallStarted {
                attempt: ask.attempt,
                call: ask.call,
                model: ask.client.label.clone(),
                input_tokens: ask.input_tokens,
                reserved: self.gate.counts().then_some(ask.need),
            },
        });
    }

    /// Lets those call who stand in line, as far as they may.
    fn serve_lines(&mut self) {
        self.gate.take_opens_at();
        for lane in 0..self.gate.lanes() {
            while let Some(first) = self.gate.first(lane) {
                if !self.answer(first) {
                    break;
                }
            }
        }
    }

    /// Answers one who asks for a call, or puts them in front of their line.
    fn answer(&mut self, waiting: Waiting) -> bool {
        if self.grace_ends.is_some() {
            let failure = Failure::new(FailureKind::Cancelled, "the run was told to stop before this call");
            let _ = waiting.answer.send(Err(failure));
            return true;
        }
        match self.leave(waiting.task, &waiting.ask) {
            Leave::Go => {
                self.note_call(&waiting.ask);
                self.waiting.push(Waiter::Granted(waiting.answer));
                true
            }
            Leave::Wait => {
                self.gate.back_in_front(waiting);
                false
            }
            Leave::Never(exceeded) => {
                let message = self.gate.explain(&exceeded, &waiting.ask.task);
                self.limited.insert(waiting.task, (message.clone(), gate::is_of_run(&exceeded)));
                let _ = waiting.answer.send(Err(Failure::new(FailureKind::Budget, message)));
                true
            }
        }
    }

    /// Takes note of what an attempt says.
    fn listen(&mut self, told: AttemptMessage) {
        match told {
            AttemptMessage::Event(event) => self.note(event),
            AttemptMessage::Promise(event, kept) => {
                self.note(event);
                self.waiting.push(Waiter::Kept(kept));
            }
            AttemptMessage::Ask(ask, answer) => {
                let Some(&task) = self.index.get(ask.task.as_str()) else { return };
                self.gate.stand_in_line(Waiting { task, ask, answer });
            }
            AttemptMessage::Paced { client, task, ended, pace } => {
                let Some(&task) = self.index.get(task.as_str()) else { return };
                let now = self.now();
                self.gate.ended(task, client.number, &ended, pace, now);
            }
        }
    }

    /// Takes an event into the states and into the batch that is written next.
    fn note(&mut self, event: Event) {
        self.seq += 1;
        let record =
            Record { seq: self.seq, at_ms: self.stage.clock.wall_ms(), mono_us: self.stage.clock.mono_us(), event };
        self.schedule.apply(&record.event);
        self.remember(&record);
        self.batch.push(record);
    }

    fn remember(&mut self, record: &Record) {
        let task = record.event.task().and_then(|name| self.index.get(name.as_str())).copied();
        self.gate.apply(record, task);
        match &mut self.history {
            Some(history) => history.apply(record),
            None => self.history = History::begin(record),
        }
        match &record.event {
            Event::Task { event: TaskEvent::AttemptStarted { .. }, .. } => {
                let now = self.history.as_ref().map_or(0, History::elapsed_us);
                if let Some(group) = task.and_then(|task| self.group_of.get(&task)) {
                    self.group_started[*group].get_or_insert(now);
                }
            }
            Event::Task { event: TaskEvent::CtxSet { key, value, .. }, .. } => self.stage.set_ctx(key, value),
            _ => {}
        }
    }

    /// Writes the batch, and does what follows from it.
    fn commit(&mut self) -> Result<(), RunError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        if let Some(history) = &self.history {
            self.stage.write(&batch, history)?;
        }
        for record in &batch {
            if let Event::Task { task, event: TaskEvent::AttemptStarted { attempt, .. } } = &record.event {
                self.launch(task, *attempt);
            }
        }
        for waiter in self.waiting.drain(..) {
            // Those who no longer wait were cancelled.
            match waiter {
                Waiter::Kept(kept) => drop(kept.send(())),
                Waiter::Granted(answer) => drop(answer.send(Ok(()))),
            }
        }
        // The batch's room is used again.
        self.batch = batch;
        self.batch.clear();
        Ok(())
    }

    /// Begins an attempt that is in the journal.
    fn launch(&mut self, name: &Name, number: u32) {
        let Some(&task) = self.index.get(name.as_str()) else { return };
        let Some(prepared) = self.prepared.remove(&task) else { return };
        let end = self.end.clone();
        let attempt = match prepared {
            Ok(attempt) => attempt,
            Err(failure) => {
                let _ = end.send(End { task, number, result: Err(failure) });
                return;
            }
        };
        let handle = self.handle.clone();
        self.attempts.spawn(async move {
            let guard = EndGuard { end: Some((end, task, number)) };
            let result = attempt.perform(&handle).await;
            guard.report(result);
        });
        // Ended attempts are only counted by their reports; their handles are not needed.
        while self.attempts.try_join_next().is_some() {}
    }

    async fn wait(
        &self,
        told: &mut UnboundedReceiver<AttemptMessage>,
        ended: &mut UnboundedReceiver<End>,
        signals: &mut Signals,
    ) -> Wake {
        let never = Instant::now() + Duration::from_secs(86_400 * 365);
        let retry = self.retries.peek().map_or(never, |Reverse((due, _))| *due);
        let line = self.gate.opens_at().map_or(never, |due| Instant::now() + due.saturating_sub(self.now()));
        let tick = self.stage.observers.tick_every().unwrap_or(Duration::from_secs(3600));
        tokio::select! {
            biased;
            Some(signal) = signals.recv() => Wake::Signal(signal),
            Some(said) = told.recv() => Wake::AttemptMessage(said),
            Some(end) = ended.recv() => Wake::Ended(end),
            () = tokio::time::sleep_until(retry) => Wake::RetryDue,
            () = tokio::time::sleep_until(line) => Wake::LineDue,
            () = tokio::time::sleep_until(self.grace_ends.unwrap_or(never)) => Wake::GraceOver,
            () = tokio::time::sleep(tick) => Wake::Tick,
        }
    }

    fn take(&mut self, wake: Wake) -> Result<(), RunError> {
        match wake {
            Wake::AttemptMessage(said) => self.listen(said),
            Wake::Ended(end) => self.attempt_ended(end)?,
            Wake::RetryDue => self.retry_due()?,
            // The lines are looked at before anything is decided.
            Wake::LineDue => {}
            Wake::Signal(signal) => self.stop(signal),
            Wake::GraceOver => self.cancel_all("the run was told to stop"),
            Wake::Tick => self.stage.observers.tick(),
        }
        Ok(())
    }

    fn attempt_ended(&mut self, End { task, number, result }: End) -> Result<(), RunError> {
        // An attempt that was cancelled may report all the same; it no longer counts.
        let Some(tried) = self.in_flight.get(&task).copied().filter(|tried| tried.number == number) else {
            return Ok(());
        };
        self.in_flight.remove(&task);
        let now = self.now();
        self.gate.left(task, now);
        let name = self.orchestra.tasks[task].name.clone();
        let failure = match result {
            Ok(text) => {
                let output = self.stage.objects.put(text).map_err(RunError::Objects)?;
                self.note(Event::Task { task: name, event: TaskEvent::Succeeded { attempt: number, output } });
                return Ok(());
            }
            Err(failure) if failure.kind == FailureKind::ContextTooLong => self.name_largest_inputs(task, failure),
            Err(failure) => failure,
        };
        let (next, wait) = match self.climb(task, tried.model, &failure) {
            Next::Again { wait } => (None, Some(wait)),
            Next::Fall { to, wait } => (Some(to), Some(wait)),
            Next::GiveUp => (None, None),
        };
        let retry_in_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let next_model = next.map(|model| self.client(task, model).label.clone());
        let (attempt, why) = (number, failure.clone());
        self.note(Event::Task {
            task: name.clone(),
            event: TaskEvent::AttemptFailed { attempt, failure: why, retry_in_ms, next_model },
        });
        if failure.kind == FailureKind::Budget {
            let (message, run) = self.limited.remove(&task).unwrap_or((failure.message, false));
            self.note(Event::Task { task: name, event: TaskEvent::LimitReached { message, run } });
            return Ok(());
        }
        if failure.kind == FailureKind::Cancelled {
            return Ok(());
        }
        match wait {
            Some(_) if self.grace_ends.is_some() => self.reopen(&name, number),
            Some(wait) => self.retries.push(Reverse((Instant::now() + wait, task))),
            None => self.note(Event::Task { task: name, event: TaskEvent::Failed { failure } }),
        }
        Ok(())
    }

    fn retry_due(&mut self) -> Result<(), RunError> {
        let now = Instant::now();
        while let Some(&Reverse((due, task))) = self.retries.peek() {
            if due > now {
                break;
            }
            self.retries.pop();
            self.start(task)?;
        }
        Ok(())
    }

    /// The first signal lets what runs end, for it is paid for; the second one does not.
    fn stop(&mut self, signal: &'static str) {
        if self.grace_ends.is_some() {
            return self.cancel_all("the run was told to stop at once");
        }
        self.note(Event::Run(RunEvent::StopRequested { signal: signal.to_owned() }));
        self.grace_ends = Some(Instant::now() + GRACE);
        for Reverse((_, task)) in std::mem::take(&mut self.retries) {
            let name = self.orchestra.tasks[task].name.clone();
            let number = self.history.as_ref().and_then(|h| h.task(name.as_str())).map_or(1, |t| t.attempts);
            self.reopen(&name, number);
        }
    }

    fn cancel_all(&mut self, why: &str) {
        self.attempts.abort_all();
        let mut open: Vec<(TaskIx, InFlight)> = std::mem::take(&mut self.in_flight).into_iter().collect();
        open.sort_unstable_by_key(|(task, _)| *task);
        for (task, InFlight { number, .. }) in open {
            let name = self.orchestra.tasks[task].name.clone();
            let failure = Failure::new(FailureKind::Cancelled, why);
            self.note(Event::Task {
                task: name,
                event: TaskEvent::AttemptFailed { attempt: number, failure, retry_in_ms: None, next_model: None },
            });
        }
    }

    /// A task that waits for its next try is left for a resume.
    fn reopen(&mut self, name: &Name, attempt: u32) {
        let waits = self.history.as_ref().and_then(|h| h.task(name.as_str())).map(|t| &t.state);
        if matches!(waits, Some(TaskState::Retrying(_))) {
            let failure = Failure::new(FailureKind::Cancelled, "the run was told to stop before the next try");
            self.note(Event::Task {
                task: name.clone(),
                event: TaskEvent::AttemptFailed { attempt, failure, retry_in_ms: None, next_model: None },
            });
        }
    }
}

/// Reports the end of an attempt whatever becomes of it: a panic in one task is that task's failure and no other's.
struct EndGuard {
    end: Option<(UnboundedSender<End>, TaskIx, u32)>,
}

impl EndGuard {
    fn report(mut self, result: Result<String, Failure>) {
        if let Some((end, task, number)) = self.end.take() {
            let _ = end.send(End { task, number, result });
        }
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if let Some((end, task, number)) = self.end.take() {
            let failure =
                Failure::new(FailureKind::Internal, "the attempt ended without a result; this is a fault in orch");
            let _ = end.send(End { task, number, result: Err(failure) });
        }
    }
}
