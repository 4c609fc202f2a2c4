//! Agents in files of their own: what is acted on reaches the model, and what is not is named.

use crate::commands::validate::GOAL;
use crate::project::Project;
use crate::server::Server;

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
