//! Whatever stands in the files of another tool, what comes of them is an orchestra that can run, or they are refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{cagent, crewai, goose};
use crate::engine::check;
use crate::store::project::Project;
use crate::words::diagnostic::{Report, Source};
use crate::words::event::Overrides;

/// A file by way of JSON, which is YAML as well.
fn file(value: &Value) -> Arc<Source> {
    Arc::new(Source::new("a.yaml", value.to_string()))
}

#[track_caller]
fn holds(imported: Result<String, Vec<Report>>) {
    let render = |reports: Vec<Report>| reports.iter().map(|report| report.render(false)).collect::<String>();
    let text = imported.unwrap_or_else(|reports| panic!("{}", render(reports)));
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(Source::new("orchestras/x_orchestra.yaml", text.clone()));
    if let Err(reports) = check(&Project::at(folder.path()), &source, &Overrides::default()) {
        panic!("{text}\n{}", render(reports));
    }
}

/// Texts as people write them, and as nobody does.
fn prose() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\n]{1,80}",
        "([a-z]{1,8} ){1,40}end",
        "(\\{\\{?|\\}\\}?|\\{%|\\{#|[a-z \n:'\"#-]){1,40}",
        "\\PC{1,30}",
        Just("{goal} {topic} {{ topic }}".to_owned()),
    ]
}

fn named() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", "[A-Za-z0-9 ._/-]{1,12}", "\\PC{1,6}", Just("true".to_owned()), Just("con".to_owned())]
}

/// Different names.
fn names(count: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set(named(), count).prop_map(|set| set.into_iter().collect()).prop_shuffle()
}

fn object(pairs: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(pairs.into_iter().collect::<Map<_, _>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn a_crew_becomes_an_orchestra(
        agents in names(3), tasks in names(4), texts in proptest::collection::vec(prose(), 12), odd in named(), is_async in any::<[bool; 4]>(),
    ) {
        let agent = |n: usize| json!({"role": texts[n], "goal": texts[n + 1], "backstory": texts[n + 2], "llm": odd, &*odd: texts[0], "max_iter": n});
        let task = |n: usize| json!({
            "description": texts[n + 4], "expected_output": texts[n + 8], "agent": agents[n % 3].trim(),
            "async_execution": is_async[n], "output_file": odd, "context": if n == 3 { json!([tasks[0].trim()]) } else { json!([]) },
        });
        let keyed = |names: &[String], of: &dyn Fn(usize) -> Value| object(names.iter().enumerate().map(|(n, name)| (name.trim().to_owned(), of(n))));
        let (agents_file, tasks_file) = (keyed(&agents, &agent), keyed(&tasks, &task));
        prop_assume!(agents_file.as_object().unwrap().len() == 3 && tasks_file.as_object().unwrap().len() == 4);
        holds(crewai::import(&crewai::Crew { agents: file(&agents_file), tasks: file(&tasks_file), code: None }, "x"));
    }

    #[test]
    fn a_recipe_becomes_an_orchestra(keys in names(2), texts in proptest::collection::vec(prose(), 6), odd in named(), command in prose()) {
        let inner = json!({"title": texts[0], "prompt": texts[1], "parameters": [{"key": keys[1]}]});
        let recipe = json!({
            "title": texts[2], "description": texts[3], "instructions": texts[4], "prompt": texts[5],
            "parameters": keys.iter().map(|key| json!({"key": key, "description": texts[0], "default": odd})).collect::<Vec<_>>(),
            "sub_recipes": [{"name": odd, "path": "s.yaml", "values": {&*keys[0]: texts[1]}}],
            "extensions": [{"type": "stdio", "name": odd, "cmd": "uvx", "args": [texts[0]], "envs": {"A": "b"}}, {"type": odd, "name": "x", "cmd": "y", "uri": "http://x"}],
            "retry": {"max_retries": 2, "checks": [{"type": "shell", "command": format!("x {command}")}]},
            &*format!("odd {odd}"): texts[0],
        });
        prop_assume!(keys.iter().all(|key| !key.trim().is_empty()) && !odd.trim().is_empty());
        let others = BTreeMap::from([("s.yaml".to_owned(), Ok(file(&inner)))]);
        holds(goose::import(&file(&recipe), &others, "x"));
    }

    #[test]
    fn agents_with_sub_agents_become_an_orchestra(
        agents in names(4), texts in proptest::collection::vec(prose(), 8), odd in named(), hands in proptest::collection::vec((0_usize..4, 0_usize..4), 0..6),
    ) {
        let names: Vec<String> = agents.iter().map(|name| format!("{}.", name.trim().replace(['/', ':'], "_"))).collect();
        let agent = |n: usize| json!({
            "description": texts[n], "instruction": texts[n + 4], "model": odd, &*format!("odd {odd}"): odd,
            "sub_agents": hands.iter().filter(|(from, _)| *from == n).map(|(_, to)| names[*to].clone()).collect::<Vec<_>>(),
            "toolsets": [{"type": "filesystem"}, {"type": format!("{odd} tools")}, {"type": "mcp", "command": "npx", "args": [texts[0]], "tools": ["a"]}],
        });
        let file_of = json!({"agents": object(names.iter().enumerate().map(|(n, name)| (name.clone(), agent(n))))});
        prop_assume!(file_of["agents"].as_object().unwrap().len() == 4);
        holds(cagent::import(&file(&file_of), "x"));
    }
}
