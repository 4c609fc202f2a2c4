//! What is said between orch and a model: messages, the tools that are offered, and the calls of them.
//!
//! Plain data, in no vendor's form. A journal keeps turns, so that a conversation goes on where it was broken off.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// What the author of the orchestra says. It comes first.
    System(String),
    /// What is asked.
    User(String),
    /// What the model said.
    Assistant(AssistantMessage),
    /// What came of the calls of the turn before, one for each call, in their order.
    Tools(Vec<ToolResult>),
}

/// What a model said in one answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AssistantMessage {
    /// The text, which may be empty when tools are called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The calls of tools that it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// The turn in the provider's own form, where that holds what must be sent back and means nothing to anybody else
    /// (signed thoughts, encrypted reasoning).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<ProviderState>,
    /// Whether the turn is not at its end: the model goes on with it when it is shown what it has said so far.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_paused: bool,
    /// Whether it was cut off at the limit of its length and is taken as a part of an answer: the model goes on with it when
    /// it is asked to. Absent in journals before format 3, where no answer goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

impl AssistantMessage {
    /// Whether the turn is not at its end.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.is_paused || self.is_cut
    }
}

/// A turn in the form of one provider. Another one is not shown it, nor another server or model of the same provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProviderState {
    /// The wire that it came from, by the provider's name.
    pub wire: String,
    /// The server and the model that said it; empty where that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// What it is, to that wire.
    pub value: Value,
}

impl ProviderState {
    /// What a wire keeps of a turn that it reads.
    #[must_use]
    pub fn new(wire: &str, value: Value) -> Self {
        Self { wire: wire.to_owned(), from: String::new(), value }
    }
}

/// A call of a tool that a model asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// What the result refers to. Unique within the turn.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// An object; anything else is what the model wrote in place of one, a text if it is no JSON at all.
    pub arguments: Value,
}

/// What came of a call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolResult {
    /// The call's id.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// What the model is told.
    pub text: Arc<str>,
    /// Whether the call failed.
    pub is_error: bool,
}

/// A tool that a model may call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tool {
    /// Its name: letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The JSON Schema of its arguments, which are an object.
    pub parameters: Value,
}

/// The form that an answer must have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerSchema {
    /// A name for it, as [`Tool::name`].
    pub name: String,
    /// The JSON Schema.
    pub schema: Value,
}
