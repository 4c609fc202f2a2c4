//! One attempt at a task: a prompt becomes a call, and a call becomes an output or a failure.
//!
//! Knows neither the other attempts nor the other tasks. What happens on the way is told as events.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::conversation::Message;
use crate::event::{Event, Failure, FailureKind, Usage};
use crate::http::{Client, Deadlines};
use crate::id::Name;
use crate::prompt::Prompt;
use crate::provider::rehearsal::{Cue, Player};
use crate::provider::{self, CallFailure, ModelRequest, Reply, Wire};
use crate::redact::Redactor;
use crate::spec::Price;

/// What answers.
#[derive(Clone)]
pub enum Model {
    /// A server.
    Remote {
        /// The protocol, with the address and the key.
        wire: Arc<dyn Wire>,
        /// The connections, shared by all.
        client: Client,
        /// What must not leave.
        redactor: Redactor,
    },
    /// The offline player.
    Rehearsal(Arc<Player>),
}

/// A model, and how an agent uses it.
#[derive(Clone)]
pub struct Voice {
    /// What answers.
    pub model: Model,
    /// `provider/model`
    pub label: String,
    /// The name that the server knows the model by.
    pub name: String,
    /// How freely it chooses its words.
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<u32>,
    /// What it costs.
    pub price: Option<Price>,
}

/// One try at a task.
pub struct Attempt {
    /// The task.
    pub task: Name,
    /// The agent.
    pub agent: Name,
    /// Which try it is, from 1.
    pub number: u32,
    /// What the model is told.
    pub prompt: Prompt,
    /// Who answers.
    pub voice: Voice,
    /// How long it may take.
    pub timeout: Duration,
}

impl Attempt {
    /// Makes the attempt and tells what happens to `events`.
    ///
    /// # Errors
    /// Why there is no output.
    pub async fn perform(self, events: &UnboundedSender<Event>) -> Result<String, Failure> {
        let started = Instant::now();
        let tell = |event| {
            // Nobody listens any more when the run has stopped; there is nothing to do about it here.
            let _ = events.send(event);
        };
        tell(Event::CallStarted {
            task: self.task.clone(),
            attempt: self.number,
            call: 1,
            model: self.voice.label.clone(),
            input_tokens: self.prompt.estimated_tokens(),
        });
        let answered = match tokio::time::timeout(self.timeout, self.call()).await {
            Ok(answered) => answered,
            Err(_) => Err(CallFailure {
                failure: too_slow(self.timeout),
                usage: None,
                unsettled: true,
                partial: String::new(),
                pace: None,
            }),
        };
        match answered {
            Ok(reply) => {
                tell(Event::CallFinished {
                    task: self.task,
                    attempt: self.number,
                    call: 1,
                    usage: reply.usage,
                    stop: reply.stop,
                    cost_usd: self.voice.price.map(|price| cost(price, reply.usage)),
                    latency_ms: reply.latency_ms,
                    first_byte_ms: reply.first_byte_ms,
                });
                Ok(reply.turn.text)
            }
            Err(CallFailure { failure, usage, .. }) => {
                tell(Event::CallFailed {
                    task: self.task,
                    attempt: self.number,
                    call: 1,
                    failure: failure.clone(),
                    usage,
                    cost_usd: usage.and_then(|usage| self.voice.price.map(|price| cost(price, usage))),
                    latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                });
                Err(failure)
            }
        }
    }

    async fn call(&self) -> Result<Reply, CallFailure> {
        let request = ModelRequest {
            model: self.voice.name.clone(),
            messages: vec![Message::System(self.prompt.system.clone()), Message::User(self.prompt.user.clone())],
            tools: Arc::default(),
            schema: None,
            temperature: self.voice.temperature,
            max_tokens: self.voice.max_tokens,
        };
        match &self.voice.model {
            Model::Remote { wire, client, redactor } => {
                provider::call(client, wire.as_ref(), &request, &self.deadlines(), redactor).await
            }
            Model::Rehearsal(player) => {
                let cue = Cue { task: self.task.as_str(), agent: self.agent.as_str(), attempt: self.number };
                player.call(&request, &cue).await
            }
        }
    }

    /// A task that may take long may also think long before its first word.
    fn deadlines(&self) -> Deadlines {
        let usual = Deadlines::default();
        Deadlines {
            connect: usual.connect.min(self.timeout),
            first_byte: usual.first_byte.max(self.timeout / 2).min(self.timeout),
            idle: usual.idle.min(self.timeout),
            total: self.timeout,
        }
    }
}

fn too_slow(timeout: Duration) -> Failure {
    let message =
        format!("the attempt took longer than {} s; `timeout_seconds` sets how long it may", timeout.as_secs_f64());
    Failure::new(FailureKind::Timeout, message)
}

/// Dollars for a call; prices are for a million tokens.
#[allow(clippy::cast_precision_loss, reason = "no call has 2^53 tokens")]
fn cost(price: Price, usage: Usage) -> f64 {
    let cached = usage.cached_tokens.min(usage.input_tokens);
    let fresh = usage.input_tokens - cached;
    let dollars = fresh as f64 * price.input
        + cached as f64 * price.cached_input.unwrap_or(price.input)
        + usage.output_tokens as f64 * price.output;
    dollars / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_have_their_own_price() {
        let price = Price { input: 2.0, output: 10.0, cached_input: Some(0.5) };
        let usage = Usage { input_tokens: 1_000_000, output_tokens: 100_000, cached_tokens: 400_000, estimated: false };
        assert!((cost(price, usage) - (1.2 + 0.2 + 1.0)).abs() < 1e-9);
    }
}
