//! CrewAI: `config/agents.yaml`, `config/tasks.yaml`, and of `crew.py` what can be read without running it: which of
//! the tasks there are, their order, the process, and settings that are written out.
//!
//! CrewAI gives a task without a `context` the outputs of all tasks before it, so that is written out here.

mod advice;
mod agents;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::plan::draft::names::Names;
use crate::plan::import::crewai::advice::{OF_CREW, WITHOUT_EFFECT, advice};
use crate::plan::import::foreign::{self, Foreign, is_no};
use crate::plan::import::outline::{Outline, left_out, listed};
use crate::plan::import::python::{self, Method};
use crate::plan::spec::yaml::Node;
use crate::words::diagnostic::{Report, Source};

/// The files of a crew.
#[derive(Debug)]
pub(crate) struct Crew {
    /// `config/agents.yaml`
    pub agents: Arc<Source>,
    /// `config/tasks.yaml`
    pub tasks: Arc<Source>,
    /// `crew.py`
    pub code: Option<Arc<Source>>,
}

const CLASSES: [(&str, &str); 3] = [("agent", "Agent"), ("task", "Task"), ("crew", "Crew")];

/// An orchestra from a crew.
///
/// # Errors
/// The places where the files are not those of a crew.
pub(crate) fn import(crew: &Crew, id: &str) -> Result<String, Vec<Report>> {
    let mut agents = Foreign::new(&crew.agents)?;
    let mut tasks = Foreign::new(&crew.tasks)?;
    let described = agents.entries(&agents.root.clone(), "a mapping from names to agents");
    let told = tasks.entries(&tasks.root.clone(), "a mapping from names to tasks");
    agents.check()?;
    tasks.check()?;
    if told.is_empty() {
        return Err(is_no(&crew.tasks, "the tasks of a crew", "there is no task in it"));
    }
    let methods = crew.code.as_ref().map_or_else(Vec::new, |code| python::methods(&code.text, &CLASSES));
    let mut import = Import {
        outline: Outline::new(id, "a crew of CrewAI"),
        names: Names::default(),
        agents: BTreeMap::new(),
        without_effect: BTreeSet::new(),
        files: BTreeSet::new(),
        methods: &methods,
    };
    for (_, _, node) in described.iter().chain(&told) {
        find_inputs(node, &mut import.outline);
    }
    import.crew(crew.code.is_some());
    for (name, _, node) in &described {
        import.agent(name, node, &mut agents);
    }
    import.tasks(&told, &mut tasks);
    agents.check()?;
    tasks.check()?;
    if !import.without_effect.is_empty() {
        let keys = listed(import.without_effect.iter().map(String::as_str));
        import.outline.left_out(&keys, "No output depends on it.");
    }
    Ok(import.outline.render())
}

struct Import<'m> {
    outline: Outline,
    names: Names,
    /// The agents by the names that the original has for them.
    agents: BTreeMap<String, OfAgent>,
    without_effect: BTreeSet<String>,
    /// The files that tasks write.
    files: BTreeSet<String>,
    methods: &'m [Method],
}

/// What tasks have of their agent.
#[derive(Debug, Clone, Default)]
struct OfAgent {
    name: String,
    rounds: Option<u64>,
    seconds: Option<String>,
    retries: Option<u64>,
}

impl Import<'_> {
    /// The process and the other settings of the crew.
    fn crew(&mut self, has_code: bool) {
        if !has_code {
            self.outline.notes.push(
                "There is no crew.py beside these files: the order of the tasks is that of tasks.yaml.".to_owned(),
            );
        }
        let Some(crew) = self.methods.iter().find(|method| method.decorator == "crew") else { return };
        for argument in &crew.arguments {
            match argument.name.as_str() {
                "agents" | "tasks" => {}
                "process" if argument.last_word() == Some("hierarchical") => self.outline.of_strategy.push(left_out(
                    "`process: hierarchical`",
                    "There is no manager that hands out the tasks: they run in their order, each by its own agent.",
                )),
                "process" => {}
                key if WITHOUT_EFFECT.contains(&key) => {
                    self.without_effect.insert(key.to_owned());
                }
                _ if matches!(argument.last_word(), Some("False" | "None")) => {}
                key => {
                    let note = left_out(&format!("`{key}` of the crew"), advice(&OF_CREW, key));
                    self.outline.notes.push(note);
                }
            }
        }
    }
}

/// Takes up the inputs of those texts of an agent or a task that are filled in.
fn find_inputs(node: &Node, outline: &mut Outline) {
    for key in ["role", "goal", "backstory", "description", "expected_output"] {
        if let Some(text) = node.get(key).and_then(foreign::text) {
            outline.inputs.find(&text);
        }
    }
}
