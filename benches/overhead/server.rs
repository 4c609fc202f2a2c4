//! A model server on loopback that costs next to nothing: it reads no more of a request than its length, and its answer
//! is made before the first request comes.
//!
//! It has a thread of its own in the program that measures; what a run costs the processor is counted without it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a server answers.
pub(crate) struct Manner {
    /// How long the model takes.
    pub delay: Duration,
    /// How many calls it takes at a time; the others are refused with a 429.
    pub at_once: usize,
    /// The whole HTTP answer.
    pub bytes: Vec<u8>,
}

impl Manner {
    /// An answer whose length is known.
    pub(crate) fn whole(events: Vec<String>) -> Self {
        let body = events.concat();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n", body.len());
        Self::of(head + &body)
    }

    /// An answer with each event in an HTTP chunk of its own, as it comes from a model that is writing.
    pub(crate) fn streamed(events: Vec<String>) -> Self {
        let mut text =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        for event in events {
            let _ = write!(text, "{:x}\r\n{event}\r\n", event.len());
        }
        Self::of(text + "0\r\n\r\n")
    }

    fn of(text: String) -> Self {
        Self { delay: Duration::ZERO, at_once: usize::MAX, bytes: text.into_bytes() }
    }
}

/// The events of an answer with so many pieces of text, in the form of OpenAI's Chat Completions.
pub(crate) fn answer(pieces: usize) -> Vec<String> {
    let event = |delta: &str, reason: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1795167000,\"model\":\"bench\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]{usage}}}\n\n"
        )
    };
    let piece = |n: usize| event(&format!("{{\"content\":\"a piece of text {:03} \"}}", n % 1000), "null", "");
    let usage = ",\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":50,\"total_tokens\":150}";
    let mut events = vec![event("{\"role\":\"assistant\",\"content\":\"It begins. \"}", "null", "")];
    events.extend((0..pieces).map(piece));
    events.extend([event("{}", "\"stop\"", usage), "data: [DONE]\n\n".to_owned()]);
    events
}

/// The server. It stops when it is dropped.
pub(crate) struct Server {
    address: String,
    url: String,
    state: Arc<State>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

struct State {
    manner: Manner,
    asked: AtomicUsize,
    in_flight: AtomicUsize,
}

impl Server {
    pub(crate) fn start(manner: Manner) -> Self {
        let state = Arc::new(State { manner, asked: AtomicUsize::new(0), in_flight: AtomicUsize::new(0) });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let address = listener.local_addr().expect("an address").to_string();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = accept(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { url: format!("http://{address}/v1"), address, state, stop: Some(stop) }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many requests have come.
    pub(crate) fn asked(&self) -> usize {
        self.state.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // A client that has gone is no trouble.
            let _ = serve(stream, &state).await;
        });
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let Some(length) = read_head(&mut stream, &mut buffer).await? else { return Ok(()) };
        while buffer.len() < length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let closes = contains(&buffer[..length], b"connection: close");
        buffer.drain(..length);
        state.asked.fetch_add(1, Ordering::Relaxed);
        let before = state.in_flight.fetch_add(1, Ordering::Relaxed);
        if before >= state.manner.at_once {
            stream.write_all(REFUSAL).await?;
        } else {
            tokio::time::sleep(state.manner.delay).await;
            stream.write_all(&state.manner.bytes).await?;
        }
        state.in_flight.fetch_sub(1, Ordering::Relaxed);
        if closes {
            return Ok(());
        }
    }
}

const REFUSAL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after-ms: 10\r\ncontent-length: 0\r\n\r\n";

/// The bytes of the request that begins in `buffer`, body included; `None` when none follows.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<usize>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            return Ok(Some(end + 4 + length.unwrap_or(0)));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
