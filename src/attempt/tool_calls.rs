//! The calls of tools in one turn of a model: in which order they run, and what the journal has of them.

use std::sync::Arc;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::attempt::Said;
use crate::attempt::handle::RunHandle;
use crate::tools::{CallContext, Effect, Outcome, SetValue, ToolFuture, ToolSet};
use crate::words::conversation::{ToolCall, ToolResult};
use crate::words::digest::sha256;
use crate::words::event::{Output, TaskEvent};
use crate::words::failure::{Failure, FailureKind};

/// Answers every call of a turn that has no result yet. Calls that change something run one after another and in the
/// model's order; if none does, all run at the same time.
pub(super) async fn answer_all(
    tool_set: &Arc<ToolSet>,
    attempt: u32,
    said: &mut Said,
    handle: &RunHandle,
) -> Result<(), Failure> {
    let open: Vec<ToolCall> =
        said.turn.calls.iter().filter(|call| !said.results.iter().any(|r| r.id == call.id)).cloned().collect();
    let are_concurrent = open.iter().all(|call| tool_set.is_concurrent(&call.name));
    let one = |call: ToolCall| {
        let lost = said.begun.contains(&call.id) && tool_set.effect(&call.name) == Effect::Once;
        answer(tool_set.clone(), attempt, call, lost, handle.clone())
    };
    let mut results = Vec::with_capacity(open.len());
    if are_concurrent && open.len() > 1 {
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
    // A model gets the results in the order of its calls.
    let place = |result: &ToolResult| said.turn.calls.iter().position(|call| call.id == result.id);
    said.results.sort_by_key(place);
    Ok(())
}

/// Answers one call. `lost` is whether an earlier process began it and left no result.
async fn answer(
    tool_set: Arc<ToolSet>,
    attempt: u32,
    call: ToolCall,
    lost: bool,
    handle: RunHandle,
) -> Result<ToolResult, Failure> {
    let started = Instant::now();
    let outcome = if lost {
        Outcome::error("orch was interrupted while this ran, and does not do it twice; look whether it took effect")
    } else {
        let (id, tool, arguments) = (call.id.clone(), call.name.clone(), tool_set.redacted(&call.arguments));
        handle.record(TaskEvent::ToolStarted { attempt, id, tool, arguments }).await?;
        let values = RunValues { handle: &handle };
        tool_set.call(&call.name, &call.arguments, &CallContext { values: &values }).await?
    };
    let text: Arc<str> = tool_set.shown(&outcome.text).into();
    handle
        .record(TaskEvent::ToolFinished {
            attempt,
            id: call.id.clone(),
            tool: call.name.clone(),
            output: Output { sha256: sha256(text.as_bytes()), bytes: text.len() as u64, text: Some(text.clone()) },
            is_error: outcome.is_error,
            latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
        .await?;
    Ok(ToolResult { id: call.id, name: call.name, text, is_error: outcome.is_error })
}

/// Sets shared values by an event.
struct RunValues<'a> {
    handle: &'a RunHandle,
}

impl SetValue for RunValues<'_> {
    fn set<'a>(&'a self, key: &'a str, value: &'a Value) -> ToolFuture<'a, ()> {
        let event = TaskEvent::CtxSet { key: key.to_owned(), value: value.clone() };
        Box::pin(self.handle.record(event))
    }
}
