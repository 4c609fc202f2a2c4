//! Growth: a task that stands for many becomes them, and goes on when all of them have ended.

use serde_json::Value;

use super::{Command, State};
use crate::plan::graph::TaskIx;
use crate::plan::growth::{Grows, Item, ItemKind};
use crate::plan::orchestra::Task;
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
        fans_out: !task.grows.is_empty(),
        join: task.join,
        max_members: task.max_members(),
    }
}

impl State {
    /// What comes next for a task that stands for many: its members, its output, or its failure.
    pub(super) fn next_of_fan_out(&self, task: TaskIx) -> Command {
        let members = self.history.as_ref().and_then(|history| history.tasks[task].members.as_ref());
        let Some(members) = members else { return Command::Expand(task) };
        match self.failure_of_members(task, members) {
            Some(failure) => self.record(task, TaskEvent::Failed { failure }),
            None if self.orchestra.tasks[task].for_each().is_some() => Command::Collect(task),
            None => Command::Expand(task),
        }
    }

    /// With `on_error: stop` one failed member fails the whole; otherwise only when there is no other.
    fn failure_of_members(&self, task: TaskIx, members: &[TaskIx]) -> Option<Failure> {
        let history = self.history.as_ref()?;
        // What plans is no part of what was planned.
        let is_planned = self.orchestra.tasks[task].expand().is_some() && members.len() > 1;
        let members = if is_planned { &members[1..] } else { members };
        let failed: Vec<&Name> = members
            .iter()
            .map(|&member| &history.tasks[member])
            .filter(|member| matches!(member.state, TaskState::Failed(_)))
            .map(|member| &member.planned.task)
            .collect();
        let first = failed.first()?;
        let some_succeeded = members.iter().any(|&member| history.tasks[member].output().is_some());
        let grows = self.orchestra.tasks[task].grows.first();
        let is_list = matches!(grows, Some(Grows::ForEach(_) | Grows::Expand(_)));
        if is_list && self.orchestra.tasks[task].on_error == OnError::Continue && some_succeeded {
            return None;
        }
        let (one, many) = match self.orchestra.tasks[task].grows.first() {
            Some(Grows::Repeat(_)) => ("round", "rounds"),
            Some(Grows::Expand(_) | Grows::Review(_)) => ("task", "tasks"),
            Some(Grows::ForEach(_)) | None => ("item", "items"),
        };
        let of = plural(members.len() as u64, one, many);
        let message = format!("{} of {of} failed, `{first}` first", failed.len());
        Some(Failure::new(FailureKind::MembersFailed, message))
    }

    /// Takes new members of a task into the graph. What they are follows from the task and what they were made for, live and
    /// read back.
    pub(super) fn grow(&mut self, parent: &Name, tasks: &[PlannedTask]) {
        let Some(history) = &self.history else { return };
        let Some(parent) = history.place(parent.as_str()) else { return };
        let all = history.tasks[parent].members.clone().unwrap_or_default();
        let (before, members) = all.split_at(all.len().saturating_sub(tasks.len()));
        let items: Vec<Value> = tasks.iter().map(|task| task.item.clone().unwrap_or_default()).collect();
        // The file may say something else by now than when the run grew. Then the task runs again, and grows anew.
        let definitions = match resolve::extend(&self.orchestra, parent, items) {
            Ok(members) => members.into_iter().map(|member| member.task).collect(),
            Err(_) => self.stand_ins(parent, tasks),
        };
        let known = self.tasks.len();
        let place = |name: &Name| history.place(name.as_str());
        let needs: Vec<Vec<TaskIx>> = tasks.iter().map(|task| task.needs.iter().filter_map(place).collect()).collect();
        let new: Vec<Vec<TaskIx>> = members
            .iter()
            .zip(&needs)
            .filter(|(member, _)| **member >= known)
            .map(|(_, needs)| needs.clone())
            .collect();
        self.orchestra.plan.grow(parent, &new);
        let mut rules = Vec::with_capacity(members.len());
        for ((&member, definition), needs) in members.iter().zip(definitions).zip(&needs) {
            rules.push((member, self::rules(&definition)));
            if member < known {
                self.orchestra.plan.replan(member, needs);
                self.orchestra.tasks[member] = definition;
            } else {
                self.admission.add_task(&definition);
                self.orchestra.tasks.push(definition);
                self.tasks.push(super::TaskRun::default());
            }
        }
        self.schedule.grow(&self.orchestra.plan, parent, &rules, !before.is_empty());
    }

    fn stand_ins(&self, parent: TaskIx, planned: &[PlannedTask]) -> Vec<Task> {
        let length = planned.len();
        let stand_in = |(place, planned): (usize, &PlannedTask)| {
            let value = planned.item.clone().unwrap_or_default();
            let item = Item { parent, index: place + 1, length, value, kind: ItemKind::Listed };
            Task { name: planned.task.clone(), ..self.orchestra.tasks[parent].member(item) }
        };
        planned.iter().enumerate().map(stand_in).collect()
    }
}
