//! Which models a task gets: its own, its agent's, those of a named chain, those of the command line.

use serde_json::Value;

use crate::project::{Project, RUN};
use crate::server::{Act, Server};

#[cfg(unix)]
mod api_key_command;
mod carried;
mod fallback;
mod on_truncated;
mod prices;
mod rate;
mod refused_parts;
mod tuning;

const MODELS: &str = "models:
  slow: {provider: openai, model: slow, timeout_seconds: 0.2}
  one: {provider: openai, model: first}
  two: {provider: openai, model: second}
  spare: [two, openai/third]
  strong: [one, spare, two]
";

fn project(server: &Server, rest: &str) -> Project {
    let head =
        "orchestra: {id: x, execution: {retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}}}\n";
    Project::new().file("x.yaml", format!("{head}{MODELS}{rest}")).server(server).args(RUN)
}

/// The models that were called, in their order.
fn called(server: &Server) -> Vec<String> {
    let name = |body: &Value| body["model"].as_str().unwrap_or_default().to_owned();
    server.seen().iter().map(|seen| name(&seen.body)).collect()
}

fn refuse(server: &Server, models: &[&str]) {
    for model in models {
        let wrong_key = serde_json::json!({"error": {"message": "wrong key"}});
        server.when(&format!("\"model\":\"{model}\""), std::iter::repeat_with(|| Act::error(401, &wrong_key)).take(4));
    }
}

#[test]
fn a_name_can_stand_for_a_chain_and_a_chain_for_others() {
    let server = Server::start();
    refuse(&server, &["first", "second"]);
    let file = "agents: [{name: writer, model: strong}]\ntasks: [{name: a, agent: writer, description: do a}]\n";
    project(&server, file).run().exits(0);
    // `two` stands in the chain twice, and is tried once.
    assert_eq!(called(&server), ["first", "second", "third"]);
}

#[test]
fn a_task_may_have_a_model_of_its_own() {
    let server = Server::start();
    let file = "agents: [{name: writer, model: one}]
tasks:
  - {name: a, agent: writer, description: do a}
  - {name: b, agent: writer, model: two, description: do b}
  - {name: c, agent: writer, model: [two, openai/third], description: do c}
";
    let project = project(&server, file);
    project.run().exits(0);
    assert_eq!(called(&server), ["first", "second", "second"]);
    // The command line speaks for all.
    project.and(["--fresh", "--model", "spare"]).run().exits(0);
    assert_eq!(called(&server)[3..], ["second", "second", "second"]);
}

#[test]
fn a_model_that_takes_longer_than_it_may_hands_over() {
    let server = Server::start();
    server.when("\"model\":\"slow\"", [Act::Stall { after: 0 }, Act::Stall { after: 0 }]);
    let file = "tasks: [{name: a, agent: writer, model: [slow, one], description: do a}]\n";
    let ended = project(&server, file).run().exits(0);
    assert_eq!(called(&server), ["slow", "slow", "first"]);
    let failed: Vec<Value> =
        ended.project.journal().into_iter().filter(|event| event["type"] == "attempt_failed").collect();
    assert_eq!(failed[1]["next_model"], "openai/first");
    let failure = failed[0]["failure"].to_string();
    assert!(failure.contains("the model's `timeout_seconds`"), "{failure}");
}

#[test]
fn mistakes_in_chains_are_told_once_and_with_their_place() {
    for (models, message) in [
        ("{a: [b], b: [a]}", "leads back to itself"),
        ("{a: []}", "is empty"),
        ("{a: [nope]}", "there is no model `nope`"),
        ("{a: [nobody/x]}", "the provider `nobody` is not supported yet"),
    ] {
        let file = format!("models: {models}\ntasks: [{{name: t, agent: writer, model: a, description: do it}}]\n");
        let said = Project::new().file("x.yaml", file).args(["validate", "x.yaml"]).run().exits(2).says(message);
        let told = said.stderr.matches(message).count();
        // Each of two chains that lead to one another does so.
        assert_eq!(told, if message.contains("back") { 2 } else { 1 }, "{}", said.stderr);
    }
}

