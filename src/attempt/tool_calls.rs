//! The calls of tools in one turn of a model: in which order they run, and what the journal has of them.

use std::sync::Arc;

use serde_json::Value;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::attempt::Said;
use crate::attempt::handle::RunHandle;
use crate::tools::{CallContext, Effect, FilesSeen, Outcome, SetValue, ToolFuture, ToolSet};
use crate::words::conversation::{ToolCall, ToolResult};
use crate::words::digest::sha256;
use crate::words::event::{Output, TaskEvent};
use crate::words::failure::{Failure, FailureKind};

/// How many calls of one turn run at the same time at most.
const MAX_AT_ONCE: usize = 8;

/// Answers every call of a turn that has no result yet, in the order of the calls. Those that stand side by side and may
/// run at the same time do; every other one runs alone, after all before it and before all behind it.
pub(super) async fn answer_all(
    tool_set: &Arc<ToolSet>,
    attempt: u32,
    said: &mut Said,
    seen: &Arc<FilesSeen>,
    handle: &RunHandle,
) -> Result<(), Failure> {
    let open: Vec<ToolCall> =
        said.turn.calls.iter().filter(|call| !said.results.iter().any(|r| r.id == call.id)).cloned().collect();
    let one = |call: &ToolCall| {
        let lost = said.begun.contains(&call.id) && tool_set.effect(&call.name) == Effect::Once;
        answer(tool_set.clone(), attempt, call.clone(), lost, seen.clone(), handle.clone())
    };
    let is_concurrent = |call: &ToolCall| tool_set.is_concurrent(&call.name);
    let mut results = Vec::with_capacity(open.len());
    for side_by_side in open.chunk_by(|one, next| is_concurrent(one) && is_concurrent(next)) {
        let mut running = JoinSet::new();
        for call in side_by_side {
            if running.len() == MAX_AT_ONCE {
                results.extend(ended(running.join_next().await)?);
            }
            running.spawn(one(call));
        }
        while let Some(result) = ended(running.join_next().await)? {
            results.push(result);
        }
    }
    said.results.extend(results);
    // A model gets the results in the order of its calls.
    let place = |result: &ToolResult| said.turn.calls.iter().position(|call| call.id == result.id);
    said.results.sort_by_key(place);
    Ok(())
}

/// The result of a call that ran beside others; `None` if none did.
fn ended(joined: Option<Result<Result<ToolResult, Failure>, JoinError>>) -> Result<Option<ToolResult>, Failure> {
    let fault = |_| Failure::new(FailureKind::Internal, "a tool ended without a result; this is a fault in orch");
    joined.map(|ended| ended.map_err(fault)?).transpose()
}

/// Answers one call. `lost` is whether an earlier process began it and left no result.
async fn answer(
    tool_set: Arc<ToolSet>,
    attempt: u32,
    call: ToolCall,
    lost: bool,
    seen: Arc<FilesSeen>,
    handle: RunHandle,
) -> Result<ToolResult, Failure> {
    let started = Instant::now();
    let outcome = if lost {
        Outcome::error("orch was interrupted while this ran, and does not do it twice; look whether it took effect")
    } else {
        let (id, tool, arguments) = (call.id.clone(), call.name.clone(), tool_set.redacted(&call.arguments));
        handle.record(TaskEvent::ToolStarted { attempt, id, tool, arguments }).await?;
        let values = RunValues { handle: &handle };
        tool_set.call(&call.name, &call.arguments, &CallContext { values: &values, seen: &seen }).await?
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
