//! The events of a run as JSON lines, one record a line, for programs.
//!
//! The lines are those of the journal. Knows nothing of what the events mean.

use std::io::{self, Write};

use crate::event::Record;
use crate::history::History;
use crate::observe::Observer;
use crate::observe::patient::Patient;

/// Writes each record as a line of JSON, and flushes it.
pub struct JsonLines<W> {
    out: Patient<W>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`, which is standard output outside tests.
    pub fn new(out: W) -> Self {
        Self { out: Patient(out) }
    }
}

impl<W: Write> Observer for JsonLines<W> {
    fn see(&mut self, record: &Record, _: &History) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunStatus;
    use crate::story::Story;

    #[test]
    fn each_line_is_a_record() {
        let story = Story::of(&[("a", "b")]).plays("a", "m/m").finished(RunStatus::Succeeded);
        let mut written = Vec::new();
        let mut json = JsonLines::new(&mut written);
        for record in &story.records {
            json.see(record, &story.history).unwrap();
        }
        let text = String::from_utf8(written).unwrap();
        let read: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, story.records);
    }
}
