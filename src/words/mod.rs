//! Words that everything above shares: plain data, and text that is safe to show.

pub mod conversation;
pub mod diagnostic;
pub mod digest;
pub mod event;
pub mod failure;
pub mod id;
pub mod rate_limit;
pub mod redact;
pub mod text;
pub mod usage;
