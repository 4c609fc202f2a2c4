//! One pace for all tasks that ask the same provider with the same key.
//!
//! Calls are free until the provider complains. A 429 that names a time closes its key for everybody until then, and
//! any 429 halves how many calls may be in flight; that number grows again by one for each round of successes, and
//! when a whole round passes in which nobody had to wait for it, calls are free again. Where an answer says that
//! little is left until a reset, calls are spread over the time until then.
//!
//! Pure: time comes in as what has passed since the process began, and the caller does the waiting. Every operation
//! takes the same time however many wait, provided that the caller keeps those who wait for a key in one queue and
//! asks for the first of them only.

use std::time::Duration;

use crate::plan::retry::LONGEST_WAIT;
use crate::words::failure::Failure;
use crate::words::rate_limit::RateLimitInfo;

mod circuit_breaker;
mod quota;
mod window;

pub use circuit_breaker::CircuitBreakers;

use quota::Quota;
use window::Window;

/// Whether a call may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// It may.
    Now,
    /// Ask again at this time, or when a call with the key ends.
    At(Duration),
    /// Ask again when a call with the key ends; there is one in flight.
    AfterAnEnd,
}

/// How a call ended, with what the provider said about its pace.
#[derive(Debug, Clone, Copy)]
pub enum Ended<'f> {
    /// The provider answered.
    Answered(Option<RateLimitInfo>),
    /// It did not, or not well.
    Failed(&'f Failure, Option<RateLimitInfo>),
}

/// Which provider is called with which key of an account: its calls share one limit. Numbered from 0 in each run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimitKey(pub usize);

/// The rate limits of a run.
#[derive(Debug, Clone)]
pub struct Limiter {
    /// By their [`RateLimitKey`].
    paces: Vec<Pace>,
}

impl Limiter {
    /// Limits for so many keys; none of them is known to be reached.
    #[must_use]
    pub fn new(keys: usize) -> Self {
        Self { paces: vec![Pace::default(); keys] }
    }

    /// How many keys there are.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.paces.len()
    }

    /// Whether a call of about `tokens` tokens may begin. Who is told [`Admit::Now`] calls [`Limiter::begin`] before
    /// anybody else asks.
    #[must_use]
    pub fn admit(&self, limit_key: RateLimitKey, tokens: u64, now: Duration) -> Admit {
        self.paces[limit_key.0].admit(tokens, now)
    }

    /// A call begins.
    pub fn begin(&mut self, limit_key: RateLimitKey, tokens: u64, now: Duration) {
        self.paces[limit_key.0].begin(tokens, now);
    }

    /// A call that had begun has ended. One that was given up in the middle has ended too.
    pub fn end(&mut self, limit_key: RateLimitKey, now: Duration, outcome: &Ended) {
        self.paces[limit_key.0].end(now, outcome);
    }
}

#[derive(Debug, Clone, Default)]
struct Pace {
    in_flight: u32,
    /// Nothing begins before this time.
    opens_at: Duration,
    /// The key was closed, and no call has succeeded since it opened: one call at a time finds out whether it may
    /// go on, or all those who waited would come back at once.
    on_probation: bool,
    last_begin: Duration,
    window: Window,
    requests: Quota,
    tokens: Quota,
}

impl Pace {
    fn admit(&self, tokens: u64, now: Duration) -> Admit {
        if now < self.opens_at {
            return Admit::At(self.opens_at);
        }
        let a_probe_is_out = self.on_probation && self.window.begun_since(self.in_flight) > 0;
        if a_probe_is_out || self.in_flight >= self.window.size() {
            return Admit::AfterAnEnd;
        }
        let spaced = self.window.next_at(self.last_begin);
        let allowed =
            [self.requests.next_at(1, self.last_begin, now), self.tokens.next_at(tokens, self.last_begin, now)];
        let at = allowed.into_iter().fold(spaced, Duration::max);
        if at > now { Admit::At(at) } else { Admit::Now }
    }

    fn begin(&mut self, tokens: u64, now: Duration) {
        self.in_flight += 1;
        self.last_begin = now;
        self.window.note_begin(self.in_flight);
        self.requests.take(1);
        self.tokens.take(tokens);
    }

    fn end(&mut self, now: Duration, outcome: &Ended) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let (Ended::Answered(pace) | Ended::Failed(_, pace)) = outcome;
        if let Some(pace) = pace {
            self.requests.learn(pace.requests_left, pace.requests_reset, now);
            self.tokens.learn(pace.tokens_left, pace.tokens_reset, now);
        }
        match outcome {
            // An answer to a call from before the key closed says nothing about what comes after.
            Ended::Answered(_) if now >= self.opens_at => {
                self.on_probation = false;
                self.window.note_success();
            }
            Ended::Failed(failure, _) if failure.kind.policy().slow_down => self.slow_down(failure, now),
            Ended::Answered(_) | Ended::Failed(..) => self.window.note_end(),
        }
    }

    fn slow_down(&mut self, failure: &Failure, now: Duration) {
        let asked = failure.retry_after_ms.map(Duration::from_millis);
        match asked {
            // Nobody waits that long: each task goes on with another model, or gives up.
            Some(asked) if asked > LONGEST_WAIT => self.window.note_end(),
            Some(asked) => {
                self.opens_at = self.opens_at.max(now + asked);
                self.on_probation = true;
                self.window.shrink(self.in_flight, false);
            }
            None => {
                self.window.shrink(self.in_flight, true);
                // The pause is counted from the complaint as well.
                self.opens_at = self.opens_at.max(self.window.next_at(now));
            }
        }
    }
}

#[cfg(test)]
mod tests;
