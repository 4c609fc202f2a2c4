//! What is left of a server and of what it started: nothing.

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};

use orch::tools::mcp::Servers;
use serde_json::json;

use super::{PATIENT, call, error, perform, stdio};

/// A listener that a grandchild of the test connects to, for as long as it lives.
async fn with_a_grandchild(servers: &Servers, how: Option<&str>) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(!call(servers, "keep", json!({ "port": port, "how": how })).await.is_error);
    let (mut connection, _) = listener.accept().unwrap();
    connection.set_read_timeout(Some(PATIENT)).unwrap();
    connection.read_exact(&mut [0; 4]).unwrap();
    connection
}

/// Waits for the end of the grandchild. A reset is an end as well: it was killed.
fn is_gone(mut connection: TcpStream) -> bool {
    match connection.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn closing_leaves_no_process_behind_however_stubborn_it_is() {
    for flags in [&[][..], &["--stubborn"]] {
        perform(async {
            let servers = stdio(flags);
            let grandchild = with_a_grandchild(&servers, None).await;
            servers.close().await;
            assert!(is_gone(grandchild), "{flags:?}");
            assert!(error(&servers, "echo").await.contains("is not started any more"));
        });
    }
}

/// A process group does not hold these: they have a session of their own and ignore `SIGTERM`.
#[cfg(target_os = "linux")]
#[test]
fn a_grandchild_that_has_left_its_session_ends_with_its_server() {
    for how in ["away", "bare"] {
        perform(async {
            let servers = stdio(&[]);
            let grandchild = with_a_grandchild(&servers, Some(how)).await;
            servers.close().await;
            assert!(is_gone(grandchild), "{how}: closed");
            let servers = stdio(&[]);
            let grandchild = with_a_grandchild(&servers, Some(how)).await;
            drop(servers);
            assert!(is_gone(grandchild), "{how}: dropped");
        });
    }
}

#[test]
fn what_is_dropped_is_killed() {
    perform(async {
        let servers = stdio(&["--stubborn"]);
        let grandchild = with_a_grandchild(&servers, None).await;
        drop(servers);
        assert!(is_gone(grandchild));
    });
}
