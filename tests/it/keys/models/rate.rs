//! `max_concurrent` and `requests_per_minute` of a model.

use crate::project::{Project, RUN};
use crate::server::{Act, Server};

/// Four tasks at once, for a model of this rate.
fn project(server: &Server, rate: &str) -> Project {
    let task = |n| format!("  - {{name: t{n}, agent: developer, description: do {n}}}\n");
    let tasks: String = (0..4).map(task).collect();
    let text = format!(
        "orchestra: {{id: x, execution: {{strategy: parallel, max_parallel_tasks: 0}}}}\n\
         models: {{m: {{provider: openai, model: m, {rate}}}}}\nagents: [{{name: developer, model: m}}]\ntasks:\n{tasks}"
    );
    Project::new().file("x.yaml", text).server(server).args(RUN)
}

#[test]
fn no_more_calls_are_under_way_than_the_model_takes() {
    let server = Server::start();
    for _ in 0..4 {
        server.when("Your task", [Act::Hold]);
    }
    let running = project(&server, "max_concurrent: 2").spawn();
    running.wait_until(|| server.seen().len() == 2);
    server.release();
    running.wait().exits(0);
    assert_eq!((server.seen().len(), server.most_in_flight()), (4, 2));
}

/// The others would wait for a minute, so the run is told to stop.
#[cfg(unix)]
#[test]
fn no_more_calls_begin_in_a_minute_than_the_model_takes() {
    let server = Server::start();
    let running = project(&server, "requests_per_minute: 3").spawn();
    let project = running.project();
    running.wait_until(|| !project.runs().is_empty() && project.journalled("task_succeeded").len() == 3);
    running.signal(rustix::process::Signal::TERM);
    running.wait().exits(130);
    assert_eq!(server.seen().len(), 3);
}
