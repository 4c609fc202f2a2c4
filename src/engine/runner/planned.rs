//! A task that plans others: what it grows by, and what it has made when those have ended.

use serde_json::{Value, json};

use crate::engine::runner::{RunError, Runner};
use crate::plan::graph::TaskIx;
use crate::plan::growth::Expand;
use crate::plan::output::plan;
use crate::run::state::Input;
use crate::words::failure::{Failure, FailureKind};

impl Runner {
    /// What comes next: the planning, what was planned, or the end.
    pub(super) fn after_plan(&mut self, task: TaskIx, expand: &Expand) -> Result<Input, RunError> {
        let members = self.state.history().and_then(|history| history.tasks[task].members.clone()).unwrap_or_default();
        match members.as_slice() {
            [] => Ok(Input::Expanded(task, self.members(task, vec![Value::Null]))),
            [plan] => {
                let output = self.context.output(*plan, &self.state)?.unwrap_or_default();
                Ok(Input::Expanded(task, self.planned(task, expand, &output)))
            }
            [_, planned @ ..] => Ok(Input::Collected(task, self.collected(task, planned, expand.collect)?)),
        }
    }

    fn planned(
        &self,
        task: TaskIx,
        expand: &Expand,
        output: &str,
    ) -> Result<Vec<crate::words::event::PlannedTask>, Failure> {
        let orchestra = self.state.orchestra();
        let spec = &orchestra.tasks[task].output.spec;
        let items = match spec.roster().map(|roster| plan::tasks(output, roster)) {
            Some(Ok(items)) => items,
            // A rehearsal makes no plan up; each who could be given a task gets one.
            _ if self.context.verify.is_rehearsal => orchestra.roster(expand).into_iter().map(rehearsed).collect(),
            Some(Err(why)) => return Err(Failure::new(FailureKind::InvalidOutput, why)),
            None => return Err(Failure::new(FailureKind::Internal, "a plan for nobody")),
        };
        self.members(task, items)
    }
}

fn rehearsed(agent: &str) -> Value {
    json!({"task_id": agent, "assigned_to": agent, "description": format!("What {agent} is given by the plan.")})
}
