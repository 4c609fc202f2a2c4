//! The same kills while an answer stands in its file and is checked: what was there before it is never lost.

use super::sweep;
use crate::project::{Project, RUN};
use crate::server::{Act, Server};

const TEXT: &str = "orchestra: {id: x, reuse: false, execution: {retry_strategy: none}}\n\
                    tasks: [{name: a, agent: writer, description: do a, output: {format: file, file: docs/out.md}, \
                    verify: [{run: [grep, -q, ZEBRA, docs/out.md]}]}]\n";

const BEFORE: &str = "last good version\n";

/// A project whose model says this, as often as it is asked.
fn project(says: &str) -> (Project, Server) {
    let server = Server::start();
    server.when("do a", std::iter::repeat_with(|| Act::Text(says.to_owned())).take(12));
    (Project::new().file("x.yaml", TEXT).server(&server).args(RUN), server)
}

fn kept(project: &Project) -> Vec<String> {
    let files = project.files().into_iter();
    let kept = files.filter(|(path, _)| path.parent().is_some_and(|folder| folder.ends_with("kept")));
    kept.map(|(path, _)| path.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_rejected_answer_leaves_the_file_as_it_was() {
    let (project, server) = project("a bad one");
    let project = project.file("docs/out.md", BEFORE);
    project.run().exits(1).file_is("docs/out.md", BEFORE);
    assert_eq!(server.seen().len(), 2, "asked once more");
    assert_eq!(kept(&project), [""; 0]);
}

#[test]
fn a_file_that_was_not_there_is_not_there_again() {
    let (project, _server) = project("a bad one");
    project.run().exits(1);
    assert_eq!(project.read("docs/out.md"), None);
}

#[test]
fn a_kill_at_any_step_brings_the_last_good_file_back() {
    let last = sweep(1, |number| {
        let (project, _server) = project("a bad one");
        let project = project.file("docs/out.md", BEFORE);
        let killed = project.disk(format!("kill:{number}")).run();
        if killed.code().is_some() {
            return false;
        }
        // Whoever goes on, the same run or a new one.
        let next = if number % 2 == 0 { project.args(["resume"]).run() } else { project.run() };
        assert!(!next.stderr.contains("panicked"), "kill:{number}: {}", next.stderr);
        assert_eq!(project.read("docs/out.md").as_deref(), Some(BEFORE), "kill:{number}: {}", next.stderr);
        assert_eq!(kept(&project), [""; 0], "kill:{number}");
        true
    });
    assert!(last > 20, "only {last} steps reach the disk");
}

#[test]
fn a_kill_at_any_step_loses_no_answer_that_was_accepted() {
    let last = sweep(1, |number| {
        let at = format!("kill:{number}");
        let (project, _server) = project("a ZEBRA");
        let project = project.file("docs/out.md", BEFORE);
        let killed = project.disk(&at).run();
        if killed.code().is_none() {
            super::go_on(&project, &at);
        }
        assert_eq!(project.read("docs/out.md").as_deref(), Some("a ZEBRA\n"), "{at}");
        assert_eq!(kept(&project), [""; 0], "{at}");
        killed.code().is_none()
    });
    assert!(last > 20, "only {last} steps reach the disk");
}

#[test]
fn a_file_that_was_changed_after_a_kill_stays_and_its_former_content_is_named() {
    let mut seen = 0;
    for number in 1.. {
        let (project, _server) = project("a bad one");
        let project = project.file("docs/out.md", BEFORE);
        if project.disk(format!("kill:{number}")).run().code().is_some() {
            break;
        }
        if kept(&project).is_empty() || project.read("docs/out.md").as_deref() == Some(BEFORE) {
            continue;
        }
        let project = project.file("docs/out.md", "by hand\n");
        let resumed = project.args(["resume"]).run();
        assert!(resumed.stderr.contains("docs/out.md was changed while an answer stood there"), "{}", resumed.stderr);
        assert_eq!(project.read("docs/out.md").as_deref(), Some("by hand\n"));
        assert!(kept(&project).iter().any(|path| project.read(path).unwrap().ends_with(BEFORE)));
        seen += 1;
        break;
    }
    assert_eq!(seen, 1);
}
