//! What a provider still takes until a reset, of requests or of tokens.

use std::time::Duration;

use crate::plan::retry::LONGEST_WAIT;

/// With fewer calls left than this they are spread over the time until the reset, so that the last ones are not gone
/// in the first second; with more, nobody is held up.
const FEW: u64 = 10;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quota {
    /// `None` while nothing is known.
    left: Option<u64>,
    resets_at: Duration,
}

impl Quota {
    /// What the headers of an answer say. A number without a reset, or with one that nobody waits for, paces nothing:
    /// the refusal that follows says what to do.
    pub(super) fn learn(&mut self, left: Option<u64>, reset: Option<Duration>, now: Duration) {
        if let (Some(left), Some(reset)) = (left, reset) {
            self.left = (reset <= LONGEST_WAIT).then_some(left);
            self.resets_at = now.saturating_add(reset);
        }
    }

    /// What begins now is gone before the next answer says so.
    pub(super) fn take(&mut self, amount: u64) {
        self.left = self.left.map(|left| left.saturating_sub(amount));
    }

    /// When the next call of `amount` may begin: at once, or in its place of those that still fit, or at the reset.
    pub(super) fn next_at(&self, amount: u64, last_begin: Duration, now: Duration) -> Duration {
        let Some(left) = self.left.filter(|_| now < self.resets_at) else { return Duration::ZERO };
        let calls = left.checked_div(amount).unwrap_or(u64::MAX);
        match u32::try_from(calls) {
            Ok(calls) if u64::from(calls) < FEW => {
                let open = self.resets_at.saturating_sub(last_begin);
                // The reset ends the last of the parts, to the nanosecond.
                if calls == 0 { self.resets_at } else { last_begin + open / (calls + 1) }
            }
            _ => Duration::ZERO,
        }
    }
}
