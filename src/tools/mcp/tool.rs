//! A tool of a server, as any other tool.

use serde_json::Value;

use super::Servers;
use crate::tools::{CallContext, Effect, Outcome, Tool, ToolFuture};
use crate::words::conversation;

pub(super) struct McpTool {
    /// With the name under which a model gets it, `<server>__<tool>`.
    pub definition: conversation::Tool,
    /// Whether the server says that it only reads.
    pub only_reads: bool,
    pub servers: Servers,
}

impl Tool for McpTool {
    fn definition(&self) -> &conversation::Tool {
        &self.definition
    }

    /// A server does not say reliably what its tools change.
    fn effect(&self) -> Effect {
        Effect::Once
    }

    /// What a server says of its tools is not enough to make a call again, but it is for an order.
    fn is_concurrent(&self) -> bool {
        self.only_reads
    }

    fn call<'a>(&'a self, arguments: &'a Value, _: &'a CallContext<'a>) -> ToolFuture<'a, Outcome> {
        Box::pin(async { Ok(self.servers.call(&self.definition.name, arguments).await) })
    }
}
