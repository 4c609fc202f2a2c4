//! Ollama's own protocol.
//!
//! Format: <https://docs.ollama.com/api/chat>. The stream is a JSON document a line. Thinking is not part of the answer.
//! The context window is left at what the server is set to, unless the file knows a larger or a smaller one: a change makes
//! the server load the model anew, and a prompt that does not fit is cut by it without a word
//! (<https://github.com/ollama/ollama/issues/17889>).

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::call::ModelRequest;
use crate::model::endpoint::Endpoint;
use crate::model::reasoning;
use crate::model::reply_builder::{ReplyBuilder, Stop, ToolCallBuilder, tokens};
use crate::model::status::Report;
use crate::model::stop::SOME_LIMIT;
use crate::model::tool_schema::{OLLAMA, fit};
use crate::model::wire::{DecodeError, Wire, result_text};
use crate::net::http::{self, HeaderMap, HeaderValue, Method, header};
use crate::net::sse;
use crate::words::conversation::{AssistantMessage, Message, Tool};

/// A server that speaks Ollama's own protocol.
#[derive(Debug, Clone)]
pub(crate) struct Ollama {
    endpoint: Endpoint,
}

impl Ollama {
    /// A server at `endpoint`, whose base URL is `http://host:11434`. `/api`, the full path with `/api/chat`, and the
    /// `/v1` of the protocol that it also speaks, are taken too.
    #[must_use]
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    fn request(&self, method: Method, resource: &str, body: Option<Vec<u8>>) -> http::Request {
        let path = self.endpoint.path();
        let base = path.strip_suffix("/chat").unwrap_or(path);
        let base = base.strip_suffix("/api").or_else(|| base.strip_suffix("/v1")).unwrap_or(base);
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/x-ndjson, application/json"));
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(self.endpoint.key_header("Bearer ").map(|key| (header::AUTHORIZATION, key)));
        http::Request { method, url: self.endpoint.at(&format!("{base}/api/{resource}")), headers, body }
    }
}

/// The body of a request.
#[derive(Serialize)]
struct Chat<'a> {
    model: &'a str,
    messages: Vec<Value>,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a Value>,
    #[serde(skip_serializing_if = "Options::is_empty")]
    options: Options,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_alive: Option<&'a Value>,
}

#[derive(Default, PartialEq, Serialize)]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_ctx: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
}

impl Options {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn written(message: &Message) -> Vec<Value> {
    let one = |role: &str, text: &str| vec![json!({"role": role, "content": text})];
    match message {
        Message::System(text) => one("system", text),
        Message::User(text) => one("user", text),
        Message::Assistant(turn) => vec![said(turn)],
        Message::Tools(results) => results
            .iter()
            .map(|it| json!({"role": "tool", "content": result_text(it), "tool_name": it.name, "tool_call_id": it.id}))
            .collect(),
    }
}

/// What the model said. Arguments that are no object are refused, so none stand for them.
fn said(turn: &AssistantMessage) -> Value {
    let mut message = json!({"role": "assistant", "content": turn.text});
    if !turn.calls.is_empty() {
        let calls = turn.calls.iter().map(|call| {
            let arguments = if call.arguments.is_object() { call.arguments.clone() } else { json!({}) };
            json!({"id": call.id, "function": {"name": call.name, "arguments": arguments}})
        });
        message["tool_calls"] = calls.collect();
    }
    message
}

fn function(tool: &Tool) -> Value {
    let parameters = fit(&tool.parameters, &OLLAMA);
    let function = json!({"name": tool.name, "description": tool.description, "parameters": parameters});
    json!({"type": "function", "function": function})
}

impl Wire for Ollama {
    fn encode(&self, request: &ModelRequest) -> http::Request {
        // The format binds every token that the model writes, so that it could call no tool:
        // <https://github.com/ollama/ollama/issues/8095>.
        let schema = request.schema.as_ref().filter(|_| request.tools.is_empty());
        let body = Chat {
            model: &request.model,
            messages: request.messages.iter().flat_map(written).collect(),
            stream: true,
            tools: request.tools.iter().map(function).collect(),
            format: schema.map(|answer| &answer.schema),
            options: Options {
                temperature: request.temperature,
                num_predict: request.max_tokens,
                num_ctx: request.context_window,
                top_p: request.tuning.top_p,
                stop: request.tuning.stop.clone(),
                seed: request.tuning.seed,
            },
            think: request.tuning.reasoning.map(|level| reasoning::ollama(&request.model, level)),
            keep_alive: request.tuning.keep_alive.as_ref(),
        };
        self.request(Method::POST, "chat", serde_json::to_vec(&body).ok())
    }

    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(());
        }
        let chunk = serde_json::from_str(data)
            .map_err(|error| DecodeError::unreadable(format!("has a line that is no JSON ({error})"), data))?;
        read(&chunk, draft)
    }

    /// A whole answer has the form of the last chunk. Several of them are a stream that a proxy calls by another name.
    fn decode_body(&self, body: &str, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        for chunk in serde_json::Deserializer::from_str(body).into_iter::<Value>() {
            let chunk = chunk.map_err(|error| DecodeError::unreadable(format!("is no JSON ({error})"), body))?;
            read(&chunk, draft)?;
            if chunk.get("message").is_none() && chunk.get("done").is_none() {
                return Err(DecodeError::unreadable("is JSON, but no chat", body));
            }
            if draft.done {
                break;
            }
        }
        Ok(())
    }

    fn list_models(&self) -> http::Request {
        self.request(Method::GET, "tags", None)
    }
}

