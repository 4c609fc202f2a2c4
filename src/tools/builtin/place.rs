//! The way to a place in the project, step by step along handles, and what can be read there.
//!
//! Every refusal is a sentence that the model is told.

use std::fs::File;
use std::io::{self, Read};

use super::path::{ProjectPath, shown};
use crate::store::disk::{Dir, Kind};

/// The largest file that is read or written whole, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 16 << 20;

/// Whether folders that are not there are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Make,
    Refuse,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it has {bytes} bytes, and no file of more than {most} is read")]
    TooLarge { bytes: u64, most: u64 },
    #[error("it is binary, not text")]
    Binary,
    #[error("it is not UTF-8 text (byte {at} is the first that is not)")]
    NotUtf8 { at: usize },
    #[error("{0}")]
    Failed(#[from] io::Error),
}

/// Goes down to a folder.
pub(super) fn folder(project: &Dir, parts: &[String], missing: Missing) -> Result<Dir, String> {
    let mut dir = project.try_clone().map_err(|error| format!("the project cannot be opened: {error}"))?;
    for (ix, part) in parts.iter().enumerate() {
        let entered = match dir.enter(part) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::Make => dir.enter_new(part),
            other => other,
        };
        dir = entered.map_err(|error| no_folder(&dir, part, &shown(&parts[..=ix]), &error))?;
    }
    Ok(dir)
}

/// Opens a regular file and the folder that it lies in.
pub(super) fn file(project: &Dir, path: &ProjectPath) -> Result<(Dir, File), String> {
    let (folders, name) = path.split_file();
    let dir = folder(project, folders, Missing::Refuse)?;
    let file = dir.open_regular(name).map_err(|error| no_file(&dir, name, path, &error))?;
    Ok((dir, file))
}

/// The text of an open file, of at most `most` bytes.
pub(super) fn text(file: &File, most: u64) -> Result<String, Unreadable> {
    let bytes = file.metadata()?.len();
    let mut content = Vec::new();
    // A file may grow while it is read.
    file.take(most + 1).read_to_end(&mut content)?;
    let read = content.len() as u64;
    if read > most {
        return Err(Unreadable::TooLarge { bytes: bytes.max(read), most });
    }
    if content.contains(&0) {
        return Err(Unreadable::Binary);
    }
    String::from_utf8(content).map_err(|error| Unreadable::NotUtf8 { at: error.utf8_error().valid_up_to() })
}

/// The file that is to be replaced, if there is one; refused if what stands there may not be.
pub(super) fn replaceable(dir: &Dir, name: &str, path: &ProjectPath) -> Result<Option<File>, String> {
    match dir.kind(name) {
        Ok(None) => Ok(None),
        Ok(Some(Kind::File)) => {
            let file = dir.open_regular(name).map_err(|error| no_file(dir, name, path, &error))?;
            let links = Dir::count_links(&file).map_err(|error| format!("{path}: {error}"))?;
            let metadata = file.metadata().map_err(|error| format!("{path}: {error}"))?;
            if links > 1 {
                return Err(format!(
                    "{path} has {links} names (hard links), of which some may lie outside of the project; it is not \
                     written"
                ));
            }
            if metadata.permissions().readonly() {
                return Err(format!("{path} is read-only"));
            }
            Ok(Some(file))
        }
        Ok(Some(kind)) => Err(wrong_kind(path, kind)),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

fn no_folder(dir: &Dir, name: &str, path: &str, error: &io::Error) -> String {
    match dir.kind(name) {
        Ok(None) => format!("there is no folder {path}; list_files shows what there is"),
        Ok(Some(Kind::Link)) => format!("{path} is a link, and tools follow none"),
        Ok(Some(Kind::File | Kind::Other)) => format!("{path} is a file, not a folder"),
        _ => format!("{path} cannot be opened: {error}"),
    }
}

fn no_file(dir: &Dir, name: &str, path: &ProjectPath, error: &io::Error) -> String {
    match dir.kind(name) {
        Ok(None) => format!("there is no file {path}; list_files shows what there is"),
        Ok(Some(Kind::File)) | Err(_) => format!("{path} cannot be opened: {error}"),
        Ok(Some(kind)) => wrong_kind(path, kind),
    }
}

fn wrong_kind(path: &ProjectPath, kind: Kind) -> String {
    match kind {
        Kind::Link => format!("{path} is a link, and tools follow none"),
        Kind::Folder => format!("{path} is a folder, not a file; list_files shows what is in it"),
        Kind::File | Kind::Other => {
            format!("{path} is not a regular file but a pipe, a socket or a device, which tools leave alone")
        }
    }
}
