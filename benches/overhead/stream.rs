//! One answer of 10 MB, streamed in small events, through the whole process, beside a bare reader of the same bytes.
//!
//! The bare reader is a process as well: it connects, asks, and reads to the end without looking at what comes. What
//! orch takes beyond it is the decoding of HTTP's chunks, of events and of JSON, and a task around it all. Its memory must
//! not grow with the stream, only with the text in it, which is a tenth of it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::process::{Cost, Program, median, ratio, show, show_head};
use crate::script::{MODEL, write};
use crate::server::{Manner, Server, answer};

/// The first argument that makes this program the bare reader; the server's address follows.
pub(crate) const BARE_READER: &str = "--read-bare";

const TIMES: usize = 7;
const MEGABYTE: usize = 1_000_000;

pub(crate) fn measure() {
    let folder = tempfile::tempdir().expect("a folder for the runs");
    let yaml = format!(
        "orchestra: {{reuse: false}}\n{MODEL}tasks:\n  - {{name: long, agent: worker, description: Write a lot}}\n"
    );
    write(folder.path(), "long.yaml", yaml);
    let this = std::env::current_exe().expect("this program");
    let this = this.to_string_lossy();
    let through = |bytes: usize| {
        let server = Server::start(Manner::streamed(answer(events_in(bytes))));
        let bare = Program::new(folder.path(), &this, &[BARE_READER, server.address()]);
        let orch = Program::orch(folder.path(), &["run", "long.yaml", "--goal", "measure"]).asking(server.url());
        // In turn, so that both see the same machine.
        let (bare, orch): (Vec<Cost>, Vec<Cost>) = (0..TIMES).map(|_| (bare.once(), orch.once())).unzip();
        (median(bare), median(orch))
    };
    show_head();
    let (_, small) = through(MEGABYTE);
    let (bare, orch) = through(10 * MEGABYTE);
    show("bare reader, 10 MB", bare, "");
    show("orch, 1 MB", small, "");
    show("orch, 10 MB", orch, "");
    println!("wall time of 10 MB to the bare reader's: {:.2}", ratio(orch.wall, bare.wall));
    println!("processor time of 10 MB to the bare reader's: {:.2}", ratio(orch.cpu, bare.cpu));
    let rate = 9.0 / orch.cpu.saturating_sub(small.cpu).as_secs_f64().max(1e-6);
    println!("a second of the processor reads {rate:.0} MB of events");
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let grown = orch.peak_kib.saturating_sub(small.peak_kib) as f64 / 1024.0;
    println!("memory that 9 MB more take: {grown:.1} MiB (the text in them is 0.9)");
}

/// How many of [`answer`]'s events are so many bytes.
fn events_in(bytes: usize) -> usize {
    let (short, long) = (answer(0).concat().len(), answer(1_000).concat().len());
    (bytes - short) * 1_000 / (long - short)
}

/// What the bare reader does.
pub(crate) fn read_bare(address: &str) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("the server reads");
    let mut buffer = vec![0; 64 * 1024];
    while stream.read(&mut buffer).expect("the server writes") > 0 {}
}
