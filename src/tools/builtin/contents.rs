//! What files of the project hold, as one digest.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;

use super::path::{ProjectPath, quoted};
use super::place;
use super::walk::{Glob, walk};
use crate::store::disk::Dir;
use crate::words::digest::{Parts, Sha256};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 64 << 10;

pub(super) fn digest(project: &Dir, pattern: &str) -> Result<String, String> {
    if !pattern.contains(['*', '?', '[', '{']) {
        let path = ProjectPath::of_file(pattern)?;
        let (_, file) = place::file(project, &path)?;
        return of_file(file).map_err(|error| format!("{path} cannot be read: {error}"));
    }
    let mut all = Parts::default();
    let mut unreadable = None;
    let top = ProjectPath::of_folder(".")?;
    walk(project, &top, Some(Glob::new(pattern)?), &mut |found| match found
        .folder
        .open_regular(found.name)
        .and_then(of_file)
    {
        Ok(content) => {
            all.add(found.path);
            all.add(&content);
            ControlFlow::Continue(())
        }
        Err(error) => {
            unreadable = Some(format!("{} cannot be read: {error}", quoted(found.path)));
            ControlFlow::Break(())
        }
    })?;
    unreadable.map_or_else(|| Ok(all.hex(32)), Err)
}

/// Files may be large, so they are not held whole.
fn of_file(mut file: File) -> io::Result<String> {
    let mut digest = Sha256::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => digest.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(digest.hex(32))
}

#[cfg(test)]
mod tests {
    use crate::store::disk::Dir;
    use crate::tools::builtin::digest;
    use crate::tools::builtin::tests::Project;

    #[test]
    fn it_changes_with_a_path_or_a_content_and_with_nothing_else() {
        let project = Project::new();
        let folder = Dir::open(&project.root()).unwrap();
        let of = |pattern: &str| digest(&folder, pattern);
        project.file("src/a.rs", "one");
        project.file("src/b/c.rs", "two");
        let (file, all, none) = (of("src/a.rs").unwrap(), of("src/**/*.rs").unwrap(), of("*.py").unwrap());
        assert_eq!(file, crate::words::digest::sha256(b"one"));

        project.file("notes.md", "new");
        assert_eq!((of("src/**/*.rs").unwrap(), of("*.py").unwrap()), (all.clone(), none));
        project.file("src/b/c.rs", "2");
        assert_ne!(of("src/**/*.rs").unwrap(), all);
        project.file("src/b/c.rs", "two");
        assert_eq!(of("src/**/*.rs").unwrap(), all);
        project.file("src/d.rs", "");
        assert_ne!(of("src/**/*.rs").unwrap(), all);
    }

    #[test]
    fn what_is_not_there_or_not_allowed_is_said() {
        let project = Project::new();
        project.file("src/a.rs", "one");
        let folder = Dir::open(&project.root()).unwrap();
        for path in ["nothing.rs", "../x", ".git/config", "src", "["] {
            assert!(digest(&folder, path).is_err(), "{path}");
        }
    }
}
