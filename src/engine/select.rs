//! What `only` and `from` leave of an orchestra, and the earlier outputs that take the place of the rest.

use std::collections::BTreeSet;

use crate::engine::notes::{Notes, Notice};
use crate::engine::provenance::Provenance;
use crate::plan::graph::TaskIx;
use crate::plan::orchestra::Orchestra;
use crate::run::history::History;
use crate::store::project::{ListError, Project};
use crate::words::diagnostic::near_miss;
use crate::words::event::{Event, Output, Overrides, TaskEvent};
use crate::words::id::{Name, RunId};

/// A part of an orchestra.
pub(super) struct Selection {
    pub(super) orchestra: Orchestra,
    /// The events that take earlier outputs over.
    pub(super) adopted: Vec<Event>,
}

/// Why a selection cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// A task is named that the orchestra does not have.
    #[error("`{orchestra}` has no task `{task}`")]
    Unknown {
        /// What names it.
        by: Selector,
        /// The orchestra's id.
        orchestra: String,
        /// The name.
        task: Name,
        /// The one that is probably meant.
        near: Option<String>,
    },
    /// A task that is left out is needed, and no earlier run has made it.
    #[error("there is no earlier output of `{0}` to go on from")]
    NoOutput(Name),
    /// The project's runs cannot be listed.
    #[error(transparent)]
    List(#[from] ListError),
}

/// Which of the overrides names a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// `only`: these tasks alone.
    Only,
    /// `from`: this one and all that depend on it.
    From,
    /// `fresh_tasks`: these are made anew.
    Fresh,
}

/// Selects what the overrides ask for.
pub(super) fn select(
    project: &Project,
    own_runs: &Provenance,
    orchestra: &Orchestra,
    overrides: &Overrides,
    notes: &mut Notes,
) -> Result<Selection, SelectError> {
    let find = |by, name: &Name| find(orchestra, by, name);
    for name in &overrides.fresh_tasks {
        find(Selector::Fresh, name)?;
    }
    let wanted: Vec<TaskIx> = match &overrides.from {
        Some(name) => orchestra.plan.downstream(&[find(Selector::From, name)?]),
        None if overrides.only.is_empty() => {
            return Ok(Selection { orchestra: orchestra.clone(), adopted: Vec::new() });
        }
        None => overrides.only.iter().map(|name| find(Selector::Only, name)).collect::<Result<_, _>>()?,
    };
    let wanted: BTreeSet<TaskIx> = wanted.into_iter().collect();
    let needed: BTreeSet<TaskIx> =
        wanted.iter().flat_map(|&task| orchestra.plan.needs(task)).copied().filter(|n| !wanted.contains(n)).collect();
    // With `from`, what need not run again still belongs to the result.
    let others: Vec<TaskIx> = (0..orchestra.tasks.len()).filter(|t| !wanted.contains(t)).collect();
    let mut earlier = Earlier { project, own_runs, orchestra, runs: project.runs()?, read: Vec::new(), notes };
    let (mut keep, mut adopted) = (wanted, Vec::new());
    for task in others {
        let name = &orchestra.tasks[task].name;
        match earlier.output(name) {
            Some((run, output)) => {
                keep.insert(task);
                adopted.push(Event::Task { task: name.clone(), event: TaskEvent::Reused { run, output, cache: None } });
            }
            None if needed.contains(&task) => return Err(SelectError::NoOutput(name.clone())),
            None => {}
        }
    }
    let keep: Vec<TaskIx> = keep.into_iter().collect();
    Ok(Selection { orchestra: orchestra.select(&keep), adopted })
}

fn find(orchestra: &Orchestra, by: Selector, name: &Name) -> Result<TaskIx, SelectError> {
    orchestra.find(name.as_str()).ok_or_else(|| {
        let names = orchestra.tasks.iter().map(|task| task.name.as_str());
        let near = near_miss(name.as_str(), names).map(str::to_owned);
        SelectError::Unknown { by, orchestra: orchestra.id.to_string(), task: name.clone(), near }
    })
}

/// The outputs of earlier runs of an orchestra, the latest first; journals are read as they are needed.
struct Earlier<'e> {
    project: &'e Project,
    own_runs: &'e Provenance,
    orchestra: &'e Orchestra,
    runs: Vec<RunId>,
    read: Vec<History>,
    notes: &'e mut Notes,
}

impl Earlier<'_> {
    fn output(&mut self, task: &Name) -> Option<(RunId, Output)> {
        let of = |history: &History| {
            let output = history.task(task.as_str())?.output()?.clone();
            Some((history.start.run.clone(), output))
        };
        if let Some(found) = self.read.iter().find_map(of) {
            return Some(found);
        }
        while let Some(run) = self.runs.pop() {
            let history = match self.project.history(&run) {
                Ok((contents, history)) if self.own_runs.has_made(&run, &contents) => history,
                Ok(_) => {
                    self.notes.add(Notice::OutputsForeign { run });
                    continue;
                }
                Err(error) if error.never_began() => continue,
                Err(error) => {
                    self.notes.add(Notice::OutputsUnread { run, error });
                    continue;
                }
            };
            if history.start.orchestra != self.orchestra.id {
                continue;
            }
            let found = of(&history);
            self.read.push(history);
            if found.is_some() {
                return found;
            }
        }
        None
    }
}
