//! Opening for reading: a regular file and nothing else, without waiting, and through a cap.
//!
//! Under any name that orch reads there may stand a pipe, a device, a folder or a link instead of the file: by accident,
//! or because a stranger put it there. To open a pipe waits for its writer, to open some devices acts on them, and to
//! read others never ends. So all reading goes through here.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::OpenOptions;

use super::{Dir, Kind, reading_boundary};

/// The most that [`Dir::read`] reads, in bytes. Nothing that orch keeps comes near it.
pub(crate) const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// Opens a regular file that the user named, wherever it is; links are followed.
///
/// # Errors
/// If there is none, or anything but a regular file stands there.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    reading_boundary(path)?;
    let refused = |kind: std::fs::FileType| refused(if kind.is_dir() { Kind::Folder } else { Kind::Other });
    // To open some devices is to act on them, so they are told by their names first. What is opened is looked at again:
    // it may have been swapped in between.
    let found = std::fs::metadata(path)?.file_type();
    if !found.is_file() {
        return Err(refused(found));
    }
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.read(true).open(path)?;
    let opened = file.metadata()?.file_type();
    if opened.is_file() { Ok(file) } else { Err(refused(opened)) }
}

/// The bytes of a regular file that the user named, of which there may be `most`.
///
/// # Errors
/// As [`open_file`], and if the file is larger or cannot be read.
pub(crate) fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_at_most(open_file(path)?, most)
}

/// The same for a text in UTF-8.
///
/// # Errors
/// As [`read_file`], and if it is not UTF-8.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_file(path, most)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

impl Dir {
    /// Opens a regular file for reading, without following a link and without waiting for whoever writes to a pipe.
    ///
    /// # Errors
    /// If there is none, or anything but a regular file stands there.
    pub fn open_regular(&self, name: &str) -> io::Result<File> {
        self.open_for_reading(name, FollowSymlinks::No)
    }

    /// The content of a file of orch's own, see [`Dir::open_regular`]; `None` if there is no such file.
    ///
    /// # Errors
    /// If it is there and cannot be read, or is larger than [`MAX_BYTES`].
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.read_at_most(name, MAX_BYTES)
    }

    /// The same with a cap of the caller's, in bytes.
    ///
    /// # Errors
    /// As [`Dir::read`].
    pub fn read_at_most(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        some(self.open_regular(name).and_then(|file| read_at_most(file, most)))
    }

    /// The content of a file of the user's, which links inside of the folder may lead to; `None` if there is none.
    ///
    /// # Errors
    /// As [`Dir::read_at_most`], and if a link leads out of the folder.
    pub fn read_linked(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        some(self.open_linked(name).and_then(|file| read_at_most(file, most)))
    }

    /// Whether a file of the user's can be read, see [`Dir::read_linked`].
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check_linked(&self, name: &str) -> io::Result<()> {
        self.open_linked(name).map(drop)
    }

    fn open_linked(&self, name: &str) -> io::Result<File> {
        self.open_for_reading(name, FollowSymlinks::Yes).map_err(|error| {
            let leads_out = error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none();
            if leads_out { io::Error::new(error.kind(), "it is a link that leads out of the folder") } else { error }
        })
    }

    fn open_for_reading(&self, name: &str, follow: FollowSymlinks) -> io::Result<File> {
        reading_boundary(&self.path.join(name))?;
        let look = || match follow {
            FollowSymlinks::Yes => self.inner.metadata(name),
            FollowSymlinks::No => self.inner.symlink_metadata(name),
        };
        let found = super::unlinked::kind(look()?.file_type());
        if found != Kind::File {
            return Err(refused(found));
        }
        let mut options = OpenOptions::new();
        let file = self.inner.open_with(name, options.read(true).follow(follow).nonblock(true))?;
        regular(file)
    }

    /// Opens a file of orch's own for reading and for writing at its end, and makes it if need be. Neither follows a
    /// link nor waits.
    ///
    /// # Errors
    /// If it cannot be opened, or anything but a regular file stands there.
    pub fn append_to(&self, name: &str) -> io::Result<File> {
        super::boundary("create")?;
        if let Some(found) = self.kind(name)?.filter(|&kind| kind != Kind::File) {
            return Err(refused(found));
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).follow(FollowSymlinks::No).nonblock(true);
        regular(self.inner.open_with(name, &options)?)
    }
}

fn regular(file: cap_std::fs::File) -> io::Result<File> {
    let opened = super::unlinked::kind(file.metadata()?.file_type());
    if opened == Kind::File { Ok(file.into_std()) } else { Err(refused(opened)) }
}

fn some(read: io::Result<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_at_most(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than there may be tells that there are too many.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(bytes)
}

/// The error for what is no regular file.
fn refused(found: Kind) -> io::Error {
    let what = match found {
        Kind::Folder => "a folder",
        Kind::Link => "a link",
        Kind::File | Kind::Other => "a pipe, a socket or a device",
    };
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is not a regular file but {what}"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let dir = Dir::open(folder.path()).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::fs::write(at("file"), "12345").unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        symlink("file", at("link")).unwrap();
        assert_eq!(dir.kind("pipe").unwrap(), Some(Kind::Other));
        for name in ["pipe", "folder", "zero"] {
            let path = at(name);
            let errors = [
                dir.open_regular(name).err(),
                dir.read(name).err(),
                dir.read_linked(name, 9).err(),
                dir.append_to(name).err(),
                open_file(&path).err(),
                read_file(&path, 9).err(),
            ];
            assert!(errors.iter().all(Option::is_some), "{name}: {errors:?}");
        }
        assert!(dir.open_regular("link").is_err() && dir.append_to("link").is_err());
        assert_eq!(dir.read_linked("link", 9).unwrap().unwrap(), b"12345");
        assert_eq!(read_file(&at("link"), 5).unwrap(), b"12345");
        assert!(read_file(&at("link"), 4).is_err() && dir.read_at_most("file", 4).is_err());
        assert_eq!(dir.read("none").unwrap(), None);
    }
}
