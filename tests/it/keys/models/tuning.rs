//! `reasoning`, `top_p`, `stop`, `seed`, `keep_alive` and `body`: how a model is asked to answer.

use serde_json::json;

use crate::project::{Project, RUN};
use crate::server::Server;

fn file(model: &str) -> String {
    format!(
        "orchestra: {{id: x}}\nmodels:\n  it: {{{model}}}\nagents: [{{name: writer, model: it}}]\n\
         tasks: [{{name: a, agent: writer, description: do a, reuse: true}}]\n"
    )
}

fn project(model: &str, server: &Server) -> Project {
    Project::new().file("x.yaml", file(model)).server(server).env("OLLAMA_HOST", server.url()).args(RUN)
}

#[test]
fn what_a_file_asks_of_a_model_reaches_its_server() {
    let server = Server::start();
    let tuned = "provider: openai, model: gpt-5.2, reasoning: none, top_p: 0.9, stop: [END], seed: -7, \
                 body: {metadata: {team: [a, b]}, stream_options: null}";
    project(tuned, &server).run().exits(0);
    let sent = &server.request("do a").body;
    let told = json!([sent["reasoning_effort"], sent["top_p"], sent["stop"], sent["seed"], sent["metadata"]]);
    assert_eq!(told, json!(["none", 0.9, ["END"], -7, {"team": ["a", "b"]}]));
    assert!(sent.get("stream_options").is_none());
}

#[test]
fn a_model_is_kept_in_memory_as_long_as_the_file_says() {
    for (written, sent) in [("10m", json!("10m")), ("-1", json!(-1))] {
        let server = Server::start();
        project(&format!("provider: ollama, model: m, keep_alive: {written}"), &server).run().exits(0);
        assert_eq!(server.request("do a").body["keep_alive"], sent);
    }
}

#[test]
fn an_earlier_result_holds_only_for_a_model_that_is_asked_alike() {
    let server = Server::start();
    let plain = "provider: openai, model: m";
    let project = project(plain, &server);
    project.run().exits(0);
    let mut asked = 1;
    for more in ["reasoning: high", "top_p: 0.5", "stop: [x]", "seed: 1", "body: {a: 1}", "body: {a: 2}"] {
        let changed = project.file("x.yaml", file(&format!("{plain}, {more}")));
        changed.run().exits(0).does_not_say("reused");
        asked += 1;
        assert_eq!(server.calls("do a"), asked, "{more}");
        changed.run().exits(0).says("reused");
    }
    // How long a model stays in memory changes no answer.
    project.file("x.yaml", file(plain)).run().exits(0).says("reused");
    let kept = |time: &str| project.file("x.yaml", file(&format!("provider: ollama, model: m, keep_alive: {time}")));
    kept("1m").run().exits(0).does_not_say("reused");
    kept("2m").run().exits(0).says("reused");
}

#[test]
fn what_a_model_cannot_be_told_is_an_error() {
    for (model, key) in [
        ("provider: command, argv: [claude], reasoning: high", "reasoning"),
        ("provider: command, argv: [codex], top_p: 0.5", "top_p"),
        ("provider: command, argv: [x], body: {a: 1}", "body"),
        ("provider: responses, model: m, stop: [x]", "stop"),
        ("provider: responses, model: m, seed: 1", "seed"),
        ("provider: anthropic, model: m, seed: 1", "seed"),
        ("provider: openai, model: m, keep_alive: 10m", "keep_alive"),
    ] {
        let validated = Project::new().file("x.yaml", file(model)).args(["validate", "x.yaml"]).run().exits(2);
        validated.says(&format!("has no way to be told `{key}`")).says("x.yaml:3:");
    }
    // What was passed over before is a warning.
    let warm = file("provider: command, argv: [claude], temperature: 0.5");
    let validated = Project::new().file("x.yaml", warm).args(["validate", "x.yaml"]).run().exits(0);
    validated.says("a program is not told the `temperature`");
    for (model, message) in [
        ("provider: openai, model: m, reasoning: hihg", "did you mean `high`?"),
        ("provider: openai, model: m, top_p: 0", "more than 0"),
        ("provider: openai, model: m, top_p: 1.5", "`top_p` must be"),
    ] {
        Project::new().file("x.yaml", file(model)).args(["validate", "x.yaml"]).run().exits(2).says(message);
    }
}

#[test]
fn a_limit_on_costs_leaves_a_model_room_to_think() {
    let price = "price: {input: 0, output: 1}";
    for (reasoning, longest) in [("none", 8192), ("high", 32_000)] {
        let server = Server::start();
        let model = file(&format!("provider: openai, model: m, reasoning: {reasoning}, {price}"));
        let project = project("provider: openai, model: m", &server);
        let limited = project.file("x.yaml", model + "limits: {cost_limit_usd: 1}\n");
        limited.run().exits(0);
        assert_eq!(server.request("do a").body["max_tokens"], longest);
        let started = limited.journal().into_iter().find(|event| event["type"] == "call_started").unwrap();
        assert!(started["reserved"]["tokens"].as_u64().unwrap() >= longest, "{started}");
        let foreseen = limited.and(["--dry-run"]).run().exits(0).stdout;
        assert_eq!(foreseen.contains("and 32,000 where the model is told to think"), longest == 32_000, "{foreseen}");
    }
}
