//! A record as lines of text for a person.
//!
//! A pure function: the same words stand in a log and above the bars of a terminal. Most records make one line or none.

use std::fmt::Write;

use serde_json::Value;

use crate::run::history::{History, TaskHistory};
use crate::words::event::{Event, PlannedTask, Record, RunEvent, RunStarted, RunStatus, SkipReason, TaskEvent};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;
use crate::words::text::{count, dollars, duration, one_line, plural, tokens};
use crate::words::usage::{CUT, PAUSED, StopReason, Usage};

/// The longest of a provider's message, in columns.
const MESSAGE: usize = 400;

/// So many of the tasks that a plan has made are named.
const SHOWN_TASKS: usize = 8;

/// A verbose start names at most this many tasks.
const TASKS: usize = 100;

/// The text for `record`, without a newline at the end. `history` is the run with the record applied;
/// `verbose` adds what is of use when something is wrong.
#[must_use]
pub(crate) fn line(record: &Record, history: &History, verbose: bool) -> Option<String> {
    let said = match record.event.task() {
        Some(name) => {
            of_task(&record.event, history.task(name.as_str())?, verbose).map(|said| format!("[{name}] {said}"))
        }
        None => of_run(&record.event, history, verbose).map(|said| format!("[orch] {said}")),
    }?;
    Some(if verbose { format!("+{} {said}", duration(history.elapsed_us() / 1000)) } else { said })
}

/// By what a run has grown.
fn grown(parent: &Name, tasks: &[PlannedTask], history: &History) -> Option<String> {
    let becomes = || format!("⑂ {parent} becomes {}", plural(tasks.len() as u64, "task", "tasks"));
    if !history.task(parent.as_str()).is_some_and(|task| task.planned.rounds) {
        return Some(becomes());
    }
    let items = || tasks.iter().filter_map(|task| task.item.as_ref());
    match items().find(|item| item.is_number()).or_else(|| items().next()) {
        Some(Value::Number(number)) => Some(format!("⑂ {parent}: round {number}")),
        // What plans is one task, and says so itself.
        Some(Value::Null) => None,
        _ => {
            let said = |task: &PlannedTask| {
                let after: Vec<&str> = task.needs.iter().map(Name::as_str).collect();
                let after = if after.is_empty() { String::new() } else { format!(", after {}", after.join(" and ")) };
                format!("{} ({}{after})", task.task, task.doer())
            };
            let more = match tasks.len().saturating_sub(SHOWN_TASKS) {
                0 => String::new(),
                more => format!("; and {} more", count(more as u64)),
            };
            let shown: Vec<String> = tasks.iter().take(SHOWN_TASKS).map(said).collect();
            Some(format!("{}: {}{more}", becomes(), shown.join("; ")))
        }
    }
}

fn of_run(event: &Event, history: &History, verbose: bool) -> Option<String> {
    match event {
        Event::Run(RunEvent::Started(start)) => Some(started(start, verbose)),
        Event::Run(RunEvent::Resumed { rerun, .. }) => {
            let done = history.tasks.iter().filter(|task| task.output().is_some()).count();
            let again = match rerun.len() {
                0 => String::new(),
                n => format!(", {} changed and run again", plural(n as u64, "task", "tasks")),
            };
            let (done, all) = (count(done as u64), count(history.counted().count() as u64));
            Some(format!("▶ {} resumed: {done} of {all} done{again}", history.start.run))
        }
        Event::Run(RunEvent::GraphGrown { parent, tasks }) => grown(parent, tasks, history),
        Event::Run(RunEvent::StopRequested { signal }) => {
            Some(format!("⏸ {}: nothing new starts", one_line(signal, MESSAGE)))
        }
        Event::Run(RunEvent::LimitPassed { message }) => Some(format!("⚠ {}", one_line(message, MESSAGE))),
        Event::Run(RunEvent::Finished { status }) => {
            let mark = match status {
                RunStatus::Succeeded => "✅",
                RunStatus::Failed => "❌",
                RunStatus::Partial => "⚠",
                RunStatus::Limited | RunStatus::Waiting | RunStatus::Interrupted => "⏸",
            };
            Some(format!("{mark} {status} after {}", duration(history.elapsed_us() / 1000)))
        }
        _ => None,
    }
}

