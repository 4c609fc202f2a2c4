//! Earlier results by what they depend on: `.orchestra/reuse.jsonl`.
//!
//! An entry says which run made an output and what that took; the output itself is read from that run's journal, where
//! it is durable, and its digest must be the entry's. So whatever is damaged, missing or cleaned away is only not
//! found: the result is made anew. Knows nothing of what a key stands for.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::run::history::{Released, TaskState};
use crate::store::disk::Dir;
use crate::store::objects::Objects;
use crate::store::project::{Project, STATE_DIR};
use crate::store::reuse::index::{Index, Older};
use crate::words::digest::{MacKey, sha256};
use crate::words::event::Output;
use crate::words::id::{Name, RunId};
use crate::words::usage::Usage;

mod index;
mod mac;

use mac::mac;

/// A result that may be used again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The key of its cache_key.
    // It stands first in a line, where it is found without reading the rest.
    pub key: String,
    /// The run that made it.
    pub run: RunId,
    /// The task whose output it is.
    pub task: Name,
    /// The digest of the output.
    pub sha256: String,
    /// When it was made, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// What it cost in tokens.
    pub usage: Usage,
    /// What it cost in dollars; absent without a known price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// What tools told the model. The result holds only as long as they would say the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<Read>,
    /// The files that the task has made, each with its digest. The result holds only as long as they are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<(String, String)>,
    /// The keyed digest of the above, see [`mac()`]. Filled in when it is kept; without it the result is a stranger's.
    #[serde(default)]
    pub mac: String,
}

/// What a tool that changes nothing told a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Read {
    /// The tool.
    pub tool: String,
    /// What it was called with.
    pub arguments: serde_json::Value,
    /// The digest of what it said.
    pub sha256: String,
}

/// A result that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// The output, which is there and whole.
    pub output: Output,
    /// The run that made it.
    pub run: RunId,
    /// When it was made, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// What it cost then in tokens.
    pub usage: Usage,
    /// What it cost then in dollars; absent without a known price.
    pub cost_usd: Option<f64>,
}

/// The results of a project's earlier runs.
#[derive(Debug)]
pub(crate) struct Store {
    project: Project,
    state: Dir,
    this_run: RunId,
    objects: Objects,
    index: Index,
    key: MacKey,
    /// The outputs of the runs that were looked into.
    outputs: HashMap<RunId, HashMap<Name, Output>>,
    trouble: Option<String>,
}

impl Store {
    /// Reads the index of a project for a run, which is not given its own results: where it asks the same twice, it
    /// wants two answers. Only what it has given up may serve again, see [`Store::find_own`].
    ///
    /// # Errors
    /// If `.orchestra` cannot be opened. An index that cannot be read is an empty one; see [`Store::trouble`].
    pub(crate) fn open(project: &Project, this_run: &RunId, key: MacKey) -> io::Result<Self> {
        let state = Dir::create(&project.root().join(STATE_DIR))?;
        let (index, trouble) = match read(&state) {
            Ok(index) => (index, None),
            Err(error) => {
                let file = index::FILE;
                let why = format!("earlier results are not used: {STATE_DIR}/{file} cannot be read: {error}");
                (Index::default(), Some(why))
            }
        };
        Ok(Self {
            project: Project::at(project.root()),
            objects: Objects::below(state.try_clone()?),
            this_run: this_run.clone(),
            outputs: HashMap::new(),
            state,
            index,
            key,
            trouble,
        })
    }

    /// Why earlier results cannot be found, if they cannot: a warning for the user.
    #[must_use]
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The newest result of a key that is there, is no older than `ttl`, and holds: `holds` says whether tools would
    /// tell the model today what they told it then, and whether the files that were made are there. A result from the
    /// future, which a clock that was set back leaves, is a new one.
    pub(crate) fn find(
        &mut self,
        key: &str,
        now_ms: u64,
        ttl: Option<Duration>,
        mut holds: impl FnMut(&Entry) -> bool,
    ) -> Option<Found> {
        let is_new = |entry: &Entry| {
            let age = Duration::from_millis(now_ms.saturating_sub(entry.made_at_ms));
            ttl.is_none_or(|ttl| age <= ttl)
        };
        let (project, objects, outputs, secret) = (&self.project, &self.objects, &mut self.outputs, &self.key);
        let candidates = self.index.entries(key).filter(|entry| entry.run != self.this_run && is_new(entry));
        // What came along with a checkout may be anything.
        let mut candidates = candidates.filter(|entry| mac(secret, entry) == entry.mac);
        candidates.find_map(|entry| {
            // Looking into a journal is cheap beside calling a tool, and both must hold.
            let output = output(project, objects, outputs, &entry)?;
            holds(&entry).then(|| found(entry, output))
        })
    }

