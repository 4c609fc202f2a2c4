//! The journal of a run: one JSON object a line, appended and never changed. It is the truth about the run.
//!
//! An append that promises something returns when the lines are on disk; many events share one sync. A torn last line
//! is what a kill leaves and is dropped; any other damage is an error that names the line. Knows nothing of what the
//! events mean.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::store::disk::{self, Dir};
use crate::store::seal::{Chain, Seal, Sealer, Seals};
use crate::words::event::{Event, FORMAT, OLDEST_FORMAT, Record, RunEvent, TaskEvent};

/// The name of the file in a run's folder.
pub(crate) const FILE: &str = "journal.jsonl";

/// The longest line that is read, in bytes. What is longer is damage: texts that long are objects.
const MAX_LINE_BYTES: u64 = 256 * 1024 * 1024;

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    buffer: Vec<u8>,
    chain: Chain,
    seals: Option<Seals>,
    /// The folders on the way to a new journal, whose entries may not be on disk.
    unsynced: Vec<Dir>,
}

/// A journal as it was read.
#[derive(Debug)]
pub struct Contents {
    /// Its records, in order.
    pub records: Vec<Record>,
    /// The length of its whole lines, in bytes.
    good_bytes: u64,
    /// Whether a torn last line was dropped.
    pub torn: bool,
    /// What says whose it is.
    pub(crate) seal: Seal,
    chain: Chain,
}

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A line that is not the last one is not a record.
    #[error("line {line} of the journal is damaged: {why}")]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// There is none: the process was killed before it made one.
    #[error("the journal is missing")]
    Missing,
    /// It has no line.
    #[error("the journal is empty")]
    Empty,
    /// It has no whole line.
    #[error("the journal is cut off in its first line")]
    Cut,
    /// A line is whole and holds an event that this version does not know, or knows otherwise.
    #[error(
        "line {line} of the journal holds an event, `{event}`, that this version cannot read: use the newer orch that \
         has written it ({why})"
    )]
    Unknown {
        /// The line, from 1.
        line: usize,
        /// What the event calls itself.
        event: String,
        /// What is not known of it.
        why: String,
    },
    /// It was written by a newer version.
    #[error("the journal has format {0}, and this version reads format {FORMAT}: use a newer orch")]
    TooNew(u32),
    /// It was written by an earlier version.
    #[error(
        "the run was made by an earlier version: its journal has format {0}, and this version reads format \
         {OLDEST_FORMAT} and later"
    )]
    TooOld(u32),
    /// It cannot be read at all.
    #[error("{path}: {error}")]
    Io {
        /// The journal's file.
        path: String,
        /// Why not.
        error: io::Error,
    },
}

impl JournalError {
    /// Whether the run was killed before its first event was on disk, so that nothing was called in it.
    #[must_use]
    pub fn never_began(&self) -> bool {
        matches!(self, Self::Missing | Self::Empty | Self::Cut)
    }

    /// The error of a system call on the journal in `dir`.
    #[must_use]
    pub fn of(dir: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io { path: dir.join(FILE).display().to_string(), error },
        }
    }
}

impl Journal {
    /// Begins the journal of a new run. With the first append that promises something, the names on the way to it
    /// are on disk too: its own in `dir`, and those of new folders in `above`.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub(crate) fn create(dir: Dir, above: Vec<Dir>) -> io::Result<Self> {
        let file = dir.append_to(FILE)?;
        let unsynced = above.into_iter().chain([dir]).collect();
        Ok(Self { file, buffer: Vec::new(), chain: Chain::default(), seals: None, unsynced })
    }

    /// Opens a journal that was read, to go on behind its last whole line. `above` are the folders on the way to it, as
    /// for [`Journal::create`].
    ///
    /// # Errors
    /// If the file cannot be opened, or a torn line not be cut off.
    pub(crate) fn reopen(dir: Dir, above: Vec<Dir>, contents: &Contents) -> io::Result<Self> {
        let file = dir.append_to(FILE)?;
        if contents.torn {
            file.set_len(contents.good_bytes)?;
        }
        // The process before may have been killed between its first sync and those of the folders.
        let unsynced = above.into_iter().chain([dir]).collect();
        Ok(Self { file, buffer: Vec::new(), chain: contents.chain.clone(), seals: None, unsynced })
    }

    /// The same with seals beside it, in its folder `dir`, for all that is written from now on.
    ///
    /// # Errors
    /// If the file of the seals cannot be opened.
    pub(crate) fn sealed(self, dir: &Dir, sealer: Option<Sealer>) -> io::Result<Self> {
        Ok(Self { seals: sealer.map(|sealer| Seals::open(dir, sealer)).transpose()?, ..self })
    }

    /// Appends records in one write. Returns when they are on disk, if one of them promises something.
    ///
    /// # Errors
    /// If the lines may not be on disk. The journal must not be used any more then.
    pub(crate) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        self.buffer.clear();
        let mut seals = String::new();
        for record in records {
            let from = self.buffer.len();
            serde_json::to_writer(&mut self.buffer, record)?;
            self.buffer.push(b'\n');
            self.chain.take(&self.buffer[from..]);
            seals.extend(self.seals.as_ref().map(|sealing| sealing.line(&self.chain)));
        }
        if let Some(Err(_)) = self.seals.as_mut().map(|sealing| sealing.write(&seals)) {
            // At worst a resume asks whether the run is the user's.
            self.seals = None;
        }
        disk::write_all(&mut self.file, &self.buffer)?;
        if records.iter().any(|record| is_promise(&record.event)) {
            disk::sync_data(&self.file)?;
            for dir in self.unsynced.drain(..) {
                dir.sync()?;
            }
        }
        Ok(())
    }
}

