//! What the format takes and what it says of the rest.

use super::*;

fn mistakes(text: &str) -> Vec<(String, String, Option<String>)> {
    let source = Source::new("a.yaml", text);
    let found = read(&source).mistakes;
    found
        .into_iter()
        .map(|d| (d.message, d.at.map_or(String::new(), |(span, _)| source.text[span].to_owned()), d.help))
        .collect()
}

#[test]
fn a_short_file_is_enough() {
    let text = "tasks:\n  - name: a\n    agent: b\n    description: c\n";
    assert_eq!(mistakes(text), []);
}

#[test]
fn every_mistake_is_named_at_once() {
    let text = "
orchestra:
  execution: {strategy: paralel, max_parallel_tasks: -1, retry_strategy: {max_attempts: 0}}
agents: developer
tasks:
  - nme: a
    agent: [x]
    description: 5
    timeout: 0
    priority: urgent
    context: b
    phase: plan
  - {name: b, agent: x, description: y, timeout_seconds: 0, name: c}
";
    let found = mistakes(text);
    let said: Vec<(&str, &str)> = found.iter().map(|(m, at, _)| (m.as_str(), at.as_str())).collect();
    for expected in [
        ("`strategy` cannot be `paralel`", "paralel"),
        ("`max_parallel_tasks` must be 0 or more", "-1"),
        ("`max_attempts` must be 1 or more", "0"),
        ("`agents` must be a list", "developer"),
        ("unknown key `nme` in a task", "nme"),
        ("`agent` must be text", "["),
        ("`description` must be text or a mapping", "5"),
        ("unknown key `timeout` in a task", "timeout"),
        ("`priority` cannot be `urgent`", "urgent"),
        ("`context` must be a list", "b"),
        ("`phase` in a task is not supported yet", "phase"),
        ("`timeout_seconds` must be more than 0", "0"),
        ("`name` stands twice in a task", "name"),
        ("a task has no `name`", "nme"),
    ] {
        assert!(said.contains(&expected), "{expected:?} is not in {said:#?}");
    }
    assert_eq!(found.len(), 14, "{found:#?}");
    let help = |message: &str| found.iter().find(|(m, ..)| m == message).and_then(|f| f.2.clone()).unwrap_or_default();
    assert_eq!(help("unknown key `timeout` in a task"), "did you mean `timeout_seconds`?");
    assert_eq!(help("`strategy` cannot be `paralel`"), "did you mean `parallel`?");
    assert_eq!(help("`context` must be a list"), "put it in brackets: [b]");
}

#[test]
fn braces_without_quotes_are_told_apart_from_a_mapping() {
    let found = mistakes("tasks:\n  - {name: a, agent: b, description: {goal}}\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].2.as_ref().unwrap().contains("in quotes"), "{found:?}");
}

#[test]
fn what_comes_later_is_refused_by_name() {
    let found = mistakes("orchestra: {execution: {strategy: hierarchical}, autoApprove: true}\ntasks: []\n");
    let said: Vec<&str> = found.iter().map(|(m, ..)| m.as_str()).collect();
    assert!(said.contains(&"`hierarchical` for `strategy` is not supported yet"), "{said:?}");
    assert!(said.contains(&"`autoApprove` in `orchestra` is not supported yet"), "{said:?}");
}

#[test]
fn a_key_that_has_another_name_here_comes_with_it() {
    let found = mistakes("tasks: [{name: a, agent: b, description: c, inputs: [x], outputs: [y]}]\n");
    let said: Vec<(&str, &str)> = found.iter().map(|(m, _, help)| (m.as_str(), help.as_deref().unwrap())).collect();
    assert_eq!(said[0].0, "unknown key `inputs` in a task");
    assert!(said[0].1.contains("its `reads`"), "{said:?}");
    assert_eq!(said[1].0, "unknown key `outputs` in a task");
    assert!(said[1].1.contains("its `writes`"), "{said:?}");
}

#[test]
fn the_schema_says_what_the_types_say() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["tasks"]));
    assert_eq!(schema["$defs"]["Task"]["required"], serde_json::json!(["name"]));
}

#[test]
fn places_survive_into_the_types() {
    let source =
        Source::new("a", "agents: [x, {name: y, model: [a, b]}]\ntasks: [{name: a, agent: x, description: d}]\n");
    let file = read(&source).file.unwrap();
    let agents = file.agents.unwrap();
    let Either::Full(agent) = &agents[1] else { panic!() };
    let Some(Either::Full(models)) = &agent.model else { panic!() };
    assert_eq!(&source.text[models.value[1].span.clone()], "b");
    assert_eq!(&source.text[file.tasks.value[0].value.name.span.clone()], "a");
}
