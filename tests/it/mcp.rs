//! MCP servers as they are met in the wild, over both transports: what works, what misbehaves, and what is left behind.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use orch::tools::mcp::{Outcome, ServerConfig, Servers, Transport};
use serde_json::{Value, json};

mod faults;
pub(crate) mod http;
#[cfg(unix)]
mod remains;

const KEY: &str = "canary-0123456789";

/// Long enough for a busy machine, short enough that a mistake does not hang the tests.
const PATIENT: Duration = Duration::from_secs(20);

const SOON: Duration = Duration::from_millis(300);

/// The server of `tests/mcp_server`, which Cargo puts beside this program. An older build of it may lie there too.
pub(crate) fn program() -> String {
    let here = std::env::current_exe().unwrap();
    let entries = here.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap().path());
    let built = entries.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        let stem = name.strip_suffix(std::env::consts::EXE_SUFFIX).unwrap_or(&name);
        stem.starts_with("mcp_server-") && !stem.contains('.')
    });
    let newest = built.max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.expect("run `cargo test`, or first `cargo test --test mcp_server`").to_str().unwrap().to_owned()
}

fn stdio_at(flags: &[&str]) -> Transport {
    let argv = [program(), "serve".to_owned(), "stdio".to_owned()];
    Transport::Stdio {
        argv: argv.into_iter().chain(flags.iter().map(|flag| (*flag).to_owned())).collect(),
        environment: vec![("LOCAL_TOKEN".to_owned(), KEY.to_owned())],
        directory: std::env::temp_dir(),
    }
}

fn config(transport: Transport) -> ServerConfig {
    ServerConfig {
        name: "local".to_owned(),
        transport,
        tools: None,
        exclude: Vec::new(),
        timeout: PATIENT,
        max_result_bytes: 64 * 1024,
    }
}

fn stdio(flags: &[&str]) -> Servers {
    Servers::new(vec![config(stdio_at(flags))])
}

/// Everything is done on one thread, as in a run.
fn perform<T>(project: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(project)
}

async fn call(servers: &Servers, tool: &str, arguments: Value) -> Outcome {
    servers.call(&format!("local__{tool}"), &arguments).await
}

/// What a tool without arguments says.
async fn said(servers: &Servers, tool: &str) -> String {
    let outcome = call(servers, tool, Value::Null).await;
    assert!(!outcome.is_error, "{outcome:?}");
    outcome.text
}

async fn error(servers: &Servers, tool: &str) -> String {
    let outcome = call(servers, tool, Value::Null).await;
    assert!(outcome.is_error, "{outcome:?}");
    outcome.text
}

