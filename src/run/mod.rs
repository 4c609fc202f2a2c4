//! What a run has come to and what it does next, decided from events alone.

pub mod budget;
pub mod cache_key;
pub mod fallback;
pub mod history;
pub mod rate_limit;
pub mod schedule;
pub mod state;
pub mod summary;
