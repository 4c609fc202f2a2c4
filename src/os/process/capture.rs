//! Keeps the beginning of a stream and reads the rest to nowhere, so that its writer never has to wait.

use tokio::io::{AsyncRead, AsyncReadExt};

/// How many bytes are read at once: as many as a pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;

/// The beginning of a stream.
pub(super) struct Capture {
    /// What is kept.
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub cut: bool,
    limit: usize,
}

impl Capture {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), cut: false, limit }
    }

    /// Reads a stream to its end. One that breaks off ends there. It can be left at any time: what has been read stays.
    pub(super) async fn fill(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            let kept = read.min(self.limit - self.bytes.len());
            self.bytes.extend_from_slice(&chunk[..kept]);
            self.cut |= kept < read;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_beginning_is_kept_and_the_rest_is_read() {
        for (limit, kept, cut) in [(0, 0, true), (10, 10, true), (200_000, 200_000, false), (300_000, 200_000, false)] {
            let mut capture = Capture::new(limit);
            let mut stream = tokio::io::repeat(b'x').take(200_000);
            capture.fill(Some(&mut stream)).await;
            assert_eq!((capture.bytes.len(), capture.cut), (kept, cut), "{limit}");
            assert_eq!(stream.limit(), 0);
        }
    }
}
