//! Which runs of a project this user has made. What came with a checkout, or from another user, is there to be looked at
//! and decides nothing.

use std::io;

use crate::engine::trust::{Trust, user_state};
use crate::model::settings::Settings;
use crate::store::journal::Contents;
use crate::store::project::Project;
use crate::store::seal::{Seal, existing_key, key};
use crate::words::digest::MacKey;
use crate::words::id::RunId;

/// Tells the user's own runs from others.
#[derive(Debug)]
pub(crate) struct Provenance {
    key: Option<MacKey>,
    vouched: bool,
}

impl Provenance {
    /// For whoever looks. Makes no key: whoever has none has made nothing here. One that cannot be read is none.
    #[must_use]
    pub(crate) fn of(project: &Project, settings: &Settings) -> Self {
        let key = user_state(project, settings).and_then(|state| existing_key(&state));
        Self { key: key.unwrap_or_default(), vouched: false }
    }

    #[cfg(test)]
    pub(crate) fn with_key(key: MacKey) -> Self {
        Self { key: Some(key), vouched: false }
    }

    /// The same where the caller may vouch for everything in the project.
    #[must_use]
    pub(super) fn trusting(self, trust: &Trust) -> Self {
        Self { vouched: matches!(trust, Trust::All), ..self }
    }

    /// Whether a run is the user's own, by its seal.
    #[must_use]
    pub(crate) fn is_own(&self, run: &RunId, seal: Option<&Seal>) -> bool {
        self.vouched || self.key.as_ref().zip(seal).is_some_and(|(key, seal)| seal.is_of(key, run))
    }

    /// Whether a run is the user's own, by its journal.
    #[must_use]
    pub(super) fn has_made(&self, run: &RunId, contents: &Contents) -> bool {
        self.is_own(run, Some(&contents.seal))
    }
}

/// The user's key, with which a run is sealed; made at the first use.
///
/// # Errors
/// If the user has no folder outside of the project that can be written.
pub(super) fn own_key(project: &Project, settings: &Settings) -> io::Result<MacKey> {
    key(&user_state(project, settings)?)
}
