//! An orchestra on its way to its text: what all formats have in common of the file that they become.

use crate::plan::draft::yaml::{Item, Map, Value};
use crate::plan::import::LEFT_OUT;
use crate::plan::import::inputs::Inputs;
use crate::plan::import::models::Models;
use crate::plan::spec::Strategy;

/// An orchestra: agents and tasks in their order, each with its comments.
#[derive(Debug)]
pub(super) struct Outline {
    /// The orchestra's id.
    pub id: String,
    /// A name for people.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Its own version.
    pub version: Option<String>,
    /// What is to be said before all else.
    pub notes: Vec<String>,
    /// How the tasks are put in order.
    pub strategy: Strategy,
    /// What is to be said about that.
    pub of_strategy: Vec<String>,
    /// `models`
    pub models: Models,
    /// `mcp_servers`
    pub servers: Map,
    /// `agents`
    pub agents: Vec<Item>,
    /// `tasks`
    pub tasks: Vec<Item>,
    /// What the run is given by name.
    pub inputs: Inputs,
}

impl Outline {
    /// Nothing yet.
    pub(super) fn new(id: &str, origin: &str) -> Self {
        let notes = vec![
            format!("Imported from {origin}. Read it through before the first run."),
            format!("What has no counterpart here stands in comments that begin with \"{LEFT_OUT}\"."),
        ];
        Self {
            id: id.to_owned(),
            name: None,
            description: None,
            version: None,
            notes,
            strategy: Strategy::Sequential,
            of_strategy: Vec::new(),
            models: Models::default(),
            servers: Map::default(),
            agents: Vec::new(),
            tasks: Vec::new(),
            inputs: Inputs::default(),
        }
    }

    /// Says at the head of the file what was left out, and what to do about it.
    pub(super) fn left_out(&mut self, what: &str, advice: &str) {
        self.notes.push(left_out(what, advice));
    }

    /// The text of the file.
    pub(super) fn render(self) -> String {
        let mut file = Map::default();
        self.notes.iter().for_each(|note| file.note(note));
        let mut metadata = Map::default();
        if let Some(name) = &self.name {
            metadata.prose("name", name);
        }
        metadata.word("id", &self.id);
        if let Some(version) = &self.version {
            metadata.set("version", Value::Word(version.clone()));
        }
        if let Some(description) = &self.description {
            metadata.prose("description", description);
        }
        file.set("metadata", Value::Map(metadata));
        file.gap();
        let mut execution = Map::default();
        self.of_strategy.iter().for_each(|note| execution.note(note));
        execution.word("strategy", self.strategy.name());
        let mut orchestra = Map::default();
        orchestra.set("execution", Value::Map(execution));
        file.set("orchestra", Value::Map(orchestra));
        for (key, map) in
            [("inputs", self.inputs.section()), ("models", self.models.found), ("mcp_servers", self.servers)]
        {
            if !map.is_empty() {
                file.gap();
                file.set(key, Value::Map(map));
            }
        }
        for (key, items) in [("agents", self.agents), ("tasks", self.tasks)] {
            file.gap();
            file.set(key, Value::List(apart(items)));
        }
        file.render()
    }
}

/// Entries with an empty line between them.
fn apart(items: Vec<Item>) -> Vec<Item> {
    let mut spaced = Vec::with_capacity(items.len() * 2);
    for item in items {
        if matches!(item, Item::Of(Value::Map(_))) && !spaced.is_empty() {
            spaced.push(Item::Gap);
        }
        spaced.push(item);
    }
    spaced
}

/// The comment about a thing that has no counterpart.
pub(super) fn left_out(what: &str, advice: &str) -> String {
    format!("{LEFT_OUT} {what}. {advice}")
}

/// A list of names as words.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
