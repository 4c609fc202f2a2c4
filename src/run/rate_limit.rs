//! One pace for all tasks that ask the same provider with the same key.
//!
//! Calls are free until the provider refuses one. What it limits then is learned from what it says, or else by trying:
//! calls in flight (`slots`) or calls in a period (`periods`). Where an answer says that little is left until a
//! reset, calls are spread over the time until then (`quota`). What the file says is held from the first call
//! (`declared`).
//!
//! Pure: time comes in as what has passed since the process began, and the caller does the waiting. Every operation
//! takes the same time however many wait, provided that the caller keeps those who wait for a key in one queue and
//! asks for the first of them only.

use std::time::Duration;

pub use crate::plan::orchestra::RateLimit;
use crate::plan::retry::LONGEST_WAIT;
use crate::words::failure::Failure;
use crate::words::rate_limit::RateLimitInfo;

mod circuit_breaker;
mod declared;
mod periods;
mod quota;
mod slots;

pub use circuit_breaker::CircuitBreakers;

use declared::Declared;
use periods::Periods;
use quota::Quota;
use slots::{Evidence, Slots};

/// What was accepted within this time may count as one period.
const LATELY: Duration = Duration::from_secs(60);

/// Nobody waits longer than this for a refusal to arrive before it counts calls as accepted.
const SLOWEST_REFUSAL: Duration = Duration::from_secs(5);

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
    /// Nobody waited for the end.
    GivenUp,
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
    /// Limits for these keys, each with what the file says of it; none is known to be reached.
    #[must_use]
    pub fn new(rates: Vec<RateLimit>) -> Self {
        Self { paces: rates.into_iter().map(Pace::new).collect() }
    }

    /// Another process goes on: nothing is in flight, and nothing is known of the providers.
    pub(crate) fn forget(&mut self) {
        self.paces.iter_mut().for_each(|pace| *pace = Pace::new(pace.declared.rate));
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

    /// A call that had begun at `begun` has ended. One that was given up in the middle has ended too.
    pub fn end(&mut self, limit_key: RateLimitKey, begun: Duration, now: Duration, outcome: &Ended) {
        self.paces[limit_key.0].end(begun, now, outcome);
    }

    /// When a call with the key was answered last.
    #[must_use]
    pub fn last_answer(&self, limit_key: RateLimitKey) -> Option<Duration> {
        self.paces.get(limit_key.0)?.last_answer
    }
}

#[derive(Debug, Clone, Default)]
struct Pace {
    declared: Declared,
    in_flight: u32,
    last_begin: Duration,
    last_answer: Option<Duration>,
    /// The provider asked not to be called before this time.
    opens_at: Duration,
    limit: Limit,
    /// What was refused and had begun before this time belongs to the refusal from which the limit was learned.
    learned_at: Duration,
    /// Calls that have begun since `counted_from` and were not refused.
    accepted: u32,
    counted_from: Duration,
    /// How long it takes at most until a refusal is here.
    refusal_takes: Duration,
    requests: Quota,
    tokens: Quota,
}

/// What is known of a provider's limit.
#[derive(Debug, Clone, Default)]
enum Limit {
    #[default]
    Unknown,
    Slots(Slots),
    Periods(Periods),
}

impl Pace {
    fn new(rate: RateLimit) -> Self {
        Self { declared: Declared::new(rate), ..Self::default() }
    }

    fn admit(&self, tokens: u64, now: Duration) -> Admit {
        if self.declared.is_full(self.in_flight) {
            return Admit::AfterAnEnd;
        }
        let learned = match &self.limit {
            Limit::Unknown => Duration::ZERO,
            Limit::Slots(slots) => slots.next_at(self.in_flight, self.settling()),
            Limit::Periods(periods) => periods.next_at(now, self.settling()),
        };
        let told = [self.requests.next_at(1, self.last_begin, now), self.tokens.next_at(tokens, self.last_begin, now)];
        let at = told.into_iter().fold(learned.max(self.opens_at).max(self.declared.next_at()), Duration::max);
        if at > now { Admit::At(at) } else { Admit::Now }
    }

