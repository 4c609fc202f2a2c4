//! What an attempt says to the one who leads the run, and what it waits for.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::attempt::ModelClient;
use crate::run::rate_limit::RateLimitInfo;
use crate::words::event::{Event, Reservation};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;

/// What an attempt says.
pub enum AttemptMessage {
    /// Something happened.
    Event(Event),
    /// Something happened, and what follows waits until it is in the journal.
    Promise(Event, oneshot::Sender<()>),
    /// May this call be made? The answer comes when the journal says that it is.
    Ask(Ask, oneshot::Sender<Result<(), Failure>>),
    /// A call has ended: how fast the next ones may come.
    Paced {
        /// Who was called.
        client: Arc<ModelClient>,
        /// The task that it was for.
        task: Name,
        /// How it ended.
        ended: Result<(), Failure>,
        /// What the provider says.
        pace: Option<RateLimitInfo>,
    },
}

/// A call that is to be made.
#[derive(Clone)]
pub struct Ask {
    /// The task.
    pub task: Name,
    /// The attempt.
    pub attempt: u32,
    /// Which call of the attempt it is, from 1.
    pub call: u32,
    /// Who is called.
    pub client: Arc<ModelClient>,
    /// The estimated size of the prompt in tokens.
    pub input_tokens: u64,
    /// What it may cost at worst.
    pub need: Reservation,
}

/// Where an attempt says what happens.
#[derive(Clone)]
pub struct RunHandle {
    told: UnboundedSender<AttemptMessage>,
}

impl RunHandle {
    /// A handle whose other side is `told`.
    #[must_use]
    pub fn new(told: UnboundedSender<AttemptMessage>) -> Self {
        Self { told }
    }

    /// Says what happened. Nobody listens any more when the run has stopped; there is nothing to do about it here.
    pub fn tell(&self, event: Event) {
        let _ = self.told.send(AttemptMessage::Event(event));
    }

    /// Says what happened and waits until that is in the journal.
    ///
    /// # Errors
    /// `cancelled` when the run has stopped.
    pub async fn record(&self, event: Event) -> Result<(), Failure> {
        let (kept, wait) = oneshot::channel();
        let _ = self.told.send(AttemptMessage::Promise(event, kept));
        wait.await.map_err(|_| stopped())
    }

    /// Waits until the call may be made, and is in the journal.
    ///
    /// # Errors
    /// `budget` when a limit stands against it, `cancelled` when nothing new is to start.
    pub async fn ask(&self, ask: Ask) -> Result<(), Failure> {
        let (answer, wait) = oneshot::channel();
        let _ = self.told.send(AttemptMessage::Ask(ask, answer));
        wait.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Says how a call went, for the pace of the next ones.
    pub(super) fn paced(
        &self,
        client: &Arc<ModelClient>,
        task: &Name,
        ended: Result<(), &Failure>,
        pace: Option<RateLimitInfo>,
    ) {
        let (client, task) = (client.clone(), task.clone());
        let _ = self.told.send(AttemptMessage::Paced { client, task, ended: ended.map_err(Failure::clone), pace });
    }
}

fn stopped() -> Failure {
    Failure::new(FailureKind::Cancelled, "the run has stopped")
}
