//! Writing a file so that nobody ever sees half of it.
//!
//! The files that observers write can be made again from the journal, so they are not synced.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes a file beside `path` and gives it that name once it is whole.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()));
    let written = File::create(&unfinished).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.into_inner()?;
        fs::rename(&unfinished, path)
    });
    written.map_err(|error| {
        // What matters is why it could not be written; a leftover is written over the next time.
        let _ = fs::remove_file(&unfinished);
        named(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("summary.json");
        replace(&path, |out| out.write_all(b"old")).unwrap();
        let error = replace(&path, |out| out.write_all(b"ne").and(Err(io::ErrorKind::StorageFull.into()))).unwrap_err();
        assert!(error.to_string().contains("summary.json: no storage space"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left over");
    }
}
