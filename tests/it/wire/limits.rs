//! Time, size and connection: what ends an exchange that does not end by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use orch::net::http::Deadlines;
use orch::words::failure::FailureKind;

use super::{
    ALL, KEY, PATIENT, SOON, after, after_within, ask, ask_for, assert_answers, assert_fails, at, request, wire, zip,
};
use crate::project::{Project, RUN, orchestra};
use crate::server::vendor::response;
use crate::server::{Act, Server};

#[test]
fn each_deadline_has_its_own_words() {
    for vendor in ALL {
        let head = vendor.head().len();
        for (after, deadlines, words) in [
            (0, Deadlines { first_byte: SOON, ..PATIENT }, "sent no answer within 50ms"),
            (head, Deadlines { first_byte: SOON, ..PATIENT }, "sent no answer within 50ms"),
            (head + 20, Deadlines { idle: SOON, ..PATIENT }, "sent nothing for 50ms in the middle"),
            (head + 20, Deadlines { total: SOON, ..PATIENT }, "not complete within 50ms"),
        ] {
            let case = format!("{} after {after} bytes", vendor.name);
            let reply = after_within(vendor, &deadlines, Act::Stall { after });
            let failed = assert_fails(&case, reply, FailureKind::Timeout, words);
            assert!(failed.unsettled && failed.failure.message.contains("127.0.0.1"), "{case}: {failed:?}");
        }
        let half = Act::Repeat { head: vendor.head_and(&vendor.half("half")), piece: vec![], pause: SOON };
        let reply = after_within(vendor, &Deadlines { idle: SOON, ..PATIENT }, half);
        let failed = assert_fails(vendor.name, reply, FailureKind::Timeout, "sent nothing for 50ms in the middle");
        assert_eq!(failed.partial, "half", "what has come is kept for a person to look at");
    }
}

#[test]
fn a_server_that_only_says_that_it_is_there_runs_into_the_total() {
    for vendor in ALL {
        let ping = format!("{:x}\r\n{}\r\n", vendor.keepalive.len(), vendor.keepalive).into_bytes();
        let pings = Act::Repeat { head: vendor.head(), piece: ping, pause: SOON / 10 };
        let deadlines = Deadlines { idle: 10 * SOON, total: 12 * SOON, ..PATIENT };
        let reply = after_within(vendor, &deadlines, pings);
        assert_fails(vendor.name, reply, FailureKind::Timeout, "not complete within 600ms");
    }
}

#[test]
fn an_answer_that_drips_runs_into_the_total() {
    for vendor in ALL {
        let values = (vendor.begin)(&vendor.says("a"));
        let drop = values.iter().map(vendor.frame).find(|frame| frame.contains("\"a\"")).unwrap();
        let drop = drop.bytes().map(|byte| [b"1\r\n", &[byte][..], b"\r\n"].concat()).collect::<Vec<_>>().concat();
        let head = vendor.head_and(&vendor.half("drip"));
        let drips = Act::Repeat { head, piece: drop, pause: SOON / 10 };
        let deadlines = Deadlines { idle: 10 * SOON, total: 12 * SOON, ..PATIENT };
        let reply = after_within(vendor, &deadlines, drips);
        let failed = assert_fails(vendor.name, reply, FailureKind::Timeout, "not complete within 600ms");
        assert!(failed.partial.starts_with("dripa") && failed.unsettled, "{}: {failed:?}", vendor.name);
    }
}

#[test]
fn a_deadline_may_be_as_far_away_as_one_likes() {
    let never = Duration::MAX;
    let deadlines = Deadlines { connect: never, first_byte: never, idle: never, total: never };
    let server = Server::start();
    for vendor in ALL {
        let reply = ask_for(&wire(vendor, &server), &request("hello"), &deadlines);
        assert_answers(vendor.name, reply, "echo: hello");
    }
}

/// What a plain HTTP server says to a connection that begins with TLS.
fn speaks_plain_text() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // What is left unread would make the system reset the connection, and the answer would be lost.
            let _ = connection.read(&mut [0; 0x4000]);
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    address
}

#[test]
fn a_connection_that_fails_says_how() {
    let (server, plain) = (Server::start(), speaks_plain_text());
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let no_tls = "no secure connection (TLS) to 127.0.0.1:";
    for vendor in ALL {
        let not_found = "host no-such-host.invalid was not found".to_owned();
        for (base_url, kind, words) in [
            (format!("http://{free}"), FailureKind::Unreachable, format!("{free} refused the connection")),
            ("http://no-such-host.invalid".to_owned(), FailureKind::Connection, not_found),
            (server.url().replace("http:", "https:"), FailureKind::Connection, no_tls.to_owned()),
            (format!("https://{plain}"), FailureKind::Connection, no_tls.to_owned()),
        ] {
            let failed = assert_fails(vendor.name, ask(&at(vendor, &base_url)), kind, &words);
            assert!(!failed.unsettled && failed.failure.kind.policy().retry, "nothing has been sent: {failed:?}");
        }
    }
}

