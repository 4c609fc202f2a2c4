//! How each vendor writes an answer: a row for every wire, by which the server speaks and over which the tests of all
//! wires loop.
//!
//! A row is taken from what the vendor publishes, which its file names. It knows nothing of what orch makes of it.

use orch::plan::spec::Provider;
use orch::words::failure::FailureKind;
use serde_json::{Value, json};

use super::{Act, Seen};

pub(crate) mod anthropic;
pub(crate) mod gemini;
pub(crate) mod ollama;
pub(crate) mod openai;
pub(crate) mod responses;
pub(crate) mod zhipu;

/// Every wire. Zhipu's path ends like OpenAI's, so it comes first.
pub(crate) const ALL: [&Vendor; 6] =
    [&zhipu::ROW, &openai::ROW, &responses::ROW, &anthropic::ROW, &gemini::ROW, &ollama::ROW];

/// How a vendor speaks. A stream is what `begin`, `calls` and `end` give, each value in a `frame`, and `last`.
pub(crate) struct Vendor {
    pub name: &'static str,
    pub provider: Provider,
    /// What a base URL has behind the host.
    pub base: &'static str,
    /// Where an answer is asked for.
    pub path: &'static str,
    /// Where the models are asked for.
    pub models_path: &'static str,
    /// The header with the key, and what stands in front of it.
    pub key: (&'static str, &'static str),
    pub content_type: &'static str,
    /// What a server sends to stay connected.
    pub keepalive: &'static str,
    /// A value as a piece of the stream.
    pub frame: fn(&Value) -> String,
    /// What brings the text, in two pieces, and what comes before it: a thought, where the vendor shows them.
    pub begin: fn(&Said) -> Vec<Value>,
    /// What brings the calls of tools, in pieces where the vendor sends pieces.
    pub calls: fn(&Said) -> Vec<Value>,
    /// The end, with the reason and the usage.
    pub end: fn(&Said) -> Vec<Value>,
    /// What follows the last value.
    pub last: &'static str,
    /// The answer as one document.
    pub whole: fn(&Said) -> Value,
    pub reasons: Reasons,
    /// How many of the ten tokens of a prompt come from the cache.
    pub cached_tokens: u64,
    /// The list of models.
    pub models: fn(&[&str]) -> Value,
    /// What the vendor says when it does not answer.
    pub errors: fn() -> Vec<Trouble>,
}

/// What a model says in one answer.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub text: &'a str,
    pub calls: &'a [Called<'a>],
    /// The vendor's own word for why it stops.
    pub reason: &'a str,
    /// Whether it says what it cost: 10 tokens in, 5 out.
    pub usage: bool,
}

/// A call of a tool, the arguments as the model wrote them.
#[derive(Clone, Copy)]
pub(crate) struct Called<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub arguments: &'a str,
}

/// A vendor's words for why a model stopped.
pub(crate) struct Reasons {
    pub end: &'static str,
    pub calls: &'static str,
    pub limit: &'static str,
    /// For a refusal, where the vendor has a word for it.
    pub refusal: Option<&'static str>,
}

/// An error as the vendor writes it.
pub(crate) struct Trouble {
    pub status: u16,
    pub body: Value,
    /// Its class as the body of an error status.
    pub kind: FailureKind,
    /// Its class inside of a 200, where there is no status to go by.
    pub inside: FailureKind,
}

impl Trouble {
    /// An error that says what it is, so that its class is the same everywhere.
    pub(crate) fn plain(status: u16, body: Value, kind: FailureKind) -> Self {
        Self { status, body, kind, inside: kind }
    }

    /// An error that only its status classes.
    pub(crate) fn vague(status: u16, body: Value, kind: FailureKind) -> Self {
        Self { status, body, kind, inside: FailureKind::Overloaded }
    }
}

impl Called<'_> {
    /// The arguments where the vendor sends JSON and no text.
    fn value(&self) -> Value {
        serde_json::from_str(self.arguments).unwrap_or_else(|_| json!(self.arguments))
    }
}

impl Vendor {
    /// What a request asks for.
    pub(crate) fn of(request: &Seen) -> Asked {
        let path = request.path.split('?').next().unwrap_or_default();
        if let Some(vendor) = ALL.iter().find(|vendor| path.ends_with(vendor.path)) {
            let stream = request.body["stream"] == true || path.ends_with(":streamGenerateContent");
            return Asked::Answer { vendor, stream };
        }
        match ALL.iter().find(|vendor| request.path.ends_with(vendor.models_path)) {
            Some(vendor) => Asked::Models(vendor),
            None if path.ends_with("/models") => Asked::Models(&openai::ROW),
            None => Asked::Answer { vendor: &openai::ROW, stream: request.body["stream"] == true },
        }
    }

