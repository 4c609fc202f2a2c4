//! Two processes on one workspace or one run.

use crate::server::{Act, Server};
use crate::story::{RUN, Story, orchestra, output};

fn story(server: &Server) -> Story {
    Story::new()
        .file("x.yaml", orchestra("", &["name: a, description: do a"]))
        .file("y.yaml", orchestra("", &["name: a, description: do y"]).replace("id: x", "id: y"))
        .server(server)
        .args(RUN)
}

#[test]
fn a_second_run_on_a_workspace_is_told_who_holds_it() {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let story = story(&server);
    let first = story.spawn();
    server.wait_for(1);
    let run = story.runs()[0].clone();
    story.run().exits(2).says("the workspace").says(&format!("process {}", first.pid())).says(&run);
    assert_eq!(story.runs().len(), 1, "a run that is refused leaves nothing");
    // Another orchestra has another workspace.
    story.args(["run", "y.yaml"]).run().exits(0);
    story.and(["--workspace", "elsewhere"]).run().exits(0);
    server.release();
    first.wait().exits(0).file_has(&output("a"), "echo");
    story.run().exits(0);
}

#[test]
fn a_run_that_is_performed_cannot_be_resumed_beside_it() {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let story = story(&server);
    let first = story.spawn();
    server.wait_for(1);
    let run = story.runs()[0].clone();
    for args in [vec!["resume"], vec!["resume", &run]] {
        story.args(args).run().exits(2).says(&run).says(&format!("process {}", first.pid()));
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
    let story = story(&server);
    let first = story.spawn();
    server.wait_for(1);
    // A lock ends with its process.
    first.signal(rustix::process::Signal::KILL);
    first.wait().dies();
    let second = story.args(["resume"]).spawn();
    server.wait_for(2);
    story.args(["resume"]).run().exits(2).says(&format!("process {}", second.pid()));
    server.release();
    second.wait().exits(0).file_has(&output("a"), "echo");
    assert_eq!(server.seen().len(), 2);
}
