//! The body of a request to Chat Completions.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::call::ModelRequest;
use crate::model::call_ids::IdForm;
use crate::model::form::is_strict;
use crate::model::openai::answer::{DETAILS, EXTRAS};
use crate::model::openai::dialect::Dialect;
use crate::model::reasoning;
use crate::model::reply_builder::THOUGHTS;
use crate::model::tool_schema::{CHAT_COMPLETIONS, fit};
use crate::model::wire::{arguments_text, result_text};
use crate::words::conversation::{AnswerSchema, AssistantMessage, Message, Tool, ToolCall, ToolResult};

/// What differs from server to server in a request.
pub(super) struct Manner {
    /// The way of the vendor.
    pub(super) dialect: Dialect,
    /// Whether the limit of output tokens goes by its new name.
    pub(super) renamed_limit: bool,
}

/// How the form of an answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerForm {
    /// With its schema.
    Schema,
    /// As some object, of which the prompt says the rest.
    Object,
}

/// The body of a request.
#[derive(Serialize)]
pub(super) struct Completion<'a> {
    model: &'a str,
    messages: Vec<ChatMessage<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ChatTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    /// What goes by another name from vendor to vendor.
    #[serde(flatten)]
    own: Map<String, Value>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct ChatMessage<'a> {
    role: &'static str,
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<&'a Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ChatCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct ChatCall<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    function: CalledFunction<'a>,
    /// What a server wrote beside the call and wants back, such as Gemini's signature of the thought that led to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<&'a Value>,
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    name: &'a str,
    arguments: String,
}

#[derive(Serialize)]
struct ChatTool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: Value,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat<'a> {
    JsonSchema { json_schema: NamedSchema<'a> },
    JsonObject,
}

#[derive(Serialize)]
struct NamedSchema<'a> {
    name: &'a str,
    schema: &'a Value,
    strict: bool,
}

impl<'a> Completion<'a> {
    pub(super) fn new(request: &'a ModelRequest, manner: &Manner) -> Self {
        let ids = IdForm::of_chat(&request.model);
        let Dialect { name, asks_for_usage, form, reasoning, seed, .. } = manner.dialect;
        let tuning = &request.tuning;
        let mut own = match tuning.reasoning.map(|level| reasoning::chat(reasoning, &request.model, level)) {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        own.extend(tuning.seed.map(|number| (seed.to_owned(), number.into())));
        let (new, old) = if manner.renamed_limit { (request.max_tokens, None) } else { (None, request.max_tokens) };
        Self {
            model: &request.model,
            messages: request.messages.iter().flat_map(|message| ChatMessage::of(message, name, ids)).collect(),
            stream: true,
            stream_options: asks_for_usage.then_some(StreamOptions { include_usage: true }),
            tools: request.tools.iter().map(ChatTool::of).collect(),
            response_format: request.schema.as_deref().and_then(|schema| ResponseFormat::of(schema, form)),
            temperature: request.temperature,
            max_completion_tokens: new,
            max_tokens: old,
            top_p: tuning.top_p,
            stop: &tuning.stop,
            own,
        }
    }
}

impl<'a> ChatTool<'a> {
    fn of(tool: &'a Tool) -> Self {
        let parameters = fit(&tool.parameters, &CHAT_COMPLETIONS);
        Self { r#type: "function", function: Function { name: &tool.name, description: &tool.description, parameters } }
    }
}

impl<'a> ChatMessage<'a> {
    /// The messages that a message is here: every result of a tool is one of its own.
    fn of(message: &'a Message, wire: &str, ids: IdForm) -> Vec<Self> {
        match message {
            Message::System(text) => vec![Self::text("system", text.into())],
            Message::User(text) => vec![Self::text("user", text.into())],
            Message::Assistant(turn) => vec![Self::turn(turn, wire, ids)],
            Message::Tools(results) => {
                let told = |result: &'a ToolResult| {
                    let message = Self::text("tool", result_text(result));
                    Self { tool_call_id: Some(ids.fit(&result.id)), ..message }
                };
                results.iter().map(told).collect()
            }
        }
    }

    fn text(role: &'static str, content: Cow<'a, str>) -> Self {
        Self {
            role,
            content: Some(content),
            reasoning_content: None,
            reasoning_details: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }

    fn turn(turn: &'a AssistantMessage, wire: &str, ids: IdForm) -> Self {
        // Thoughts count as long as a model is at work with its tools; behind an answer they are refused or dropped.
        let echo = turn.echo.as_ref().filter(|echo| echo.wire == wire && !turn.calls.is_empty());
        let kept = |key: &str| echo.and_then(|echo| echo.value.get(key));
        let extras = kept(EXTRAS).and_then(Value::as_array);
        let extra = |place: usize| extras.and_then(|extras| extras.get(place)).filter(|extra| !extra.is_null());
        let calls = turn.calls.iter().enumerate();
        Self {
            role: "assistant",
            content: (!turn.text.is_empty() || turn.calls.is_empty()).then(|| turn.text.as_str().into()),
            reasoning_content: echo.and_then(|echo| echo.value.as_str().or(echo.value[THOUGHTS].as_str())),
            reasoning_details: kept(DETAILS),
            tool_calls: calls.map(|(place, call)| ChatCall::of(call, ids, extra(place))).collect(),
            tool_call_id: None,
        }
    }
}

impl<'a> ChatCall<'a> {
    fn of(call: &'a ToolCall, ids: IdForm, extra_content: Option<&'a Value>) -> Self {
        let function = CalledFunction { name: &call.name, arguments: arguments_text(call) };
        Self { id: ids.fit(&call.id), r#type: "function", function, extra_content }
    }
}

impl<'a> ResponseFormat<'a> {
    fn of(answer: &'a AnswerSchema, form: AnswerForm) -> Option<Self> {
        let AnswerSchema { name, schema } = answer;
        match form {
            AnswerForm::Schema => {
                Some(Self::JsonSchema { json_schema: NamedSchema { name, schema, strict: is_strict(schema) } })
            }
            AnswerForm::Object => (schema["type"] == "object").then_some(Self::JsonObject),
        }
    }
}
