//! Reads a body into a draft, whether the server streams events or answers with one JSON document.
//!
//! Knows the two packagings; what is inside of them is the wire's to say.

use serde::de::IgnoredAny;

use crate::provider::draft::Draft;
use crate::provider::wire::{Fault, Wire};
use crate::sse;

/// The most bytes of a body that is one JSON document: more than the longest answer of today's models, and little enough
/// that memory holds it parsed, where JSON that is made for it takes a hundred times its size.
pub const MAX_DOCUMENT_BYTES: usize = 2 * 1024 * 1024;

/// How much of a body is kept to be shown when it turns out to be none. More than is shown, so that a secret is
/// recognized that the end of what is shown would have cut in two.
const HEAD_BYTES: usize = 2048;

/// A body that is being read.
pub struct Body<'a> {
    wire: &'a dyn Wire,
    /// Whether the server says that it streams.
    declared_stream: bool,
    head: Vec<u8>,
    form: Form,
}

enum Form {
    /// Nothing but blanks has come.
    Unknown,
    Stream {
        decoder: sse::Decoder,
        events: usize,
    },
    Document(Vec<u8>),
}

impl<'a> Body<'a> {
    /// A body that `wire` decodes, with its `Content-Type`.
    pub fn new(wire: &'a dyn Wire, content_type: Option<&str>) -> Self {
        let declared_stream = content_type.is_some_and(|kind| kind.starts_with("text/event-stream"));
        Self { wire, declared_stream, head: Vec::with_capacity(HEAD_BYTES), form: Form::Unknown }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// What the wire says, or a body that is too long to be kept.
    pub fn push(&mut self, bytes: &[u8], draft: &mut Draft) -> Result<(), Fault> {
        let room = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.take(bytes, draft)
    }

    fn take(&mut self, bytes: &[u8], draft: &mut Draft) -> Result<(), Fault> {
        match &mut self.form {
            Form::Unknown => {
                let Some(start) = bytes.iter().position(|&byte| !is_blank(byte)) else { return Ok(()) };
                self.form = if self.is_stream(bytes[start]) {
                    Form::Stream { decoder: sse::Decoder::default(), events: 0 }
                } else {
                    Form::Document(Vec::new())
                };
                self.take(&bytes[start..], draft)
            }
            Form::Stream { .. } => self.push_events(bytes, draft),
            Form::Document(document) => {
                document.extend_from_slice(bytes);
                if document.len() > MAX_DOCUMENT_BYTES {
                    return Err(self.unreadable("is longer than 2 MiB"));
                }
                Ok(())
            }
        }
    }

    /// Ends the body.
    ///
    /// # Errors
    /// What the wire says, or a body that is neither a stream nor a document.
    pub fn finish(mut self, draft: &mut Draft) -> Result<(), Fault> {
        match std::mem::replace(&mut self.form, Form::Unknown) {
            Form::Unknown => Err(Fault::unreadable("is empty", "")),
            Form::Document(document) => self.wire.decode_body(&String::from_utf8_lossy(&document), draft),
            Form::Stream { mut decoder, events } => match decoder.finish() {
                // The blank line after the last event is what a careless server forgets. Half an event is another thing.
                Some(last) if is_whole(&last.data) => self.wire.decode_event(&last, draft),
                _ if events == 0 && !self.declared_stream => Err(self.unreadable("is neither JSON nor a stream")),
                _ => Ok(()),
            },
        }
    }

    fn push_events(&mut self, mut bytes: &[u8], draft: &mut Draft) -> Result<(), Fault> {
        let Form::Stream { decoder, events } = &mut self.form else { return Ok(()) };
        let too_long = |error| Fault::unreadable(format!("cannot be read: {error}"), "");
        while let Some(event) = decoder.next(&mut bytes).map_err(too_long)? {
            if !draft.done {
                *events += 1;
                self.wire.decode_event(&event, draft)?;
            }
        }
        Ok(())
    }

    /// The first character tells more than the content type, which many servers leave at whatever their framework
    /// says: a stream begins with the name of a field or with a comment, and never with what begins a JSON document.
    fn is_stream(&self, first: u8) -> bool {
        match first {
            b'{' | b'[' | b'<' => false,
            _ => self.declared_stream || matches!(first, b'd' | b'e' | b'i' | b'r' | b':'),
        }
    }

    fn unreadable(&self, why: &str) -> Fault {
        Fault::unreadable(why, &String::from_utf8_lossy(&self.head))
    }
}

/// Whether a byte in front of the body says nothing: a blank, which some servers send to stay connected, or a part of
/// a byte order mark.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"\xEF\xBB\xBF".contains(&byte)
}

fn is_whole(data: &str) -> bool {
    let data = data.trim();
    data == "[DONE]" || serde_json::from_str::<IgnoredAny>(data).is_ok()
}
