//! orch runs orchestras of LLM agents. See the README for what it does.

pub mod event;
pub mod http;
pub mod id;
pub mod provider;
pub mod redact;
pub mod sse;
