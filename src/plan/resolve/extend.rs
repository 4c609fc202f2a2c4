//! The members of a task that stands for many, checked like the tasks of a file.

use std::collections::HashSet;

use serde_json::Value;

use crate::plan::condition::Condition;
use crate::plan::graph::TaskIx;
use crate::plan::guarded::table::Row;
use crate::plan::guarded::{OwnFiles, Use};
use crate::plan::orchestra::{Item, Orchestra, OutputRule, Task};
use crate::plan::resolve::grants::is_in_project;
use crate::plan::template::{ItemValues, Template, Values};
use crate::words::id::Name;

/// How many members a task may have. A list comes from a model more often than from a person.
pub(crate) const MAX_MEMBERS: usize = 10_000;

/// Why a task cannot become the members of its list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExtendError {
    /// It has no list.
    #[error("`{0}` has no `for_each`")]
    NoList(Name),
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

/// The members of a task, one for each item and in their order: `<task>.1`, `<task>.2` and so on. What the task was made
/// into before counts as gone, so its names may be used again.
///
/// # Errors
/// If the task has no list, or a longer one than may be, or a name that is taken.
pub(crate) fn extend(orchestra: &Orchestra, parent: TaskIx, items: Vec<Value>) -> Result<Vec<Task>, ExtendError> {
    let task = &orchestra.tasks[parent];
    if task.for_each.is_none() {
        return Err(ExtendError::NoList(task.name.clone()));
    }
    if items.len() > MAX_MEMBERS {
        return Err(ExtendError::TooMany { task: task.name.clone(), items: items.len() });
    }
    let prefix = format!("{}.", task.name).to_lowercase();
    let is_own = |other: &&Task| other.item.as_ref().is_some_and(|item| item.parent == parent);
    // Only a name with the same beginning can be taken, and some file systems do not tell `A` from `a`.
    let others = orchestra.tasks.iter().filter(|other| !is_own(other));
    let taken: Vec<String> =
        others.map(|other| other.name.as_str().to_lowercase()).filter(|name| name.starts_with(&prefix)).collect();
    let length = items.len();
    let mut files = match &task.output.file {
        Some(file) => files(file, &items, &orchestra.workspace)
            .map_err(|why| ExtendError::File { task: task.name.clone(), why })?,
        None => Vec::new(),
    }
    .into_iter();
    let member = |(index, value): (usize, Value)| {
        let index = index + 1;
        let member = format!("{}.{index}", task.name);
        let error = |why: String| ExtendError::Name { task: task.name.clone(), member: member.clone(), why };
        if taken.contains(&member.to_lowercase()) {
            return Err(error("another task has that name".to_owned()));
        }
        let name = Name::new(&member).map_err(|why| error(why.to_string()))?;
        let item = Some(Item { parent, index, length, value });
        let output = OutputRule { file: files.next(), ..task.output.clone() };
        // A condition that does not ask for the item was asked once, for the whole.
        let when = task.when.clone().filter(Condition::names_item);
        Ok(Task { name, for_each: None, when, item, output, sets: Vec::new(), ..task.clone() })
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
    for task in filled.tasks.iter_mut().filter(|task| task.for_each.is_none()) {
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
