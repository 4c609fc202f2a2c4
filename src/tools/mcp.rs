//! Tools that MCP servers offer: starting the servers, listing what they can do, calling it, and ending them.
//!
//! Knows the Model Context Protocol through its SDK, and that a server is a stranger: whatever it does, a call comes to
//! an [`Outcome`] within the server's time, and after [`Servers::close`] nothing of it is left. What a server asks of us
//! (to sample a model, to list folders, to question a person) is declined. Knows nothing of agents and models.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::words::conversation;
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::Redactor;

mod call;
mod content;
mod handshake;
mod http;
mod listing;
mod names;
mod process;
mod reason;
mod server;
mod session;
mod shorten;
mod tool;

pub use super::Outcome;
use super::Tool;
use server::Server;
use tool::McpTool;

/// How to reach an MCP server, and what of it may be used.
pub struct ServerConfig {
    /// What the orchestra calls it.
    pub name: String,
    /// Where it is.
    pub transport: Transport,
    /// The tools that may be used, by the server's own names; `None` is all of them.
    pub tools: Option<Vec<String>>,
    /// The tools that may not be used, by the server's own names. It wins over `tools`.
    pub exclude: Vec<String>,
    /// How long one call may take, and how long the server may take to get ready.
    pub timeout: Duration,
    /// The most bytes of a result that are handed on.
    pub max_result_bytes: usize,
}

/// Where a server is.
pub enum Transport {
    /// A program of its own, which speaks on its standard input and output.
    Stdio {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Its whole environment: it inherits nothing.
        environment: Vec<(String, String)>,
        /// Where it is started.
        directory: PathBuf,
    },
    /// An address that speaks streamable HTTP.
    Http {
        /// The address.
        url: String,
        /// Headers of every request. They go to that address alone: redirects are not followed.
        headers: Vec<(String, SecretString)>,
    },
}

impl Transport {
    /// What may not be shown of it.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        server::secrets(self)
    }
}

/// All MCP servers of a run. Cheap to clone. Nothing is started before it is first needed, and what was started ends
/// with [`Servers::close`], or by force when the last clone is dropped.
#[derive(Clone)]
pub struct Servers {
    servers: Arc<[Arc<Server>]>,
}

impl Servers {
    /// The servers of these configurations, whose names differ.
    #[must_use]
    pub fn new(configs: Vec<ServerConfig>) -> Self {
        let labels = names::labels(&configs.iter().map(|config| &*config.name).collect::<Vec<_>>());
        let servers = configs.into_iter().zip(labels).map(|(config, label)| Arc::new(Server::new(config, label)));
        Self { servers: servers.collect() }
    }

    /// The tools of a server that may be used, in its order, named `<server>__<tool>`. Starts the server if it is not
    /// running.
    ///
    /// # Errors
    /// `bad_request` when there is no such server or program, its address or headers are wrong, or it has no tool that
    /// the configuration names; `timeout`, `connection`, `auth` and `malformed` when it does not get ready.
    pub async fn tools(&self, server: &str) -> Result<Vec<conversation::Tool>, Failure> {
        match self.servers.iter().find(|known| known.name() == server) {
            Some(server) => server.tools().await,
            None => {
                let message = format!("there is no MCP server `{server}`; {}", self.known());
                Err(Failure::new(FailureKind::BadRequest, message))
            }
        }
    }

    /// One tool of a server, by the server's own name, or all of them. Starts the server if it is not running. The
    /// `redactor` removes secrets from what a model is told of a tool: a server that knows a key may repeat it there.
    ///
    /// # Errors
    /// As [`Servers::tools`]; `bad_request` when the server has no tool of that name.
    pub async fn granted(
        &self,
        server: &str,
        tool: Option<&str>,
        redactor: &Redactor,
    ) -> Result<Vec<Arc<dyn Tool>>, Failure> {
        let listed = self.tools(server).await.map_err(|failure| {
            let message = redactor.redact(&failure.message).into_owned();
            Failure { message, ..failure }
        })?;
        let readers = match self.servers.iter().find(|known| known.name() == server) {
            Some(server) => server.readers().await?,
            None => HashSet::new(),
        };
        let is_granted = |listed: &conversation::Tool| tool.is_none_or(|own| names::is_called(&listed.name, own));
        let made = listed.into_iter().filter(is_granted).map(|mut definition| {
            definition.description = redactor.redact_secrets(&definition.description).into_owned();
            redactor.redact_value(&mut definition.parameters);
            let only_reads = readers.contains(&definition.name);
            Arc::new(McpTool { definition, only_reads, servers: self.clone() }) as Arc<dyn Tool>
        });
        let granted: Vec<_> = made.collect();
        match tool {
            Some(tool) if granted.is_empty() && !self.leaves_out(server, tool).await => {
                let message = format!("the MCP server {server} has no tool `{tool}`");
                Err(Failure::new(FailureKind::BadRequest, message))
            }
            _ => Ok(granted),
        }
    }

    /// Whether a server lists a tool that cannot be used. It was warned of, and the agent goes on without it.
    async fn leaves_out(&self, server: &str, tool: &str) -> bool {
        let Some(server) = self.servers.iter().find(|known| known.name() == server) else { return false };
        server.left_out().await.iter().any(|left_out| left_out.name == tool)
    }

    /// Calls a tool by the name that [`Servers::tools`] gives it. `arguments` is an object, or null for none.
    ///
    /// It may be called many times at once. When the future is dropped the server is told that nobody waits any more,
    /// and the session goes on.
    pub async fn call(&self, full_name: &str, arguments: &Value) -> Outcome {
        let label = names::label_of(full_name);
        match self.servers.iter().find(|server| Some(server.label()) == label) {
            Some(server) => server.call(full_name, arguments).await,
            None => Outcome::error(format!("there is no tool `{full_name}`: no MCP server has that name")),
        }
    }

    /// Ends all sessions and processes. Calls that are under way fail, and later ones start nothing.
    pub async fn close(&self) {
        let mut closing = JoinSet::new();
        for server in self.servers.iter().map(Arc::clone) {
            closing.spawn(async move { server.close().await });
        }
        while closing.join_next().await.is_some() {}
    }

    fn known(&self) -> String {
        let names: Vec<_> = self.servers.iter().map(|server| format!("`{}`", server.name())).collect();
        if names.is_empty() { "none is configured".to_owned() } else { format!("there is {}", names.join(", ")) }
    }
}
