//! `orch clean`: what goes, and what is kept.

use super::diff::two_runs;
use crate::project::{Project, RUN, orchestra, output};
use crate::server::{Act, Server};

#[test]
fn clean_keeps_what_can_be_gone_on_with() {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let project =
        Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    let running = project.spawn();
    server.wait_for(1);
    // A process that is dropped is killed.
    drop(running);
    let open = project.runs().remove(0);
    project.run().exits(0);
    project.args(["clean"]).run().exits(2).says("say what to remove");
    project.args(["clean", "--all", "--dry-run"]).run().exits(0).prints("would be removed");
    assert_eq!(project.runs().len(), 2);
    project.args(["clean", "--all"]).run().exits(0).says(&format!("kept: {open}")).says("can be gone on with");
    assert_eq!(project.runs(), std::slice::from_ref(&open));
    project.args(["clean", &open]).run().exits(2).says("--force removes it");
    assert_eq!(project.runs(), std::slice::from_ref(&open));
    project.args(["clean", &open, "--force"]).run().exits(0).prints(&format!("removed: {open}"));
    assert!(project.runs().is_empty());
    assert!(project.path(&output("a")).is_file(), "outputs stay");
    project.args(["clean", "--workspace", "x.yaml"]).run().exits(0).no_file("orchestra_workspaces/x");
    assert!(project.path("x.yaml").is_file());
}

#[test]
fn clean_keeps_the_latest_that_are_asked_for() {
    let server = Server::start();
    let project =
        Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    for _ in 0..3 {
        project.run().exits(0);
    }
    let runs = project.runs();
    project.args(["clean", "--keep", "1"]).run().exits(0).prints("2 runs");
    assert_eq!(project.runs(), runs[2..]);
}

#[test]
fn clean_takes_no_run_from_under_its_process() {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let project =
        Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    let running = project.spawn();
    server.wait_for(1);
    let run = project.runs().remove(0);
    project.args(["clean", "--all", "--force"]).run().exits(0).says("a process holds it");
    project.args(["clean", &run, "--force"]).run().exits(2).says("a process holds it");
    project.args(["clean", "--workspace", "x.yaml", "--force"]).run().exits(2).says("is not removed");
    project.args(["runs"]).run().exits(0).prints("running");
    server.release();
    running.wait().exits(0).file_has(&output("a"), "echo");
}

#[test]
fn clean_leaves_what_did_not_come_from_a_run() {
    let server = Server::start();
    let project =
        Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    project.run().exits(0);
    let mine = "orchestra_workspaces/x/mine.txt";
    project
        .file(mine, "mine")
        .args(["clean", "--workspace", "x.yaml"])
        .run()
        .exits(0)
        .file_is(mine, "mine")
        .says("kept");
    assert!(!project.path(&output("a")).exists());
}

#[test]
fn earlier_results_can_be_forgotten() {
    let (_server, project, runs) = two_runs();
    project.args(["clean", "--reuse", "--dry-run"]).run().exits(0).prints("would be forgotten: ");
    project.args(["clean", "--reuse"]).run().exits(0).prints("forgotten: ");
    project.args(["clean", "--reuse"]).run().exits(0).prints_exactly("forgotten: 0 earlier results\n");
    assert_eq!(project.runs(), runs, "runs stay");
}
