//! Performs a run: asks the scheduler what to do, makes it durable, and only then does it.
//!
//! One loop, one thread. What attempts report while the disk is busy is taken up together and shares one sync. The
//! order is always: decide, write the journal, write the workspace, tell the observers, start attempts.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::agent::Attempt;
use crate::clock;
use crate::event::{Event, Failure, FailureKind, Record, RunStatus};
use crate::graph::TaskIx;
use crate::history::{History, TaskState};
use crate::id::Name;
use crate::orchestra::Orchestra;
use crate::prompt::{Inputs, Prompt};
use crate::schedule::{Rules, Schedule, Step};

mod stage;

pub use stage::{RunError, Stage};

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
    /// The attempts that have not reported their end, with their numbers.
    in_flight: HashMap<TaskIx, u32>,
    /// Tasks that wait for their next try.
    retries: BinaryHeap<Reverse<(Instant, TaskIx)>>,
    report: UnboundedSender<Event>,
    end: UnboundedSender<End>,
    /// When a run that was told to stop stops waiting for what runs.
    grace_ends: Option<Instant>,
}

/// How an attempt ended.
struct End {
    task: TaskIx,
    number: u32,
    result: Result<String, Failure>,
}

/// What the loop wakes up for.
enum Wake {
    Told(Event),
    Ended(End),
    RetryDue,
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
        report: UnboundedSender<Event>,
        end: UnboundedSender<End>,
    ) -> Self {
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
            retries: BinaryHeap::new(),
            report,
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
        mut told: UnboundedReceiver<Event>,
        mut ended: UnboundedReceiver<End>,
        mut signals: Signals,
    ) -> Result<Ended, RunError> {
        for event in first {
            self.note(event);
        }
        loop {
            let status = self.decide();
            self.commit()?;
            if let Some(status) = status
                && let Some(history) = self.history.take()
            {
                return Ok(Ended { status, history });
            }
            let wake = self.wait(&mut told, &mut ended, &mut signals).await;
            self.take(wake)?;
            // Whatever else has come in the meantime shares the next sync.
            while let Ok(event) = told.try_recv() {
                self.note(event);
            }
            while let Ok(end) = ended.try_recv() {
                self.take(Wake::Ended(end))?;
            }
        }
    }

    /// Asks the scheduler until it has nothing more to say. Gives the status if the run is over.
    fn decide(&mut self) -> Option<RunStatus> {
        while let Some(step) = self.schedule.next_step() {
            match step {
                Step::Start(task) => self.start(task),
                Step::Skip { task, because, reason } => {
                    let name = |ix: TaskIx| self.orchestra.tasks[ix].name.clone();
                    self.note(Event::TaskSkipped { task: name(task), because: name(because), reason });
                }
                Step::Finish(status) => {
                    self.note(Event::RunFinished { status });
                    return Some(status);
                }
            }
        }
        None
    }

    fn start(&mut self, task: TaskIx) {
        let name = &self.orchestra.tasks[task].name;
        let attempt = self.history.as_ref().and_then(|h| h.task(name.as_str())).map_or(0, |t| t.attempts) + 1;
        let model = self.stage.voices[self.orchestra.tasks[task].agent][0].label.clone();
        self.in_flight.insert(task, attempt);
        self.note(Event::AttemptStarted { task: name.clone(), attempt, model, fingerprint: None });
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
        match &mut self.history {
            Some(history) => history.apply(record),
            None => self.history = History::begin(record),
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
            if let Event::AttemptStarted { task, attempt, .. } = &record.event {
                self.launch(task, *attempt)?;
            }
        }
        // The batch's room is used again.
        self.batch = batch;
        self.batch.clear();
        Ok(())
    }

    /// Begins an attempt that is in the journal.
    fn launch(&mut self, name: &Name, number: u32) -> Result<(), RunError> {
        let Some(&task) = self.index.get(name.as_str()) else { return Ok(()) };
        let end = self.end.clone();
        let prompt = match self.prompt(task)? {
            Ok(prompt) => prompt,
            Err(failure) => {
                let _ = end.send(End { task, number, result: Err(failure) });
                return Ok(());
            }
        };
        let definition = &self.orchestra.tasks[task];
        let attempt = Attempt {
            task: name.clone(),
            agent: self.orchestra.agent_of(task).name.clone(),
            number,
            prompt,
            voice: self.stage.voices[definition.agent][0].clone(),
            timeout: definition.timeout,
        };
        let report = self.report.clone();
        self.attempts.spawn(async move {
            let guard = EndGuard { end: Some((end, task, number)) };
            let result = attempt.perform(&report).await;
            guard.report(result);
        });
        // Ended attempts are only counted by their reports; their handles are not needed.
        while self.attempts.try_join_next().is_some() {}
        Ok(())
    }

    fn prompt(&self, task: TaskIx) -> Result<Result<Prompt, Failure>, RunError> {
        let Some(history) = &self.history else { return Ok(Err(Failure::new(FailureKind::Internal, "no history"))) };
        let mut outputs: Vec<(&str, Arc<str>)> = Vec::new();
        for &needed in self.orchestra.plan.needs(task) {
            if let Some(text) = self.stage.output(needed, history)? {
                outputs.push((self.orchestra.tasks[needed].name.as_str(), text));
            }
        }
        let outputs: Vec<(&str, &str)> = outputs.iter().map(|(name, text)| (*name, &**text)).collect();
        let inputs = Inputs {
            goal: &history.start.goal,
            run: history.start.run.as_str(),
            secret: &history.start.marker,
            outputs: &outputs,
        };
        let prompt = Prompt::new(&self.orchestra.tasks[task], self.orchestra.agent_of(task), &inputs);
        Ok(prompt.map_err(|error| {
            Failure::new(FailureKind::BadRequest, format!("the description's {}: {}", error.hole, error.message))
        }))
    }

    async fn wait(
        &self,
        told: &mut UnboundedReceiver<Event>,
        ended: &mut UnboundedReceiver<End>,
        signals: &mut Signals,
    ) -> Wake {
        let never = Instant::now() + Duration::from_secs(86_400 * 365);
        let retry = self.retries.peek().map_or(never, |Reverse((due, _))| *due);
        let tick = self.stage.observers.tick_every().unwrap_or(Duration::from_secs(3600));
        tokio::select! {
            biased;
            Some(signal) = signals.recv() => Wake::Signal(signal),
            Some(event) = told.recv() => Wake::Told(event),
            Some(end) = ended.recv() => Wake::Ended(end),
            () = tokio::time::sleep_until(retry) => Wake::RetryDue,
            () = tokio::time::sleep_until(self.grace_ends.unwrap_or(never)) => Wake::GraceOver,
            () = tokio::time::sleep(tick) => Wake::Tick,
        }
    }

    fn take(&mut self, wake: Wake) -> Result<(), RunError> {
        match wake {
            Wake::Told(event) => self.note(event),
            Wake::Ended(end) => self.attempt_ended(end)?,
            Wake::RetryDue => self.retry_due(),
            Wake::Signal(signal) => self.stop(signal),
            Wake::GraceOver => self.cancel_all("the run was told to stop"),
            Wake::Tick => self.stage.observers.tick(),
        }
        Ok(())
    }

    fn attempt_ended(&mut self, End { task, number, result }: End) -> Result<(), RunError> {
        // An attempt that was cancelled may report all the same; it no longer counts.
        if self.in_flight.get(&task) != Some(&number) {
            return Ok(());
        }
        self.in_flight.remove(&task);
        let name = self.orchestra.tasks[task].name.clone();
        let failure = match result {
            Ok(text) => {
                let output = self.stage.objects.put(text).map_err(RunError::Objects)?;
                self.note(Event::TaskSucceeded { task: name, attempt: number, output });
                return Ok(());
            }
            Err(failure) if failure.kind == FailureKind::ContextTooLong => self.name_largest_inputs(task, failure),
            Err(failure) => failure,
        };
        let tries = self.history.as_ref().and_then(|h| h.task(name.as_str())).map_or(number, |t| t.tries);
        let wait = self.orchestra.tasks[task].retry.wait(tries, &failure, clock::random_fraction());
        let retry_in_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self.note(Event::AttemptFailed {
            task: name.clone(),
            attempt: number,
            failure: failure.clone(),
            retry_in_ms,
            next_model: None,
        });
        match wait {
            Some(_) if self.grace_ends.is_some() => self.reopen(&name, number),
            Some(wait) => self.retries.push(Reverse((Instant::now() + wait, task))),
            None => self.note(Event::TaskFailed { task: name, failure }),
        }
        Ok(())
    }

    /// A prompt that is too long is mostly what other tasks have written; a person needs to know which.
    fn name_largest_inputs(&self, task: TaskIx, failure: Failure) -> Failure {
        let Some(history) = &self.history else { return failure };
        let needs = self.orchestra.plan.needs(task).iter();
        let mut inputs: Vec<(u64, &str)> = needs
            .filter_map(|&needed| {
                let name = self.orchestra.tasks[needed].name.as_str();
                Some((history.task(name)?.output()?.bytes, name))
            })
            .collect();
        inputs.sort_unstable_by(|a, b| b.cmp(a));
        let largest: Vec<String> =
            inputs.iter().take(3).map(|(bytes, name)| format!("the output of {name} ({bytes} bytes)")).collect();
        if largest.is_empty() {
            return failure;
        }
        let message = format!("{}; its largest inputs are {}", failure.message, largest.join(", "));
        Failure { message, ..failure }
    }

    fn retry_due(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((due, task))) = self.retries.peek() {
            if due > now {
                break;
            }
            self.retries.pop();
            self.start(task);
        }
    }

    /// The first signal lets what runs end, for it is paid for; the second one does not.
    fn stop(&mut self, signal: &'static str) {
        if self.grace_ends.is_some() {
            return self.cancel_all("the run was told to stop at once");
        }
        self.note(Event::StopRequested { signal: signal.to_owned() });
        self.grace_ends = Some(Instant::now() + GRACE);
        for Reverse((_, task)) in std::mem::take(&mut self.retries) {
            let name = self.orchestra.tasks[task].name.clone();
            let number = self.history.as_ref().and_then(|h| h.task(name.as_str())).map_or(1, |t| t.attempts);
            self.reopen(&name, number);
        }
    }

    fn cancel_all(&mut self, why: &str) {
        self.attempts.abort_all();
        let mut open: Vec<(TaskIx, u32)> = std::mem::take(&mut self.in_flight).into_iter().collect();
        open.sort_unstable();
        for (task, number) in open {
            let name = self.orchestra.tasks[task].name.clone();
            let failure = Failure::new(FailureKind::Cancelled, why);
            self.note(Event::AttemptFailed {
                task: name,
                attempt: number,
                failure,
                retry_in_ms: None,
                next_model: None,
            });
        }
    }

    /// A task that waits for its next try is left for a resume.
    fn reopen(&mut self, name: &Name, attempt: u32) {
        let waits = self.history.as_ref().and_then(|h| h.task(name.as_str())).map(|t| &t.state);
        if matches!(waits, Some(TaskState::Retrying(_))) {
            let failure = Failure::new(FailureKind::Cancelled, "the run was told to stop before the next try");
            self.note(Event::AttemptFailed {
                task: name.clone(),
                attempt,
                failure,
                retry_in_ms: None,
                next_model: None,
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
