//! What a provider says about its rate limits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a provider says about its rate limits, from the headers of its answer. Each part may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimitInfo {
    /// How many requests it still takes before the reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_left: Option<u64>,
    /// How long until it takes requests without counting those before; milliseconds in JSON.
    #[serde(rename = "requests_reset_ms", with = "milliseconds", skip_serializing_if = "Option::is_none")]
    pub requests_reset: Option<Duration>,
    /// How many tokens it still takes before the reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_left: Option<u64>,
    /// How long until it takes tokens without counting those before; milliseconds in JSON.
    #[serde(rename = "tokens_reset_ms", with = "milliseconds", skip_serializing_if = "Option::is_none")]
    pub tokens_reset: Option<Duration>,
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for a reference")]
    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        // Rounded up: whoever waits by it must not come too early.
        let ms = time.map(|time| u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
        ms.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
