//! What says of an entry that this user's runs have made it.

use crate::store::reuse::Entry;
use crate::words::digest::{MacKey, Parts};

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
