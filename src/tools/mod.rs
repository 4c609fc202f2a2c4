//! What a model may use, and how what it made is checked.
//!
//! [`Tool`] is the one door: built-in tools and those of MCP servers implement it. A [`ToolSet`] holds what one agent
//! was granted. Knows nothing of runs, attempts and journals.

pub(crate) mod builtin;
pub mod mcp;
mod output_file;
mod tool;
mod tool_set;
mod verify;

pub use builtin::{Ctx, FilesSeen};
pub(crate) use output_file::OutputFile;
pub use tool::{CallContext, Effect, Outcome, SetValue, Tool, ToolFuture};
pub use tool_set::{ServerGrant, ToolSet};
pub use verify::{Verifier, VerifyContext, VerifyError};
