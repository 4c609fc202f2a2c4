//! The file of the index: one entry a line with a checksum, appended and never synced.
//!
//! Nothing is lost with a line but the money to make a result again. So damage of any kind, torn, interleaved or
//! flipped, is a line that is not there. Knows nothing of whether an entry may be used.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::ops::Range;

use crate::store::disk::{self, Dir};
use crate::store::reuse::Entry;
use crate::words::digest::Parts;

/// The name of the file in `.orchestra`.
pub(super) const FILE: &str = "reuse.jsonl";
/// Held by who writes the file anew. Who appends needs none.
const LOCK: &str = "reuse.lock";

/// A line is `{"entry":{"key":"...",...},"sum":"..."}`. The fixed places let a key be found without reading the rest.
const HEAD: &[u8] = br#"{"entry":"#;
const KEY: &[u8] = br#"{"key":""#;
const MIDDLE: &[u8] = br#","sum":""#;
const TAIL: &[u8] = br#""}"#;
const SUM_BYTES: usize = 8;

/// A smaller file is not worth the trouble of writing it anew, and neither is one with fewer lines for each key.
const COMPACT_ABOVE_BYTES: usize = 1024 * 1024;
const COMPACT_ABOVE_LINES: usize = 4;

/// The file as it was read, with the places of its entries by their keys.
#[derive(Debug, Default)]
pub(super) struct Index {
    bytes: Vec<u8>,
    /// The lines of each key, oldest first. What stands in them is checked when it is asked for.
    lines: HashMap<Box<str>, Vec<Range<usize>>>,
    count: usize,
}

impl Index {
    /// Reads the file; that there is none is fine.
    pub(super) fn read(state: &Dir) -> io::Result<Self> {
        Ok(Self::of(state.read(FILE)?.unwrap_or_default()))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let mut index = Self { lines: HashMap::new(), count: 0, bytes };
        let mut start = 0;
        for line in index.bytes.split_inclusive(|&byte| byte == b'\n') {
            let place = start..start + line.len();
            start = place.end;
            // An empty line is what a batch begins with.
            if line.len() > 1 {
                index.count += 1;
                if let Some(key) = key_of(line) {
                    match index.lines.get_mut(key) {
                        Some(places) => places.push(place),
                        None => drop(index.lines.insert(key.into(), vec![place])),
                    }
                }
            }
        }
        index
    }

    /// The entries of a key that are whole, newest first.
    pub(super) fn entries(&self, key: &str) -> impl Iterator<Item = Entry> {
        let places = self.lines.get(key).map(Vec::as_slice).unwrap_or_default();
        places.iter().rev().filter_map(|place| parse(&self.bytes[place.clone()]))
    }

    /// Whether most of the file is about keys that later lines are about as well.
    pub(super) fn is_wasteful(&self) -> bool {
        self.bytes.len() > COMPACT_ABOVE_BYTES && self.count > COMPACT_ABOVE_LINES * self.lines.len()
    }
}

/// Appends entries in one write. It begins with a line's end, so that what a process before has torn does not spoil it.
pub(super) fn append(state: &Dir, entries: &[Entry]) -> io::Result<()> {
    let mut bytes = vec![b'\n'];
    for entry in entries {
        write(&mut bytes, entry)?;
    }
    disk::write_all(&mut state.append_to(FILE).map_err(named(FILE))?, &bytes)
}

/// Whether the newest entry of a key alone is kept when the file is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Older {
    Keep,
    Drop,
}

/// Writes the file anew with the whole entries that `keep` wants; gives how many it does not want. What another process
/// appends in that moment may be lost. Does nothing while another process does the same.
pub(super) fn rewrite(state: &Dir, older: Older, keep: impl Fn(&Entry) -> bool) -> io::Result<u64> {
    let lock = state.append_to(LOCK).map_err(named(LOCK))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Ok(0),
        Err(std::fs::TryLockError::Error(error)) => return Err(error),
    }
    // Only under the lock is it known that the file is not just being replaced.
    let bytes = state.read(FILE)?.unwrap_or_default();
    let mut seen = HashSet::new();
    let (mut kept, mut unwanted) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|&byte| byte == b'\n').rev() {
        let Some(entry) = parse(line) else { continue };
        if !keep(&entry) {
            unwanted += 1;
        } else if seen.insert(entry.key) || older == Older::Keep {
            kept.push(line);
        }
    }
    kept.reverse();
    let whole = kept.concat();
    if whole.len() < bytes.len() {
        state.write(FILE, &whole, false)?;
    }
    Ok(unwanted)
}

/// Says which of the two files an error is about.
fn named(file: &str) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{file}: {error}"))
}

/// The entries of the file that are whole.
pub(super) fn all(state: &Dir) -> io::Result<Vec<Entry>> {
    let bytes = state.read(FILE).map_err(named(FILE))?.unwrap_or_default();
    Ok(bytes.split_inclusive(|&byte| byte == b'\n').filter_map(parse).collect())
}

fn write(into: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
    let json = serde_json::to_vec(entry)?;
    let sum = sum(&json);
    for part in [HEAD, &json, MIDDLE, sum.as_bytes(), TAIL] {
        into.write_all(part)?;
    }
    into.push(b'\n');
    Ok(())
}

fn key_of(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(HEAD)?.strip_prefix(KEY)?;
    let end = rest.iter().position(|&byte| byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

fn parse(line: &[u8]) -> Option<Entry> {
    let rest = line.strip_prefix(HEAD)?.strip_suffix(b"\n")?.strip_suffix(TAIL)?;
    let (json, end) = rest.split_at_checked(rest.len().checked_sub(MIDDLE.len() + 2 * SUM_BYTES)?)?;
    let wanted = end.strip_prefix(MIDDLE)?;
    if sum(json).as_bytes() != wanted {
        return None;
    }
    serde_json::from_slice(json).ok()
}

fn sum(json: &[u8]) -> String {
    // A line is UTF-8 or damaged; what damage becomes here has another sum than the line had.
    let mut digest = Parts::default();
    digest.add(&String::from_utf8_lossy(json));
    digest.hex(SUM_BYTES)
}