fn started(start: &RunStarted, verbose: bool) -> String {
    let tasks = plural(start.tasks.len() as u64, "task", "tasks");
    let rehearsal = if start.rehearsal { ", a rehearsal without models" } else { "" };
    let mut said = format!("▶ {} started: {}, {tasks}{rehearsal}", start.run, start.orchestra);
    if !verbose {
        return said;
    }
    // Writing to a String cannot fail.
    let _ = write!(
        said,
        "\n  goal: {}\n  workspace: {}",
        one_line(&start.goal, MESSAGE),
        one_line(&start.workspace, MESSAGE)
    );
    for (ix, task) in start.tasks.iter().take(TASKS).enumerate() {
        let needs: Vec<&str> = task.needs.iter().map(Name::as_str).collect();
        let after = if needs.is_empty() { String::new() } else { format!(", after {}", needs.join(", ")) };
        let _ = write!(said, "\n  {}. {} ({}){after}", ix + 1, task.task, one_line(task.doer(), MESSAGE));
    }
    if start.tasks.len() > TASKS {
        let _ = write!(said, "\n  and {} more", count((start.tasks.len() - TASKS) as u64));
    }
    said
}

fn of_task(event: &Event, task: &TaskHistory, verbose: bool) -> Option<String> {
    match event {
        Event::Task { event: TaskEvent::Reused { run, cache: Some(reused), .. }, .. } => {
            let saved = match (reused.cost_usd, reused.usage.input_tokens + reused.usage.output_tokens) {
                (None, 0) => String::new(),
                (None, used) => format!(", saves {}", tokens(used, reused.usage.estimated)),
                (cost, _) => format!(", saves {}", dollars(cost, reused.usage.estimated)),
            };
            Some(format!("✅ reused from {run}{saved}"))
        }
        Event::Task { event: TaskEvent::ApprovalRequested { output, question, .. }, .. } => {
            let shown = output.sha256.get(..12).unwrap_or_default();
            let asked = question.as_ref().map(|asked| format!(": {}", one_line(asked, MESSAGE))).unwrap_or_default();
            Some(format!("⏸ waits for approval{asked} ({} bytes, {shown})", count(output.bytes)))
        }
        Event::Task { event: TaskEvent::ApprovalGiven { approved, by, reason, .. }, .. } => {
            let (mark, did) = if *approved { ("✅", "approved") } else { ("❌", "rejected") };
            let why = reason.as_ref().map(|reason| format!(": {}", one_line(reason, MESSAGE))).unwrap_or_default();
            Some(format!("{mark} {did} by {}{why}", one_line(by, MESSAGE)))
        }
        Event::Task { event: TaskEvent::Reused { run, .. }, .. } => Some(format!("✅ reused from {run}")),
        Event::Task { event: TaskEvent::AttemptStarted { attempt, model, .. }, .. } => {
            let begins = if *attempt == 1 { "started".to_owned() } else { format!("attempt {attempt}") };
            let doer = task.planned.doer_with(model.as_deref());
            Some(format!("▶ {begins} ({})", one_line(&doer, MESSAGE)))
        }
        Event::Task {
            event: TaskEvent::AttemptFailed { failure, next_model: Some(model), retry_in_ms: Some(ms), .. },
            ..
        } => {
            let wait = if *ms == 0 { String::new() } else { format!(" in {}", duration(*ms)) };
            Some(format!("↷ on to {}{wait}: {}", one_line(model, MESSAGE), why(failure)))
        }
        Event::Task { event: TaskEvent::LimitReached { message, .. }, .. } => {
            Some(format!("⏸ {}", one_line(message, MESSAGE)))
        }
        Event::Task { event: TaskEvent::AnswerRejected { correction, .. }, .. } => {
            Some(format!("↻ asked once more: {}", one_line(correction, MESSAGE)))
        }
        Event::Task { event: TaskEvent::ConversationCompacted { emptied, dropped, .. }, .. } => {
            let notes = plural(emptied.saturating_sub(*dropped) as u64, "round", "rounds");
            let rest = match dropped {
                0 => String::new(),
                dropped => format!(", and {} altogether", plural(*dropped as u64, "round", "rounds")),
            };
            Some(format!("✂ the conversation is too long: it goes on without what tools answered in {notes}{rest}"))
        }
        Event::Task { event: TaskEvent::ToolStarted { tool, arguments, .. }, .. } if verbose => {
            Some(format!("→ {} {}", one_line(tool, MESSAGE), one_line(&arguments.to_string(), MESSAGE)))
        }
        Event::Task { event: TaskEvent::ToolFinished { tool, output, is_error, latency_ms, .. }, .. } if verbose => {
            let how = if *is_error { "failed" } else { "answered" };
            let (tool, latency) = (one_line(tool, MESSAGE), duration(*latency_ms));
            Some(format!("← {tool} {how} in {latency}: {} bytes", count(output.bytes)))
        }
        Event::Task { event: TaskEvent::AttemptFailed { failure, retry_in_ms: Some(0), .. }, .. } => {
            Some(format!("↻ retrying at once: {}", why(failure)))
        }
        Event::Task { event: TaskEvent::AttemptFailed { failure, retry_in_ms: Some(ms), .. }, .. } => {
            Some(format!("↻ retrying in {}: {}", duration(*ms), why(failure)))
        }
        Event::Task { event: TaskEvent::AttemptFailed { failure, .. }, .. }
            if failure.kind == FailureKind::Cancelled =>
        {
            Some("⏸ interrupted".to_owned())
        }
        Event::Task { event: TaskEvent::Succeeded { .. }, .. } => {
            Some(format!("✅ done in {} ({})", duration(task.duration_ms()), effort(task)))
        }
        Event::Task { event: TaskEvent::Failed { failure, .. }, .. } => {
            let attempts = plural(task.attempts.into(), "attempt", "attempts");
            Some(format!("❌ failed after {attempts} in {}: {}", duration(task.duration_ms()), why(failure)))
        }
        Event::Task { event: TaskEvent::Skipped { because, reason: SkipReason::Dependency, .. }, .. } => {
            Some(format!("⏭ not run: it needs {because}"))
        }
        Event::Task { event: TaskEvent::Skipped { because, reason: SkipReason::Stopped, .. }, .. } => {
            Some(format!("⏭ not run: stopped after {because} failed"))
        }
        Event::Task { event: TaskEvent::Omitted(why), .. } => {
            Some(format!("⏭ left out: {}", one_line(&why.to_string(), MESSAGE)))
        }
        Event::Task { event: TaskEvent::CallFinished { stop: StopReason::Other(reason), .. }, .. }
            if !verbose && reason != PAUSED =>
        {
            Some(odd_stop(reason))
        }
        call if verbose => of_call(call),
        _ => None,
    }
}

