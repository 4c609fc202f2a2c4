//! What a server writes on its standard output, with what is too long taken out while it is read.
//!
//! Knows that there is one JSON-RPC message a line, and nothing of what it means. A long text within a message is cut,
//! so that the message stays whole; a message that is long all the same is replaced by an error with its id, so that
//! the call which waits for it ends. However much a server writes, no more than [`MAX_LINE_BYTES`] of it are kept.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The longest text within a message, in bytes as they are written.
pub(super) const MAX_TEXT_BYTES: usize = 8 * 1024 * 1024;

/// The longest message, in bytes. The SDK drops longer ones without a word.
const MAX_LINE_BYTES: usize = 15 * 1024 * 1024;

/// Stands at the end of a text that was cut. No server writes it by chance.
const CUT: &str = "\u{2026}[orch reads no further]";

/// The longest id of a message that is looked for, in bytes as it is written.
const MAX_ID_BYTES: usize = 256;

const CHUNK_BYTES: usize = 64 * 1024;

/// Whether some text in this one was cut.
pub(super) fn was_cut(text: &str) -> bool {
    text.len() > MAX_TEXT_BYTES / 6 && text.contains(CUT)
}

/// Reads what `inner` gives, shortened.
pub(super) struct Shortened<R> {
    inner: R,
    chunk: Box<[u8]>,
    shortener: Shortener,
    /// How much of what is ready was handed out.
    handed_out: usize,
}

impl<R> Shortened<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, chunk: vec![0; CHUNK_BYTES].into(), shortener: Shortener::default(), handed_out: 0 }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Shortened<R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.handed_out == this.shortener.ready.len() {
            this.shortener.ready.clear();
            this.handed_out = 0;
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.shortener.push(chunk.filled());
        }
        let rest = &this.shortener.ready[this.handed_out..];
        let given = rest.len().min(into.remaining());
        into.put_slice(&rest[..given]);
        this.handed_out += given;
        Poll::Ready(Ok(()))
    }
}

/// Takes lines in pieces and gives whole ones.
#[derive(Default)]
struct Shortener {
    /// Whole lines, to be handed out.
    ready: Vec<u8>,
    /// What is kept of the line that is being read.
    line: Vec<u8>,
    /// How much of it was read.
    length: usize,
    /// How deep its brackets are open.
    depth: usize,
    text: Option<Text>,
    id: Id,
}

/// A text within a message, of which the end has not come.
#[derive(Default)]
struct Text {
    /// How many bytes of it were read.
    length: usize,
    /// Whether the next character is escaped.
    is_escaped: bool,
    /// How many digits of `\u` are still to come.
    digits: u8,
    is_cut: bool,
}

/// The id of a message, which stands before or behind its result.
#[derive(Default)]
struct Id {
    state: IdState,
    /// As much as was read of a member's name, or of the id.
    read: Vec<u8>,
}

#[derive(Default, PartialEq)]
enum IdState {
    /// At the top of a message, before a name or behind a value.
    #[default]
    Elsewhere,
    InName,
    BehindName,
    InValue,
    Found,
}

impl Shortener {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            // No text holds a bare end of a line, so that a broken message costs one line.
            if byte == b'\n' {
                self.end_line();
                continue;
            }
            self.length += 1;
            self.id.push(byte, self.depth, self.text.is_some());
            if self.is_kept(byte) && self.line.len() < MAX_LINE_BYTES {
                self.line.push(byte);
            }
        }
    }

    /// Whether a byte is a part of what is kept.
    fn is_kept(&mut self, byte: u8) -> bool {
        let Some(text) = &mut self.text else {
            match byte {
                b'"' => self.text = Some(Text::default()),
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            return true;
        };
        if byte == b'"' && !text.is_escaped {
            let is_cut = text.is_cut;
            self.text = None;
            if is_cut {
                self.line.extend_from_slice(CUT.as_bytes());
            }
            return true;
        }
        text.length += 1;
        // Between two characters, and not within an escape.
        let is_border = !text.is_escaped && text.digits == 0 && byte & 0xc0 != 0x80;
        text.is_cut |= is_border && text.length > MAX_TEXT_BYTES;
        text.digits = if text.is_escaped && byte == b'u' { 4 } else { text.digits.saturating_sub(1) };
        text.is_escaped = byte == b'\\' && !text.is_escaped;
        !text.is_cut
    }

    fn end_line(&mut self) {
        if self.line.len() < MAX_LINE_BYTES {
            self.ready.append(&mut self.line);
            self.ready.push(b'\n');
        } else if let Some(id) = self.id.found() {
            let length = self.length;
            let words = format!("{length} bytes, of which orch reads at most {MAX_LINE_BYTES}");
            let error = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32000,"message":"{words}"}}}}"#);
            self.ready.extend_from_slice(error.as_bytes());
            self.ready.push(b'\n');
        }
        let ready = std::mem::take(&mut self.ready);
        *self = Self { ready, ..Self::default() };
    }
}

