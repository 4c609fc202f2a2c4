//! The keys of an orchestra's file, each with what it does in a run.

mod agents;
mod approve;
mod context;
mod expand;
mod for_each;
mod goal;
#[cfg(unix)]
mod hooks;
mod inputs;
mod join;
mod limits;
mod mcp_servers;
mod models;
mod name;
mod notify;
mod on_error;
mod on_failure;
mod output;
mod prompts;
mod repeat;
mod result;
mod retry;
mod reuse;
mod review;
mod run;
mod sets;
mod strategy;
mod timeout_seconds;
pub(crate) mod tools;
mod verify;
mod when;
mod workspace;
