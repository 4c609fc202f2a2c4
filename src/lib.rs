//! orch runs orchestras of LLM agents. See the README for what it does.

pub mod event;
pub mod id;
