//! What a run has come to: the fold of its events that views, summaries and a resume read.
//!
//! Live and read back, events go through the same [`History::apply`]. An event that does not fit what came before is
//! refused and changes nothing. Knows no file, no clock and no orchestra: a run can be read without its file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::words::event::{Event, Omission, Output, PlannedTask, Record, RunEvent, RunStarted, RunStatus, TaskEvent};
use crate::words::id::Name;

mod illegal;
mod task;

pub use illegal::IllegalEvent;
pub use task::{Answer, Gate, Step, TaskHistory, TaskState, ToolAnswer, ToolRead};

/// A run, folded.
#[derive(Debug, Clone)]
pub struct History {
    /// What was fixed at the start.
    pub start: Arc<RunStarted>,
    /// The tasks: those of the file in its order, then those that the run has grown by.
    pub tasks: Vec<TaskHistory>,
    /// The values that the tasks share, by their keys.
    pub ctx: BTreeMap<String, Value>,
    /// How the last process left the run; `None` while one holds it, or when it was killed.
    pub status: Option<RunStatus>,
    /// Wall time of the first event, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// Wall time of the last event, in milliseconds since 1970.
    pub last_at_ms: u64,
    /// How often the run was taken up again.
    pub resumes: u32,
    /// The sequence number of the last event.
    pub last_seq: u64,
    /// Outputs that were given up because the file has changed since. Where a task turns out to depend on the same as
    /// one of them did, it takes that and is not made again.
    pub released: Vec<Released>,
    /// The signal that told this process to stop the run, if one did.
    pub stop: Option<String>,
    /// Whether a limit stopped a task since the run was last taken up.
    limit_reached: bool,
    /// Whether a limit was passed, since this process took up the run.
    limit_passed: bool,
    /// The time that earlier processes spent on the run, in microseconds.
    earlier_us: u64,
    /// The last event's time in its process, in microseconds.
    mono_us: u64,
    index: HashMap<Name, usize>,
}

/// An output that its task has given up.
#[derive(Debug, Clone, PartialEq)]
pub struct Released {
    /// The key of what it depends on.
    pub key: String,
    /// The output.
    pub output: Output,
}

impl History {
    /// Folds a whole journal.
    ///
    /// # Errors
    /// The first record that does not fit.
    pub fn of(records: &[Record]) -> Result<Self, IllegalEvent> {
        let (first, rest) = records.split_first().ok_or_else(IllegalEvent::no_start)?;
        let mut history = Self::begin(first)?;
        rest.iter().try_for_each(|record| history.apply(record))?;
        Ok(history)
    }

    /// Begins the fold with a journal's first record.
    ///
    /// # Errors
    /// If that is not a start with number 1.
    pub fn begin(record: &Record) -> Result<Self, IllegalEvent> {
        let Event::Run(RunEvent::Started(start)) = &record.event else {
            return Err(IllegalEvent::new(record, "the first event of a run is its start"));
        };
        let tasks: Vec<TaskHistory> = start.tasks.iter().cloned().map(TaskHistory::new).collect();
        let index: HashMap<Name, usize> =
            tasks.iter().enumerate().map(|(ix, task)| (task.planned.task.clone(), ix)).collect();
        if record.seq != 1 || index.len() != tasks.len() {
            return Err(IllegalEvent::new(record, "a start has number 1, and its tasks different names"));
        }
        Ok(Self {
            index,
            start: start.clone(),
            tasks,
            ctx: BTreeMap::new(),
            status: None,
            started_at_ms: record.at_ms,
            last_at_ms: record.at_ms,
            resumes: 0,
            last_seq: record.seq,
            released: Vec::new(),
            stop: None,
            limit_reached: false,
            limit_passed: false,
            earlier_us: 0,
            mono_us: record.mono_us,
        })
    }

