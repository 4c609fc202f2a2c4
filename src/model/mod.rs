//! One door to every model. Behind [`Model`] is a server, a program, the rehearsal or a cassette; what an attempt holds is a
//! [`ModelClient`]: a model, and how an agent uses it.
//!
//! A call is asked once and answered once. Whether there is another attempt is the caller's to decide, who counts and pays
//! for it.

pub(crate) mod anthropic;
mod body;
mod call;
mod call_ids;
pub(crate) mod cassette;
mod client;
pub mod command;
mod dressed;
mod endpoint;
mod form;
pub(crate) mod gemini;
pub(crate) mod key_command;
pub(crate) mod ollama;
pub(crate) mod openai;
pub(crate) mod pace;
pub(crate) mod parameters;
pub(crate) mod prices;
mod reasoning;
mod redaction;
pub(crate) mod rehearsal;
mod remote;
pub(crate) mod reply_builder;
mod reset;
pub(crate) mod responses;
pub(crate) mod settings;
pub(crate) mod status;
mod stop;
mod thoughts;
pub(crate) mod tool_schema;
pub(crate) mod vendor;
mod wire;
pub(crate) mod zhipu;

pub use call::{CallFailure, Cue, Model, ModelRequest, PendingReply, Reply};
pub use client::{ModelClient, usual_max_tokens};
pub use endpoint::{Endpoint, EndpointError};
pub use remote::RemoteModel;
pub use vendor::Vendor;
pub use wire::{DecodeError, Wire};
