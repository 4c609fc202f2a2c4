//! The transport: one request out, one answer in, within deadlines and caps, over HTTP/1.1.
//!
//! Knows hosts, connections, time and sizes. Knows no vendor and no JSON: a status of 400 or more is an answer like any
//! other here. Proxies are taken from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::is_key_parameter;

pub use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Method, StatusCode, Url};

/// The most bytes of a body, unpacked. The longest answer of today's models, with a stream's packaging around each
/// token, stays below it.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The most bytes that are read of the body of an error.
pub const MAX_ERROR_BYTES: usize = 64 * 1024;

/// How long the body of an error may take. The status is known by then, so a slow explanation is not worth waiting for.
const ERROR_BODY_TIME: Duration = Duration::from_secs(5);

/// What of an address may not be shown: the values of its parameters that carry a key, and what it logs in with.
#[must_use]
pub fn secrets_of_address(url: &Url) -> Vec<SecretString> {
    let parameters = url.query_pairs().filter(|(name, _)| is_key_parameter(name));
    let parameters = parameters.map(|(_, value)| SecretString::from(value.into_owned()));
    // A token may stand in place of the name, and no name is as long.
    let token = Some(url.username()).filter(|name| name.len() >= 16);
    parameters.chain(url.password().or(token).map(SecretString::from)).collect()
}

/// How long the parts of one exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To look up the host, connect, and agree on TLS.
    pub connect: Duration,
    /// From sending to the first byte of the body.
    pub first_byte: Duration,
    /// From one byte of the body to the next; a comment or a ping is a byte like any other.
    pub idle: Duration,
    /// From sending to the last byte, however busy the connection is.
    pub total: Duration,
}

impl Default for Deadlines {
    /// A model may think for two minutes before it writes, and between two words.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(120),
            total: Duration::from_secs(600),
        }
    }
}

/// Sends requests and keeps connections for the next ones. Cheap to make and to clone: nothing is loaded before
/// the first request.
#[derive(Clone, Default)]
pub struct Client {
    built: Arc<Mutex<HashMap<Kind, reqwest::Client>>>,
}

/// What a `reqwest::Client` is built for. Its time to connect is fixed when it is built.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    tls: bool,
    connect: Duration,
}

/// One request.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to. It may carry a key, so it is never shown whole.
    pub url: Url,
    /// The headers. Mark those that carry a key as sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// The host, and the port where it is not the scheme's own: as much of the address as may be shown.
    #[must_use]
    pub fn host(&self) -> String {
        host(&self.url)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.host(), self.url.path())
    }
}

impl Client {
    /// A client that has no connection yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends `request` and waits for the head of the answer, whatever its status, except that a redirect is a failure:
    /// following it would show the key and the prompt to a host that nobody named.
    ///
    /// # Errors
    /// `timeout` and `connection`, with the host and the reason; `malformed` for a head that is not HTTP or is too
    /// large; `bad_request` for a redirect; `internal` when the system's certificates cannot be loaded.
    pub async fn send(&self, request: Request, deadlines: &Deadlines) -> Result<Response, Unanswered> {
        let started = Instant::now();
        let host = request.host();
        let unsent = |failure| Unanswered { failure, sent: false };
        let client = self.client_for(&request.url, deadlines.connect).map_err(unsent)?;
        tracing::debug!(?request, "sending");
        let mut outgoing = reqwest::Request::new(request.method, request.url);
        *outgoing.headers_mut() = request.headers;
        *outgoing.body_mut() = request.body.map(reqwest::Body::from);

        let exchange = Exchange { host, deadlines: *deadlines, total_at: later(started, deadlines.total) };
        let (wait_until, waiting) = exchange.limit(started, Phase::FirstByte);
        let mut timer = Box::pin(sleep_until(wait_until));
        let head = in_time(timer.as_mut(), client.execute(outgoing)).await;
        let head = head.ok_or_else(|| Unanswered { failure: exchange.too_late(waiting), sent: true })?;
        let head = head.map_err(|error| Unanswered {
            sent: !error.is_connect() && !error.is_builder(),
            failure: exchange.broken_before_answer(error),
        })?;
        tracing::debug!(host = exchange.host, status = head.status().as_u16(), "answer begins");
        exchange.refuse_redirect(&head).map_err(|failure| Unanswered { failure, sent: true })?;
        Ok(Response { inner: head, exchange, timer, started, first_byte: None, last_byte: started, received: 0 })
    }

