//! The digests as they are on disk. A value changes here only together with a reason why earlier results are stale.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::plan::growth::{Item, ItemKind, Member};
use crate::plan::orchestra::Orchestra;
use crate::plan::output::OutputSpec;
use crate::plan::resolve::{ResolveContext, resolve};
use crate::plan::spec::{self, Omissions, Provider};
use crate::words::diagnostic::Source;
use crate::words::event::Overrides;

const RICH: &str = r#"
execution: {strategy: parallel}
mcp_servers:
  web: {url: "https://example.com/mcp"}
models:
  big: {provider: openai, model: m, context_window: 9000, timeout_seconds: 9, price: {input: 1, output: 2}}
agents:
  - name: dev
    role: Developer
    goal: Ship
    persona: Calm
    instructions: Read first
    temperature: 0.5
    max_tokens: 900
    model: big
    tools: [read_file, web/find, {name: run_command, allow: [[cargo, test]], timeout_seconds: 9}]
tasks:
  - {name: plan, agent: dev, description: Plan it}
  - name: build
    agent: dev
    description: "Build {{ goal }}"
    context: [plan]
    priority: high
    timeout_seconds: 9
    retry_strategy: {max_attempts: 2}
    limits: {max_iterations: 9}
    reads: ["src/*.rs"]
    writes: [out.txt]
    output: {format: json, schema: {type: object}, file: out.json}
    verify: [{run: [cargo, test], timeout_seconds: 9}, {file: out.txt}]
  - {name: count, run: [wc, "{goal}"], env: [LINES], stdin: "{{ outputs.plan }}", context: [plan]}
  - {name: each, agent: dev, description: "Do {{ item }}", for_each: [1, {a: b}], collect: text, max_parallel: 2}
  - {name: more, run: [echo, "{{ item }}"], for_each: outputs.plan.files, context: [plan]}
"#;

fn orchestra(text: &str) -> Orchestra {
    let source = Source::new("a.yaml", text);
    let reading = spec::read(&source);
    assert!(reading.mistakes.is_empty(), "{:?}", reading.mistakes);
    let file = reading.file.expect("a file of the right form");
    let context = ResolveContext {
        omissions: Omissions::default(),
        source: &source,
        fallback_id: "a",
        playbooks: &BTreeMap::new(),
        schemas: &BTreeMap::new(),
        prompts: &BTreeMap::new(),
        overrides: &Overrides::default(),
    };
    resolve(&file, &context).expect("a file without mistakes").0
}

fn digests(text: &str) -> Vec<String> {
    orchestra(text).planned().into_iter().map(|planned| planned.digest).collect()
}

fn replaced(from: &str, to: &str) -> Vec<String> {
    assert!(RICH.contains(from), "{from}");
    digests(&RICH.replace(from, to))
}

#[test]
fn the_digests_of_tasks_stay() {
    assert_eq!(
        digests(RICH),
        ["fdf5dab7ff195d62", "aef289e3e1d91954", "80d58996ad209cd9", "40a3b40e46cc786e", "57edcf226bbd4026"]
    );
}

#[test]
fn the_digest_of_a_member_is_that_of_its_item_and_not_of_its_place() {
    let orchestra = orchestra(RICH);
    let needs: Vec<Name> = orchestra.plan.needs(3).iter().map(|&needed| orchestra.tasks[needed].name.clone()).collect();
    let member = |value: Value, index| {
        let item = Item { parent: 3, value, index, length: 3, kind: ItemKind::Listed };
        Member { task: orchestra.tasks[3].member(item), needs: needs.clone() }
    };
    let members = [member(json!("a"), 1), member(json!("b"), 2), member(json!("a"), 3)];
    let planned = orchestra.planned_members(&members);
    assert_eq!(planned[0].digest, "9e328539686139dc");
    assert_eq!(planned[2].digest, planned[0].digest);
    assert_ne!(planned[1].digest, planned[0].digest);
}

