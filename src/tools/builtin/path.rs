//! The paths that a model names: which are refused, and by which rule.
//!
//! Looks at the text alone. What stands on the disk under it is looked at step by step, in [`super::place`].

use std::fmt;

use crate::plan::guarded::{GIT, ORCH, is_name_of};

/// The longest name of a file or folder, in bytes, on common file systems.
const MAX_NAME_BYTES: usize = 255;

/// The longest path, in bytes, that systems accept.
const MAX_PATH_BYTES: usize = 4096;

/// A path below the project that breaks no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProjectPath {
    /// The names on the way, at least one unless it is the project itself.
    parts: Vec<String>,
}

impl ProjectPath {
    /// The path of a file to read.
    pub(super) fn of_file(text: &str) -> Result<Self, String> {
        let path = Self::of_folder(text)?;
        if path.parts.is_empty() || text.ends_with('/') {
            return Err(format!("{} names a folder; name a file, such as `src/main.rs`", quoted(text)));
        }
        Ok(path)
    }

    /// The path of a file to write.
    pub(super) fn of_written_file(text: &str) -> Result<Self, String> {
        let path = Self::of_file(text)?;
        match path.parts.iter().find(|part| is_name_of(part, ORCH)) {
            Some(_) => Err(format!("{} lies in `{ORCH}`, where only orch itself writes", quoted(text))),
            None => Ok(path),
        }
    }

    /// The path of a folder. `.` is the project.
    pub(super) fn of_folder(text: &str) -> Result<Self, String> {
        let refused = |rule: &str| Err(format!("{} is refused: {rule}", quoted(text)));
        if text.is_empty() {
            return refused("a path cannot be empty; the project itself is `.`");
        }
        if text.len() > MAX_PATH_BYTES {
            return refused(&format!("a path has at most {MAX_PATH_BYTES} bytes"));
        }
        if text.starts_with('/') || text == "~" || text.starts_with("~/") || has_drive(text) {
            return refused("paths are relative to the project, such as `src/main.rs`");
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        match parts.iter().find_map(|part| broken_rule(part)) {
            Some(rule) => refused(&rule),
            None => Ok(Self { parts: parts.into_iter().map(str::to_owned).collect() }),
        }
    }

    /// The names of the folders on the way to the file, and its own.
    pub(super) fn split_file(&self) -> (&[String], &str) {
        self.parts.split_last().map_or((&[], "."), |(name, folders)| (folders, name))
    }

    /// The names on the way.
    pub(super) fn parts(&self) -> &[String] {
        &self.parts
    }
}

impl fmt::Display for ProjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.parts))
    }
}

/// Names as one path, for messages.
pub(super) fn shown(parts: &[String]) -> String {
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The rule that a name breaks, whoever wrote it.
pub(super) fn broken_rule(name: &str) -> Option<String> {
    if name == ".." {
        return Some("`..` leads out of the project; paths are relative to the project and go down only".to_owned());
    }
    if name.len() > MAX_NAME_BYTES {
        return Some(format!("the name of a file has at most {MAX_NAME_BYTES} bytes, this one has {}", name.len()));
    }
    if let Some(c) = name.chars().find(|&c| is_unseen(c)) {
        return Some(format!("a path cannot contain {c:?}, which nobody sees"));
    }
    if name.contains('\\') {
        return Some("write `/` between folders, not `\\`".to_owned());
    }
    if is_device(name) {
        return Some(format!("{name:?} is the name of a device on Windows, so no file can be called that"));
    }
    if name.ends_with(['.', ' ']) {
        return Some(format!("{name:?} ends with a dot or a space, which Windows drops"));
    }
    is_name_of(name, GIT).then(|| format!("`{GIT}` belongs to Git, and tools neither read nor write it"))
}

/// `C:` and the like.
fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Control characters, and those that file systems ignore or that turn the direction of writing.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A device of Windows, with or without an extension.
fn is_device(name: &str) -> bool {
    let stem = name.split(['.', ':']).next().unwrap_or(name).trim_end().to_lowercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|number| {
            let mut digits = number.chars();
            matches!((digits.next(), digits.next()), (Some('1'..='9' | '¹' | '²' | '³'), None))
        })
    };
    matches!(&*stem, "con" | "prn" | "aux" | "nul" | "conin$" | "conout$") || numbered("com") || numbered("lpt")
}

/// A text of a model in a message: on one line, and not long.
pub(in crate::tools) fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 100;
    let start: String = text.chars().take(MAX_CHARS).collect();
    if start.len() == text.len() { format!("{start:?}") } else { format!("{start:?}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_taken_and_made_simple() {
        for (text, path) in [
            ("a", "a"),
            ("src/main.rs", "src/main.rs"),
            ("./src//./main.rs", "src/main.rs"),
            ("a b/é/日本.txt", "a b/é/日本.txt"),
            (".github/x.yml", ".github/x.yml"),
            (".gitignore", ".gitignore"),
            ("...x/..y", "...x/..y"),
            ("console/com10/nullable.rs", "console/com10/nullable.rs"),
            ("-rf", "-rf"),
            ("~backup/git~x", "~backup/git~x"),
        ] {
            assert_eq!(ProjectPath::of_written_file(text).unwrap().to_string(), path);
        }
        assert_eq!(ProjectPath::of_folder(".").unwrap().to_string(), ".");
        assert_eq!(ProjectPath::of_folder("src/").unwrap().parts(), ["src"]);
    }

    #[test]
    fn every_rule_is_named() {
        let long = "x".repeat(256);
        let deep = "x/".repeat(2100);
        for (text, rule) in [
            ("", "cannot be empty"),
            ("..", "leads out of the project"),
            ("../x", "leads out of the project"),
            ("a/../../x", "leads out of the project"),
            ("/etc/passwd", "relative to the project"),
            ("//host/share", "relative to the project"),
            ("~/x", "relative to the project"),
            ("C:/x", "relative to the project"),
            ("c:x", "relative to the project"),
            ("a\\b", "write `/`"),
            ("a\0b", "nobody sees"),
            ("a\nb", "nobody sees"),
            ("a\u{202e}b", "nobody sees"),
            (".g\u{200c}it/config", "nobody sees"),
            ("CON", "device on Windows"),
            ("src/nul.txt", "device on Windows"),
            ("Lpt1", "device on Windows"),
            ("com²", "device on Windows"),
            ("a/x.", "Windows drops"),
            ("a /b", "Windows drops"),
            (".git/hooks/pre-commit", "belongs to Git"),
            ("sub/.GIT/config", "belongs to Git"),
            ("git~1/config", "belongs to Git"),
            (".git::$INDEX_ALLOCATION/config", "belongs to Git"),
            (&long, "at most 255 bytes, this one has 256"),
            (&deep, "at most 4096 bytes"),
        ] {
            for refusal in [ProjectPath::of_folder(text), ProjectPath::of_written_file(text)] {
                let refusal = refusal.unwrap_err();
                assert!(refusal.contains(rule) && refusal.len() < 400, "{text:?}: {refusal}");
            }
        }
        for text in [".", "src/", "./"] {
            assert!(ProjectPath::of_file(text).unwrap_err().contains("names a folder"), "{text:?}");
        }
        for text in [".orchestra/plan.md", "a/.Orchestra/x", "orches~1/x"] {
            assert!(ProjectPath::of_written_file(text).unwrap_err().contains("only orch itself writes"), "{text:?}");
            assert!(ProjectPath::of_file(text).is_ok(), "{text:?}");
        }
    }
}
