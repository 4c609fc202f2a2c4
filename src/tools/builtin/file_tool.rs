//! What the tools that work on the project's files have in common.

use std::sync::Arc;

use serde_json::Value;

use super::{ProjectFiles, ToolContext};
use crate::tools::{CallContext, Effect, Outcome, Tool, ToolFuture};
use crate::words::conversation;

/// A tool that works on the project's files.
pub(super) struct FileTool {
    pub definition: fn() -> conversation::Tool,
    pub effect: Effect,
    /// Works in the project's folder. The error is a text for the model.
    pub call: fn(&ProjectFiles, &Value) -> Result<String, String>,
}

impl FileTool {
    /// The tool in the project's folder.
    pub(super) fn granted(&'static self, context: &ToolContext) -> Arc<dyn Tool> {
        Arc::new(Granted { tool: self, definition: (self.definition)(), project: context.project.clone() })
    }
}

struct Granted {
    tool: &'static FileTool,
    definition: conversation::Tool,
    project: Arc<ProjectFiles>,
}

impl Tool for Granted {
    fn definition(&self) -> &conversation::Tool {
        &self.definition
    }

    fn effect(&self) -> Effect {
        self.tool.effect
    }

    /// Disks can be slow and searches long, so that other tasks must not wait for them.
    fn call<'a>(&'a self, arguments: &'a Value, _: &'a CallContext<'a>) -> ToolFuture<'a, Outcome> {
        let (call, project, arguments) = (self.tool.call, self.project.clone(), arguments.clone());
        Box::pin(async move {
            let called = tokio::task::spawn_blocking(move || call(&project, &arguments)).await;
            Ok(match called {
                Ok(result) => result.into(),
                Err(error) => Outcome::error(format!("the tool failed, which is a mistake in orch: {error}")),
            })
        })
    }

    fn ask_again(&self, arguments: &Value) -> Option<Outcome> {
        (self.tool.effect == Effect::None).then(|| (self.tool.call)(&self.project, arguments).into())
    }
}
