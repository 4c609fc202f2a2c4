//! Gates: what a task has made waits for a person, and ends the task as that person says.

use super::{Command, Made, State};
use crate::plan::graph::TaskIx;
use crate::run::history::{Answer, Gate, History, TaskHistory};
use crate::words::event::{Output, TaskEvent};
use crate::words::failure::{Failure, FailureKind};

impl State {
    /// What follows when a task has made something: its end, or the question whether that may be.
    pub(super) fn made(
        &self,
        task: TaskIx,
        attempt: u32,
        made: Made,
        end: impl FnOnce(Output) -> TaskEvent,
    ) -> Vec<Command> {
        if let Some(approve) = self.orchestra.asks(task) {
            let (output, question) = (made.output, approve.question.clone());
            return vec![self.record(task, TaskEvent::ApprovalRequested { attempt, output, question })];
        }
        self.done(task, made, end)
    }

    /// The end of a task whose output waits for this answer. One to something else, or a second one, is not heard.
    pub(super) fn answered(&self, task: TaskIx, answer: Answer, made: Result<Made, Failure>) -> Vec<Command> {
        let gate = self.history.as_ref().and_then(|history| history.tasks[task].gate());
        let Some(gate) = gate.filter(|gate| gate.output.sha256 == answer.sha256) else { return Vec::new() };
        let Answer { sha256, approved, by, reason } = answer;
        let mut commands = Vec::new();
        if gate.answer.is_none() {
            let (by, reason) = (by.clone(), reason.clone());
            commands.push(self.record(task, TaskEvent::ApprovalGiven { sha256, approved, by, reason }));
        } else if gate.approved() != Some(approved) {
            return Vec::new();
        }
        let rejected = || Failure::new(FailureKind::Rejected, rejection(&by, reason.as_deref()));
        commands.extend(match (approved, made) {
            (true, Ok(made)) => {
                let attempt = gate.attempt;
                self.done(task, made, |output| TaskEvent::Succeeded { attempt, output })
            }
            (true, Err(failure)) => {
                let failure = Failure::new(FailureKind::Rejected, failure.message);
                vec![self.record(task, TaskEvent::Failed { failure })]
            }
            (false, _) => vec![self.record(task, TaskEvent::Failed { failure: rejected() })],
        });
        commands
    }

    /// The tasks whose output waits for a person, and that could end with an answer.
    pub(crate) fn gates(&self) -> impl Iterator<Item = (TaskIx, &Gate)> {
        let history = self.history.as_ref();
        // After a resume, members are asked once more whether they are wanted.
        let has_ended = |task: &TaskHistory, history: &History| {
            task.members.iter().flatten().all(|&member| history.tasks[member].state.is_final())
        };
        let tasks =
            history.into_iter().flat_map(|history| history.tasks.iter().enumerate().map(move |at| (history, at)));
        tasks.filter_map(move |(history, (ix, task))| Some((ix, task.gate()?)).filter(|_| has_ended(task, history)))
    }

    /// After a process took the run up: what waits for a person waits on.
    pub(super) fn restore_gates(&mut self) {
        let tasks = self.history.iter().flat_map(|history| history.tasks.iter().enumerate());
        let waiting: Vec<TaskIx> = tasks.filter(|(_, task)| task.gate().is_some()).map(|(ix, _)| ix).collect();
        self.looks_for_answers = !waiting.is_empty();
        self.has_looked_at_last = false;
        waiting.into_iter().for_each(|task| self.schedule.ask(&self.orchestra.plan, task));
    }
}

fn rejection(by: &str, reason: Option<&str>) -> String {
    match reason {
        Some(reason) => format!("{by} has rejected it: {reason}"),
        None => format!("{by} has rejected it"),
    }
}
