//! Carries a run out: asks its [`State`] what to do, makes that durable, and only then does it.
//!
//! One loop. What is reported while the disk is busy is taken together and shares one sync. The order is always: decide,
//! write the journal, write the workspace, tell the observers, act. Decides nothing itself.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::attempt::{AttemptMessage, Report, RunHandle};
use crate::engine::notes::Notice;
use crate::engine::runner::prepare::Prepared;
use crate::os::clock;
use crate::plan::graph::TaskIx;
use crate::run::history::{History, TaskState};
use crate::run::state::{CallRequest, Command, Granted, Input, State};
use crate::store::workspace::Workspace;
use crate::words::event::{Event, Record, RunEvent, RunStatus, TaskEvent};
use crate::words::failure::{Failure, FailureKind};

mod answers;
mod context;
mod fan_out;
mod planned;
mod prepare;
mod reviewed;
mod rounds;
mod wanted;

pub use context::RunError;
pub(crate) use context::{Reusing, RunContext, keeps};

/// A run that its process has left.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: RunStatus,
    /// Its whole story.
    pub history: History,
    /// What went wrong meanwhile and did not stop it.
    pub notices: Vec<Notice>,
}

/// Where the signals come from that tell a run to stop, by name.
pub type Signals = UnboundedReceiver<&'static str>;

/// For a run that nobody stops: there are no signals.
#[must_use]
pub fn no_signals() -> Signals {
    mpsc::unbounded_channel().1
}

/// Carries out a run from `past`, the records that are in the journal, and `first`, the events that begin this process's
/// part: a start or a resumption, with what belongs to it. Also returns the workspace, which is held until it is dropped.
///
/// # Errors
/// If what makes the run durable fails, or an event contradicts the run.
pub(crate) async fn execute(
    context: RunContext,
    past: &[Record],
    first: Vec<Event>,
    signals: &mut Signals,
) -> (Result<Ended, RunError>, Workspace) {
    let (sender, reports) = mpsc::unbounded_channel();
    let mut runner = Runner::new(context, sender);
    let ended = runner.run(past, first, reports, signals).await;
    runner.context.observers.close();
    (ended, runner.context.workspace)
}

struct Runner {
    context: RunContext,
    state: State,
    /// Events that are decided and not yet durable.
    batch: Vec<Record>,
    /// What follows when they are.
    then: Vec<Command>,
    seq: u64,
    attempts: JoinSet<()>,
    /// The attempts that begin when the journal says so.
    prepared: HashMap<TaskIx, Prepared>,
    /// The attempts that wait for leave to make a call.
    asking: HashMap<TaskIx, oneshot::Sender<Result<Granted, Failure>>>,
    /// The attempts that wait until what they have reported is durable.
    recording: Vec<oneshot::Sender<()>>,
    reports: UnboundedSender<Report>,
}

/// What the loop wakes up for.
enum Wake {
    Report(Box<Report>),
    Signal(&'static str),
    Due,
    Tick,
}

impl Runner {
    fn new(context: RunContext, reports: UnboundedSender<Report>) -> Self {
        Self {
            state: State::new(context.orchestra.as_ref().clone(), context.chains()),
            context,
            batch: Vec::new(),
            then: Vec::new(),
            seq: 0,
            attempts: JoinSet::new(),
            prepared: HashMap::new(),
            asking: HashMap::new(),
            recording: Vec::new(),
            reports,
        }
    }

    async fn run(
        &mut self,
        past: &[Record],
        first: Vec<Event>,
        mut reports: UnboundedReceiver<Report>,
        signals: &mut Signals,
    ) -> Result<Ended, RunError> {
        let changes =
            |event: &Event| matches!(event, Event::Run(RunEvent::Resumed { changed, .. }) if !changed.is_empty());
        let has_changed = past.iter().map(|record| &record.event).chain(&first).any(changes);
        for record in past {
            self.seq = record.seq;
            self.take_in(record, has_changed)?;
            self.context.observers.recall(record);
        }
        for event in first {
            self.note(event)?;
        }
        loop {
            self.decide()?;
            self.commit()?;
            if let Some((status, history)) = self.state.history().and_then(|history| Some((history.status?, history))) {
                let history = history.clone();
                return Ok(Ended { status, history, notices: std::mem::take(&mut self.context.notices) });
            }
            let wake = self.wait(&mut reports, signals).await;
            self.take(wake)?;
            // Whatever else has come in the meantime shares the next sync.
            while let Ok(report) = reports.try_recv() {
                self.listen(report)?;
            }
        }
    }

    /// Asks the state until it has nothing more to say.
    fn decide(&mut self) -> Result<(), RunError> {
        loop {
            let commands = self.state.next(self.context.clock.mono_us(), clock::random_fraction());
            if commands.is_empty() {
                return Ok(());
            }
            for command in commands {
                match command {
                    Command::Record(event) => self.note(event)?,
                    Command::Prepare(task) => self.prepare(task)?,
                    Command::Expand(task) => self.expand(task)?,
                    Command::Collect(task) => self.collect(task)?,
                    Command::LookForAnswers => self.look_for_answers()?,
                    Command::Abort => self.attempts.abort_all(),
                    then @ (Command::Launch { .. } | Command::Grant(..) | Command::Reject(..)) => self.then.push(then),
                }
            }
        }
    }

    /// Takes an event into the state, and into the batch that is written next.
    fn note(&mut self, event: Event) -> Result<(), RunError> {
        self.seq += 1;
        let clock = &self.context.clock;
        let record = Record { seq: self.seq, at_ms: clock.wall_ms(), mono_us: clock.mono_us(), event };
        self.take_in(&record, false)?;
        self.batch.push(record);
        Ok(())
    }

