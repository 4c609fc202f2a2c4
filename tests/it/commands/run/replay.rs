//! `--record` and `--replay`: a run without a server and without a key.

use crate::project::{Project, RUN, orchestra, output};
use crate::server::Server;

const THREE: [&str; 3] = ["name: a, description: do a", "name: b, description: do b", "name: c, description: do c"];

fn project(server: &Server, extra: &str, execution: &str, tasks: &[&str]) -> Project {
    let text = orchestra(execution, tasks);
    Project::new().file("x.yaml", format!("{text}{extra}")).server(server).args(RUN)
}

#[test]
fn recorded_replies_play_without_a_server_and_without_a_key() {
    let server = Server::start();
    let text = "models: {m: {provider: openai, model: m}}\nagents: [{name: developer, model: m}]\n";
    let recorded =
        project(&server, text, "strategy: sequential", &THREE).and(["--record", "tape.jsonl"]).run().exits(0);
    let calls = server.seen().len();
    let tape = recorded.project.read("tape.jsonl").unwrap();
    let replay = |tape: &str| {
        let file = recorded.project.read("x.yaml").unwrap();
        let project = Project::new().file("x.yaml", file).file("tape.jsonl", tape).args(RUN);
        project.and(["--replay", "tape.jsonl"]).run()
    };
    replay(&tape).exits(0).file_has(&output("c"), "echo: ");
    assert_eq!(server.seen().len(), calls);
    let shorter: String = tape.lines().take(2).map(|line| format!("{line}\n")).collect();
    replay(&shorter).exits(1).says("not recorded");
}

#[test]
fn a_recording_knows_which_model_answered_for_agents_that_name_none() {
    let server = Server::start();
    let agents = "agents: [{name: developer, temperature: 0.5}]\n";
    let recorded = project(&server, agents, "strategy: sequential", &THREE)
        .env("ORCH_MODEL", "openai/some/small")
        .and(["--record", "tape.jsonl"])
        .run()
        .exits(0);
    let calls = server.seen().len();
    let (file, tape) = (recorded.project.read("x.yaml").unwrap(), recorded.project.read("tape.jsonl").unwrap());
    let replay = |tape: &str, model: &str| {
        let project = Project::new().file("x.yaml", file.clone()).file("tape.jsonl", tape).env("ORCH_MODEL", model);
        project.args(RUN).and(["--replay", "tape.jsonl"]).run()
    };
    // The environment of the replay says nothing, or another model.
    for model in ["", "anthropic/large"] {
        replay(&tape, model).exits(0).file_has(&output("c"), "echo: ");
    }
    // A cassette of an older orch does not say it, and the environment does.
    let older = tape.replace(",\"default_model\":\"openai/some/small\"", "");
    assert_ne!(older, tape);
    replay(&older, "openai/some/small").exits(0);
    replay(&older, "").exits(1).says("not recorded");
    assert_eq!(server.seen().len(), calls);
}
