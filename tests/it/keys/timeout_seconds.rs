//! `timeout_seconds`: how long an attempt may take.

use crate::project::{Project, RUN, orchestra, output};
use crate::server::{Act, Server};

fn project(server: &Server, execution: &str, tasks: &[&str]) -> Project {
    Project::new().file("x.yaml", orchestra(execution, tasks)).server(server).args(RUN)
}

#[test]
fn an_attempt_may_take_as_long_as_the_file_says() {
    let server = Server::start();
    server.when("do a", [Act::Stall { after: 250 }]);
    project(&server, "retry_strategy: none", &["name: a, description: do a, timeout_seconds: 0.2"])
        .run()
        .exits(1)
        .file_has(&output("a"), "timed out");
}
