//! A plan: the tasks that are to be done and what each needs first, the files to make or change, and what was decided.
//!
//! A model answers with it as JSON, which stays the output; people read it as Markdown. What the schema cannot say is
//! checked here: names that nobody has, tasks that wait for each other, files that lie outside of the project.

mod planned;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub(super) use planned::schema_for;
pub(crate) use planned::{PLAN, Planned, Roster, tasks};

/// What a planner answers with.
#[derive(Debug, Deserialize, JsonSchema)]
struct Plan {
    /// What is to be done, in a few sentences.
    #[serde(default)]
    summary: String,
    /// The tasks, in an order in which they could be done.
    #[serde(default)]
    tasks: Vec<Task>,
    /// The files that are to be made or changed.
    #[serde(default)]
    files: Vec<File>,
    /// What was decided on the way.
    #[serde(default)]
    decisions: Vec<Decision>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Task {
    /// A short name, such as TASK-001.
    task_id: String,
    /// What is to be done.
    description: String,
    /// Who is to do it.
    assigned_to: Option<String>,
    /// What there is when it is done.
    #[serde(default)]
    deliverables: Vec<String>,
    /// The `task_id`s of the tasks that must be done before.
    #[serde(default)]
    dependencies: Vec<String>,
    /// The branch to work on.
    branch: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct File {
    /// Where it is, relative to the project, folders included.
    path: String,
    /// Whether it is new.
    action: Option<Action>,
    /// What is to be in it, or to change.
    description: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    Create,
    Modify,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Decision {
    /// What was decided.
    decision: String,
    /// Why.
    rationale: Option<String>,
    /// Whom it concerns.
    #[serde(default)]
    affected_agents: Vec<String>,
}

/// The tasks that do not wait for each other in a circle, by Kahn's way: each behind those that it depends on and otherwise as they stand.
fn in_order(tasks: &[Task]) -> Vec<&Task> {
    let place: BTreeMap<&str, usize> = tasks.iter().enumerate().map(|(ix, task)| (task.task_id.as_str(), ix)).collect();
    let needs = |ix: usize| -> BTreeSet<usize> {
        tasks[ix].dependencies.iter().filter_map(|name| place.get(name.as_str()).copied()).collect()
    };
    let mut missing: Vec<usize> = (0..tasks.len()).map(|ix| needs(ix).len()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    (0..tasks.len()).for_each(|ix| needs(ix).into_iter().for_each(|needed| followers[needed].push(ix)));
    let mut ready: BTreeSet<usize> = (0..tasks.len()).filter(|&ix| missing[ix] == 0).collect();
    let mut sorted = Vec::with_capacity(tasks.len());
    while let Some(ix) = ready.pop_first() {
        sorted.push(&tasks[ix]);
        for &follower in &followers[ix] {
            missing[follower] -= 1;
            if missing[follower] == 0 {
                ready.insert(follower);
            }
        }
    }
    sorted
}

/// The JSON Schema of a plan.
#[must_use]
pub(crate) fn schema() -> Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    // Some vendors take no references.
    settings.inline_subschemas = true;
    settings.into_generator().into_root_schema_for::<Plan>().to_value()
}

/// What is wrong with a plan that matches the schema, in words for the model.
pub(super) fn check(document: &Value, roster: Option<&Roster>) -> Result<(), String> {
    let plan = Plan::deserialize(document).map_err(|error| format!("it is not a plan: {error}"))?;
    let mut mistakes = roster.map(|roster| roster.mistakes(&plan)).unwrap_or_default();
    mistakes.extend(check_form(&plan).err());
    match mistakes.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        all => Err(format!("the plan does not hold:\n- {}", all.join("\n- "))),
    }
}

fn check_form(plan: &Plan) -> Result<(), String> {
    if plan.tasks.is_empty() && plan.files.is_empty() {
        return Err("the plan is empty: it has neither `tasks` nor `files`".to_owned());
    }
    let mut names = BTreeSet::new();
    for task in &plan.tasks {
        if task.task_id.trim().is_empty() {
            return Err("a task of the plan has no `task_id`".to_owned());
        }
        if !names.insert(task.task_id.as_str()) {
            return Err(format!("two tasks of the plan have the `task_id` {:?}", task.task_id));
        }
    }
    for task in &plan.tasks {
        if let Some(unknown) = task.dependencies.iter().find(|name| !names.contains(name.as_str())) {
            return Err(format!("{:?} depends on {unknown:?}, and the plan has no such task", task.task_id));
        }
    }
    let sorted: BTreeSet<&str> = in_order(&plan.tasks).into_iter().map(|task| task.task_id.as_str()).collect();
    if let Some(task) = plan.tasks.iter().find(|task| !sorted.contains(task.task_id.as_str())) {
        return Err(format!("the tasks of the plan wait for each other, {:?} among them", task.task_id));
    }
    match plan.files.iter().find(|file| leaves_the_project(&file.path)) {
        Some(file) => Err(format!("{:?} is not the path of a file in the project", file.path)),
        None => Ok(()),
    }
}

fn leaves_the_project(path: &str) -> bool {
    path.trim().is_empty()
        || path.starts_with(['/', '\\', '~'])
        || path.contains(':')
        || path.split(['/', '\\']).any(|part| part == "..")
}

/// A plan for people.
///
/// # Errors
/// If the text is not a plan.
pub(crate) fn markdown(output: &str) -> Result<String, String> {
    let plan: Plan = serde_json::from_str(output).map_err(|error| format!("it is not a plan: {error}"))?;
    let mut page = "# Plan\n".to_owned();
    if !plan.summary.trim().is_empty() {
        let _ = write!(page, "\n{}\n", plan.summary.trim());
    }
    section(&mut page, "Tasks", &plan.tasks, |page, task| {
        let _ = write!(page, "- **{}**", task.task_id);
        if let Some(who) = &task.assigned_to {
            let _ = write!(page, " ({who})");
        }
        let _ = writeln!(page, ": {}", task.description.trim());
        if !task.dependencies.is_empty() {
            let _ = writeln!(page, "  - after {}", task.dependencies.join(", "));
        }
        for deliverable in &task.deliverables {
            let _ = writeln!(page, "  - gives {deliverable}");
        }
        if let Some(branch) = &task.branch {
            let _ = writeln!(page, "  - on the branch `{branch}`");
        }
    });
    section(&mut page, "Files", &plan.files, |page, file| {
        let _ = write!(page, "- `{}`", file.path);
        match file.action {
            Some(Action::Create) => page.push_str(" (new)"),
            Some(Action::Modify) => page.push_str(" (changed)"),
            None => {}
        }
        let _ = writeln!(page, "{}", file.description.as_ref().map(|text| format!(": {text}")).unwrap_or_default());
    });
    section(&mut page, "Decisions", &plan.decisions, |page, decision| {
        let _ = writeln!(page, "- {}", decision.decision.trim());
        if let Some(why) = &decision.rationale {
            let _ = writeln!(page, "  - because {why}");
        }
        if !decision.affected_agents.is_empty() {
            let _ = writeln!(page, "  - concerns {}", decision.affected_agents.join(", "));
        }
    });
    Ok(page)
}

fn section<T>(page: &mut String, title: &str, entries: &[T], mut entry: impl FnMut(&mut String, &T)) {
    if !entries.is_empty() {
        let _ = write!(page, "\n## {title}\n\n");
        entries.iter().for_each(|one| entry(page, one));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(name: &str, needs: &[&str]) -> Value {
        json!({"task_id": name, "description": "do it", "dependencies": needs})
    }

    #[test]
    fn a_plan_that_cannot_be_followed_is_refused_with_its_reason() {
        for (plan, reason) in [
            (json!({}), "neither `tasks` nor `files`"),
            (json!({"tasks": [task("A", &[]), task("A", &[])]}), "two tasks"),
            (json!({"tasks": [task(" ", &[])]}), "no `task_id`"),
            (json!({"tasks": [task("A", &["B"])]}), "no such task"),
            (json!({"tasks": [task("A", &["A"])]}), "wait for each other"),
            (json!({"tasks": [task("A", &["B"]), task("B", &["C"]), task("C", &["B"])]}), "wait for each other"),
            (json!({"files": [{"path": "../x"}]}), "in the project"),
            (json!({"files": [{"path": "/etc/x"}]}), "in the project"),
        ] {
            let said = check(&plan, None).unwrap_err();
            assert!(said.contains(reason), "{plan}: {said}");
        }
        let sound = json!({"tasks": [task("C", &["A", "B", "A"]), task("A", &[]), task("B", &["A"])]});
        assert_eq!(check(&sound, None), Ok(()));
        assert_eq!(check(&json!({"files": [{"path": "src/deep/x.rs", "action": "create"}]}), None), Ok(()));
    }

    #[test]
    fn people_read_everything_that_the_plan_says() {
        let plan = json!({
            "summary": "A login.",
            "tasks": [{
                "task_id": "TASK-001", "description": "Write it", "assigned_to": "dev",
                "deliverables": ["a form"], "dependencies": [], "branch": "login",
            }],
            "files": [{"path": "src/login.rs", "action": "create", "description": "the form"}, {"path": "README.md"}],
            "decisions": [{"decision": "No cookies", "rationale": "privacy", "affected_agents": ["dev", "qa"]}],
        });
        assert_eq!(
            markdown(&plan.to_string()).unwrap(),
            "# Plan\n\nA login.\n\n## Tasks\n\n- **TASK-001** (dev): Write it\n  - gives a form\n  - on the branch \
             `login`\n\n## Files\n\n- `src/login.rs` (new): the form\n- `README.md`\n\n## Decisions\n\n- No cookies\n  \
             - because privacy\n  - concerns dev, qa\n"
        );
        assert!(markdown("no plan").is_err());
    }
}
