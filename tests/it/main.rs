//! The integration tests, in one binary: they run the real `orch` against real files and a real HTTP server on loopback.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests, helpers included")]

mod commands;
mod engine;
mod faults;
mod keys;
mod mcp;
mod process;
mod project;
mod rooms;
mod server;
mod shipped;
mod wire;
