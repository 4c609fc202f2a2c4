//! What the tools that work on the project's files have in common.

use std::sync::Arc;

use serde_json::Value;

use super::access::Access;
use super::{ProjectFiles, ToolContext};
use crate::plan::orchestra::Grant;
use crate::tools::{CallContext, Effect, FilesSeen, Outcome, Tool, ToolFuture};
use crate::words::conversation;

/// A tool that works on the project's files.
pub(super) struct FileTool {
    pub definition: fn() -> conversation::Tool,
    pub effect: Effect,
    /// Works in the project's folder. The error is a text for the model.
    pub call: fn(&Files, &FilesSeen, &Value) -> Result<String, String>,
}

/// The files that a tool works on.
pub(super) struct Files {
    /// The project's folder.
    pub project: Arc<ProjectFiles>,
    /// Which files of it the tool may use.
    pub access: Access,
}

impl FileTool {
    /// The tool in the project's folder, with all that these grants allow.
    pub(super) fn granted(&'static self, grants: &[&Grant], context: &ToolContext) -> Arc<dyn Tool> {
        let access = Access::new(grants, &context.own);
        let mut definition = (self.definition)();
        if let Some(files) = access.shown() {
            definition.description += &format!(" Only for these files: {files}.");
        }
        let files = Files { project: context.project.clone(), access };
        Arc::new(Granted { tool: self, definition, files: Arc::new(files) })
    }
}

struct Granted {
    tool: &'static FileTool,
    definition: conversation::Tool,
    files: Arc<Files>,
}

impl Tool for Granted {
    fn definition(&self) -> &conversation::Tool {
        &self.definition
    }

    fn effect(&self) -> Effect {
        self.tool.effect
    }

    /// Disks can be slow and searches long, so that other tasks must not wait for them.
    fn call<'a>(&'a self, arguments: &'a Value, context: &'a CallContext<'a>) -> ToolFuture<'a, Outcome> {
        let (call, files, arguments) = (self.tool.call, self.files.clone(), arguments.clone());
        let seen = context.seen.clone();
        Box::pin(async move {
            let called = tokio::task::spawn_blocking(move || call(&files, &seen, &arguments)).await;
            Ok(match called {
                Ok(result) => result.into(),
                Err(error) => Outcome::error(format!("the tool failed, which is a mistake in orch: {error}")),
            })
        })
    }

    fn ask_again(&self, arguments: &Value) -> Option<Outcome> {
        (self.tool.effect == Effect::None)
            .then(|| (self.tool.call)(&self.files, &FilesSeen::default(), arguments).into())
    }
}
