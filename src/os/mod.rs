//! The machine: time, randomness, processes and their trees.

pub mod clock;
pub mod process;
