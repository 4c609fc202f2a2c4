//! Time, size and connection: what ends an exchange that does not end by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use orch::event::FailureKind;
use orch::http::{Client, Deadlines, Method, Request, Url};

use crate::server::vendor::{STREAM_HEAD, response};
use crate::server::{Act, Server};
use crate::wire::{PATIENT, SOON, after, ask, ask_within, assert_fails, openai, run, zip};

#[test]
fn each_deadline_has_its_own_words() {
    let server = Server::start();
    let wire = openai(&server.openai());
    let short = |change: fn(&mut Deadlines)| {
        let mut deadlines = PATIENT;
        change(&mut deadlines);
        deadlines
    };
    let body = STREAM_HEAD.len() + 20;
    for (act, deadlines, words) in [
        (Act::Stall { after: 0 }, short(|d| d.first_byte = SOON), "sent no answer within 50ms"),
        (Act::Stall { after: STREAM_HEAD.len() }, short(|d| d.first_byte = SOON), "sent no answer within 50ms"),
        (Act::Stall { after: body }, short(|d| d.idle = SOON), "sent nothing for 50ms in the middle"),
        (Act::Stall { after: body }, short(|d| d.total = SOON), "not complete within 50ms"),
    ] {
        server.when("hello", [act]);
        assert_fails(ask_within(&wire, &deadlines), FailureKind::Timeout, words);
    }
}

#[test]
fn a_server_that_only_says_that_it_is_there_runs_into_the_total() {
    let server = Server::start();
    let ping = b"8\r\n: ping\n\n\r\n".to_vec();
    server.when("hello", [Act::Repeat { head: STREAM_HEAD.to_owned(), piece: ping, pause: SOON / 10 }]);
    let deadlines = Deadlines { idle: 4 * SOON, total: 5 * SOON, ..PATIENT };
    let failed = ask_within(&openai(&server.openai()), &deadlines);
    assert_fails(failed, FailureKind::Timeout, "not complete within 250ms");
}

#[test]
fn a_server_that_never_agrees_on_tls_is_a_connection_that_takes_too_long() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let wire = openai(&format!("https://{}/v1", silent.local_addr().unwrap()));
    let deadlines = Deadlines { connect: SOON, ..PATIENT };
    assert_fails(ask_within(&wire, &deadlines), FailureKind::Timeout, "no connection to 127.0.0.1:");
}

/// What a plain HTTP server says to a connection that begins with TLS.
fn speaks_plain_text() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut connection = listener.accept().unwrap().0;
        // What is left unread would make the system reset the connection, and the answer would be lost.
        let _ = connection.read(&mut [0; 0x4000]);
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    });
    address
}

#[test]
fn a_connection_that_fails_says_how() {
    let server = Server::start();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let no_tls = "no secure connection (TLS) to 127.0.0.1:";
    for (base_url, words) in [
        (format!("http://{free}/v1"), format!("{free} refused the connection")),
        ("http://no-such-host.invalid/v1".to_owned(), "host no-such-host.invalid was not found".to_owned()),
        (server.openai().replace("http:", "https:"), no_tls.to_owned()),
        (format!("https://{}/v1", speaks_plain_text()), no_tls.to_owned()),
    ] {
        assert_fails(ask(&openai(&base_url)), FailureKind::Connection, &words);
    }
}

#[test]
fn a_redirect_is_never_followed() {
    let other = Server::start();
    for target in [other.openai(), "/v1/chat/completions".to_owned()] {
        let act = Act::Status { code: 307, headers: vec![("location", target)], body: String::new() };
        let failed = assert_fails(after(act), FailureKind::BadRequest, "redirects to 127.0.0.1:");
        assert_eq!(failed.failure.status, Some(307));
    }
    assert!(other.seen().is_empty());
}

#[test]
fn what_is_too_large_is_cut_off() {
    let blown_up = zip(&vec![b' '; 3 << 20]);
    let bomb = [b"{\"choices\":\"".to_vec(), vec![b'x'; 3 << 20]].concat();
    let gzip = |kind: &str| [("content-type", kind.to_owned()), ("content-encoding", "gzip".to_owned())];
    let huge_header = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let endless = Act::Repeat {
        head: STREAM_HEAD.to_owned() + "6\r\ndata: \r\n",
        piece: [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat(),
        pause: Duration::ZERO,
    };
    for (act, words) in [
        (Act::Raw(response(200, &gzip("application/json"), &zip(&bomb))), "longer than 2 MiB"),
        (Act::Raw(response(200, &gzip("application/json"), &blown_up)), "is empty"),
        (Act::Raw(response(200, &gzip("application/json"), b"no gzip at all")), "cannot be unpacked"),
        (Act::Raw(huge_header.into_bytes()), "head that cannot be read"),
        (Act::Raw(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), "head that cannot be read"),
        (endless, "longer than 2 MiB"),
    ] {
        assert_fails(after(act), FailureKind::Malformed, words);
    }
}

#[test]
fn a_deadline_may_be_as_far_away_as_one_likes() {
    let never = Duration::MAX;
    let deadlines = Deadlines { connect: never, first_byte: never, idle: never, total: never };
    let server = Server::start();
    assert!(ask_within(&openai(&server.openai()), &deadlines).is_ok());
}

#[test]
fn a_body_has_an_end() {
    let server = Server::start();
    let piece = [b"100000\r\n", &[b'x'; 0x10_0000][..], b"\r\n"].concat();
    server.when("null", [Act::Repeat { head: STREAM_HEAD.to_owned(), piece, pause: Duration::ZERO }]);
    let url = Url::parse(&server.url()).unwrap();
    let request = Request { method: Method::GET, url, headers: Default::default(), body: None };
    let failure = run(async {
        let mut response = Client::new().send(request, &PATIENT).await.unwrap();
        loop {
            if let Err(failure) = response.chunk().await {
                break failure;
            }
        }
    });
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.message.contains("more than 64 MiB"), "{failure}");
}
