//! Limits that could hold nothing: on tools that there are not, and on groups that call no model.

use std::collections::HashMap;

use crate::plan::graph::TaskIx;
use crate::plan::resolve::Resolver;
use crate::plan::spec::Limits;
use crate::plan::spec::located::{Either, Spanned};
use crate::plan::tools;
use crate::words::diagnostic::{Diagnostic, near_miss};

impl<'r> Resolver<'r> {
    /// What is wrong with the limits of the run, its groups and its tasks.
    pub(super) fn check_limits(&mut self, names: &HashMap<&'r str, TaskIx>) {
        let file = self.file;
        let of_run = file.limits.iter().chain(file.orchestra.iter().filter_map(|settings| settings.limits.as_ref()));
        let of_tasks = file.tasks.value.iter().filter_map(|task| task.value.limits.as_ref());
        let execution = file.execution.as_ref().or_else(|| file.orchestra.as_ref()?.execution.as_ref());
        let groups = || {
            execution.iter().flat_map(|execution| execution.value.task_groups.iter().flat_map(|groups| &groups.value))
        };
        let of_groups = groups().filter_map(|group| group.limits.as_ref());
        of_run.chain(of_groups).chain(of_tasks).for_each(|limits| self.check_tools(limits));
        for group in groups() {
            let Some(limits) = &group.limits else { continue };
            let runs = |name: &str| names.get(name).is_some_and(|&task| file.tasks.value[task].value.run.is_some());
            if !group.tasks.value.is_empty() && group.tasks.value.iter().all(|task| runs(&task.value)) {
                let message = "every task of this group is done by a program, and limits are for agents";
                self.diagnostics.push(
                    Diagnostic::error(message, limits.span.clone(), "nothing that they could hold")
                        .help("take them out; `timeout_seconds` of a task is for programs too"),
                );
            }
        }
    }

    fn check_tools(&mut self, limits: &Spanned<Limits>) {
        let Some(Either::Full(tools)) = &limits.value.max_tool_calls else { return };
        let servers = &self.file.mcp_servers;
        for tool in tools.keys() {
            let is_there = match tool.split_once('/') {
                Some((server, _)) => servers.iter().any(|(name, _)| name.as_str() == server),
                None => tool == "*" || tools::find(tool).is_some(),
            };
            if is_there || self.context.omissions.entries {
                continue;
            }
            let near = near_miss(tool, tools::names());
            let help = near.map_or_else(
                || {
                    "name a tool as `tools` of an agent does: `read_file`, or `server/tool`; `\"*\"` is all of them"
                        .to_owned()
                },
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("`max_tool_calls` names `{tool}`, and there is no such tool");
            self.diagnostics.push(Diagnostic::error(message, limits.span.clone(), "in these limits").help(help));
        }
    }
}
