//! Anthropic's Messages.
//!
//! Format: <https://docs.anthropic.com/en/api/messages>, <https://docs.anthropic.com/en/api/messages-streaming>.
//! Thinking is not part of the answer: only text blocks are read. What the model thought before it called a tool is kept to
//! be sent back.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::anthropic::content::Prompt;
use crate::model::call::ModelRequest;
use crate::model::client::usual_max_tokens;
use crate::model::endpoint::Endpoint;
use crate::model::reasoning;
use crate::model::reply_builder::{ReplyBuilder, Stop, tokens};
use crate::model::status::Report;
use crate::model::wire::{DecodeError, Nothing, Wire};
use crate::net::http::{self, HeaderMap, HeaderName, HeaderValue, Method, header};
use crate::net::sse;
use crate::words::usage::Usage;

mod blocks;
mod content;
mod schema;

/// The wire's name, by which a turn in its form is known.
const NAME: &str = "anthropic";

/// The version of the API that this module speaks.
const VERSION: &str = "2023-06-01";

/// A server that speaks Messages.
#[derive(Debug, Clone)]
pub(crate) struct Anthropic {
    endpoint: Endpoint,
}

impl Anthropic {
    /// A server at `endpoint`, whose base URL is `https://host`, `https://host/v1` or the full path with
    /// `/v1/messages`.
    #[must_use]
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    fn request(&self, method: Method, resource: &str, body: Option<Vec<u8>>) -> http::Request {
        let path = self.endpoint.path();
        let base = path.strip_suffix("/messages").unwrap_or(path);
        let base = base.strip_suffix("/v1").unwrap_or(base);
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(VERSION));
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(self.endpoint.key_header("").map(|key| (HeaderName::from_static("x-api-key"), key)));
        http::Request { method, url: self.endpoint.at(&format!("{base}/v1/{resource}")), headers, body }
    }
}

/// The body of a request.
#[derive(Serialize)]
struct NewMessage<'a> {
    model: &'a str,
    max_tokens: u32,
    #[serde(flatten)]
    prompt: Prompt,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Value>,
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    output_config: OutputConfig,
}

/// The form of the answer and the effort for it, without a beta header since both are generally available:
/// <https://platform.claude.com/docs/en/build-with-claude/structured-outputs>.
#[derive(Serialize)]
struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<OutputFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
}

