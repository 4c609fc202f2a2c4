//! A task that is repeated: whether there is another round, and what the task has made otherwise.

use crate::engine::runner::wanted::cannot_be_told;
use crate::engine::runner::{RunError, Runner};
use crate::plan::condition::Condition;
use crate::plan::graph::TaskIx;
use crate::plan::growth::Repeat;
use crate::plan::template::{RoundValues, Values};
use crate::run::state::Input;
use crate::words::failure::{Failure, FailureKind};

/// What was asked after a round.
enum Asked {
    Holds,
    /// It does not hold, and what it saw.
    DoesNot(Vec<String>),
}

impl Runner {
    /// What comes after the last round of a task: another one, or the end. Before the first one, nothing is asked.
    pub(super) fn after_round(&self, task: TaskIx, rounds: &Repeat) -> Result<Input, RunError> {
        let members = self.state.history().and_then(|history| history.tasks[task].members.clone()).unwrap_or_default();
        let number = members.len();
        let Some(&last) = members.last() else { return Ok(self.round(task, 1)) };
        let asked = match &rounds.until {
            Some(until) => self.asked(task, until, last, (number, rounds.max))?,
            None => Ok(Asked::DoesNot(Vec::new())),
        };
        let is_last = u64::try_from(number).is_ok_and(|number| number >= rounds.max.into());
        let saw = match asked {
            Ok(Asked::DoesNot(_)) if !is_last => return Ok(self.round(task, number + 1)),
            Ok(Asked::Holds) => None,
            // Nothing that a rehearsal makes up can be held to a condition.
            Ok(Asked::DoesNot(_)) if rounds.accepts || rounds.until.is_none() || self.context.verify.is_rehearsal => {
                None
            }
            Ok(Asked::DoesNot(saw)) => Some(saw),
            Err(failure) => return Ok(Input::Collected(task, Err(failure))),
        };
        if let Some(saw) = saw {
            let until = rounds.until.as_ref().map_or("", Condition::text);
            let message = format!("`until: \"{until}\"` does not hold after round {number}: {}", saw.join(", "));
            return Ok(Input::Collected(task, Err(Failure::new(FailureKind::Unmet, message))));
        }
        let output = self.state.history().and_then(|history| history.tasks[last].output().cloned());
        let Some(output) = output else {
            let failure = Failure::new(FailureKind::Internal, "the last round has no output");
            return Ok(Input::Collected(task, Err(failure)));
        };
        Ok(Input::Collected(task, self.context.made(&self.state.orchestra().tasks[task], output)?))
    }

    fn round(&self, task: TaskIx, number: usize) -> Input {
        Input::Expanded(task, self.members(task, vec![number.into()]))
    }

    fn asked(
        &self,
        task: TaskIx,
        until: &Condition,
        last: TaskIx,
        (number, max): (usize, u32),
    ) -> Result<Result<Asked, Failure>, RunError> {
        let output = self.context.output(last, &self.state)?.unwrap_or_default();
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let round = Some(RoundValues { number, max, last: None, output: Some(&output) });
        self.ask(task, until, &|values| {
            let values = &Values { round, ..values.clone() };
            let seen = || until.seen(values).into_iter().map(|(name, value)| format!("{name} is {value}")).collect();
            match until.holds(values) {
                Ok(true) => Ok(Asked::Holds),
                Ok(false) => Ok(Asked::DoesNot(seen())),
                Err(error) => Err(cannot_be_told("until", &error)),
            }
        })
    }
}
