//! The scheduler: a value that is told what happened and asked what to do next.
//!
//! Live events and those read back from a journal go through the same [`Schedule::apply`], so a resumed run stands
//! where the interrupted one stood. Knows no time, no file and no model.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use crate::plan::graph::{Edge, Plan, TaskIx};
use crate::plan::orchestra::Rules;
use crate::words::event::{Event, RunEvent, RunStatus, SkipReason, TaskEvent};
use crate::words::failure::FailureKind;
use crate::words::id::Name;

/// What is to be done next. The caller does it and applies the event that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Begin the first attempt at a task.
    Start(TaskIx),
    /// Say that a task is not run.
    Skip {
        /// The task.
        task: TaskIx,
        /// The task that failed.
        because: TaskIx,
        /// Why that concerns this task.
        reason: SkipReason,
    },
    /// Nothing runs and nothing can start any more.
    Finish(RunStatus),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for other nodes.
    Waiting,
    /// Could start.
    Ready,
    /// An attempt is under way, or waits for its next try.
    Running,
    /// Cannot go on, because of a limit; a resume may.
    Limited,
    Succeeded,
    Failed,
    Skipped,
}

impl State {
    fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Skipped)
    }
}

/// The states of a run's tasks.
#[derive(Debug, Clone)]
pub struct Schedule<'p> {
    plan: &'p Plan,
    rules: &'p Rules,
    names: HashMap<&'p str, TaskIx>,
    states: Vec<State>,
    /// For each node, how many of those that it waits for are not final.
    missing: Vec<u32>,
    /// Lowest rank first. May hold tasks that are no longer ready; they are passed over.
    ready: BinaryHeap<Reverse<((u8, TaskIx), TaskIx)>>,
    /// Tasks that can no longer run, each with the failure that is the cause.
    doomed: VecDeque<(TaskIx, TaskIx, SkipReason)>,
    running: u32,
    unfinished: usize,
    stop_requested: bool,
    /// Whether a task was stopped by a limit, its own or another one.
    limit_reached: bool,
    /// Whether it was the limit of the whole run, so that nothing new starts.
    run_limited: bool,
    finished: bool,
}

impl<'p> Schedule<'p> {
    /// A run in which nothing has happened. `names` are those of the plan's tasks, by index.
    #[must_use]
    pub fn new(plan: &'p Plan, rules: &'p Rules, names: impl IntoIterator<Item = &'p Name>) -> Self {
        let mut schedule = Self {
            plan,
            rules,
            names: names.into_iter().enumerate().map(|(ix, name)| (name.as_str(), ix)).collect(),
            states: Vec::new(),
            missing: Vec::new(),
            ready: BinaryHeap::new(),
            doomed: VecDeque::new(),
            running: 0,
            unfinished: 0,
            stop_requested: false,
            limit_reached: false,
            run_limited: false,
            finished: false,
        };
        schedule.rebuild(|_| State::Waiting);
        schedule
    }

    /// What to do next; `None` means to wait for something to happen.
    pub fn next_step(&mut self) -> Option<Step> {
        if self.finished {
            return None;
        }
        while let Some(&(task, because, reason)) = self.doomed.front() {
            if matches!(self.states[task], State::Waiting | State::Ready) {
                return Some(Step::Skip { task, because, reason });
            }
            self.doomed.pop_front();
        }
        if !self.stop_requested && !self.run_limited && self.rules.max_parallel.is_none_or(|max| self.running < max) {
            while let Some(&Reverse((_, task))) = self.ready.peek() {
                if self.states[task] == State::Ready {
                    return Some(Step::Start(task));
                }
                self.ready.pop();
            }
        }
        (self.running == 0).then(|| Step::Finish(self.status()))
    }

