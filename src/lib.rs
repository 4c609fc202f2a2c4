//! orch runs orchestras of LLM agents. See the README for what it does.
//!
//! The command line is one caller of [`engine`]; any program can be another:
//!
//! ```
//! use orch::engine::{self, Notes, Observers, Overrides, Project, RunStatus, Settings, Start};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let text = "
//! orchestra: {id: poem}
//! tasks:
//!   - {name: draft, agent: writer, description: 'Write a poem: {goal}'}
//!   - {name: polish, agent: writer, context: [draft], description: Make it shorter}
//! ";
//! std::fs::write(folder.path().join("poem.yaml"), text)?;
//!
//! let project = Project::at(folder.path());
//! let loaded = engine::load(&project, "poem.yaml", &Overrides::default())?;
//! // `Start::new` calls the models; a rehearsal calls nobody and needs no key.
//! let start = Start::rehearsal("the sea in winter");
//! let mut notes = Notes::default();
//! let prepared = engine::start(&project, &Settings::from_environment(), loaded, start, &mut notes).await?;
//! let result = prepared.result_path();
//! let ended = engine::execute(prepared, Observers::none(), engine::no_signals()).await?;
//!
//! assert_eq!(ended.status, RunStatus::Succeeded);
//! assert!(std::fs::read_to_string(result)?.contains("polish"));
//! # Ok(())
//! # }
//! ```
//!
//! The rooms, from the ground up; a room imports only from those above it in this list.
//!
//! | room | what is in it |
//! |---|---|
//! | `words` | plain data that everything shares: names, events, failures, diagnostics, text, redaction |
//! | `plan` | the file as written, all its mistakes at once, the orchestra, the graph, prompts |
//! | `run` | what a run has come to and what it does next, as plain values |
//! | `os` | clock, randomness, processes and their trees |
//! | `store` | confined folders, lock, journal, objects, workspace, results to use again |
//! | `net` | HTTP and server-sent events; knows no vendor |
//! | `model` | one door to every model: vendors, programs, rehearsal, recording, prices |
//! | `tools` | what a model may use: files, commands, servers of tools |
//! | `attempt` | one attempt at a task: a conversation until there is an answer that holds |
//! | `observe` | views, each a fold of events |
//! | `engine` | load, set up, execute: what every caller of orch uses |
//! | `cli` | the command line, and the words for people |

mod attempt;
mod cli;
pub mod engine;
pub mod model;
pub mod net;
mod observe;
pub mod os;
pub mod plan;
pub mod run;
#[cfg(test)]
mod run_builder;
mod store;
pub mod tools;
pub mod words;

pub use cli::main;
