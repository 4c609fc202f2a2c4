//! A task that is reviewed: whether its last version was approved, and what comes next.

use crate::engine::runner::{RunError, Runner};
use crate::plan::graph::TaskIx;
use crate::plan::growth::{Item, Review};
use crate::plan::output::verdict::Verdict;
use crate::plan::resolve::{first_version, next_version};
use crate::run::state::Input;
use crate::words::failure::{Failure, FailureKind};

impl Runner {
    /// What comes next: a first version with its review, another one, or the end.
    pub(super) fn after_review(&mut self, task: TaskIx, how: &Review) -> Result<Input, RunError> {
        let members = self.state.history().and_then(|history| history.tasks[task].members.clone()).unwrap_or_default();
        let [.., version, review] = members.as_slice() else {
            return Ok(Input::Expanded(task, self.members(task, first_version())));
        };
        let failed = |kind, message: String| Ok(Input::Collected(task, Err(Failure::new(kind, message))));
        let number = self.state.orchestra().tasks[*version].item().map_or(1, |item: &Item| item.index);
        let said = self.context.output(*review, &self.state)?.unwrap_or_default();
        match Verdict::of(&said) {
            Ok(verdict) if verdict.approved => {}
            // What a rehearsal makes up is no verdict.
            Err(_) if self.context.verify.is_rehearsal => {}
            Err(why) => return failed(FailureKind::InvalidOutput, format!("the review of version {number}: {why}")),
            Ok(_) if u64::try_from(number).is_ok_and(|number| number < how.max.into()) => {
                return Ok(Input::Expanded(task, self.members(task, next_version(number, how))));
            }
            Ok(_) if how.accepts => {}
            Ok(verdict) => {
                return failed(FailureKind::Unmet, format!("version {number} was not approved: {}", verdict.told()));
            }
        }
        let output = self.state.history().and_then(|history| history.tasks[*version].output().cloned());
        match output {
            Some(output) => Ok(Input::Collected(task, self.context.made(&self.state.orchestra().tasks[task], output)?)),
            None => failed(FailureKind::Internal, "the last version has no output".to_owned()),
        }
    }
}
