//! orch runs orchestras of LLM agents. See the README for what it does.

pub mod clock;
pub mod diagnostic;
pub mod disk;
pub mod event;
pub mod graph;
pub mod history;
pub mod http;
pub mod id;
pub mod journal;
pub mod lock;
pub mod objects;
pub mod orchestra;
pub mod prompt;
pub mod provider;
pub mod redact;
pub mod resolve;
pub mod retry;
pub mod roles;
pub mod schedule;
pub mod spec;
pub mod sse;
pub mod template;
pub mod workspace;
