//! The rate that the file allows.

use std::collections::VecDeque;
use std::time::Duration;

use crate::plan::orchestra::RateLimit;

const MINUTE: Duration = Duration::from_secs(60);

/// The rate that the file allows, and the calls that count in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    pub rate: RateLimit,
    /// When the last ones began, the oldest first: as many as may in a minute, at most.
    begun: VecDeque<Duration>,
}

impl Declared {
    pub(super) fn new(rate: RateLimit) -> Self {
        Self { rate, begun: VecDeque::new() }
    }

    /// Whether so many in flight are as many as may be.
    pub(super) fn is_full(&self, in_flight: u32) -> bool {
        self.rate.max_concurrent.is_some_and(|max| in_flight >= max.max(1))
    }

    /// When the next call may begin; a time that has passed is at once.
    pub(super) fn next_at(&self) -> Duration {
        match (self.rate.requests_per_minute, self.begun.front()) {
            (Some(max), Some(&first)) if self.begun.len() >= max.max(1) as usize => first + MINUTE,
            _ => Duration::ZERO,
        }
    }

    pub(super) fn begin(&mut self, now: Duration) {
        let Some(max) = self.rate.requests_per_minute else { return };
        if self.begun.len() >= max.max(1) as usize {
            self.begun.pop_front();
        }
        self.begun.push_back(now);
    }
}
