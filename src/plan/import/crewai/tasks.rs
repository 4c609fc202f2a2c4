//! The tasks of a crew, from tasks.yaml and from what crew.py says of them.

use std::collections::BTreeMap;

use crate::plan::draft::names::Names;
use crate::plan::draft::yaml::{Item, Map, Value};
use crate::plan::import::crewai::Import;
use crate::plan::import::crewai::advice::{OF_TASK, WITHOUT_EFFECT, advice};
use crate::plan::import::foreign::{self, Foreign, is_nothing, is_true, shown};
use crate::plan::import::outline::left_out;
use crate::plan::import::python::Method;
use crate::plan::resolve::is_in_project;
use crate::plan::spec::Strategy;
use crate::plan::spec::yaml::Node;
use crate::words::diagnostic::{Diagnostic, near_miss};

/// A task of the original, with what the program adds to it.
struct Told<'t> {
    key: &'t str,
    node: &'t Node,
    method: Option<&'t Method>,
}

impl Told<'_> {
    /// What the crew calls it.
    fn name(&self) -> &str {
        self.method.map_or(self.key, |method| &method.name)
    }
}

impl Import<'_> {
    /// The tasks of the crew in their order; those that no method makes are none of it.
    pub(super) fn tasks(&mut self, told: &[(String, Node, Node)], file: &mut Foreign) {
        let methods = self.methods;
        let made: Vec<&Method> = methods.iter().filter(|method| method.decorator == "task").collect();
        let crew = methods.iter().find(|method| method.decorator == "crew");
        let listed_tasks = crew.and_then(|crew| crew.argument("tasks")).map_or_else(Vec::new, |tasks| tasks.called());
        let mut chosen: Vec<Told<'_>> = Vec::new();
        let in_order: Vec<&Method> =
            match listed_tasks.iter().all(|name| made.iter().any(|method| method.name == *name)) {
                true if !listed_tasks.is_empty() => listed_tasks
                    .iter()
                    .filter_map(|name| made.iter().find(|method| method.name == *name).copied())
                    .collect(),
                _ => made,
            };
        for method in in_order {
            match told.iter().find(|(key, ..)| key == method.key()) {
                Some((key, _, node)) => chosen.push(Told { key, node, method: Some(method) }),
                None => self.outline.left_out(
                    &format!("the task `{}`", method.name),
                    "crew.py makes it of texts that are not in tasks.yaml: write it below.",
                ),
            }
        }
        if chosen.is_empty() {
            chosen = told.iter().map(|(key, _, node)| Told { key, node, method: None }).collect();
        }
        for (key, ..) in told.iter().filter(|(key, ..)| !chosen.iter().any(|told| told.key == key)) {
            self.outline.left_out(&format!("the task `{key}`"), "tasks.yaml has it, and the crew does not use it.");
        }
        let mut names = Names::default();
        // Two methods may make their tasks of the same texts; a text may name a task by either name.
        let own: Vec<String> = chosen.iter().map(|told| names.take(told.name(), "task")).collect();
        let by_key = chosen.iter().zip(&own).rev().map(|(told, name)| (told.key, name.clone()));
        let by_name = chosen.iter().zip(&own).map(|(told, name)| (told.name(), name.clone()));
        let named: BTreeMap<&str, String> = by_key.chain(by_name).collect();
        if chosen.iter().any(is_async) {
            self.outline.strategy = Strategy::Parallel;
            self.outline.of_strategy.push(
                "Some tasks of the original run beside others (`async_execution`); `context` says who waits for whom."
                    .to_owned(),
            );
        }
        let (mut done, mut open) = (Vec::new(), Vec::new());
        for (told, name) in chosen.iter().zip(&own) {
            if !is_async(told) {
                done.append(&mut open);
            }
            let item = self.task(told, name, &named, &done, file);
            if is_async(told) { &mut open } else { &mut done }.push(name.clone());
            self.outline.tasks.push(Item::Of(Value::Map(item)));
        }
    }

    fn task(
        &mut self,
        told: &Told<'_>,
        name: &str,
        named: &BTreeMap<&str, String>,
        before: &[String],
        file: &mut Foreign,
    ) -> Map {
        let entries = file.entries(told.node, "a description of a task: `description`, `expected_output` and `agent`");
        let mut task = TaskParts::default();
        for (key, _, value) in &entries {
            let what = format!("a text for `{key}`");
            match key.as_str() {
                "description" => task.description = file.text(value, &what),
                "expected_output" => task.expected = file.text(value, &what),
                "agent" => {
                    let name = file.text(value, &what);
                    if !self.agents.contains_key(&name) {
                        file.mistake(unknown("agent", &name, value, self.agents.keys().map(String::as_str)));
                    }
                    task.agent = Some(name);
                }
                "context" => {
                    let mut context = Vec::new();
                    for (name, node) in file.texts(value, "a list of names of tasks") {
                        match named.get(name.as_str()) {
                            Some(known) => context.push(known.clone()),
                            None => file.mistake(unknown("task", &name, &node, named.keys().copied())),
                        }
                    }
                    task.context = Some(context);
                }
                "output_file" => task.file = foreign::text(value),
                "markdown" => task.markdown = is_true(value),
                "async_execution" | "create_directory" => {}
                key if WITHOUT_EFFECT.contains(&key) => {
                    self.without_effect.insert(key.to_owned());
                }
                _ if is_nothing(value) => {}
                key => task.notes.push(left_out(&shown(key, value), advice(&OF_TASK, key))),
            }
        }
        if task.description.is_empty() && !entries.iter().any(|(key, ..)| key == "description") {
            let message = format!("the task `{}` has no `description`", told.key);
            file.mistake(Diagnostic::error(message, told.node.span.clone(), ""));
        }
        for argument in told.method.map_or(&[][..], |method| &method.arguments) {
            match argument.name.as_str() {
                "config" | "async_execution" | "create_directory" => {}
                "agent" => task.agent = argument.called().first().map(|name| self.key_of_agent(name)).or(task.agent),
                "context" => {
                    let known = argument.called().into_iter().filter_map(|name| named.get(name).cloned());
                    task.context = Some(known.collect());
                }
                "output_file" => task.file = argument.text().map(str::to_owned).or(task.file),
                "markdown" => task.markdown = argument.last_word() == Some("True"),
                key if WITHOUT_EFFECT.contains(&key) => {
                    self.without_effect.insert(key.to_owned());
                }
                _ if matches!(argument.last_word(), Some("False" | "None")) => {}
                key => task.notes.push(left_out(&format!("`{key}` in crew.py"), advice(&OF_TASK, key))),
            }
        }
        self.written(task, name, before)
    }

    /// The key under which agents.yaml has the agent that a method of the program makes.
    fn key_of_agent(&self, method: &str) -> String {
        let made = self.methods.iter().find(|made| made.decorator == "agent" && made.name == method);
        made.map_or(method, Method::key).to_owned()
    }

    fn written(&mut self, task: TaskParts, name: &str, before: &[String]) -> Map {
        let mut map = Map::default();
        map.word("name", name);
        let of_agent = task.agent.as_ref().and_then(|agent| self.agents.get(agent)).cloned();
        let of_agent = of_agent.unwrap_or_else(|| {
            let first = self.agents.values().next().cloned().unwrap_or_default();
            map.note("The original leaves to its manager, or to its program, who does this: choose an agent.");
            first
        });
        map.word("agent", &of_agent.name);
        let expected = (!task.expected.is_empty()).then(|| format!("\n\nExpected output: {}", task.expected));
        let text = format!("{}{}", task.description, expected.unwrap_or_default());
        map.prose("description", &self.outline.inputs.fill(&text));
        // The one before it is what a task in a sequence gets anyway.
        let is_usual = task.context.is_none() && before.len() < 2 && self.outline.strategy == Strategy::Sequential;
        if !is_usual {
            map.set("context", Value::row(task.context.as_deref().unwrap_or(before)));
        }
        if let Some(seconds) = &of_agent.seconds {
            map.number("timeout_seconds", seconds);
        }
        if let Some(rounds) = of_agent.rounds.filter(|&rounds| rounds <= 10_000) {
            let mut limits = Map::default();
            limits.number("max_iterations", rounds);
            map.set("limits", Value::Map(limits));
        }
        if let Some(retries) = of_agent.retries.filter(|&retries| retries < 100) {
            let mut retry = Map::default();
            retry.number("max_attempts", retries + 1);
            map.set("retry_strategy", Value::Map(retry));
        }
        let mut notes = task.notes;
        let mut output = Map::default();
        if task.markdown {
            output.word("format", "markdown");
        }
        if let Some(file) = task.file {
            let path = file.trim_start_matches("./");
            let is_free = self.files.insert(path.to_lowercase());
            if !is_free {
                let advice = "Another task writes it already: an output here has a file of its own.";
                notes.push(left_out(&format!("`output_file: {file}`"), advice));
            } else if is_in_project(path) && !path.contains('{') {
                output.word("file", path);
            } else {
                let advice = "An output goes to a file of the project that is known beforehand: `output: {file: ...}`.";
                notes.push(left_out(&format!("`output_file: {file}`"), advice));
            }
        }
        if !output.is_empty() {
            map.set("output", Value::Map(output));
        }
        notes.iter().for_each(|note| map.note(note));
        map
    }
}

/// What is known of a task before it is written.
#[derive(Debug, Default)]
struct TaskParts {
    description: String,
    expected: String,
    agent: Option<String>,
    context: Option<Vec<String>>,
    file: Option<String>,
    markdown: bool,
    notes: Vec<String>,
}

fn is_async(told: &Told<'_>) -> bool {
    let said = told.node.get("async_execution").is_some_and(is_true);
    said || told
        .method
        .and_then(|method| method.argument("async_execution"))
        .is_some_and(|a| a.last_word() == Some("True"))
}

fn unknown<'n>(what: &str, name: &str, node: &Node, known: impl Iterator<Item = &'n str>) -> Diagnostic {
    let mistake = Diagnostic::error(format!("there is no {what} `{name}`"), node.span.clone(), "");
    match near_miss(name, known) {
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake,
    }
}
