//! The events of a run as JSON lines, one record a line, for programs.
//!
//! The lines are those of the journal. Knows nothing of what the events mean.

use std::io::{self, Write};

use crate::observe::Observer;
use crate::observe::batch::Batch;
use crate::run::history::History;
use crate::words::event::Record;

/// Writes each record as a line of JSON.
pub(crate) struct JsonLines<W> {
    out: Batch<W>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`, which is standard output outside tests.
    pub(crate) fn new(out: W) -> Self {
        Self { out: Batch::new(out) }
    }
}

impl<W: Write + Send> Observer for JsonLines<W> {
    fn see(&mut self, record: &Record, _: &History) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out.lines(), record)?;
        self.out.lines().push(b'\n');
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
    use crate::words::event::RunStatus;

    #[test]
    fn each_line_is_a_record() {
        let story = RunBuilder::of(&[("a", "b")]).plays("a", "m/m").finished(RunStatus::Succeeded);
        let mut written = Vec::new();
        let mut json = JsonLines::new(&mut written);
        for record in &story.records {
            json.see(record, &story.history).unwrap();
        }
        json.close().unwrap();
        let text = String::from_utf8(written).unwrap();
        let read: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, story.records);
    }
}
