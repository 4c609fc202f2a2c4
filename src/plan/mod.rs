//! From text to a checked plan: the file as written, all its mistakes at once, the orchestra, the graph.

pub mod digest;
pub mod graph;
pub mod orchestra;
pub mod output;
pub mod prompt;
pub mod resolve;
pub mod retry;
pub mod roles;
pub mod spec;
pub mod template;
pub mod tier;
pub mod tools;
