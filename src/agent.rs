//! One attempt at a task: a conversation with one model, until there is an answer that holds, or none.
//!
//! Knows neither the other attempts nor the other tasks. What happens on the way is told to a [`Desk`], which also says
//! whether a call may be made. What was said is in the journal before the conversation goes on, so another attempt
//! takes it up where this one ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::{self, Contract};
use crate::conversation::{AnswerSchema, Message, Tool, ToolResult, Turn};
use crate::event::{Event, Failure, FailureKind};
use crate::http::Deadlines;
use crate::id::Name;
use crate::prompt::Prompt;
use crate::provider::rehearsal::Cue;
use crate::provider::{CallFailure, ModelRequest, Reply};

mod desk;
mod evidence;
mod kit;
mod voice;

pub use desk::{Ask, Desk, Told};
pub use evidence::Evidence;
pub use kit::{Ctx, Kit};
pub use voice::{Model, USUAL_MAX_TOKENS, Voice};

/// How often an answer that does not do is asked for once more.
const CORRECTIONS: usize = 1;

/// One try at a task.
pub struct Attempt {
    /// The task.
    pub task: Name,
    /// The agent.
    pub agent: Name,
    /// Which try it is, from 1.
    pub number: u32,
    /// What the model is told first.
    pub prompt: Prompt,
    /// What was said since, in earlier attempts.
    pub conversation: Vec<Said>,
    /// Who answers.
    pub voice: Arc<Voice>,
    /// The most tokens of an answer, where a limit has to know.
    pub max_tokens: Option<u32>,
    /// What the model may use.
    pub kit: Arc<Kit>,
    /// What the answer has to be.
    pub contract: Contract,
    /// What has to hold when there is an answer.
    pub evidence: Arc<Evidence>,
    /// How often the model may be asked.
    pub max_rounds: usize,
    /// How long it may take, the time not counted in which it waits for leave to call.
    pub timeout: Duration,
    /// Whether the first call has been allowed already.
    pub granted: bool,
}

/// A turn of the model, and what it was told after it.
#[derive(Debug, Clone)]
pub struct Said {
    /// What the model said.
    pub turn: Arc<Turn>,
    /// The ids of calls of tools that were begun.
    pub begun: Vec<String>,
    /// The answers of tools so far.
    pub results: Vec<ToolResult>,
    /// What the model was told about an answer that did not do.
    pub correction: Option<Arc<str>>,
}

/// What comes next in a conversation.
enum Next {
    Call,
    UseTools,
    Judge(Arc<Turn>),
}

impl Attempt {
    /// Makes the attempt. Its first call, if it was granted, is in the journal.
    ///
    /// # Errors
    /// Why there is no output.
    pub async fn perform(mut self, desk: &Desk) -> Result<String, Failure> {
        let tools = self.kit.offered().await?;
        let mut left = self.timeout;
        let mut calls = 0;
        loop {
            if left.is_zero() {
                return Err(too_slow(self.timeout));
            }
            match self.next() {
                Next::UseTools => self.use_tools(desk, &mut left).await?,
                Next::Judge(turn) => match self.judge(&turn.text, &mut left).await? {
                    Ok(output) => return Ok(output),
                    Err(rejection) => self.reject(rejection, desk).await?,
                },
                Next::Call => {
                    self.check_rounds()?;
                    calls += 1;
                    if calls > 1 || !self.granted {
                        desk.ask(self.ask(calls, &tools)).await?;
                    }
                    if let Some(output) = self.call(calls, &tools, desk, &mut left).await? {
                        return Ok(output);
                    }
                }
            }
        }
    }

    /// What a call would be asked for with, see [`Desk::ask`].
    #[must_use]
    pub fn ask(&self, call: u32, tools: &Arc<[Tool]>) -> Ask {
        let request = self.request(tools);
        Ask {
            task: self.task.clone(),
            attempt: self.number,
            call,
            voice: self.voice.clone(),
            input_tokens: request.estimated_tokens(),
            need: self.voice.worst_case(&request),
        }
    }

    /// Whether the model is asked first, and nothing stands open from an earlier attempt.
    #[must_use]
    pub fn begins_with_a_call(&self) -> bool {
        matches!(self.next(), Next::Call)
    }

    fn next(&self) -> Next {
        match self.conversation.last() {
            None => Next::Call,
            Some(said) if said.results.len() < said.turn.calls.len() => Next::UseTools,
            Some(said) if said.turn.calls.is_empty() && said.correction.is_none() => Next::Judge(said.turn.clone()),
            Some(_) => Next::Call,
        }
    }

    fn check_rounds(&self) -> Result<(), Failure> {
        if self.conversation.len() < self.max_rounds {
            return Ok(());
        }
        let message = format!(
            "the model was asked {} times and has no answer yet; `limits.max_iterations` sets how often it may be",
            self.conversation.len()
        );
        Err(Failure::new(FailureKind::InvalidOutput, message))
    }

