//! OpenAI's Responses, in which a conversation is a list of items and a stream tells of each by itself.
//!
//! Formats: <https://platform.openai.com/docs/api-reference/responses>,
//! <https://platform.openai.com/docs/api-reference/responses-streaming>. Nothing is kept at OpenAI (`store` is off), so the
//! thoughts of a reasoning model come encrypted and are sent back with the turn that they belong to, see [`ProviderState`].
//!
//! [`ProviderState`]: crate::words::conversation::ProviderState

use serde_json::Value;

use crate::model::call::ModelRequest;
use crate::model::endpoint::Endpoint;
use crate::model::reply_builder::ReplyBuilder;
use crate::model::status::Report;
use crate::model::wire::{DecodeError, Wire, bearer_request};
use crate::net::http::{self, Method};
use crate::net::sse;

mod answer;
mod request;

use answer::{Piece, read_end, read_event};
use request::NewResponse;

/// OpenAI's own host, where a base URL may lack a path.
const OPENAI: &str = "api.openai.com";

/// The wire's name, by which it knows its echoes.
const NAME: &str = "responses";

/// A server that speaks Responses.
#[derive(Debug, Clone)]
pub(crate) struct Responses {
    endpoint: Endpoint,
}

impl Responses {
    /// A server at `endpoint`, whose base URL is what OpenAI's own clients take (`https://host/v1`); the full path
    /// with `/responses` is taken too.
    #[must_use]
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    fn request(&self, method: Method, resource: &str, body: Option<Vec<u8>>) -> http::Request {
        let path = self.endpoint.path();
        let base = path.strip_suffix("/responses").unwrap_or(path);
        let base = if base.is_empty() && self.endpoint.host_name() == OPENAI { "/v1" } else { base };
        bearer_request(&self.endpoint, method, &format!("{base}/{resource}"), body)
    }
}

impl Wire for Responses {
    fn encode(&self, request: &ModelRequest) -> http::Request {
        let body = NewResponse::new(request);
        self.request(Method::POST, "responses", serde_json::to_vec(&body).ok())
    }

    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let data = event.data.trim();
        if let Some(text) = Piece::read(data) {
            draft.text.push_str(&text);
            return Ok(());
        }
        // OpenAI sends no such end, but servers do that come from Chat Completions.
        if data == "[DONE]" {
            draft.done = true;
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        match serde_json::from_str(data) {
            Ok(value) => read_event(&value, draft),
            Err(_) if event.name == "error" => {
                Err(DecodeError::Reported(Report { message: data.to_owned(), ..Report::default() }))
            }
            Err(error) => Err(DecodeError::unreadable(format!("has an event that is no JSON ({error})"), data)),
        }
    }

    fn decode_body(&self, body: &str, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let value: Value = serde_json::from_str(body)
            .map_err(|error| DecodeError::unreadable(format!("is no JSON ({error})"), body))?;
        if let Some(report) = Report::find(&value) {
            return Err(DecodeError::Reported(report));
        }
        if value.get("output").is_none() {
            return Err(DecodeError::unreadable("is JSON, but no response", body));
        }
        read_end(&value, value["status"].as_str().unwrap_or("completed"), draft)
    }

    fn list_models(&self) -> http::Request {
        self.request(Method::GET, "models", None)
    }
}
