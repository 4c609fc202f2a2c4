//! A plan whose tasks are done as planned: whom it may give them, what is wrong with it for that, and what a run grows by.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use super::{Decision, Plan, Task, check, in_order, schema};

/// The name that the task which plans has among those that it plans.
pub(crate) const PLAN: &str = "plan";

/// Whom a plan may give tasks, and how many it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roster {
    /// Each by the name, and with what it is.
    pub agents: Vec<(String, String)>,
    /// How many tasks there may be.
    pub max_tasks: usize,
}

impl Roster {
    /// What a prompt says of it.
    pub(in crate::plan::output) fn instructions(&self) -> String {
        let mut text = format!(
            "Plan tasks for others, at most {}: each is done by itself, by the agent that `assigned_to` names, who sees \
             the goal, its `description`, its `deliverables`, the decisions that concern it and the outputs of its \
             `dependencies`, and nothing else. A `task_id` has letters, digits, `-` and `_`. The agents are:",
            self.max_tasks
        );
        for (name, what) in &self.agents {
            let _ = write!(text, "\n- {name}: {what}");
        }
        text
    }

    /// All that is wrong with a plan for them.
    pub(super) fn mistakes(&self, plan: &Plan) -> Vec<String> {
        let mut found = Vec::new();
        if plan.tasks.is_empty() {
            found.push("it has no `tasks`".to_owned());
        }
        if plan.tasks.len() > self.max_tasks {
            found.push(format!("it has {} tasks, and at most {} are allowed", plan.tasks.len(), self.max_tasks));
        }
        let names = || self.agents.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let mut folded = BTreeSet::new();
        for task in &plan.tasks {
            let id = task.task_id.as_str();
            let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if !id.chars().all(is_word) || !id.starts_with(|c: char| c.is_ascii_alphanumeric()) || id.len() > MAX_ID {
                found.push(format!("the `task_id` {id:?} is not made of letters, digits, `-` and `_`"));
            }
            if id.eq_ignore_ascii_case(PLAN) {
                found.push(format!("no task may have the `task_id` {id:?}"));
            }
            if !folded.insert(id.to_ascii_lowercase()) {
                found.push(format!("two tasks have the `task_id` {id:?}"));
            }
            match &task.assigned_to {
                Some(agent) if self.agents.iter().any(|(name, _)| name == agent) => {}
                Some(agent) => found.push(format!("{id:?} is assigned to {agent:?}; the agents are {}", names())),
                None if self.agents.len() == 1 => {}
                None => found.push(format!("{id:?} is assigned to nobody; the agents are {}", names())),
            }
            if task.description.trim().is_empty() {
                found.push(format!("{id:?} has no `description`"));
            }
        }
        found
    }
}

/// The longest `task_id` of a planned task: the name of the task that plans stands before it.
const MAX_ID: usize = 40;

/// What a plan says of one of its tasks, as it stands in the journal.
#[derive(Debug)]
pub(crate) struct Planned<'p> {
    /// Its name among those of the plan.
    pub task_id: &'p str,
    /// The agent.
    pub assigned_to: &'p str,
    /// The tasks of the plan whose outputs it gets.
    pub dependencies: Vec<&'p str>,
    item: &'p Value,
}

impl<'p> Planned<'p> {
    /// Reads what [`tasks`] has made.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn of(item: &'p Value) -> Result<Self, String> {
        let text = |field: &str| item[field].as_str().ok_or_else(|| format!("a task has no `{field}`"));
        let (task_id, assigned_to) = (text("task_id")?, text("assigned_to")?);
        let dependencies = item["dependencies"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Ok(Self { task_id, assigned_to, dependencies, item })
    }

    /// What its agent is to do.
    pub(crate) fn description(&self) -> String {
        let mut text = self.item["description"].as_str().unwrap_or_default().trim().to_owned();
        let mut list = |title: &str, field: &str| {
            let lines: Vec<&str> =
                self.item[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if !lines.is_empty() {
                let _ = write!(text, "\n\n{title}");
                lines.iter().for_each(|line| text.extend(["\n- ", line]));
            }
        };
        list("What there has to be when it is done:", "deliverables");
        list("What was decided already:", "decisions");
        text
    }
}

/// The tasks of a plan, each behind those that it depends on, as they go into the journal.
///
/// # Errors
/// If the text is not a plan that can be followed.
pub(crate) fn tasks(output: &str, roster: &Roster) -> Result<Vec<Value>, String> {
    let document: Value = serde_json::from_str(output).map_err(|error| format!("it is not a plan: {error}"))?;
    check(&document, Some(roster))?;
    let plan = Plan::deserialize(&document).map_err(|error| format!("it is not a plan: {error}"))?;
    let decided = |agent: &str| {
        let concerns = |decision: &&Decision| {
            decision.affected_agents.is_empty() || decision.affected_agents.iter().any(|name| name == agent)
        };
        let said = |decision: &Decision| match &decision.rationale {
            Some(why) => format!("{} (because {why})", decision.decision),
            None => decision.decision.clone(),
        };
        plan.decisions.iter().filter(concerns).map(said).collect::<Vec<_>>()
    };
    let only = roster.agents.first().map_or("", |(name, _)| name);
    let made = |task: &Task| {
        let assigned_to = task.assigned_to.as_deref().unwrap_or(only);
        let mut dependencies: Vec<&str> = Vec::new();
        for needed in &task.dependencies {
            if !dependencies.contains(&needed.as_str()) {
                dependencies.push(needed);
            }
        }
        serde_json::json!({
            "task_id": task.task_id, "assigned_to": assigned_to, "description": task.description,
            "deliverables": task.deliverables, "dependencies": dependencies, "decisions": decided(assigned_to),
        })
    };
    Ok(in_order(&plan.tasks).into_iter().map(made).collect())
}

/// The JSON Schema of a plan for these agents.
#[must_use]
pub(in crate::plan::output) fn schema_for(roster: &Roster) -> Value {
    let mut schema = schema();
    let names: Vec<&str> = roster.agents.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(agent) = schema.pointer_mut("/properties/tasks/items/properties/assigned_to") {
        *agent = serde_json::json!({"description": "Who is to do it.", "type": "string", "enum": names});
    }
    if let Some(Value::Array(required)) = schema.pointer_mut("/properties/tasks/items/required") {
        required.push(Value::from("assigned_to"));
    }
    schema["required"] = serde_json::json!(["tasks"]);
    schema
}
