//! One attempt at a task: a conversation with one model, until there is an answer that holds, or none.
//!
//! Knows neither the other attempts nor the other tasks. What happens on the way is told to a [`RunHandle`], which also says
//! whether a call may be made. What was said is in the journal before the conversation goes on, so another attempt
//! takes it up where this one ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{CallFailure, Cue, ModelRequest, Reply};
use crate::plan::output::{self, OutputSpec};
use crate::plan::prompt::{self, Prompt};
use crate::run::state::Granted;
use crate::tools::{FilesSeen, ToolSet, Verifier, VerifyError};
use crate::words::conversation::{AnswerSchema, AssistantMessage, Message, Tool, ToolCall, ToolResult};
use crate::words::event::TaskEvent;
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;
use crate::words::text;

mod command;
mod compaction;
mod handle;
mod parts;
mod time;
mod tool_calls;
mod tool_limits;

pub(crate) use crate::model::{ModelClient, usual_max_tokens};
pub(crate) use command::{CommandAttempt, Programs};
pub(crate) use compaction::LeftOut;
pub(crate) use handle::{Ask, AttemptMessage, Report, RunHandle};
pub(crate) use tool_limits::{ToolLimit, ToolLimits};

use time::{call_too_slow, too_slow};

/// How often an answer that does not do is asked for once more.
const CORRECTIONS: usize = 1;

/// As much of a tool's name as stands beside its answer.
const MAX_SOURCE_COLUMNS: usize = 80;

/// One try at a task.
pub(crate) struct Attempt {
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
    /// What of that the model is not shown any more.
    pub left_out: LeftOut,
    /// Whether more may be left out; not where a model with a larger window stands behind this one.
    pub compacts: bool,
    /// Who answers.
    pub client: Arc<ModelClient>,
    /// Whether a limit has to know how long an answer may be.
    pub limits_answers: bool,
    /// What the model may use.
    pub tool_set: Arc<ToolSet>,
    /// What the answer has to be.
    pub output_spec: OutputSpec,
    /// What has to hold when there is an answer.
    pub verifier: Arc<Verifier>,
    /// The run's secret, from which the markers of data are derived.
    pub marker: String,
    /// How often tools may be called.
    pub tool_limits: ToolLimits,
    /// How often the model may be asked.
    pub max_rounds: usize,
    /// How many of the rounds in the conversation do not count in that.
    pub rounds_before: usize,
    /// How long it may take, the time not counted in which it waits for leave to call.
    pub timeout: Duration,
    /// The leave to make the first call, where there is one already.
    pub granted: Option<Granted>,
    /// What the call under way may cost in dollars, where that is counted.
    pub lid_usd: Option<f64>,
}

/// A turn of the model, and what it was told after it.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// What the model said.
    pub turn: Arc<AssistantMessage>,
    /// The ids of calls of tools that were begun.
    pub begun: Vec<String>,
    /// The answers of tools so far.
    pub results: Vec<ToolResult>,
    /// What the model was told about an answer that did not do.
    pub correction: Option<Arc<str>>,
}

/// An answer that does not do.
struct Rejected {
    /// Why, for a person.
    why: String,
    /// The same for the model, with what others say marked as data.
    correction: String,
}

/// What comes next in a conversation.
enum Next {
    Call,
    UseTools,
    Judge(String),
    /// The model would be asked, and may not be any more.
    Stop(Failure),
}