fn of_call(event: &Event) -> Option<String> {
    match event {
        Event::Task { event: TaskEvent::CallStarted { call, model, input_tokens, .. }, .. } => {
            Some(format!("→ call {call} to {}, {}", one_line(model, MESSAGE), tokens(*input_tokens, true)))
        }
        Event::Task {
            event: TaskEvent::CallFinished { call, usage, stop, cost_usd, latency_ms, first_byte_ms, .. },
            ..
        } => {
            let (latency, first_byte) = (duration(*latency_ms), duration(*first_byte_ms));
            let cost = dollars(*cost_usd, usage.estimated);
            let odd = match stop {
                StopReason::Other(reason) => format!("; {}", odd_stop(reason)),
                StopReason::End | StopReason::StopSequence | StopReason::ToolUse => String::new(),
            };
            let usage = in_and_out(usage);
            Some(format!("← call {call} answered in {latency} (first byte {first_byte}): {usage}, {cost}{odd}"))
        }
        Event::Task { event: TaskEvent::CallFailed { call, failure, latency_ms, .. }, .. } => {
            Some(format!("← call {call} failed in {}: {}", duration(*latency_ms), why(failure)))
        }
        _ => None,
    }
}

fn why(failure: &Failure) -> String {
    one_line(&failure.to_string(), MESSAGE)
}

