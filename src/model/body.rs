//! Reads a body into a draft, whether the server streams events, streams lines of JSON, or answers with one JSON document.
//!
//! Knows the packagings; what is inside of them is the wire's to say.

use memchr::{memchr, memchr_iter};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::model::reply_builder::ReplyBuilder;
use crate::model::status::Report;
use crate::model::wire::{DecodeError, Wire};
use crate::net::sse;

/// The most bytes of a body that is one JSON document: more than the longest answer of today's models, and little enough
/// that memory holds it parsed, where JSON that is made for it takes a hundred times its size.
pub(super) const MAX_DOCUMENT_BYTES: usize = 2 * 1024 * 1024;

/// How much of a body is kept to be shown when it turns out to be none. More than is shown, so that a secret is
/// recognized that the end of what is shown would have cut in two.
const HEAD_BYTES: usize = 2048;

/// The most bytes of an error that stands in a stream without being an event.
const MAX_STRAY_BYTES: usize = 64 * 1024;

/// A body that is being read.
pub(super) struct Body<'a> {
    wire: &'a dyn Wire,
    /// Whether the server says that it streams events.
    declared_stream: bool,
    /// Whether the server says that it streams lines.
    declared_lines: bool,
    head: Vec<u8>,
    form: Form,
}

enum Form {
    /// Nothing but blanks has come.
    Unknown,
    Stream {
        decoder: sse::Decoder,
        events: usize,
        /// Whether what comes next begins a line.
        at_line_start: bool,
        /// What follows a line that begins with a bracket, as no line of an event does. It is how Google breaks off:
        /// <https://github.com/googleapis/js-genai/blob/main/src/_api_client.ts>.
        stray: Vec<u8>,
    },
    /// JSON documents, one a line: <https://github.com/ndjson/ndjson-spec>. This is the line that is not ended yet.
    Lines(Vec<u8>),
    Document(Vec<u8>),
}