    /// Calls the model. Gives the output if the answer is one and nothing else has to be looked at.
    async fn call(
        &mut self,
        call: u32,
        tools: &Arc<[Tool]>,
        desk: &Desk,
        left: &mut Duration,
    ) -> Result<Option<String>, Failure> {
        let started = Instant::now();
        let answered = tokio::time::timeout(*left, self.send(tools, *left)).await;
        *left = left.saturating_sub(started.elapsed());
        let answered = answered.unwrap_or_else(|_| {
            let failure = too_slow(self.timeout);
            Err(CallFailure { failure, usage: None, unsettled: true, pace: None, partial: String::new() })
        });
        let (task, attempt) = (self.task.clone(), self.number);
        match answered {
            Ok(reply) => {
                desk.paced(&self.voice, &task, Ok(()), reply.pace);
                let output = self.plain_output(&reply.turn);
                let turn = Arc::new(reply.turn);
                let finished = Event::CallFinished {
                    task,
                    attempt,
                    call,
                    usage: reply.usage,
                    stop: reply.stop,
                    cost_usd: self.voice.cost(reply.usage).or(reply.cost_usd),
                    latency_ms: reply.latency_ms,
                    first_byte_ms: reply.first_byte_ms,
                    turn: output.is_none().then(|| turn.clone()),
                };
                if output.is_some() {
                    desk.tell(finished);
                    return Ok(output);
                }
                desk.promise(finished).await?;
                self.conversation.push(Said { turn, begun: Vec::new(), results: Vec::new(), correction: None });
                Ok(None)
            }
            Err(CallFailure { failure, usage, unsettled, pace, .. }) => {
                desk.paced(&self.voice, &task, Err(&failure), pace);
                desk.tell(Event::CallFailed {
                    task,
                    attempt,
                    call,
                    failure: failure.clone(),
                    usage,
                    cost_usd: usage.and_then(|usage| self.voice.cost(usage)),
                    latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    unsettled,
                });
                Err(failure)
            }
        }
    }

    /// The output that a turn is, where that can be told from its text alone.
    fn plain_output(&self, turn: &Turn) -> Option<String> {
        if !turn.calls.is_empty() || !self.evidence.is_empty() {
            return None;
        }
        self.contract.check(&turn.text).ok().map(|accepted| accepted.text)
    }

    async fn send(&self, tools: &Arc<[Tool]>, left: Duration) -> Result<Reply, CallFailure> {
        let cue = Cue { task: self.task.as_str(), agent: self.agent.as_str(), attempt: self.number };
        self.voice.call(&self.request(tools), &self.deadlines(left), &cue).await
    }

    fn request(&self, tools: &Arc<[Tool]>) -> ModelRequest {
        let mut messages = Vec::with_capacity(2 + 2 * self.conversation.len());
        messages.push(Message::System(self.prompt.system.clone()));
        messages.push(Message::User(self.prompt.user.clone()));
        for said in &self.conversation {
            messages.push(Message::Assistant(Turn::clone(&said.turn)));
            if !said.turn.calls.is_empty() {
                messages.push(Message::Tools(said.results.clone()));
            }
            messages.extend(said.correction.as_ref().map(|correction| Message::User(correction.to_string())));
        }
        let schema = self
            .contract
            .schema()
            .map(|schema| Arc::new(AnswerSchema { name: "answer".to_owned(), schema: schema.clone() }));
        ModelRequest {
            model: self.voice.name.clone(),
            messages,
            tools: tools.clone(),
            schema,
            temperature: self.voice.temperature,
            max_tokens: self.voice.max_tokens.or(self.max_tokens),
        }
    }

    /// Whether an answer is what the task asks for, and why not.
    async fn judge(&self, text: &str, left: &mut Duration) -> Result<Result<String, String>, Failure> {
        let output = match self.contract.check(text) {
            Ok(accepted) => accepted.text,
            Err(rejection) => return Ok(Err(answer::correction(&rejection))),
        };
        let started = Instant::now();
        let judged = tokio::time::timeout(*left, self.evidence.check(&output)).await;
        *left = left.saturating_sub(started.elapsed());
        match judged {
            Ok(Ok(())) => Ok(Ok(output)),
            Ok(Err(missing)) => Ok(Err(missing)),
            Err(_) => Err(too_slow(self.timeout)),
        }
    }

    /// Tells the model what is wrong, once.
    async fn reject(&mut self, correction: String, desk: &Desk) -> Result<(), Failure> {
        let corrected = self.conversation.iter().filter(|said| said.correction.is_some()).count();
        if corrected >= CORRECTIONS {
            let message =
                format!("the answer is not what the task asks for, also not when asked once more: {correction}");
            return Err(Failure::new(FailureKind::InvalidOutput, message));
        }
        let correction: Arc<str> = correction.into();
        let (task, attempt) = (self.task.clone(), self.number);
        desk.promise(Event::AnswerRejected { task, attempt, correction: correction.clone() }).await?;
        if let Some(last) = self.conversation.last_mut() {
            last.correction = Some(correction);
        }
        Ok(())
    }

    async fn use_tools(&mut self, desk: &Desk, left: &mut Duration) -> Result<(), Failure> {
        let Some(last) = self.conversation.last_mut() else { return Ok(()) };
        let started = Instant::now();
        let used = kit::answer_all(&self.kit, &self.task, self.number, last, desk);
        let used = tokio::time::timeout(*left, used).await;
        *left = left.saturating_sub(started.elapsed());
        used.unwrap_or_else(|_| Err(too_slow(self.timeout)))
    }

    /// A task that may take long may also think long before its first word.
    fn deadlines(&self, left: Duration) -> Deadlines {
        let usual = Deadlines::default();
        Deadlines {
            connect: usual.connect.min(left),
            first_byte: usual.first_byte.max(self.timeout / 2).min(left),
            idle: usual.idle.min(left),
            total: left,
        }
    }
}

fn too_slow(timeout: Duration) -> Failure {
    let message =
        format!("the attempt took longer than {} s; `timeout_seconds` sets how long it may", timeout.as_secs_f64());
    Failure::new(FailureKind::Timeout, message)
}
