//! What is kept on disk, and how it gets there whole.

pub mod disk;
pub mod journal;
pub mod lock;
pub mod objects;
pub mod project;
pub mod reuse;
pub mod workspace;
