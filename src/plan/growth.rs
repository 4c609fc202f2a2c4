//! How a run grows: what a task becomes while the run goes on, and what each of those was made for.
//!
//! Knows nothing of how far a run is.

use std::sync::Arc;

use crate::plan::condition::Condition;
use crate::plan::graph::TaskIx;
use crate::plan::orchestra::Task;
use crate::plan::spec::Collect;
use crate::plan::template::{ItemValues, RoundValues, Template};
use crate::words::id::Name;

/// How a task becomes others while a run goes on.
#[derive(Debug, Clone)]
pub enum Grows {
    /// Into one for each item of a list, all at once.
    ForEach(Arc<ForEach>),
    /// Into one more each time the last one has ended, until something holds.
    Repeat(Arc<Repeat>),
    /// Into one that plans, and then into those that it has planned.
    Expand(Arc<Expand>),
    /// Into one that does it and one that reviews it, until it is approved.
    Review(Arc<Review>),
}

impl Grows {
    /// Whether it may become more when those that it has become have ended.
    #[must_use]
    pub(crate) fn is_more_than_once(&self) -> bool {
        !matches!(self, Self::ForEach(_))
    }

    /// How many tasks it becomes at most, where that is known before the run.
    #[must_use]
    pub(crate) fn most(&self) -> Option<usize> {
        match self {
            Self::ForEach(list) => match &list.items {
                Items::Literal(items) => Some(items.len()),
                Items::Output { .. } | Items::Input(_) => None,
            },
            Self::Repeat(rounds) => usize::try_from(rounds.max).ok(),
            Self::Expand(plan) => Some(plan.max_tasks.saturating_add(1)),
            Self::Review(review) => {
                let rounds = usize::try_from(review.max).ok()?;
                let advice = if review.advise.is_some() { rounds.saturating_sub(1) } else { 0 };
                Some(rounds.saturating_mul(2).saturating_add(advice))
            }
        }
    }
}

/// Who looks at what a task has made.
#[derive(Debug, Clone)]
pub struct Review {
    /// The agent that reviews, as an index into the orchestra's agents.
    pub by: usize,
    /// The agent that says how to mend what was found, if one does.
    pub advise: Option<usize>,
    /// How often it may be made.
    pub max: u32,
    /// Whether the last version is taken although it was never approved.
    pub accepts: bool,
    /// What the review is to look at, besides the task itself.
    pub criteria: Option<Template>,
}

/// The tasks that a task plans.
#[derive(Debug, Clone)]
pub struct Expand {
    /// Who may be given tasks, as indices into the orchestra's agents.
    pub agents: Vec<usize>,
    /// How many there may be.
    pub max_tasks: usize,
    /// How many run side by side; `None` is no limit but the run's.
    pub max_parallel: Option<u32>,
    /// What the output of the whole is.
    pub collect: Collect,
}

/// The rounds of a task.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// What holds after the last round; `None` for as many as there may be.
    pub until: Option<Condition>,
    /// How many rounds there may be.
    pub max: u32,
    /// Whether the last round's output is the task's although the condition never held.
    pub accepts: bool,
}

/// The list whose items a task stands for.
#[derive(Debug, Clone)]
pub struct ForEach {
    /// Where the items come from.
    pub items: Items,
    /// How many members run side by side; `None` is no limit but the run's.
    pub max_parallel: Option<u32>,
    /// What the output of the whole is.
    pub collect: Collect,
}

/// Where the items of a task come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Items {
    /// They stand in the file.
    Literal(Vec<serde_json::Value>),
    /// The output of a task: a list in its JSON under this path, or the lines of a text.
    Output {
        /// The task.
        task: TaskIx,
        /// The fields on the way to the list.
        path: Vec<String>,
    },
    /// An input of the run, by its name.
    Input(String),
}

/// What a member was made for: the item of a list, or a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The task that stands for all of them.
    pub parent: TaskIx,
    /// Its place in the list, or the number of the round, from 1.
    pub index: usize,
    /// How long the list is, or how many rounds there may be.
    pub length: usize,
    /// The item.
    pub value: serde_json::Value,
    /// What it is.
    pub kind: ItemKind,
}

/// What a member was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// The item of a list.
    Listed,
    /// A round; `value` is its number.
    Round,
    /// To review a round, whose number `value` has.
    Review,
    /// To say how to mend what the review of a round has found.
    Advice,
    /// To plan other members; `value` is null.
    Plan,
    /// A task of such a plan; `value` is what the plan says of it.
    Planned,
}

impl Item {
    /// What a template knows of it, if it is an item.
    #[must_use]
    pub(crate) fn values(&self) -> Option<ItemValues<'_>> {
        let (value, index, length) = (&self.value, self.index, self.length);
        (self.kind == ItemKind::Listed).then_some(ItemValues { value, index, length })
    }

    /// Whether it is a round.
    #[must_use]
    pub(crate) fn is_round(&self) -> bool {
        self.kind == ItemKind::Round
    }

    /// What a template knows of it, if it is a round or belongs to one.
    #[must_use]
    pub(crate) fn round(&self) -> Option<RoundValues<'_>> {
        let is_of_round = matches!(self.kind, ItemKind::Round | ItemKind::Review | ItemKind::Advice);
        is_of_round.then(|| RoundValues { number: self.index, max: self.length, ..RoundValues::default() })
    }
}

/// A task that a run is to grow by.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// The task.
    pub task: Task,
    /// The tasks whose outputs it gets: those of the run, and those that grow together with it and before it.
    pub needs: Vec<Name>,
}