impl OutputConfig {
    fn is_empty(&self) -> bool {
        self.format.is_none() && self.effort.is_none()
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum OutputFormat {
    JsonSchema { schema: Value },
}

/// An event that brings a piece of the text, as nearly all events of a stream do. It is read without making a
/// [`Value`], which takes ten times as long; an event that does not fit in here is read as one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Piece<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    delta: PieceDelta<'a>,
    error: Nothing,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PieceDelta<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

impl<'a> Piece<'a> {
    fn read(data: &'a str) -> Option<Cow<'a, str>> {
        let Self { r#type, delta, .. } = serde_json::from_str(data).ok()?;
        (r#type == "content_block_delta" && delta.r#type == "text_delta").then_some(delta.text)
    }
}

impl Wire for Anthropic {
    fn encode(&self, request: &ModelRequest) -> http::Request {
        let schema = request.schema.as_ref().and_then(|answer| schema::enforceable(&answer.schema));
        let tuning = &request.tuning;
        let max_tokens = request.max_tokens.unwrap_or(usual_max_tokens(tuning.thinks()));
        let told = tuning.reasoning.and_then(|level| reasoning::anthropic(&request.model, level, max_tokens));
        // A model that thinks takes no temperature but its own.
        let is_free = told.is_none() || !tuning.thinks();
        let body = NewMessage {
            model: &request.model,
            max_tokens,
            prompt: Prompt::of(request),
            stream: true,
            temperature: request.temperature.filter(|_| is_free),
            top_p: tuning.top_p,
            stop_sequences: &tuning.stop,
            output_config: OutputConfig {
                format: schema.map(|schema| OutputFormat::JsonSchema { schema }),
                effort: told.as_ref().and_then(|told| told.effort),
            },
            thinking: told.map(|told| told.thinking),
        };
        self.request(Method::POST, "messages", serde_json::to_vec(&body).ok())
    }

    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let data = event.data.trim();
        if data.is_empty() || event.name == "ping" {
            return Ok(());
        }
        if let Some(text) = Piece::read(data) {
            blocks::push_text(&text, draft);
            return Ok(());
        }
        // Anthropic sends no such end, but servers do that come from Chat Completions.
        if data == "[DONE]" {
            draft.done = true;
            return Ok(());
        }
        let value: Value = match serde_json::from_str(data) {
            Ok(value) => value,
            Err(_) if event.name == "error" => {
                return Err(DecodeError::Reported(Report { message: data.to_owned(), ..Report::default() }));
            }
            Err(error) => return Err(DecodeError::unreadable(format!("has an event that is no JSON ({error})"), data)),
        };
        if let Some(report) = Report::find(&value) {
            return Err(DecodeError::Reported(report));
        }
        let index = value["index"].as_u64().unwrap_or_default();
        match value["type"].as_str().unwrap_or_default() {
            "message_start" => read_usage(&value["message"]["usage"], draft),
            "content_block_start" => blocks::begin(index, &value["content_block"], draft),
            "content_block_delta" => blocks::extend(index, &value["delta"], draft),
            "message_delta" => {
                read_usage(&value["usage"], draft);
                read_stop(&value["delta"], draft);
            }
            "message_stop" => draft.done = true,
            // Anthropic asks clients to pass over the events that they do not know.
            _ => {}
        }
        Ok(())
    }

    fn decode_body(&self, body: &str, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let value: Value = serde_json::from_str(body)
            .map_err(|error| DecodeError::unreadable(format!("is no JSON ({error})"), body))?;
        if let Some(report) = Report::find(&value) {
            return Err(DecodeError::Reported(report));
        }
        let Some(content) = value.get("content") else {
            return Err(DecodeError::unreadable("is JSON, but no message", body));
        };
        read_usage(&value["usage"], draft);
        for (index, block) in (0..).zip(content.as_array().into_iter().flatten()) {
            blocks::begin(index, block, draft);
        }
        read_stop(&value, draft);
        // A whole JSON document cannot have been cut, so a server that gives no reason is believed.
        draft.stop.get_or_insert_with(Stop::unspecified);
        blocks::end(draft);
        draft.done = true;
        Ok(())
    }

    fn list_models(&self) -> http::Request {
        self.request(Method::GET, "models", None)
    }
}

fn read_stop(message: &Value, draft: &mut ReplyBuilder) {
    let Some(reason) = message["stop_reason"].as_str().filter(|reason| !reason.is_empty()) else { return };
    if let Some(explanation) = message["stop_details"]["explanation"].as_str() {
        explanation.clone_into(&mut draft.refusal);
    }
    draft.stop = Some(Stop::of(reason));
    blocks::end(draft);
}

/// Takes over the numbers that `usage` has. They are cumulative, and one event repeats only some of them.
fn read_usage(usage: &Value, draft: &mut ReplyBuilder) {
    let said = counted(usage);
    // Zeros are what a server writes that does not count.
    if said.input_tokens == 0 && said.output_tokens == 0 {
        return;
    }
    let known = draft.usage.get_or_insert_default();
    known.input_tokens = known.input_tokens.max(said.input_tokens);
    known.cached_tokens = known.cached_tokens.max(said.cached_tokens);
    known.cache_write_tokens = known.cache_write_tokens.max(said.cache_write_tokens);
    known.cache_write_1h_tokens = known.cache_write_1h_tokens.max(said.cache_write_1h_tokens);
    known.output_tokens = known.output_tokens.max(said.output_tokens);
}

/// The numbers as Anthropic counts: `input_tokens` is what was neither read from the cache nor written to it, so that all
/// three make up the prompt, and `output_tokens` has the thoughts in it.
pub(super) fn counted(usage: &Value) -> Usage {
    let number = |value: &Value| tokens(value).unwrap_or(0);
    let kept = &usage["cache_creation"];
    let (short, hour) = (number(&kept["ephemeral_5m_input_tokens"]), number(&kept["ephemeral_1h_input_tokens"]));
    let written = number(&usage["cache_creation_input_tokens"]).max(short + hour);
    let cached = number(&usage["cache_read_input_tokens"]);
    Usage {
        input_tokens: number(&usage["input_tokens"]) + written + cached,
        output_tokens: number(&usage["output_tokens"]),
        cached_tokens: cached,
        cache_write_tokens: written,
        cache_write_1h_tokens: hour,
        ..Usage::default()
    }
}