/// What both transports must do alike.
async fn everything_works(servers: &Servers) {
    let tools = servers.tools("local").await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(tools.len(), 17, "{names:?}");
    assert_eq!(names[0], "local__echo");
    assert_eq!(tools[0].description, "Does echo.");
    assert_eq!(tools[0].parameters, json!({ "type": "object", "properties": { "text": { "type": "string" } } }));
    // Two names that differ in nothing that a provider takes are told apart, and each calls its own tool.
    assert_eq!(names[16], "local__odd_name");
    assert!(names[15].starts_with("local__odd_name-"), "{names:?}");
    assert_eq!(said(servers, "odd_name").await, "this is odd_name");
    assert_eq!(servers.call(names[15], &json!({})).await.text, "this is odd.name");

    assert_eq!(call(servers, "echo", json!({ "text": "Grüße" })).await.text, "Grüße");
    assert_eq!(call(servers, "add", json!({ "a": 2, "b": 40 })).await.text, "42");
    let fail = call(servers, "fail", json!({})).await;
    assert_eq!(fail, Outcome { text: "the well is dry".to_owned(), is_error: true });
    assert_eq!(said(servers, "image").await, "[image/png, 8 bytes, not shown]\nwhat it shows");
    assert_eq!(said(servers, "structured").await, r#"{"degrees":21}"#);

    let big = said(servers, "big").await;
    assert!(big.len() <= 64 * 1024 && big.len() > 60 * 1024, "{}", big.len());
    assert!(
        big.ends_with("bytes, the first 65440 are shown]") && big.contains("has 5242880 bytes"),
        "{}",
        &big[65_400..]
    );

    let (one, two) = tokio::join!(said(servers, "meet"), said(servers, "meet"));
    assert_eq!((&*one, &*two), ("met", "met"));
}

/// A call that nobody waits for any more is taken back, and the session goes on.
async fn a_dropped_call_is_taken_back(servers: &Servers) {
    said(servers, "count").await;
    let dropped = tokio::time::timeout(SOON, call(servers, "slow", json!({}))).await;
    assert!(dropped.is_err(), "{dropped:?}");
    assert_eq!(said(servers, "forgotten").await, "one");
}

/// What a server asks of its client gets no.
async fn requests_are_declined(servers: &Servers) {
    let answers = said(servers, "ask").await;
    let answers: Vec<_> = answers.lines().collect();
    assert!(answers[0].contains("-32601") && answers[1].contains("-32601"), "{answers:?}");
    assert!(answers[2].contains("decline"), "{answers:?}");
}

#[test]
fn a_server_on_standard_streams_is_listed_and_called() {
    perform(async {
        let servers = stdio(&[]);
        everything_works(&servers).await;
        a_dropped_call_is_taken_back(&servers).await;
        requests_are_declined(&servers).await;
        servers.close().await;
    });
}

#[test]
fn it_is_started_once_with_the_given_environment_alone() {
    perform(async {
        let servers = stdio(&[]);
        let same = servers.clone();
        let (one, two) = tokio::join!(servers.tools("local"), same.tools("local"));
        assert_eq!(one.unwrap(), two.unwrap());
        assert_eq!(said(&servers, "count").await, "1");
        assert_eq!(said(&same, "count").await, "2");
        // The key is there, and is not shown to a model either. A system may add variables of its own.
        let environment = said(&servers, "environment").await;
        assert!(environment.contains("LOCAL_TOKEN=[redacted]\n"), "{environment}");
        assert!(!environment.lines().any(|line| line.starts_with("PATH=")), "{environment}");
        servers.close().await;
    });
}

#[test]
fn only_what_is_let_through_is_listed_and_called() {
    perform(async {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let chosen = ServerConfig {
            tools: Some(names(&["echo", "die", "odd.name"])),
            exclude: names(&["die"]),
            ..config(stdio_at(&[]))
        };
        let servers = Servers::new(vec![chosen]);
        let tools = servers.tools("local").await.unwrap();
        assert_eq!(tools.len(), 2, "{tools:?}");
        // The name is what it would be with all the others beside it.
        assert!(tools[1].name.starts_with("local__odd_name-"), "{tools:?}");
        assert!(error(&servers, "die").await.contains("no tool `local__die` that may be used"));
        assert_eq!(call(&servers, "echo", json!({ "text": "still here" })).await.text, "still here");
        servers.close().await;

        let mistaken = ServerConfig { tools: Some(names(&["ecko"])), ..config(stdio_at(&[])) };
        let failure = Servers::new(vec![mistaken]).tools("local").await.unwrap_err();
        assert!(failure.message.contains("it has no tool `ecko`; it has echo, add,"), "{failure}");
    });
}

#[test]
fn what_does_not_exist_and_what_is_no_object_is_an_error() {
    perform(async {
        let servers = stdio(&[]);
        let failure = servers.tools("other").await.unwrap_err();
        assert_eq!(failure.message, "there is no MCP server `other`; there is `local`");
        let text = servers.call("other__echo", &json!({})).await.text;
        assert!(text.contains("there is no tool `other__echo`"), "{text}");
        let text = call(&servers, "echo", json!("hello")).await.text;
        assert!(text.contains("must be a JSON object, not \"hello\""), "{text}");
    });
}

#[test]
fn a_missing_program_is_named() {
    perform(async {
        let transport = Transport::Stdio {
            argv: vec!["no-such-program".to_owned(), "--now".to_owned()],
            environment: Vec::new(),
            directory: PathBuf::from("."),
        };
        let failure = Servers::new(vec![config(transport)]).tools("local").await.unwrap_err();
        let start = "the MCP server `local` (`no-such-program --now`) is not usable: its program cannot be started: ";
        assert!(failure.message.starts_with(start), "{failure}");
    });
}
