//! When a failed attempt is tried again, and after how long.
//!
//! Pure: the caller brings the random number and does the waiting.

use std::time::Duration;

use crate::words::failure::Failure;

/// A provider that asks to wait longer than this is not waited for: the attempt fails at once and says so.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How often an attempt is made, and how long to wait between two.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// How the wait grows.
    pub growth: Growth,
    /// The wait before the second attempt.
    pub initial: Duration,
    /// The longest wait that is not the provider's own wish.
    pub max: Duration,
}

/// How the wait grows from try to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// It doubles, and a random part of it is waited ("full jitter"), so that tasks that failed together
    /// do not come back together.
    Exponential,
    /// It stays the same.
    Fixed,
}

impl RetryPolicy {
    /// `exponential_backoff`, the default: three attempts, waiting up to 1 and up to 2 seconds.
    #[must_use]
    pub fn exponential() -> Self {
        Self {
            max_attempts: 3,
            growth: Growth::Exponential,
            initial: Duration::from_secs(1),
            max: Duration::from_secs(60),
        }
    }

    /// `fixed`: three attempts, a second apart.
    #[must_use]
    pub fn fixed() -> Self {
        Self { growth: Growth::Fixed, ..Self::exponential() }
    }

    /// `none`: one attempt.
    #[must_use]
    pub fn none() -> Self {
        Self { max_attempts: 1, ..Self::exponential() }
    }

    /// How long to wait before the next attempt, or `None` if there is to be none.
    ///
    /// `attempts` is how many were made; `random` is anything from 0 to 1.
    /// What the provider asks for is a lower bound of the wait.
    #[must_use]
    pub fn wait(&self, attempts: u32, failure: &Failure, random: f64) -> Option<Duration> {
        if attempts >= self.max_attempts || !failure.policy().retry {
            return None;
        }
        self.pause(attempts, failure, random)
    }

    /// The same for a failure that costs no attempt, so that there is always another one.
    #[must_use]
    pub fn pause(&self, attempts: u32, failure: &Failure, random: f64) -> Option<Duration> {
        let asked = failure.retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
        if asked > LONGEST_WAIT {
            return None;
        }
        let ours = match self.growth {
            Growth::Fixed => self.initial,
            Growth::Exponential => {
                let doubled = self.initial.saturating_mul(1 << (attempts.saturating_sub(1)).min(30));
                doubled.min(self.max).mul_f64(random.clamp(0.0, 1.0))
            }
        };
        // The rate limiter knows better when the next call may begin.
        Some(if failure.kind.policy().slow_down { asked } else { asked.max(ours) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::failure::FailureKind;

    fn failure(kind: FailureKind, retry_after_ms: Option<u64>) -> Failure {
        Failure { retry_after_ms, ..Failure::new(kind, "") }
    }

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let policy = RetryPolicy { max_attempts: 20, max: Duration::from_secs(5), ..RetryPolicy::exponential() };
        let overloaded = failure(FailureKind::Overloaded, None);
        let waits: Vec<_> = (1..6).filter_map(|n| policy.wait(n, &overloaded, 1.0)).map(|d| d.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
        assert_eq!(policy.wait(1, &overloaded, 0.0), Some(Duration::ZERO));
        assert_eq!(policy.wait(20, &overloaded, 1.0), None);
    }

    #[test]
    fn what_cannot_succeed_is_not_tried_again() {
        for kind in [FailureKind::Auth, FailureKind::BadRequest, FailureKind::Refused, FailureKind::Truncated] {
            assert_eq!(RetryPolicy::exponential().wait(1, &failure(kind, None), 0.5), None);
        }
        assert_eq!(RetryPolicy::none().wait(1, &failure(FailureKind::Timeout, None), 0.5), None);
    }

    #[test]
    fn the_providers_wish_is_a_lower_bound_up_to_five_minutes() {
        let policy = RetryPolicy::exponential();
        let wait = |ms| policy.wait(1, &failure(FailureKind::RateLimited, Some(ms)), 0.0);
        assert_eq!(wait(7_000), Some(Duration::from_secs(7)));
        assert_eq!(wait(86_400_000), None);
    }
}
