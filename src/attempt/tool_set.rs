//! What an agent may use: orch's own tools, those of MCP servers, and the values that the run's tasks share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::attempt::Said;
use crate::attempt::handle::RunHandle;
use crate::tools::builtin::{Effect, Outcome, Toolbox, ctx_tools};
use crate::tools::mcp::Servers;
use crate::words::conversation::{Tool, ToolCall, ToolResult};
use crate::words::digest::sha256;
use crate::words::event::{Event, INLINE_BYTES, Output, TaskEvent};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;
use crate::words::redact::Redactor;

/// The values that the tasks of a run share, by their keys.
pub type Ctx = Arc<Mutex<BTreeMap<String, Value>>>;

/// The longest key of a shared value, in bytes.
const MAX_KEY_BYTES: usize = 200;

/// The tools of one agent.
pub struct ToolSet {
    /// orch's own.
    pub toolbox: Option<Toolbox>,
    /// Those of servers.
    pub servers: Servers,
    /// Which server's tools it may use; `None` is all of them.
    pub from_servers: Vec<(String, Option<String>)>,
    /// Whether it may read and write shared values.
    pub ctx_get: bool,
    /// Whether it may write shared values.
    pub ctx_set: bool,
    /// The shared values.
    pub ctx: Ctx,
    /// What must not leave.
    pub redactor: Redactor,
    /// The tools as a model is told of them.
    pub offered: OnceCell<Arc<[Tool]>>,
}

impl ToolSet {
    /// The tools, if nobody has to be asked for them.
    #[must_use]
    pub fn ready(&self) -> Option<Arc<[Tool]>> {
        if !self.from_servers.is_empty() {
            return self.offered.get().cloned();
        }
        Some(self.offered.get().cloned().unwrap_or_else(|| {
            let own = self.own().into();
            let _ = self.offered.set(Arc::clone(&own));
            own
        }))
    }

    /// The tools. Servers are started for this when they are first needed.
    ///
    /// # Errors
    /// A server that gives no tools: `connection`, which is tried again.
    pub async fn offered(&self) -> Result<Arc<[Tool]>, Failure> {
        if let Some(ready) = self.ready() {
            return Ok(ready);
        }
        let all = async {
            let mut tools = self.own();
            for (server, wanted) in &self.from_servers {
                let theirs = self.servers.tools(server).await.map_err(|failure| {
                    let message = self.redactor.redact(&failure.message).into_owned();
                    Failure { message, ..failure }
                })?;
                let is_wanted =
                    |tool: &Tool| wanted.as_ref().is_none_or(|wanted| crate::tools::mcp::is_called(tool, wanted));
                let granted = theirs.into_iter().filter(is_wanted).map(|tool| self.described(tool));
                let before = tools.len();
                tools.extend(granted);
                if let (Some(tool), true) = (wanted, tools.len() == before) {
                    let message = format!("the MCP server {server} has no tool `{tool}`");
                    return Err(Failure::new(FailureKind::BadRequest, message));
                }
            }
            Ok(tools.into())
        };
        self.offered.get_or_try_init(|| all).await.cloned()
    }

    /// Whether nothing that the tools do changes anything outside of the run.
    #[must_use]
    pub fn is_pure(&self) -> bool {
        let own = self.toolbox.as_ref().map(Toolbox::offered);
        let changes = |tool: &Tool| self.effect(&tool.name) != Effect::None;
        self.from_servers.is_empty() && !self.ctx_set && !own.iter().flat_map(|own| own.iter()).any(changes)
    }

    /// Calls a tool that changes nothing, to see whether it still says the same.
    #[must_use]
    pub fn ask_again(&self, tool: &str, arguments: &Value) -> Option<String> {
        let outcome = match tool {
            "ctx_get" => self.ctx_get.then(|| self.get(arguments)),
            own => self.toolbox.as_ref().and_then(|toolbox| toolbox.ask_again(own, arguments)),
        };
        outcome.map(|outcome| self.shown(&outcome.text))
    }

    fn own(&self) -> Vec<Tool> {
        let mut tools: Vec<Tool> = self.toolbox.iter().flat_map(|toolbox| toolbox.offered().to_vec()).collect();
        let [get, set] = ctx_tools();
        tools.extend(self.ctx_get.then_some(get));
        tools.extend(self.ctx_set.then_some(set));
        tools
    }

    fn effect(&self, tool: &str) -> Effect {
        match tool {
            "ctx_get" => Effect::None,
            "ctx_set" => Effect::Repeatable,
            own => self.toolbox.as_ref().filter(|toolbox| toolbox.has(own)).map_or(Effect::Once, |t| t.effect(own)),
        }
    }

    async fn call(&self, task: &Name, call: &ToolCall, handle: &RunHandle) -> Result<Outcome, Failure> {
        if !self.offered().await?.iter().any(|tool| tool.name == call.name) {
            let names: Vec<String> = self.offered().await?.iter().map(|tool| tool.name.clone()).collect();
            return Ok(error(format!("there is no tool `{}`; the tools are {}", call.name, names.join(", "))));
        }
        match call.name.as_str() {
            "ctx_get" => Ok(self.get(&call.arguments)),
            "ctx_set" => self.set(task, &call.arguments, handle).await,
            own => match &self.toolbox {
                Some(toolbox) if toolbox.has(own) => Ok(toolbox.call(own, &call.arguments).await),
                _ => {
                    let answer = self.servers.call(own, &call.arguments).await;
                    Ok(Outcome { text: answer.text, is_error: answer.is_error })
                }
            },
        }
    }

