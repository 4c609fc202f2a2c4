//! The lines in which two texts differ.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// Two texts.
pub(super) struct Lines {
    before: String,
    after: String,
}

/// After this the shortest difference is no longer looked for: megabytes that have nothing in common would take hours.
const PATIENCE: Duration = Duration::from_secs(5);

impl Lines {
    pub(super) fn new(before: String, after: String) -> Self {
        Self { before, after }
    }

    fn compare(&self) -> TextDiff<'_, '_, str> {
        TextDiff::configure().timeout(PATIENCE).diff_lines(self.before.as_str(), self.after.as_str())
    }

    /// `+3 -1 lines`
    pub(super) fn count(&self) -> String {
        let (mut added, mut removed) = (0, 0);
        for change in self.compare().iter_all_changes() {
            match change.tag() {
                ChangeTag::Insert => added += 1,
                ChangeTag::Delete => removed += 1,
                ChangeTag::Equal => {}
            }
        }
        format!("+{added} -{removed} lines")
    }

    /// The changed lines with a few around them, as `diff -u` writes them.
    pub(super) fn unified(&self, before: &str, after: &str) -> String {
        self.compare().unified_diff().header(before, after).to_string()
    }
}
