//! A run as lines of text, for logs and for terminals that can do no more.

use std::io::{self, Write};

use crate::observe::Observer;
use crate::observe::batch::Batch;
use crate::observe::line::line;
use crate::run::history::History;
use crate::words::event::Record;

/// Writes what [`line()`] says of each record.
pub(crate) struct Plain<W> {
    out: Batch<W>,
    verbose: bool,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`, which is standard error outside tests. `verbose` adds calls, order and times.
    pub(crate) fn new(out: W, verbose: bool) -> Self {
        Self { out: Batch::new(out), verbose }
    }
}

impl<W: Write + Send> Observer for Plain<W> {
    fn see(&mut self, record: &Record, history: &History) -> io::Result<()> {
        if let Some(line) = line(record, history, self.verbose) {
            self.out.lines().extend_from_slice(line.as_bytes());
            self.out.lines().push(b'\n');
        }
        Ok(())
    }

    fn batch_seen(&mut self) -> io::Result<()> {
        self.out.send()
    }

    fn close(&mut self) -> io::Result<()> {
        self.out.send()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;

    #[test]
    fn only_what_there_is_to_say_is_written() {
        let mut written = Vec::new();
        let mut plain = Plain::new(&mut written, false);
        let story = RunBuilder::of(&[("a", "b")]).attempt("a", 1, "m/m");
        plain.see(story.last(), &story.history).unwrap();
        let story = story.call("a", 1, "m/m");
        plain.see(story.last(), &story.history).unwrap();
        plain.batch_seen().unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), "[a] ▶ started (b, m/m)\n");
    }
}
