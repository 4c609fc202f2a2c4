//! A run that is told to stop.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::project::{Project, RESULT, RUN, Running, orchestra, output};
use crate::server::{Act, Server};

const TASKS: [&str; 3] = ["name: a, description: do a", "name: b, description: do b", "name: c, description: do c"];

fn chain(server: &Server, execution: &str) -> Project {
    Project::new().file("x.yaml", orchestra(execution, &TASKS)).server(server).args(RUN)
}

/// Waits until the process has taken notice of its first signal.
fn noticed(running: &Running, project: &Project) {
    running.wait_until(|| project.journal().iter().any(|record| record["type"] == "stop_requested"));
}

#[test]
fn one_signal_lets_the_call_end_and_starts_nothing_new() {
    for (signal, name) in [(Signal::INT, "SIGINT"), (Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        let server = Server::start();
        server.when("Your task: do b", [Act::Hold]);
        let project = chain(&server, "strategy: sequential");
        let running = project.spawn();
        server.wait_for(2);
        running.signal(signal);
        noticed(&running, &project);
        server.release();
        running
            .wait()
            .exits(130)
            .says(&format!("{name}: nothing new starts"))
            .says("INTERRUPTED")
            .file_has(&output("b"), "echo")
            .no_file(RESULT);
        assert_eq!(server.tasks(), ["do a", "do b"]);
        project.args(["resume"]).run().exits(0).says("2 of 3 done").file_has(RESULT, "echo");
        assert_eq!(server.tasks(), ["do a", "do b", "do c"]);
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let server = Server::start();
    server.when("Your task: do b", [Act::Hold]);
    let project = chain(&server, "strategy: sequential");
    let running = project.spawn();
    server.wait_for(2);
    running.signal(Signal::INT);
    noticed(&running, &project);
    let told = Instant::now();
    running.signal(Signal::TERM);
    running.wait().exits(130).says("INTERRUPTED").no_file(&output("b"));
    // A paid call may take ten seconds to end after the first signal.
    assert!(told.elapsed() < Duration::from_secs(9), "{:?}", told.elapsed());
    server.release();
    project.args(["resume"]).run().exits(0);
    assert_eq!(server.tasks(), ["do a", "do b", "do b", "do c"]);
}

#[test]
fn a_task_that_waits_for_its_next_try_is_left_to_a_resume() {
    let server = Server::start();
    server.when("Your task: do a", [Act::Status { code: 503, headers: vec![], body: String::new() }]);
    let project = chain(&server, "retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 60}");
    let running = project.spawn();
    running.wait_until(|| project.journalled("attempt_failed") == ["a"]);
    running.signal(Signal::INT);
    running.wait().exits(130);
    project.args(["resume"]).run().exits(0);
    assert_eq!(server.tasks(), ["do a", "do a", "do b", "do c"]);
}
