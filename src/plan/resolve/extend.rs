//! The members of a task that stands for many, checked like the tasks of a file.

use std::collections::HashSet;

use serde_json::Value;

use crate::plan::condition::Condition;
use crate::plan::graph::TaskIx;
use crate::plan::growth::{Expand, Grows, Item, ItemKind, Member, Repeat};
use crate::plan::guarded::table::Row;
use crate::plan::guarded::{OwnFiles, Use};
use crate::plan::orchestra::{Orchestra, OutputRule, Task, Work};
use crate::plan::output::plan::{PLAN, Planned};
use crate::plan::resolve::grants::is_in_project;
use crate::plan::spec::Join;
use crate::plan::template::{ItemValues, Template, Values};
use crate::words::id::Name;

mod review;

pub(crate) use review::{first_version, next_version};

/// How many members a task may have. A list comes from a model more often than from a person.
pub(crate) const MAX_MEMBERS: usize = 10_000;

/// Why a task cannot become the members of its list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExtendError {
    /// It stands for no others.
    #[error("`{0}` is one task and stands for no others")]
    IsOne(Name),
    /// There are too many.
    #[error("`{task}` would become {items} tasks, and at most {MAX_MEMBERS} are allowed")]
    TooMany {
        /// The task.
        task: Name,
        /// How many items its list has.
        items: usize,
    },
    /// The file of an item cannot be.
    #[error("the files of `{task}`: {why}")]
    File {
        /// The task.
        task: Name,
        /// Which item's it is, and why it cannot be.
        why: String,
    },
    /// What was planned cannot be done.
    #[error("what `{task}` has planned: {why}")]
    Plan {
        /// The task.
        task: Name,
        /// Why it cannot be.
        why: String,
    },
    /// A member would have a name that cannot be.
    #[error("a member of `{task}` cannot be called `{member}`: {why}")]
    Name {
        /// The task.
        task: Name,
        /// The name.
        member: String,
        /// Why it cannot be.
        why: String,
    },
}

/// New members of a task, one for each item and in their order: `<task>.1`, `<task>.2` and so on. The item of a round is its
/// number, that of what plans is null, and of what it has planned what the plan says. What the task was made into before counts as gone, so its names may be used again.
///
/// # Errors
/// If the task stands for no others, or for more than may be, or if a name is taken.
pub(crate) fn extend(orchestra: &Orchestra, parent: TaskIx, items: Vec<Value>) -> Result<Vec<Member>, ExtendError> {
    let task = &orchestra.tasks[parent];
    match task.grows.first() {
        None => Err(ExtendError::IsOne(task.name.clone())),
        Some(Grows::ForEach(_)) => of_list(orchestra, parent, items),
        Some(Grows::Repeat(rounds)) => items.iter().map(|number| round(orchestra, parent, rounds, number)).collect(),
        Some(Grows::Expand(plan)) => of_plan(orchestra, parent, plan, items),
        Some(Grows::Review(how)) => review::members(orchestra, parent, how, items),
    }
}

/// The member that plans, for an item that is null; or those that it has planned.
fn of_plan(
    orchestra: &Orchestra,
    parent: TaskIx,
    plan: &Expand,
    items: Vec<Value>,
) -> Result<Vec<Member>, ExtendError> {
    let task = &orchestra.tasks[parent];
    let taken = names_taken(orchestra, parent);
    let length = items.len();
    let member = |(place, value): (usize, Value)| {
        let item = |kind, value| Item { parent, index: place + 1, length, value, kind };
        if value.is_null() {
            let name = member_name(task, PLAN, &taken)?;
            let needs = needs_of(orchestra, parent).collect();
            // What is done with the tasks of the plan is not done with the plan.
            let plans = Task {
                name,
                grows: Vec::new(),
                approve: task.approve.clone(),
                ..task.member(item(ItemKind::Plan, value))
            };
            return Ok(Member { task: plans, needs });
        }
        let planned = Planned::of(&value).map_err(|why| ExtendError::Plan { task: task.name.clone(), why })?;
        let name = member_name(task, planned.task_id, &taken)?;
        let agent = plan.agents.iter().find(|&&agent| orchestra.agents[agent].name.as_str() == planned.assigned_to);
        let Some(&agent) = agent else {
            let why = format!("nobody called `{}` may be given a task", planned.assigned_to);
            return Err(ExtendError::Plan { task: task.name.clone(), why });
        };
        let needs =
            planned.dependencies.iter().map(|needed| member_name(task, needed, &[])).collect::<Result<_, _>>()?;
        let member = Task {
            name,
            // What a model has written is filled in nowhere.
            work: Work::Agent { agent, description: Template::literal(&planned.description()) },
            join: Join::All,
            output: OutputRule::default(),
            verify: Vec::new(),
            reads: None,
            writes: None,
            ..task.member(item(ItemKind::Planned, value.clone()))
        };
        Ok(Member { task: member, needs })
    };
    items.into_iter().enumerate().map(member).collect()
}

/// One more round of a task. It gets what the task gets, and what the round before it has made.
fn round(orchestra: &Orchestra, parent: TaskIx, rounds: &Repeat, number: &Value) -> Result<Member, ExtendError> {
    let task = &orchestra.tasks[parent];
    let index = number.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    let name = member_name(task, &index.to_string(), &names_taken(orchestra, parent))?;
    let length = usize::try_from(rounds.max).unwrap_or(usize::MAX);
    let item = Item { parent, index, length, value: number.clone(), kind: ItemKind::Round };
    let member = Task { name, ..task.member(item) };
    let earlier = member.round_before().and_then(|name| Name::new(&name).ok());
    Ok(Member { task: member, needs: needs_of(orchestra, parent).chain(earlier).collect() })
}

