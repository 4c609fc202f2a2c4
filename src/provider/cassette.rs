//! Replies that were kept in a file, and are given again without a network and without a key.
//!
//! One JSON line for each call, found by the digest of all that was asked. The first line holds the marker of the run
//! that was recorded: prompts contain it, so a replay has to use the same.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::conversation::{Message, Turn};
use crate::digest::Parts;
use crate::event::{Failure, FailureKind, StopReason, Usage};
use crate::provider::{CallFailure, ModelRequest, Reply};

/// The version of the format. A file with a higher one is refused.
const FORMAT: u32 = 1;

/// How much of what was asked is kept for people, in characters.
const HINT_CHARS: usize = 80;

/// Keeps every reply.
#[derive(Debug)]
pub struct Recorder {
    file: Mutex<File>,
}

/// Gives kept replies.
#[derive(Debug)]
pub struct Cassette {
    path: PathBuf,
    marker: String,
    calls: Mutex<HashMap<String, Kept>>,
}

/// Why a file of replies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A newer orch wrote it.
    #[error("it has the format {0}, and this orch knows {FORMAT}")]
    TooNew(u32),
    /// A line is not what it should be.
    #[error("line {line} is damaged: {why}")]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// The replies to one request, in the order in which they came; the last one is given again and again.
#[derive(Debug, Default)]
struct Kept {
    outcomes: Vec<Outcome>,
    given: usize,
}

#[derive(Serialize, Deserialize)]
struct Head {
    cassette: u32,
    orch: String,
    marker: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    model: String,
    asked: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Reply { turn: Turn, usage: Usage, stop: StopReason },
    Failure { failure: Failure, usage: Option<Usage> },
}

impl Recorder {
    /// Begins a file. One that is there is not written over.
    ///
    /// # Errors
    /// If it is there, or cannot be made.
    pub fn create(path: &Path, marker: &str) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let orch = env!("CARGO_PKG_VERSION").to_owned();
        write_line(&mut file, &Head { cassette: FORMAT, orch, marker: marker.to_owned() })?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Keeps what came of a call.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, request: &ModelRequest, label: &str, outcome: &Result<Reply, CallFailure>) -> io::Result<()> {
        let outcome = match outcome {
            Ok(reply) => Outcome::Reply { turn: reply.turn.clone(), usage: reply.usage, stop: reply.stop.clone() },
            Err(failed) => Outcome::Failure { failure: failed.failure.clone(), usage: failed.usage },
        };
        let line = Line { key: key(request, label), model: label.to_owned(), asked: hint(request), outcome };
        write_line(&mut *self.file.lock().unwrap_or_else(PoisonError::into_inner), &line)
    }
}

impl Cassette {
    /// Reads a file.
    ///
    /// # Errors
    /// See [`CassetteError`].
    pub fn open(path: &Path) -> Result<Self, CassetteError> {
        let mut lines = BufReader::new(File::open(path)?).lines().enumerate();
        let damaged = |line: usize| {
            move |error: serde_json::Error| CassetteError::Damaged { line: line + 1, why: error.to_string() }
        };
        let first = lines.next().map(|(_, line)| line).transpose()?.unwrap_or_default();
        let head: Head = serde_json::from_str(&first).map_err(damaged(0))?;
        if head.cassette > FORMAT {
            return Err(CassetteError::TooNew(head.cassette));
        }
        let mut calls: HashMap<String, Kept> = HashMap::new();
        for (number, line) in lines {
            let line: Line = serde_json::from_str(&line?).map_err(damaged(number))?;
            calls.entry(line.key).or_default().outcomes.push(line.outcome);
        }
        Ok(Self { path: path.to_owned(), marker: head.marker, calls: Mutex::new(calls) })
    }

    /// The marker of the run that was recorded.
    #[must_use]
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// Gives what came of a call.
    ///
    /// # Errors
    /// The failure that was kept, or `bad_request` for a call that was not.
    pub fn play(&self, request: &ModelRequest, label: &str) -> Result<Reply, CallFailure> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = calls.get_mut(&key(request, label)).and_then(|kept| {
            let outcome = kept.outcomes.get(kept.given.min(kept.outcomes.len().saturating_sub(1))).cloned();
            kept.given += 1;
            outcome
        });
        match kept {
            Some(Outcome::Reply { turn, usage, stop }) => {
                Ok(Reply { turn, usage, stop, first_byte_ms: 0, latency_ms: 0, pace: None })
            }
            Some(Outcome::Failure { failure, usage }) => Err(failed(failure, usage)),
            None => {
                let message = format!(
                    "this call of {label} is not in {}, which begins with {:?}; record it anew with --record",
                    self.path.display(),
                    hint(request)
                );
                Err(failed(Failure::new(FailureKind::BadRequest, message), None))
            }
        }
    }
}

