//! Texts by their content: `.orchestra/objects/<aa>/<sha256>`.
//!
//! Short outputs stand in the journal itself; see [`INLINE_BYTES`]. What is kept here is on disk, under its own digest,
//! before the event that names it.

use std::io;
use std::sync::Arc;

use crate::store::disk::Dir;
use crate::words::digest::sha256;
use crate::words::event::{INLINE_BYTES, Output};

const FOLDER: &str = "objects";

/// The store of a project. Its folder is made with the first long text.
#[derive(Debug)]
pub(crate) struct Objects {
    state: Dir,
}

impl Objects {
    /// The store below a project's `.orchestra`.
    #[must_use]
    pub(crate) fn below(state: Dir) -> Self {
        Self { state }
    }

    /// Makes a text an output. A long one is on disk on return.
    ///
    /// # Errors
    /// If it cannot be put there.
    pub(crate) fn put(&self, text: String) -> io::Result<Output> {
        let sha256 = sha256(text.as_bytes());
        let bytes = text.len() as u64;
        if text.len() <= INLINE_BYTES {
            return Ok(Output { sha256, bytes, text: Some(text.into()) });
        }
        let all = self.state.make_child(FOLDER)?;
        let folder = all.make_child(&sha256[..2])?;
        // An entry that is damaged is replaced and not trusted.
        let there = folder.read_at_most(&sha256, bytes);
        if !there.is_ok_and(|there| there.is_some_and(|there| there == text.as_bytes())) {
            folder.write(&sha256, text.as_bytes(), true)?;
        }
        // Also when the folders were there: the process that made them may not have come to this.
        all.sync()?;
        self.state.sync()?;
        Ok(Output { sha256, bytes, text: None })
    }

    /// The text of an output.
    ///
    /// # Errors
    /// If it is not there, or is not what its digest says.
    pub(crate) fn get(&self, output: &Output) -> io::Result<Arc<str>> {
        if let Some(text) = &output.text {
            return Ok(text.clone());
        }
        let name = &output.sha256;
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("the object {name} is missing"));
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => missing(),
            kind => io::Error::new(kind, format!("the object {name}: {error}")),
        };
        let all = self.state.child(FOLDER).map_err(failed)?;
        let folder = all.child(name.get(..2).unwrap_or_default()).map_err(failed)?;
        let bytes = folder.read_at_most(name, output.bytes).map_err(failed)?.ok_or_else(missing)?;
        if sha256(&bytes) != *name {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("the object {name} is damaged")));
        }
        String::from_utf8(bytes).map(Into::into).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_objects_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::below(Dir::open(folder.path()).unwrap());
        assert!(objects.put("short".into()).unwrap().text.is_some());
        let long = "x".repeat(INLINE_BYTES + 1);
        let output = objects.put(long.clone()).unwrap();
        assert_eq!((output.text.is_none(), &*objects.get(&output).unwrap()), (true, &*long));
        let path = folder.path().join("objects").join(&output.sha256[..2]).join(&output.sha256);
        std::fs::write(&path, "other").unwrap();
        assert!(objects.get(&output).is_err());
        objects.put(long).unwrap();
        assert!(objects.get(&output).is_ok());
    }
}
