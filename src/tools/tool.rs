//! What a tool is, wherever it comes from.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use super::FilesSeen;
use crate::words::conversation;
use crate::words::failure::Failure;

/// A future of a tool: boxed, since tools are used as trait objects.
pub type ToolFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// A tool that a model may call.
///
/// Built-in tools and those of MCP servers implement it alike. A new built-in tool is a file in `builtin/` and a row in
/// its table, and a row in `crate::plan::tools` for the authors of orchestras.
pub trait Tool: Send + Sync {
    /// Its name, its description and the JSON Schema of its arguments, as a model gets them.
    fn definition(&self) -> &conversation::Tool;

    /// What a call changes.
    fn effect(&self) -> Effect;

    /// Whether calls of one turn may run at the same time as others. Those that change something run in the model's
    /// order.
    fn is_concurrent(&self) -> bool {
        self.effect() == Effect::None
    }

    /// Makes a call. What is wrong with the arguments, and what goes wrong on the way, is an [`Outcome`] for the model.
    ///
    /// # Errors
    /// Only what ends the attempt: the run has stopped.
    fn call<'a>(&'a self, arguments: &'a Value, context: &'a CallContext<'a>) -> ToolFuture<'a, Outcome>;

    /// Makes a call again to see whether it still returns the same. `None` if the tool changes something, or cannot
    /// be asked at once.
    fn ask_again(&self, _arguments: &Value) -> Option<Outcome> {
        None
    }
}

/// What a call is made with besides its arguments.
pub struct CallContext<'a> {
    /// Where a value that the tasks of the run share is set.
    pub values: &'a dyn SetValue,
    /// What the conversation has seen of files.
    pub seen: &'a Arc<FilesSeen>,
}

/// Sets values that the tasks of a run share.
pub trait SetValue: Sync {
    /// Sets a value, and returns when that is durable. `null` removes it.
    ///
    /// # Errors
    /// `cancelled` when the run has stopped.
    fn set<'a>(&'a self, key: &'a str, value: &'a Value) -> ToolFuture<'a, ()>;
}

/// What a tool changes outside of the run, and so whether a call that was interrupted may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: a second call returns the same while what it reads is the same.
    None,
    /// It changes something, and a second call changes nothing more.
    Repeatable,
    /// A call may be made once.
    Once,
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The text that the model gets.
    pub text: String,
    /// Whether the call was refused or failed.
    pub is_error: bool,
}

impl Outcome {
    /// A call that succeeded.
    pub fn success(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_error: false }
    }

    /// A call that was refused or failed.
    pub fn error(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_error: true }
    }
}

impl From<Result<String, String>> for Outcome {
    fn from(result: Result<String, String>) -> Self {
        match result {
            Ok(text) => Self::success(text),
            Err(text) => Self::error(text),
        }
    }
}
