//! The same over HTTP, with what can only go wrong there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use orch::tools::mcp::{ServerConfig, Servers, Transport};
use orch::words::failure::{Failure, FailureKind};
use secrecy::SecretString;

use super::requests_are_declined;
use serde_json::json;

use super::{KEY, a_dropped_call_is_taken_back, call, config, error, everything_works, perform, program, said};
use crate::server::{Act, Server};

/// The test server, listening. It stops when it is dropped.
pub(crate) struct Listening {
    child: Child,
    pub url: String,
}

impl Listening {
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["serve", "http"]).args(flags).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, url: format!("http://127.0.0.1:{}/mcp", port.trim()) }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn at(url: &str, key: Option<&str>) -> Servers {
    let headers = key.map(|key| ("authorization".to_owned(), SecretString::from(format!("Bearer {key}"))));
    Servers::new(vec![config(Transport::Http { url: url.to_owned(), headers: headers.into_iter().collect() })])
}

fn refused(url: &str, key: Option<&str>) -> Failure {
    let failure = perform(async { at(url, key).tools("local").await.unwrap_err() });
    assert!(!failure.message.contains(KEY), "{failure}");
    failure
}

#[test]
fn a_server_over_http_is_listed_and_called() {
    let server = Listening::start(&[]);
    perform(async {
        let servers = at(&server.url, None);
        everything_works(&servers).await;
        a_dropped_call_is_taken_back(&servers).await;
        requests_are_declined(&servers).await;
        servers.close().await;
        assert!(error(&servers, "echo").await.contains("is not started any more"));
    });
}

#[test]
fn a_huge_answer_is_not_read_to_its_end_and_the_session_goes_on() {
    let server = Listening::start(&[]);
    perform(async {
        let servers = at(&server.url, None);
        let huge = call(&servers, "echo", json!({ "text": "x", "times": 20 << 20 })).await;
        assert!(
            huge.is_error && huge.text.contains("or its answer has more than the 16 MiB that are read"),
            "{huge:?}"
        );
        assert_eq!(said(&servers, "count").await, "2");
        servers.close().await;
    });
}

#[test]
fn a_session_that_the_server_forgot_is_begun_again() {
    let server = Listening::start(&[]);
    perform(async {
        let servers = at(&server.url, None);
        assert_eq!(said(&servers, "forget").await, "forgotten");
        // The call that found the session gone was made once, as the second of all.
        assert_eq!(said(&servers, "count").await, "2");
        for _ in 0..4 {
            said(&servers, "forget").await;
        }
        assert_eq!(said(&servers, "count").await, "7");
        servers.close().await;
    });
}

#[test]
fn the_key_is_sent_and_never_shown() {
    let server = Listening::start(&[&format!("--key={KEY}")]);
    perform(async {
        let servers = at(&server.url, Some(KEY));
        assert_eq!(said(&servers, "count").await, "1");
        servers.close().await;
    });
    // The server repeats what it was shown.
    let wrong = refused(&server.url, Some(&format!("{KEY}-wrong")));
    assert_eq!((wrong.kind, wrong.message.contains("[redacted]")), (FailureKind::Auth, true), "{wrong}");
    let in_address = refused(&format!("{}?key={KEY}", server.url), None);
    assert_eq!(in_address.kind, FailureKind::Auth);
}

#[test]
fn a_redirect_is_not_followed() {
    let (door, elsewhere) = (Server::start(), Server::start());
    let headers = vec![("location", format!("{}/mcp", elsewhere.url()))];
    let redirect = Act::Status { code: 307, headers, body: String::new() };
    door.when("initialize", [redirect.clone(), redirect]);
    let failure = refused(&door.url(), Some(KEY));
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert!(failure.message.contains("it redirects (HTTP 307 Temporary Redirect). Redirects are not"), "{failure}");
    assert_eq!((door.seen().len(), elsewhere.seen().len()), (1, 0));
}

#[test]
fn an_address_where_nobody_is_and_one_that_is_no_mcp_say_so() {
    let gone = Listening::start(&[]).url.clone();
    let failure = refused(&gone, Some(KEY));
    assert_eq!(failure.kind, FailureKind::Connection);
    assert!(failure.message.contains("no connection: Connection refused") || cfg!(windows), "{failure}");

    let web = Server::start();
    web.when("initialize", [Act::Body { content_type: "text/html", body: b"<p>Hello".to_vec() }]);
    let failure = refused(&web.url(), None);
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(failure.message.contains("it answers with text/html, which is not MCP"), "{failure}");

    assert!(refused("not a url", None).message.contains("its address is no URL"));
}

#[test]
fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    for (name, value) in [("a b", KEY.to_owned()), ("x-key", format!("{KEY}\n")), ("mcp-session-id", KEY.to_owned())] {
        let headers = vec![(name.to_owned(), SecretString::from(value))];
        let transport = Transport::Http { url: "http://127.0.0.1:9/".to_owned(), headers };
        let servers = Servers::new(vec![ServerConfig { exclude: Vec::new(), ..config(transport) }]);
        let failure = perform(async { servers.tools("local").await.unwrap_err() });
        assert_eq!(failure.kind, FailureKind::BadRequest);
        assert!(failure.message.contains(&format!("`{name}`")) && !failure.message.contains(KEY), "{failure}");
    }
}

#[test]
fn a_server_that_is_gone_costs_its_calls_alone() {
    let server = Listening::start(&[]);
    perform(async {
        let servers = at(&server.url, None);
        said(&servers, "count").await;
        let text = error(&servers, "die").await;
        assert!(text.starts_with("the call of `die` of the MCP server `local` failed: "), "{text}");
        let text = error(&servers, "count").await;
        assert!(text.contains("no connection"), "{text}");
    });
}
