//! An MCP server for the integration tests, on the official SDK: it does what it is told, and misbehaves when told to.
//!
//! `serve stdio` speaks on the standard streams. `serve http` listens on loopback, prints its port, and ends when its
//! standard input does. Anything else, as `cargo test` starts it, ends at once.

#![expect(clippy::unwrap_used, clippy::panic, reason = "this is a part of the tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rmcp::ServiceExt;
use serde_json::{Value, json};

mod http;
mod raw;
mod tools;

use tools::Tools;

/// How the server misbehaves from the beginning.
#[derive(Clone, Default)]
struct Manners {
    /// Never answers `initialize`.
    hangs: bool,
    /// Writes lines that are no JSON-RPC.
    junk: bool,
    /// Writes this on its standard error, and ends.
    complains: Option<String>,
    /// Insists on this version of MCP.
    version: Option<String>,
    /// Knows no `initialize`, as servers of the newest version do not, and says so with this code.
    modern: Option<i32>,
    /// Does not end when nobody listens any more, or when it is told to.
    stubborn: bool,
    /// Offers tools that are made to hurt, see `tools::HOSTILE`.
    hostile: bool,
    /// Wants this key.
    key: Option<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", "stdio", "--raw"] => raw::serve(),
        ["serve", "stdio", ref flags @ ..] => serve(manners(flags), false),
        ["serve", "http", ref flags @ ..] => serve(manners(flags), true),
        ["hold", port] => hold(port.parse().unwrap()),
        _ => {}
    }
}

fn manners(flags: &[&str]) -> Manners {
    let has = |flag: &str| flags.contains(&flag);
    let value = |flag: &str| flags.iter().find_map(|word| word.strip_prefix(flag)).map(str::to_owned);
    Manners {
        hangs: has("--hang-initialize"),
        junk: has("--junk"),
        complains: value("--complain="),
        version: value("--version="),
        modern: value("--modern=").map(|code| code.parse().unwrap()),
        stubborn: has("--stubborn"),
        hostile: has("--hostile"),
        key: value("--key="),
    }
}

fn serve(manners: Manners, over_http: bool) {
    if let Some(words) = &manners.complains {
        eprintln!("{words}");
        std::process::exit(1);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stubborn = manners.stubborn;
    runtime.block_on(async {
        if over_http {
            http::serve(manners).await;
        } else {
            stdio(manners).await;
        }
        if stubborn {
            std::future::pending::<()>().await;
        }
    });
    runtime.shutdown_timeout(Duration::ZERO);
}

async fn stdio(manners: Manners) {
    if manners.junk {
        let mut out = std::io::stdout();
        out.write_all(b"npm notice: hello\n{\"neither\":\"fish\"}\n\xff\xfe\n{ broken\n[1,2]\n\n").unwrap();
        out.flush().unwrap();
    }
    if let Some(version) = &manners.version {
        return insist(version);
    }
    #[cfg(unix)]
    let _deaf = manners.stubborn.then(|| tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()));
    if let Ok(service) = Tools::new(manners).serve(rmcp::transport::stdio()).await {
        service.waiting().await.unwrap();
    }
}

/// Answers whatever it is asked first with a version of its own, which the SDK would not do.
fn insist(version: &str) {
    let mut request = String::new();
    std::io::stdin().read_line(&mut request).unwrap();
    let request: Value = serde_json::from_str(&request).unwrap();
    let info = json!({ "name": "insisting", "version": "1" });
    let result = json!({ "protocolVersion": version, "capabilities": { "tools": {} }, "serverInfo": info });
    println!("{}", json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }));
    std::io::stdin().read_to_string(&mut String::new()).unwrap();
}

/// A grandchild of the tests: holds a connection for as long as it lives.
fn hold(port: u16) {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
    connection.write_all(b"here").unwrap();
    // It ends by itself when the test does.
    let _ = connection.read(&mut [0]);
}
