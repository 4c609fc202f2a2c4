//! orch runs orchestras of LLM agents. See the README for what it does.

pub mod event;
pub mod graph;
pub mod history;
pub mod id;
pub mod observe;
pub mod printable;
pub mod retry;
pub mod schedule;
#[cfg(test)]
mod story;
pub mod summary;
