//! Steps that follow no link, by one name at a time: for names that a model gave.
//!
//! Whoever goes down a path this way meets every link on it, and holds the folder it stands in by a handle: a folder
//! that is swapped for a link behind its back leads nowhere else.

use std::fs::{File, Permissions};
use std::io;

use cap_fs_ext::{DirExt, MetadataExt};
use cap_std::fs::OpenOptions;

use super::{Dir, boundary, reading_boundary, write_all};
use crate::os::clock;

/// How the names end that writes go by way of.
const UNFINISHED: &str = ".tmp";

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, wherever it leads.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name alone.
    pub name: String,
    /// What it stands for.
    pub kind: Kind,
}

impl Dir {
    /// What stands under `name`; `None` if nothing does.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn kind(&self, name: &str) -> io::Result<Option<Kind>> {
        match self.inner.symlink_metadata(name) {
            Ok(found) => Ok(Some(kind(found.file_type()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is in the folder, sorted by name. Names that are not UTF-8 are left out: no model can say them.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        reading_boundary(&self.path)?;
        let mut entries = Vec::new();
        for entry in self.inner.entries()? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, kind: kind(entry.file_type()?) });
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// Opens a folder in this one that is not reached by a link.
    ///
    /// # Errors
    /// If there is none, or a link or a file stands there.
    pub fn enter(&self, name: &str) -> io::Result<Self> {
        Ok(self.below(self.inner.open_dir_nofollow(name)?, name))
    }

    /// Makes a folder in this one, whose name is on disk on return, and opens it. That there is one already is fine.
    ///
    /// # Errors
    /// If it cannot be made, or a link or a file stands there.
    pub fn enter_new(&self, name: &str) -> io::Result<Self> {
        boundary("mkdir")?;
        match self.inner.create_dir(name) {
            Ok(()) => self.sync()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        self.enter(name)
    }

    /// How many names the file has that [`Dir::open_regular`] opened.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn count_links(file: &File) -> io::Result<u64> {
        let file = cap_std::fs::File::from_std(file.try_clone()?);
        Ok(file.metadata()?.nlink())
    }

    /// Writes a file whole and makes it durable, as [`Dir::write`] does, but by way of a name that nobody can have
    /// put a link under. A link under `name` itself would be replaced, not followed. `permissions` are those that the
    /// file is to have, if not the usual ones of new files.
    ///
    /// # Errors
    /// If any step fails; what stood there before is untouched then, and the other name is gone. Only when the last step
    /// fails, which makes the new name durable, does the new file stand there: the error says so.
    pub fn replace(&self, name: &str, bytes: &[u8], permissions: Option<Permissions>) -> io::Result<()> {
        let temporary = format!("{}{:016x}{UNFINISHED}", self.unfinished(), clock::random());
        boundary("create")?;
        let mut options = OpenOptions::new();
        let file = self.inner.open_with(&temporary, options.write(true).create_new(true))?.into_std();
        let replaced = self.fill_and_rename(file, &temporary, name, bytes, permissions);
        if replaced.is_err() {
            let _ = self.inner.remove_file(&temporary);
        }
        replaced
    }

    /// The same folder, whose writes, and those below it, carry a mark in the names that they go by way of. Whoever
    /// knows the mark can remove what a killed process has left of them.
    #[must_use]
    pub fn marked(self, mark: &str) -> Self {
        Self { mark: Some(mark.into()), ..self }
    }

    /// Removes what is left in this folder of writes by [`Dir::replace`] under the folder's own mark. To be called when
    /// nobody writes under it.
    ///
    /// # Errors
    /// If the folder cannot be read, or a file not be removed.
    pub fn remove_unfinished(&self) -> io::Result<()> {
        let start = self.unfinished();
        let is_left = |name: &String| self.mark.is_some() && name.starts_with(&start) && name.ends_with(UNFINISHED);
        self.names()?.iter().filter(|name| is_left(name)).try_for_each(|name| self.remove(name))
    }

    /// How the names begin that writes go by way of.
    fn unfinished(&self) -> String {
        self.mark.as_ref().map_or_else(|| ".orch-".to_owned(), |mark| format!(".orch-{mark}-"))
    }

    fn fill_and_rename(
        &self,
        mut file: File,
        temporary: &str,
        name: &str,
        bytes: &[u8],
        permissions: Option<Permissions>,
    ) -> io::Result<()> {
        write_all(&mut file, bytes)?;
        if let Some(permissions) = permissions {
            file.set_permissions(permissions)?;
        }
        boundary("fsync")?;
        file.sync_all()?;
        drop(file);
        boundary("rename")?;
        self.inner.rename(temporary, &self.inner, name)?;
        self.sync().map_err(|error| {
            let words = format!("the new file stands there, but may be lost if the machine stops: {error}");
            io::Error::new(error.kind(), words)
        })
    }
}

pub(super) fn kind(file_type: cap_std::fs::FileType) -> Kind {
    if file_type.is_symlink() {
        Kind::Link
    } else if file_type.is_dir() {
        Kind::Folder
    } else if file_type.is_file() {
        Kind::File
    } else {
        Kind::Other
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        std::fs::write(folder.path().join("file"), "x").unwrap();
        symlink("real", folder.path().join("to_real")).unwrap();
        symlink("file", folder.path().join("to_file")).unwrap();
        symlink("nothing", folder.path().join("to_nothing")).unwrap();
        dir.enter("real").unwrap();
        dir.open_regular("file").unwrap();
        for name in ["to_real", "to_nothing", "file", "nothing"] {
            assert!(dir.enter(name).is_err(), "{name}");
        }
        for name in ["to_real", "to_nothing", "file"] {
            assert!(dir.enter_new(name).is_err(), "{name}");
        }
        for name in ["to_file", "to_nothing", "real", "nothing"] {
            assert!(dir.open_regular(name).is_err(), "{name}");
        }
        let kinds = dir.entries().unwrap().into_iter().map(|entry| (entry.name, entry.kind)).collect::<Vec<_>>();
        let expected = [
            ("file", Kind::File),
            ("real", Kind::Folder),
            ("to_file", Kind::Link),
            ("to_nothing", Kind::Link),
            ("to_real", Kind::Link),
        ];
        assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn a_replaced_file_is_alone_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        let dir = Dir::open(folder.path()).unwrap();
        dir.replace("script", b"one", Some(Permissions::from_mode(0o750))).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
        std::fs::hard_link(&path, folder.path().join("second")).unwrap();
        assert_eq!(Dir::count_links(&dir.open_regular("script").unwrap()).unwrap(), 2);
        dir.replace("script", b"two", None).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read(folder.path().join("second")).unwrap(), b"one", "the other name keeps its file");
        assert_eq!(dir.names().unwrap(), ["script", "second"]);
    }

    #[test]
    fn what_is_left_of_writes_is_removed_by_its_mark_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path()).unwrap().marked("run_1");
        let others = [".orch-0123456789abcdef.tmp", ".orch-run_10-0123456789abcdef.tmp", ".orch-run_1-notes", "x.tmp"];
        let left = dir.unfinished() + "0123456789abcdef.tmp";
        for name in others.iter().copied().chain([&*left]) {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        dir.replace("made", b"x", None).unwrap();
        dir.remove_unfinished().unwrap();
        let mut kept = [&others[..], &["made"]].concat();
        kept.sort_unstable();
        assert_eq!(dir.names().unwrap(), kept);
        let without_mark = Dir::open(folder.path()).unwrap();
        without_mark.remove_unfinished().unwrap();
        assert_eq!(without_mark.names().unwrap(), kept);
    }
}
