//! SuperOptiX: orchestras, whose form is nearly ours, and the playbooks of their agents, which are described in the file
//! instead. What the check of our format refuses is left out, with its words.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::plan::draft::literal;
use crate::plan::draft::names::Names;
use crate::plan::draft::yaml::{Item, Map, Value};
use crate::plan::import::foreign::{self, Foreign, is_no, shown};
use crate::plan::import::models::{self, Models};
use crate::plan::import::outline::{Outline, left_out, listed};
use crate::plan::resolve::LoadedPlaybook;
use crate::plan::roles;
use crate::plan::spec;
use crate::plan::spec::located::Either;
use crate::plan::spec::playbook::{self, LanguageModel};
use crate::plan::spec::yaml::{self, Node};
use crate::words::diagnostic::{Diagnostic, Report, Source};

/// The playbooks of a project, by the names of their agents.
pub(crate) type Playbooks = BTreeMap<String, LoadedPlaybook>;

/// The agents that an orchestra of SuperOptiX names.
#[must_use]
pub(crate) fn agents(source: &Source) -> Vec<String> {
    let Ok(root) = yaml::parse(source) else { return Vec::new() };
    let list = |key: &str| match root.get(key).map(|node| &node.value) {
        Some(yaml::Value::List(items)) => items.clone(),
        _ => Vec::new(),
    };
    let of_tasks = list("tasks").into_iter().filter_map(|task| task.get("agent").cloned());
    let mut names: Vec<String> = Vec::new();
    for name in list("agents").into_iter().chain(of_tasks).filter_map(|node| foreign::text(&node)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// An orchestra from one of SuperOptiX with the playbooks of its agents.
///
/// # Errors
/// The places where it is no such file.
pub(crate) fn import(source: &Arc<Source>, playbooks: &Playbooks, id: &str) -> Result<String, Vec<Report>> {
    let mut file = Foreign::new(source)?;
    let root = file.root.clone();
    if root.get("tasks").is_none() {
        return Err(is_no(source, "an orchestra of SuperOptiX", "it has no `tasks`"));
    }
    let entries = file.entries(&root, "a mapping");
    file.check()?;
    let refused = Refused(spec::mistakes_of_form(&root));
    let mut page = Map::default();
    page.note("Imported from an orchestra of SuperOptiX. Read it through before the first run.");
    let mut models = Models::default();
    let mut items = Vec::new();
    for name in agents(source) {
        match playbooks.get(&name) {
            Some(loaded) => items.push(Item::Of(Value::Map(described(&name, loaded, &mut models)))),
            None if roles::find(&name).is_some() => items.push(Item::Of(Value::Word(name))),
            None => {
                let mut agent = Map::default();
                agent.word("name", &name);
                agent.note(left_out(
                    "its playbook",
                    "There is none in this project: say what it is, by `role` and `goal`.",
                ));
                items.push(Item::Of(Value::Map(agent)));
            }
        }
    }
    for (key, at, node) in &entries {
        match key.as_str() {
            "agents" | "models" => continue,
            "tasks" => {
                if !models.found.is_empty() {
                    page.gap();
                    page.set("models", Value::Map(std::mem::take(&mut models.found)));
                }
                page.gap();
                page.set("agents", Value::List(std::mem::take(&mut items)));
            }
            _ => {}
        }
        page.gap();
        match refused.find(at, node) {
            Some(mistake) => page.note(note(key, node, mistake)),
            None => page.set(key, copy(node, &refused, matches!(key.as_str(), "metadata" | "orchestra").then_some(id))),
        }
    }
    Ok(page.render())
}

/// An orchestra of the tasks that playbooks have, one after another.
#[must_use]
pub(crate) fn of_playbooks(playbooks: &Playbooks, id: &str) -> String {
    let mut outline = Outline::new(id, "playbooks of SuperOptiX");
    let mut names = Names::default();
    for (agent, loaded) in playbooks {
        let described = described(agent, loaded, &mut outline.models);
        outline.agents.push(Item::Of(Value::Map(described)));
        for told in loaded.playbook.all_tasks() {
            let mut task = Map::default();
            task.word("name", &names.take(&told.name.value, agent));
            task.word("agent", agent);
            let text = told.text().filter(|text| !text.is_empty()).unwrap_or_else(|| "Do your part of it.".to_owned());
            task.prose("description", &format!("{{goal}}\n\n{}", literal(&text)));
            outline.tasks.push(Item::Of(Value::Map(task)));
        }
    }
    outline.render()
}

/// The mistakes that the check of our format finds.
struct Refused(Vec<Diagnostic>);

impl Refused {
    /// The mistake at a key or at its value.
    fn find(&self, key: &Node, value: &Node) -> Option<&Diagnostic> {
        let is_here = |diagnostic: &&Diagnostic| {
            diagnostic.at.as_ref().is_some_and(|(span, _)| *span == key.span || *span == value.span)
        };
        self.0.iter().find(is_here)
    }
}

/// A value as it stands, without what is refused in it; `id` takes the place of an `id`.
fn copy(node: &Node, refused: &Refused, id: Option<&str>) -> Value {
    match &node.value {
        yaml::Value::Map(entries) => {
            let mut map = Map::default();
            for (key, value) in entries {
                let Some(name) = foreign::text(key) else { continue };
                match (refused.find(key, value), id) {
                    (Some(mistake), _) => map.note(note(&name, value, mistake)),
                    (None, Some(id)) if name == "id" => map.word("id", id),
                    (None, _) => map.set(&name, copy(value, refused, None)),
                }
            }
            Value::Map(map)
        }
        yaml::Value::List(items) if items.iter().any(|item| matches!(item.value, yaml::Value::Map(_))) => {
            let mut list = Vec::new();
            for item in items {
                if matches!(item.value, yaml::Value::Map(_)) && !list.is_empty() {
                    list.push(Item::Gap);
                }
                list.push(Item::Of(copy(item, refused, None)));
            }
            Value::List(list)
        }
        yaml::Value::Text(text) => Value::Prose(text.trim().to_owned()),
        _ => Value::from(node),
    }
}

fn note(key: &str, value: &Node, mistake: &Diagnostic) -> String {
    let help = mistake.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
    left_out(&shown(key, value), &format!("Here, {}{help}.", mistake.message))
}

/// An agent as its playbook describes it.
fn described(name: &str, loaded: &LoadedPlaybook, models: &mut Models) -> Map {
    let playbook = &loaded.playbook;
    let mut agent = Map::default();
    agent.word("name", name);
    let title = playbook.title().map(str::to_owned);
    for (key, text) in [
        ("role", title),
        ("goal", playbook.goal().map(str::to_owned)),
        ("persona", playbook.persona()),
        ("instructions", playbook.instructions()),
    ] {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            agent.prose(key, &literal(&text));
        }
    }
    let mut notes = Vec::new();
    match playbook.model() {
        Some(Either::Short(model)) => agent.word("model", &model.value),
        Some(Either::Full(described)) => model(name, described, &mut agent, models, &mut notes),
        None => {}
    }
    settings(playbook.temperature, playbook.max_tokens, &mut agent);
    if !playbook.tools.is_empty() {
        notes.push(left_out("`tools` of its playbook", "Grant here what the agent may use."));
    }
    let ignored = playbook::without_effect(&loaded.source);
    if !ignored.is_empty() {
        let keys = listed(ignored.iter().map(String::as_str));
        notes.push(left_out(&format!("{keys} of its playbook"), "They have no effect here."));
    }
    notes.iter().for_each(|note| agent.note(note));
    agent
}

fn settings(temperature: Option<f64>, max_tokens: Option<u32>, map: &mut Map) {
    if let Some(temperature) = temperature {
        map.number("temperature", temperature);
    }
    if let Some(tokens) = max_tokens {
        map.number("max_tokens", tokens);
    }
}

/// The model that an AgentSpec describes: by its name, or as an entry of its own where it has an address.
fn model(name: &str, described: &LanguageModel, agent: &mut Map, models: &mut Models, notes: &mut Vec<String>) {
    let named = described.provider.as_ref().map_or("openai", |provider| provider.value.as_str());
    let unknown = || left_out(&format!("the model `{}` of `{named}`", described.model.value), models::OTHER);
    let Some(address) = &described.api_base else {
        match models.named(&format!("{named}/{}", described.model.value)) {
            Some(model) => agent.word("model", &model),
            None => notes.push(unknown()),
        }
        settings(described.temperature, described.max_tokens, agent);
        return;
    };
    let mut model = Map::default();
    let Some(provider) = models::own(named) else {
        notes.push(unknown());
        return;
    };
    model.word("provider", provider.name());
    model.word("model", &described.model.value);
    model.word("base_url", &address.value);
    settings(described.temperature, described.max_tokens, &mut model);
    agent.word("model", name);
    models.add(name, model);
}
