//! orch runs orchestras of LLM agents. See the README for what it does.

pub mod diagnostic;
pub mod event;
pub mod graph;
pub mod history;
pub mod http;
pub mod id;
pub mod orchestra;
pub mod provider;
pub mod redact;
pub mod resolve;
pub mod retry;
pub mod roles;
pub mod schedule;
pub mod spec;
pub mod sse;
pub mod template;
