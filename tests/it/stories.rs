//! What a person does with `orch run` and `orch resume`, and what comes of it.

#[cfg(unix)]
mod canary;
mod chains;
mod command_line;
mod deliveries;
mod durability;
mod failure;
mod guarded;
#[cfg(unix)]
mod hostile;
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
#[cfg(debug_assertions)]
mod budget;
pub(crate) mod conversation;
mod costs;
mod ladder;
mod money;
#[cfg(debug_assertions)]
pub(crate) mod sweep;
#[cfg(all(debug_assertions, unix))]
mod sweep_tools;