    fn begin(&mut self, tokens: u64, now: Duration) {
        let others = self.in_flight;
        self.in_flight += 1;
        self.declared.begin(now);
        self.last_begin = now;
        if now.saturating_sub(self.counted_from) > LATELY {
            (self.counted_from, self.accepted) = (now, others);
        }
        self.accepted = self.accepted.saturating_add(1);
        self.requests.take(1);
        self.tokens.take(tokens);
        match &mut self.limit {
            Limit::Unknown => {}
            Limit::Slots(slots) => {
                if let Some(beyond) = slots.begin(others, now) {
                    self.limit_periods(beyond);
                    self.begin_in_period(now);
                }
            }
            Limit::Periods(_) => self.begin_in_period(now),
        }
    }

    fn begin_in_period(&mut self, now: Duration) {
        if let Limit::Periods(periods) = &mut self.limit {
            periods.begin(now);
        }
    }

    /// A call that was beyond the known number in flight was accepted at that time: it is time that is limited.
    fn limit_periods(&mut self, accepted: Duration) {
        self.limit = Limit::Periods(Periods::opened(accepted, self.accepted));
    }

    fn end(&mut self, begun: Duration, now: Duration, outcome: &Ended) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Ended::Answered(Some(pace)) | Ended::Failed(_, Some(pace)) = outcome {
            self.requests.learn(pace.requests_left, pace.requests_reset, now);
            self.tokens.learn(pace.tokens_left, pace.tokens_reset, now);
        }
        match outcome {
            Ended::Answered(_) => self.note_answer(begun, now),
            Ended::Failed(failure, _) if failure.kind.policy().slow_down => self.note_refusal(begun, now, failure),
            Ended::Failed(..) | Ended::GivenUp => {}
        }
    }

    fn note_answer(&mut self, begun: Duration, now: Duration) {
        self.last_answer = Some(now);
        match &mut self.limit {
            Limit::Unknown => {}
            Limit::Slots(slots) => {
                if let Some(beyond) = slots.note_success(begun) {
                    self.limit_periods(beyond);
                }
            }
            Limit::Periods(periods) => periods.note_success(begun),
        }
    }

    fn note_refusal(&mut self, begun: Duration, now: Duration, failure: &Failure) {
        self.refusal_takes = self.refusal_takes.max(now.saturating_sub(begun)).min(SLOWEST_REFUSAL);
        self.accepted = self.accepted.saturating_sub(1);
        let asked = failure.retry_after_ms.map(Duration::from_millis);
        // Nobody waits that long: each task goes on with another model, or gives up.
        if asked.is_some_and(|asked| asked > LONGEST_WAIT) {
            return;
        }
        self.opens_at = self.opens_at.max(now + asked.unwrap_or_default());
        let in_flight = self.in_flight;
        let is_of_time = match &mut self.limit {
            Limit::Periods(periods) => {
                periods.note_refusal(begun, now, asked);
                false
            }
            _ if in_flight == 0 => true,
            Limit::Unknown => {
                self.limit = Limit::Slots(Slots::new(in_flight, self.opens_at.max(now)));
                self.learned_at = now;
                false
            }
            Limit::Slots(slots) if begun <= self.learned_at => {
                slots.note_same_refusal(in_flight);
                false
            }
            Limit::Slots(slots) => {
                self.learned_at = now;
                slots.note_refusal(begun, in_flight, now) == Evidence::Against
            }
        };
        if is_of_time {
            self.limit = Limit::Periods(Periods::closed(begun, now, self.accepted, asked));
        }
    }

    /// How long it takes until a call that is refused would be known as such.
    fn settling(&self) -> Duration {
        self.refusal_takes * 2 + Duration::from_millis(20)
    }
}

#[cfg(test)]
mod tests;