/// Whether something outside the process follows from the event, so that it must not be lost.
/// A call's own events only inform: the attempt is what is counted, and its end what is kept. The end of a run only
/// says what the ends of its tasks say already.
fn is_promise(event: &Event) -> bool {
    match event {
        // What is reserved must stay counted, and what a model said in the middle of an attempt is paid for.
        Event::Task { event: TaskEvent::CallStarted { reserved, .. }, .. } => reserved.is_some(),
        Event::Task { event: TaskEvent::CallFinished { turn, .. }, .. } => turn.is_some(),
        Event::Task { event: TaskEvent::CallFailed { .. }, .. } | Event::Run(RunEvent::Finished { .. }) => false,
        _ => true,
    }
}

/// Reads a journal.
///
/// # Errors
/// See [`JournalError`].
pub(crate) fn read(dir: &Dir) -> Result<Contents, JournalError> {
    let failed = |error| JournalError::of(dir.path(), error);
    let mut reader = BufReader::new(dir.open_regular(FILE).map_err(failed)?);
    let (mut records, mut good_bytes, mut chain) = (Vec::new(), 0, Chain::default());
    let mut line = Vec::new();
    // What is wrong with the last line read: damage if another line follows.
    let mut wrong: Option<(usize, String)> = None;
    for number in 1.. {
        line.clear();
        if reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if let Some((line, why)) = wrong {
            return Err(JournalError::Damaged { line, why });
        }
        match parse(&line, records.len() as u64 + 1) {
            Ok(record) => {
                match &record.event {
                    Event::Run(RunEvent::Started(start)) => check_format(start.format)?,
                    Event::Run(RunEvent::Resumed { format, .. }) => check_format(*format)?,
                    _ => {}
                }
                good_bytes += line.len() as u64;
                records.push(record);
                chain.take(&line);
                wrong = None;
            }
            Err(why) => {
                if let Some(event) = whole_event(&line, number as u64) {
                    event["format"].as_u64().map_or(Ok(()), check_format)?;
                    let event = event["type"].as_str().unwrap_or_default().to_owned();
                    return Err(JournalError::Unknown { line: number, event, why });
                }
                wrong = Some((number, why));
            }
        }
    }
    let torn = wrong.is_some();
    match records.first().map(|record| &record.event) {
        Some(Event::Run(RunEvent::Started(_))) => {
            let seal = Seal::read(dir, &chain);
            Ok(Contents { records, good_bytes, torn, seal, chain })
        }
        Some(_) => Err(JournalError::Damaged { line: 1, why: "it does not start a run".to_owned() }),
        None if torn => Err(JournalError::Cut),
        None => Err(JournalError::Empty),
    }
}

fn parse(line: &[u8], seq: u64) -> Result<Record, String> {
    let Some(line) = line.strip_suffix(b"\n") else { return Err("it does not end".to_owned()) };
    let record: Record = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if record.seq != seq {
        return Err(format!("it has number {} where {seq} belongs", record.seq));
    }
    Ok(record)
}

/// A line that is whole although this version cannot read it. No kill leaves one, so it is not taken for torn, even as the
/// last line: what a newer version has written is kept.
fn whole_event(line: &[u8], seq: u64) -> Option<serde_json::Value> {
    let value: serde_json::Value = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
    (value["seq"].as_u64() == Some(seq) && value["type"].is_string()).then_some(value)
}

