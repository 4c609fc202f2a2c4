//! What is kept on disk, and how it gets there whole.

pub(crate) mod answers;
pub(crate) mod disk;
pub(crate) mod journal;
pub(crate) mod kept;
pub(crate) mod lock;
pub(crate) mod objects;
pub(crate) mod project;
pub(crate) mod reuse;
pub(crate) mod seal;
pub(crate) mod trust;
pub(crate) mod user_state;
pub(crate) mod workspace;
