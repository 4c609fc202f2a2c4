//! The pace at which providers are asked.
//!
//! Pure: time comes in as what has passed since the process began, and the caller does the waiting.

use std::time::Duration;

/// What a provider says about its pace, from the headers of its answer. Each part may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// How many requests it still takes before the reset.
    pub requests_left: Option<u64>,
    /// How long until it takes requests without counting those before.
    pub requests_reset: Option<Duration>,
    /// How many tokens it still takes before the reset.
    pub tokens_left: Option<u64>,
    /// How long until it takes tokens without counting those before.
    pub tokens_reset: Option<Duration>,
}
