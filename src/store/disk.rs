//! Files below a folder that cannot be left, and every step that reaches the disk.
//!
//! A [`Dir`] is a handle: names are opened relative to it, and neither `..` nor a link leads out. Each write, sync and
//! rename passes one boundary, at which a test can end the process or fail the step.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::OpenOptions;

pub(crate) use self::reading::{MAX_BYTES, open_file, read_file, read_text};
pub(crate) use self::unlinked::{Entry, Kind};

mod reading;
mod unlinked;

/// A folder.
#[derive(Debug)]
pub struct Dir {
    inner: cap_std::fs::Dir,
    /// For messages only.
    path: std::path::PathBuf,
    /// Whose writes these are, see [`Dir::marked`].
    mark: Option<Arc<str>>,
}

impl Dir {
    /// Opens a folder that the user named.
    ///
    /// # Errors
    /// If it is not there or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let inner = cap_std::fs::Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { inner, path: path.to_owned(), mark: None })
    }

    /// Opens a folder that the user named, and makes it and its parents if need be.
    ///
    /// # Errors
    /// If it cannot be made or opened.
    pub fn create(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            boundary("mkdir")?;
            std::fs::create_dir_all(path)?;
        }
        Self::open(path)
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a folder below this one, which must be there.
    ///
    /// # Errors
    /// If it is not there, or its path leads out of this folder.
    pub fn child(&self, name: &str) -> io::Result<Self> {
        Ok(self.below(self.inner.open_dir(name)?, name))
    }

    /// Another handle of the same folder.
    ///
    /// # Errors
    /// If the system gives no more handles.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { inner: self.inner.try_clone()?, path: self.path.clone(), mark: self.mark.clone() })
    }

    fn below(&self, inner: cap_std::fs::Dir, name: &str) -> Self {
        Self { inner, path: self.path.join(name), mark: self.mark.clone() }
    }

    /// Opens a folder below this one, and makes it and its parents if need be. A new folder's name is on disk after
    /// the next [`Dir::sync`] of this one.
    ///
    /// # Errors
    /// If it cannot be made, or its path leads out of this folder.
    pub fn make_child(&self, name: &str) -> io::Result<Self> {
        match self.child(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                boundary("mkdir")?;
                self.inner.create_dir_all(name)?;
                self.child(name)
            }
            other => other,
        }
    }

    /// Writes a file whole: under another name first, then renamed. A reader sees the old file or the new one.
    /// With `durable`, the new one and its name are on disk on return.
    ///
    /// # Errors
    /// If any step fails; what stood there before is untouched then, and the other name is gone. Only when the last sync
    /// fails does the new file stand there.
    pub fn write(&self, name: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
        let temporary = format!(".{name}.tmp");
        let written = self.write_and_rename(&temporary, name, bytes, durable);
        if written.is_err() {
            let _ = self.inner.remove_file(&temporary);
        }
        written
    }

    fn write_and_rename(&self, temporary: &str, name: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
        boundary("create")?;
        if self.kind(temporary)?.is_some_and(|kind| kind != Kind::File) {
            // Not from orch, and in its way: a pipe would be waited for, and a link written through.
            self.inner.remove_file(temporary)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).follow(FollowSymlinks::No).nonblock(true);
        let mut file = self.inner.open_with(temporary, &options)?.into_std();
        write_all(&mut file, bytes)?;
        if durable {
            boundary("fsync")?;
            file.sync_all()?;
        }
        drop(file);
        boundary("rename")?;
        self.inner.rename(temporary, &self.inner, name)?;
        if durable {
            self.sync()?;
        }
        Ok(())
    }

    /// Writes a file that is not there yet: of two who do so at once, one does. Says whether it was this one.
    ///
    /// # Errors
    /// If any step fails.
    pub fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let temporary = format!(".{name}.{}.tmp", std::process::id());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).follow(FollowSymlinks::No);
        let mut file = self.inner.open_with(&temporary, &options)?.into_std();
        let written = write_all(&mut file, bytes).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| self.inner.hard_link(&temporary, &self.inner, name));
        let _ = self.inner.remove_file(&temporary);
        match linked {
            Ok(()) => self.sync().map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a file of this folder another name in it, in place of what stood there.
    ///
    /// # Errors
    /// If it is not there or cannot be renamed.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        boundary("rename")?;
        self.inner.rename(from, &self.inner, to)
    }

    /// Removes a file; that there is none is fine.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        boundary("unlink")?;
        match self.inner.remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The names in the folder, sorted; names that are not UTF-8 are left out, since orch never gives any.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn names(&self) -> io::Result<Vec<String>> {
        reading_boundary(&self.path)?;
        let mut names = Vec::new();
        for entry in self.inner.entries()? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    /// Puts the folder's own entries on disk.
    ///
    /// # Errors
    /// If the system says that they may not be there.
    pub fn sync(&self) -> io::Result<()> {
        boundary("fsync")?;
        // Windows has no such call; its file systems journal their folders.
        if cfg!(unix) {
            self.inner.open(".")?.sync_all()?;
        }
        Ok(())
    }
}

