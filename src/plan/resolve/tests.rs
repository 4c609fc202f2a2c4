//! What a file means, and every way in which it can mean nothing.

use super::*;
use crate::plan::retry::RetryPolicy;
use crate::plan::spec::{self, Omissions, OnError};
use crate::words::diagnostic::Report;

fn resolve_text(text: &str, overrides: &Overrides) -> Result<Orchestra, Vec<(String, String)>> {
    let source = Source::new("a.yaml", text);
    let file = spec::read(&source).file.expect("a file of the right form");
    let context = ResolveContext {
        omissions: Omissions::default(),
        source: &source,
        fallback_id: "a",
        playbooks: &BTreeMap::new(),
        schemas: &BTreeMap::new(),
        prompts: &BTreeMap::new(),
        overrides,
    };
    resolve(&file, &context).map(|(orchestra, _)| orchestra).map_err(|diagnostics| {
        let told = |d: Diagnostic| (d.message, d.at.map_or(String::new(), |(span, _)| source.text[span].to_owned()));
        diagnostics.into_iter().map(told).collect()
    })
}

fn mistakes(text: &str) -> Vec<(String, String)> {
    resolve_text(text, &Overrides::default()).err().unwrap_or_default()
}

fn has(diagnostics: &[(String, String)], message: &str, at: &str) {
    assert!(diagnostics.iter().any(|(m, a)| m == message && a == at), "no {message:?} at {at:?} in {diagnostics:#?}");
}

#[test]
fn a_minimal_file_gets_every_default() {
    let text =
        "tasks:\n  - {name: x, agent: developer, description: Do it}\n  - {name: y, agent: writer, description: And}\n";
    let orchestra = resolve_text(text, &Overrides::default()).unwrap();
    assert_eq!((orchestra.id.as_str(), orchestra.workspace.as_str()), ("a", "orchestra_workspaces/a"));
    assert_eq!(orchestra.execution.max_parallel, Some(1));
    assert_eq!(orchestra.plan.needs(1), [0]);
    assert_eq!(orchestra.tasks[0].timeout, Duration::from_secs(300));
    assert_eq!(orchestra.tasks[0].on_error, OnError::Stop);
    assert_eq!(orchestra.tasks[0].retry, RetryPolicy::exponential());
}

#[test]
fn every_mistake_of_meaning_is_told_at_once() {
    let diagnostics = mistakes(
        "
orchestra: {id: 'a/b', execution: {task_groups: [{tasks: [one]}]}}
agents: [developer, nobody_at_all, {name: poet, model: gpt-9}]
tasks:
  - {name: one, agent: develper, description: 'x {{ gaol }}', context: [two, on, one]}
  - {name: two, agent: developer, description: x, context: [one]}
  - {name: Two, agent: poet, description: x}
  - {name: ../x, agent: poet, description: x}
",
    );
    has(&diagnostics, "\"a/b\" cannot be the id of an orchestra", "'a/b'");
    has(&diagnostics, "`task_groups` has no effect with `strategy: sequential`", "[");
    has(&diagnostics, "there is no agent `nobody_at_all`", "nobody_at_all");
    has(&diagnostics, "there is no model `gpt-9`", "gpt-9");
    has(&diagnostics, "the agent `develper` is not listed under `agents`", "develper");
    has(&diagnostics, "there is no task `on`", "on");
    has(&diagnostics, "`one` cannot need its own output", "one");
    has(&diagnostics, "`two` and `Two` would share an output file where case does not count", "Two");
    has(&diagnostics, "\"../x\" cannot be the name of a task", "../x");
    has(&diagnostics, "tasks wait for each other: one -> two -> one", "[");
}

#[test]
fn mistakes_of_form_do_not_hide_those_of_meaning() {
    let text = "
tasks:
  - {name: a, agent: nobody, description: x, context: [b], timeot: 5}
  - {name: b, agent: writer, description: 'x {{ gaol }}', context: [a], priority: urgent}
  - {nme: c, agent: writer, description: x}
";
    let source = Source::new("a.yaml", text);
    let reading = spec::read(&source);
    assert_eq!(reading.mistakes.len(), 4);
    assert_eq!(reading.omissions, Omissions { settings: true, entries: true });
    let context = ResolveContext {
        source: &source,
        fallback_id: "a",
        playbooks: &BTreeMap::new(),
        schemas: &BTreeMap::new(),
        prompts: &BTreeMap::new(),
        overrides: &Overrides::default(),
        omissions: reading.omissions,
    };
    let diagnostics = resolve(&reading.file.unwrap(), &context).unwrap_err();
    let said: Vec<&str> = diagnostics.iter().map(|d| d.message.as_str()).collect();
    for expected in ["there is no agent `nobody`", "tasks wait for each other: a -> b -> a", "unknown name `gaol`"] {
        assert!(said.contains(&expected), "{expected} is not in {said:?}");
    }
    assert_eq!(said.len(), 3, "{said:?}");
}

