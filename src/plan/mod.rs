//! From text to a checked plan: the file as written, all its mistakes at once, the orchestra, the graph.

pub(crate) mod carried;
pub(crate) mod condition;
pub(crate) mod ctx;
pub(crate) mod digest;
pub(crate) mod draft;
pub(crate) mod graph;
pub(crate) mod growth;
pub(crate) mod guarded;
pub(crate) mod hooks;
pub(crate) mod import;
pub(crate) mod inputs;
pub(crate) mod notify;
pub(crate) mod orchestra;
pub(crate) mod output;
pub(crate) mod programs;
pub(crate) mod prompt;
pub(crate) mod resolve;
pub(crate) mod retry;
pub(crate) mod roles;
pub mod spec;
pub(crate) mod template;
pub(crate) mod tier;
pub(crate) mod tools;
pub mod tuning;