fn needs_of(orchestra: &Orchestra, task: TaskIx) -> impl Iterator<Item = Name> {
    orchestra.plan.needs(task).iter().map(|&needed| orchestra.tasks[needed].name.clone())
}

/// The names that begin like those of a task's members and are those of others. Some file systems do not tell `A` from `a`.
fn names_taken(orchestra: &Orchestra, parent: TaskIx) -> Vec<String> {
    let prefix = format!("{}.", orchestra.tasks[parent].name);
    let begins = |name: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(&prefix));
    let is_own = |other: &&Task| other.item().is_some_and(|item| item.parent == parent);
    let others = orchestra.tasks.iter().filter(|other| !is_own(other));
    others.map(|other| other.name.as_str()).filter(begins).map(str::to_lowercase).collect()
}

fn member_name(task: &Task, index: &str, taken: &[String]) -> Result<Name, ExtendError> {
    let member = format!("{}.{index}", task.name);
    let error = |why: String| ExtendError::Name { task: task.name.clone(), member: member.clone(), why };
    if taken.contains(&member.to_lowercase()) {
        return Err(error("another task has that name".to_owned()));
    }
    Name::new(&member).map_err(|why| error(why.to_string()))
}

fn of_list(orchestra: &Orchestra, parent: TaskIx, items: Vec<Value>) -> Result<Vec<Member>, ExtendError> {
    let task = &orchestra.tasks[parent];
    if items.len() > MAX_MEMBERS {
        return Err(ExtendError::TooMany { task: task.name.clone(), items: items.len() });
    }
    let taken = names_taken(orchestra, parent);
    let needs: Vec<Name> = needs_of(orchestra, parent).collect();
    let length = items.len();
    let mut files = match &task.output.file {
        Some(file) => files(file, &items, &orchestra.workspace)
            .map_err(|why| ExtendError::File { task: task.name.clone(), why })?,
        None => Vec::new(),
    }
    .into_iter();
    let member = |(index, value): (usize, Value)| {
        let index = index + 1;
        let name = member_name(task, &index.to_string(), &taken)?;
        let item = Item { parent, index, length, value, kind: ItemKind::Listed };
        let output = OutputRule { file: files.next(), ..task.output.clone() };
        // A condition that does not ask for the item was asked once, for the whole.
        let when = task.when.clone().filter(Condition::names_item);
        let member = Task { name, when, output, join: task.join, ..task.member(item) };
        Ok(Member { task: member, needs: needs.clone() })
    };
    items.into_iter().enumerate().map(member).collect()
}

/// The files that the outputs of a list's items go to, filled in. A model may have made the items.
///
/// # Errors
/// The first item whose file cannot be, and why.
pub(super) fn files(file: &str, items: &[Value], workspace: &str) -> Result<Vec<String>, String> {
    let own = OwnFiles::new(None, Some(workspace));
    let template = Template::new(file);
    let mut taken = HashSet::with_capacity(items.len());
    let length = items.len();
    let of_item = |(place, value): (usize, &Value)| {
        let item = Some(ItemValues { value, index: place + 1, length });
        let values = Values { item, ..Values::default() };
        let number = place + 1;
        let path = template.render(&values).map_err(|error| format!("item {number}: {}", error.message))?;
        check_made(&path, file, &own).map_err(|why| format!("item {number}: {why}"))?;
        if !taken.insert(folded(&path)) {
            return Err(format!("item {number}: the file `{path}` is that of an earlier item"));
        }
        Ok(path)
    };
    items.iter().enumerate().map(of_item).collect()
}

/// The same orchestra with the names of its outputs' files filled in, as far as they do not depend on an item.
///
/// # Errors
/// The first task whose file cannot be, and why.
pub(crate) fn with_files(orchestra: &Orchestra, values: &Values<'_>) -> Result<Orchestra, FileError> {
    let own = OwnFiles::new(None, Some(&orchestra.workspace));
    let mut filled = orchestra.clone();
    let mut taken = HashSet::new();
    for task in filled.tasks.iter_mut().filter(|task| task.for_each().is_none()) {
        let Some(file) = task.output.file.clone() else { continue };
        let template = Template::with_inputs(&file, &orchestra.inputs);
        let error = |why: String| FileError { task: task.name.clone(), why };
        let mut path = file.clone();
        if template.has_tags() {
            path = template.render(values).map_err(|why| error(why.message))?;
            check_made(&path, &file, &own).map_err(error)?;
        }
        if !taken.insert(folded(&path)) {
            return Err(error(format!("the file `{path}` is that of another task, too")));
        }
        task.output.file = Some(path);
    }
    Ok(filled)
}

/// The file of an output cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the output of `{task}`: {why}")]
pub struct FileError {
    /// Whose output it is.
    pub task: Name,
    /// Why not.
    pub why: String,
}

/// Whether a file may be made whose name was filled in. What fills it in does not come from the file's author.
fn check_made(path: &str, template: &str, own: &OwnFiles) -> Result<(), String> {
    if !is_in_project(path) {
        return Err(format!("`{path}` is not a path of a file in the project"));
    }
    let is_open = |row: &&'static Row| row.grantable && own.is_named(row, template, Use::Write);
    match own.rows(path, Use::Write).into_iter().find(|row| !is_open(row)) {
        Some(row) => Err(format!("`{path}` is no file to write: {}", row.why)),
        None => Ok(()),
    }
}

/// A path as one that some file systems do not tell from others.
fn folded(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/").to_lowercase()
}