fn failed(failure: Failure, usage: Option<Usage>) -> CallFailure {
    CallFailure { failure, usage, unsettled: false, pace: None, partial: String::new() }
}

/// The digest of all that a model is told and how it is set.
fn key(request: &ModelRequest, label: &str) -> String {
    let mut parts = Parts::default();
    parts.add(label);
    for message in &request.messages {
        match message {
            Message::System(text) => ["system", text].iter().for_each(|part| parts.add(part)),
            Message::User(text) => ["user", text].iter().for_each(|part| parts.add(part)),
            Message::Assistant(turn) => {
                let calls = serde_json::to_string(&turn.calls).unwrap_or_default();
                ["assistant", &turn.text, &calls].iter().for_each(|part| parts.add(part));
            }
            Message::Tools(results) => {
                for result in results {
                    ["tool", &result.name, &result.text].iter().for_each(|part| parts.add(part));
                }
            }
        }
    }
    for tool in request.tools.iter() {
        parts.add(&format!("{} {}", tool.name, tool.parameters));
    }
    parts.add(&request.schema.as_ref().map(|schema| schema.schema.to_string()).unwrap_or_default());
    parts.add(&format!("{:?} {:?}", request.temperature, request.max_tokens));
    parts.hex(16)
}

/// The beginning of the last thing that the model was asked, for people.
fn hint(request: &ModelRequest) -> String {
    let asked = request.messages.iter().rev().find_map(|message| match message {
        Message::User(text) => Some(text.rsplit(crate::prompt::TASK_LABEL).next().unwrap_or(text)),
        _ => None,
    });
    asked.unwrap_or_default().chars().take(HINT_CHARS).collect()
}

fn write_line(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> ModelRequest {
        ModelRequest {
            model: "m".into(),
            messages: vec![Message::User(text.into())],
            tools: std::sync::Arc::default(),
            schema: None,
            temperature: None,
            max_tokens: None,
        }
    }

    fn reply(text: &str) -> Result<Reply, CallFailure> {
        let turn = Turn { text: text.into(), ..Turn::default() };
        let usage = Usage { input_tokens: 1, output_tokens: 2, ..Usage::default() };
        Ok(Reply { turn, usage, stop: StopReason::End, first_byte_ms: 5, latency_ms: 9, pace: None })
    }

    #[test]
    fn what_was_kept_is_given_in_its_order_and_the_last_one_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let recorder = Recorder::create(&path, "mark").unwrap();
        let refused = failed(Failure::new(FailureKind::RateLimited, "slow down"), None);
        for outcome in [Err(refused.clone()), reply("first"), reply("second")] {
            recorder.keep(&request("a"), "p/m", &outcome).unwrap();
        }
        assert!(Recorder::create(&path, "other").is_err());

        let cassette = Cassette::open(&path).unwrap();
        assert_eq!(cassette.marker(), "mark");
        assert_eq!(cassette.play(&request("a"), "p/m"), Err(refused));
        let texts: Vec<_> = (0..3).map(|_| cassette.play(&request("a"), "p/m").unwrap().turn.text).collect();
        assert_eq!(texts, ["first", "second", "second"]);
    }

    #[test]
    fn a_call_that_was_not_kept_fails_and_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        Recorder::create(&path, "mark").unwrap().keep(&request("a"), "p/m", &reply("x")).unwrap();
        let cassette = Cassette::open(&path).unwrap();
        for (asked, label) in [("b", "p/m"), ("a", "p/other")] {
            let failure = cassette.play(&request(asked), label).unwrap_err().failure;
            assert_eq!(failure.kind, FailureKind::BadRequest);
            assert!(failure.message.contains("record it anew"), "{failure}");
        }
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        assert!(matches!(Cassette::open(&path), Err(CassetteError::Damaged { line: 2, .. })));
        std::fs::write(&path, text.replace("\"cassette\":1", "\"cassette\":2")).unwrap();
        assert!(matches!(Cassette::open(&path), Err(CassetteError::TooNew(2))));
    }
}
