//! The members of a task that stands for many, checked like the tasks of a file.

use serde_json::Value;

use crate::plan::graph::TaskIx;
use crate::plan::orchestra::{Item, Orchestra, Task};
use crate::words::id::Name;

/// How many members a task may have. A list comes from a model more often than from a person.
pub const MAX_MEMBERS: usize = 10_000;

/// Why a task cannot become the members of its list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtendError {
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
pub fn extend(orchestra: &Orchestra, parent: TaskIx, items: Vec<Value>) -> Result<Vec<Task>, ExtendError> {
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
    let member = |(index, value): (usize, Value)| {
        let index = index + 1;
        let member = format!("{}.{index}", task.name);
        let error = |why: String| ExtendError::Name { task: task.name.clone(), member: member.clone(), why };
        if taken.contains(&member.to_lowercase()) {
            return Err(error("another task has that name".to_owned()));
        }
        let name = Name::new(&member).map_err(|why| error(why.to_string()))?;
        Ok(Task { name, for_each: None, item: Some(Item { parent, index, length, value }), ..task.clone() })
    };
    items.into_iter().enumerate().map(member).collect()
}