    /// A good answer with this text.
    pub(crate) fn says<'a>(&self, text: &'a str) -> Said<'a> {
        Said { text, calls: &[], reason: self.reasons.end, usage: true }
    }

    /// A good answer that calls tools.
    pub(crate) fn calls<'a>(&self, calls: &'a [Called<'a>]) -> Said<'a> {
        Said { text: "", calls, reason: self.reasons.calls, usage: true }
    }

    /// The values of a whole stream.
    pub(crate) fn values(&self, said: &Said) -> Vec<Value> {
        [(self.begin)(said), (self.calls)(said), (self.end)(said)].concat()
    }

    /// A whole stream, a piece for each value.
    pub(crate) fn frames(&self, said: &Said) -> Vec<String> {
        let last = (!self.last.is_empty()).then(|| self.last.to_owned());
        self.values(said).iter().map(self.frame).chain(last).collect()
    }

    /// Values as a stream that does not end.
    pub(crate) fn open(&self, values: &[Value]) -> String {
        values.iter().map(self.frame).collect()
    }

    /// The beginning of a stream, with this text.
    pub(crate) fn half(&self, text: &str) -> String {
        self.open(&(self.begin)(&self.says(text)))
    }

    /// The end of a stream that began with [`Vendor::half`] of `text`.
    pub(crate) fn rest(&self, text: &str) -> String {
        self.open(&(self.end)(&self.says(text))) + self.last
    }

    /// A whole stream.
    pub(crate) fn stream(&self, said: &Said) -> String {
        self.frames(said).concat()
    }

    /// A whole stream that is a good answer with this text.
    pub(crate) fn answer(&self, text: &str) -> String {
        self.stream(&self.says(text))
    }

    /// Whether a stream is Server-Sent Events, and not lines of JSON.
    pub(crate) fn sends_events(&self) -> bool {
        self.content_type == "text/event-stream"
    }

    /// The server sends this as its stream, with a length.
    pub(crate) fn sends(&self, stream: impl Into<Vec<u8>>) -> Act {
        Act::Body { content_type: self.content_type, body: stream.into() }
    }

    /// The server answers with the document in place of a stream.
    pub(crate) fn sends_whole(&self, said: &Said) -> Act {
        Act::json((self.whole)(said).to_string())
    }

    /// The head of a stream without a length.
    pub(crate) fn head(&self) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n", self.content_type)
    }

    /// The head, and a stream as one HTTP chunk, after which anything may come.
    pub(crate) fn head_and(&self, stream: &str) -> String {
        format!("{}{:x}\r\n{stream}\r\n", self.head(), stream.len())
    }
}

/// What the test server has been asked for.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    Answer { vendor: &'static Vendor, stream: bool },
    Models(&'static Vendor),
}

impl Asked {
    /// A whole answer with this text.
    pub(crate) fn answer(self, text: &str) -> Vec<u8> {
        match self {
            Self::Answer { vendor, stream: true } => chunked(&vendor.head(), vendor.frames(&vendor.says(text))),
            Self::Answer { vendor, stream: false } => json_response(&(vendor.whole)(&vendor.says(text))),
            Self::Models(vendor) => json_response(&(vendor.models)(&["small", "large"])),
        }
    }
}

/// A 200 with an event stream, one HTTP chunk for each piece, properly ended.
pub(crate) fn stream(pieces: impl IntoIterator<Item = String>) -> Vec<u8> {
    chunked(&openai::ROW.head(), pieces)
}

/// A head that announces chunks, and a chunk for each piece, properly ended.
pub(crate) fn chunked(head: &str, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<u8> {
    let mut bytes = head.as_bytes().to_vec();
    for piece in pieces {
        let piece = piece.as_ref();
        if !piece.is_empty() {
            bytes.extend([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// An answer with a length.
pub(crate) fn response(code: u16, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {code} -\r\ncontent-length: {}\r\n", body.len());
    head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
    [head.as_bytes(), b"\r\n", body].concat()
}

fn json_response(body: &Value) -> Vec<u8> {
    response(200, &[("content-type", "application/json".to_owned())], body.to_string().as_bytes())
}

/// A text in two pieces.
fn halves(text: &str) -> [&str; 2] {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    text.split_at(middle).into()
}

/// The list of models as OpenAI writes it, and all that follow it.
fn listed(ids: &[&str]) -> Value {
    let data: Vec<Value> = ids.iter().map(|id| json!({"id": id, "object": "model"})).collect();
    json!({"object": "list", "data": data})
}
