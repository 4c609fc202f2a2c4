//! One circuit breaker for each model: while it is open, those who can choose choose another model.
//!
//! The limiter paces the calls to a provider; a breaker says which model is better left alone for a while.

use std::time::Duration;

use crate::words::failure::{Breaker, Failure};

/// For a key or an account that does not work: most runs are over by then.
const REST_OF_THE_RUN: Duration = Duration::from_secs(3600);

/// For the second breakdown in a row; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(30);

/// Where the doubling stops.
const LONGEST: Duration = Duration::from_secs(300);

/// The models of a run, each by its index.
#[derive(Debug, Clone)]
pub struct CircuitBreakers {
    models: Vec<CircuitBreaker>,
}

#[derive(Debug, Clone, Copy, Default)]
struct CircuitBreaker {
    until: Duration,
    /// Until when the provider itself wants no calls, whatever it still answers.
    told_until: Duration,
    /// Breakdowns in a row, over all tasks.
    breakdowns: u32,
}

impl CircuitBreakers {
    /// So many models, none of them cooling.
    #[must_use]
    pub fn new(models: usize) -> Self {
        Self { models: vec![CircuitBreaker::default(); models] }
    }

    /// A call to a model failed.
    pub fn note(&mut self, model: usize, failure: &Failure, now: Duration) {
        let breaker = &mut self.models[model];
        let told = failure.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis).min(REST_OF_THE_RUN);
        let pause = match failure.kind.policy().breaker {
            Breaker::Open => REST_OF_THE_RUN,
            Breaker::AsTold => {
                breaker.told_until = breaker.told_until.max(now + told);
                return;
            }
            Breaker::Count => breaker.broke_down(now),
            Breaker::Ignore => Duration::ZERO,
        };
        breaker.until = breaker.until.max(now + pause);
    }

    /// A model answered: it works. A call from before a rate limit may still be answered, so that one stays.
    pub fn succeeded(&mut self, model: usize) {
        let breaker = &mut self.models[model];
        *breaker = CircuitBreaker { told_until: breaker.told_until, ..CircuitBreaker::default() };
    }

    /// The time until which a model is better left alone; `None` if it is not.
    #[must_use]
    pub fn until(&self, model: usize, now: Duration) -> Option<Duration> {
        let CircuitBreaker { until, told_until, .. } = self.models[model];
        Some(until.max(told_until)).filter(|&until| until > now)
    }
}

impl CircuitBreaker {
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
    use crate::words::failure::FailureKind;

    const MODEL: usize = 0;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn cooling(breakers: &CircuitBreakers, now: u64) -> Option<u64> {
        breakers.until(MODEL, at(now)).map(|until| until.as_secs())
    }

    #[test]
    fn breakdowns_in_a_row_cool_longer_each_time_until_a_success() {
        let mut breakers = CircuitBreakers::new(2);
        let overloaded = Failure::new(FailureKind::Overloaded, "");
        let timeout = Failure::new(FailureKind::Timeout, "");
        let mut now = 10;
        breakers.note(MODEL, &overloaded, at(now));
        assert_eq!(cooling(&breakers, now), None);
        for pause in [30, 60, 120, 240, 300, 300] {
            breakers.note(MODEL, &timeout, at(now));
            // Those that were under way with it do not count on top.
            breakers.note(MODEL, &overloaded, at(now + 1));
            assert_eq!(cooling(&breakers, now + 1), Some(now + pause));
            now += pause;
            assert_eq!(cooling(&breakers, now), None);
        }
        breakers.note(MODEL, &overloaded, at(now));
        breakers.succeeded(MODEL);
        assert_eq!(cooling(&breakers, now), None);
        breakers.note(MODEL, &overloaded, at(now));
        assert_eq!(cooling(&breakers, now), None);
        assert_eq!(breakers.until(1, at(0)), None);
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
            let mut breakers = CircuitBreakers::new(1);
            breakers.note(MODEL, &Failure { retry_after_ms, ..Failure::new(kind, "") }, at(5));
            assert_eq!(cooling(&breakers, 5), until, "{kind}");
            breakers.succeeded(MODEL);
            let stays = until.filter(|_| kind == FailureKind::RateLimited);
            assert_eq!(cooling(&breakers, 5), stays, "{kind}");
        }
    }
}
