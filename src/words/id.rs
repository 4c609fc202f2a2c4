//! Names and ids: what a task, an agent, an orchestra and a run may be called.
//!
//! A name becomes a file name, so its alphabet is the one that is safe on every file system.
//! Knows nothing of what the names stand for.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name in bytes. `<name>_output.txt` must stay below the 255 bytes of common file systems,
/// with room for a member's name beside the task's.
pub(crate) const MAX_NAME_BYTES: usize = 100;

/// The name of a task, an agent or an orchestra: `[A-Za-z0-9][A-Za-z0-9_.-]*`, at most 100 bytes.
///
/// Cheap to clone: a run holds each task's name in its events, its states and its files.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(Arc<str>);

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name cannot be empty")]
    Empty,
    /// Longer than [`MAX_NAME_BYTES`].
    #[error("a name has at most {MAX_NAME_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A character outside the alphabet, or one that may not come first.
    #[error("a name cannot contain {0:?}: it becomes a file name, so use letters, digits, `_`, `.` and `-`")]
    Character(char),
    /// `.`, `_` or `-` in front.
    #[error("a name starts with a letter or a digit, not with {0:?}")]
    First(char),
    /// A device name of Windows, with or without an extension.
    #[error("{0:?} is the name of a device on Windows, so no file can be called that")]
    Device(String),
}

impl Name {
    /// Checks `text` and makes a name of it.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let first = text.chars().next().ok_or(NameError::Empty)?;
        if text.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if let Some(wrong) = text.chars().find(|&c| !allowed(c)) {
            return Err(NameError::Character(wrong));
        }
        if !first.is_ascii_alphanumeric() {
            return Err(NameError::First(first));
        }
        let stem = text.split('.').next().unwrap_or(text).to_ascii_lowercase();
        let numbered = |device: &str| {
            stem.strip_prefix(device).is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit() && n != "0")
        };
        if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt") {
            return Err(NameError::Device(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The id of a run, such as `run_20261120_093000_7f3a`: its UTC start, to the second and in 65536ths of it.
/// Ids sort by start time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct RunId(String);

impl RunId {
    /// Makes an id from a UTC date and time written as `YYYYMMDD_HHMMSS` and the part of the second that had gone by,
    /// in 65536ths.
    #[must_use]
    pub fn at(utc: &str, fraction: u16) -> Self {
        Self(format!("run_{utc}_{fraction:04x}"))
    }

    /// The id as text, which is also the name of the run's folder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunId {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Name::new(&text)?;
        Ok(Self(text))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_names() {
        for text in ["a", "implement_feature", "TASK-001", "v1.2", "7"] {
            assert_eq!(Name::new(text).map(|n| n.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_cannot_be_a_file_is_not_a_name() {
        let long = "x".repeat(101);
        for text in
            ["", "../a", "a/b", "a\0", "a\nb", ".hidden", "-flag", "CON", "nul.txt", "com1", "é", "\u{202e}a", &long]
        {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
        assert!(Name::new("com0").is_ok() && Name::new("console").is_ok());
    }
}
