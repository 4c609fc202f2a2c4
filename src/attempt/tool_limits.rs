//! How often tools may be called for one task: `max_tool_calls`.
//!
//! A call above the limit is not made; the model is told so once, and has to answer with what it has. Calls count over all
//! attempts and processes.

use super::Said;
use crate::words::conversation::{ToolCall, ToolResult};
use crate::words::failure::{Failure, FailureKind};

/// How what a model is told begins when a call is not made.
const REFUSED: &str = "This call was not made: ";

/// A limit of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToolLimit {
    /// The tool, as a file names it; `*` for all together.
    pub tool: String,
    /// How many calls.
    pub most: u64,
}

impl ToolLimit {
    /// Whether it counts a tool, by the name that a model knows it by.
    fn counts(&self, called: &str) -> bool {
        if self.tool == "*" || self.tool == called {
            return true;
        }
        let Some((server, tool)) = self.tool.split_once('/') else { return false };
        let plain = |name: &str| -> String {
            name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' }).collect()
        };
        let Some(rest) = called.strip_prefix(&format!("{}__", plain(server))) else { return false };
        // Names that would be the same have something behind them.
        let is_it = |rest: &str| rest.is_empty() || rest.starts_with('-');
        tool == "*" || rest.strip_prefix(plain(tool).as_str()).is_some_and(is_it)
    }
}

/// The limits of a task, with the tools that it has called before the conversation that goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToolLimits {
    /// The limits, each of which holds.
    pub limits: Vec<ToolLimit>,
    /// The tools that were called in conversations which led to nothing.
    pub before: Vec<String>,
}

impl ToolLimits {
    /// The call among the open ones of a turn that is one too many, with what the model is told. `conversation` ends with
    /// that turn.
    pub(super) fn refusals(&self, conversation: &[Said]) -> Vec<(ToolCall, String)> {
        let Some((last, _)) = conversation.split_last().filter(|_| !self.limits.is_empty()) else { return Vec::new() };
        let results = conversation.iter().flat_map(|said| &said.results);
        let made = results.filter(|result| !is_refusal(result)).map(|result| result.name.as_str());
        let mut used: Vec<&str> = self.before.iter().map(String::as_str).chain(made).collect();
        let mut refused = Vec::new();
        for call in &last.turn.calls {
            if last.results.iter().any(|result| result.id == call.id) {
                continue;
            }
            let is_met = |limit: &&ToolLimit| {
                let calls = used.iter().filter(|used| limit.counts(used)).count();
                limit.counts(&call.name) && calls as u64 >= limit.most
            };
            // What an earlier process began is finished.
            match self.limits.iter().find(is_met).filter(|_| !last.begun.contains(&call.id)) {
                Some(limit) => refused.push((call.clone(), told(limit))),
                None => used.push(&call.name),
            }
        }
        refused
    }

    /// Why the task ends where a model calls on that was told.
    pub(super) fn exceeded(&self, conversation: &[Said], task: &str) -> Option<Failure> {
        let (_, before) = conversation.split_last()?;
        let was_told = before.iter().flat_map(|said| &said.results).any(is_refusal);
        let (call, _) = self.refusals(conversation).into_iter().next().filter(|_| was_told)?;
        let message = format!(
            "the model went on to call `{}` for the task `{task}` after its calls of tools were used up; raise \
             `max_tool_calls` under its `limits`, then `orch resume`",
            call.name
        );
        Some(Failure::new(FailureKind::Budget, message))
    }
}

fn is_refusal(result: &ToolResult) -> bool {
    result.is_error && result.text.starts_with(REFUSED)
}

fn told(limit: &ToolLimit) -> String {
    let what = match limit.tool.as_str() {
        "*" => "calls of tools".to_owned(),
        tool => format!("calls of `{tool}`"),
    };
    format!(
        "{REFUSED}all {} {what} that this task may make are used up. Answer now with what you have, without another call.",
        limit.most
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_the_tool_that_the_file_names() {
        let counts = |tool: &str, called: &str| ToolLimit { tool: tool.to_owned(), most: 1 }.counts(called);
        for (tool, called) in [
            ("*", "x"),
            ("read_file", "read_file"),
            ("web/search", "web__search"),
            ("web/*", "web__get"),
            ("a.b/c d", "a_b__c_d-1f"),
        ] {
            assert!(counts(tool, called), "{tool} {called}");
        }
        for (tool, called) in [("read_file", "read_files"), ("web/search", "web__search_all"), ("web/*", "webs__get")] {
            assert!(!counts(tool, called), "{tool} {called}");
        }
    }
}
