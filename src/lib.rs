//! orch runs orchestras of LLM agents. See the README for what it does.

pub mod agent;
pub mod cli;
pub mod clock;
pub mod conversation;
pub mod diagnostic;
pub mod digest;
pub mod disk;
pub mod event;
pub mod fingerprint;
pub mod graph;
pub mod history;
pub mod http;
pub mod id;
pub mod journal;
pub mod lock;
pub mod objects;
pub mod observe;
pub mod orchestra;
pub mod printable;
pub mod project;
pub mod prompt;
pub mod provider;
pub mod redact;
pub mod resolve;
pub mod retry;
pub mod reuse;
pub mod roles;
pub mod runner;
pub mod schedule;
pub mod settings;
pub mod spec;
pub mod sse;
#[cfg(test)]
mod story;
pub mod summary;
pub mod template;
pub mod workspace;
