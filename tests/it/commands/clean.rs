//! `orch clean`: what goes, and what is kept.

use std::fs;
use std::path::PathBuf;

use super::diff::two_runs;
use crate::project::{Project, RUN, Running, orchestra, output};
use crate::server::{Act, Server};

fn project(server: &Server) -> Project {
    Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(server).args(RUN)
}

/// A project with a run whose only call is held by the server.
fn held() -> (Server, Project, Running) {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let project = project(&server);
    let running = project.spawn();
    server.wait_for(1);
    (server, project, running)
}

#[test]
fn clean_keeps_what_can_be_gone_on_with() {
    let (_server, project, running) = held();
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
    let project = project(&server);
    for _ in 0..3 {
        project.run().exits(0);
    }
    let runs = project.runs();
    project.args(["clean", "--keep", "1"]).run().exits(0).prints("2 runs");
    assert_eq!(project.runs(), runs[2..]);
}

#[test]
fn clean_takes_no_run_from_under_its_process() {
    let (server, project, running) = held();
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
    let project = project(&server);
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

/// The file of a long output of a run, which is removed with it.
fn long_output(project: &Project, server: &Server) -> PathBuf {
    server.plays("do a", &"a long line\n".repeat(20_000));
    project.run().exits(0);
    let mut files = project.files().into_iter().map(|(path, _)| path);
    files.find(|path| path.components().any(|part| part.as_os_str() == "objects")).unwrap()
}

#[test]
fn clean_reports_what_it_could_not_remove_and_fails() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"]));
    let project = project.server(&server).args(RUN);
    let object = long_output(&project, &server);
    fs::remove_file(&object).unwrap();
    // A folder with something in it is no object, and what is in it may be anybody's.
    fs::create_dir(&object).unwrap();
    fs::write(object.join("mine.txt"), "mine").unwrap();
    let ended = project.args(["clean", "--all"]).run().exits(1).prints("removed in all: 1 run and 0 long outputs, ");
    let name = object.file_name().unwrap().to_str().unwrap();
    ended.says("1 thing could not be opened or removed").says(name).says("a folder stands there");
    assert!(object.join("mine.txt").is_file());
    fs::remove_dir_all(&object).unwrap();
    fs::write(&object, "x").unwrap();
    project.args(["clean", "--all"]).run().exits(0).prints("1 long output");
    assert!(!object.exists());
}

#[cfg(debug_assertions)]
#[test]
fn clean_counts_only_what_the_system_has_removed() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"]));
    let project = project.server(&server).args(RUN);
    let object = long_output(&project, &server);
    project.args(["clean", "--all"]).run().exits(0).prints("1 run and 1 long output");
    long_output(&project.and(["--fresh"]), &server);
    // Whichever step fails, what is called removed is gone, and what is left is named or kept by a run that is left.
    for number in 1.. {
        let ended = project.args(["clean", "--all"]).disk(format!("fail:{number}:5")).run();
        let said = format!("fail:{number}: {}{}", ended.stdout, ended.stderr);
        assert!(!ended.stdout.contains("1 long output") || !object.exists(), "{said}");
        assert!(!ended.stdout.contains("1 run") || project.runs().is_empty(), "{said}");
        if object.exists() || !project.runs().is_empty() {
            assert!(ended.code() == Some(1) && ended.stderr.contains("Input/output error"), "{said}");
        } else {
            assert!(number > 2, "{said}");
            break;
        }
    }
}
