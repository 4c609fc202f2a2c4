//! Answers of people to what waits in the run.

use crate::engine::runner::{RunError, Runner};
use crate::run::history::Answer;
use crate::run::state::Input;
use crate::store::answers;
use crate::words::failure::{Failure, FailureKind};

impl Runner {
    /// Tells the state what people have answered, or what stands in for them.
    pub(super) fn look_for_answers(&mut self) -> Result<(), RunError> {
        let gates: Vec<_> = self.state.gates().map(|(task, gate)| (task, gate.clone())).collect();
        for (task, gate) in gates {
            let definition = &self.state.orchestra().tasks[task];
            let (sha256, reason) = (gate.output.sha256.clone(), None);
            let by = |by: &str| Answer { sha256: sha256.clone(), approved: true, by: by.to_owned(), reason };
            let answer = match gate.answer {
                // It was heard, and the process ended before the task did.
                Some(heard) => Some(heard),
                None if self.context.verify.is_rehearsal => Some(by("the rehearsal")),
                None if self.context.approves => Some(by("--auto-approve")),
                None => {
                    let left = answers::find(&self.context.folder, &definition.name, &gate.output.sha256);
                    let left = left.map_err(|error| RunError::Answer { task: definition.name.to_string(), error })?;
                    left.map(|left| Answer {
                        sha256: left.sha256,
                        approved: left.approved,
                        by: left.by,
                        reason: left.reason,
                    })
                }
            };
            let Some(answer) = answer else { continue };
            let made = match answer.approved {
                true => self.context.made(definition, gate.output)?,
                false => Err(Failure::new(FailureKind::Rejected, "it was rejected")),
            };
            self.state.tell(Input::Answered(task, answer, made));
        }
        Ok(())
    }
}
