//! What a run has come to and what it does next, decided from events alone.

pub(crate) mod budget;
pub(crate) mod cache_key;
pub(crate) mod fallback;
pub mod history;
pub mod rate_limit;
pub(crate) mod schedule;
pub(crate) mod state;
pub(crate) mod summary;
