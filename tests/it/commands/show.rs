//! `orch show`: one run, and the texts of its tasks.

use std::fs;

use super::parsed;
use super::runs::partial;
use crate::project::{Project, RUN, orchestra, output};
use crate::server::Server;

#[test]
fn show_gives_a_tasks_text_as_it_came() {
    let server = Server::start();
    let project = partial(&server);
    let file = project.read(&output("good")).unwrap();
    let ended = project.args(["show", "--task", "good"]).run().exits(0);
    assert_eq!(ended.stdout.trim_end_matches('\n'), file.trim_end_matches('\n'));
    assert!(file.contains("Odd text {x}\n\tand é, without a last line end"), "{file:?}");
    // The workspace may be edited, or gone; the run is what it was.
    fs::remove_dir_all(project.path("orchestra_workspaces")).unwrap();
    project.args(["show", "--task", "good"]).run().exits(0).prints_exactly(&ended.stdout);
}

#[test]
fn show_gives_a_long_text_whole() {
    let server = Server::start();
    let long = "0123456789 é\n".repeat(20_000);
    server.plays("do a", &long);
    let text = orchestra("", &["name: a, description: do a"]);
    let project = Project::new().file("x.yaml", text).server(&server).args(RUN);
    project.run().exits(0);
    let ended = project.args(["show", "--task", "a"]).run().exits(0);
    assert!(ended.stdout.trim_end() == long.trim_end());
}

#[test]
fn show_says_why_a_task_has_no_output() {
    let server = Server::start();
    let project = partial(&server);
    for (task, why) in [("bad", "it failed: not authorized"), ("after", "it was skipped, because `bad` failed")] {
        project.args(["show", "--task", task]).run().exits(1).prints_exactly("").says(why);
    }
    project.args(["show", "--task", "godo"]).run().exits(2).says("did you mean `good`?");
    project.args(["show", "run_20200101_000000_0000"]).run().exits(2).says("there is no run");
    Project::new().args(["show"]).run().exits(2).says("no project here");
}

#[test]
fn show_gives_the_whole_of_a_run() {
    let server = Server::start();
    let project = partial(&server);
    let run = project.runs().remove(0);
    let end = &run[run.len() - 4..];
    for arguments in [vec!["show"], vec!["show", &run], vec!["show", end]] {
        let ended = project.args(arguments).run().exits(0).prints(&format!("run:       {run} (partial"));
        ended.prints("tasks:     1 of 3 done").prints("after: skipped, because bad failed").prints("bad key");
    }
    let shown = parsed(&project.args(["show", "--json"]).run().exits(0).stdout);
    assert_eq!((shown["standing"].as_str(), shown["run"].as_str()), (Some("partial"), Some(run.as_str())));
    let events = project.args(["show", "--events"]).run().exits(0).stdout;
    assert_eq!(events.lines().map(parsed).collect::<Vec<_>>(), project.journal());
}
