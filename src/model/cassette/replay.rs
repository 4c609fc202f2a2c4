//! Replays a cassette: answers from what was recorded, and from nothing else.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::call::{CallFailure, Cue, Model, ModelRequest, PendingReply, Reply};
use crate::model::cassette::VERSION;
use crate::model::cassette::record::{Header, Record, hint, key};
use crate::net::http::Deadlines;
use crate::store::disk;
use crate::words::failure::{Failure, FailureKind};

/// A cassette that was read.
#[derive(Debug)]
pub(crate) struct Cassette {
    path: PathBuf,
    header: Header,
    records: Vec<Record>,
    /// The records of each key, in their order.
    places: HashMap<String, Vec<usize>>,
    /// How often each key was asked for.
    asked: Mutex<HashMap<String, usize>>,
}

/// The model that a cassette stands in for: of every label a cassette knows other replies.
pub(crate) struct Replayed {
    cassette: Arc<Cassette>,
    label: String,
}

impl Replayed {
    /// Replays what was recorded of the model `label`.
    #[must_use]
    pub(crate) fn new(cassette: Arc<Cassette>, label: String) -> Self {
        Self { cassette, label }
    }
}

impl Model for Replayed {
    fn call<'a>(&'a self, request: &'a ModelRequest, _: &'a Deadlines, _: &'a Cue<'a>) -> PendingReply<'a> {
        Box::pin(async move { self.cassette.replay(request, &self.label) })
    }
}

/// Why a cassette cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// It cannot be read.
    #[error("the cassette {path} cannot be read: {error}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// It is of a newer version.
    #[error("the cassette {path} has version {version}, and this orch reads up to {VERSION}: use a newer orch")]
    TooNew {
        /// The file.
        path: String,
        /// Its version.
        version: u64,
    },
    /// A line is not what it should be.
    #[error("line {line} of the cassette {path} is damaged: {why}; restore the file, or record it anew")]
    Damaged {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl Cassette {
    /// Reads a cassette whole. Empty lines, as an editor may leave them, are no damage.
    ///
    /// # Errors
    /// See [`CassetteError`].
    pub(crate) fn open(path: &Path) -> Result<Self, CassetteError> {
        let shown = path.display().to_string();
        let text =
            disk::read_text(path, disk::MAX_BYTES).map_err(|error| CassetteError::Io { path: shown.clone(), error })?;
        let damaged = |line, why| CassetteError::Damaged { path: shown.clone(), line, why };
        let mut lines = text.lines().enumerate().map(|(ix, line)| (ix + 1, line)).filter(|(_, line)| !line.is_empty());
        let (line, first) = lines.next().ok_or_else(|| damaged(1, "there is nothing in it".to_owned()))?;
        let header = header(first).map_err(|error| match error {
            HeaderError::TooNew(version) => CassetteError::TooNew { path: shown.clone(), version },
            HeaderError::Unreadable(why) => damaged(line, format!("it does not begin a cassette ({why})")),
        })?;
        let mut records: Vec<Record> = Vec::new();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (line, text) in lines {
            let record: Record = serde_json::from_str(text).map_err(|error| damaged(line, error.to_string()))?;
            places.entry(record.key.clone()).or_default().push(records.len());
            records.push(record);
        }
        Ok(Self { path: path.to_owned(), header, records, places, asked: Mutex::default() })
    }

    /// The prompt marker of the run that was recorded. A run that replays the cassette takes it for its own.
    #[must_use]
    pub(crate) fn marker(&self) -> &str {
        &self.header.marker
    }

    /// The label of the model that answered for agents that name none; `None` in an older cassette.
    #[must_use]
    pub(crate) fn default_model(&self) -> Option<&str> {
        self.header.default_model.as_deref()
    }

    /// Answers as was recorded. Of several answers to the same, each comes in its turn, and the last one for good.
    ///
    /// # Errors
    /// The failure that was recorded; `bad_request` where nothing was.
    pub(crate) fn replay(&self, request: &ModelRequest, label: &str) -> Result<Reply, CallFailure> {
        let key = key(request, label);
        let Some(places) = self.places.get(&key) else { return Err(self.unknown(request, label)) };
        let turn = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let asked = asked.entry(key).or_default();
            *asked += 1;
            *asked - 1
        };
        let last = places.len() - 1;
        self.records[places[turn.min(last)]].outcome()
    }

    fn unknown(&self, request: &ModelRequest, label: &str) -> CallFailure {
        let asked = hint(request);
        let nearness = |record: &&Record| strsim::normalized_levenshtein(&asked, &record.asked);
        let nearest = self.records.iter().max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
        let path = self.path.display();
        let known = match nearest {
            None => "nothing was recorded there".to_owned(),
            Some(record) if record.asked == asked => {
                "a call that begins like it was, so the model, its settings, its tools, or what the task is given is \
                 another"
                    .to_owned()
            }
            Some(record) => format!("the nearest that was is \"{}\"", record.asked),
        };
        let message = format!(
            "this call was not recorded in {path}: {label} is asked \"{asked}\"; {known}. Record the cassette anew, or \
             undo what has changed since"
        );
        let failure = Failure::new(FailureKind::BadRequest, message);
        CallFailure { failure, usage: None, unsettled: false, pace: None, again: false, partial: String::new() }
    }
}

enum HeaderError {
    TooNew(u64),
    Unreadable(String),
}

/// A header. What a newer version writes beside its number may be anything.
fn header(line: &str) -> Result<Header, HeaderError> {
    let unreadable = |error: serde_json::Error| HeaderError::Unreadable(error.to_string());
    let value: serde_json::Value = serde_json::from_str(line).map_err(unreadable)?;
    match value["cassette"].as_u64() {
        Some(version) if version > u64::from(VERSION) => Err(HeaderError::TooNew(version)),
        _ => serde_json::from_value(value).map_err(unreadable),
    }
}
