//! What a person does with `orch run` and `orch resume`, and what comes of it.

mod command_line;
mod failure;
mod inputs;
mod order;
mod secrets;
mod selection;
mod views;