impl<'a> Body<'a> {
    /// A body that `wire` decodes, with its `Content-Type`.
    pub(super) fn new(wire: &'a dyn Wire, content_type: Option<&str>) -> Self {
        let declares = |kinds: &[&str]| content_type.is_some_and(|it| kinds.iter().any(|kind| it.starts_with(kind)));
        Self {
            wire,
            declared_stream: declares(&["text/event-stream"]),
            declared_lines: declares(&["application/x-ndjson", "application/ndjson", "application/jsonl"]),
            head: Vec::with_capacity(HEAD_BYTES),
            form: Form::Unknown,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// What the wire says, or a body that is too long to be kept.
    pub(super) fn push(&mut self, bytes: &[u8], draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let room = HEAD_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.take(bytes, draft)
    }

    fn take(&mut self, bytes: &[u8], draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        match &mut self.form {
            Form::Unknown => {
                let Some(start) = bytes.iter().position(|&byte| !is_blank(byte)) else { return Ok(()) };
                self.form = if self.is_stream(bytes[start]) {
                    Form::Stream { decoder: sse::Decoder::default(), events: 0, at_line_start: false, stray: vec![] }
                } else if self.declared_lines && bytes[start] == b'{' {
                    Form::Lines(Vec::new())
                } else {
                    Form::Document(Vec::new())
                };
                self.take(&bytes[start..], draft)
            }
            Form::Stream { .. } => self.push_events(bytes, draft),
            Form::Lines(_) => self.push_lines(bytes, draft),
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
    pub(super) fn finish(mut self, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        match std::mem::replace(&mut self.form, Form::Unknown) {
            Form::Unknown => Err(DecodeError::unreadable("is empty", "")),
            Form::Document(document) => self.wire.decode_body(&String::from_utf8_lossy(&document), draft),
            // The line feed after the last line is what a careless server forgets. Half a line is another thing.
            Form::Lines(line) if is_whole(&String::from_utf8_lossy(&line)) => self.read_line(&line, draft),
            Form::Lines(_) => Ok(()),
            Form::Stream { mut decoder, events, stray, .. } => match (report_in(&stray), decoder.finish()) {
                (Some(report), _) => Err(DecodeError::Reported(report)),
                // The blank line after the last event is what a careless server forgets. Half an event is another thing.
                (None, Some(last)) if is_whole(&last.data) => self.wire.decode_event(&last, draft),
                _ if events == 0 && !self.declared_stream => Err(self.unreadable("is neither JSON nor a stream")),
                _ => Ok(()),
            },
        }
    }

    fn push_events(&mut self, mut bytes: &[u8], draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let Form::Stream { decoder, events, at_line_start, stray } = &mut self.form else { return Ok(()) };
        let begin = if stray.is_empty() { stray_json(bytes, *at_line_start) } else { Some(0) };
        let room = MAX_STRAY_BYTES.saturating_sub(stray.len());
        stray.extend(begin.into_iter().flat_map(|at| &bytes[at..]).take(room));
        *at_line_start = bytes.last().map_or(*at_line_start, |last| matches!(last, b'\n' | b'\r'));
        let too_long = |error| DecodeError::unreadable(format!("cannot be read: {error}"), "");
        while let Some(event) = decoder.next(&mut bytes).map_err(too_long)? {
            if !draft.done {
                *events += 1;
                self.wire.decode_event(&event, draft)?;
            }
        }
        Ok(())
    }

    fn push_lines(&mut self, mut bytes: &[u8], draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let Form::Lines(rest) = &mut self.form else { return Ok(()) };
        let mut line = std::mem::take(rest);
        loop {
            let end = memchr(b'\n', bytes).unwrap_or(bytes.len());
            if line.len() + end > sse::MAX_EVENT_BYTES {
                return Err(self.unreadable("has a line that is longer than 2 MiB"));
            }
            line.extend_from_slice(&bytes[..end]);
            if end == bytes.len() {
                break;
            }
            bytes = &bytes[end + 1..];
            self.read_line(&line, draft)?;
            line.clear();
        }
        self.form = Form::Lines(line);
        Ok(())
    }

    fn read_line(&self, line: &[u8], draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let data = String::from_utf8_lossy(line);
        if draft.done || data.trim().is_empty() {
            return Ok(());
        }
        self.wire.decode_event(&sse::Event { name: "".into(), data }, draft)
    }

    /// The first character tells more than the content type, which many servers leave at whatever their framework
    /// says: a stream begins with the name of a field or with a comment, and never with what begins a JSON document.
    fn is_stream(&self, first: u8) -> bool {
        match first {
            b'{' | b'[' | b'<' => false,
            _ => self.declared_stream || matches!(first, b'd' | b'e' | b'i' | b'r' | b':'),
        }
    }

    fn unreadable(&self, why: &str) -> DecodeError {
        DecodeError::unreadable(why, &String::from_utf8_lossy(&self.head))
    }
}

/// Whether a byte in front of the body says nothing: a blank, which some servers send to stay connected, or a part of
/// a byte order mark.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"\xEF\xBB\xBF".contains(&byte)
}

/// Where a line begins with a bracket.
fn stray_json(bytes: &[u8], at_line_start: bool) -> Option<usize> {
    let is_bracket = |at: usize| matches!(bytes.get(at), Some(b'{' | b'['));
    let first = (at_line_start && is_bracket(0)).then_some(0);
    first.or_else(|| memchr_iter(b'\n', bytes).map(|end| end + 1).find(|&at| is_bracket(at)))
}

/// The error that a stream ends with in place of an event.
fn report_in(stray: &[u8]) -> Option<Report> {
    Report::find(&serde_json::from_slice::<Value>(stray).ok()?)
}

fn is_whole(data: &str) -> bool {
    let data = data.trim();
    data == "[DONE]" || serde_json::from_str::<IgnoredAny>(data).is_ok()
}
