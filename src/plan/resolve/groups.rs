//! The groups of a `mixed` orchestra.

use std::collections::HashMap;

use crate::plan::graph::{GroupSpec, Ordering, Plan, TaskIx};
use crate::plan::resolve::Resolver;
use crate::plan::spec::{self, GroupStrategy, Limits, Strategy, TaskGroup, Text};
use crate::words::diagnostic::Diagnostic;

/// A group whose tasks are looked up.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) outline: GroupSpec,
    pub(super) limits: Limits,
}

impl<'r> Resolver<'r> {
    pub(super) fn groups(
        &mut self,
        settings: Option<&'r spec::Execution>,
        strategy: Strategy,
        names: &HashMap<&'r str, TaskIx>,
    ) -> Vec<Group> {
        let Some(groups) = settings.and_then(|s| s.task_groups.as_ref()) else { return Vec::new() };
        if strategy != Strategy::Mixed {
            // The command line may set another strategy for one run; the file itself has to agree with itself.
            if self.context.overrides.strategy.is_none() && !self.context.omissions.settings {
                self.diagnostics.push(
                    Diagnostic::error(
                        format!("`task_groups` has no effect with `strategy: {}`", strategy.name()),
                        groups.span.clone(),
                        "",
                    )
                    .help("use `strategy: mixed`, or take the groups out"),
                );
            }
            return Vec::new();
        }
        let mut member_of: HashMap<TaskIx, &Text> = HashMap::new();
        let mut group_names: HashMap<&str, &Text> = HashMap::new();
        let mut resolved = Vec::with_capacity(groups.value.len());
        for (number, group) in groups.value.iter().enumerate() {
            if let Some(name) = &group.name
                && let Some(first) = group_names.insert(&name.value, name)
            {
                self.diagnostics.push(
                    Diagnostic::error(
                        format!("two groups are called `{}`", name.value),
                        name.span.clone(),
                        "the second",
                    )
                    .see(first.span.clone(), "the first"),
                );
            }
            resolved.push(Group {
                name: group.name.as_ref().map_or_else(|| format!("group {}", number + 1), |name| name.value.clone()),
                outline: GroupSpec {
                    arrangement: match group.execution_strategy {
                        Some(GroupStrategy::Parallel) => Ordering::Free,
                        Some(GroupStrategy::Sequential) | None => Ordering::Chain,
                    },
                    tasks: self.members(group, names, &mut member_of),
                },
                limits: group.limits.as_ref().map(|limits| limits.value.clone()).unwrap_or_default(),
            });
        }
        resolved
    }

    /// Warns of tasks behind another group that are given no output at all, though the file does not say so.
    pub(super) fn check_starts(&mut self, plan: &Plan, contexts: &[Option<Vec<TaskIx>>], groups: &[Group]) {
        for (before, group) in groups.iter().zip(groups.iter().skip(1)) {
            for &task in &group.outline.tasks {
                if contexts[task].is_some() || !plan.needs(task).is_empty() {
                    continue;
                }
                let names = |tasks: &[TaskIx]| {
                    let names = tasks.iter().map(|&task| self.file.tasks.value[task].value.name.value.as_str());
                    names.collect::<Vec<_>>().join(", ")
                };
                let name = &self.file.tasks.value[task].value.name;
                let message = format!("`{}` gets no output of the group `{}` before it", name.value, before.name);
                let help = format!(
                    "give it `context: [{}]`, or `context: []` if it is to begin from nothing",
                    names(&before.outline.tasks)
                );
                let warning = Diagnostic::error(message, name.span.clone(), "begins from nothing").into_warning();
                self.diagnostics.push(warning.help(help));
            }
        }
    }

    fn members(
        &mut self,
        group: &'r TaskGroup,
        names: &HashMap<&'r str, TaskIx>,
        member_of: &mut HashMap<TaskIx, &'r Text>,
    ) -> Vec<TaskIx> {
        let mut members = Vec::with_capacity(group.tasks.value.len());
        if group.tasks.value.is_empty() && !self.context.omissions.entries {
            self.diagnostics.push(Diagnostic::error("a group needs tasks", group.tasks.span.clone(), "empty"));
        }
        for text in &group.tasks.value {
            let Some(&ix) = names.get(text.value.as_str()) else {
                if self.context.omissions.entries {
                    continue;
                }
                let diagnostic =
                    Diagnostic::error(format!("there is no task `{}`", text.value), text.span.clone(), "not a task");
                let diagnostic = match self.near_task(&text.value, names) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                    None => diagnostic.help("a group lists tasks of this file"),
                };
                self.diagnostics.push(diagnostic);
                continue;
            };
            if let Some(first) = member_of.insert(ix, text) {
                self.diagnostics.push(
                    Diagnostic::error(format!("`{}` is in two groups", text.value), text.span.clone(), "and here")
                        .see(first.span.clone(), "here")
                        .help("a task runs once, so it belongs to one group"),
                );
                continue;
            }
            members.push(ix);
        }
        members
    }
}
