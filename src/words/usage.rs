//! What a call used, and why the model stopped.

use serde::{Deserialize, Serialize};

/// What one call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, those read from a cache and written to it included.
    pub input_tokens: u64,
    /// Tokens of the answer, thoughts included.
    pub output_tokens: u64,
    /// Of the prompt's tokens, those that the provider read from its cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_tokens: u64,
    /// Of the prompt's tokens, those that the provider wrote to its cache; none of them is among `cached_tokens`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_tokens: u64,
    /// Of these, those that it keeps for an hour.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    /// What the call cost in billionths of a dollar, where who answered says so itself, as some agent CLIs do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed_nano_usd: Option<u64>,
    /// Whether the provider gave no numbers, so that these are estimates (a token for four characters).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

/// Dollars in billionths; none for what is no amount.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive and has an end")]
pub(crate) fn nano_usd(usd: f64) -> Option<u64> {
    (0.0..1e9).contains(&usd).then(|| (usd * 1e9).round() as u64)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cached_tokens += other.cached_tokens;
        self.cache_write_tokens += other.cache_write_tokens;
        self.cache_write_1h_tokens += other.cache_write_1h_tokens;
        let billed = [self.billed_nano_usd, other.billed_nano_usd].into_iter().flatten();
        self.billed_nano_usd = billed.reduce(u64::saturating_add);
        self.estimated |= other.estimated;
    }
}

/// The reason of a turn that is not at its end and goes on, see
/// [`is_paused`](crate::words::conversation::AssistantMessage::is_paused).
pub(crate) const PAUSED: &str = "pause_turn";

/// The reason of a turn that was cut off and is a part of an answer, see
/// [`is_cut`](crate::words::conversation::AssistantMessage::is_cut).
pub(crate) const CUT: &str = "cut_off";

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It was done.
    End,
    /// A stop sequence came up.
    StopSequence,
    /// It waits for the results of the tools that it calls.
    ToolUse,
    /// A reason that this version does not know; the answer is taken, with a warning.
    Other(String),
}
