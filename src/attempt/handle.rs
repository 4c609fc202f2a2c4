//! What an attempt says to the engine, through one ordered channel, and what it waits for.

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::plan::graph::TaskIx;
use crate::run::state::Granted;
use crate::words::event::{Reservation, TaskEvent};
use crate::words::failure::{Failure, FailureKind};

/// A message of an attempt.
#[derive(Debug)]
pub(crate) struct Report {
    /// The task.
    pub task: TaskIx,
    /// The number of the attempt.
    pub attempt: u32,
    /// What it says.
    pub said: AttemptMessage,
}

/// What an attempt says.
#[derive(Debug)]
pub(crate) enum AttemptMessage {
    /// Something happened.
    Event(TaskEvent),
    /// Something happened, and what follows waits until it is durable.
    Record(TaskEvent, oneshot::Sender<()>),
    /// May this call be made? The answer comes when the journal says that it is.
    Ask(Ask, oneshot::Sender<Result<Granted, Failure>>),
    /// It has ended, with its output or without.
    Ended(Result<String, Failure>),
}

/// A call that is to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ask {
    /// Which call of the attempt it is, from 1.
    pub call: u32,
    /// The estimated size of the prompt in tokens.
    pub input_tokens: u64,
    /// What it may cost at worst.
    pub need: Reservation,
}

/// The attempt's end of the channel.
#[derive(Debug, Clone)]
pub(crate) struct RunHandle {
    task: TaskIx,
    attempt: u32,
    engine: UnboundedSender<Report>,
}

impl RunHandle {
    /// The handle of an attempt, whose messages go to `engine`.
    #[must_use]
    pub(crate) fn new(task: TaskIx, attempt: u32, engine: UnboundedSender<Report>) -> Self {
        Self { task, attempt, engine }
    }

    /// Reports what happened.
    pub(crate) fn report(&self, event: TaskEvent) {
        self.send(AttemptMessage::Event(event));
    }

    /// Reports what happened and returns when that is durable.
    ///
    /// # Errors
    /// `cancelled` when the run has stopped.
    pub(crate) async fn record(&self, event: TaskEvent) -> Result<(), Failure> {
        let (durable, wait) = oneshot::channel();
        self.send(AttemptMessage::Record(event, durable));
        wait.await.map_err(|_| stopped())
    }

    /// Returns when the call may be made, and the journal says that it is.
    ///
    /// # Errors
    /// `budget` when a limit stands against it, `cancelled` when nothing new is to start.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Granted, Failure> {
        let (answer, wait) = oneshot::channel();
        self.send(AttemptMessage::Ask(ask, answer));
        wait.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Reports the end of the attempt.
    pub(crate) fn end(&self, result: Result<String, Failure>) {
        self.send(AttemptMessage::Ended(result));
    }

    /// Nobody listens any more when the run has stopped; there is nothing to do about it here.
    fn send(&self, said: AttemptMessage) {
        let _ = self.engine.send(Report { task: self.task, attempt: self.attempt, said });
    }
}

fn stopped() -> Failure {
    Failure::new(FailureKind::Cancelled, "the run has stopped")
}
