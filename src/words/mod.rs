//! Words that everything above shares: plain data, and text that is safe to show.

pub mod conversation;
pub(crate) mod diagnostic;
pub(crate) mod digest;
pub(crate) mod event;
pub mod failure;
pub(crate) mod id;
pub mod rate_limit;
pub mod redact;
pub(crate) mod text;
pub mod usage;
