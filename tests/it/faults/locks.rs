//! Two processes on one workspace or one run.

use crate::project::{Project, RUN, Running, orchestra, output};
use crate::server::{Act, Server};

fn project(server: &Server) -> Project {
    Project::new()
        .file("x.yaml", orchestra("", &["name: a, description: do a"]))
        .file("y.yaml", orchestra("", &["name: a, description: do y"]).replace("id: x", "id: y"))
        .server(server)
        .args(RUN)
}

/// A project with a run whose only call is held by the server.
fn held() -> (Server, Project, Running) {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let project = project(&server);
    let first = project.spawn();
    server.wait_for(1);
    (server, project, first)
}

#[test]
fn a_second_run_on_a_workspace_is_told_who_holds_it() {
    let (server, project, first) = held();
    let run = project.runs()[0].clone();
    project.run().exits(2).says("the workspace").says(&format!("process {}", first.pid())).says(&run);
    assert_eq!(project.runs().len(), 1, "a run that is refused leaves nothing");
    // Another orchestra has another workspace.
    project.args(["run", "y.yaml"]).run().exits(0);
    project.and(["--workspace", "elsewhere"]).run().exits(0);
    server.release();
    first.wait().exits(0).file_has(&output("a"), "echo");
    project.run().exits(0);
}

#[test]
fn a_run_that_is_performed_cannot_be_resumed_beside_it() {
    let (server, project, first) = held();
    let run = project.runs()[0].clone();
    for args in [vec!["resume"], vec!["resume", &run]] {
        project.args(args).run().exits(2).says(&run).says(&format!("process {}", first.pid()));
    }
    server.release();
    first.wait().exits(0);
    assert_eq!(server.seen().len(), 1);
}

#[cfg(unix)]
#[test]
fn two_resumes_of_one_run_do_not_both_go_on() {
    let server = Server::start();
    server.when("do a", [Act::Hold, Act::Hold]);
    let project = project(&server);
    let first = project.spawn();
    server.wait_for(1);
    // A lock ends with its process.
    first.signal(rustix::process::Signal::KILL);
    first.wait().dies();
    let second = project.args(["resume"]).spawn();
    server.wait_for(2);
    project.args(["resume"]).run().exits(2).says(&format!("process {}", second.pid()));
    server.release();
    second.wait().exits(0).file_has(&output("a"), "echo");
    assert_eq!(server.seen().len(), 2);
}
