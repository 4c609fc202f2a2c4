//! OpenAI's Chat Completions, which most other servers speak too.
//!
//! Format: <https://platform.openai.com/docs/api-reference/chat>. Strict about whether an answer is complete, lenient
//! about everything else, since every server leaves something out.

use serde_json::Value;

use crate::model::call::ModelRequest;
use crate::model::endpoint::Endpoint;
use crate::model::reply_builder::{ReplyBuilder, Stop};
use crate::model::status::Report;
use crate::model::wire::{DecodeError, Wire, bearer_request};
use crate::net::http::{self, Method};
use crate::net::sse;

mod answer;
mod calls;
mod dialect;
mod request;

use answer::{Piece, first_choice, read_choice, read_usage};
pub(crate) use dialect::{DEEPSEEK, Dialect, GROQ, MISTRAL, OPENROUTER, XAI};
pub(crate) use request::AnswerForm;
use request::{Completion, Manner};

/// A server that speaks Chat Completions.
#[derive(Debug, Clone)]
pub(crate) struct OpenAi {
    endpoint: Endpoint,
    dialect: Dialect,
}

impl OpenAi {
    /// A server at `endpoint`, whose base URL is what OpenAI's own clients take (`https://host/v1`); the full path
    /// with `/chat/completions` is taken too.
    #[must_use]
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self::speaking(Dialect::at(endpoint.host_name()), endpoint)
    }

    /// A server that speaks a dialect.
    pub(crate) fn speaking(dialect: Dialect, endpoint: Endpoint) -> Self {
        Self { endpoint, dialect }
    }

    fn read_usage(&self, usage: &Value, draft: &mut ReplyBuilder) {
        read_usage(usage, self.dialect.bills, draft);
    }

    fn is_the_vendors(&self) -> bool {
        self.dialect.hosts.contains(&self.endpoint.host_name())
    }

    fn request(&self, method: Method, resource: &str, body: Option<Vec<u8>>) -> http::Request {
        let path = self.endpoint.path();
        let base = path.strip_suffix("/chat/completions").unwrap_or(path);
        let base = if base.is_empty() && self.is_the_vendors() { self.dialect.path } else { base };
        bearer_request(&self.endpoint, method, &format!("{base}/{resource}"), body)
    }
}

impl Wire for OpenAi {
    fn encode(&self, request: &ModelRequest) -> http::Request {
        let manner =
            Manner { dialect: self.dialect, renamed_limit: self.dialect.renames_limit && self.is_the_vendors() };
        let body = Completion::new(request, &manner);
        self.request(Method::POST, "chat/completions", serde_json::to_vec(&body).ok())
    }

    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        if let Some(piece) = Piece::read(&event.data) {
            draft.text.push_str(&piece.text);
            draft.push_echo(self.dialect.name, &piece.thought);
            return Ok(());
        }
        let data = event.data.trim();
        if data == "[DONE]" {
            draft.done = true;
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        let chunk = match serde_json::from_str(data) {
            Ok(chunk) => chunk,
            Err(_) if event.name == "error" => {
                return Err(DecodeError::Reported(Report { message: data.to_owned(), ..Report::default() }));
            }
            Err(error) => return Err(DecodeError::unreadable(format!("has an event that is no JSON ({error})"), data)),
        };
        report_in(&chunk)?;
        self.read_usage(&chunk["usage"], draft);
        // Groq told it in here before it took OpenAI's place for it: <https://github.com/groq/groq-python>.
        self.read_usage(&chunk["x_groq"]["usage"], draft);
        if let Some(choice) = first_choice(&chunk["choices"]) {
            // Moonshot tells it in here: <https://github.com/earendil-works/pi/issues/2017>.
            self.read_usage(&choice["usage"], draft);
            // Some servers write a whole message where a piece of one belongs.
            let delta = if choice["delta"].is_null() { &choice["message"] } else { &choice["delta"] };
            read_choice(choice, delta, self.dialect.name, draft);
        }
        Ok(())
    }

    fn decode_body(&self, body: &str, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let value: Value = serde_json::from_str(body)
            .map_err(|error| DecodeError::unreadable(format!("is no JSON ({error})"), body))?;
        report_in(&value)?;
        if value.get("choices").is_none() {
            return Err(DecodeError::unreadable("is JSON, but no chat completion", body));
        }
        self.read_usage(&value["usage"], draft);
        if let Some(choice) = first_choice(&value["choices"]) {
            read_choice(choice, &choice["message"], self.dialect.name, draft);
        }
        // A whole JSON document cannot have been cut, so a server that gives no reason is believed.
        draft.stop.get_or_insert_with(Stop::unspecified);
        draft.done = true;
        Ok(())
    }

    fn list_models(&self) -> http::Request {
        self.request(Method::GET, "models", None)
    }

    fn bills_itself(&self) -> bool {
        self.dialect.bills
    }
}

fn report_in(value: &Value) -> Result<(), DecodeError> {
    Report::find(value)
        .or_else(|| first_choice(&value["choices"]).and_then(Report::find))
        .map_or(Ok(()), |report| Err(DecodeError::Reported(report)))
}
