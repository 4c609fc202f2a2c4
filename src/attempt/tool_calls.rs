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
    take(said, results);
    Ok(())
}

/// Tells the model of calls that are not made, each with what it is told.
pub(super) async fn refuse_all(
    attempt: u32,
    said: &mut Said,
    refused: Vec<(ToolCall, String)>,
    handle: &RunHandle,
) -> Result<(), Failure> {
    let mut results = Vec::with_capacity(refused.len());
    for (ToolCall { id, name, .. }, why) in refused {
        let text: Arc<str> = why.into();
        let started = TaskEvent::ToolStarted { attempt, id: id.clone(), tool: name.clone(), arguments: Value::Null };
        handle.record(started).await?;
        let output = Output { sha256: sha256(text.as_bytes()), bytes: text.len() as u64, text: Some(text.clone()) };
        let (tool, latency_ms) = (name.clone(), 0);
        let finished = TaskEvent::ToolFinished { attempt, id: id.clone(), tool, output, is_error: true, latency_ms };
        handle.record(finished).await?;
        results.push(ToolResult { id, name, text, is_error: true });
    }
    take(said, results);
    Ok(())
}

/// A model gets the results in the order of its calls.
fn take(said: &mut Said, results: Vec<ToolResult>) {
    said.results.extend(results);
    let place = |result: &ToolResult| said.turn.calls.iter().position(|call| call.id == result.id);
    said.results.sort_by_key(place);
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;
    use tokio::sync::Barrier;

    use super::*;
    use crate::attempt::{AttemptMessage, Report};
    use crate::tools::Tool;
    use crate::tools::mcp::Servers;
    use crate::words::conversation::{self, AssistantMessage};
    use crate::words::redact::Redactor;

    /// Notes when its calls begin and end. A reader ends when as many calls as can run at once have begun.
    struct Noting {
        definition: conversation::Tool,
        effect: Effect,
        all_there: Option<Barrier>,
        noted: Arc<Mutex<Vec<String>>>,
    }

    impl Tool for Noting {
        fn definition(&self) -> &conversation::Tool {
            &self.definition
        }

        fn effect(&self) -> Effect {
            self.effect
        }

        fn call<'a>(&'a self, arguments: &'a Value, _: &'a CallContext<'a>) -> ToolFuture<'a, Outcome> {
            Box::pin(async move {
                self.noted.lock().unwrap().push(format!("+{arguments}"));
                match &self.all_there {
                    Some(all_there) => {
                        all_there.wait().await;
                    }
                    None => tokio::task::yield_now().await,
                }
                self.noted.lock().unwrap().push(format!("-{arguments}"));
                Ok(Outcome::success(arguments.to_string()))
            })
        }
    }

    /// What `read` and `act` note, and the answers, in a turn with these calls.
    async fn noted(calls: &[&str], readers: usize) -> (Vec<String>, Vec<String>) {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let tool = |name: &str, effect, all_there| {
            let definition =
                conversation::Tool { name: name.to_owned(), description: String::new(), parameters: json!({}) };
            Arc::new(Noting { definition, effect, all_there, noted: noted.clone() }) as Arc<dyn Tool>
        };
        let tools =
            vec![tool("read", Effect::None, Some(Barrier::new(readers))), tool("act", Effect::Repeatable, None)];
        let tool_set = Arc::new(ToolSet::new(tools, Servers::new(Vec::new()), Vec::new(), Redactor::default()));
        let calls = calls.iter().enumerate().map(|(ix, name)| ToolCall {
            id: ix.to_string(),
            name: (*name).to_owned(),
            arguments: json!(ix),
        });
        let turn = AssistantMessage { calls: calls.collect(), ..AssistantMessage::default() };
        let mut said = Said { turn: Arc::new(turn), begun: Vec::new(), results: Vec::new(), correction: None };
        let (engine, mut reports) = tokio::sync::mpsc::unbounded_channel::<Report>();
        let journal = tokio::spawn(async move {
            while let Some(report) = reports.recv().await {
                if let AttemptMessage::Record(_, durable) = report.said {
                    let _ = durable.send(());
                }
            }
        });
        let handle = RunHandle::new(0, 1, engine);
        answer_all(&tool_set, 1, &mut said, &Arc::default(), &handle).await.unwrap();
        drop(handle);
        journal.await.unwrap();
        let answers = said.results.iter().map(|result| result.id.clone()).collect();
        let noted = noted.lock().unwrap().clone();
        (noted, answers)
    }

    #[tokio::test]
    async fn calls_that_only_read_run_eight_at_once() {
        let (noted, answers) = noted(&["read"; 16], MAX_AT_ONCE).await;
        let mut at_once = 0;
        for note in &noted {
            at_once = if note.starts_with('+') { at_once + 1 } else { at_once - 1 };
            assert!(at_once <= MAX_AT_ONCE, "{noted:?}");
        }
        assert!(noted[..8].iter().all(|note| note.starts_with('+')), "{noted:?}");
        assert_eq!(answers, (0..16).map(|ix| ix.to_string()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn calls_that_act_keep_their_place_among_all_others() {
        let (noted, answers) = noted(&["read", "read", "act", "act", "read", "read", "act"], 2).await;
        let mut groups: Vec<Vec<&str>> =
            [0..4, 4..6, 6..8, 8..12, 12..14].map(|range| noted[range].iter().map(String::as_str).collect()).into();
        for both in [0, 3] {
            groups[both].sort_unstable();
        }
        let expected = [
            vec!["+0", "+1", "-0", "-1"],
            vec!["+2", "-2"],
            vec!["+3", "-3"],
            vec!["+4", "+5", "-4", "-5"],
            vec!["+6", "-6"],
        ];
        assert_eq!(groups, expected, "{noted:?}");
        assert_eq!(answers, ["0", "1", "2", "3", "4", "5", "6"]);
    }
}
