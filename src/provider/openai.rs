//! OpenAI's Chat Completions, which most other servers speak too.
//!
//! Format: <https://platform.openai.com/docs/api-reference/chat>. Strict about whether an answer is complete, lenient
//! about everything else, since every server leaves something out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{StopReason, Usage};
use crate::http::{self, HeaderMap, HeaderValue, Method, header};
use crate::provider::draft::{Draft, Stop, tokens};
use crate::provider::endpoint::Endpoint;
use crate::provider::status::Report;
use crate::provider::wire::{Fault, ModelRequest, Nothing, Wire, WireMessage};
use crate::sse;

/// OpenAI's own host, which differs in small things from the servers that speak its protocol.
const OPENAI: &str = "api.openai.com";

/// A server that speaks Chat Completions.
#[derive(Debug, Clone)]
pub struct OpenAi {
    endpoint: Endpoint,
}

impl OpenAi {
    /// A server at `endpoint`, whose base URL is what OpenAI's own clients take (`https://host/v1`); the full path
    /// with `/chat/completions` is taken too.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    fn is_openai(&self) -> bool {
        self.endpoint.host_name() == OPENAI
    }

    fn request(&self, method: Method, resource: &str, body: Option<Vec<u8>>) -> http::Request {
        let path = self.endpoint.path();
        let base = path.strip_suffix("/chat/completions").unwrap_or(path);
        let base = if base.is_empty() && self.is_openai() { "/v1" } else { base };
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(self.endpoint.key_header("Bearer ").map(|key| (header::AUTHORIZATION, key)));
        http::Request { method, url: self.endpoint.at(&format!("{base}/{resource}")), headers, body }
    }
}

/// The body of a request.
#[derive(Serialize)]
struct Completion<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// An event that brings a piece of the text and nothing else that counts, as nearly all events of a stream do. It is
/// read without making a [`Value`], which takes ten times as long; an event that does not fit in here is read as one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Piece<'a> {
    choices: [PieceChoice; 1],
    usage: Nothing,
    error: Nothing,
    object: &'a str,
    r#type: Nothing,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PieceChoice {
    index: u64,
    delta: PieceDelta,
    finish_reason: Nothing,
    error: Nothing,
    object: Nothing,
    r#type: Nothing,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PieceDelta {
    content: Option<String>,
    refusal: Nothing,
    tool_calls: Nothing,
    function_call: Nothing,
}

impl<'a> Piece<'a> {
    fn read(data: &'a str) -> Option<String> {
        let Self { choices: [choice], object, .. } = serde_json::from_str(data).ok()?;
        (choice.index == 0 && object != "error").then(|| choice.delta.content.unwrap_or_default())
    }
}

impl Wire for OpenAi {
    fn encode(&self, request: &ModelRequest) -> http::Request {
        // OpenAI's newer models refuse the old name, and other servers do not know the new one.
        let (new, old) = if self.is_openai() { (request.max_tokens, None) } else { (None, request.max_tokens) };
        let body = Completion {
            model: &request.model,
            messages: request.messages.iter().filter_map(WireMessage::of).collect(),
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            temperature: request.temperature,
            max_completion_tokens: new,
            max_tokens: old,
        };
        self.request(Method::POST, "chat/completions", serde_json::to_vec(&body).ok())
    }

    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut Draft) -> Result<(), Fault> {
        if let Some(text) = Piece::read(&event.data) {
            draft.text.push_str(&text);
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
                return Err(Fault::Reported(Report { message: data.to_owned(), ..Report::default() }));
            }
            Err(error) => return Err(Fault::unreadable(format!("has an event that is no JSON ({error})"), data)),
        };
        report_in(&chunk)?;
        read_usage(&chunk["usage"], draft);
        if let Some(choice) = first_choice(&chunk["choices"]) {
            read_choice(choice, &choice["delta"], draft);
        }
        Ok(())
    }

    fn decode_body(&self, body: &str, draft: &mut Draft) -> Result<(), Fault> {
        let value: Value =
            serde_json::from_str(body).map_err(|error| Fault::unreadable(format!("is no JSON ({error})"), body))?;
        report_in(&value)?;
        if value.get("choices").is_none() {
            return Err(Fault::unreadable("is JSON, but no chat completion", body));
        }
        read_usage(&value["usage"], draft);
        if let Some(choice) = first_choice(&value["choices"]) {
            read_choice(choice, &choice["message"], draft);
        }
        // A whole JSON document cannot have been cut, so a server that gives no reason is believed.
        draft.stop.get_or_insert_with(|| Stop::Complete(StopReason::Other("unspecified".to_owned())));
        draft.done = true;
        Ok(())
    }

    fn list_models(&self) -> http::Request {
        self.request(Method::GET, "models", None)
    }
}