fn check_format(format: impl Into<u64>) -> Result<(), JournalError> {
    let format = u32::try_from(format.into()).unwrap_or(u32::MAX);
    match format {
        ..OLDEST_FORMAT => Err(JournalError::TooOld(format)),
        OLDEST_FORMAT..=FORMAT => Ok(()),
        _ => Err(JournalError::TooNew(format)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::words::event::RunStatus;

    fn record(seq: u64) -> Record {
        let event = if seq == 1 {
            let start = crate::words::event::RunStarted {
                format: FORMAT,
                orch: "0".into(),
                run: crate::words::id::RunId::at("20261120_093000", 1),
                orchestra: crate::words::id::Name::new("o").unwrap(),
                goal: String::new(),
                inputs: std::collections::BTreeMap::new(),
                source: String::new(),
                workspace: String::new(),
                rehearsal: true,
                marker: String::new(),
                overrides: crate::words::event::Overrides::default(),
                holder: crate::store::lock::this_process(),
                tasks: vec![],
            };
            Event::Run(RunEvent::Started(start.into()))
        } else {
            Event::Run(RunEvent::Finished { status: RunStatus::Succeeded })
        };
        Record { seq, at_ms: 0, mono_us: 0, event }
    }

    fn written(records: &[Record], tail: &[u8]) -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        Journal::create(dir.try_clone().unwrap(), Vec::new()).unwrap().append(records).unwrap();
        dir.append_to(FILE).unwrap().write_all(tail).unwrap();
        (folder, dir)
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_written_over() {
        for tail in [&b"{\"seq\":3,"[..], b"{\"seq\":3}\n", b"\0\0\0\0", b"\n"] {
            let (_folder, dir) = written(&[record(1), record(2)], tail);
            let contents = read(&dir).unwrap();
            assert!(contents.torn);
            assert_eq!(contents.records.len(), 2);
            Journal::reopen(dir.try_clone().unwrap(), Vec::new(), &contents).unwrap().append(&[record(3)]).unwrap();
            let contents = read(&dir).unwrap();
            assert_eq!((contents.records.len(), contents.torn), (3, false));
        }
    }

    #[test]
    fn other_damage_is_named() {
        let (_folder, dir) = written(&[record(1), record(3), record(3)], b"");
        assert_eq!(
            read(&dir).unwrap_err().to_string(),
            "line 2 of the journal is damaged: it has number 3 where 2 belongs"
        );
        let (_folder, dir) = written(&[record(1)], b"rubbish\n{}\n");
        assert!(matches!(read(&dir), Err(JournalError::Damaged { line: 2, .. })));
    }

    #[test]
    fn a_journal_without_a_whole_line_is_of_a_run_that_never_began() {
        let (_folder, dir) = written(&[], b"");
        assert!(matches!(read(&dir), Err(JournalError::Empty)));
        let (_folder, dir) = written(&[], b"{\"seq\":1,\"ty");
        assert!(matches!(read(&dir), Err(JournalError::Cut)));
        dir.remove(FILE).unwrap();
        assert!(matches!(read(&dir), Err(JournalError::Missing)) && JournalError::Missing.never_began());
        dir.make_child(FILE).unwrap();
        let error = read(&dir).unwrap_err();
        assert!(
            !error.never_began() && error.to_string().contains("journal.jsonl: it is not a regular file"),
            "{error}"
        );
    }

    #[test]
    fn a_newer_format_is_refused() {
        let mut newer = record(1);
        let Event::Run(RunEvent::Started(start)) = &mut newer.event else { panic!() };
        std::sync::Arc::make_mut(start).format = FORMAT + 1;
        let (_folder, dir) = written(&[newer], b"");
        assert!(matches!(read(&dir), Err(JournalError::TooNew(_))));
        // Also when this version cannot read a line of it.
        let (_folder, dir) = written(&[], b"{\"seq\":1,\"type\":\"run_started\",\"format\":7,\"new\":[]}\n");
        assert!(matches!(read(&dir), Err(JournalError::TooNew(7))));
    }

    #[test]
    fn an_earlier_format_is_refused_by_name() {
        let line = b"{\"seq\":1,\"type\":\"run_started\",\"format\":1,\"old\":[]}\n";
        let (_folder, dir) = written(&[], line);
        let refused = read(&dir).unwrap_err();
        assert!(refused.to_string().contains("made by an earlier version"), "{refused}");
    }
}
