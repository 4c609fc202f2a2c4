//! Names for what was called otherwise elsewhere.

use std::collections::HashSet;

use crate::words::id::{MAX_NAME_BYTES, Name};

/// The names that are given away. Case does not tell names apart, since some file systems do not.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// A name that can be a task's or an agent's, as near to `wanted` as may be, and that none has; `owner` is a name
    /// that tells it apart from others of the same words.
    pub(crate) fn take(&mut self, wanted: &str, owner: &str) -> String {
        let named = near(wanted);
        let by_owner = format!("{}_{owner}", cut(&named, MAX_NAME_BYTES / 2));
        let numbered = (2..).map(|n| format!("{}_{n}", cut(owner, MAX_NAME_BYTES / 2)));
        let mut candidates = [cut(&named, MAX_NAME_BYTES).to_owned(), cut(&by_owner, MAX_NAME_BYTES).to_owned()]
            .into_iter()
            .chain(numbered);
        // The numbers do not end, so one is always found.
        let name = candidates.find(|name| Name::new(name).is_ok() && !self.0.contains(&name.to_lowercase()));
        let name = name.unwrap_or_default();
        self.0.insert(name.to_lowercase());
        name
    }
}

/// The text with `_` in place of what no name may hold; not always a name yet.
fn near(wanted: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    Name::new(wanted).map_or_else(
        |_| wanted.chars().map(safe).skip_while(|c| !c.is_ascii_alphanumeric()).collect(),
        |name| name.to_string(),
    )
}

/// The beginning of an ASCII text.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..bytes).unwrap_or(text)
}
