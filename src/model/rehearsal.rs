//! The rehearsal: a model that needs no network and stands in for every other.
//!
//! It answers from the prompt alone, so a rehearsal can be repeated; a [`Script`] makes it slow, wrong or silent. What
//! comes of it is settled like the answer of a provider, so a failure of the script reads like a real one.

use std::future;

use tokio::time::{self, Instant};

use crate::model::call::{CallFailure, Cue, Model, ModelRequest, PendingReply, Reply};
use crate::model::redaction::excerpt;
use crate::model::reply_builder::{ReplyBuilder, Stop, count};
use crate::model::stop::OUTPUT_LIMIT;
use crate::net::http::Deadlines;
use crate::plan::prompt::TASK_LABEL;
use crate::plan::spec::script::{Act, Script};
use crate::words::conversation::Message;
use crate::words::digest::Parts;
use crate::words::redact::Redactor;
use crate::words::usage::StopReason;

/// What stands in messages where a provider's host would.
const HOST: &str = "the rehearsal";

/// Answers in place of every model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rehearsal {
    script: Script,
}

impl Rehearsal {
    /// A rehearsal that follows `script` where that says something.
    #[must_use]
    pub(crate) fn new(script: Option<Script>) -> Self {
        Self { script: script.unwrap_or_default() }
    }
}

impl Model for Rehearsal {
    /// Answers at once, or as the script says. Without a deadline of the caller's a scripted `hang` is endless.
    fn call<'a>(&'a self, request: &'a ModelRequest, _: &'a Deadlines, cue: &'a Cue<'a>) -> PendingReply<'a> {
        Box::pin(self.answer(request, cue))
    }
}

impl Rehearsal {
    async fn answer(&self, request: &ModelRequest, cue: &Cue<'_>) -> Result<Reply, CallFailure> {
        let started = Instant::now();
        let scripted = self.script.find(cue.task, cue.attempt);
        if let Some(reply) = scripted.filter(|reply| !reply.delay.is_zero()) {
            time::sleep(reply.delay).await;
        }
        let whole =
            |text| ReplyBuilder { text, stop: Some(Stop::Complete(StopReason::End)), ..ReplyBuilder::default() };
        let half =
            |stop| ReplyBuilder { text: first_half(&usual_answer(request, cue)), stop, ..ReplyBuilder::default() };
        let draft = match scripted.map_or(&Act::Usual, |reply| &reply.act) {
            Act::Usual => whole(usual_answer(request, cue)),
            Act::Text(text) => whole(text.clone()),
            Act::Cut => half(None),
            Act::Truncate => half(Some(Stop::Truncated(OUTPUT_LIMIT))),
            Act::Hang => future::pending().await,
            Act::Fail(failure) => {
                return Err(CallFailure {
                    failure: failure.clone(),
                    usage: None,
                    unsettled: false,
                    partial: String::new(),
                    pace: None,
                    again: false,
                });
            }
        };
        settle(draft, request, started)
    }
}

fn settle(mut draft: ReplyBuilder, request: &ModelRequest, started: Instant) -> Result<Reply, CallFailure> {
    let usage = draft.stop.is_some().then(|| count(None, request, &draft.text));
    let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    draft.take_part(request, 0);
    match draft.settle(HOST, !request.tools.is_empty()) {
        Ok(stop) => Ok(Reply {
            turn: draft.take_turn(),
            usage: usage.unwrap_or_default(),
            stop,
            first_byte_ms: latency_ms,
            latency_ms,
            pace: None,
        }),
        Err(failure) => {
            Err(CallFailure { failure, usage, unsettled: false, partial: draft.text, pace: None, again: false })
        }
    }
}

