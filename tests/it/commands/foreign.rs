//! Runs and results that this user has not made: they are there to be looked at, and nothing follows from them.

use std::fs;

use crate::project::{Project, RUN, orchestra, output};
use crate::server::Server;

/// A project as a checkout has it: another user has run it once.
fn checkout(server: &Server) -> Project {
    let tasks = ["name: a, description: do a", "name: b, description: do b, context: [a]"];
    let text = orchestra("max_parallel_tasks: 1", &tasks);
    let project = Project::new().server(server).file("x.yaml", text);
    project.of_another_user().args(RUN).run();
    project.untrusted()
}

/// Makes the latest run look unfinished: its last events are gone, as a kill leaves it.
fn cut(project: &Project, keep: impl Fn(&str) -> bool) {
    let path = project.journal_path();
    let text = project.read(&path).unwrap();
    let kept: String = text.split_inclusive('\n').take_while(|line| keep(line)).collect();
    assert!(kept.len() < text.len() && !kept.is_empty());
    let _ = project.file(&path, kept);
    let _ = fs::remove_file(project.path(&output("b")));
}

fn without_b(line: &str) -> bool {
    !line.contains("\"task\":\"b\",\"type\"")
}

#[test]
fn a_run_that_came_with_a_checkout_is_resumed_only_when_it_is_vouched_for() {
    let server = Server::start();
    let project = checkout(&server);
    cut(&project, without_b);
    let run = project.runs().remove(0);
    let seen = server.seen().len();
    for arguments in [vec!["resume"], vec!["resume", &run]] {
        let refused = project.args(arguments).run().exits(2);
        refused.says("was not made by you here").says(&format!("`orch resume {run} --trust`"));
    }
    // What claims to hold it is a file's word.
    let lock = format!("{{\"pid\":{},\"host\":\"here\",\"run\":\"{run}\"}}", std::process::id());
    let claimed = project.file(&format!(".orchestra/runs/{run}/lock"), lock);
    claimed.args(["resume"]).run().exits(2).says("was not made by you here");
    assert_eq!(server.seen().len(), seen);
    project.args(["resume", "--trust"]).run().exits(0);
    assert_eq!(server.seen().len(), seen + 1, "only what is not done is done");
    // From here on it is the user's own.
    cut(&project, |line| !line.contains("run_finished"));
    project.args(["resume"]).run().exits(0);
}

#[test]
fn a_journal_that_somebody_has_changed_is_nobodys() {
    let server = Server::start();
    let project = checkout(&server);
    let mine = project.args(RUN).run().exits(0).project;
    cut(&mine, without_b);
    let path = mine.journal_path();
    let text = mine.read(&path).unwrap();
    let forged = text.replacen("Build a simple", "Ruin a simple", 1);
    assert_ne!(forged, text);
    mine.file(&path, forged).args(["resume"]).run().exits(2).says("was not made by you here");
    mine.file(&path, text).args(["resume"]).run().exits(0).does_not_say("was not made by you");
}

#[test]
fn nothing_of_a_foreign_run_stands_in_for_work() {
    let server = Server::start();
    let project = checkout(&server);
    let seen = server.seen().len();
    let from = project.args(RUN).and(["--from", "b"]).run().exits(2);
    from.says("are not used, since it was not made by you here").says("no earlier output of `a`");
    assert_eq!(server.seen().len(), seen);
    project.args(RUN).run().exits(0);
    assert_eq!(server.seen().len(), seen + 2, "all is made anew");
    project.args(["why", "a"]).run().exits(0).prints("was made elsewhere").does_not_say("was not made by you");
    project.args(RUN).and(["--from", "b"]).run().exits(0);
    assert_eq!(server.seen().len(), seen + 3, "the user's own output of a stands");
}

#[test]
fn commands_that_look_say_whose_a_run_is() {
    let server = Server::start();
    let project = checkout(&server);
    let theirs = project.runs().remove(0);
    project.args(["show"]).run().exits(0).prints("made by:   not you, or not here");
    project.args(["show", "--json"]).run().exits(0).prints("\"own\": false");
    project.args(["show", "--task", "a"]).run().exits(0).says("was not made by you here");
    project.args(["why", "a"]).run().exits(0).says("was not made by you here");
    project.args(RUN).run().exits(0);
    let mine = project.runs().remove(1);
    let diff = project.args(["diff", &theirs, &mine]).run().exits(0);
    diff.says(&format!("{theirs} was not made by you here")).does_not_say(&format!("{mine} was not"));
    let show = project.args(["show"]).run().exits(0);
    assert!(!show.stdout.contains("made by:"), "{}", show.stdout);
}

#[test]
fn a_project_that_is_moved_keeps_its_runs() {
    let server = Server::start();
    let text = orchestra("", &["name: a, description: do a", "name: b, description: do b, context: [a]"]);
    let project = Project::new().server(&server).file("one/x.yaml", text).untrusted();
    let run = |folder: &str| project.args(["-C", folder]).and(RUN);
    run("one").run().exits(0);
    fs::rename(project.path("one"), project.path("two")).unwrap();
    run("two").run().exits(0).does_not_say("warning");
    assert_eq!(server.seen().len(), 2, "all is used again");
    run("two").and(["--from", "b"]).run().exits(0).does_not_say("warning");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_key_in_the_project_is_no_key_and_a_run_works_without() {
    let server = Server::start();
    let project = Project::new().server(&server).file("x.yaml", orchestra("", &["name: a, description: do a"]));
    let inside = project.path("state").to_str().unwrap().to_owned();
    let _ = project.file("state/orch/seal.key", format!("{}\n", "a".repeat(64)));
    for (at, why) in [(inside.as_str(), "lies in the project"), ("", "lies in the project"), ("/proc/none", "/proc")] {
        let other = project.env("XDG_STATE_HOME", at).args(RUN);
        for _ in 0..2 {
            let ended = other.run().exits(0).says("no result is used again");
            if why != "/proc" {
                assert!(ended.stderr.contains(why), "{}", ended.stderr);
            }
            assert_eq!(ended.stderr.matches("warning").count(), 1, "{}", ended.stderr);
        }
    }
    assert_eq!(server.seen().len(), 6);
    assert!(project.read(&project.journal_path().replace("journal.jsonl", "seals")).is_none());
    assert!(project.read(&output("a")).is_some());
}
