//! What a person does with `orch run` and `orch resume`, and what comes of it.

mod command_line;
mod durability;
mod failure;
mod inputs;
mod locks;
mod order;
mod secrets;
mod selection;
mod views;
mod workspace;

#[cfg(unix)]
mod signals;

// A release build has no boundaries to stop at.
mod conversation;
mod ladder;
mod money;
#[cfg(debug_assertions)]
mod budget;
#[cfg(debug_assertions)]
mod sweep;
