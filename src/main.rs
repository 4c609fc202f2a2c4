//! The program `orch`.

fn main() {}
