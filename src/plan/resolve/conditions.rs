//! Conditions of tasks, checked as far as a file tells.

use std::collections::{BTreeSet, HashMap};

use crate::plan::condition::Condition;
use crate::plan::graph::{Plan, TaskIx};
use crate::plan::resolve::Resolver;
use crate::plan::spec::located::Either;
use crate::plan::spec::{self, Text, place};
use crate::plan::template::{ItemsKnown, Known, RoundsKnown, TemplateError};
use crate::words::diagnostic::Diagnostic;

impl<'r> Resolver<'r> {
    /// A condition of a task, which is the value of `key`; `None`, with what is wrong, where it is none. It may ask for every output that is there
    /// before the task can start, and not only for those that the task gets.
    pub(super) fn condition(
        &mut self,
        ix: TaskIx,
        (key, said): (&str, &Text),
        names: &HashMap<&'r str, TaskIx>,
        plan: Option<&Plan>,
        (items, rounds): (ItemsKnown<'_>, RoundsKnown<'_>),
    ) -> Option<Condition> {
        let condition = match Condition::new(key, &said.value) {
            Ok(condition) => condition,
            Err(error) => {
                self.wrong_condition(said, error);
                return None;
            }
        };
        let all: BTreeSet<&str> = names.keys().copied().collect();
        let tasks = &self.file.tasks.value;
        // Without a plan it cannot be told what comes before.
        let outputs: Vec<&str> = match plan {
            Some(plan) if !self.context.omissions.settings => {
                plan.upstream(ix).into_iter().map(|task| tasks[task].value.name.value.as_str()).collect()
            }
            _ => all.iter().copied().collect(),
        };
        let keys = self.keys_known(ix, plan);
        let schema = |task: &str| self.schema_of(*names.get(task)?);
        if let Some(error) = condition.check(&Known {
            outputs: &outputs,
            tasks: &all,
            schema: &schema,
            items,
            rounds,
            inputs: &self.inputs,
            ctx: keys.known(),
        }) {
            self.wrong_condition(said, error);
        }
        Some(condition)
    }

    /// A join of nothing is a mistake.
    pub(super) fn check_join(&mut self, ix: TaskIx, task: &spec::Task, plan: Option<&Plan>) {
        if let Some(said) = &task.on_failure {
            let span = match said {
                Either::Short(text) => &text.span,
                Either::Full(list) => &list.span,
            };
            let context = task.context.as_ref().map(|context| ("context", &context.span));
            let join = task.join.as_ref().map(|join| ("join", &join.span));
            for (key, other) in context.into_iter().chain(join) {
                let message = format!("`on_failure` stands in place of `{key}`");
                self.diagnostics.push(
                    Diagnostic::error(message, other.clone(), "both")
                        .see(span.clone(), "the other one")
                        .help("keep one of the two; `context` with `join: failed` says the same as `on_failure`"),
                );
            }
        }
        let Some(join) = &task.join else { return };
        if plan.is_some_and(|plan| plan.needs(ix).is_empty()) && !self.context.omissions.settings {
            self.diagnostics.push(
                Diagnostic::error("the task waits for nothing that could be joined", join.span.clone(), "")
                    .help("name the tasks in `context`, or take `join` out"),
            );
        }
    }

    fn wrong_condition(&mut self, said: &Text, error: TemplateError) {
        // The braces may stand in blank space, which is no part of the condition.
        let blank = said.value.len() - said.value.trim_start().len();
        let range = error.range.start + blank..error.range.end + blank;
        let span = place::within(self.context.source, said, range);
        let diagnostic = Diagnostic::error(error.message, span, "in this condition");
        self.diagnostics.push(Diagnostic { help: error.help, ..diagnostic });
    }
}