fn odd_stop(reason: &str) -> String {
    if reason == PAUSED {
        return "the model has paused its turn, which goes on".to_owned();
    }
    if reason == CUT {
        return "the answer was cut off at the limit of its length, and goes on".to_owned();
    }
    format!("⚠ the model stopped for a reason that is not known here: {}", one_line(reason, MESSAGE))
}

fn in_and_out(usage: &Usage) -> String {
    let estimated = if usage.estimated { "~" } else { "" };
    format!("{estimated}{} tokens in, {estimated}{} out", count(usage.input_tokens), count(usage.output_tokens))
}

fn effort(task: &TaskHistory) -> String {
    let model = one_line(task.model.as_deref().unwrap_or("no model"), MESSAGE);
    let spent = tokens(task.usage.input_tokens + task.usage.output_tokens, task.usage.estimated);
    format!("{model}, {}, {spent}", plural(task.calls.into(), "call", "calls"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;

    /// What is said of each record of a story.
    fn told(records: &[Record], verbose: bool) -> Vec<String> {
        let mut history = History::begin(&records[0]).unwrap();
        let first = line(&records[0], &history, verbose);
        let rest = records[1..].iter().map(|record| {
            history.force(record);
            line(record, &history, verbose)
        });
        std::iter::once(first).chain(rest).flatten().collect()
    }

    fn limited() -> Failure {
        Failure::new(FailureKind::RateLimited, "slow \u{1b}[31mdown\nplease")
    }

    #[test]
    fn a_run_is_told_line_by_line() {
        let story = RunBuilder::of(&[("a", "reader"), ("b", "writer"), ("c", "writer")])
            .plays("a", "openai/gpt-4o")
            .at(1000)
            .attempt("b", 1, "zai/glm")
            .attempt_fails("b", 1, limited(), Some(2100))
            .at(3100)
            .attempt("b", 2, "zai/glm")
            .attempt_fails("b", 2, limited(), None)
            .fails("b", limited())
            .skipped("c", "b")
            .finished(RunStatus::Partial);
        assert_eq!(
            told(&story.records, false),
            [
                "[orch] ▶ run_20261120_093000_7f3a started: feature, 3 tasks",
                "[a] ▶ started (reader, openai/gpt-4o)",
                "[a] ✅ done in 900 ms (openai/gpt-4o, 1 call, 1,200 tokens)",
                "[b] ▶ started (writer, zai/glm)",
                "[b] ↻ retrying in 2.1 s: rate limited: slow down please",
                "[b] ▶ attempt 2 (writer, zai/glm)",
                "[b] ❌ failed after 2 attempts in 2.1 s: rate limited: slow down please",
                "[c] ⏭ not run: it needs b",
                "[orch] ⚠ partial after 3.1 s",
            ]
        );
    }

    #[test]
    fn verbose_tells_calls_and_times() {
        let story = RunBuilder::of(&[("a", "reader")]).plays("a", "m/m").at(1000).call("a", 2, "m/m");
        let story = story.call_fails("a", 2, FailureKind::Connection);
        assert_eq!(
            told(&story.records, true),
            [
                "+0 ms [orch] ▶ run_20261120_093000_7f3a started: feature, 1 task\n  goal: Add a login\n  \
                 workspace: orchestra_workspaces/feature\n  1. a (reader)",
                "+0 ms [a] ▶ started (reader, m/m)",
                "+0 ms [a] → call 1 to m/m, ~900 tokens",
                "+900 ms [a] ← call 1 answered in 900 ms (first byte 250 ms): 1,000 tokens in, 200 out, $0.0050",
                "+900 ms [a] ✅ done in 900 ms (m/m, 1 call, 1,200 tokens)",
                "+1.0 s [a] → call 1 to m/m, ~900 tokens",
                "+1.0 s [a] ← call 1 failed in 100 ms: connection failed: slow down",
            ]
        );
    }

    #[test]
    fn a_resume_says_how_much_is_done() {
        let story = RunBuilder::of(&[("a", "b"), ("c", "b")]).plays("a", "m/m").resumed();
        let told = told(&story.records, false);
        assert_eq!(told[3], "[orch] ▶ run_20261120_093000_7f3a resumed: 1 of 2 done");
    }
}