    fn client_for(&self, url: &Url, connect: Duration) -> Result<reqwest::Client, Failure> {
        let kind = Kind { tls: url.scheme() != "http", connect };
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = built.get(&kind) {
            return Ok(client.clone());
        }
        let client = kind.build().map_err(|error| {
            Failure::new(FailureKind::Internal, format!("cannot set up TLS: {}", innermost(&error)))
        })?;
        Ok(built.entry(kind).or_insert(client).clone())
    }
}

impl Kind {
    /// Reading the system's certificates takes most of the time of building a client, so a client that speaks plain
    /// HTTP trusts none and reads none.
    fn build(self) -> reqwest::Result<reqwest::Client> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("orch/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect)
            .redirect(reqwest::redirect::Policy::none())
            // Whether to try again is decided where every attempt is counted and paid for.
            .retry(reqwest::retry::never())
            .tcp_nodelay(true);
        if self.tls { builder.build() } else { builder.tls_certs_only(std::iter::empty()).build() }
    }
}

/// A request that got no answer.
#[derive(Debug)]
pub struct Unanswered {
    /// Why.
    pub failure: Failure,
    /// Whether the server may have the request all the same.
    pub sent: bool,
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.failure
    }
}

/// An answer whose head has come and whose body is read in chunks.
pub struct Response {
    inner: reqwest::Response,
    exchange: Exchange,
    /// One for the whole exchange: to put it off from chunk to chunk costs less than to make one for each.
    timer: Pin<Box<Sleep>>,
    started: Instant,
    first_byte: Option<Instant>,
    last_byte: Instant,
    received: usize,
}

