//! What a call puts into the system's folder for temporary files. Only the user may read it, and it goes with the call.
//!
//! It lies there and not in the project, where the tools of other agents would find the keys in it. Its name holds the
//! run's id, by which what a killed process has left is found.

use std::path::PathBuf;
use std::{env, fs, io};

use tempfile::{NamedTempFile, TempDir};

use crate::os::process::RUN_VARIABLE;

const FOLDER: &str = "orch-agent-";
const FILE: &str = "orch-prompt-";

/// A new folder.
pub(super) fn folder(environment: &[(String, String)]) -> io::Result<TempDir> {
    let prefix = prefix(FOLDER, run_of(environment));
    let mut builder = tempfile::Builder::new();
    // Unlike a file, a folder is made for everybody to look into.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix(&prefix).tempdir()
}

/// A new file for a prompt.
pub(super) fn file(environment: &[(String, String)]) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(&prefix(FILE, run_of(environment))).suffix(".md").tempfile()
}

/// The folders that a run has left. Removes the files that it has left, on the way.
pub(super) fn leftovers(run: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(env::temp_dir()) else { return Vec::new() };
    let mut folders = Vec::new();
    for entry in entries.flatten() {
        let begins = |kind| entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix(kind, run)));
        if begins(FILE) {
            let _ = fs::remove_file(entry.path());
        } else if begins(FOLDER) && is_ours(&entry) {
            folders.push(entry.path());
        }
    }
    folders
}

fn prefix(kind: &str, run: &str) -> String {
    format!("{kind}{run}-")
}

fn run_of(environment: &[(String, String)]) -> &str {
    environment.iter().rfind(|(name, _)| name == RUN_VARIABLE).map_or("none", |(_, run)| run)
}

/// Whether it is a folder that this user has made: anybody may put one into the folder for temporary files.
fn is_ours(entry: &fs::DirEntry) -> bool {
    let Ok(metadata) = entry.metadata() else { return false };
    #[cfg(unix)]
    let is_mine = std::os::unix::fs::MetadataExt::uid(&metadata) == rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    let is_mine = true;
    metadata.is_dir() && is_mine
}
