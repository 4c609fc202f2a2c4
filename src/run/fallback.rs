//! What follows a failed attempt, over a chain of models: the same model again, the next one, or nothing.
//!
//! Each model keeps its own count of tries, and one is used up when it would not be tried again on its own, so a task
//! costs at most as many attempts as there are models times `max_attempts`, however its failures mix. With a chain of
//! one model this is [`RetryPolicy::wait`] and nothing else.
//!
//! Pure: the caller brings the random number, knows what cools, and does the waiting.

use std::cmp::Ordering;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::plan::retry::{LONGEST_WAIT, RetryPolicy};
use crate::words::failure::{Failure, FailureKind};

/// With another model at hand, one that is to be left alone for longer than this is left at once.
pub(crate) const LONG_WAIT_WITH_A_FALLBACK: Duration = Duration::from_secs(30);

/// How long a provider that nobody reaches is left alone between two calls, whatever the file says of retries.
const PAUSES: RangeInclusive<Duration> = Duration::from_millis(250)..=Duration::from_secs(5);

/// One try at a task, and why it failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try<'t> {
    /// The model, by its place in the chain.
    pub model: usize,
    /// Why it failed.
    pub failure: &'t Failure,
}

/// One model of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// How many tokens it takes at once, where that is known.
    pub context_window: Option<u64>,
    /// For how long it is better left alone from now on.
    pub cooling_for: Option<Duration>,
}

/// The chain of a task, as it stands now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidates<'r> {
    /// The models in their order; at least one.
    pub models: &'r [Candidate],
    /// How often each of them is tried.
    pub policy: &'r RetryPolicy,
    /// The estimated size of the prompt.
    pub prompt_tokens: u64,
    /// For how long the task may go on to wait for a provider that has not taken its last call.
    pub patience: Duration,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The same model, after a while.
    Again {
        /// How long to wait.
        wait: Duration,
    },
    /// Another model.
    FallBack {
        /// The model, by its place in the chain.
        to: usize,
        /// How long to wait: not at all, unless every model that is left cools.
        wait: Duration,
    },
    /// No further attempt.
    GiveUp,
}

/// The model to begin with: the first that does not cool and whose window fits, or else the one that is ready soonest.
#[must_use]
pub(crate) fn first(candidates: &Candidates) -> usize {
    candidates.best(0..candidates.models.len()).unwrap_or(0)
}

/// What follows the last of `tries`, which are all since the run was last taken up, oldest first. `random` is
/// anything from 0 to 1.
#[must_use]
pub(crate) fn next(candidates: &Candidates, tries: &[Try], random: f64) -> Next {
    let Some(last) = tries.last() else { return Next::GiveUp };
    if !last.failure.kind.policy().fall_back {
        return Next::GiveUp;
    }
    let again = candidates.wait(tries, last.model, random);
    let other = candidates.other(tries, last.model, random);
    match (again, other) {
        (Some(wait), None) => Next::Again { wait },
        (Some(wait), Some(to)) => {
            let left_alone = candidates.left_alone_for(last);
            let ready_in = candidates.ready_in(to);
            if left_alone > LONG_WAIT_WITH_A_FALLBACK && ready_in < left_alone {
                Next::FallBack { to, wait: ready_in }
            } else {
                Next::Again { wait }
            }
        }
        (None, Some(to)) if candidates.ready_in(to) <= LONGEST_WAIT => {
            Next::FallBack { to, wait: candidates.ready_in(to) }
        }
        (None, _) => candidates.wait_on(tries, last, random),
    }
}

impl Candidates<'_> {
    /// How long to wait before a model is tried again; `None` if it is used up.
    fn wait(&self, tries: &[Try], model: usize, random: f64) -> Option<Duration> {
        let mut of_it = tries.iter().filter(|other| other.model == model);
        let last = of_it.next_back()?;
        let attempts = u32::try_from(of_it.count() + 1).unwrap_or(u32::MAX);
        self.policy.wait(attempts, last.failure, random)
    }

    /// What follows when no attempts are left: a call that was not taken was none, as long as there is patience.
    fn wait_on(&self, tries: &[Try], last: &Try, random: f64) -> Next {
        let policy = last.failure.policy();
        if !policy.waits || self.policy.max_attempts <= 1 || self.patience.is_zero() {
            return Next::GiveUp;
        }
        let of_it = tries.iter().filter(|other| other.model == last.model).count();
        let wait = self.policy.pause(u32::try_from(of_it).unwrap_or(u32::MAX), last.failure, random);
        let wait = wait.map(|wait| if policy.slow_down { wait } else { wait.clamp(*PAUSES.start(), *PAUSES.end()) });
        wait.filter(|&wait| wait <= self.patience).map_or(Next::GiveUp, |wait| Next::Again { wait })
    }

    /// The model to fall to. Those behind the failed one come before those in front of it, which are only left where
    /// they had asked for a long wait.
    fn other(&self, tries: &[Try], failed: usize, random: f64) -> Option<usize> {
        let too_small = self.too_small(tries);
        let is_left = |&model: &usize| {
            let untried = tries.iter().all(|other| other.model != model);
            let window = self.models[model].context_window;
            (untried || self.wait(tries, model, random).is_some())
                && window.is_none_or(|window| too_small.is_none_or(|too_small| window > too_small))
        };
        let behind = failed.saturating_add(1)..self.models.len();
        let in_front = 0..failed.min(self.models.len());
        self.best(behind.chain(in_front).filter(is_left))
    }

    /// The largest window that the prompt turned out not to fit in. One that nobody knows is at least not larger than
    /// the prompt.
    fn too_small(&self, tries: &[Try]) -> Option<u64> {
        let too_long = tries.iter().filter(|other| other.failure.kind == FailureKind::ContextTooLong);
        let window = |model: usize| self.models.get(model).and_then(|candidate| candidate.context_window);
        too_long.map(|other| window(other.model).unwrap_or(self.prompt_tokens)).max()
    }

    /// The first of `models` that is ready and fits, or else the one that is ready soonest.
    fn best(&self, models: impl Iterator<Item = usize> + Clone) -> Option<usize> {
        let fits = |&model: &usize| self.models[model].context_window.is_none_or(|window| window >= self.prompt_tokens);
        let ready = models.clone().filter(fits).find(|&model| self.ready_in(model).is_zero());
        // The estimate of the prompt may be too high, so a model that seems too small is better than a wait.
        ready.or_else(|| {
            models.min_by(|&a, &b| match self.ready_in(a).cmp(&self.ready_in(b)) {
                Ordering::Equal => fits(&b).cmp(&fits(&a)),
                unequal => unequal,
            })
        })
    }

    fn ready_in(&self, model: usize) -> Duration {
        self.models[model].cooling_for.unwrap_or_default()
    }

    /// For how long the failed model is to be left alone, as its provider asks or because it cools.
    fn left_alone_for(&self, last: &Try) -> Duration {
        let asked = last.failure.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
        let cooling = self.models.get(last.model).and_then(|candidate| candidate.cooling_for);
        asked.max(cooling.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
