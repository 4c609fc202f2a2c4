//! What the requests to a model's server carry besides their body: how the key is sent, and more headers and parameters.
//!
//! Knows the names of variables and never their values.

use std::collections::BTreeMap;

use crate::plan::spec::Auth;
use crate::words::digest::Parts;

/// Bytes of a digest.
const DIGEST_BYTES: usize = 16;

/// What requests carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// How the key is sent; the vendor's own way if left out.
    pub auth: Option<Auth>,
    /// More headers.
    pub headers: BTreeMap<String, Given>,
    /// More parameters of the address.
    pub query: BTreeMap<String, Given>,
}

/// A value, or where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The value.
    Text(String),
    /// The variable that holds it.
    Variable(String),
}

impl Carried {
    /// The variables whose values are sent.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.headers.values().chain(self.query.values()).filter_map(|given| match given {
            Given::Variable(name) => Some(name.as_str()),
            Given::Text(_) => None,
        })
    }

    /// The digest of all that may decide the answer, which are the texts: a header or a parameter may choose what answers.
    /// Variables hold keys, and how a key is sent changes no answer. `None` where there are no texts.
    #[must_use]
    pub(crate) fn digest(&self) -> Option<String> {
        let mut digest = Parts::default();
        let mut is_empty = true;
        for (kind, all) in [("header", &self.headers), ("query", &self.query)] {
            for (name, given) in all {
                if let Given::Text(text) = given {
                    is_empty = false;
                    digest.list(kind, &[name, text]);
                }
            }
        }
        (!is_empty).then(|| digest.hex(DIGEST_BYTES))
    }
}