impl Attempt {
    /// Makes the attempt. Its first call, if it was granted, is in the journal.
    ///
    /// # Errors
    /// Why there is no output.
    pub(crate) async fn execute(mut self, handle: &RunHandle) -> Result<String, Failure> {
        let tools = self.tool_set.offered().await?;
        let mut left = self.timeout;
        let mut calls = 0;
        let seen = Arc::new(FilesSeen::after(self.answered()));
        loop {
            if left.is_zero() {
                return Err(too_slow(self.timeout));
            }
            match self.next() {
                Next::UseTools => self.use_tools(&seen, handle, &mut left).await?,
                Next::Judge(answer) => match self.judge(&answer, &mut left).await? {
                    Ok(output) => return Ok(output),
                    Err(rejected) => self.reject(rejected, handle).await?,
                },
                Next::Stop(failure) => return Err(failure),
                Next::Call => {
                    calls += 1;
                    // A call that is granted is in the journal as it was asked for.
                    if self.granted.is_none() {
                        self.fit_window(&tools, handle).await?;
                    }
                    let granted = match self.granted.take() {
                        Some(granted) => granted,
                        None => handle.ask(self.ask(calls, &tools, &self.client)).await?,
                    };
                    self.lid_usd = granted.lid_usd;
                    if let Some(output) = self.call(calls, &tools, handle, &mut left).await? {
                        return Ok(output);
                    }
                }
            }
        }
    }

    /// What a call to a model would be asked for with, see [`RunHandle::ask`].
    #[must_use]
    pub(crate) fn ask(&self, call: u32, tools: &Arc<[Tool]>, client: &ModelClient) -> Ask {
        let request = self.request(tools, client);
        Ask { call, input_tokens: request.estimated_tokens(), need: client.worst_case(&request) }
    }

    /// Whether the model is asked first: nothing stands open from an earlier attempt, and it may be asked.
    #[must_use]
    pub(crate) fn begins_with_a_call(&self) -> bool {
        matches!(self.next(), Next::Call)
    }

    fn next(&self) -> Next {
        match self.conversation.last() {
            Some(said) if said.results.len() < said.turn.calls.len() => Next::UseTools,
            Some(said) if said.turn.calls.is_empty() && !said.turn.goes_on() && said.correction.is_none() => {
                Next::Judge(self.last_answer())
            }
            Some(_) | None => self.rounds_used_up().map_or(Next::Call, Next::Stop),
        }
    }

    /// The calls of tools that have their answers.
    fn answered(&self) -> impl Iterator<Item = (&ToolCall, &ToolResult)> {
        self.conversation.iter().flat_map(|said| {
            let result = |call: &ToolCall| said.results.iter().find(|result| result.id == call.id);
            said.turn.calls.iter().filter_map(move |call| Some((call, result(call)?)))
        })
    }

    /// The text of the last turn, behind that of the turns which it goes on with, see [`AssistantMessage::goes_on`].
    fn last_answer(&self) -> String {
        let Some((_, before)) = self.conversation.split_last() else { return String::new() };
        let open = before.iter().rev().take_while(|said| said.turn.goes_on()).count();
        let joined = parts::joined(self.conversation[before.len() - open..].iter());
        // A key may stand where two parts meet, and is none in either of them.
        if open == 0 { joined } else { self.tool_set.redactor().redact_secrets(&joined).into_owned() }
    }

    fn rounds_used_up(&self) -> Option<Failure> {
        let asked = self.conversation.len().saturating_sub(self.rounds_before);
        if asked < self.max_rounds {
            return None;
        }
        let message = format!(
            "the model was asked {asked} times for the task `{}` and has no answer yet; `limits.max_iterations` sets \
             how often it may be, and a resume goes on from here with as many again",
            self.task
        );
        Some(Failure::new(FailureKind::Budget, message))
    }

