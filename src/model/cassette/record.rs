//! The lines of a cassette: a header, then one record for each call.

use serde::{Deserialize, Serialize};

use crate::model::cassette::VERSION;
use crate::model::{CallFailure, ModelRequest, Reply};
use crate::plan::prompt::TASK_LABEL;
use crate::words::conversation::{AssistantMessage, Message};
use crate::words::digest::Parts;
use crate::words::failure::Failure;
use crate::words::text::one_line;
use crate::words::usage::{StopReason, Usage};

/// Bytes of a key.
const KEY_BYTES: usize = 16;
/// As much of what was asked as is shown, in columns.
const HINT: usize = 80;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// The version of the form.
    pub(super) cassette: u32,
    /// The version of orch that recorded it.
    #[serde(default)]
    pub(super) orch: String,
    /// The random text that marks data in the prompts.
    pub(super) marker: String,
    /// The model, as `provider/model`, that answered for agents that name none, where there was one. Without it, as in
    /// older cassettes, the environment of the replay says which model is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) default_model: Option<String>,
}

impl Header {
    pub(super) fn new(marker: &str, default_model: Option<String>) -> Self {
        let orch = env!("CARGO_PKG_VERSION").to_owned();
        Self { cassette: VERSION, orch, marker: marker.to_owned(), default_model }
    }
}

/// A call and what came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// The digest of all that was asked, see [`key`].
    pub(super) key: String,
    /// How what was asked begins, for people.
    #[serde(default)]
    pub(super) asked: String,
    #[serde(flatten)]
    outcome: Recorded,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Recorded {
    Reply {
        turn: AssistantMessage,
        usage: Usage,
        stop: StopReason,
        #[serde(default)]
        first_byte_ms: u64,
        #[serde(default)]
        latency_ms: u64,
    },
    Failure {
        failure: Failure,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Usage>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unsettled: bool,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        partial: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
}

impl Record {
    pub(super) fn of(request: &ModelRequest, label: &str, outcome: &Result<Reply, CallFailure>) -> Self {
        let outcome = match outcome.clone() {
            Ok(Reply { turn, usage, stop, first_byte_ms, latency_ms, .. }) => {
                Recorded::Reply { turn, usage, stop, first_byte_ms, latency_ms }
            }
            Err(CallFailure { failure, usage, unsettled, partial, again, .. }) => {
                Recorded::Failure { failure, usage, unsettled, partial, again }
            }
        };
        Self { key: key(request, label), asked: hint(request), outcome }
    }

    /// What came of the call, with the times that it took then.
    pub(super) fn outcome(&self) -> Result<Reply, CallFailure> {
        match self.outcome.clone() {
            Recorded::Reply { turn, usage, stop, first_byte_ms, latency_ms } => {
                Ok(Reply { turn, usage, stop, first_byte_ms, latency_ms, pace: None })
            }
            Recorded::Failure { failure, usage, unsettled, partial, again } => {
                Err(CallFailure { failure, usage, unsettled, partial, pace: None, again })
            }
        }
    }
}

/// The digest of everything that an answer depends on: the model and its settings, the conversation, and what the
/// model is offered.
pub(super) fn key(request: &ModelRequest, label: &str) -> String {
    let mut digest = Parts::default();
    digest.add(label);
    digest.add(&request.model);
    digest.add(&json(&(request.temperature, request.max_tokens)));
    digest.add(&json(&request.tools));
    digest.add(&json(&request.schema));
    for message in &request.messages {
        match message {
            Message::System(text) => ["system", text].iter().for_each(|part| digest.add(part)),
            Message::User(text) => ["user", text].iter().for_each(|part| digest.add(part)),
            Message::Assistant(turn) => ["assistant", &json(turn)].iter().for_each(|part| digest.add(part)),
            Message::Tools(results) => {
                let results: Vec<_> = results.iter().map(|r| (&r.id, &r.name, &*r.text, r.is_error)).collect();
                ["tools", &json(&results)].iter().for_each(|part| digest.add(part));
            }
        }
    }
    // Nothing where nothing is asked for, as in the cassettes of earlier versions.
    digest.optional("tuning", request.tuning.digest());
    digest.optional("takes_parts", request.takes_parts.then_some("true"));
    digest.hex(KEY_BYTES)
}

/// What is hashed here has text keys alone, so it can always be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// How the last thing that was asked begins, behind the goal and the outputs of other tasks.
pub(super) fn hint(request: &ModelRequest) -> String {
    let asked = request.messages.iter().rev().find_map(|message| match message {
        Message::User(text) => Some(text.as_str()),
        _ => None,
    });
    one_line(asked.unwrap_or_default().rsplit(TASK_LABEL).next().unwrap_or_default(), HINT)
}
