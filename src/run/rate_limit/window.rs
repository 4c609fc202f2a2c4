//! How many calls with a key may be in flight, and how far apart they begin.
//!
//! Additive increase, multiplicative decrease, as in TCP: the fair share of something whose size nobody knows.

use std::time::Duration;

/// The pause after the first complaint; it doubles with each further one.
const FIRST_GAP: Duration = Duration::from_millis(100);

/// Where the doubling stops.
const LONGEST_GAP: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// `None` while calls are free.
    size: Option<u32>,
    /// The time from one beginning to the next.
    gap: Duration,
    /// Calls that were in flight when the window shrank: they were begun at the old pace, and their complaints are
    /// the same complaint. Ends are not told apart, so the next that end are taken for these.
    old: u32,
    successes: u32,
    /// Whether the window was full at any time in this round, so that somebody may have waited.
    was_full: bool,
}

impl Window {
    pub(super) fn size(&self) -> u32 {
        self.size.unwrap_or(u32::MAX)
    }

    pub(super) fn next_at(&self, last_begin: Duration) -> Duration {
        if self.gap.is_zero() { Duration::ZERO } else { last_begin + self.gap }
    }

    /// Of so many calls in flight, how many began since the window shrank last.
    pub(super) fn begun_since(&self, in_flight: u32) -> u32 {
        in_flight.saturating_sub(self.old)
    }

    pub(super) fn note_begin(&mut self, in_flight: u32) {
        self.was_full |= in_flight >= self.size();
    }

    /// A call ended in a way that says nothing about the pace.
    pub(super) fn note_end(&mut self) {
        self.old = self.old.saturating_sub(1);
    }

    pub(super) fn note_success(&mut self) {
        self.note_end();
        let Some(size) = self.size else { return };
        self.successes += 1;
        if self.successes < size {
            return;
        }
        if !self.was_full && self.gap.is_zero() {
            *self = Self::default();
            return;
        }
        self.size = Some(size.saturating_add(1));
        self.gap = if self.gap > FIRST_GAP { self.gap / 2 } else { Duration::ZERO };
        self.successes = 0;
        self.was_full = false;
    }

    /// A complaint, with so many calls still in flight; `spaced` if the provider named no time to wait.
    pub(super) fn shrink(&mut self, in_flight: u32, spaced: bool) {
        if self.old > 0 {
            self.note_end();
            return;
        }
        // The call that was refused was in flight too.
        let reached = in_flight.saturating_add(1).min(self.size());
        self.size = Some((reached / 2).max(1));
        if spaced {
            self.gap = (self.gap * 2).clamp(FIRST_GAP, LONGEST_GAP);
        }
        self.old = in_flight;
        self.successes = 0;
        // Whoever was refused waits now.
        self.was_full = true;
    }
}
