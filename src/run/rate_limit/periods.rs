//! How many calls may begin in a period, and how long that is, where a provider refuses more and does not say.
//!
//! Token buckets, fixed windows and sliding ones all look like "so many in so long" to a caller. Both numbers are found
//! by trying: single calls ask whether a closed period is over, at growing distances that hit the usual lengths; what
//! is accepted then until the next refusal is how many. The length is narrowed between the last refusal and the first
//! success, and more calls are tried after many good periods only, since each such question costs a refusal.
//!
//! That a call was accepted is known when it ends, which may be minutes later; that it was refused is known soon. So a
//! call that was not refused for some time counts as accepted; the caller knows how long that is (`settling`).

use std::time::Duration;

/// Where the search for the length of a period asks, in milliseconds since it began. Limits are for a second, ten
/// seconds or a minute more often than not.
const SEARCH_MS: [u64; 12] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000];

/// The distance between two questions when even the longest of these was too short.
const SEARCH_ON: Duration = Duration::from_secs(60);

/// So many good periods before more calls are tried.
const PATIENCE: u32 = 8;

/// Behind the time of a call that was accepted by a hair: clocks and networks differ.
const MARGIN: f64 = 1.02;

/// A limit on calls in a period.
#[derive(Debug, Clone, Copy)]
pub(super) struct Periods {
    phase: Phase,
    /// When the period began that is open, or the last one.
    opened_at: Duration,
    /// How many may begin in a period, as far as is known.
    capacity: u32,
    /// Whether that many were accepted or more were refused, so that they need not be tried step by step.
    is_confirmed: bool,
    /// More than the capacity, tried in this period.
    extra: u32,
    good_periods: u32,
    patience: u32,
    /// A period is longer than this.
    low: Duration,
    /// A period is not longer than this.
    high: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing begins before then; then one call asks whether a new period has begun.
    Closed { until: Duration },
    /// That call is out since then.
    Probing { begun: Duration },
    /// `begun` calls of the period have begun, the last of them at `last`; after `allowed` one waits whether they are
    /// refused, and allows so many more: `step`.
    Open { begun: u32, allowed: u32, step: u32, last: Duration },
}

impl Periods {
    /// A limit that refused a call which began at `begun`, when about `capacity` had been accepted. `asked` is how long
    /// the provider asks to wait.
    pub(super) fn closed(begun: Duration, now: Duration, capacity: u32, asked: Option<Duration>) -> Self {
        let mut periods = Self::opened(begun, capacity);
        periods.close(now, asked);
        periods
    }

    /// A limit that refused calls before, and accepted one that began at `begun`.
    pub(super) fn opened(begun: Duration, capacity: u32) -> Self {
        Self {
            phase: Phase::Open { begun: 1, allowed: 1, step: 1, last: begun },
            opened_at: begun,
            capacity: capacity.max(1),
            is_confirmed: false,
            extra: 0,
            good_periods: 0,
            patience: PATIENCE,
            low: Duration::ZERO,
            high: None,
        }
    }

    /// When the next call may begin; a time that has passed is at once.
    pub(super) fn next_at(&self, now: Duration, settling: Duration) -> Duration {
        match self.phase {
            Phase::Closed { until } => until,
            Phase::Probing { begun } if now < begun + settling => begun + settling,
            Phase::Probing { begun } => {
                let mut opened = *self;
                opened.open(begun);
                opened.next_at(now, settling)
            }
            Phase::Open { begun, .. } if begun >= self.limit() => self.period_ends_at(),
            Phase::Open { begun, allowed, last, .. } if begun >= allowed => last + settling,
            Phase::Open { .. } => Duration::ZERO,
        }
    }

    /// A call begins, not before [`Self::next_at`].
    pub(super) fn begin(&mut self, now: Duration) {
        if let Phase::Probing { begun } = self.phase {
            self.open(begun);
        }
        self.phase = match self.phase {
            Phase::Open { begun, allowed, step, .. } if begun < self.limit() => {
                let (allowed, step) = if begun < allowed { (allowed, step) } else { self.allow_more(allowed, step) };
                Phase::Open { begun: begun + 1, allowed, step, last: now }
            }
            Phase::Open { .. } => {
                self.is_confirmed = true;
                self.good_periods += 1;
                Phase::Probing { begun: now }
            }
            Phase::Closed { .. } | Phase::Probing { .. } => Phase::Probing { begun: now },
        };
    }

