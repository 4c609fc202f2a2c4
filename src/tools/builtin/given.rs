//! The texts of files that a task declares, for a model that has no tool to look at them.
//!
//! The same rules hold as for `read_file`, and no grant opens a guarded file: one that is named is refused, and one that
//! a pattern means is left out.

use std::fs::File;
use std::ops::ControlFlow;

use super::path::{ProjectPath, quoted};
use super::place;
use super::walk::{Glob, walk};
use crate::plan::guarded::{OwnFiles, Use};
use crate::store::disk::Dir;

/// As much text of files as one prompt is given, in bytes.
const MAX_BYTES: usize = 256 << 10;

/// What to do about a file that cannot be given.
const CURE: &str = "give the agent `read_file`, with which it reads files in parts, or take the file out of `reads`";

/// Texts with the paths of their files; each file once.
pub(super) fn texts(project: &Dir, own: &OwnFiles, patterns: &[String]) -> Result<Vec<(String, String)>, String> {
    let mut given = Given::default();
    for pattern in patterns {
        if !pattern.contains(['*', '?', '[', '{']) {
            let path = ProjectPath::of_file(pattern)?;
            if let Some(row) = own.rows(&path.to_string(), Use::Read).first() {
                return Err(format!("{path} is given to no model: {}; take it out of `reads`", row.why));
            }
            let (_, file) = place::file(project, &path)?;
            given.add(&path.to_string(), &file)?;
            continue;
        }
        let mut unreadable = None;
        let top = ProjectPath::of_folder(".")?;
        walk(project, &top, Some(Glob::new(pattern)?), &mut |found| {
            if !own.rows(found.path, Use::Read).is_empty() {
                return ControlFlow::Continue(());
            }
            let opened = found.folder.open_regular(found.name);
            let opened = opened.map_err(|error| format!("{} cannot be read: {error}", quoted(found.path)));
            match opened.and_then(|file| given.add(found.path, &file)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(why) => {
                    unreadable = Some(why);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(why) = unreadable {
            return Err(why);
        }
    }
    Ok(given.texts)
}

#[derive(Default)]
struct Given {
    texts: Vec<(String, String)>,
    bytes: usize,
}

impl Given {
    fn add(&mut self, path: &str, file: &File) -> Result<(), String> {
        if self.texts.iter().any(|(known, _)| known == path) {
            return Ok(());
        }
        let text = place::text(file, MAX_BYTES as u64)
            .map_err(|why| format!("{} cannot be given to a model: {why}; {CURE}", quoted(path)))?;
        self.bytes += text.len();
        if self.bytes > MAX_BYTES {
            return Err(format!("the files have more than 256 KiB with {}; {CURE}", quoted(path)));
        }
        self.texts.push((path.to_owned(), text));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::builtin::tests::Project;

    #[test]
    fn files_are_given_once_and_guarded_ones_never() {
        let project = Project::new();
        for (path, text) in [("a.md", "one"), ("docs/b.md", "two"), (".env", "KEY=1"), ("docs/id_rsa", "key")] {
            project.file(path, text);
        }
        let folder = Dir::open(&project.root()).unwrap();
        let of = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
            texts(&folder, &OwnFiles::default(), &patterns)
        };
        let both = [("a.md".to_owned(), "one".to_owned()), ("docs/b.md".to_owned(), "two".to_owned())];
        assert_eq!(of(&["a.md", "**"]).unwrap(), both);
        for (path, why) in [(".env", "given to no model"), ("none", "none"), ("../x", "../x"), (".git/config", ".git")]
        {
            let refusal = of(&[path]).unwrap_err();
            assert!(refusal.contains(why), "{refusal}");
        }
        project.bytes("picture", b"a\0b");
        assert!(of(&["picture"]).unwrap_err().contains("it is binary, not text; give the agent `read_file`"));
        project.file("long", &"x".repeat(MAX_BYTES));
        assert_eq!(of(&["long"]).unwrap().len(), 1);
        assert!(of(&["a.md", "long"]).unwrap_err().starts_with("the files have more than 256 KiB with "));
    }
}
