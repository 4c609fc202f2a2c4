//! Who holds a run or a workspace.
//!
//! The system's own lock on a file decides, so a lock ends with its process however that ends. What stands in the
//! file only tells a second process whom to name.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use serde::{Deserialize, Serialize};

use crate::store::disk::Dir;
use crate::words::event::Holder;
use crate::words::id::RunId;

/// The lock of a run, in its folder.
pub(crate) const RUN: &str = "lock";

/// The lock of a workspace, in its folder.
pub(crate) const WORKSPACE: &str = ".orch.lock";

/// The most of a lock that is read.
const MAX_CLAIM_BYTES: u64 = 64 * 1024;

/// A held lock; it is let go when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    /// What the process before this one wrote.
    pub before: Option<Claim>,
}

/// What a holder says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The process.
    #[serde(flatten)]
    pub holder: Holder,
    /// The run that it performs.
    pub run: RunId,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("it is held by {}", .0.as_ref().map_or_else(|| "another process".to_owned(), |c| format!("{} for {}", c.holder, c.run)))]
    Held(Option<Claim>),
    /// The lock's file cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lock {
    /// Takes the lock that the file `name` stands for.
    ///
    /// # Errors
    /// If another process holds it, with what that process says of itself.
    pub(crate) fn take(dir: &Dir, name: &str, claim: &Claim) -> Result<Self, LockError> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("its lock {name}: {error}"));
        let mut file = dir.append_to(name).map_err(named)?;
        let locked = file.try_lock();
        let mut text = String::new();
        file.rewind()?;
        // A claim is short; what is longer is none.
        (&mut file).take(MAX_CLAIM_BYTES).read_to_string(&mut text)?;
        let before: Option<Claim> = serde_json::from_str(&text).ok();
        match locked {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(LockError::Held(before)),
            Err(std::fs::TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        file.set_len(0)?;
        file.write_all(serde_json::to_string(claim).map_err(io::Error::other)?.as_bytes())?;
        Ok(Self { file, before })
    }

    /// Lets go at the end of all work. A claim that stands in a lock which nobody holds is that of a process that was
    /// killed, so none is left.
    pub(crate) fn release(self) {
        // At worst somebody looks for leftovers, and finds none.
        let _ = self.file.set_len(0);
    }
}

/// Whether a claim stands in the lock that the file `name` stands for: a process holds it, or was killed with it.
///
/// # Errors
/// If the lock is there and cannot be opened.
pub(crate) fn is_claimed(dir: &Dir, name: &str) -> io::Result<bool> {
    match dir.open_regular(name).and_then(|file| file.metadata()) {
        Ok(file) => Ok(file.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// This process.
#[must_use]
pub(crate) fn this_process() -> Holder {
    #[cfg(unix)]
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let host = std::env::var("COMPUTERNAME").unwrap_or_default();
    Holder { pid: std::process::id(), host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        let claim = Claim { holder: this_process(), run: RunId::at("20261120_093000", 1) };
        let first = Lock::take(&dir, "lock", &claim).unwrap();
        let Err(LockError::Held(Some(told))) = Lock::take(&dir, "lock", &claim) else { panic!() };
        assert_eq!(told, claim);
        drop(first);
        let again = Lock::take(&dir, "lock", &claim).unwrap();
        assert_eq!(again.before, Some(claim));
        assert!(is_claimed(&dir, "lock").unwrap() && !is_claimed(&dir, "other").unwrap());
        again.release();
        assert!(!is_claimed(&dir, "lock").unwrap());
    }
}
