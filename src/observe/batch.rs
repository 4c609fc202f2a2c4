//! Lines that go out in one piece for all records that became durable together.
//!
//! A system call for each line costs more than the line. Knows nothing of what the lines say.

use std::io::{self, Write};

use crate::observe::retry_writer::RetryWriter;

/// Lines that wait for the end of their batch.
pub(crate) struct Batch<W> {
    out: RetryWriter<W>,
    waiting: Vec<u8>,
}

impl<W: Write> Batch<W> {
    /// None yet, for `out`.
    pub(crate) fn new(out: W) -> Self {
        Self { out: RetryWriter(out), waiting: Vec::new() }
    }

    /// Where lines are added, each with its newline.
    pub(crate) fn lines(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Sends all that wait: whole lines in one write, so that those of processes that share a log do not mix.
    pub(crate) fn send(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let sent = self.out.write_all(&self.waiting).and_then(|()| self.out.flush());
        self.waiting.clear();
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it is written to.
    #[derive(Default)]
    struct Counting {
        written: Vec<u8>,
        writes: u32,
    }

    impl Write for Counting {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes += 1;
            self.written.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_batch_is_one_write_and_an_empty_one_is_none() {
        let mut batch = Batch::new(Counting::default());
        for _ in 0..2 {
            batch.lines().extend(b"one\n");
            batch.lines().extend(b"two\n");
            batch.send().unwrap();
            batch.send().unwrap();
        }
        assert_eq!((batch.out.0.written.as_slice(), batch.out.0.writes), (&b"one\ntwo\none\ntwo\n"[..], 2));
    }
}
