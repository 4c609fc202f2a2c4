//! Cassettes: files of what models answered. A wrapper around a model records, another model replays.
//!
//! A cassette is a file of JSON lines that people commit beside their tests. So it is read strictly: a line that is
//! damaged is reported by its number and never skipped. What it holds has passed the redactor before it comes here.

mod record;
mod recorder;
mod replay;

pub(crate) use recorder::{Recorded, Recorder};
pub(crate) use replay::{Cassette, CassetteError, Replayed};

/// The version of the format. A file with a higher one is refused.
pub(crate) const VERSION: u32 = 1;

#[cfg(test)]
mod tests;
