//! A disk that fails at every step that reaches it; and what a resume makes of it.

use super::killed::{go_on, is_paid_once, is_whole, left, project_with, sweep};

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