#[test]
fn a_server_that_never_agrees_on_tls_is_a_connection_that_takes_too_long() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let deadlines = Deadlines { connect: SOON, ..PATIENT };
    for vendor in ALL {
        let wire = at(vendor, &format!("https://{}", silent.local_addr().unwrap()));
        let reply = ask_for(&wire, &request("hello"), &deadlines);
        assert_fails(vendor.name, reply, FailureKind::Timeout, "no connection to 127.0.0.1:");
    }
}

#[test]
fn a_proxy_is_gone_through_and_named_when_it_fails() {
    let execution = "retry_strategy: {strategy: fixed, max_attempts: 1}";
    let orchestra = orchestra(execution, &["name: a, description: Say hello"]);
    let project = Project::new().file("x.yaml", orchestra).args(RUN).env("OPENAI_API_KEY", KEY);
    let project = project.env("OPENAI_BASE_URL", "http://model.invalid/v1");
    let server = Server::start();
    project.env("http_proxy", server.url()).run().exits(0);
    assert_eq!(server.seen()[0].path, "http://model.invalid/v1/chat/completions");

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failed = project.and(["--fresh"]).env("http_proxy", format!("http://{free}")).run().exits(1);
    failed.says("model.invalid, or the proxy on the way to it, refused the connection");
}

#[test]
fn a_redirect_is_never_followed() {
    let other = Server::start();
    for vendor in ALL {
        for code in [301, 302, 303, 307, 308] {
            // To another host, which would be shown the key, and to where the request came from, without an end.
            for target in [other.url(), format!("{}{}", vendor.base, vendor.path), String::new()] {
                let act = Act::Status { code, headers: vec![("location", target)], body: String::new() };
                let failed = assert_fails(vendor.name, after(vendor, act), FailureKind::BadRequest, "redirects to ");
                assert_eq!(failed.failure.status, Some(code), "{}", vendor.name);
            }
        }
    }
    assert!(other.seen().is_empty());
}

#[test]
fn what_is_too_large_is_cut_off() {
    let mebibytes = |byte: u8| vec![byte; 3 << 20];
    let blown_up = zip(&mebibytes(b' '));
    let bomb = zip(&[b"{\"choices\":\"".to_vec(), mebibytes(b'x')].concat());
    let gzip = |kind: &str| [("content-type", kind.to_owned()), ("content-encoding", "gzip".to_owned())];
    let huge_header = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    for vendor in ALL {
        let begun = if vendor.sends_events() { "data: {" } else { "{" };
        let endless = |of: u8| Act::Repeat {
            head: vendor.head_and(begun),
            piece: [b"10000\r\n", &vec![of; 0x10000][..], b"\r\n"].concat(),
            pause: Duration::ZERO,
        };
        let line = zip(&[begun.as_bytes(), &mebibytes(b'x')].concat());
        for (act, words) in [
            (Act::Raw(response(200, &gzip("application/json"), &bomb)), "longer than 2 MiB"),
            (Act::Raw(response(200, &gzip(vendor.content_type), &line)), "longer than 2 MiB"),
            (Act::Raw(response(200, &gzip("application/json"), &blown_up)), "is empty"),
            (Act::Raw(response(200, &gzip("application/json"), b"no gzip at all")), "cannot be unpacked"),
            (Act::Raw(huge_header.clone().into_bytes()), "head that cannot be read"),
            (Act::Raw(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()), "head that cannot be read"),
            (endless(b'x'), "longer than 2 MiB"),
            (endless(b' '), "longer than 2 MiB"),
        ] {
            assert_fails(vendor.name, after(vendor, act), FailureKind::Malformed, words);
        }
    }
}

#[test]
fn a_flood_has_an_end() {
    for vendor in ALL {
        // Bytes that are cheap to pass over, so that only their number counts.
        let line = [if vendor.sends_events() { b':' } else { b' ' }];
        let piece = [&b"100000\r\n"[..], &line, &vec![b' '; 0x10_0000 - 2], b"\n\r\n"].concat();
        let flood = Act::Repeat { head: vendor.head_and(&vendor.half("half")), piece, pause: Duration::ZERO };
        let deadlines = Deadlines { total: 6 * PATIENT.total, ..PATIENT };
        let reply = after_within(vendor, &deadlines, flood);
        let failed = assert_fails(vendor.name, reply, FailureKind::Malformed, "more than 64 MiB");
        assert_eq!(failed.partial, "half", "{}", vendor.name);
    }
}
