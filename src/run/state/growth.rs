//! Growth: a task that stands for many becomes them, and goes on when all of them have ended.

use super::{Command, State};
use crate::plan::graph::TaskIx;
use crate::plan::orchestra::{Item, Task};
use crate::plan::resolve;
use crate::plan::spec::OnError;
use crate::run::history::TaskState;
use crate::run::schedule::TaskRules;
use crate::words::event::{PlannedTask, TaskEvent};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::Name;
use crate::words::text::plural;

/// What the schedule has to know of a task.
pub(super) fn rules(task: &Task) -> TaskRules {
    TaskRules {
        stops_on_failure: task.on_error == OnError::Stop,
        fans_out: task.for_each.is_some(),
        join: task.join,
        max_members: task.for_each.as_ref().and_then(|for_each| for_each.max_parallel),
    }
}

impl State {
    /// What comes next for a task that stands for many: its members, its output, or its failure.
    pub(super) fn next_of_fan_out(&self, task: TaskIx) -> Command {
        let members = self.history.as_ref().and_then(|history| history.tasks[task].members.as_ref());
        let Some(members) = members else { return Command::Expand(task) };
        match self.failure_of_members(task, members) {
            Some(failure) => self.record(task, TaskEvent::Failed { failure }),
            None => Command::Collect(task),
        }
    }

    /// With `on_error: stop` one failed member fails the whole; otherwise only when there is no other.
    fn failure_of_members(&self, task: TaskIx, members: &[TaskIx]) -> Option<Failure> {
        let history = self.history.as_ref()?;
        let failed: Vec<&Name> = members
            .iter()
            .map(|&member| &history.tasks[member])
            .filter(|member| matches!(member.state, TaskState::Failed(_)))
            .map(|member| &member.planned.task)
            .collect();
        let first = failed.first()?;
        let some_succeeded = members.iter().any(|&member| history.tasks[member].output().is_some());
        if self.orchestra.tasks[task].on_error == OnError::Continue && some_succeeded {
            return None;
        }
        let of = plural(members.len() as u64, "item", "items");
        let message = format!("{} of {of} failed, `{first}` first", failed.len());
        Some(Failure::new(FailureKind::MembersFailed, message))
    }

    /// Takes the members of a task into the graph. What they are follows from the task and their items alone, live and
    /// read back.
    pub(super) fn grow(&mut self, parent: &Name, tasks: &[PlannedTask]) {
        let Some(history) = &self.history else { return };
        let Some(parent) = history.place(parent.as_str()) else { return };
        let members = history.tasks[parent].members.clone().unwrap_or_default();
        let items = tasks.iter().map(|task| task.item.clone().unwrap_or_default()).collect();
        // The file may say something else by now than when the run grew. Then the task runs again, and grows anew.
        let definitions =
            resolve::extend(&self.orchestra, parent, items).unwrap_or_else(|_| self.stand_ins(parent, tasks));
        let known = self.tasks.len();
        let new = members.iter().filter(|&&member| member >= known).count();
        let range = self.orchestra.plan.grow(parent, new);
        for (&member, definition) in members.iter().zip(definitions) {
            if member < known {
                self.orchestra.tasks[member] = definition;
            } else {
                self.admission.add_task(&definition);
                self.orchestra.tasks.push(definition);
                self.tasks.push(super::TaskRun::default());
            }
        }
        let rules = TaskRules {
            stops_on_failure: self.orchestra.tasks[parent].on_error == OnError::Stop,
            join: self.orchestra.tasks[parent].join,
            ..TaskRules::default()
        };
        self.schedule.grow(&self.orchestra.plan, parent, range, &members, rules);
    }

    fn stand_ins(&self, parent: TaskIx, planned: &[PlannedTask]) -> Vec<Task> {
        let length = planned.len();
        let stand_in = |(place, planned): (usize, &PlannedTask)| {
            let value = planned.item.clone().unwrap_or_default();
            let item = Some(Item { parent, index: place + 1, length, value });
            Task { name: planned.task.clone(), for_each: None, item, ..self.orchestra.tasks[parent].clone() }
        };
        planned.iter().enumerate().map(stand_in).collect()
    }
}