    /// Takes the next record. The only place where a history changes.
    ///
    /// # Errors
    /// If the record does not fit what came before; nothing has changed then.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        self.check(record).map_err(|why| IllegalEvent::new(record, why))?;
        self.follow(record);
        Ok(())
    }

    /// Takes a record whether it fits or not.
    #[cfg(test)]
    pub fn force(&mut self, record: &Record) {
        self.follow(record);
    }

    fn follow(&mut self, record: &Record) {
        if let Event::Run(RunEvent::Resumed { rerun, changed, .. }) = &record.event {
            self.earlier_us += self.mono_us;
            self.resume(rerun, changed);
        }
        self.last_seq = record.seq;
        self.last_at_ms = record.at_ms;
        self.mono_us = record.mono_us;
        match &record.event {
            Event::Run(RunEvent::Started(_) | RunEvent::Resumed { .. }) => {}
            Event::Run(RunEvent::GraphGrown { parent, tasks }) => self.grow(parent, tasks),
            Event::Run(RunEvent::StopRequested { signal }) => self.stop = Some(signal.clone()),
            Event::Run(RunEvent::LimitPassed { .. }) => self.limit_passed = true,
            Event::Run(RunEvent::Finished { status }) => self.status = Some(*status),
            Event::Task { task, event } => {
                let now = self.elapsed_us();
                if let Some(&ix) = self.index.get(task) {
                    self.tasks[ix].apply(event, now);
                }
                match event {
                    TaskEvent::LimitReached { .. } => self.limit_reached = true,
                    TaskEvent::CtxSet { key, value, .. } => self.set_ctx(key, value),
                    TaskEvent::Reused { run, output, cache: Some(hit) } if *run == self.start.run => {
                        self.take_back(&hit.cache_key.key, output);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Each output that was given up stands for one task only.
    fn take_back(&mut self, key: &str, output: &Output) {
        let is_it = |released: &Released| released.key == key && released.output.sha256 == output.sha256;
        if let Some(place) = self.released.iter().position(is_it) {
            self.released.remove(place);
        }
    }

    /// The time that processes have spent on the run until the last event, in microseconds.
    #[must_use]
    pub fn elapsed_us(&self) -> u64 {
        self.earlier_us + self.mono_us
    }

    /// The same at a moment of this process, which is `mono_us` on its clock.
    #[must_use]
    pub fn elapsed_at_us(&self, mono_us: u64) -> u64 {
        self.earlier_us + mono_us.max(self.mono_us)
    }

    /// The place of the task with this name in [`History::tasks`].
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// A task by name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&TaskHistory> {
        self.index.get(name).map(|&ix| &self.tasks[ix])
    }

    /// The tasks that count: all but those that a later growth has left out.
    pub fn counted(&self) -> impl Iterator<Item = &TaskHistory> {
        self.tasks.iter().filter(|task| task.state != TaskState::Withdrawn)
    }

    /// Whether there is nothing left to do: every task is done, and the workspace has been seen to show it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status == Some(RunStatus::Succeeded)
    }

    /// Whether the run has said that a limit was passed.
    pub(super) fn has_passed_limit(&self) -> bool {
        self.limit_passed
    }

    /// How the run stands if it ends now.
    pub(super) fn end_status(&self) -> RunStatus {
        let (mut all, mut settled, mut succeeded, mut open, mut asked) = (0, 0, 0, 0, 0);
        for task in self.counted() {
            all += 1;
            settled += usize::from(task.is_settled());
            succeeded += usize::from(task.output().is_some());
            open += usize::from(!task.state.is_final());
            asked += usize::from(task.gate().is_some());
        }
        match () {
            () if settled == all && !self.limit_passed => RunStatus::Succeeded,
            () if self.limit_reached || self.limit_passed => RunStatus::Limited,
            () if asked > 0 && self.stop.is_none() => RunStatus::Waiting,
            () if open > 0 => RunStatus::Interrupted,
            () if succeeded > 0 => RunStatus::Partial,
            () => RunStatus::Failed,
        }
    }

    fn set_ctx(&mut self, key: &str, value: &Value) {
        if value.is_null() {
            self.ctx.remove(key);
        } else {
            self.ctx.insert(key.to_owned(), value.clone());
        }
    }

    fn grow(&mut self, parent: &Name, tasks: &[PlannedTask]) {
        let Some(&parent) = self.index.get(parent) else { return };
        let mut members = Vec::with_capacity(tasks.len());
        for planned in tasks {
            let ix = match self.index.get(&planned.task) {
                Some(&ix) => {
                    // One of an earlier growth: what it has cost stays counted, and its attempts go on counting.
                    self.tasks[ix].replan(planned.clone());
                    ix
                }
                None => {
                    self.index.insert(planned.task.clone(), self.tasks.len());
                    self.tasks.push(TaskHistory::new(planned.clone()));
                    self.tasks.len() - 1
                }
            };
            self.tasks[ix].parent = Some(parent);
            members.push(ix);
        }
        self.tasks[parent].members.get_or_insert_default().extend(members);
    }

    fn resume(&mut self, rerun: &[Name], changed: &[PlannedTask]) {
        self.status = None;
        self.stop = None;
        self.limit_reached = false;
        self.limit_passed = false;
        self.resumes += 1;
        for planned in changed {
            if let Some(&ix) = self.index.get(&planned.task) {
                self.tasks[ix].planned = planned.clone();
            }
        }
        let relisted = self.relisted(rerun, changed);
        let withdrawn = self.members_of(&relisted);
        let anew = !changed.is_empty();
        self.tasks.iter_mut().for_each(|task| task.resume(anew));
        let reopened = rerun.iter().filter_map(|name| self.index.get(name).copied());
        for ix in reopened.chain(withdrawn.iter().copied()).collect::<Vec<_>>() {
            self.released.extend(self.tasks[ix].give_up(&self.start.run));
        }
        for member in withdrawn {
            self.tasks[member].state = TaskState::Withdrawn;
            self.tasks[member].members = None;
        }
        relisted.into_iter().for_each(|ix| self.tasks[ix].members = None);
    }

    /// The tasks that give up their members when those in `rerun` run again since those in `changed` say something
    /// else, or since a person has rejected what came of them: they go through their lists anew. One that neither concerns
    /// keeps its members, and only puts their outputs together once more.
    #[must_use]
    pub fn relisted(&self, rerun: &[Name], changed: &[PlannedTask]) -> Vec<usize> {
        let again: HashSet<&Name> = rerun.iter().collect();
        let changed: HashSet<&Name> = changed.iter().map(|planned| &planned.task).collect();
        let concerned = |task: &&TaskHistory| {
            let name = &task.planned.task;
            let is_changed = changed.contains(name) || task.planned.needs.iter().any(|needed| again.contains(needed));
            again.contains(name) && is_changed || task.is_rejected()
        };
        let tasks = self.tasks.iter().enumerate();
        tasks.filter(|(_, task)| task.members.is_some() && concerned(task)).map(|(ix, _)| ix).collect()
    }

    /// The members of some tasks, and those that these have.
    #[must_use]
    pub fn members_of(&self, tasks: &[usize]) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = tasks.to_vec();
        while let Some(task) = open.pop() {
            let members = self.tasks[task].members.as_deref().unwrap_or_default();
            found.extend(members);
            open.extend(members);
        }
        found
    }

    /// Why persons have rejected what a task had made, or what was made of it.
    pub fn rejections_of(&self, task: usize) -> impl Iterator<Item = &String> {
        std::iter::successors(Some(task), |&task| self.tasks[task].parent).flat_map(|task| &self.tasks[task].rejections)
    }

    /// Why a record does not fit, if it does not.
    fn check(&self, record: &Record) -> Result<(), String> {
        if record.seq != self.last_seq + 1 {
            return Err(format!("it has number {}, and {} is next", record.seq, self.last_seq + 1));
        }
        let resumes = matches!(record.event, Event::Run(RunEvent::Resumed { .. }));
        if self.status.is_some() && !resumes {
            return Err("the run has ended".to_owned());
        }
        if record.mono_us < self.mono_us && !resumes {
            return Err("it is earlier than the event before it".to_owned());
        }
        match &record.event {
            Event::Run(event) => self.check_of_run(event),
            Event::Task { task, event } => {
                let Some(&ix) = self.index.get(task) else { return Err("there is no such task".to_owned()) };
                self.check_of_others(ix, event)?;
                self.tasks[ix].check(event)
            }
        }
    }

    fn check_of_run(&self, event: &RunEvent) -> Result<(), String> {
        match event {
            RunEvent::Started(_) => Err("the run has begun".to_owned()),
            RunEvent::Resumed { rerun, changed, .. } => {
                let unknown = rerun.iter().chain(changed.iter().map(|planned| &planned.task));
                match unknown.into_iter().find(|name| !self.index.contains_key(*name)) {
                    Some(name) => Err(format!("there is no task `{name}`")),
                    None => Ok(()),
                }
            }
            RunEvent::GraphGrown { parent, tasks } => self.check_growth(parent, tasks),
            RunEvent::StopRequested { .. } if self.stop.is_some() => Err("the run was told to stop before".to_owned()),
            RunEvent::StopRequested { .. } => Ok(()),
            RunEvent::LimitPassed { .. } if self.limit_passed => Err("that was said before".to_owned()),
            RunEvent::LimitPassed { .. } => Ok(()),
            RunEvent::Finished { status } => self.check_end(*status),
        }
    }

    fn check_end(&self, status: RunStatus) -> Result<(), String> {
        if let Some(task) = self.counted().find(|task| task.state.is_under_way()) {
            return Err(format!("`{}` is under way", task.planned.task));
        }
        let is_heard = |task: &&TaskHistory| {
            let has_ended = |member: &usize| self.tasks[*member].state.is_final();
            task.gate().is_some_and(|gate| gate.answer.is_some()) && task.members.iter().flatten().all(has_ended)
        };
        if let Some(task) = self.counted().find(is_heard) {
            return Err(format!("`{}` has not ended as it was answered", task.planned.task));
        }
        let all_done = self.counted().all(TaskHistory::is_settled);
        if all_done && self.limit_passed && status == RunStatus::Limited {
            return Ok(());
        }
        if all_done != (status == RunStatus::Succeeded) {
            return Err(format!("{} of its tasks are done", if all_done { "all" } else { "not all" }));
        }
        Ok(())
    }

    fn check_growth(&self, parent: &Name, tasks: &[PlannedTask]) -> Result<(), String> {
        let Some(parent) = self.task(parent.as_str()) else { return Err(format!("there is no task `{parent}`")) };
        let grows = match &parent.members {
            None => parent.planned.for_each,
            Some(members) => parent.planned.rounds && members.iter().all(|&member| self.tasks[member].is_settled()),
        };
        if !grows || parent.state != TaskState::Waiting {
            return Err(format!("`{}` does not wait for its members", parent.planned.task));
        }
        self.check_needs(parent)?;
        let is_of_it = |name: &Name| {
            let mut members = parent.members.iter().flatten();
            parent.planned.needs.contains(name) || members.any(|&member| self.tasks[member].planned.task == *name)
        };
        let mut names = HashSet::with_capacity(tasks.len());
        for planned in tasks {
            let before = self.task(planned.task.as_str());
            if before.is_some_and(|task| task.state != TaskState::Withdrawn) || names.contains(&planned.task) {
                return Err(format!("there is a task `{}` already", planned.task));
            }
            let needs_its_own = planned.needs.iter().all(|needed| names.contains(needed) || is_of_it(needed));
            if planned.item.is_none() || !needs_its_own {
                return Err(format!("`{}` is no member of `{}`", planned.task, parent.planned.task));
            }
            names.insert(&planned.task);
        }
        Ok(())
    }

    /// What an event needs of the other tasks.
    fn check_of_others(&self, ix: usize, event: &TaskEvent) -> Result<(), String> {
        let task = &self.tasks[ix];
        match event {
            TaskEvent::AttemptStarted { .. } => {
                if self.stop.is_some() {
                    return Err("the run was told to stop".to_owned());
                }
                self.check_needs(task)
            }
            TaskEvent::Reused { cache: Some(_), .. } | TaskEvent::ApprovalRequested { .. } => self.check_needs(task),
            TaskEvent::Skipped { because, .. } => match self.task(because.as_str()).map(|cause| &cause.state) {
                Some(TaskState::Failed(_) | TaskState::Skipped(..)) => Ok(()),
                _ => Err(format!("`{because}` has not failed")),
            },
            TaskEvent::Omitted(Omission::Dependency { because }) => {
                match self.task(because.as_str()).map(|cause| &cause.state) {
                    Some(TaskState::Omitted(_)) => Ok(()),
                    _ => Err(format!("`{because}` was not left out")),
                }
            }
            TaskEvent::Omitted(Omission::NoFailure { none_failed }) => {
                self.check_needs(task)?;
                let has_failed = |name: &&Name| {
                    let state = self.task(name.as_str()).map(|needed| &needed.state);
                    matches!(state, Some(TaskState::Failed(_) | TaskState::Skipped(..)))
                };
                none_failed.iter().find(has_failed).map_or(Ok(()), |name| Err(format!("`{name}` has failed")))
            }
            TaskEvent::Omitted(Omission::Condition { .. }) => self.check_needs(task),
            TaskEvent::Succeeded { .. } | TaskEvent::Failed { .. } if task.members.is_some() => {
                let open = task.members.iter().flatten().find(|&&member| !self.tasks[member].state.is_final());
                match open {
                    Some(&member) => Err(format!("its member `{}` has not ended", self.tasks[member].planned.task)),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn check_needs(&self, task: &TaskHistory) -> Result<(), String> {
        let missing = task.planned.needs.iter().find(|name| {
            // A need that was left out by `--only` is no task of this run.
            self.task(name.as_str())
                .is_some_and(|needed| if task.planned.joins { !needed.state.is_final() } else { !needed.is_settled() })
        });
        match missing {
            Some(name) => Err(format!("it needs `{name}`, which is not done")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
