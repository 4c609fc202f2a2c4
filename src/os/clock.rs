//! The time, and what is random: the two things that the core is given and never takes.

use std::hash::{BuildHasher, RandomState};
use std::time::{Instant, SystemTime};

use crate::words::id::RunId;

/// A process's clock: wall time for people, and a monotonic one for durations.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts the monotonic clock at 0.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Microseconds since the start.
    #[must_use]
    pub fn mono_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// 64 random bits, from the keys that the standard library draws from the system for each of its hashers.
#[must_use]
pub fn random() -> u64 {
    RandomState::new().hash_one(Instant::now())
}

/// 256 bits that nobody can guess, in hex.
///
/// # Errors
/// If the system has none.
pub(crate) fn random_key() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    let refused = |_| std::io::Error::other("the system gives no random numbers");
    aws_lc_rs::rand::fill(&mut bytes).map_err(refused)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A number from 0 to 1, evenly spread.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
pub fn random_fraction() -> f64 {
    (random() >> 11) as f64 / (1u64 << 53) as f64
}

/// The id of a run that starts now; it sorts behind those of runs that started 16 microseconds ago or earlier.
#[must_use]
pub fn new_run_id() -> RunId {
    let now = jiff::Timestamp::now();
    let fraction = (i64::from(now.subsec_nanosecond()) << 16) / 1_000_000_000;
    RunId::at(&now.strftime("%Y%m%d_%H%M%S").to_string(), u16::try_from(fraction).unwrap_or_default())
}