impl Response {
    /// The host that answers, see [`Request::host`].
    #[must_use]
    pub fn host(&self) -> &str {
        &self.exchange.host
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// From sending to the first byte of the body, in milliseconds; so far, if none has come.
    #[must_use]
    pub fn first_byte_ms(&self) -> u64 {
        let until = self.first_byte.unwrap_or_else(Instant::now);
        u64::try_from(until.duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    /// The next bytes of the body, unpacked; `None` when it has ended as HTTP says that it should.
    ///
    /// # Errors
    /// `timeout`; `connection` when the body broke off; `malformed` when it is too large or cannot be unpacked.
    pub async fn chunk(&mut self) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Failure> {
        let (phase, since) = match self.first_byte {
            None => (Phase::FirstByte, self.started),
            Some(_) => (Phase::Idle, self.last_byte),
        };
        let (wait_until, waiting) = self.exchange.limit(since, phase);
        self.timer.as_mut().reset(wait_until);
        let chunk = in_time(self.timer.as_mut(), self.inner.chunk()).await;
        let chunk = chunk.ok_or_else(|| self.exchange.too_late(waiting))?;
        let chunk = chunk.map_err(|error| self.exchange.broken_in_answer(&error))?;
        let Some(chunk) = chunk else { return Ok(None) };
        self.last_byte = Instant::now();
        self.first_byte.get_or_insert(self.last_byte);
        self.received += chunk.len();
        if self.received > MAX_BODY_BYTES {
            let megabytes = MAX_BODY_BYTES / 1024 / 1024;
            let message = format!("the answer of {} has more than {megabytes} MiB", self.exchange.host);
            return Err(Failure::new(FailureKind::Malformed, message));
        }
        Ok(Some(chunk))
    }

    /// Lets the rest of the body take `time` at most from now on.
    pub fn finish_within(&mut self, time: Duration) {
        self.exchange.total_at = self.exchange.total_at.min(later(Instant::now(), time));
    }

    /// As much of an error's body as comes within [`MAX_ERROR_BYTES`] and a few seconds.
    pub async fn error_body(mut self) -> Vec<u8> {
        self.finish_within(ERROR_BODY_TIME);
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= MAX_ERROR_BYTES {
                body.truncate(MAX_ERROR_BYTES);
                break;
            }
        }
        body
    }
}

/// What an exchange is waiting for.
#[derive(Clone, Copy)]
enum Phase {
    FirstByte,
    Idle,
    Total,
}

/// What every failure of one exchange is worded from.
struct Exchange {
    host: String,
    deadlines: Deadlines,
    total_at: Instant,
}

impl Exchange {
    /// Until when to wait, and for what: the phase's own deadline, or the total where that comes first.
    fn limit(&self, since: Instant, phase: Phase) -> (Instant, Phase) {
        let own = match phase {
            Phase::FirstByte => later(since, self.deadlines.first_byte),
            Phase::Idle => later(since, self.deadlines.idle),
            Phase::Total => self.total_at,
        };
        if own < self.total_at { (own, phase) } else { (self.total_at, Phase::Total) }
    }

    fn too_late(&self, waiting: Phase) -> Failure {
        let (host, limits) = (&self.host, &self.deadlines);
        Failure::new(
            FailureKind::Timeout,
            match waiting {
                Phase::FirstByte => format!("{host} sent no answer within {:?}", limits.first_byte),
                Phase::Idle => format!("{host} sent nothing for {:?} in the middle of its answer", limits.idle),
                Phase::Total => format!("the answer of {host} was not complete within {:?}", limits.total),
            },
        )
    }

    fn broken_before_answer(&self, error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let (host, reason) = (&self.host, innermost(&error));
        let io = io_kind(&error);
        let failure = |message: String| Failure::new(FailureKind::Connection, message);
        if error.is_builder() {
            return Failure::new(FailureKind::BadRequest, format!("cannot make a request to {host}: {reason}"));
        }
        if !error.is_connect() {
            // Hyper reports a head that it cannot read without an I/O error below it.
            return match io {
                None if reason.contains("parse") || reason.contains("too large") || reason.contains("invalid") => {
                    let message = format!("{host} answered with a head that cannot be read: {reason}");
                    Failure::new(FailureKind::Malformed, message)
                }
                _ => failure(format!("{host} closed the connection before it answered: {reason}")),
            };
        }
        if error.is_timeout() {
            let message = format!("no connection to {host} within {:?}", self.deadlines.connect);
            return Failure::new(FailureKind::Timeout, message);
        }
        // With a proxy in between, nobody can tell from here which of the two it was.
        let proxy = if names_proxy() { ", or the proxy on the way to it," } else { "" };
        match io {
            _ if error.is_dns() => failure(format!("the host {host}{proxy} was not found: {reason}")),
            Some(io::ErrorKind::ConnectionRefused) => {
                Failure::new(FailureKind::Unreachable, format!("{host}{proxy} refused the connection"))
            }
            Some(io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                failure(format!("no secure connection (TLS) to {host}: {reason}"))
            }
            _ => failure(format!("no connection to {host}: {reason}")),
        }
    }

    fn broken_in_answer(&self, error: &reqwest::Error) -> Failure {
        let (host, reason) = (&self.host, innermost(error));
        match io_kind(error) {
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                Failure::new(FailureKind::Malformed, format!("the answer of {host} cannot be unpacked: {reason}"))
            }
            _ => Failure::new(
                FailureKind::Connection,
                format!("incomplete answer: the connection to {host} broke off: {reason}"),
            ),
        }
    }

    fn refuse_redirect(&self, head: &reqwest::Response) -> Result<(), Failure> {
        if !head.status().is_redirection() {
            return Ok(());
        }
        let location = head.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let target = location.and_then(|location| head.url().join(location).ok());
        let target = target.map_or_else(|| "nowhere".to_owned(), |url| format!("{}{}", host(&url), url.path()));
        let message = format!(
            "{} redirects to {target}. Redirects are not followed, because the key would go along: \
             if that is the right address, set it as base_url",
            self.host
        );
        let status = Some(head.status().as_u16());
        Err(Failure { status, ..Failure::new(FailureKind::BadRequest, message) })
    }
}

/// What `work` comes to, unless the timer ends first.
async fn in_time<T>(timer: Pin<&mut Sleep>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = timer => None,
    }
}

/// `time` after `since`; in thirty years where the sum is beyond what a clock can say.
fn later(since: Instant, time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    since.checked_add(time).unwrap_or_else(|| since + FAR)
}

fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn names_proxy() -> bool {
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The cause of a chain of errors, which is the part that tells a person something.
fn innermost(error: &(dyn Error + 'static)) -> String {
    sources(error).last().map_or_else(String::new, ToString::to_string)
}

/// The kind of the I/O error in a chain; of the inner one, where one wraps another, which no `source` shows.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let outer = sources(error).find_map(|error| error.downcast_ref::<io::Error>())?;
    std::iter::successors(Some(outer), |&error| error.get_ref()?.downcast_ref()).last().map(io::Error::kind)
}
