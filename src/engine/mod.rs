//! Runs an orchestra: what the command line and every other caller use.

pub mod runner;
