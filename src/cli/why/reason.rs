//! Why a result was not used again: what the start of the run says, and what the cache_key says beside earlier ones.

use std::sync::Arc;

use serde::Serialize;

use crate::engine::provenance::Provenance;
use crate::run::cache_key::{Difference, differences};
use crate::run::history::{History, TaskHistory};
use crate::store::project::{ListError, Project};
use crate::words::event::{CacheKey, Event, Record, TaskEvent};
use crate::words::id::RunId;

/// Why a task was made anew.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub(super) enum Reason {
    /// `--fresh`
    Fresh {
        /// Whether for this task by name.
        by_name: bool,
    },
    /// The journal has no cache_key of it, so no earlier result was looked for.
    NotLookedFor {
        /// Whether a program does the task.
        program: bool,
    },
    /// No run that is still there has a result of the task.
    NoEarlierSuccess,
    /// It depends on something that is not what it was.
    Changed {
        compared_with: RunId,
        #[serde(serialize_with = "in_sentences")]
        changes: Vec<Difference>,
    },
    /// A result that depends on the same comes from elsewhere: with a checkout, or from another user.
    MadeElsewhere { compared_with: RunId },
    /// There is a result that depends on the same.
    Same { compared_with: RunId },
}

/// An earlier success of a task.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) run: RunId,
    pub(super) cache_key: Arc<CacheKey>,
    /// Whether the run is the user's own.
    pub(super) own: bool,
}

/// The earlier successes of a task in runs of the same orchestra, latest first, as far as they are still there.
pub(super) fn earlier_successes(
    project: &Project,
    own_runs: &Provenance,
    history: &History,
    task: &TaskHistory,
) -> Result<impl Iterator<Item = Earlier>, ListError> {
    let start = history.start.clone();
    let task = task.planned.task.clone();
    let earlier = project.runs()?.into_iter().rev().filter(move |run| *run < history.start.run);
    Ok(earlier.filter_map(move |run| {
        let (contents, history) = project.history(&run).ok()?;
        let same = history.start.orchestra == start.orchestra && history.start.rehearsal == start.rehearsal;
        let done = same && history.task(task.as_str())?.output().is_some();
        let cache_key = done.then(|| fingerprint_in(&contents.records, task.as_str())).flatten()?;
        let own = own_runs.is_own(&run, Some(&contents.seal));
        Some(Earlier { run, cache_key, own })
    }))
}

/// The last cache_key that a journal has of a task, whether it was made or reused.
fn fingerprint_in(records: &[Record], name: &str) -> Option<Arc<CacheKey>> {
    records.iter().rev().find_map(|record| match &record.event {
        Event::Task { task, event: TaskEvent::AttemptStarted { cache_key, .. } } if task.as_str() == name => {
            cache_key.clone()
        }
        Event::Task { task, event: TaskEvent::Reused { cache: reused, .. } } if task.as_str() == name => {
            reused.as_ref().map(|reused| reused.cache_key.clone())
        }
        _ => None,
    })
}

/// Why a task of a run was made anew. A result that depends on the same explains more than a later one that does not.
pub(super) fn reason(
    history: &History,
    records: &[Record],
    task: &TaskHistory,
    earlier: impl Iterator<Item = Earlier>,
) -> Reason {
    let (name, given) = (&task.planned.task, &history.start.overrides);
    if given.fresh || given.fresh_tasks.contains(name) {
        return Reason::Fresh { by_name: !given.fresh };
    }
    let Some(now) = fingerprint_in(records, name.as_str()) else {
        return Reason::NotLookedFor { program: task.planned.program.is_some() };
    };
    let (mut latest, mut elsewhere) = (None, None);
    for one in earlier {
        if one.cache_key.key == now.key && !one.own {
            elsewhere.get_or_insert(one.run);
        } else if one.cache_key.key == now.key {
            return Reason::Same { compared_with: one.run };
        } else if one.own {
            latest.get_or_insert(one);
        }
    }
    if let Some(run) = elsewhere {
        return Reason::MadeElsewhere { compared_with: run };
    }
    match latest {
        None => Reason::NoEarlierSuccess,
        Some(before) => Reason::Changed { compared_with: before.run, changes: differences(&before.cache_key, &now) },
    }
}

impl Reason {
    /// The reason as the end of a sentence.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Fresh { by_name: false } => "--fresh was given".to_owned(),
            Self::Fresh { by_name: true } => "--fresh was given for it".to_owned(),
            Self::NotLookedFor { program: true } => {
                "no earlier result was looked for. Reuse is off for it, or it does \
                                                     not declare both what it `reads` and what it `writes`"
                    .to_owned()
            }
            Self::NotLookedFor { program: false } => {
                "no earlier result was looked for. Reuse is off for it, or one of its tools changes \
                                   something, so that it must be called"
                    .to_owned()
            }
            Self::NoEarlierSuccess => "there is no earlier success of it in the runs that are here".to_owned(),
            Self::Changed { changes, .. } => list(changes),
            Self::MadeElsewhere { .. } => {
                "the result that depends on the same was made elsewhere, by another user or in another \
                                           place, so it is not believed"
                    .to_owned()
            }
            Self::Same { .. } => "there was a result that depends on the same, but it could not be used. It was too \
                                  old for `reuse.ttl_seconds`, the run that made it was removed, or what its tools \
                                  read has changed"
                .to_owned(),
        }
    }

    /// The run that the task was compared with.
    pub(super) fn compared_with(&self) -> Option<&RunId> {
        match self {
            Self::Changed { compared_with, .. }
            | Self::MadeElsewhere { compared_with }
            | Self::Same { compared_with } => Some(compared_with),
            _ => None,
        }
    }
}

/// `a, b and c`
fn list(changes: &[Difference]) -> String {
    let words: Vec<String> = changes.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [several @ .., last] => format!("{} and {last}", several.join(", ")),
    }
}

#[expect(clippy::ptr_arg, reason = "serde asks for a reference to the field")]
fn in_sentences<S: serde::Serializer>(changes: &Vec<Difference>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(changes.iter().map(ToString::to_string))
}
