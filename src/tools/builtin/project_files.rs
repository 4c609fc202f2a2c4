//! The project's folder as tools have it: who reads need not wait, who writes does.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::disk::Dir;
use crate::store::project::WriteLock;

/// The folder of a project, with the lock of those who write in it.
pub struct ProjectFiles {
    folder: Dir,
    writing: WriteLock,
}

impl ProjectFiles {
    /// A folder that all who have the same `writing` share.
    #[must_use]
    pub fn new(folder: Dir, writing: WriteLock) -> Self {
        Self { folder, writing }
    }

    /// Waits until no other tool writes. Agents that work at the same time share the project: an edit that reads while
    /// another one writes would undo it.
    pub(super) fn write_alone(&self) -> MutexGuard<'_, ()> {
        let writing: &Mutex<()> = &self.writing;
        writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for ProjectFiles {
    type Target = Dir;

    fn deref(&self) -> &Dir {
        &self.folder
    }
}
