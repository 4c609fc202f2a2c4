//! What a provider's protocol is to the rest of orch: a pure encoding of requests and decoding of answers.

use std::borrow::Cow;

use crate::model::call::ModelRequest;
use crate::model::endpoint::Endpoint;
use crate::model::reply_builder::ReplyBuilder;
use crate::model::status::Report;
use crate::net::http::{self, HeaderMap, HeaderValue, Method, header};
use crate::net::sse;
use crate::words::conversation::{ToolCall, ToolResult};

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

/// A provider's protocol. It sends nothing itself.
pub trait Wire: Send + Sync {
    /// The HTTP request for `request`, which asks for a stream.
    fn encode(&self, request: &ModelRequest) -> http::Request;

    /// Reads one event of a stream into `draft`.
    ///
    /// # Errors
    /// The provider reports a failure, or the event is not what the protocol says.
    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut ReplyBuilder) -> Result<(), DecodeError>;

    /// Reads a whole body into `draft`, for the servers that do not stream.
    ///
    /// # Errors
    /// The provider reports a failure, or the body is not what the protocol says.
    fn decode_body(&self, body: &str, draft: &mut ReplyBuilder) -> Result<(), DecodeError>;

    /// The HTTP request for the list of models.
    fn list_models(&self) -> http::Request;

    /// Whether answers say what they cost.
    fn bills_itself(&self) -> bool {
        false
    }
}

/// A member of an event that is absent or null.
pub(crate) type Nothing = ();

/// Why an answer cannot be decoded, before it is worded for a person.
#[derive(Debug, PartialEq, Eq)]
pub enum DecodeError {
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

impl DecodeError {
    /// An answer that is not what the protocol says.
    pub(crate) fn unreadable(why: impl Into<String>, data: &str) -> Self {
        Self::Unreadable { why: why.into(), data: data.to_owned() }
    }
}