    /// Takes note of what happened. The only place where a state changes.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Task { task, event: TaskEvent::AttemptStarted { .. } } => self.enter(task, State::Running),
            Event::Task { task, event: TaskEvent::Succeeded { .. } }
            | Event::Task { task, event: TaskEvent::Reused { .. } } => self.enter(task, State::Succeeded),
            Event::Task { task, event: TaskEvent::Failed { .. } } => self.enter(task, State::Failed),
            Event::Task { task, event: TaskEvent::Skipped { .. } } => self.enter(task, State::Skipped),
            Event::Run(RunEvent::Resumed { rerun, .. }) => self.take_up(rerun),
            Event::Run(RunEvent::StopRequested { .. }) => self.stop_requested = true,
            Event::Run(RunEvent::Finished { .. }) => self.finished = true,
            Event::Task { task, event: TaskEvent::LimitReached { run, .. } } => {
                self.enter(task, State::Limited);
                self.limit_reached = true;
                self.run_limited |= run;
            }
            // The run was told to stop in the middle of it: the task is open again.
            Event::Task { task, event: TaskEvent::AttemptFailed { failure, .. } }
                if failure.kind == FailureKind::Cancelled =>
            {
                self.enter(task, State::Ready);
            }
            Event::Run(RunEvent::Started(_) | RunEvent::GraphGrown { .. })
            | Event::Task { event: TaskEvent::CallStarted { .. }, .. }
            | Event::Task { event: TaskEvent::CallFinished { .. }, .. }
            | Event::Task { event: TaskEvent::CallFailed { .. }, .. }
            | Event::Task { event: TaskEvent::AnswerRejected { .. }, .. }
            | Event::Task { event: TaskEvent::ToolStarted { .. }, .. }
            | Event::Task { event: TaskEvent::ToolFinished { .. }, .. }
            | Event::Task { event: TaskEvent::CtxSet { .. }, .. }
            | Event::Task { event: TaskEvent::AttemptFailed { .. }, .. } => {}
        }
    }

    /// How many tasks have an attempt under way or wait for their next try.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.running
    }

    /// Whether every task succeeded.
    #[must_use]
    pub fn all_succeeded(&self) -> bool {
        self.states[..self.plan.len()].iter().all(|&s| s == State::Succeeded)
    }

    fn status(&self) -> RunStatus {
        let count = |state| self.states[..self.plan.len()].iter().filter(|&&s| s == state).count();
        let succeeded = count(State::Succeeded);
        if succeeded == self.plan.len() {
            RunStatus::Succeeded
        } else if self.limit_reached {
            RunStatus::Limited
        } else if self.unfinished > 0 {
            RunStatus::Interrupted
        } else if succeeded > 0 {
            RunStatus::Partial
        } else {
            RunStatus::Failed
        }
    }

    fn enter(&mut self, name: &Name, state: State) {
        let Some(&task) = self.names.get(name.as_str()) else { return };
        let before = std::mem::replace(&mut self.states[task], state);
        if before == state || before.is_final() {
            self.states[task] = before;
            return;
        }
        self.running -= u32::from(before == State::Running);
        self.running += u32::from(state == State::Running);
        if !state.is_final() {
            return;
        }
        self.unfinished -= 1;
        if state != State::Succeeded {
            self.doom_dependents(task);
        }
        if state == State::Failed && self.rules.stops_on_failure[task] {
            self.doom_all(task);
        }
        self.release(task);
    }

    fn doom_dependents(&mut self, failed: TaskIx) {
        for &(dependent, edge) in self.plan.successors(failed) {
            if edge == Edge::Needs {
                self.doomed.push_back((dependent, failed, SkipReason::Dependency));
            }
        }
    }

    fn doom_all(&mut self, failed: TaskIx) {
        for &task in self.plan.order() {
            if matches!(self.states[task], State::Waiting | State::Ready) {
                self.doomed.push_back((task, failed, SkipReason::Stopped));
            }
        }
    }

    /// Lets what waited for `node` go on; a barrier passes it on at once.
    fn release(&mut self, node: usize) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            for &(successor, _) in self.plan.successors(node) {
                self.missing[successor] -= 1;
                if self.missing[successor] > 0 {
                    continue;
                }
                if successor >= self.plan.len() {
                    open.push(successor);
                } else if self.states[successor] == State::Waiting {
                    self.make_ready(successor);
                }
            }
        }
    }

    fn make_ready(&mut self, task: TaskIx) {
        self.states[task] = State::Ready;
        self.ready.push(Reverse((self.plan.rank(task), task)));
    }

    /// A new process goes on: only successes stay, less those that are to run again.
    fn take_up(&mut self, rerun: &[Name]) {
        let mut keep: Vec<bool> = self.states.iter().map(|&s| s == State::Succeeded).collect();
        for name in rerun {
            if let Some(&task) = self.names.get(name.as_str()) {
                keep[task] = false;
            }
        }
        self.rebuild(|node| if keep[node] { State::Succeeded } else { State::Waiting });
    }

    fn rebuild(&mut self, state: impl Fn(usize) -> State) {
        let nodes = self.plan.nodes();
        self.states = (0..nodes).map(|n| if n < self.plan.len() { state(n) } else { State::Waiting }).collect();
        self.missing = (0..nodes).map(|n| self.plan.waits_for(n)).collect();
        self.ready.clear();
        self.doomed.clear();
        self.running = 0;
        self.stop_requested = false;
        self.limit_reached = false;
        self.run_limited = false;
        self.finished = false;
        self.unfinished = self.states[..self.plan.len()].iter().filter(|s| !s.is_final()).count();
        for node in 0..nodes {
            let open_from_the_start = self.plan.waits_for(node) == 0;
            if self.states[node] == State::Succeeded || (node >= self.plan.len() && open_from_the_start) {
                self.release(node);
            } else if open_from_the_start && self.states[node] == State::Waiting {
                self.make_ready(node);
            }
        }
    }
}

#[cfg(test)]
mod tests;