#[test]
fn groups_are_checked() {
    let diagnostics = mistakes(
        "
execution:
  strategy: mixed
  task_groups:
    - {name: g, tasks: [a, nope]}
    - {name: g, tasks: [a, b]}
    - {tasks: []}
tasks:
  - {name: a, agent: writer, description: x, context: [b]}
  - {name: b, agent: writer, description: x}
",
    );
    has(&diagnostics, "there is no task `nope`", "nope");
    has(&diagnostics, "`a` is in two groups", "a");
    has(&diagnostics, "two groups are called `g`", "g");
    has(&diagnostics, "a group needs tasks", "[");
    has(&diagnostics, "tasks wait for each other: a -> b -> a", "[");
}

#[test]
fn a_tier_forbids_what_it_does_not_run() {
    let text = "execution: {strategy: parallel}\norchestra: {required_tier: genies}\ntasks: [{name: a, agent: writer, description: x}]\n";
    has(&mistakes(text), "the tier `genies` runs one task after another, and this orchestra is parallel", "parallel");
    let overrides = Overrides { tier: Some("protocols".into()), ..Overrides::default() };
    assert!(resolve_text(text, &overrides).is_ok());
}

#[test]
fn two_executions_must_agree() {
    let tasks = "tasks: [{name: a, agent: writer, description: x}]\n";
    let same = format!("execution: {{strategy: parallel}}\norchestra: {{execution: {{strategy: parallel}}}}\n{tasks}");
    assert_eq!(mistakes(&same), []);
    let differ = same.replacen("parallel", "sequential", 1);
    assert_eq!(mistakes(&differ).len(), 1);
}

#[test]
fn models_come_by_name_or_by_provider() {
    let text = "
models: {glm: {provider: openai, model: glm-4.7, base_url: 'https://example.invalid/v1', api_key_env: ZAI_API_KEY}}
agents: [{name: a, model: glm}, {name: b, role: writer, model: [anthropic/claude-x]}, {name: c, role: Poet}]
tasks:
  - {name: x, agent: a, description: x}
  - {name: y, agent: b, description: x}
  - {name: z, agent: c, description: x}
";
    let orchestra = resolve_text(text, &Overrides::default()).unwrap();
    let labels: Vec<_> = orchestra.agents.iter().map(|a| a.models.first().map(ModelRefLabel::of)).collect();
    assert_eq!(labels, [Some("openai/glm-4.7".into()), Some("anthropic/claude-x".into()), None]);
    let all = Overrides { model: Some("openai/m".into()), ..Overrides::default() };
    let orchestra = resolve_text(text, &all).unwrap();
    assert!(orchestra.agents.iter().all(|a| a.models.first().is_some_and(|m| m.model == "m")));
}

struct ModelRefLabel;

impl ModelRefLabel {
    fn of(model: &crate::plan::orchestra::ModelRef) -> String {
        model.label()
    }
}

#[test]
fn a_digest_changes_with_what_defines_a_task_and_with_nothing_else() {
    let text = "tasks:\n  - {name: x, agent: developer, description: one}\n  - {name: y, agent: developer, description: two}\n";
    let digests = |text: &str| -> Vec<String> {
        let orchestra = resolve_text(text, &Overrides::default()).unwrap();
        orchestra.planned().into_iter().map(|p| p.digest).collect()
    };
    let before = digests(text);
    let after = digests(&text.replace("two", "three"));
    assert_eq!((before[0] == after[0], before[1] == after[1]), (true, false));
    assert_eq!(before, digests(&text.replace("description: two", "description: two, timeout_seconds: 5")));
}

#[test]
fn ten_thousand_tasks_are_quick_and_their_mistakes_are_told_once() {
    let mut text = String::from("execution: {strategy: parallel}\ntasks:\n");
    for n in 0..10_000 {
        text += &format!("  - {{name: t{n}, agent: writer, description: x, context: [nope]}}\n");
    }
    let diagnostics = mistakes(&text);
    assert_eq!(diagnostics.len(), 10_000);
    let diagnostics = diagnostics.into_iter().map(|(m, _)| Diagnostic::error(m, 0..1, "")).collect();
    let report = Report::new(std::sync::Arc::new(Source::new("a", text)), diagnostics);
    assert_eq!(report.errors(), 1, "the same of the same place is said once");
}
