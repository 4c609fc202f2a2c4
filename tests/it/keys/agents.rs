//! Agents in files of their own: what is acted on reaches the model, and what is not is named.

use serde_json::json;

use crate::commands::validate::GOAL;
use crate::keys::tools::calls;
use crate::project::Project;
use crate::server::{Act, Server};

const PLAYBOOK: &str = "agents/developer/playbook/developer_playbook.yaml";

/// As SuperOptiX writes them.
const SPEC: &str = r#"apiVersion: agent/v1
kind: AgentSpec
metadata:
  name: "Developer Assistant"
  id: developer
  namespace: software
  version: 1.0.0
  agent_type: Autonomous
  level: oracles
spec:
  language_model:
    location: local
    provider: openai
    model: tiny-7b
    temperature: 0.25
    max_tokens: 321
  persona:
    name: DevBot
    role: Software Developer
    goal: Write clean, tested code
    backstory: Ten years in a bank.
    traits: [analytical, careful]
  tasks:
    - name: implement_feature
      instruction: Implement the feature.
      inputs: [{name: requirement, type: str}]
      outputs: [{name: code, type: str}]
  agentflow:
    - {name: think, type: Think, task: implement_feature}
  evaluation: {builtin_metrics: []}
  feature_specifications: {scenarios: []}
  optimization: {optimizer: {name: GEPA}}
"#;

const ORCHESTRA: &str =
    "tasks:\n  - {name: a, agent: developer, description: do a}\n  - {name: b, agent: developer, description: do b}\n";

const WARNING: &str = "keys that have no effect here: `agentflow`, `evaluation`, `feature_specifications`, `inputs`, \
                       `optimization`, `outputs`";

#[test]
fn an_agent_spec_plays_and_its_persona_reaches_the_system_prompt() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", ORCHESTRA).file(PLAYBOOK, SPEC).server(&server);
    let ended = project.args(["run", "x.yaml"]).and(GOAL).run().exits(0);
    assert_eq!(ended.stderr.matches(WARNING).count(), 1, "{}", ended.stderr);
    let seen = server.request("do a");
    let system = &seen.body["messages"][0];
    assert_eq!(system["role"], "system");
    let text = system["content"].as_str().unwrap();
    for part in
        ["Software Developer", "Write clean, tested code", "DevBot", "Ten years in a bank.", "analytical, careful"]
    {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert_eq!((seen.body["model"].as_str(), seen.body["temperature"].as_f64()), (Some("tiny-7b"), Some(0.25)));
    assert!(seen.body.to_string().contains(":321"), "{}", seen.body);
}

#[test]
fn keys_without_an_effect_are_named_once_and_do_no_harm() {
    let project = Project::new().file("orchestras/a.yaml", ORCHESTRA).file("orchestras/b.yaml", ORCHESTRA);
    let ended = project.file(PLAYBOOK, SPEC).args(["validate"]).run().exits(0);
    assert_eq!(ended.stderr.matches("no effect").count(), 1, "{}", ended.stderr);
    ended.says(&format!("warning: {WARNING}")).says(&format!("--> {PLAYBOOK}:"));
}

#[test]
fn the_short_form_plays_as_well() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", ORCHESTRA).server(&server);
    let short = "role: Plumber\ninstructions: Fix pipes alone.\nmodel: openai/small\n";
    project
        .file("agents/developer.yaml", short)
        .args(["run", "x.yaml"])
        .and(GOAL)
        .run()
        .exits(0)
        .does_not_say("warning");
    let seen = server.request("do b");
    let system = seen.body["messages"][0]["content"].as_str().unwrap();
    assert!(system.contains("Plumber") && system.contains("Fix pipes alone."), "{system}");
    assert_eq!(seen.body["model"], "small");
}

#[test]
fn mistakes_in_a_playbook_are_told_with_those_of_the_orchestra() {
    let server = Server::start();
    let orchestra = ORCHESTRA.replace("description: do b", "description: do b, context: [nope]");
    let project = Project::new().file("x.yaml", orchestra).server(&server);
    let project = project.file(PLAYBOOK, SPEC.replace("[analytical, careful]", "analytical").replace("0.25", "7"));
    let ended = project.args(["run", "x.yaml"]).and(GOAL).run().exits(2);
    ended
        .says(&format!("{PLAYBOOK}:15:"))
        .says("`temperature` must be 2 or less")
        .says("`traits` must be a list")
        .says("there is no task `nope`")
        .no_file(".orchestra");
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn an_agent_of_a_playbook_uses_its_tools() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", ORCHESTRA).file("notes.md", "tulips").server(&server);
    let arguments = json!({"path": "notes.md"});
    server.when("do a", [calls(&[("c1", "read_file", arguments)]), Act::Text("done".into())]);
    let short = "role: Plumber\ninstructions: Say {{ outputs.a }} as it is.\nmodel: openai/small\ntools: [read_file]\n";
    let project = project.file("agents/developer.yaml", short);
    project.args(["run", "x.yaml", "--strategy", "sequential"]).and(GOAL).run().exits(0).does_not_say("warning");
    let first = &server.seen()[0].body;
    assert_eq!(first["tools"][0]["function"]["name"], "read_file", "{first}");
    assert!(first["messages"][0]["content"].as_str().unwrap().contains("Say {{ outputs.a }} as it is."), "{first}");
    let seen = server.seen();
    let told = seen[1].body["messages"].as_array().unwrap().last().unwrap();
    assert!(told["role"] == "tool" && told["content"].as_str().unwrap().contains("tulips"), "{told}");
}

#[test]
fn mistakes_in_the_tools_of_a_playbook_name_their_place_there() {
    for (tools, why) in [
        ("[raed_file]", "did you mean `read_file`?"),
        ("[run_command]", "needs to be told which commands are allowed"),
        ("[shop/*]", "there is no MCP server `shop`"),
        ("[{name: write_file, paths: [../x]}]", "is not a path of a file in the project"),
        ("[{name: write_file, path: [src/**]}]", "`path`"),
    ] {
        let project = Project::new().file("x.yaml", ORCHESTRA);
        let project = project.file("agents/developer.yaml", format!("role: Plumber\ntools: {tools}\n"));
        project.args(["validate", "x.yaml"]).run().exits(2).says(why).says("agents/developer.yaml:2:");
    }
}

#[test]
fn what_a_playbook_grants_needs_the_trust_of_what_an_orchestra_grants() {
    let server = Server::start();
    let project = Project::new().untrusted().file("x.yaml", ORCHESTRA).server(&server);
    let text = "role: Plumber\nmodel: openai/small\ntools: [{name: run_command, allow: [[echo]]}]\n";
    let project = project.file("agents/developer.yaml", text);
    project.args(["run", "x.yaml"]).and(GOAL).run().exits(2).says("echo").says("--trust");
    assert_eq!(server.seen().len(), 0);
}
