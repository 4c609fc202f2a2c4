//! A disk that fails at every step that reaches it; and what a resume makes of it.

use std::path::PathBuf;

use super::killed::{go_on, is_paid_once, is_whole, left, project_with, sweep};
use crate::project::{Project, RUN, orchestra};
use crate::server::Server;

#[test]
fn a_disk_that_fails_anywhere_stops_the_run_and_loses_nothing() {
    let last = sweep(1, |number| {
        // No space, an I/O error, and no space ever after.
        let at = [format!("fail:{number}:28"), format!("fail:{number}:5"), format!("fail-from:{number}:28")];
        let at = &at[usize::try_from(number % 3).unwrap()];
        // What is kept for later runs may be lost without harm to this one, so it is left out here.
        let (project, server) = project_with("  reuse: false\n");
        let failed = project.disk(at).run();
        assert!(!failed.stderr.contains("panicked"), "{at}: {}", failed.stderr);
        match failed.code() {
            Some(0) => {
                is_whole(&project, at);
                return false;
            }
            Some(1 | 2) => assert!(failed.stderr.contains("error: "), "{at}: {}", failed.stderr),
            code => panic!("{at}: {code:?} {}", failed.stderr),
        }
        assert!(failed.code() == Some(1) || server.seen().is_empty(), "{at}: refused after a call");
        let left = left(&project);
        go_on(&project, at);
        is_whole(&project, at);
        is_paid_once(&server, &[left], at);
        true
    });
    assert!(last > 40, "only {last} steps reach the disk");
}

/// The outputs of an earlier run that still stand under hidden names.
fn put_aside(project: &Project) -> Vec<PathBuf> {
    let files = project.files().into_iter().map(|(path, _)| path);
    files.filter(|path| path.extension().is_some_and(|extension| extension == "old")).collect()
}

#[test]
fn a_disk_that_fails_once_in_a_second_run_hides_nothing_in_silence() {
    let last = sweep(1, |number| {
        let at = format!("fail:{number}:5");
        let tasks = ["name: a, description: do a, reuse: false", "name: b, description: do b"];
        let server = Server::start();
        let project = Project::new().file("x.yaml", orchestra("", &tasks)).server(&server).args(RUN);
        project.run().exits(0);
        // Another output in place of the one that was put aside, one that is the same, and one that goes.
        server.plays("do a", "something else");
        let other = orchestra("", &[tasks[0], "name: c, description: do c"]);
        let project = project.file("x.yaml", other);
        let again = project.disk(&at).run();
        let left = put_aside(&project);
        match again.code() {
            Some(0) if left.is_empty() => {}
            Some(0) => {
                let told = again.stderr.contains("warning: an output of an earlier run cannot be removed");
                assert!(told, "{at}: {left:?} stays and nobody is told: {}", again.stderr);
            }
            _ => assert!(again.stderr.contains("error: "), "{at}: {}", again.stderr),
        }
        project.disk("").run().exits(0);
        assert!(put_aside(&project).is_empty(), "{at}: the next run leaves nothing");
        // A step that fails is told in some way, so a run without a word is behind the last one.
        again.code() != Some(0) || again.stderr.contains("warning: ")
    });
    assert!(last > 20, "only {last} steps reach the disk");
}
