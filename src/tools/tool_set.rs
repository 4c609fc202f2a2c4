//! The tools of one agent: those that it was granted, whoever implements them.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use super::builtin::quoted;
use super::mcp::Servers;
use super::{CallContext, Effect, Outcome, Tool};
use crate::words::conversation;
use crate::words::event::INLINE_BYTES;
use crate::words::failure::Failure;
use crate::words::redact::Redactor;

/// A grant of one tool of an MCP server, or of all that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerGrant {
    /// The server's name.
    pub server: String,
    /// The tool's name, as the server has it; `None` is all of its tools.
    pub tool: Option<String>,
}

/// The tools of one agent.
pub struct ToolSet {
    built_in: Vec<Arc<dyn Tool>>,
    servers: Servers,
    from_servers: Vec<ServerGrant>,
    redactor: Redactor,
    all: OnceCell<All>,
}

/// Every tool, known once the servers have listed theirs.
struct All {
    tools: Vec<Arc<dyn Tool>>,
    definitions: Arc<[conversation::Tool]>,
}

impl All {
    fn new(tools: Vec<Arc<dyn Tool>>) -> Self {
        let definitions = tools.iter().map(|tool| tool.definition().clone()).collect();
        Self { tools, definitions }
    }
}

impl ToolSet {
    /// The tools of an agent that has `built_in` and what `from_servers` grants. The `redactor` removes secrets from
    /// what the model is shown.
    #[must_use]
    pub fn new(
        built_in: Vec<Arc<dyn Tool>>,
        servers: Servers,
        from_servers: Vec<ServerGrant>,
        redactor: Redactor,
    ) -> Self {
        let all = from_servers.is_empty().then(|| All::new(built_in.clone()));
        Self { built_in, servers, from_servers, redactor, all: OnceCell::new_with(all) }
    }

    /// Removes secrets from what the agent's models are shown.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The tools as a model gets them, if no server has to be asked first.
    #[must_use]
    pub fn ready(&self) -> Option<Arc<[conversation::Tool]>> {
        self.all.get().map(|all| all.definitions.clone())
    }

    /// The tools as a model gets them, always in the same order. Servers are started for this when they are first
    /// needed.
    ///
    /// # Errors
    /// A server that lists no tools, which is worth another try, or `bad_request` when it lacks one that was granted.
    pub async fn offered(&self) -> Result<Arc<[conversation::Tool]>, Failure> {
        Ok(self.all().await?.definitions.clone())
    }

    async fn all(&self) -> Result<&All, Failure> {
        let with_those_of_servers = async {
            let mut tools = self.built_in.clone();
            for ServerGrant { server, tool } in &self.from_servers {
                tools.extend(self.servers.granted(server, tool.as_deref(), &self.redactor).await?);
            }
            Ok(All::new(tools))
        };
        self.all.get_or_try_init(|| with_those_of_servers).await
    }

    /// Whether no tool changes anything outside of the run.
    #[must_use]
    pub fn is_pure(&self) -> bool {
        self.from_servers.is_empty() && self.built_in.iter().all(|tool| tool.effect() == Effect::None)
    }

    /// What a tool changes. A name that no tool has is treated as one that may be called once.
    #[must_use]
    pub fn effect(&self, name: &str) -> Effect {
        self.find(name).map_or(Effect::Once, |tool| tool.effect())
    }

    /// Whether a call may run at the same time as others of its turn.
    #[must_use]
    pub fn is_concurrent(&self, name: &str) -> bool {
        self.find(name).is_none_or(|tool| tool.is_concurrent())
    }

    fn find(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        let tools = self.all.get().map_or(&self.built_in, |all| &all.tools);
        tools.iter().find(|tool| tool.definition().name == name)
    }

    /// Makes a call. A name that no tool has is an error for the model.
    ///
    /// # Errors
    /// What ends the attempt: the run has stopped, or a server lists no tools.
    pub async fn call(&self, name: &str, arguments: &Value, context: &CallContext<'_>) -> Result<Outcome, Failure> {
        let tools = &self.all().await?.tools;
        match tools.iter().find(|tool| tool.definition().name == name) {
            Some(tool) => tool.call(arguments, context).await,
            None => Ok(Outcome::error(unknown(name, tools))),
        }
    }

    /// What a tool that changes nothing returns now, as the model would be shown it. `None` for every other tool.
    #[must_use]
    pub fn ask_again(&self, name: &str, arguments: &Value) -> Option<String> {
        let tool = self.built_in.iter().find(|tool| tool.definition().name == name)?;
        tool.ask_again(arguments).map(|outcome| self.shown(&outcome.text))
    }

    /// A result as the model is shown it: without secrets, and not too long.
    #[must_use]
    pub fn shown(&self, result: &str) -> String {
        shortened(self.redactor.redact_secrets(result).into_owned())
    }

    /// The arguments of a call without secrets.
    #[must_use]
    pub fn redacted(&self, arguments: &Value) -> Value {
        let mut arguments = arguments.clone();
        self.redactor.redact_value(&mut arguments);
        arguments
    }
}

fn unknown(name: &str, tools: &[Arc<dyn Tool>]) -> String {
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.definition().name).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("there is no tool {}; the tools are: {names}", quoted(name))
}

/// A result is in the journal and in every later request of the conversation, so its length is limited.
fn shortened(mut text: String) -> String {
    const NOTE: &str = "\n[cut off here: the result is longer than a model is shown]";
    if text.len() > INLINE_BYTES {
        text.truncate(text.floor_char_boundary(INLINE_BYTES - NOTE.len()));
        text.push_str(NOTE);
    }
    text
}