/// The usual answer. It says of itself that it is none, and a changed prompt changes it.
fn usual_answer(request: &ModelRequest, cue: &Cue<'_>) -> String {
    let Cue { task, agent, .. } = cue;
    let said = |message: &Message| match message {
        Message::User(text) => Some(text.clone()),
        _ => None,
    };
    let asked = request.messages.iter().rev().find_map(said).unwrap_or_default();
    // The task's own words come last in a prompt, behind the goal and what other tasks have made.
    let asked = asked.rsplit(TASK_LABEL).next().unwrap_or_default();
    let asked = excerpt(asked.as_bytes(), &Redactor::default());
    let asked = if asked.is_empty() { "nothing".to_owned() } else { asked };
    let characters: usize = request.texts().map(|text| text.chars().count()).sum();
    let digest = digest(request);
    format!(
        "[rehearsal] No model was used. This text stands for the answer of {agent} to task {task}.\n\n\
         Asked for: {asked}\n\
         Size of the prompt in characters: {characters}\n\
         Digest of the prompt: {digest}"
    )
}

/// Eight hex digits of the conversation. The model and its settings are no part of it: a rehearsal is the same
/// whichever model it stands in for.
fn digest(request: &ModelRequest) -> String {
    let mut digest = Parts::default();
    request.messages.iter().flat_map(spoken).for_each(|part| digest.add(part));
    digest.hex(4)
}

/// Who speaks, and what they say.
fn spoken(message: &Message) -> Vec<&str> {
    match message {
        Message::System(text) => vec!["system", text],
        Message::User(text) => vec!["user", text],
        Message::Assistant(turn) => vec!["assistant", &turn.text],
        Message::Tools(results) => results.iter().flat_map(|result| ["tool", &*result.text]).collect(),
    }
}