/// Writes all bytes, with a boundary in the middle of them where tests look.
///
/// # Errors
/// If not all could be written.
pub(crate) fn write_all(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    boundary("write")?;
    if cfg!(debug_assertions) {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        file.write_all(first)?;
        boundary("torn write")?;
        return file.write_all(second);
    }
    file.write_all(bytes)
}

/// Removes a folder that the user named with all that is in it. Links are removed and not followed.
///
/// # Errors
/// If something of it cannot be removed; what was removed before that is gone.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    boundary("unlink")?;
    std::fs::remove_dir_all(path)
}

/// Puts a file's data on disk.
///
/// # Errors
/// If the system says that it may not be there. That is never tried again: a second try can succeed although the
/// data is gone.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    boundary("fsync")?;
    file.sync_data()
}

fn boundary(step: &str) -> io::Result<()> {
    #[cfg(debug_assertions)]
    boundaries::pass(step)?;
    let _ = step;
    Ok(())
}

/// The same for what is read: a test can fail it by its name.
fn reading_boundary(path: &Path) -> io::Result<()> {
    #[cfg(debug_assertions)]
    boundaries::read(path)?;
    let _ = path;
    Ok(())
}

/// What tests do at a boundary. Not in release builds.
#[cfg(debug_assertions)]
mod boundaries {
    use std::io;
    use std::path::Path;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// `ORCH_TEST_DISK=kill:N` ends the process at the Nth boundary, `fail:N:ERRNO` fails it with a number of the
    /// system's, and `fail-from:N:ERRNO` fails it and all behind it. `fail-read:NAME:ERRNO` fails to open or list
    /// whatever path ends in NAME.
    enum Order {
        FailRead(String, i32),
        Kill(u64),
        Fail(u64, i32),
        FailFrom(u64, i32),
    }

    static PASSED: AtomicU64 = AtomicU64::new(0);

    fn order() -> Option<&'static Order> {
        static ORDER: OnceLock<Option<Order>> = OnceLock::new();
        ORDER.get_or_init(read_order).as_ref()
    }

    pub(super) fn read(path: &Path) -> io::Result<()> {
        match order() {
            Some(Order::FailRead(name, errno)) if path.ends_with(name) => Err(io::Error::from_raw_os_error(*errno)),
            _ => Ok(()),
        }
    }

    pub(super) fn pass(_step: &str) -> io::Result<()> {
        let Some(order) = order() else { return Ok(()) };
        let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        match order {
            Order::Kill(at) if number == *at => die(),
            Order::Fail(at, errno) if number == *at => Err(io::Error::from_raw_os_error(*errno)),
            Order::FailFrom(at, errno) if number >= *at => Err(io::Error::from_raw_os_error(*errno)),
            _ => Ok(()),
        }
    }

    /// Ends the process as `kill -9` does: nothing is flushed and nothing cleaned up.
    fn die() -> io::Result<()> {
        #[cfg(unix)]
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort()
    }

    fn read_order() -> Option<Order> {
        let order = std::env::var("ORCH_TEST_DISK").ok()?;
        let parts: Vec<&str> = order.split(':').collect();
        match parts.as_slice() {
            ["kill", at] => Some(Order::Kill(at.parse().ok()?)),
            ["fail", at, errno] => Some(Order::Fail(at.parse().ok()?, errno.parse().ok()?)),
            ["fail-from", at, errno] => Some(Order::FailFrom(at.parse().ok()?, errno.parse().ok()?)),
            ["fail-read", name, errno] => Some(Order::FailRead((*name).to_owned(), errno.parse().ok()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_whole_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        dir.write("a", b"one", true).unwrap();
        dir.write("a", b"two", false).unwrap();
        assert_eq!(dir.read("a").unwrap().unwrap(), b"two");
        assert_eq!(dir.names().unwrap(), ["a"]);
        assert_eq!(dir.read("b").unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("in/up")).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("in/link")).unwrap();
        let dir = Dir::open(&folder.path().join("in")).unwrap();
        for name in ["../secret", "up/secret", "link", "/etc/passwd"] {
            assert!(dir.read(name).is_err(), "{name}");
        }
        for name in ["..", "up", "../new", "up/new"] {
            assert!(dir.make_child(name).is_err(), "{name}");
        }
        dir.write("link", b"y", false).unwrap();
        assert_eq!(std::fs::read(folder.path().join("secret")).unwrap(), b"x", "a link is replaced, not followed");
    }
}
