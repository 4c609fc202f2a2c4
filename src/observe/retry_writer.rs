//! Writing to a pipe that somebody else has made non-blocking.
//!
//! A program that shares a pipe with orch can set `O_NONBLOCK` on it for both; a full pipe is an error then and not a
//! wait. Knows nothing of what is written.

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

/// Between two tries; a reader empties a pipe of 64 KiB in less.
const PAUSE: Duration = Duration::from_millis(2);

/// After this long without a byte taken (10 s), the reader is taken for dead.
const TRIES: u32 = 5_000;

/// A writer that waits where the one inside says that it would block.
pub(crate) struct RetryWriter<W>(pub W);

impl<W: Write> Write for RetryWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        retry(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        retry(|| self.0.flush())
    }
}

fn retry<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..TRIES {
        match act() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            done => return done,
        }
    }
    act()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes at every second try.
    #[derive(Default)]
    struct Full {
        taken: Vec<u8>,
        tries: u32,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.tries += 1;
            if self.tries % 2 == 1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.taken.write(&bytes[..bytes.len().min(3)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_pipe_loses_nothing() {
        let mut out = RetryWriter(Full::default());
        out.write_all(b"ten bytes.").unwrap();
        assert_eq!(out.0.taken, b"ten bytes.");
    }
}
