//! What the tasks wait for: their names, their contexts, and the graph that these make.

use std::collections::HashMap;

use crate::plan::graph::{GraphSpec, Ordering, Plan, TaskIx, TaskSpec};
use crate::plan::resolve::{Resolver, groups};
use crate::plan::spec::located::Either;
use crate::plan::spec::{self, Strategy, Text};
use crate::words::diagnostic::{Diagnostic, near_miss};

/// The tasks that a task names to wait for.
fn context_of(task: &spec::Task) -> Option<&[Text]> {
    match (&task.context, &task.on_failure) {
        (Some(list), _) => Some(list.value.as_slice()),
        (None, Some(Either::Short(one))) => Some(std::slice::from_ref(one)),
        (None, Some(Either::Full(list))) => Some(list.value.as_slice()),
        (None, None) => None,
    }
}

impl<'r> Resolver<'r> {
    /// The tasks by name; the first one where two have the same.
    pub(super) fn task_names(&mut self) -> HashMap<&'r str, TaskIx> {
        let tasks = &self.file.tasks.value;
        if tasks.is_empty() && !self.context.omissions.entries {
            self.diagnostics.push(Diagnostic::error("there are no tasks", self.file.tasks.span.clone(), "empty"));
        }
        let mut names: HashMap<&str, TaskIx> = HashMap::with_capacity(tasks.len());
        // Some file systems do not tell `A` from `a`, and each task has a file of its own.
        let mut folded: HashMap<String, TaskIx> = HashMap::with_capacity(tasks.len());
        for (ix, task) in tasks.iter().enumerate() {
            let name = &task.value.name;
            if self.name(name, "the name of a task").is_none() {
                continue;
            }
            if let Some(&first) = folded.get(&name.value.to_lowercase()) {
                let first = &tasks[first].value.name;
                let message = if first.value == name.value {
                    format!("two tasks are called `{}`", name.value)
                } else {
                    format!(
                        "`{}` and `{}` would share an output file where case does not count",
                        first.value, name.value
                    )
                };
                self.diagnostics.push(
                    Diagnostic::error(message, name.span.clone(), "the second")
                        .see(first.span.clone(), "the first")
                        .help("give one of them another name"),
                );
                continue;
            }
            folded.insert(name.value.to_lowercase(), ix);
            names.insert(&name.value, ix);
        }
        names
    }

    pub(super) fn contexts(&mut self, names: &HashMap<&'r str, TaskIx>) -> Vec<Option<Vec<TaskIx>>> {
        let file = self.file;
        let mut contexts = Vec::with_capacity(file.tasks.value.len());
        for task in &file.tasks.value {
            let context = context_of(&task.value).map(|list| {
                let mut needed: Vec<TaskIx> = Vec::with_capacity(list.len());
                for text in list {
                    match names.get(text.value.as_str()) {
                        Some(_) if text.value == task.value.name.value => self.diagnostics.push(
                            Diagnostic::error(
                                format!("`{}` cannot need its own output", text.value),
                                text.span.clone(),
                                "itself",
                            )
                            .help("take it out of `context`"),
                        ),
                        // Each output is given once, however often it is named.
                        Some(ix) if needed.contains(ix) => {}
                        Some(&ix) => needed.push(ix),
                        None => self.unknown_task(text, names),
                    }
                }
                needed
            });
            contexts.push(context);
        }
        contexts
    }

    pub(super) fn unknown_task(&mut self, text: &Text, names: &HashMap<&'r str, TaskIx>) {
        if self.context.omissions.entries {
            return;
        }
        let help = self.near_task(&text.value, names).map_or_else(
            || "`context` names tasks whose outputs are needed".to_owned(),
            |n| format!("did you mean `{n}`?"),
        );
        let message = format!("there is no task `{}`", text.value);
        self.diagnostics.push(Diagnostic::error(message, text.span.clone(), "not a task").help(help));
    }

    /// The task that a wrong name is most likely meant to be. With thousands of mistakes only the first few dozen are
    /// worth the search, which goes through all names.
    pub(super) fn near_task(&self, wrong: &str, names: &HashMap<&'r str, TaskIx>) -> Option<&'r str> {
        if self.diagnostics.len() > 50 {
            return None;
        }
        near_miss(wrong, names.keys().copied())
    }

    pub(super) fn plan(
        &mut self,
        strategy: Strategy,
        contexts: &[Option<Vec<TaskIx>>],
        groups: &[groups::Group],
    ) -> Option<Plan> {
        let tasks = &self.file.tasks.value;
        let outline = GraphSpec {
            arrangement: if strategy == Strategy::Sequential { Ordering::Chain } else { Ordering::Free },
            tasks: tasks
                .iter()
                .zip(contexts)
                .map(|(task, context)| TaskSpec {
                    context: context.clone(),
                    urgency: task.value.priority.unwrap_or_default() as u8,
                })
                .collect(),
            groups: groups.iter().map(|g| g.outline.clone()).collect(),
        };
        match Plan::new(&outline) {
            Ok(plan) => Some(plan),
            Err(cycles) => {
                for cycle in cycles {
                    let Some(&first) = cycle.first() else { continue };
                    let names: Vec<&str> =
                        cycle.iter().chain([&first]).map(|&ix| tasks[ix].value.name.value.as_str()).collect();
                    let at = &tasks[first].value;
                    let span = at.context.as_ref().map_or_else(|| at.name.span.clone(), |context| context.span.clone());
                    let direct = cycle
                        .iter()
                        .zip(cycle.iter().cycle().skip(1))
                        .all(|(&task, next)| contexts[task].as_ref().is_some_and(|context| context.contains(next)));
                    let help = if direct {
                        "take one of them out of a `context`"
                    } else {
                        "a task cannot need one of a later group; move it, or take it out of `context`"
                    };
                    self.diagnostics.push(
                        Diagnostic::error(format!("tasks wait for each other: {}", names.join(" -> ")), span, "waits")
                            .help(help),
                    );
                }
                None
            }
        }
    }
}