#[test]
fn a_chain_goes_on_with_those_of_its_models_that_can_be_used_from_here() {
    let server = Server::start();
    let models = "models:
  absent: {provider: command, argv: [no-such-program]}
  locked: {provider: openai, base_url: \"http://127.0.0.1:1\", model: x, api_key_env: NO_SUCH_KEY}
  one: {provider: openai, model: first}
";
    let task = "tasks: [{name: a, agent: writer, model: [absent, locked, one], description: do a, reuse: true}]\n";
    let project =
        Project::new().file("x.yaml", format!("orchestra: {{id: x}}\n{models}{task}")).server(&server).args(RUN);
    let ended = project.and(["--dry-run"]).run().exits(0).says("would go on without a model");
    assert!(ended.stderr.contains("no-such-program") && ended.stderr.contains("NO_SUCH_KEY"), "{}", ended.stderr);
    project.run().exits(0).says("cannot find the program `no-such-program`").says("NO_SUCH_KEY is not set");
    assert_eq!(called(&server), ["first"]);

    // What can be used from here is no part of what a result depends on.
    project.env("NO_SUCH_KEY", "k").run().exits(0).says("reused");
    // Where none is left, nothing begins.
    let none = format!("orchestra: {{id: x}}\n{models}{}", task.replace(", one]", "]"));
    project.file("x.yaml", none).run().exits(2).says("needs it").says("no-such-program");
    assert_eq!(called(&server), ["first"]);
}

#[test]
fn the_same_model_at_two_addresses_is_two_models() {
    let (first, second) = (Server::start(), Server::start());
    let at = |server: &Server| format!("{{provider: openai, base_url: \"{}\", model: same}}", server.openai());
    let models = format!("models:\n  here: {}\n  there: {}\n", at(&first), at(&second));
    let file = "tasks: [{name: a, agent: writer, model: [here, there], description: do a}]\n";
    let fixed = "retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}";
    let head = format!("orchestra: {{id: x, execution: {{{fixed}}}}}\n");
    let busy = |server: &Server, times| {
        let busy = serde_json::json!({"error": {"message": "busy"}});
        server.when("do a", std::iter::repeat_n(Act::error(503, &busy), times));
    };
    busy(&first, 9);
    let project = Project::new().file("x.yaml", format!("{head}{models}{file}")).args(RUN);
    project.run().exits(0);
    assert_eq!((first.seen().len(), second.seen().len()), (2, 1));
    // Where both are down, each has had its tries, and no more.
    busy(&second, 9);
    project.and(["--fresh"]).run().exits(1);
    assert_eq!((first.seen().len(), second.seen().len()), (4, 3));
}

#[test]
fn a_prompt_above_a_known_window_is_not_sent_and_its_largest_inputs_are_named() {
    let server = Server::start();
    let file = "models: {small: {provider: openai, model: m, context_window: 8000}}\n\
                agents: [{name: reader, model: small}]\n\
                tasks: [{name: a, agent: reader, description: Sum up the goal.}]\n";
    let project = Project::new().file("x.yaml", format!("orchestra: {{id: x}}\n{file}")).server(&server);
    let long = "word ".repeat(56_000);
    let ended = project.args(["run", "x.yaml", "--goal", "@goal.md"]).file("goal.md", &long).run();
    ended.exits(1).says("takes 8000").says("its largest input is the goal");
    assert_eq!(server.seen().len(), 0);
    let short = "word ".repeat(5_600);
    project.args(["run", "x.yaml", "--goal", "@goal.md"]).file("goal.md", &short).run().exits(0);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn what_a_model_refuses_of_a_request_costs_no_attempt_and_is_left_out_from_then_on() {
    let server = Server::start();
    let refusal = serde_json::json!({"error": {"message": "Unsupported value: 'temperature' does not support 0.5"}});
    server.when("do", [Act::error(400, &refusal)]);
    let rest = "agents: [{name: writer, model: one, temperature: 0.5}]\nexecution: {strategy: sequential}\ntasks:\n  \
                - {name: a, agent: writer, description: do a}\n  - {name: b, agent: writer, description: do b}\n";
    let text = format!("{MODELS}{rest}");
    let project = Project::new().file("x.yaml", text).server(&server).args(RUN).and(["--verbose"]);
    let ended = project.run().exits(0).says("note: first refuses `temperature` of a request");
    let asked: Vec<bool> = server.seen().iter().map(|seen| seen.body.get("temperature").is_some()).collect();
    assert_eq!(asked, [true, false, false]);
    assert_eq!(ended.project.journalled("attempt_started"), ["a", "b"]);
    assert_eq!(ended.project.journalled("call_started"), ["a", "a", "b"], "a refused call is a call, and no attempt");
}