#[test]
fn the_digests_of_grants_models_checks_and_outputs_stay() {
    let second = Duration::from_secs(1);
    let plain = ModelRef::new(Provider::Openai, "m");
    let full = ModelRef {
        base_url: Some("https://example.com".into()),
        api_key_env: Some("KEY".into()),
        api_key_command: Some(vec!["pass".into()]),
        argv: vec!["claude".into()],
        env: vec!["HOME".into()],
        temperature: Some(0.25),
        max_tokens: Some(7),
        ..ModelRef::new(Provider::Command, "m")
    };
    let rule = |format| output(&OutputRule { spec: OutputSpec::new(format, None).unwrap(), file: None });
    let of_schema = OutputRule {
        spec: OutputSpec::new(OutputFormat::Json, Some(json!({"type": "object"}))).unwrap(),
        file: Some("a.json".into()),
    };
    let allow = vec![vec!["cargo".into(), "test".into()], vec!["make".into()]];
    let all = [
        ("built-in tool", grant(&Grant::BuiltIn("read_file"))),
        ("tool for some files", grant(&Grant::Files { tool: "read_file", paths: vec!["a".into()] })),
        ("commands", grant(&Grant::RunCommand { allow, timeout: second })),
        ("tool of a server", grant(&Grant::Mcp { server: "web".into(), tool: Some("find".into()) })),
        ("all tools of a server", grant(&Grant::Mcp { server: "web".into(), tool: None })),
        ("plain model", model(&plain)),
        ("full model", model(&full)),
        ("answering model of the file", answering_model("command/m", Some(&full), Some(0.25), Some(7))),
        ("answering model of the environment", answering_model("openai/m", None, None, None)),
        ("check by command", check(&Check::Run { argv: vec!["cargo".into(), "test".into()], timeout: second })),
        ("check of a file", check(&Check::File("a.txt".into()))),
        ("text", rule(OutputFormat::Text)),
        ("markdown", rule(OutputFormat::Markdown)),
        ("json", rule(OutputFormat::Json)),
        ("file", rule(OutputFormat::File)),
        ("plan", rule(OutputFormat::Plan)),
        ("schema and file", output(&of_schema)),
    ];
    let written: String = all.iter().map(|(what, digest)| format!("{digest} {what}\n")).collect();
    assert_eq!(written, include_str!("golden.txt"));
}

#[test]
fn what_decides_only_whether_and_when_there_is_a_result_does_not_count() {
    for (from, to) in [
        ("context_window: 9000", "context_window: 8000"),
        ("m, context_window: 9000, timeout_seconds: 9", "m, context_window: 9000, timeout_seconds: 8"),
        ("{input: 1, output: 2}", "{input: 3, output: 4}"),
        ("[[cargo, test]], timeout_seconds: 9", "[[cargo, test]], timeout_seconds: 8"),
        ("run: [cargo, test], timeout_seconds: 9", "run: [cargo, test], timeout_seconds: 8"),
        ("priority: high\n    timeout_seconds: 9", "priority: low\n    timeout_seconds: 8"),
        ("{max_attempts: 2}", "{max_attempts: 3}"),
        ("{max_iterations: 9}", "{max_iterations: 8}"),
        ("max_parallel: 2", "max_parallel: 1"),
    ] {
        assert_eq!(replaced(from, to), digests(RICH), "{from}");
    }
}

#[test]
fn what_decides_the_result_counts() {
    let before = digests(RICH);
    // Those of the agent's tasks change, and those of programs do not.
    for (from, to) in [
        ("role: Developer", "role: Writer"),
        ("goal: Ship", "goal: Sink"),
        ("persona: Calm", "persona: Wild"),
        ("Read first", "Read last"),
        ("temperature: 0.5", "temperature: 0.6"),
        ("max_tokens: 900", "max_tokens: 901"),
        ("model: m,", "model: n,"),
        ("model: m,", "model: m, reasoning: high,"),
        ("model: m,", "model: m, body: {a: 1},"),
        ("model: m,", "model: m, query: {a: b},"),
        ("model: m,", "model: m, on_truncated: continue,"),
        ("web/find", "web/*"),
        ("allow: [[cargo, test]]", "allow: [[cargo], [test]]"),
    ] {
        let after = replaced(from, to);
        let changed: Vec<usize> = (0..before.len()).filter(|&ix| after[ix] != before[ix]).collect();
        assert_eq!(changed, [0, 1, 3], "{from}");
    }
    // The place of the task that changes, and no other does.
    for (place, from, to) in [
        (1, "Build {{ goal }}", "Make {{ goal }}"),
        (1, "context: [plan]\n", "context: []\n"),
        (1, "src/*.rs", "src/*.c"),
        (1, "writes: [out.txt]", "writes: [out.txt, b.txt]"),
        (1, "schema: {type: object}", "schema: {type: array}"),
        (1, "file: out.json", "file: b.json"),
        (1, "{run: [cargo, test]", "{run: [cargo, check]"),
        (1, "{file: out.txt}", "{file: b.txt}"),
        (2, "run: [wc, \"{goal}\"]", "run: [wc, \"{goal}\", x]"),
        (2, "env: [LINES]", "env: [COLUMNS]"),
        (2, "stdin: \"{{ outputs.plan }}\"", "stdin: x"),
        (3, "[1, {a: b}]", "[1, {a: c}]"),
        (3, "collect: text", "collect: json"),
        (4, "outputs.plan.files", "outputs.plan.names"),
        (4, "for_each: outputs.plan.files, ", "for_each: [plan], "),
    ] {
        let after = replaced(from, to);
        let changed: Vec<usize> = (0..before.len()).filter(|&ix| after[ix] != before[ix]).collect();
        assert_eq!(changed, [place], "{from}");
    }
}
