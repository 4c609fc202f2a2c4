//! What a model may use, and how what it made is checked.

pub mod builtin;
pub mod mcp;