    /// A call that began at `begun` was answered.
    pub(super) fn note_success(&mut self, begun: Duration) {
        if self.phase == (Phase::Probing { begun }) {
            self.open(begun);
        }
    }

    /// A call that began at `begun` was refused.
    pub(super) fn note_refusal(&mut self, begun: Duration, now: Duration, asked: Option<Duration>) {
        match &mut self.phase {
            Phase::Probing { begun: probe } if begun >= *probe => {
                self.low = begun.saturating_sub(self.opened_at);
                self.close(now, asked);
            }
            Phase::Open { begun: count, .. } if begun >= self.opened_at => {
                let accepted = count.saturating_sub(1).max(1);
                if self.extra > 0 {
                    self.patience = self.patience.saturating_mul(4);
                }
                // Of a period whose beginning nobody saw, a part may be missing.
                if self.high.is_some() {
                    self.capacity = if self.is_confirmed { self.capacity.min(accepted) } else { accepted };
                    self.is_confirmed = true;
                }
                self.close(now, asked);
            }
            // The others that were refused with the one that closed the period.
            Phase::Closed { until } => {
                *until = (*until).max(now + asked.unwrap_or_default());
                self.capacity = self.capacity.saturating_sub(1).max(1);
            }
            Phase::Probing { .. } | Phase::Open { .. } => self.capacity = self.capacity.saturating_sub(1).max(1),
        }
    }

    /// After how many a period is over. A number that was only seen from afar is no limit.
    fn limit(&self) -> u32 {
        if self.is_confirmed { self.capacity.saturating_add(self.extra) } else { u32::MAX }
    }

    /// Twice as many each time up to the number that was seen, and carefully again beyond it.
    fn allow_more(&self, allowed: u32, step: u32) -> (u32, u32) {
        if allowed < self.capacity {
            let more = allowed.saturating_add(step).min(self.capacity);
            return (more, if more == self.capacity { 1 } else { step.saturating_mul(2) });
        }
        (allowed.saturating_add(step), step.saturating_mul(2))
    }

    /// A new period, whose first call began at `begun`.
    fn open(&mut self, begun: Duration) {
        let passed = begun.saturating_sub(self.opened_at);
        self.high = Some(self.high.map_or(passed, |high| high.min(passed)));
        self.opened_at = begun;
        if self.good_periods >= self.patience {
            // Those that were tried on top were accepted.
            self.capacity = self.limit();
            self.extra = if self.extra == 0 { (self.capacity / 8).max(1) } else { self.extra.saturating_mul(2) };
        }
        let allowed = if self.is_confirmed { u32::MAX } else { 1 };
        self.phase = Phase::Open { begun: 1, allowed, step: 1, last: begun };
    }

    fn close(&mut self, now: Duration, asked: Option<Duration>) {
        (self.good_periods, self.extra) = (0, 0);
        // What was long enough before is not any more.
        self.high = self.high.filter(|&high| high > self.low);
        let passed = now.saturating_sub(self.opened_at);
        let until = match (asked, self.high) {
            (Some(asked), _) => now + asked,
            (None, Some(high)) if passed < high => self.opened_at + self.length(high),
            (None, _) => self.opened_at + search(passed),
        };
        self.phase = Phase::Closed { until };
    }

    /// Between what was too short and what was long enough, until they are close to each other.
    fn length(&self, high: Duration) -> Duration {
        let is_known = self.low.is_zero() || high.saturating_sub(self.low) < high / 10;
        if is_known { high.mul_f64(MARGIN) } else { (self.low + high) / 2 }
    }

    fn period_ends_at(&self) -> Duration {
        self.opened_at + self.high.map_or(Duration::ZERO, |high| self.length(high))
    }
}

/// How long after its beginning a period is asked for next, when so much of it has passed.
fn search(passed: Duration) -> Duration {
    let usual = SEARCH_MS.into_iter().map(Duration::from_millis);
    usual.into_iter().find(|&at| at > passed).unwrap_or(passed + SEARCH_ON)
}
