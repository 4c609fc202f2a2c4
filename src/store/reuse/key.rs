//! The key that says which results this user's runs have made. It is in the user's own folder, where no project can bring
//! its own.

use std::io;

use crate::os::clock;
use crate::store::reuse::Entry;
use crate::store::user_state::UserState;
use crate::words::digest::{MacKey, Parts};

/// The file of the key in the user's own folder.
const FILE: &str = "reuse.key";
/// As many hex digits as the key has.
const DIGITS: usize = 64;

/// The user's key, made at the first use.
///
/// # Errors
/// If it can be neither read nor made, or what stands there is none.
pub(crate) fn key(state: &UserState) -> io::Result<MacKey> {
    let text = match state.read(FILE)? {
        Some(text) => text,
        None => state.write_once(FILE, &format!("{}\n", clock::random_key()?))?,
    };
    let digits = text.trim();
    if digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(MacKey::new(digits.as_bytes()));
    }
    let path = state.file(FILE);
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a key; remove it", path.display())))
}

/// The keyed digest of an entry: of all that decides whether and for what it is used again.
pub(super) fn mac(key: &MacKey, entry: &Entry) -> String {
    let mut digest = Parts::default();
    digest.field("key", &entry.key);
    digest.field("run", entry.run.as_str());
    digest.field("task", entry.task.as_str());
    digest.field("sha256", &entry.sha256);
    digest.field("made_at_ms", &entry.made_at_ms.to_string());
    for read in &entry.reads {
        digest.field("read", &read.tool);
        digest.field("arguments", &read.arguments.to_string());
        digest.field("sha256", &read.sha256);
    }
    for (path, sha256) in &entry.files {
        digest.field("file", path);
        digest.field("sha256", sha256);
    }
    key.mac(digest.hex(32).as_bytes())
}
