//! How many calls may be in flight at once, where a provider refuses more and says nothing else.
//!
//! The number is what was in flight when calls were refused. To ask for more costs a refusal, so that is done only
//! after many successes, and after ever more of them when it was refused again.
//!
//! A bucket that is empty looks the same at first. So at growing distances one call is made beyond the number: where it
//! is accepted, time was what was limited.

use std::time::Duration;

/// So many rounds of successes before more is asked for.
const PATIENCE: u32 = 32;

/// How much longer it takes until more is asked for when it was refused.
const IMPATIENCE: u32 = 4;

/// Until the first call beyond the number. It doubles with each one that is refused.
const FIRST_GAP: Duration = Duration::from_secs(1);

/// A limit on calls in flight.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    size: u32,
    /// How many were added last and may still turn out to be too many.
    added: u32,
    successes: u32,
    patience: u32,
    trial: Trial,
    probe: Probe,
    gap: Duration,
}

/// Whether calls may follow those that have ended, as they must if calls in flight are what is limited. One tries it
/// first, then twice as many each time that none was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// Not tried yet.
    Ahead,
    /// `left` of `step` calls have not begun yet; the last that has, at `last`. Behind them the others wait whether any
    /// is refused.
    Out { left: u32, step: u32, last: Duration },
    /// They may.
    Passed,
}

/// The call beyond the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    /// It may be made from then on.
    Due(Duration),
    /// It began then.
    Out(Duration),
}

/// What a refusal says about a limit on calls in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// As many were in flight as may be.
    For,
    /// There were fewer: something else is limited.
    Against,
}

impl Slots {
    /// So many, and at least one. Calls may begin again at `opens_at`.
    pub(super) fn new(size: u32, opens_at: Duration) -> Self {
        let probe = Probe::Due(opens_at + FIRST_GAP);
        Self {
            size: size.max(1),
            added: 0,
            successes: 0,
            patience: PATIENCE,
            trial: Trial::Ahead,
            probe,
            gap: FIRST_GAP,
        }
    }

    /// When the next call may begin, at the latest; [`Duration::ZERO`] is at once. A refusal is known after `settling`.
    pub(super) fn next_at(&self, in_flight: u32, settling: Duration) -> Duration {
        match self.probe {
            _ if in_flight < self.size => match self.trial {
                Trial::Out { left: 0, last, .. } => last + settling,
                Trial::Out { .. } | Trial::Ahead | Trial::Passed => Duration::ZERO,
            },
            Probe::Due(at) => at,
            Probe::Out(begun) => begun + settling,
        }
    }

    /// A call begins with so many others in flight. Returns when the call beyond the number began, if that has turned
    /// out to be accepted.
    pub(super) fn begin(&mut self, in_flight: u32, now: Duration) -> Option<Duration> {
        match self.probe {
            _ if in_flight < self.size => {
                self.trial = match self.trial {
                    Trial::Ahead => Trial::Out { left: 0, step: 1, last: now },
                    Trial::Out { left: 0, step, .. } if step >= self.size => Trial::Passed,
                    Trial::Out { left: 0, step, .. } => Trial::Out { left: 2 * step - 1, step: 2 * step, last: now },
                    Trial::Out { left, step, .. } => Trial::Out { left: left - 1, step, last: now },
                    Trial::Passed => Trial::Passed,
                };
                // It says something only when nothing else has begun for a while.
                if let Probe::Due(at) = &mut self.probe {
                    *at = (*at).max(now + self.gap);
                }
                None
            }
            Probe::Due(_) => {
                self.probe = Probe::Out(now);
                None
            }
            Probe::Out(begun) => Some(begun),
        }
    }

    /// A call that began at `begun` was answered. Returns the same as [`Self::begin`].
    pub(super) fn note_success(&mut self, begun: Duration) -> Option<Duration> {
        if self.probe == Probe::Out(begun) {
            return Some(begun);
        }
        if let Trial::Out { last, .. } = &mut self.trial
            && begun >= *last
        {
            *last = Duration::ZERO;
        }
        self.successes += 1;
        // What was added is in use after a round, and more follows soon as long as that holds.
        let rounds = if self.added > 0 { 2 } else { self.patience };
        if self.successes >= rounds.saturating_mul(self.size) {
            self.added = (self.added * 2).max(1);
            self.size = self.size.saturating_add(self.added);
            self.successes = 0;
        }
        None
    }

    /// A call that began before the limit was known was refused too; so many are still in flight.
    pub(super) fn note_same_refusal(&mut self, in_flight: u32) {
        self.size = self.size.min(in_flight.max(1));
    }

    /// A call that began at `begun` was refused; so many are still in flight.
    pub(super) fn note_refusal(&mut self, begun: Duration, in_flight: u32, now: Duration) -> Evidence {
        if self.probe == Probe::Out(begun) {
            self.gap = self.gap.saturating_mul(2);
            self.probe = Probe::Due(now + self.gap);
            return Evidence::For;
        }
        let before = self.size.saturating_sub(self.added).max(1);
        if in_flight < before {
            return Evidence::Against;
        }
        if self.added > 0 {
            self.patience = self.patience.saturating_mul(IMPATIENCE);
        }
        (self.size, self.added, self.successes) = (in_flight, 0, 0);
        Evidence::For
    }
}
