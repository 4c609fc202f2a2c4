//! Which models are better left alone for a while.
//!
//! A lane paces the calls to a provider; a cooldown tells those who can choose to choose another model.

use std::time::Duration;

use crate::words::failure::{Failure, FailureKind};

/// For a key or an account that does not work: most runs are over by then.
const REST_OF_THE_RUN: Duration = Duration::from_secs(3600);

/// For the second breakdown in a row; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(30);

/// Where the doubling stops.
const LONGEST: Duration = Duration::from_secs(300);

/// The models of a run, each by its index.
#[derive(Debug, Clone)]
pub struct Cooldowns {
    models: Vec<Cooldown>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cooldown {
    until: Duration,
    /// Until when the provider itself wants no calls, whatever it still answers.
    told_until: Duration,
    /// Breakdowns in a row, over all tasks.
    breakdowns: u32,
}

impl Cooldowns {
    /// So many models, none of them cooling.
    #[must_use]
    pub fn new(models: usize) -> Self {
        Self { models: vec![Cooldown::default(); models] }
    }

    /// A call to a model failed.
    pub fn note(&mut self, model: usize, failure: &Failure, now: Duration) {
        let cooldown = &mut self.models[model];
        let told = failure.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis).min(REST_OF_THE_RUN);
        let pause = match failure.kind {
            FailureKind::Auth | FailureKind::Quota => REST_OF_THE_RUN,
            FailureKind::RateLimited => {
                cooldown.told_until = cooldown.told_until.max(now + told);
                return;
            }
            FailureKind::Overloaded | FailureKind::Timeout | FailureKind::Connection => cooldown.broke_down(now),
            FailureKind::ContextTooLong
            | FailureKind::Refused
            | FailureKind::Truncated
            | FailureKind::Malformed
            | FailureKind::InvalidOutput
            | FailureKind::BadRequest
            | FailureKind::Budget
            | FailureKind::Cancelled
            | FailureKind::Environment
            | FailureKind::Internal => Duration::ZERO,
        };
        cooldown.until = cooldown.until.max(now + pause);
    }

    /// A model answered: it works. A call from before a rate limit may still be answered, so that one stays.
    pub fn succeeded(&mut self, model: usize) {
        let cooldown = &mut self.models[model];
        *cooldown = Cooldown { told_until: cooldown.told_until, ..Cooldown::default() };
    }

    /// The time until which a model is better left alone; `None` if it is not.
    #[must_use]
    pub fn until(&self, model: usize, now: Duration) -> Option<Duration> {
        let Cooldown { until, told_until, .. } = self.models[model];
        Some(until.max(told_until)).filter(|&until| until > now)
    }
}

impl Cooldown {
    /// Tasks whose calls break down together are one breakdown: while the model cools, none is counted.
    fn broke_down(&mut self, now: Duration) -> Duration {
        if now < self.until.max(self.told_until) {
            return Duration::ZERO;
        }
        self.breakdowns = self.breakdowns.saturating_add(1);
        match self.breakdowns {
            0 | 1 => Duration::ZERO,
            n => FIRST.saturating_mul(1 << (n - 2).min(10)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: usize = 0;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn cooling(cooldowns: &Cooldowns, now: u64) -> Option<u64> {
        cooldowns.until(MODEL, at(now)).map(|until| until.as_secs())
    }

    #[test]
    fn breakdowns_in_a_row_cool_longer_each_time_until_a_success() {
        let mut cooldowns = Cooldowns::new(2);
        let overloaded = Failure::new(FailureKind::Overloaded, "");
        let timeout = Failure::new(FailureKind::Timeout, "");
        let mut now = 10;
        cooldowns.note(MODEL, &overloaded, at(now));
        assert_eq!(cooling(&cooldowns, now), None);
        for pause in [30, 60, 120, 240, 300, 300] {
            cooldowns.note(MODEL, &timeout, at(now));
            // Those that were under way with it do not count on top.
            cooldowns.note(MODEL, &overloaded, at(now + 1));
            assert_eq!(cooling(&cooldowns, now + 1), Some(now + pause));
            now += pause;
            assert_eq!(cooling(&cooldowns, now), None);
        }
        cooldowns.note(MODEL, &overloaded, at(now));
        cooldowns.succeeded(MODEL);
        assert_eq!(cooling(&cooldowns, now), None);
        cooldowns.note(MODEL, &overloaded, at(now));
        assert_eq!(cooling(&cooldowns, now), None);
        assert_eq!(cooldowns.until(1, at(0)), None);
    }

    #[test]
    fn a_key_cools_for_the_run_and_a_rate_limit_as_long_as_it_says() {
        for (kind, retry_after_ms, until) in [
            (FailureKind::Auth, None, Some(3605)),
            (FailureKind::Quota, Some(1000), Some(3605)),
            (FailureKind::RateLimited, Some(7000), Some(12)),
            (FailureKind::RateLimited, Some(86_400_000), Some(3605)),
            (FailureKind::RateLimited, None, None),
            (FailureKind::Refused, None, None),
            (FailureKind::InvalidOutput, Some(7000), None),
        ] {
            let mut cooldowns = Cooldowns::new(1);
            cooldowns.note(MODEL, &Failure { retry_after_ms, ..Failure::new(kind, "") }, at(5));
            assert_eq!(cooling(&cooldowns, 5), until, "{kind}");
            cooldowns.succeeded(MODEL);
            let stays = until.filter(|_| kind == FailureKind::RateLimited);
            assert_eq!(cooling(&cooldowns, 5), stays, "{kind}");
        }
    }
}
