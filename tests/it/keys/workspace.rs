//! Where a run writes, and that it knows whether it can before anything is called.

use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const TASK: [&str; 1] = ["name: a, description: do a"];

fn project(server: &Server) -> Project {
    Project::new().file("x.yaml", orchestra("", &TASK)).server(server).args(RUN)
}

/// The same with another path for its workspace.
fn at(server: &Server, path: &str) -> Project {
    let yaml =
        orchestra("", &TASK).replace("  execution:", &format!("  workspace: {{path: \"{path}\"}}\n  execution:"));
    Project::new().file("x.yaml", yaml).server(server).args(RUN)
}

#[test]
fn a_place_that_cannot_be_written_is_known_before_the_first_call() {
    let server = Server::start();
    let text = "a file";
    for path in [
        "orchestra_workspaces",
        "orchestra_workspaces/x",
        "orchestra_workspaces/x/task_outputs",
        "orchestra_workspaces/x/final_results",
        ".orchestra",
        ".orchestra/runs",
    ] {
        project(&server).file(path, text).run().exits(2).says("error: ").file_is(path, text);
    }
    project(&server).and(["--workspace", "x.yaml/below"]).run().exits(2).says("error: ");
    assert!(server.seen().is_empty());
}

#[cfg(debug_assertions)]
#[test]
fn a_file_system_that_is_read_only_is_known_before_the_first_call() {
    let server = Server::start();
    for errno in [30, 13] {
        for number in 1..=4 {
            let refused = project(&server).disk(format!("fail-from:{number}:{errno}")).run().exits(2);
            refused.says("error: ").says("help: ").does_not_say("panicked");
        }
    }
    assert!(server.seen().is_empty());
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_known_before_the_first_call() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere.
        return;
    }
    let server = Server::start();
    let project = project(&server);
    let set = |mode| std::fs::set_permissions(project.path("."), std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    let refused = project.run();
    set(0o755);
    refused.exits(2).says("ermission");
    assert!(server.seen().is_empty());
}

#[test]
fn a_path_that_leads_out_of_the_project_is_refused() {
    let server = Server::start();
    for path in ["../out", "./../out", "a/../../out", "/tmp/orch-out", "a/../..", ".//../out"] {
        let project = at(&server, path);
        project.run().exits(2).says("error").no_file("../out").no_file("/tmp/orch-out").no_file(".orchestra");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_workspace_among_what_git_orch_and_the_project_run_from_is_a_mistake_with_its_place() {
    let server = Server::start();
    for path in [
        ".",
        "./",
        "",
        ".git",
        "./.GIT/hooks/",
        ".orchestra",
        "./.Orchestra/runs",
        "orchestras",
        "./Orchestras/",
        "agents/",
        "agents/writer/playbook",
        "sub/.git",
    ] {
        let project = at(&server, path);
        let refused = project.args(["validate", "x.yaml"]).run().exits(2);
        let refused = refused.says("error: the workspace `").says("^ no place for a workspace").says("x.yaml:");
        refused.says("help: name a folder for results alone, such as `orchestra_workspaces/x`");
        project.run().exits(2).no_file(".orchestra").no_file("task_outputs");
    }
    at(&server, "./results/").args(["validate", "x.yaml"]).run().exits(0);
    assert!(server.seen().is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_in_the_project_does_not_lead_a_workspace_where_it_may_not_be() {
    let server = Server::start();
    let project = at(&server, "out").file(".git/hooks/x", "").file("flows/a.yaml", "").file("results/x", "");
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, project.path(at)).unwrap();
    link("flows", "orchestras");
    for to in [".git", ".git/hooks", ".", "flows"] {
        link(to, "out");
        project.run().exits(2).says("error: the workspace out cannot be used: it ").no_file("out/.orch.lock");
        std::fs::remove_file(project.path("out")).unwrap();
    }
    link("results", "out");
    server.plays("do a", "Alpha");
    project.run().exits(0).file_has("results/task_outputs/a_output.txt", "Alpha");
    assert_eq!(server.seen().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_of_the_project_is_refused() {
    let server = Server::start();
    let outside = tempfile::tempdir().unwrap();
    for path in ["orchestra_workspaces", "orchestra_workspaces/x", "orchestra_workspaces/x/task_outputs", ".orchestra"]
    {
        let project = project(&server);
        let link = project.path(path);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(outside.path(), &link).unwrap();
        project.run().exits(2).says("error: ");
    }
    assert!(server.seen().is_empty());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "nothing was written there");
}

#[cfg(unix)]
#[test]
fn a_workspace_that_became_a_link_out_of_the_project_is_not_resumed_into() {
    let server = Server::start();
    server.when("do a", [Act::Status { code: 401, headers: vec![], body: String::new() }]);
    let outside = tempfile::tempdir().unwrap();
    let project = project(&server).run().exits(1).project;
    std::fs::remove_dir_all(project.path("orchestra_workspaces/x")).unwrap();
    std::os::unix::fs::symlink(outside.path(), project.path("orchestra_workspaces/x")).unwrap();
    project.args(["resume"]).run().exits(2).says("error: the workspace");
    assert_eq!((server.seen().len(), std::fs::read_dir(outside.path()).unwrap().count()), (1, 0));
    // The user may well send a run there.
    server.when("do a", [Act::Status { code: 401, headers: vec![], body: String::new() }]);
    let elsewhere = project.args(RUN).and(["--workspace", outside.path().to_str().unwrap()]).run().exits(1).project;
    elsewhere.args(["resume"]).run().exits(0);
    assert!(outside.path().join("task_outputs/a_output.txt").is_file());
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_an_output_is_replaced_and_not_followed() {
    let server = Server::start();
    server.plays("do a", "Alpha");
    let project = project(&server);
    project.run().exits(0);
    let mine = project.file("mine.txt", "mine");
    for path in [&output("a"), RESULT] {
        std::fs::remove_file(mine.path(path)).unwrap();
        std::os::unix::fs::symlink(mine.path("mine.txt"), mine.path(path)).unwrap();
    }
    project.run().exits(0).file_is("mine.txt", "mine").file_is(&output("a"), "Alpha").file_is(RESULT, "Alpha");
}

#[test]
fn nothing_old_stands_beside_what_is_new() {
    let server = Server::start();
    let project = project(&server);
    project.run().exits(0);
    let other = project.file("x.yaml", orchestra("", &["name: b, description: do b"]));
    other.run().exits(0).no_file(&output("a")).file_has(&output("b"), "echo");
}

#[cfg(unix)]
#[test]
fn a_tilde_that_no_shell_has_seen_is_the_home_folder() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server);
    // The home of this project's user is its folder.
    let ended = project.args(RUN).and(["--workspace", "~/out/here"]).run().exits(0);
    ended.no_file("~").file_has("out/here/task_outputs/a_output.txt", "do a");
}
