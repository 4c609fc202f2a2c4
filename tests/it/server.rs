//! A model server on loopback that answers, and misbehaves when told to.
//!
//! It speaks as every vendor of [`vendor::ALL`] does, streamed and whole. What it does is chosen by a text in the
//! request's body, one act a request, so that a test reads as a script; a request without a rule gets an echo.
//! Everything that it was asked stands in [`Server::seen`]. Nothing needs a sleep: [`Server::wait_for`] waits for
//! requests, and [`Act::Hold`] waits for [`Server::release`].

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) mod vendor;

use vendor::Vendor;

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Answers with this text.
    Text(String),
    /// Answers with an error, or any other status.
    Status { code: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Answers 200 with this event stream, properly ended.
    Sse(String),
    /// Answers 200 with this body and content type.
    Body { content_type: &'static str, body: Vec<u8> },
    /// Writes these bytes in place of an HTTP answer, and closes.
    Raw(Vec<u8>),
    /// Closes the connection after so many bytes of the echo, its head included.
    Cut { after: usize },
    /// Falls silent after so many bytes of the echo, its head included, until the server stops.
    Stall { after: usize },
    /// Waits for [`Server::release`], then echoes.
    Hold,
    /// Takes its time, then does this.
    Late { pause: Duration, act: Box<Act> },
    /// Writes the head and then the piece over and over, until the client has had enough.
    Repeat { head: String, piece: Vec<u8>, pause: Duration },
}

impl Act {
    /// An error status with a JSON body.
    pub(crate) fn error(code: u16, body: &Value) -> Self {
        Self::Status { code, headers: vec![("content-type", "application/json".to_owned())], body: body.to_string() }
    }

    /// A 200 with a JSON body.
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self::Body { content_type: "application/json", body: body.into().into_bytes() }
    }
}

/// A request as it came, and how its answer went.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
    /// Its place in the order in which answers ended, from 1; `None` while it is under way.
    pub ended: Option<usize>,
    /// Whether the answer was written to its end.
    pub completed: bool,
    /// When the whole request was there.
    pub at: Instant,
    /// When the answer had been written; `None` while it is under way.
    pub ended_at: Option<Instant>,
}

impl Seen {
    /// A header's value; the name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The text of the last message.
    pub(crate) fn prompt(&self) -> &str {
        let messages = ["messages", "input", "contents"].iter().find_map(|key| self.body[key].as_array());
        let last = messages.and_then(|messages| messages.last());
        let text = last.and_then(|it| it["content"].as_str().or_else(|| it["parts"][0]["text"].as_str()));
        text.unwrap_or_default()
    }

    /// What orch asks for in a prompt, behind the goal and the material.
    pub(crate) fn task(&self) -> &str {
        self.prompt().rsplit("Your task: ").next().unwrap_or_default()
    }
}

/// Chooses an act by what is asked.
type Director = Arc<dyn Fn(&Seen) -> Act + Send + Sync>;