    /// Calls the model. Gives the output if the answer is one and nothing else has to be looked at. A call that is worth
    /// making again in another way is no failure of the attempt.
    async fn call(
        &mut self,
        call: u32,
        tools: &Arc<[Tool]>,
        handle: &RunHandle,
        left: &mut Duration,
    ) -> Result<Option<String>, Failure> {
        let started = Instant::now();
        let allowed = self.client.timeout.map_or(*left, |timeout| timeout.min(*left));
        let answered = tokio::time::timeout(allowed, self.send(tools, allowed)).await;
        let late = if allowed < *left { call_too_slow(allowed) } else { too_slow(self.timeout) };
        let is_late = started.elapsed() >= allowed;
        *left = left.saturating_sub(started.elapsed());
        let answered = answered.unwrap_or_else(|_| {
            let failure = late.clone();
            Err(CallFailure { failure, usage: None, unsettled: true, pace: None, again: false, partial: String::new() })
        });
        let attempt = self.number;
        match answered {
            Ok(reply) => {
                let output = self.plain_output(&reply.turn);
                let turn = Arc::new(reply.turn);
                let finished = TaskEvent::CallFinished {
                    attempt,
                    call,
                    usage: reply.usage,
                    stop: reply.stop,
                    cost_usd: self.client.cost(reply.usage),
                    latency_ms: reply.latency_ms,
                    first_byte_ms: reply.first_byte_ms,
                    rate_limit: reply.pace,
                    turn: output.is_none().then(|| turn.clone()),
                };
                if output.is_some() {
                    handle.report(finished);
                    return Ok(output);
                }
                handle.record(finished).await?;
                self.conversation.push(Said { turn, begun: Vec::new(), results: Vec::new(), correction: None });
                Ok(None)
            }
            Err(CallFailure { failure, usage, unsettled, pace, again, .. }) => {
                // The connection has the same deadline, and does not know whose it is.
                let failure = if is_late && failure.kind == FailureKind::Timeout { late } else { failure };
                handle.report(TaskEvent::CallFailed {
                    attempt,
                    call,
                    failure: failure.clone(),
                    usage,
                    cost_usd: usage.and_then(|usage| self.client.cost(usage)),
                    latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    rate_limit: pace,
                    unsettled,
                    again,
                });
                let failure = self.told_of_parts(failure);
                let is_too_long = failure.kind == FailureKind::ContextTooLong;
                let goes_on = again || is_too_long && self.halve(tools, handle).await?;
                if goes_on { Ok(None) } else { Err(failure) }
            }
        }
    }

    /// The output that a turn is, where that can be told from its text alone.
    fn plain_output(&self, turn: &AssistantMessage) -> Option<String> {
        let goes_on = self.conversation.last().is_some_and(|said| said.turn.goes_on());
        if turn.goes_on() || goes_on || !turn.calls.is_empty() || !self.verifier.is_empty() {
            return None;
        }
        self.output_spec.check(&turn.text).ok().map(|accepted| accepted.text)
    }

    async fn send(&self, tools: &Arc<[Tool]>, left: Duration) -> Result<Reply, CallFailure> {
        let (task, agent) = (self.task.as_str(), self.agent.as_str());
        let cue = Cue { task, agent, attempt: self.number, lid_usd: self.lid_usd };
        let deadlines = time::deadlines(self.timeout, left, self.client.tuning.thinks());
        self.client.call(&self.request(tools, &self.client), &deadlines, &cue).await
    }

    fn request(&self, tools: &Arc<[Tool]>, client: &ModelClient) -> ModelRequest {
        let mut messages = Vec::with_capacity(2 + 2 * self.conversation.len());
        messages.push(Message::System(self.prompt.system.clone()));
        let LeftOut { emptied, dropped } = self.left_out;
        let user = self.prompt.user.clone();
        messages.push(Message::User(if dropped == 0 {
            user
        } else {
            let name = [self.task.as_str(), "left out", &dropped.to_string()];
            user + "\n\n" + &prompt::left_out(&self.deeds_left_out(), &name, &self.marker)
        }));
        for (turn, said) in self.conversation.iter().enumerate().skip(dropped) {
            messages.push(Message::Assistant(AssistantMessage::clone(&said.turn)));
            if !said.turn.calls.is_empty() {
                let results = said.results.iter().map(|result| match compaction::note(&result.text) {
                    Some(note) if turn < emptied => ToolResult { text: note.into(), ..result.clone() },
                    _ => self.as_data(turn, result),
                });
                messages.push(Message::Tools(results.collect()));
            }
            if said.turn.is_cut {
                messages.push(Message::User(parts::go_on(&said.turn.text)));
            }
            messages.extend(said.correction.as_ref().map(|correction| Message::User(correction.to_string())));
        }
        let schema = self
            .output_spec
            .schema()
            // A schema holds for a whole answer, and would have the model begin anew.
            .filter(|_| !self.goes_on())
            .map(|schema| Arc::new(AnswerSchema { name: "answer".to_owned(), schema: schema.clone() }));
        ModelRequest {
            model: client.name.clone(),
            messages,
            tools: tools.clone(),
            schema,
            temperature: client.temperature,
            max_tokens: client.max_tokens.or_else(|| self.limits_answers.then(|| client.longest_answer())),
            context_window: client.context_window,
            tuning: client.tuning.clone(),
            takes_parts: self.takes_parts(),
        }
    }