fn first_half(text: &str) -> String {
    text.chars().take(text.chars().count() / 2).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::words::diagnostic::Source;
    use crate::words::failure::{Failure, FailureKind};
    use crate::words::usage::Usage;

    const CUE: Cue<'static> = Cue { task: "draft", agent: "writer", attempt: 1, lid_usd: None };

    fn request(system: &str, user: &str) -> ModelRequest {
        let messages = vec![Message::System(system.to_owned()), Message::User(user.to_owned())];
        let tools = std::sync::Arc::default();
        ModelRequest {
            model: "m".into(),
            messages,
            tools,
            schema: None,
            temperature: None,
            max_tokens: None,
            context_window: None,
            tuning: std::sync::Arc::default(),
            takes_parts: false,
        }
    }

    fn rehearsal(script: &str) -> Rehearsal {
        Rehearsal::new(Some(Script::read(&Source::new("s.yaml", script)).unwrap()))
    }

    async fn text(system: &str, user: &str) -> String {
        Rehearsal::new(None).answer(&request(system, user), &CUE).await.unwrap().turn.text
    }

    async fn failure(script: &str) -> CallFailure {
        rehearsal(script).answer(&request("s", "u"), &CUE).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn the_usual_answer_says_what_it_is_and_comes_at_once() {
        let reply = Rehearsal::new(None).answer(&request("Be brief.", "Write\n about bees."), &CUE).await.unwrap();
        assert_eq!(
            reply.turn.text,
            "[rehearsal] No model was used. This text stands for the answer of writer to task draft.\n\n\
             Asked for: Write about bees.\n\
             Size of the prompt in characters: 27\n\
             Digest of the prompt: 67f0d7be"
        );
        assert_eq!(reply.usage, Usage { input_tokens: 8, output_tokens: 47, estimated: true, ..Usage::default() });
        assert_eq!((reply.stop, reply.first_byte_ms, reply.latency_ms), (StopReason::End, 0, 0));
    }

    #[tokio::test]
    async fn the_same_prompt_has_the_same_answer_and_another_prompt_another() {
        let first = text("a", "b").await;
        assert_eq!(first, text("a", "b").await);
        for (system, user) in [("a", "c"), ("c", "b"), ("b", "a"), ("ab", ""), ("", "ab")] {
            assert_ne!(first, text(system, user).await);
        }
        // What lies beyond the part that is shown counts as well.
        let long = "word ".repeat(50_000);
        assert_ne!(text("", &format!("{long}a")).await, text("", &format!("{long}b")).await);
    }

    #[tokio::test]
    async fn the_usual_answer_is_short_and_holds_no_escape_sequence() {
        let name = "n".repeat(crate::words::id::MAX_NAME_BYTES);
        let cue = Cue { task: &name, agent: &name, attempt: 1, lid_usd: None };
        for user in ["\u{1b}[31m\u{9b}1m\u{7}red\0".repeat(9_000), "\u{e9}".repeat(9_000), "\u{1f41d} ".repeat(9_000)] {
            let text = Rehearsal::new(None).answer(&request("", &user), &cue).await.unwrap().turn.text;
            assert!(text.len() < 600, "{}: {text}", text.len());
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_given_text_is_the_answer() {
        let rehearsal =
            rehearsal("replies: [{task: draft, attempt: 2, text: second}, {task: draft, text: \"given\\n text\"}]");
        for (attempt, expected) in [(1, "given\n text"), (2, "second"), (3, "given\n text")] {
            let reply = rehearsal.answer(&request("s", "u"), &Cue { attempt, ..CUE }).await.unwrap();
            assert_eq!(reply.turn.text, expected);
            assert!(reply.usage.estimated && reply.usage.output_tokens > 0);
        }
        let other = rehearsal.answer(&request("s", "u"), &Cue { task: "other", ..CUE }).await.unwrap();
        assert!(other.turn.text.starts_with("[rehearsal] No model was used."));
    }

    #[tokio::test]
    async fn a_failure_is_the_one_that_is_asked_for() {
        let script = "replies: [{task: '*', fail: rate_limited, message: slow down, retry_after_seconds: 2}]";
        let expected = Failure { retry_after_ms: Some(2000), ..Failure::new(FailureKind::RateLimited, "slow down") };
        assert_eq!(
            failure(script).await,
            CallFailure {
                failure: expected,
                usage: None,
                unsettled: false,
                partial: String::new(),
                pace: None,
                again: false
            }
        );
    }

    #[tokio::test]
    async fn an_answer_without_its_end_is_none() {
        let cut = failure("replies: [{task: draft, cut: true}]").await;
        assert_eq!(cut.failure.kind, FailureKind::Connection);
        assert!(cut.failure.message.starts_with("incomplete stream: the answer of the rehearsal"), "{}", cut.failure);
        assert_eq!(cut.usage, None);

        let truncated = failure("replies: [{task: draft, truncate: true}]").await;
        assert_eq!(truncated.failure.kind, FailureKind::Truncated);
        assert!(truncated.usage.is_some_and(|usage| usage.estimated));

        let whole = text("s", "u").await;
        for partial in [cut.partial, truncated.partial] {
            assert!(!partial.is_empty() && partial.len() < whole.len() && whole.starts_with(&partial));
        }
        assert_eq!(failure("replies: [{task: draft, text: ''}]").await.failure.kind, FailureKind::Malformed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_is_waited_before_anything_else() {
        let rehearsal = rehearsal(
            "replies: [{task: draft, attempt: 1, delay_seconds: 90}, {task: draft, delay_seconds: 0.25, fail: timeout}]",
        );
        let started = Instant::now();
        let reply = rehearsal.answer(&request("s", "u"), &CUE).await.unwrap();
        assert_eq!(started.elapsed().as_secs(), 90);
        assert_eq!((reply.first_byte_ms, reply.latency_ms), (90_000, 90_000));
        assert_eq!(reply.turn.text, text("s", "u").await);

        let started = Instant::now();
        let late = rehearsal.answer(&request("s", "u"), &Cue { attempt: 2, ..CUE }).await.unwrap_err();
        assert_eq!((started.elapsed().as_millis(), late.failure.kind), (250, FailureKind::Timeout));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hang_lasts_until_the_callers_deadline() {
        let rehearsal = rehearsal("replies: [{task: draft, hang: true}]");
        let week = Duration::from_secs(604_800);
        assert!(time::timeout(week, rehearsal.answer(&request("s", "u"), &CUE)).await.is_err());
    }
}
