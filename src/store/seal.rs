//! What says of a run that this user's orch has made it: keyed digests, one for each length that its journal had, in a
//! file beside it. The key is in the user's own folder, where no project can bring its own.
//!
//! A seal is made of the run's id and of all lines up to its length, and of no place, so a project that is moved keeps its
//! runs. That of the whole journal speaks for all of it: who takes over another's run vouches for it by the first line
//! that is written then. Seals are written before the lines that they are about, so that a kill leaves no line without.

use std::fs::File;
use std::io::{self, Read, Write};

use crate::os::clock;
use crate::store::disk::Dir;
use crate::store::user_state::UserState;
use crate::words::digest::{MacKey, Sha256};
use crate::words::id::RunId;

/// The file of the key in the user's own folder.
const FILE: &str = "seal.key";
/// As many hex digits as the key has.
const DIGITS: usize = 64;
/// The file of seals in a run's folder: of each a line, the length in bytes and the keyed digest.
const SEALS: &str = "seals";
/// The most of it that is read, in bytes: enough for a million lines.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// As many hex digits as a seal has: 128 bits.
const SEAL_DIGITS: usize = 32;

/// The user's key, made at the first use.
///
/// # Errors
/// If it can be neither read nor made, or what stands there is none.
pub(crate) fn key(state: &UserState) -> io::Result<MacKey> {
    match state.read(FILE)? {
        Some(text) => parse(state, &text),
        None => parse(state, &state.write_once(FILE, &format!("{}\n", clock::random_key()?))?),
    }
}

/// The user's key, if there is one. Makes none.
///
/// # Errors
/// If it cannot be read, or what stands there is none.
pub(crate) fn existing_key(state: &UserState) -> io::Result<Option<MacKey>> {
    state.read(FILE)?.map(|text| parse(state, &text)).transpose()
}

fn parse(state: &UserState, text: &str) -> io::Result<MacKey> {
    let digits = text.trim();
    if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(MacKey::new(digits.as_bytes()));
    }
    let path = state.file(FILE);
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a key; remove it", path.display())))
}

/// With what a run's journal is sealed.
#[derive(Debug)]
pub(crate) struct Sealer {
    key: MacKey,
    run: RunId,
}

/// The journal's lines as far as they are known: what the next seal is made of.
#[derive(Clone, Default)]
pub(super) struct Chain {
    digest: Sha256,
    bytes: u64,
}

/// What the seals beside a journal say of it as a whole. They may be anybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    digest: String,
    macs: Vec<String>,
}

/// The open file of seals.
#[derive(Debug)]
pub(super) struct Seals {
    sealer: Sealer,
    file: File,
    is_synced: bool,
}

impl Sealer {
    /// Seals as the user who has this key.
    #[must_use]
    pub(crate) fn new(key: MacKey, run: RunId) -> Self {
        Self { key, run }
    }
}

impl Seal {
    /// Whether it was made with this key, for this run.
    #[must_use]
    pub(crate) fn is_of(&self, key: &MacKey, run: &RunId) -> bool {
        self.macs.contains(&mac(key, run, &self.digest))
    }

    /// The seals that stand beside a journal for all that `chain` has taken. What cannot be read is none.
    pub(super) fn read(dir: &Dir, chain: &Chain) -> Self {
        let mut text = String::new();
        let read = dir.open_regular(SEALS).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        let length = chain.bytes.to_string();
        let of_all = text.lines().filter_map(|line| line.split_once(' ')).filter(|(bytes, _)| *bytes == length);
        let macs = if read.is_ok() { of_all.map(|(_, mac)| mac.to_owned()).collect() } else { Vec::new() };
        Self { digest: chain.hex(), macs }
    }
}

fn mac(key: &MacKey, run: &RunId, digest: &str) -> String {
    let mut mac = key.mac(format!("journal\n{run}\n{digest}").as_bytes());
    mac.truncate(SEAL_DIGITS);
    mac
}

