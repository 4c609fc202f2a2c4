//! What the user trusts, a file for each project, in the user's own folder. Knows nothing of what it is that is trusted.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::user_state::UserState;
use crate::words::digest::sha256;

/// A project's file.
#[derive(Debug, Serialize, Deserialize)]
struct Record<T> {
    /// The project's folder, for people.
    project: String,
    trusted: Vec<T>,
}

/// What is trusted of the project in a folder; nothing where nothing was ever asked.
///
/// # Errors
/// If there is a file that cannot be read.
pub(crate) fn read<T: DeserializeOwned>(state: &UserState, root: &Path) -> io::Result<Vec<T>> {
    let Some(text) = state.read(&file(&canonical(root)?))? else { return Ok(Vec::new()) };
    let record: Record<T> = serde_json::from_str(&text)?;
    Ok(record.trusted)
}

/// Keeps what is trusted of the project in a folder, in place of what was.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write<T: Serialize>(state: &UserState, root: &Path, trusted: Vec<T>) -> io::Result<()> {
    let root = canonical(root)?;
    let record = Record { project: root.display().to_string(), trusted };
    state.write(&file(&root), &serde_json::to_string_pretty(&record)?)
}

/// Forgets what was trusted of the project in a folder; returns whether there was anything.
///
/// # Errors
/// If it cannot be forgotten.
pub(crate) fn forget(state: &UserState, root: &Path) -> io::Result<bool> {
    state.remove(&file(&canonical(root)?))
}

/// Whichever way leads to a folder, it is the same project; and what takes its place by a link is another one.
fn canonical(root: &Path) -> io::Result<PathBuf> {
    root.canonicalize()
}

fn file(root: &Path) -> String {
    format!("trust/{}.json", &sha256(root.as_os_str().as_encoded_bytes())[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_project_has_its_own() {
        let home = tempfile::tempdir().unwrap();
        let state = UserState::find(|_| Some(home.path().display().to_string())).unwrap();
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(read::<String>(&state, one.path()).unwrap(), [""; 0]);
        write(&state, one.path(), vec!["a", "b"]).unwrap();
        write(&state, two.path(), vec!["c"]).unwrap();
        assert_eq!(read::<String>(&state, &one.path().join(".")).unwrap(), ["a", "b"]);
        assert!(forget(&state, one.path()).unwrap() && !forget(&state, one.path()).unwrap());
        assert_eq!(read::<String>(&state, one.path()).unwrap(), [""; 0]);
        assert_eq!(read::<String>(&state, two.path()).unwrap(), ["c"]);
        std::fs::write(state.file(&file(&two.path().canonicalize().unwrap())), "{").unwrap();
        assert!(read::<String>(&state, two.path()).is_err());
    }
}