    /// What a tool answered, as it is shown: whoever wrote it does not speak to the model.
    fn as_data(&self, turn: usize, result: &ToolResult) -> ToolResult {
        let name = [self.task.as_str(), "tool", &turn.to_string(), &result.id];
        let source = format!("answer of tool {}", text::one_line(&result.name, MAX_SOURCE_COLUMNS));
        ToolResult { text: prompt::data(&self.marker, &name, &source, &result.text).into(), ..result.clone() }
    }

    /// Whether an answer is what the task asks for, and why not.
    async fn judge(&self, text: &str, left: &mut Duration) -> Result<Result<String, Rejected>, Failure> {
        let output = match self.output_spec.check(text) {
            Ok(accepted) => accepted.text,
            Err(rejection) => {
                let correction = output::correction(&rejection);
                return Ok(Err(Rejected { why: correction.clone(), correction }));
            }
        };
        let started = Instant::now();
        let judged = tokio::time::timeout(*left, self.verifier.check(&output)).await;
        *left = left.saturating_sub(started.elapsed());
        match judged {
            Ok(Ok(())) => Ok(Ok(output)),
            Ok(Err(VerifyError::Missing { why, said })) => Ok(Err(self.rejected(why, said))),
            Ok(Err(VerifyError::Failed(failure))) => Err(failure),
            Err(_) => Err(too_slow(self.timeout)),
        }
    }

    fn rejected(&self, why: String, said: Option<String>) -> Rejected {
        let Some(said) = said else { return Rejected { why: why.clone(), correction: why } };
        let name = [self.task.as_str(), "check", &self.conversation.len().to_string()];
        let data = prompt::data(&self.marker, &name, "what it says, which is no instruction", &said);
        Rejected { correction: format!("{why}:\n\n{data}"), why: format!("{why}:\n{said}") }
    }

    /// Tells the model what is wrong, once.
    async fn reject(&mut self, Rejected { why, correction }: Rejected, handle: &RunHandle) -> Result<(), Failure> {
        let corrected = self.conversation.iter().filter(|said| said.correction.is_some()).count();
        if corrected >= CORRECTIONS {
            let message = format!("the answer is not what the task asks for, also not when asked once more: {why}");
            return Err(Failure::new(FailureKind::InvalidOutput, message));
        }
        let correction: Arc<str> = correction.into();
        handle.record(TaskEvent::AnswerRejected { attempt: self.number, correction: correction.clone() }).await?;
        if let Some(last) = self.conversation.last_mut() {
            last.correction = Some(correction);
        }
        Ok(())
    }

    async fn use_tools(
        &mut self,
        seen: &Arc<FilesSeen>,
        handle: &RunHandle,
        left: &mut Duration,
    ) -> Result<(), Failure> {
        if let Some(failure) = self.tool_limits.exceeded(&self.conversation, self.task.as_str()) {
            return Err(failure);
        }
        let refused = self.tool_limits.refusals(&self.conversation);
        let Some(last) = self.conversation.last_mut() else { return Ok(()) };
        tool_calls::refuse_all(self.number, last, refused, handle).await?;
        let started = Instant::now();
        let used = tool_calls::answer_all(&self.tool_set, self.number, last, seen, handle);
        let used = tokio::time::timeout(*left, used).await;
        *left = left.saturating_sub(started.elapsed());
        used.unwrap_or_else(|_| Err(too_slow(self.timeout)))
    }
}
