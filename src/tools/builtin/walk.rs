//! The files of the project below a folder, in the order of their names.
//!
//! What `.gitignore` files leave out is left out, and so are links, folders that are built or kept by other programs,
//! and names that no tool would take.

use std::ops::ControlFlow;

use globset::{GlobBuilder, GlobMatcher};
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::path::{ProjectPath, broken_rule};
use super::place::{self, Missing};
use crate::store::disk::{Dir, Entry, Kind};

/// Folders that hold nothing anybody wrote, or nothing that concerns a model.
const SKIPPED: [&str; 4] = [".git", ".orchestra", "target", "node_modules"];

/// How many names are looked at before a walk is given up.
const MAX_NAMES: usize = 200_000;

/// How deep a walk goes. Each folder on the way holds a handle.
const MAX_DEPTH: usize = 64;

/// How many things that were left out are named.
const MAX_NOTES: usize = 10;

const MAX_GLOB_BYTES: usize = 1000;

/// The largest `.gitignore` that is honoured, in bytes.
const MAX_IGNORE_BYTES: u64 = 64 << 10;

/// A file that was come by.
pub(super) struct Found<'w> {
    /// The folder that it lies in.
    pub folder: &'w Dir,
    /// Its name there.
    pub name: &'w str,
    /// Its path from the project on.
    pub path: &'w str,
}

/// Which files are meant: by their names, or by their paths if the pattern has a `/`.
pub(super) struct Glob {
    matcher: GlobMatcher,
    by_name: bool,
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        if pattern.len() > MAX_GLOB_BYTES {
            return Err(format!("a glob pattern has at most {MAX_GLOB_BYTES} bytes"));
        }
        let glob = GlobBuilder::new(pattern.trim_start_matches("./")).literal_separator(true).build();
        let glob = glob.map_err(|error| format!("{error}; write a glob pattern such as `*.rs` or `src/**/*.rs`"))?;
        Ok(Self { matcher: glob.compile_matcher(), by_name: !pattern.contains('/') })
    }

    fn is_match(&self, name: &str, path: &str) -> bool {
        self.matcher.is_match(if self.by_name { name } else { path })
    }
}

/// A walk: what it goes by, and what it has left out.
pub(super) struct Walk<'v> {
    glob: Option<Glob>,
    visit: &'v mut dyn FnMut(&Found) -> ControlFlow<()>,
    /// The length of the path that was asked for, with its `/`.
    base: usize,
    ignored: Vec<Ignored>,
    names: usize,
    notes: Vec<String>,
}

/// A `.gitignore`, which speaks of paths below the folder that it lies in.
struct Ignored {
    rules: Gitignore,
    /// The length of the folder's path, with its `/`.
    base: usize,
}

/// Shows `visit` the files below a folder until it breaks off. What it gives are notes on what was left out.
pub(super) fn walk(
    project: &Dir,
    folder: &ProjectPath,
    glob: Option<Glob>,
    visit: &mut dyn FnMut(&Found) -> ControlFlow<()>,
) -> Result<Vec<String>, String> {
    let mut walk = Walk { glob, visit, base: 0, ignored: Vec::new(), names: 0, notes: Vec::new() };
    let mut path = String::new();
    let mut dir = place::folder(project, &[], Missing::Refuse)?;
    for (ix, part) in folder.parts().iter().enumerate() {
        walk.honour(&dir, path.len());
        dir = place::folder(project, &folder.parts()[..=ix], Missing::Refuse)?;
        path = format!("{path}{part}/");
    }
    walk.base = path.len();
    let _ = walk.enter(&dir, &mut path, 0);
    Ok(walk.notes)
}

impl Walk<'_> {
    /// Goes through the folder at `path`, which is empty or ends with `/`.
    fn enter(&mut self, dir: &Dir, path: &mut String, depth: usize) -> ControlFlow<()> {
        let Ok(entries) = dir.entries() else {
            self.note(format!("{path} could not be read"));
            return ControlFlow::Continue(());
        };
        let outer = self.ignored.len();
        self.honour(dir, path.len());
        let length = path.len();
        for entry in entries {
            path.push_str(&entry.name);
            let flow = self.entry(dir, &entry, path, depth);
            path.truncate(length);
            flow?;
        }
        self.ignored.truncate(outer);
        ControlFlow::Continue(())
    }

    fn entry(&mut self, dir: &Dir, entry: &Entry, path: &mut String, depth: usize) -> ControlFlow<()> {
        self.names += 1;
        if self.names > MAX_NAMES {
            self.note(format!("given up after {MAX_NAMES} names at {path}; name a folder further down"));
            return ControlFlow::Break(());
        }
        let is_folder = entry.kind == Kind::Folder;
        if self.is_ignored(path, is_folder) || broken_rule(&entry.name).is_some() {
            return ControlFlow::Continue(());
        }
        match entry.kind {
            Kind::File if self.is_meant(&entry.name, path) => {
                (self.visit)(&Found { folder: dir, name: &entry.name, path })
            }
            Kind::Folder if !SKIPPED.contains(&&*entry.name) => self.folder(dir, &entry.name, path, depth),
            _ => ControlFlow::Continue(()),
        }
    }

    fn folder(&mut self, dir: &Dir, name: &str, path: &mut String, depth: usize) -> ControlFlow<()> {
        path.push('/');
        match dir.enter(name) {
            _ if depth == MAX_DEPTH => self.note(format!("{path} lies too deep and is left out")),
            Ok(inner) => return self.enter(&inner, path, depth + 1),
            Err(_) => self.note(format!("{path} could not be read")),
        }
        ControlFlow::Continue(())
    }

    fn note(&mut self, note: String) {
        match self.notes.len() {
            0..MAX_NOTES => self.notes.push(note),
            MAX_NOTES => self.notes.push("more is left out for such reasons".to_owned()),
            _ => {}
        }
    }

    fn is_meant(&self, name: &str, path: &str) -> bool {
        self.glob.as_ref().is_none_or(|glob| glob.is_match(name, &path[self.base..]))
    }

    /// The nearest `.gitignore` that says something decides.
    fn is_ignored(&self, path: &str, is_folder: bool) -> bool {
        let say = |ignored: &Ignored| {
            let found = ignored.rules.matched(&path[ignored.base..], is_folder);
            (!found.is_none()).then(|| found.is_ignore())
        };
        self.ignored.iter().rev().find_map(say).unwrap_or(false)
    }

    /// Adds the folder's `.gitignore`, if it has one that can be read. Lines that mean nothing say nothing, as in Git.
    fn honour(&mut self, dir: &Dir, base: usize) {
        let Ok(file) = dir.open_regular(".gitignore") else { return };
        let Ok(text) = place::text(&file, MAX_IGNORE_BYTES) else { return };
        let mut rules = GitignoreBuilder::new("");
        for line in text.lines() {
            let _ = rules.add_line(None, line);
        }
        self.ignored.extend(rules.build().map(|rules| Ignored { rules, base }));
    }
}
