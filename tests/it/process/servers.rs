//! However a run ends, its MCP servers end with everything that they have started.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::LONG;
use crate::keys::tools::calls;
use crate::mcp::program;
use crate::project::{Project, RUN, Running, output};
use crate::server::{Act, Server};

/// A run whose MCP server ends neither when nobody listens any more nor when it is asked to, and has started a process
/// in a session of its own, which ignores `SIGTERM` as well.
struct Scene {
    server: Server,
    project: Project,
    listener: TcpListener,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        server.when("do a", [calls(&[("call-1", "local__keep", json!({"port": port, "how": "away"}))])]);
        let program = json!([program(), "serve", "stdio", "--stubborn"]);
        let text = format!(
            "orchestra: {{id: x}}\nmcp_servers: {{local: {{argv: {program}}}}}\n\
             agents: [{{name: developer, tools: [local/keep, local/slow]}}]\n\
             tasks: [{{name: a, agent: developer, description: do a}}]\n"
        );
        let project = Project::new().file("x.yaml", text).server(&server).args(RUN);
        Self { server, project, listener }
    }

    /// Starts the run, and waits until a call hangs and the process that the server has started is there.
    fn hang(&self) -> (Running, TcpStream) {
        self.server.when("\"call-2\"", [Act::Text("went on".to_owned())]);
        self.server.when("\"call-1\"", [calls(&[("call-2", "local__slow", json!({}))])]);
        let running = self.project.spawn();
        let grandchild = self.grandchild();
        let begun = |event: &Value| event["type"] == "tool_started" && event["id"] == "call-2";
        running.wait_until(|| !self.project.runs().is_empty() && self.project.journal().iter().any(begun));
        (running, grandchild)
    }

    /// The connection that the server's child holds.
    fn grandchild(&self) -> TcpStream {
        let (mut connection, _) = self.listener.accept().unwrap();
        connection.set_read_timeout(Some(LONG)).unwrap();
        connection.read_exact(&mut [0; 4]).unwrap();
        connection
    }

    /// How many processes of the run there are, by its id in their environments.
    fn processes(&self) -> usize {
        let wanted = format!("ORCH_RUN={}\0", self.project.runs()[0]);
        let folders = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let environments = folders.filter_map(|folder| fs::read(folder.join("environ")).ok());
        environments.filter(|environment| String::from_utf8_lossy(environment).contains(&wanted)).count()
    }

    #[track_caller]
    fn is_clear(&self, mut grandchild: TcpStream) {
        let started = Instant::now();
        // A reset is an end as well: it was killed.
        let _ = grandchild.read_to_end(&mut Vec::new());
        assert!(started.elapsed() < LONG.saturating_sub(Duration::from_secs(1)), "it is still there");
        assert_eq!(self.processes(), 0);
    }
}

#[test]
fn they_end_with_a_run_that_succeeds() {
    let scene = Scene::new();
    scene.server.when("\"call-1\"", [Act::Text("done".to_owned())]);
    let running = scene.project.spawn();
    let grandchild = scene.grandchild();
    running.wait().exits(0).file_is(&output("a"), "done");
    scene.is_clear(grandchild);
}

#[test]
fn they_end_with_a_run_that_is_told_to_stop() {
    for signal in [Signal::INT, Signal::TERM] {
        let scene = Scene::new();
        let (running, grandchild) = scene.hang();
        running.signal(signal);
        running.wait_until(|| scene.project.journal().iter().any(|event| event["type"] == "stop_requested"));
        // The second one does not wait for the call.
        running.signal(signal);
        running.wait().exits(130);
        scene.is_clear(grandchild);
    }
}

#[test]
fn they_are_ended_by_a_resume_when_orch_was_killed() {
    let scene = Scene::new();
    let (running, grandchild) = scene.hang();
    running.signal(Signal::KILL);
    drop(running);
    assert_eq!(scene.processes(), 2, "nobody ends them but the next orch");

    let ended = scene.project.args(["resume"]).run().exits(0).file_is(&output("a"), "went on");
    ended.says("note: 2 processes that the killed run had left were ended");
    scene.is_clear(grandchild);
}