#[derive(Default)]
struct State {
    director: Option<Director>,
    rules: Vec<(String, VecDeque<Act>)>,
    seen: Vec<Seen>,
    ended: usize,
    in_flight: usize,
    most_in_flight: usize,
    released: bool,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The server. It stops when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap())
    }

    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if accepting.lock().stopped {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.serve(&connection));
            }
        });
        Self { address, shared }
    }

    /// `http://127.0.0.1:<port>`, which is Anthropic's form of a base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base URL in OpenAI's form.
    pub(crate) fn openai(&self) -> String {
        format!("{}/v1", self.url())
    }

    /// The next requests with `text` in their body get these acts, one each; after them the echo again.
    pub(crate) fn when(&self, text: &str, acts: impl IntoIterator<Item = Act>) {
        self.shared.lock().rules.push((text.to_owned(), acts.into_iter().collect()));
    }

    /// Every request that no rule is for gets the act that this chooses.
    pub(crate) fn directs(&self, director: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        self.shared.lock().director = Some(Arc::new(director));
    }

    /// The first eight requests for a task with this description are answered with this text.
    pub(crate) fn plays(&self, task: &str, text: &str) {
        self.when(&format!("Your task: {task}\""), std::iter::repeat_n(Act::Text(text.to_owned()), 8));
    }

    /// The descriptions of the tasks that were asked for, in the order in which the requests began.
    pub(crate) fn tasks(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.task().to_owned()).collect()
    }

    /// How often a task with this description was asked for.
    pub(crate) fn calls(&self, task: &str) -> usize {
        self.seen().iter().filter(|seen| seen.task() == task).count()
    }

    /// The only request for the task with this description.
    pub(crate) fn request(&self, task: &str) -> Seen {
        let seen: Vec<Seen> = self.seen().into_iter().filter(|seen| seen.task() == task).collect();
        assert_eq!(seen.len(), 1, "{task}");
        seen[0].clone()
    }

    /// Lets all requests go on that [`Act::Hold`] holds, and those that it would hold.
    pub(crate) fn release(&self) {
        self.shared.change(|state| state.released = true);
    }

    /// Every request so far, in the order in which they began.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// The most requests that were under way at the same time.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.shared.lock().most_in_flight
    }

    /// Every request so far, once none is under way any more: a client has its answer a little before the server
    /// has noted that it is written.
    pub(crate) fn settled(&self) -> Vec<Seen> {
        self.wait_while("requests are still under way", |state| state.in_flight > 0);
        self.seen()
    }

    /// Waits until so many requests have begun.
    pub(crate) fn wait_for(&self, requests: usize) {
        self.wait_while("fewer requests than expected", |state| state.seen.len() < requests);
    }

    fn wait_while(&self, trouble: &str, condition: impl Fn(&State) -> bool) {
        let wait = Duration::from_secs(20);
        let late =
            self.shared.changed.wait_timeout_while(self.shared.lock(), wait, |state| condition(state)).unwrap().1;
        assert!(!late.timed_out(), "{trouble}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.change(|state| state.stopped = true);
        // Wakes the thread that accepts, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait_while(&self, condition: impl Fn(&State) -> bool) {
        drop(self.changed.wait_while(self.lock(), |state| !state.stopped && condition(state)).unwrap());
    }

    /// Serves a connection until one side has closed it.
    fn serve(&self, connection: &TcpStream) {
        let mut reader = BufReader::new(connection);
        while let Some(request) = read_request(&mut reader) {
            let number = self.begin(&request);
            let act = self.next_act(&request.body.to_string()).or_else(|| self.direct(&request));
            let written = self.answer(connection, &request, act);
            let keep = matches!(written, Some(true));
            self.end(number, written.is_some());
            if !keep {
                break;
            }
        }
        let _ = connection.shutdown(Shutdown::Both);
    }

    fn begin(&self, request: &Seen) -> usize {
        let mut number = 0;
        self.change(|state| {
            number = state.seen.len();
            state.seen.push(request.clone());
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
        });
        number
    }

    fn end(&self, number: usize, completed: bool) {
        self.change(|state| {
            state.in_flight -= 1;
            state.ended += 1;
            let ended = state.ended;
            let seen = &mut state.seen[number];
            (seen.ended, seen.completed, seen.ended_at) = (Some(ended), completed, Some(Instant::now()));
        });
    }

    fn next_act(&self, body: &str) -> Option<Act> {
        let mut state = self.lock();
        let rule = state.rules.iter_mut().find(|(text, acts)| body.contains(text.as_str()) && !acts.is_empty());
        rule.and_then(|(_, acts)| acts.pop_front())
    }

    fn direct(&self, request: &Seen) -> Option<Act> {
        let director = self.lock().director.clone()?;
        Some(director(request))
    }

    /// Writes an answer. `Some` when it was written to its end, and then whether the connection stays.
    fn answer(&self, mut connection: &TcpStream, request: &Seen, act: Option<Act>) -> Option<bool> {
        let vendor = Vendor::of(request);
        let echo = || vendor.answer(&format!("echo: {}", request.prompt().chars().take(200).collect::<String>()));
        let (bytes, stays) = match act {
            None => (echo(), true),
            Some(Act::Hold) => {
                self.wait_while(|state| !state.released);
                (echo(), true)
            }
            Some(Act::Late { pause, act }) => {
                thread::sleep(pause);
                return self.answer(connection, request, Some(*act));
            }
            Some(Act::Text(text)) => (vendor.answer(&text), true),
            Some(Act::Status { code, headers, body }) => (vendor::response(code, &headers, body.as_bytes()), true),
            Some(Act::Sse(events)) => (vendor::stream([events]), true),
            Some(Act::Body { content_type, body }) => {
                (vendor::response(200, &[("content-type", content_type.to_owned())], &body), true)
            }
            Some(Act::Raw(bytes)) => (bytes, false),
            Some(Act::Cut { after }) => {
                write_all(connection, &echo()[..after])?;
                return None;
            }
            Some(Act::Stall { after }) => {
                write_all(connection, &echo()[..after])?;
                self.wait_while(|_| true);
                return None;
            }
            Some(Act::Repeat { head, piece, pause }) => {
                write_all(connection, head.as_bytes())?;
                while !self.lock().stopped {
                    connection.write_all(&piece).ok()?;
                    thread::sleep(pause);
                }
                return None;
            }
        };
        write_all(connection, &bytes)?;
        Some(stays)
    }
}

fn write_all(mut connection: &TcpStream, bytes: &[u8]) -> Option<()> {
    connection.write_all(bytes).ok()
}

fn read_request(reader: &mut impl BufRead) -> Option<Seen> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let at = Instant::now();
    Some(Seen { method, path, headers, body, ended: None, completed: false, at, ended_at: None })
}