    fn get(&self, arguments: &Value) -> Outcome {
        let Some(key) = arguments["key"].as_str() else { return error("`key` must be a text".to_owned()) };
        let values = self.ctx.lock().unwrap_or_else(PoisonError::into_inner);
        match values.get(key) {
            Some(value) => Outcome { text: format!("{value:#}"), is_error: false },
            None => {
                let keys: Vec<&str> = values.keys().map(String::as_str).collect();
                let text = json!({ "missing": key, "keys": keys }).to_string();
                Outcome { text, is_error: false }
            }
        }
    }

    async fn set(&self, task: &Name, arguments: &Value, handle: &RunHandle) -> Result<Outcome, Failure> {
        let key = arguments["key"].as_str().unwrap_or_default();
        let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if key.len() > MAX_KEY_BYTES || !key.split('.').all(word) {
            return Ok(error("`key` must be words of letters, digits, _ and - with dots in between".to_owned()));
        }
        let Some(value) = arguments.get("value") else { return Ok(error("`value` is missing".to_owned())) };
        let (task, key, value) = (task.clone(), key.to_owned(), value.clone());
        handle.record(Event::Task { task, event: TaskEvent::CtxSet { key: key.clone(), value } }).await?;
        Ok(Outcome { text: format!("`{key}` is set"), is_error: false })
    }
}

/// Has every call of a turn answered that has no answer yet. What changes something is done one after another and in
/// the model's order; the rest side by side.
pub(super) async fn answer_all(
    tool_set: &Arc<ToolSet>,
    task: &Name,
    attempt: u32,
    said: &mut Said,
    handle: &RunHandle,
) -> Result<(), Failure> {
    let open: Vec<ToolCall> =
        said.turn.calls.iter().filter(|call| !said.results.iter().any(|r| r.id == call.id)).cloned().collect();
    let side_by_side =
        open.iter().all(|call| tool_set.effect(&call.name) == Effect::None || is_of_server(tool_set, call));
    let one = |call: ToolCall| {
        let lost = said.begun.contains(&call.id) && tool_set.effect(&call.name) == Effect::Once;
        answer(tool_set.clone(), task.clone(), attempt, call, lost, handle.clone())
    };
    let mut results = Vec::with_capacity(open.len());
    if side_by_side && open.len() > 1 {
        let mut running = JoinSet::new();
        open.into_iter().for_each(|call| drop(running.spawn(one(call))));
        while let Some(ended) = running.join_next().await {
            let fault =
                |_| Failure::new(FailureKind::Internal, "a tool ended without a result; this is a fault in orch");
            results.push(ended.map_err(fault)??);
        }
    } else {
        for call in open {
            results.push(one(call).await?);
        }
    }
    said.results.extend(results);
    // A model is given its answers in the order of its calls.
    let place = |result: &ToolResult| said.turn.calls.iter().position(|call| call.id == result.id);
    said.results.sort_by_key(place);
    Ok(())
}

fn is_of_server(tool_set: &ToolSet, call: &ToolCall) -> bool {
    !call.name.starts_with("ctx_") && !tool_set.toolbox.as_ref().is_some_and(|toolbox| toolbox.has(&call.name))
}

/// Answers one call. `lost` is whether an earlier process had begun it and nobody knows how far it came.
async fn answer(
    tool_set: Arc<ToolSet>,
    task: Name,
    attempt: u32,
    call: ToolCall,
    lost: bool,
    handle: RunHandle,
) -> Result<ToolResult, Failure> {
    let started = Instant::now();
    let outcome = if lost {
        error("orch was interrupted while this ran, and does not do it twice; look whether it took effect".to_owned())
    } else {
        let (id, tool, arguments) = (call.id.clone(), call.name.clone(), tool_set.redacted(&call.arguments));
        handle
            .record(Event::Task { task: task.clone(), event: TaskEvent::ToolStarted { attempt, id, tool, arguments } })
            .await?;
        tool_set.call(&task, &call, &handle).await?
    };
    let text: Arc<str> = tool_set.shown(&outcome.text).into();
    handle
        .record(Event::Task {
            task,
            event: TaskEvent::ToolFinished {
                attempt,
                id: call.id.clone(),
                tool: call.name.clone(),
                output: Output { sha256: sha256(text.as_bytes()), bytes: text.len() as u64, text: Some(text.clone()) },
                is_error: outcome.is_error,
                latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            },
        })
        .await?;
    Ok(ToolResult { id: call.id, name: call.name, text, is_error: outcome.is_error })
}

impl ToolSet {
    /// What a model is shown of an answer.
    fn shown(&self, answer: &str) -> String {
        shortened(self.redactor.redact_secrets(answer).into_owned())
    }

    fn redacted(&self, arguments: &Value) -> Value {
        let mut arguments = arguments.clone();
        self.redactor.redact_value(&mut arguments);
        arguments
    }

    /// A server's tool as a model is told of it. Who knows a key may have put it into the description.
    fn described(&self, mut tool: Tool) -> Tool {
        tool.description = self.redactor.redact_secrets(&tool.description).into_owned();
        self.redactor.redact_value(&mut tool.parameters);
        tool
    }
}

/// A result stands in the journal and in every later request of the conversation, so it has an end.
fn shortened(mut text: String) -> String {
    const NOTE: &str = "\n[cut off here: the result is longer than a model is shown]";
    if text.len() > INLINE_BYTES {
        let end = (0..=INLINE_BYTES - NOTE.len()).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push_str(NOTE);
    }
    text
}

fn error(text: String) -> Outcome {
    Outcome { text, is_error: true }
}
