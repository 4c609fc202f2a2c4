//! Orchestras of other tools in our format: from their texts to ours. One file a format, which knows the keys of that
//! tool and what stands for them here; what has no counterpart becomes a comment that begins with [`LEFT_OUT`].
//!
//! Knows no file: texts are given. Nothing of them is carried out, and no value that may be a key is taken over.

mod foreign;
mod inputs;
mod models;
mod outline;
mod python;
mod servers;

pub(crate) mod cagent;
pub(crate) mod crewai;
pub(crate) mod goose;
pub(crate) mod superoptix;

/// How a comment begins about a thing that has no counterpart here.
pub(crate) const LEFT_OUT: &str = "Left out:";

/// How many things of the original a text says to have left out.
#[must_use]
pub(crate) fn left_out(text: &str) -> usize {
    text.lines()
        .filter(|line| line.trim_start().strip_prefix("# ").is_some_and(|note| note.starts_with(LEFT_OUT)))
        .count()
}

#[cfg(test)]
mod tests;