impl Chain {
    /// Takes the next line.
    pub(super) fn take(&mut self, line: &[u8]) {
        self.digest.update(line);
        self.bytes += line.len() as u64;
    }

    fn hex(&self) -> String {
        self.digest.clone().hex(32)
    }
}

impl Seals {
    /// Opens the seals of a journal in `dir`, to add to them.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub(super) fn open(dir: &Dir, sealer: Sealer) -> io::Result<Self> {
        Ok(Self { sealer, file: dir.append_to(SEALS)?, is_synced: false })
    }

    /// The line that seals all that `chain` has taken. It begins one, since the last may be torn.
    pub(super) fn line(&self, chain: &Chain) -> String {
        format!("\n{} {}", chain.bytes, mac(&self.sealer.key, &self.sealer.run, &chain.hex()))
    }

    /// Writes such lines. Only the first are synced: what a power cut takes of the others costs a question, and a second
    /// sync for each event costs more.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) fn write(&mut self, lines: &str) -> io::Result<()> {
        self.file.write_all(lines.as_bytes())?;
        if !std::mem::replace(&mut self.is_synced, true) {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chain({})", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId::at("20261120_093000", 1)
    }

    #[test]
    fn the_key_is_made_once_and_is_the_users_alone() {
        let home = tempfile::tempdir().unwrap();
        let state = UserState::find(|_| Some(home.path().display().to_string())).unwrap();
        assert!(existing_key(&state).unwrap().is_none());
        let first = key(&state).unwrap().mac(b"x");
        assert_eq!(key(&state).unwrap().mac(b"x"), first);
        assert_eq!(existing_key(&state).unwrap().unwrap().mac(b"x"), first);
        std::fs::write(state.file(FILE), "short").unwrap();
        assert!(key(&state).unwrap_err().to_string().contains("is not a key"));
    }

    #[test]
    fn two_who_need_the_key_at_once_get_the_same() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().display().to_string();
        let made = || key(&UserState::find(|_| Some(path.clone())).unwrap()).unwrap().mac(b"x");
        let macs: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(made)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(macs.iter().all(|mac| *mac == macs[0]), "{macs:?}");
    }

    #[test]
    fn a_seal_speaks_for_all_that_was_written_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        let write = |chain: &mut Chain, key: &[u8], lines: &[&str]| {
            let mut seals = Seals::open(&dir, Sealer::new(MacKey::new(key), run())).unwrap();
            for line in lines {
                chain.take(line.as_bytes());
                seals.write(&seals.line(chain)).unwrap();
            }
        };
        let seal = |text: &str| {
            let mut chain = Chain::default();
            chain.take(text.as_bytes());
            Seal::read(&dir, &chain)
        };
        let is_own = |text: &str| seal(text).is_of(&MacKey::new(b"k"), &run());
        assert!(!is_own("a\nb\n"), "nothing is sealed");
        let mut chain = Chain::default();
        write(&mut chain, b"k", &["a\n", "b\n"]);
        assert!(is_own("a\nb\n") && is_own("a\n"), "a kill may have left no more");
        assert!(!is_own("c\nb\n") && !is_own("a\nc\n") && !is_own("a\nb\nc\n") && !is_own("b\n"));
        assert!(!seal("a\nb\n").is_of(&MacKey::new(b"other"), &run()));
        assert!(!seal("a\nb\n").is_of(&MacKey::new(b"k"), &RunId::at("20261120_093000", 2)));
        // What another goes on with is the other's, and this user's again when the user has taken it over.
        write(&mut chain, b"other", &["c\n"]);
        assert!(!is_own("a\nb\nc\n"));
        write(&mut chain, b"k", &["d\n"]);
        assert!(is_own("a\nb\nc\nd\n"));
        dir.remove(SEALS).unwrap();
        dir.make_child(SEALS).unwrap();
        assert!(!is_own("a\n"), "no file is no seal");
    }
}