fn read(chunk: &Value, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
    if let Some(report) = Report::find(chunk) {
        return Err(DecodeError::Reported(report));
    }
    let message = &chunk["message"];
    draft.text.push_str(message["content"].as_str().unwrap_or_default());
    message["tool_calls"].as_array().into_iter().flatten().for_each(|call| read_call(call, draft));
    read_usage(chunk, draft);
    if chunk["done"] == true {
        draft.stop = Some(stop(chunk["done_reason"].as_str().unwrap_or_default()));
        draft.done = true;
    }
    Ok(())
}

/// A call comes whole.
fn read_call(call: &Value, draft: &mut ReplyBuilder) {
    let function = &call["function"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let arguments = match &function["arguments"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        whole => whole.to_string(),
    };
    let index = draft.calls.len() as u64;
    draft.calls.insert(index, ToolCallBuilder { id: text(&call["id"]), name: text(&function["name"]), arguments });
}

fn stop(reason: &str) -> Stop {
    match reason {
        "length" => Stop::Truncated(SOME_LIMIT),
        // What a server says from before there were reasons.
        "" => Stop::unspecified(),
        other => Stop::of(other),
    }
}

/// The last chunk has the numbers. A prompt that the server still knows counts for nothing in some versions.
fn read_usage(chunk: &Value, draft: &mut ReplyBuilder) {
    let number = |key: &str| tokens(&chunk[key]).unwrap_or(0);
    let (input, output) = (number("prompt_eval_count"), number("eval_count"));
    if input == 0 && output == 0 {
        return;
    }
    let usage = draft.usage.get_or_insert_default();
    (usage.input_tokens, usage.output_tokens) = (input, output);
}

/// An address of Ollama as a URL. Its own variable takes a host alone, and the address that a server listens at, which
/// is none that can be called; and people write down the address of its OpenAI-compatible interface.
pub(crate) fn tidy_address(written: &str) -> String {
    let url = match written.contains("://") {
        true => written.to_owned(),
        false if written.rsplit(']').next().is_some_and(|end| end.contains(':')) => format!("http://{written}"),
        false => format!("http://{}:11434", written.trim_end_matches('/')),
    };
    let url = url.replace("//0.0.0.0", "//127.0.0.1");
    let bare = url.trim_end_matches('/');
    bare.strip_suffix("/v1").unwrap_or(bare).trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_the_address_of_ollama_leads_to_its_own_interface() {
        for (written, expected) in [
            ("localhost", "http://localhost:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::1]", "http://[::1]:11434"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("http://localhost:11434/v1/", "http://localhost:11434"),
            ("https://ollama.example/", "https://ollama.example"),
        ] {
            assert_eq!(tidy_address(written), expected, "{written}");
        }
    }
}
