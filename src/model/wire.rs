//! What a provider's protocol is to the rest of orch: a pure encoding of requests and decoding of answers.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::draft::{Draft, estimate_tokens};
use crate::model::endpoint::Endpoint;
use crate::model::status::Report;
use crate::net::http::{self, HeaderMap, HeaderValue, Method, header};
use crate::net::sse;
use crate::run::rate_limit::RateLimitInfo;
use crate::words::conversation::{AnswerSchema, AssistantMessage, Message, Tool, ToolCall, ToolResult};
use crate::words::failure::Failure;
use crate::words::usage::{StopReason, Usage};

/// A request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// The model's name at its provider.
    pub model: String,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    pub tools: Arc<[Tool]>,
    /// The form that the answer must have, where the provider can see to it.
    pub schema: Option<Arc<AnswerSchema>>,
    /// The sampling temperature; the provider's default when absent.
    pub temperature: Option<f64>,
    /// The most tokens that the answer may have; the provider's default when absent.
    pub max_tokens: Option<u32>,
}

impl ModelRequest {
    /// How many tokens the request is, at four characters a token: its texts, the calls of tools, and the tools.
    #[must_use]
    pub fn estimated_tokens(&self) -> u64 {
        let of_turn = |message: &Message| match message {
            Message::Assistant(turn) => {
                turn.calls.iter().map(|call| estimate_tokens(&call.name) + estimate_tokens(&arguments_text(call))).sum()
            }
            _ => 0,
        };
        let of_tool = |tool: &Tool| {
            estimate_tokens(&tool.name)
                + estimate_tokens(&tool.description)
                + estimate_tokens(&tool.parameters.to_string())
        };
        self.texts().map(estimate_tokens).sum::<u64>()
            + self.messages.iter().map(of_turn).sum::<u64>()
            + self.tools.iter().map(of_tool).sum::<u64>()
    }

    /// Every text of the conversation, in its order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().flat_map(|message| {
            let (one, several): (Option<&str>, &[ToolResult]) = match message {
                Message::System(text) | Message::User(text) => (Some(text), &[]),
                Message::Assistant(turn) => (Some(&turn.text), &[]),
                Message::Tools(results) => (None, results),
            };
            one.into_iter().chain(several.iter().map(|result| &*result.text))
        })
    }
}

/// The arguments of a call as the JSON text that OpenAI's protocols want. What the model wrote in place of JSON becomes
/// a JSON string, since some servers fail at a conversation in which they find anything else.
pub(crate) fn arguments_text(call: &ToolCall) -> String {
    call.arguments.to_string()
}

/// What came of a call, for protocols that have no other way to say that it failed.
pub(crate) fn result_text(result: &ToolResult) -> Cow<'_, str> {
    if result.is_error { Cow::Owned(format!("Error: {}", result.text)) } else { Cow::Borrowed(&result.text) }
}

/// A request of JSON for a stream of JSON to `path`, with the key as OpenAI's protocols carry it.
pub(crate) fn bearer_request(endpoint: &Endpoint, method: Method, path: &str, body: Option<Vec<u8>>) -> http::Request {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
    if body.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    headers.extend(endpoint.key_header("Bearer ").map(|key| (header::AUTHORIZATION, key)));
    http::Request { method, url: endpoint.at(path), headers, body }
}

/// A whole and usable answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What the model said, known secrets taken out. With calls of tools it is not the end of the conversation.
    pub turn: AssistantMessage,
    /// What it cost in tokens.
    pub usage: Usage,
    /// Why the model stopped.
    pub stop: StopReason,
    /// From sending to the first byte of the body, in milliseconds.
    pub first_byte_ms: u64,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// What the provider says of its limits.
    pub pace: Option<RateLimitInfo>,
}

/// A call that came to no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// Why.
    pub failure: Failure,
    /// What the call cost all the same: the provider's numbers, or an estimate where an answer came to its end
    /// and is only not usable. `None` where nobody can say.
    pub usage: Option<Usage>,
    /// Whether the call may cost something that nobody has named: it was sent, and there is neither an answer that came
    /// to its end nor a status by which it was refused. What `usage` says then is the least.
    pub unsettled: bool,
    /// As much of the text as had come. For a person to look at: it is never an output.
    pub partial: String,
    /// What the provider says of its limits.
    pub pace: Option<RateLimitInfo>,
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

    /// Takes in that the provider refused `request` with an error status. Whether it is asked in another way from now on,
    /// so that the same request is worth another attempt.
    fn adapt(&self, _request: &ModelRequest, _failure: &Failure) -> bool {
        false
    }

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
