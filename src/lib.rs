//! orch runs orchestras of LLM agents. See the README for what it does.
//!
//! The rooms, from the ground up; a room imports only from those above it in this list.
//!
//! | room | what is in it |
//! |---|---|
//! | [`words`] | plain data that everything shares: names, events, failures, diagnostics, text, redaction |
//! | [`plan`] | the file as written, all its mistakes at once, the orchestra, the graph, prompts |
//! | [`run`] | what a run has come to and what it does next, as plain values |
//! | [`os`] | clock, randomness, processes and their trees |
//! | [`store`] | confined folders, lock, journal, objects, workspace, results to use again |
//! | [`net`] | HTTP and server-sent events; knows no vendor |
//! | [`model`] | one door to every model: vendors, programs, rehearsal, recording, prices |
//! | [`tools`] | what a model may use: files, commands, servers of tools |
//! | [`attempt`] | one attempt at a task: a conversation until there is an answer that holds |
//! | [`observe`] | views, each a fold of events |
//! | [`engine`] | load, set up, execute: what every caller of orch uses |
//! | [`cli`] | the command line, and the words for people |

pub mod attempt;
pub mod cli;
pub mod engine;
pub mod model;
pub mod net;
pub mod observe;
pub mod os;
pub mod plan;
pub mod run;
#[cfg(test)]
mod run_builder;
pub mod store;
pub mod tools;
pub mod words;
