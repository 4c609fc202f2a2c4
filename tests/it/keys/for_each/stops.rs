//! A run that is told to stop, or stopped by a limit, in the middle of a list.

use rustix::process::Signal;

use super::{PARALLEL, asked, project};
use crate::project::{Project, Running, output};
use crate::server::{Act, Server};

const FOUR: &str = "tasks:
  - {name: w, agent: writer, for_each: [1, 2, 3, 4], max_parallel: 2, description: \"write {{ item }}\"}
  - {name: end, agent: writer, context: [w], description: \"sum up\"}
";

/// Waits until the process has taken notice of its first signal.
fn noticed(running: &Running, project: &Project) {
    running.wait_until(|| project.journal().iter().any(|record| record["type"] == "stop_requested"));
}

#[test]
fn members_that_run_end_and_the_others_wait_for_a_resume() {
    let server = Server::start();
    server.when("write", [Act::Hold, Act::Hold]);
    let project = project(&server, FOUR);
    let running = project.spawn();
    server.wait_for(2);
    running.signal(Signal::INT);
    noticed(&running, &project);
    server.release();
    let ended = running.wait().exits(130).says("INTERRUPTED").no_file(&output("w"));
    assert_eq!(asked(&server), ["write 1", "write 2"]);
    ended.project.args(["resume"]).run().exits(0).says("2 of 6 done");
    assert_eq!(asked(&server), ["sum up", "write 1", "write 2", "write 3", "write 4"]);
    let grown = project.journal().into_iter().filter(|record| record["type"] == "graph_grown").count();
    assert_eq!(grown, 1, "the list is not gone through again");
}

#[test]
fn a_second_signal_ends_members_at_once() {
    let server = Server::start();
    server.when("write 2", [Act::Hold]);
    let project = project(&server, FOUR);
    let running = project.spawn();
    running.wait_until(|| project.journalled("task_succeeded").len() == 3);
    running.signal(Signal::INT);
    noticed(&running, &project);
    running.signal(Signal::TERM);
    running.wait().exits(130).says("INTERRUPTED").no_file(&output("w.2"));
    server.release();
    project.args(["resume"]).run().exits(0).says("3 of 6 done");
    assert_eq!(asked(&server), ["sum up", "write 1", "write 2", "write 2", "write 3", "write 4"]);
}

#[test]
fn a_limit_in_the_middle_of_a_list_leaves_the_rest_to_a_resume() {
    let models = "models: {m: {provider: openai, model: m, max_tokens: 100, price: {input: 0, output: 1000}}}
agents: [{name: writer, model: m}]
";
    // An answer costs half a cent, and may cost ten.
    for (limit, more) in [("max_api_calls: 2", "max_api_calls: 9"), ("cost_limit_usd: 0.11", "cost_limit_usd: 9")] {
        let server = Server::start();
        let text = format!("{PARALLEL}{models}limits: {{{limit}}}\n{FOUR}");
        let project = project(&server, "").file("x.yaml", &text);
        let limited =
            project.run().exits(3).says("limited").says(limit.split(':').next().unwrap()).no_file(&output("w"));
        let made = server.seen().len();
        assert!((1..4).contains(&made), "{limit}: {made}");
        assert_eq!(limited.project.journal().last().unwrap()["status"], "limited");
        limited.project.args(["show"]).run().exits(0).prints("limited");
        limited.project.args(["resume"]).run().exits(3);
        assert_eq!(server.seen().len(), made, "{limit}: a resume does not reset what is spent");
        project.file("x.yaml", text.replace(limit, more)).args(["resume"]).run().exits(0);
        assert_eq!(asked(&server), ["sum up", "write 1", "write 2", "write 3", "write 4"], "{limit}");
    }
}

#[test]
fn a_limit_of_each_member_stops_that_member_alone() {
    let server = Server::start();
    // The first answer of one member is no JSON, and a second call would be one too many.
    server.when("write 1", [Act::Text("no JSON".into())]);
    server.directs(|_| Act::Text("{}".into()));
    let tasks = "tasks:
  - {name: w, agent: writer, for_each: [1, 2, 3], max_parallel: 1, description: \"write {{ item }}\", output: {format: json}, limits: {max_api_calls: 1}}
";
    let limited = project(&server, tasks).run().exits(3).says("max_api_calls");
    assert_eq!(asked(&server), ["write 1", "write 2", "write 3"], "the others have their turn");
    let text = limited.project.read("x.yaml").unwrap().replace("max_api_calls: 1", "max_api_calls: 2");
    limited.project.file("x.yaml", text).args(["resume", "--accept-changes"]).run().exits(0);
    assert_eq!(server.seen().len(), 4);
}