impl Id {
    /// Takes the next byte of a message; `depth` and `in_text` say where it stands.
    fn push(&mut self, byte: u8, depth: usize, in_text: bool) {
        match self.state {
            IdState::Found => {}
            IdState::Elsewhere if depth == 1 && !in_text && byte == b'"' => self.state = IdState::InName,
            IdState::Elsewhere => {}
            IdState::InName if byte == b'"' => self.state = IdState::BehindName,
            IdState::InName => self.keep(byte),
            IdState::BehindName if byte == b':' && self.read == b"id" => self.begin(IdState::InValue),
            IdState::BehindName if byte == b' ' => {}
            IdState::BehindName => self.begin(IdState::Elsewhere),
            IdState::InValue if !in_text && matches!(byte, b',' | b'}') => self.state = IdState::Found,
            IdState::InValue => self.keep(byte),
        }
    }

    fn begin(&mut self, state: IdState) {
        self.read.clear();
        self.state = state;
    }

    fn keep(&mut self, byte: u8) {
        if self.read.len() < MAX_ID_BYTES {
            self.read.push(byte);
        }
    }

    /// The id as it is written, if it is one.
    fn found(&self) -> Option<String> {
        if self.state != IdState::Found {
            return None;
        }
        let id: serde_json::Value = serde_json::from_slice(&self.read).ok()?;
        (id.is_string() || id.is_number()).then(|| id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tokio::io::AsyncReadExt;

    fn shortened(chunks: &[&[u8]]) -> String {
        let mut shortener = Shortener::default();
        chunks.iter().for_each(|chunk| shortener.push(chunk));
        String::from_utf8(shortener.ready).unwrap()
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_its_message_stays_whole() {
        for unit in ["x", "ü", "\\n", "\\u00fc", "\\\"", "😀"] {
            let line =
                format!("{{\"result\":{{\"text\":\"a{}\",\"n\":1}},\"id\":7}}\n", unit.repeat(MAX_TEXT_BYTES / 2 + 9));
            let message: Value = serde_json::from_str(&shortened(&[line.as_bytes()])).unwrap();
            let text = message["result"]["text"].as_str().unwrap();
            assert_eq!(was_cut(text), unit.len() > 1, "{unit}");
            assert_eq!((&message["id"], &message["result"]["n"]), (&json!(7), &json!(1)), "{unit}");
        }
    }

    #[test]
    fn a_message_that_is_long_all_the_same_becomes_an_error_with_its_id() {
        let many = vec!["{\"id\":1}"; MAX_LINE_BYTES / 4].join(",");
        for (before, behind, id) in
            [("\"id\":\"a\\\"b\",", "", json!("a\"b")), ("", ",\"jsonrpc\":\"2.0\", \"id\" : 12 ", json!(12))]
        {
            let line = format!("{{{before}\"result\":[{many}]{behind}}}\n{{\"id\":3}}\n");
            let said = shortened(&[line.as_bytes()]);
            let (error, next) = said.split_once('\n').unwrap();
            let error: Value = serde_json::from_str(error).unwrap();
            assert_eq!(error["id"], id);
            assert!(error["error"]["message"].as_str().unwrap().contains("of which orch reads at most 15728640"));
            assert_eq!(next, "{\"id\":3}\n");
        }
    }

    #[tokio::test]
    async fn what_is_read_in_small_pieces_is_whole() {
        let said = b"{\"id\":1}\nnoise\n{\"id\":2}\n";
        let mut read = Vec::new();
        let mut reader = Shortened::new(&said[..]);
        while let Ok(byte) = reader.read_u8().await {
            read.push(byte);
        }
        assert_eq!(read, said);
    }

    proptest! {
        #[test]
        fn what_is_short_is_left_as_it_is(text in "\\PC*", junk in "[^\\n]*", at in 0_usize..64) {
            let said = format!("{}\n{junk}\n", json!({"id": 1, "result": {"text": text, "of": [text, 1]}}));
            let (one, two) = said.as_bytes().split_at(at.min(said.len()));
            prop_assert_eq!(shortened(&[one, two]), said);
        }
    }
}
