//! One door to every model. Behind [`Model`] is a server, a program, the rehearsal or a cassette; what an attempt holds is a
//! [`ModelClient`]: a model, and how an agent uses it.
//!
//! A call is asked once and answered once. Whether there is another attempt is the caller's to decide, who counts and pays
//! for it.

pub mod anthropic;
mod body;
mod call;
pub mod cassette;
mod client;
pub mod command;
mod endpoint;
mod form;
pub mod gemini;
pub mod ollama;
pub mod openai;
pub mod pace;
pub mod prices;
mod redaction;
pub mod rehearsal;
mod remote;
pub mod reply_builder;
pub mod responses;
pub mod settings;
pub mod status;
pub mod vendor;
mod wire;
pub mod zhipu;

pub use call::{CallFailure, Cue, Model, ModelRequest, PendingReply, Reply};
pub use client::{ModelClient, USUAL_MAX_TOKENS};
pub use endpoint::{Endpoint, EndpointError};
pub use remote::RemoteModel;
pub use vendor::Vendor;
pub use wire::{DecodeError, Wire};
