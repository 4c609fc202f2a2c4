//! What a provider's protocol is to the rest of orch: a pure encoding of requests and decoding of answers.

use serde::Serialize;

use crate::event::{Failure, StopReason, Usage};
use crate::http;
use crate::provider::draft::Draft;
use crate::provider::status::Report;
use crate::sse;

/// A request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// The model's name at its provider.
    pub model: String,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The sampling temperature; the provider's default when absent.
    pub temperature: Option<f64>,
    /// The most tokens that the answer may have; the provider's default when absent.
    pub max_tokens: Option<u32>,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub text: String,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The author of the orchestra.
    System,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that every protocol has for the role.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A [`Message`] as every protocol writes it.
#[derive(Serialize)]
pub(crate) struct WireMessage<'a> {
    role: &'static str,
    content: &'a str,
}

impl<'a> From<&'a Message> for WireMessage<'a> {
    fn from(message: &'a Message) -> Self {
        Self { role: message.role.as_str(), content: &message.text }
    }
}

/// A whole and usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The text, known secrets taken out.
    pub text: String,
    /// What it cost.
    pub usage: Usage,
    /// Why the model stopped.
    pub stop: StopReason,
    /// From sending to the first byte of the body, in milliseconds.
    pub first_byte_ms: u64,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
}

/// A call that came to no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// Why.
    pub failure: Failure,
    /// What the call cost all the same: the provider's numbers, or an estimate where an answer came to its end
    /// and is only not usable. `None` where nobody can say.
    pub usage: Option<Usage>,
    /// As much of the text as had come. For a person to look at: it is never an output.
    pub partial: String,
}

/// A provider's protocol. It sends nothing itself.
pub trait Wire: Send + Sync {
    /// The HTTP request for `request`, which asks for a stream.
    fn encode(&self, request: &ModelRequest) -> http::Request;

    /// Reads one event of a stream into `draft`.
    ///
    /// # Errors
    /// The provider reports a failure, or the event is not what the protocol says.
    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut Draft) -> Result<(), Fault>;

    /// Reads a whole body into `draft`, for the servers that do not stream.
    ///
    /// # Errors
    /// The provider reports a failure, or the body is not what the protocol says.
    fn decode_body(&self, body: &str, draft: &mut Draft) -> Result<(), Fault>;

    /// The HTTP request for the list of models.
    fn list_models(&self) -> http::Request;
}

/// A member of an event that is absent or null.
pub(crate) type Nothing = ();

/// Why an answer cannot be decoded, before it is worded for a person.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The provider itself reports a failure inside of an answer.
    Reported(Report),
    /// The answer is not what the protocol says.
    Unreadable {
        /// What is wrong with it, to stand after "the answer".
        why: String,
        /// The answer, of which the beginning is shown.
        data: String,
    },
}

impl Fault {
    /// An answer that is not what the protocol says.
    pub(crate) fn unreadable(why: impl Into<String>, data: &str) -> Self {
        Self::Unreadable { why: why.into(), data: data.to_owned() }
    }
}