    fn take_in(&mut self, record: &Record, of_another_graph: bool) -> Result<(), RunError> {
        let taken = if of_another_graph { self.state.recall(record) } else { self.state.apply(record) };
        taken.map_err(RunError::Illegal)?;
        match &record.event {
            Event::Run(RunEvent::GraphGrown { parent, tasks }) => self.context.grow(&self.state, parent, tasks),
            Event::Task { event: TaskEvent::CtxSet { key, value, .. }, .. } => self.context.set_ctx(key, value),
            _ => {}
        }
        Ok(())
    }

    /// Writes the batch, and does what follows from it.
    fn commit(&mut self) -> Result<(), RunError> {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.context.write(&batch, &self.state)?;
        }
        for command in std::mem::take(&mut self.then) {
            match command {
                Command::Launch { task, attempt, candidate, granted } => {
                    self.launch(task, attempt, candidate, granted);
                }
                Command::Grant(task, granted) => self.answer(task, Ok(granted)),
                Command::Reject(task, failure) => self.answer(task, Err(failure)),
                _ => {}
            }
        }
        for durable in self.recording.drain(..) {
            // Those who no longer wait were cancelled.
            let _ = durable.send(());
        }
        // The batch's room is used again.
        self.batch = batch;
        self.batch.clear();
        Ok(())
    }

    fn answer(&mut self, task: TaskIx, answer: Result<Granted, Failure>) {
        if let Some(asking) = self.asking.remove(&task) {
            let _ = asking.send(answer);
        }
    }

    /// Begins an attempt that is in the journal.
    fn launch(&mut self, task: TaskIx, attempt: u32, candidate: usize, granted: Option<Granted>) {
        let Some(prepared) = self.prepared.remove(&task) else { return };
        let guard = EndGuard { handle: Some(RunHandle::new(task, attempt, self.reports.clone())) };
        let agent = self.state.orchestra().tasks[task].agent();
        let prepared = self.context.with_model(prepared, agent, candidate, granted);
        self.attempts.spawn(async move {
            let result = match guard.handle.as_ref() {
                Some(handle) => prepared.execute(handle).await,
                None => return,
            };
            guard.report(result);
        });
        // Ended attempts are only counted by their reports; their handles are not needed.
        while self.attempts.try_join_next().is_some() {}
    }

    async fn wait(&mut self, reports: &mut UnboundedReceiver<Report>, signals: &mut Signals) -> Wake {
        let now_us = self.context.clock.mono_us();
        let due = self.state.wakes_at_us().map(|due_us| Duration::from_micros(due_us.saturating_sub(now_us)));
        let due = Instant::now() + due.unwrap_or(Duration::from_secs(86_400 * 365));
        let tick = self.context.observers.tick_every().unwrap_or(Duration::from_secs(3600));
        tokio::select! {
            biased;
            Some(signal) = signals.recv() => Wake::Signal(signal),
            Some(report) = reports.recv() => Wake::Report(Box::new(report)),
            () = tokio::time::sleep_until(due) => Wake::Due,
            () = tokio::time::sleep(tick) => Wake::Tick,
        }
    }

    fn take(&mut self, wake: Wake) -> Result<(), RunError> {
        match wake {
            Wake::Report(report) => return self.listen(*report),
            Wake::Signal(signal) => self.state.tell(Input::Signal(signal)),
            Wake::Due => {}
            Wake::Tick => self.context.observers.tick(),
        }
        Ok(())
    }

    /// Takes what an attempt says. One that was cancelled may still speak; that no longer counts.
    fn listen(&mut self, Report { task, attempt, said }: Report) -> Result<(), RunError> {
        let known = self.state.history().map(|history| &history.tasks[task]);
        if !known.is_some_and(|known| known.state == TaskState::Running && known.attempts == attempt) {
            return Ok(());
        }
        match said {
            AttemptMessage::Event(event) => self.note_of(task, event)?,
            AttemptMessage::Record(event, durable) => {
                self.note_of(task, event)?;
                self.recording.push(durable);
            }
            AttemptMessage::Ask(ask, answer) => {
                self.asking.insert(task, answer);
                let (call, input_tokens, need) = (ask.call, ask.input_tokens, ask.need);
                self.state.tell(Input::CallRequested(CallRequest { task, attempt, call, input_tokens, need }));
            }
            AttemptMessage::Ended(result) => {
                let result = match result {
                    Ok(text) => {
                        let output = self.context.objects.put(text).map_err(RunError::Objects)?;
                        self.context.made(&self.state.orchestra().tasks[task], output)?
                    }
                    Err(failure) => Err(failure),
                };
                self.state.tell(Input::AttemptEnded { task, attempt, result });
            }
        }
        Ok(())
    }

    fn note_of(&mut self, task: TaskIx, event: TaskEvent) -> Result<(), RunError> {
        let task = self.state.orchestra().tasks[task].name.clone();
        self.note(Event::Task { task, event })
    }
}

/// Reports the end of an attempt whatever becomes of it: a panic in one task is that task's failure and no other's.
struct EndGuard {
    handle: Option<RunHandle>,
}

impl EndGuard {
    fn report(mut self, result: Result<String, Failure>) {
        if let Some(handle) = self.handle.take() {
            handle.end(result);
        }
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            let message = "the attempt ended without a result; this is a fault in orch";
            handle.end(Err(Failure::new(FailureKind::Internal, message)));
        }
    }
}
