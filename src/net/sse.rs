//! Decodes Server-Sent Events from chunks of bytes, wherever the chunks are cut.
//!
//! The format is <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>, with one
//! difference: what is left at the end without its blank line is not dropped but handed out, because the caller has to
//! tell a stream that ended from one that was cut. Knows nothing of what the data means.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// The most bytes that one event, or one line, may have. An event of a model has some hundred; the cap is as low as it
/// is because JSON that is made for it takes a hundred times its size once it is parsed.
pub(crate) const MAX_EVENT_BYTES: usize = 2 * 1024 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One event, in the decoder's buffers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event` field; empty when there was none.
    pub name: Cow<'a, str>,
    /// The `data` fields, joined by line feeds. Bytes that are not UTF-8 have become U+FFFD.
    pub data: Cow<'a, str>,
}

/// An event or a line has more than [`MAX_EVENT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {} MiB", MAX_EVENT_BYTES / 1024 / 1024)]
pub(crate) struct TooLong;

/// The decoder. Every byte is looked at once, so its time is linear even in a line that comes in many chunks.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The bytes of the line that is not ended yet.
    line: Vec<u8>,
    /// Whether the last line ended in CR, so that an LF now belongs to it.
    after_cr: bool,
    /// Whether a line has ended: only the first one can begin with a byte order mark.
    begun: bool,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// Whether the event in the buffers has been handed out.
    handed_out: bool,
}

impl Decoder {
    /// Takes bytes off the front of `chunk` until they complete an event, and answers that; `None` when all of `chunk`
    /// is taken.
    ///
    /// # Errors
    /// [`TooLong`], after which the decoder is of no more use.
    pub(crate) fn next(&mut self, chunk: &mut &[u8]) -> Result<Option<Event<'_>>, TooLong> {
        self.clear_handed_out();
        while let Some(&first) = chunk.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                *chunk = &chunk[1..];
                continue;
            }
            let end = memchr2(b'\n', b'\r', chunk);
            let (part, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
            if self.line.len() + self.data.len() + part.len() > MAX_EVENT_BYTES {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            *chunk = rest;
            if let Some((&newline, rest)) = rest.split_first() {
                self.after_cr = newline == b'\r';
                *chunk = rest;
                if self.end_line() {
                    self.handed_out = true;
                    return Ok(Some(self.event()));
                }
            }
        }
        Ok(None)
    }

    /// Ends the stream. `None` when it ended between two events; otherwise it was cut, and this is as much of the
    /// last event as had come.
    #[must_use]
    pub(crate) fn finish(&mut self) -> Option<Event<'_>> {
        self.clear_handed_out();
        if !self.line.is_empty() {
            self.end_line();
            self.has_data = true;
        }
        (self.has_data || !self.name.is_empty()).then(|| self.event())
    }

    /// Whether the line ends an event that has data.
    fn end_line(&mut self) -> bool {
        let mut buffer = std::mem::take(&mut self.line);
        let bom = if self.begun { None } else { buffer.strip_prefix(BOM) };
        let ends_event = self.read_line(bom.unwrap_or(&buffer));
        self.begun = true;
        buffer.clear();
        self.line = buffer;
        ends_event
    }

    fn read_line(&mut self, line: &[u8]) -> bool {
        if line.is_empty() {
            let has_data = !self.data.is_empty();
            if !has_data {
                self.clear();
            }
            return has_data;
        }
        let colon = memchr(b':', line).unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            // A comment, which servers send to show that they are still there, or a field that says nothing to us.
            _ => {}
        }
        false
    }

    fn event(&self) -> Event<'_> {
        Event { name: text(&self.name), data: text(&self.data) }
    }

    fn clear_handed_out(&mut self) {
        if std::mem::take(&mut self.handed_out) {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.name.clear();
        self.data.clear();
        self.has_data = false;
    }
}

/// Faster than `from_utf8_lossy` alone where the text is valid.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> Event<'static> {
        Event { name: name.to_owned().into(), data: data.to_owned().into() }
    }

    /// The events of a stream that comes in chunks of `size` bytes, and what is left of it.
    fn decode(bytes: &[u8], size: usize) -> (Vec<Event<'static>>, Option<Event<'static>>) {
        let owned = |it: Event<'_>| event(&it.name, &it.data);
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for mut chunk in bytes.chunks(size) {
            while let Some(next) = decoder.next(&mut chunk).unwrap() {
                events.push(owned(next));
            }
        }
        (events, decoder.finish().map(owned))
    }

    #[test]
    fn every_form_of_an_event_is_read_wherever_it_is_cut() {
        let data = |text: &str| vec![event("", text)];
        for (bytes, expected) in [
            (&b"data: a\n\n"[..], data("a")),
            (b"data:a\r\n\r\n", data("a")),
            (b"data: a\r\r", data("a")),
            (b"\xEF\xBB\xBFdata: a\n\n", data("a")),
            (b"data:  two spaces\n\n", data(" two spaces")),
            (b"data: a\ndata: b\n\n", data("a\nb")),
            (b"data\ndata: b\n\n", data("\nb")),
            (b"id: 7\nretry: 10\nunknown: x\ndata: a\n\n", data("a")),
            (b"data: \xC3\xA9\n\n", data("\u{e9}")),
            (b"data: \xFF!\n\n", data("\u{FFFD}!")),
            (b"data: a\0b\n\n", data("a\0b")),
            (b"event: ping\n\ndata: a\n\n", data("a")),
            (b"data:\n\n\n", vec![]),
            (b": ping\n\n:\n", vec![]),
            (b"event: x\ndata: a\n\n", vec![event("x", "a")]),
            (b"event: x\ndata: a\n\n\ndata: b\n\n", vec![event("x", "a"), event("", "b")]),
        ] {
            for size in 1..=bytes.len() {
                let text = String::from_utf8_lossy(bytes);
                assert_eq!(decode(bytes, size), (expected.clone(), None), "{text:?} in chunks of {size}");
            }
        }
    }

    #[test]
    fn a_stream_that_was_cut_is_told_from_one_that_ended() {
        for (bytes, left) in [
            (&b"data: a\n\n"[..], None),
            (b"data: a\n\n: bye\n", None),
            (b"data: a", Some(event("", "a"))),
            (b"data: a\n", Some(event("", "a"))),
            (b"event: x\ndata: {\"a\"", Some(event("x", "{\"a\""))),
            (b"dat", Some(event("", ""))),
        ] {
            assert_eq!(decode(bytes, 3).1, left, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_event_without_end_is_refused_in_linear_time() {
        let mut decoder = Decoder::default();
        let mut pushes = |bytes: &[u8]| decoder.next(&mut &*bytes).map(|event| assert_eq!(event, None));
        pushes(b"data: ").unwrap();
        let chunk = vec![b'x'; 1024];
        let pushed = (0..).map_while(|_| pushes(&chunk).ok()).count();
        assert_eq!(pushed, MAX_EVENT_BYTES / 1024 - 1);

        let mut decoder = Decoder::default();
        let line = [&b"data: "[..], &chunk, b"\n"].concat();
        assert!((0..=MAX_EVENT_BYTES / 1024).any(|_| decoder.next(&mut &*line) == Err(TooLong)));
    }
}