    /// A result that this run made and gave up, if one of `released` is that of the key, and holds.
    pub(crate) fn find_own(
        &self,
        key: &str,
        released: &[Released],
        mut holds: impl FnMut(&Entry) -> bool,
    ) -> Option<Found> {
        let own =
            self.index.entries(key).filter(|entry| entry.run == self.this_run && mac(&self.key, entry) == entry.mac);
        own.into_iter().find_map(|entry| {
            let is_it = |released: &&Released| released.key == entry.key && released.output.sha256 == entry.sha256;
            let output = released.iter().find(is_it)?.output.clone();
            (self.objects.get(&output).is_ok() && holds(&entry)).then(|| found(entry, output))
        })
    }

    /// Keeps results for later runs. What they name must be in the journal of its run before.
    ///
    /// # Errors
    /// If they could not be written. Nothing is lost by that but that they are made again.
    pub(crate) fn keep(&mut self, mut entries: Vec<Entry>) -> io::Result<()> {
        entries.iter_mut().for_each(|entry| entry.mac = mac(&self.key, entry));
        if entries.is_empty() { Ok(()) } else { index::append(&self.state, &entries) }
    }
}

fn found(Entry { run, made_at_ms, usage, cost_usd, .. }: Entry, output: Output) -> Found {
    Found { output, run, made_at_ms, usage, cost_usd }
}

/// Reads the index, and writes it anew first where most of it is outdated.
fn read(state: &Dir) -> io::Result<Index> {
    let index = Index::read(state)?;
    if !index.is_wasteful() {
        return Ok(index);
    }
    // A disk that cannot be written is no reason to know less.
    match index::rewrite(state, Older::Drop, |_| true) {
        Ok(_) => Index::read(state),
        Err(_) => Ok(index),
    }
}

/// The output that an entry names, if its run still has it and it is what the entry says.
fn output(
    project: &Project,
    objects: &Objects,
    outputs: &mut HashMap<RunId, HashMap<Name, Output>>,
    entry: &Entry,
) -> Option<Output> {
    let of_run = outputs.entry(entry.run.clone()).or_insert_with(|| made_by(project, &entry.run));
    let output = of_run.get(&entry.task).filter(|output| output.sha256 == entry.sha256)?;
    // A long output is checked as it is read; a short one stands in a journal, which checks nothing.
    let text = objects.get(output).ok()?;
    (output.text.is_none() || sha256(text.as_bytes()) == entry.sha256).then(|| output.clone())
}

/// The outputs that a run made itself. A run that is gone, or whose journal is damaged, has none.
fn made_by(project: &Project, run: &RunId) -> HashMap<Name, Output> {
    let Ok((_, history)) = project.history(run) else { return HashMap::new() };
    let made = history.tasks.into_iter().filter_map(|task| match task.state {
        TaskState::Succeeded(output) => Some((task.planned.task, output)),
        _ => None,
    });
    made.collect()
}

/// Forgets the results of the runs in `gone`, and of those that are not there any more. Gives how many those are; with
/// `dry_run`, how many they would be.
///
/// # Errors
/// If the index cannot be read or written.
pub(crate) fn forget(project: &Project, gone: &[RunId], dry_run: bool) -> io::Result<u64> {
    let runs = project.runs()?;
    forget_where(project, dry_run, |entry| gone.contains(&entry.run) || runs.binary_search(&entry.run).is_err())
}

/// Forgets every result, so that each task is made anew once. Gives how many those are, as [`forget`] does.
///
/// # Errors
/// If the index cannot be read or written.
pub(crate) fn forget_all(project: &Project, dry_run: bool) -> io::Result<u64> {
    forget_where(project, dry_run, |_| true)
}

fn forget_where(project: &Project, dry_run: bool, is_gone: impl Fn(&Entry) -> bool) -> io::Result<u64> {
    let state = match Dir::open(&project.root().join(STATE_DIR)) {
        Ok(state) => state,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let entries = index::all(&state)?;
    let gone = entries.iter().filter(|entry| is_gone(entry)).count() as u64;
    if gone == 0 || dry_run { Ok(gone) } else { index::rewrite(&state, Older::Keep, |entry| !is_gone(entry)) }
}

#[cfg(test)]
mod tests;