fn report_in(value: &Value) -> Result<(), Fault> {
    Report::find(value)
        .or_else(|| first_choice(&value["choices"]).and_then(Report::find))
        .map_or(Ok(()), |report| Err(Fault::Reported(report)))
}

/// The choice with the index 0. We ask for one only, and a server that gives more mixes their chunks.
fn first_choice(choices: &Value) -> Option<&Value> {
    choices.as_array()?.iter().find(|choice| choice["index"].as_u64().unwrap_or(0) == 0)
}

/// Reads a choice, whose text is in `message` (`delta` in a stream).
fn read_choice(choice: &Value, message: &Value, draft: &mut Draft) {
    read_text(&message["content"], &mut draft.text);
    read_text(&message["refusal"], &mut draft.refusal);
    for (position, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        read_call(call, position as u64, draft);
    }
    if message["function_call"].is_object() {
        draft.calls.entry(0).or_default();
    }
    // An empty reason is how some servers write that there is none yet.
    if let Some(reason) = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty()) {
        draft.stop = Some(stop(reason));
    }
}

/// A call comes whole, or in pieces that the index holds together: the id and the name first, then the arguments.
fn read_call(call: &Value, position: u64, draft: &mut Draft) {
    let into = draft.calls.entry(call["index"].as_u64().unwrap_or(position)).or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if into.id.is_empty() {
        into.id = text(&call["id"]);
    }
    into.name.push_str(&text(&call["function"]["name"]));
    match &call["function"]["arguments"] {
        Value::String(piece) => into.arguments.push_str(piece),
        Value::Null => {}
        whole => into.arguments = whole.to_string(),
    }
}

/// Content is a text, or a list of parts of which the texts count.
fn read_text(content: &Value, into: &mut String) {
    match content {
        Value::String(text) => into.push_str(text),
        Value::Array(parts) => into.extend(parts.iter().filter_map(|part| part["text"].as_str())),
        _ => {}
    }
}

fn stop(reason: &str) -> Stop {
    match reason {
        "stop" | "eos" | "eos_token" | "end_turn" => Stop::Complete(StopReason::End),
        "stop_sequence" => Stop::Complete(StopReason::StopSequence),
        "length" | "max_tokens" => Stop::Truncated("the limit of output tokens"),
        "model_length" => Stop::Truncated("the end of the model's context window"),
        "content_filter" => Stop::Refused,
        "tool_calls" | "function_call" => Stop::ToolCall,
        "error" | "insufficient_system_resource" => Stop::Broken(reason.to_owned()),
        other => Stop::Complete(StopReason::Other(other.to_owned())),
    }
}

fn read_usage(usage: &Value, draft: &mut Draft) {
    let input = tokens(&usage["prompt_tokens"]).unwrap_or(0);
    let output = tokens(&usage["completion_tokens"]).unwrap_or(0);
    // Zeros are what a server writes that does not count.
    if input == 0 && output == 0 {
        return;
    }
    let cached = tokens(&usage["prompt_tokens_details"]["cached_tokens"])
        .or_else(|| tokens(&usage["prompt_cache_hit_tokens"]))
        .unwrap_or(0);
    draft.usage =
        Some(Usage { input_tokens: input, output_tokens: output, cached_tokens: cached.min(input), estimated: false });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_event_with_nothing_else_that_counts_is_read_as_a_piece_of_text() {
        for (event, text) in [
            (r#"{"choices":[{"delta":{"content":"a\n\"b\""}}]}"#, "a\n\"b\""),
            (r#"{"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}}]}"#, "a"),
            (r#"{"choices":[{"delta":{"content":"a","refusal":null},"finish_reason":null}],"usage":null}"#, "a"),
            (r#"{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}]}"#, ""),
        ] {
            assert_eq!(Piece::read(event).as_deref(), Some(text), "{event}");
        }
        for event in [
            "[DONE]",
            r#"{"choices":[]}"#,
            r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a"},"index":1}]}"#,
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{"content":"a"},"error":{"message":"m"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a","refusal":"no"}}]}"#,
            r#"{"choices":[{"delta":{"content":"a","tool_calls":[]}}]}"#,
            r#"{"choices":[{"delta":{"content":["a"]}}]}"#,
            r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#,
            r#"{"object":"error","message":"m"}"#,
            r#"{"type":"error","message":"m"}"#,
            r#"{"error":"m"}"#,
        ] {
            assert_eq!(Piece::read(event), None, "{event}");
        }
    }
}
