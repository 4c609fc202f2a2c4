//! Whether a task is wanted: its condition, asked with what there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::runner::prepare::why_failed;
use crate::engine::runner::{RunError, Runner};
use crate::plan::condition::Condition;
use crate::plan::graph::TaskIx;
use crate::plan::inputs::with_usual;
use crate::plan::template::{RunValues, TemplateError, Values};
use crate::run::history::TaskState;
use crate::words::event::Omission;
use crate::words::failure::{Failure, FailureKind};

impl Runner {
    /// Why a task is not wanted; nothing if it is. The inner error says why that cannot be told. A task that has begun
    /// is wanted: what it waits for changes no more.
    pub(super) fn omission(&self, task: TaskIx) -> Result<Result<Option<Omission>, Failure>, RunError> {
        let Some(history) = self.state.history() else { return Ok(Ok(None)) };
        let orchestra = self.state.orchestra();
        let definition = &orchestra.tasks[task];
        let is_of_members = definition.for_each().is_some();
        let condition = definition.when.as_ref().filter(|when| !(is_of_members && when.names_item()));
        let Some(condition) = condition.filter(|_| {
            let known = &history.tasks[task];
            known.state == TaskState::Waiting && known.members.is_none()
        }) else {
            return Ok(Ok(None));
        };
        self.ask(task, condition, &|values| match condition.holds(values) {
            Ok(true) => Ok(None),
            Ok(false) => {
                let when = condition.text().to_owned();
                Ok(Some(Omission::Condition { when, values: condition.seen(values) }))
            }
            Err(error) => Err(cannot_be_told("when", &error)),
        })
    }

    /// Asks a condition of a task, with what there is before the task.
    pub(super) fn ask<A>(
        &self,
        task: TaskIx,
        condition: &Condition,
        answer: &dyn Fn(&Values<'_>) -> Result<A, Failure>,
    ) -> Result<Result<A, Failure>, RunError> {
        let Some(history) = self.state.history() else {
            return Ok(Err(Failure::new(FailureKind::Internal, "the run has not begun")));
        };
        let orchestra = self.state.orchestra();
        let mut outputs: Vec<(&str, Arc<str>)> = Vec::new();
        let mut failures: Vec<(&str, String)> = Vec::new();
        for needed in orchestra.plan.upstream(task) {
            let name = orchestra.tasks[needed].name.as_str();
            failures.extend(why_failed(&history.tasks[needed].state).map(|why| (name, why)));
            if condition.may_name(name) {
                outputs.extend(self.context.output(needed, &self.state)?.map(|text| (name, text)));
            }
        }
        let (item, round) = orchestra.tasks[task].item_values();
        let given = with_usual(&orchestra.inputs, &history.start.inputs);
        let project = self.context.programs.directory.to_string_lossy();
        let values = Values {
            goal: &history.start.goal,
            inputs: Some(&given),
            run: RunValues { id: history.start.run.as_str(), project: &project, is_rehearsal: history.start.rehearsal },
            outputs: outputs.iter().map(|(name, text)| (*name, &**text)).collect::<BTreeMap<_, _>>(),
            failures: failures.iter().map(|(name, why)| (*name, why.as_str())).collect(),
            ctx: Some(&history.ctx),
            item,
            round,
        };
        Ok(answer(&values))
    }
}

/// What a condition failed of.
pub(super) fn cannot_be_told(key: &str, error: &TemplateError) -> Failure {
    Failure::new(FailureKind::BadRequest, format!("in `{key}`, {}: {}", error.hole, error.message))
}
