//! Keys of every origin, in a run in which everybody repeats them: each is where its owner put it, and nowhere else.

use self::keys::{CANARIES, all, escaped, found, key};
use serde_json::{Value, json};

use crate::keys::tools::calls;
use crate::mcp::http::Listening;
use crate::mcp::program;
use crate::project::{Ended, Project, output};
use crate::server::{Act, Seen, Server};

mod keys;

/// The servers of the run.
struct World {
    usual: Server,
    anthropic: Server,
    named: Server,
    printed: Server,
    address: Server,
    door: Listening,
}

/// An answer whose text comes in pieces of three characters.
fn dribbled(text: &str) -> Act {
    let characters: Vec<char> = text.chars().collect();
    let chunk = |piece: &[char]| {
        let delta = json!({"content": piece.iter().collect::<String>()});
        let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
        format!("data: {}\n\n", json!({"object": "chat.completion.chunk", "choices": [choice]}))
    };
    let end =
        json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let events: String = characters.chunks(3).map(chunk).chain([format!("data: {end}\n\ndata: [DONE]\n\n")]).collect();
    Act::Sse(events)
}

/// A signed thought that holds a key, and a call of a tool.
fn thought() -> Act {
    let blocks = json!([
        {"type": "thinking", "thinking": format!("They gave me {}.", key("anthropic")), "signature": "c2lnbmVk"},
        {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {"path": "notes.txt"}},
    ]);
    Act::json(
        json!({"type": "message", "role": "assistant", "content": blocks, "stop_reason": "tool_use",
        "usage": {"input_tokens": 4, "output_tokens": 5}})
        .to_string(),
    )
}

impl World {
    fn new() -> Self {
        Self {
            usual: Server::start(),
            anthropic: Server::start(),
            named: Server::start(),
            printed: Server::start(),
            address: Server::start(),
            door: Listening::start(&[&format!("--key={}", key("door"))]),
        }
    }

    /// Everybody who is asked tells all keys: what they do in one run.
    fn tells_all(&self) {
        let usual = key("usual");
        let member = json!({usual: [all()]});
        let shell = |script: &str| json!({"argv": ["sh", "-c", script]});
        let long =
            format!("yes filler | head -c 60000; cat notes.txt; yes filler | head -c 60000; printf %s '{usual}' >&2");
        self.usual.when(
            "Your task: do reading",
            [
                calls(&[
                    ("1", "read_file", json!({"path": "notes.txt"})),
                    ("2", "search_files", json!({"pattern": "e"})),
                    (
                        "3",
                        "run_command",
                        shell("env > env_of_command.txt; env; cat notes.txt; cat notes.txt >&2; false"),
                    ),
                    ("4", "run_command", shell(&long)),
                    ("5", "write_file", json!({"path": "out/written.txt", "content": all()})),
                    ("6", "ctx_set", json!({"key": "plan", "value": member})),
                    ("7", "ctx_get", json!({"key": "plan"})),
                    (usual, "notes__environment", json!({})),
                    ("9", "notes__echo", json!({"text": all()})),
                    ("10", "door__echo", json!({"text": all(), usual: 1})),
                    ("11", usual, member.clone()),
                    ("12", "read_file", json!({"path": usual})),
                ]),
                dribbled(&all()),
            ],
        );
        self.usual.when("Your task: do checking", [Act::Text(all()), Act::Text(all())]);
        self.usual
            .when("Your task: do failing", [Act::error(401, &json!({"error": {"message": all(), "code": usual}}))]);
        let refusal =
            Act::Status { code: 503, headers: vec![("x-request-id", key("printed").to_owned())], body: all() };
        self.named.when("", [refusal]);
        self.printed.when("", [Act::Text(all())]);
        let head = format!("HTTP/1.1 404 {}\r\nconnection: close\r\n\r\n", key("usual"));
        self.address
            .when("", [Act::Raw(format!("{head}no /v1?key={}: {}", escaped(key("address")), all()).into_bytes())]);
        self.anthropic.when("Your task: do thinking", [thought(), Act::Text(all())]);
    }

    fn project(&self) -> Project {
        let notes = format!("exec {} serve stdio", program());
        let orchestra = json!({
            "orchestra": {"id": "x", "execution": {"strategy": "parallel", "max_parallel_tasks": 1, "on_error": "continue", "retry_strategy": "none"}},
            "models": {
                "named": {"provider": "openai", "model": "named", "base_url": self.named.openai(), "api_key_env": "NAMED"},
                "printed": {"provider": "openai", "model": "printed", "base_url": self.printed.openai(),
                            "api_key_command": ["sh", "-c", "printf %s \"$HIDDEN\""]},
                "address": {"provider": "openai", "model": "address",
                            "base_url": format!("{}?key={}", self.address.openai(), escaped(key("address")))},
                "helper": {"provider": "command", "argv": ["./helper.sh", "{prompt}"], "env": ["HELPER_LOGIN"]},
            },
            "mcp_servers": {
                "notes": {"argv": ["sh", "-c", format!("env > env_of_notes.txt; {notes}")], "env": ["NOTES_LOGIN"]},
                "door": {"url": self.door.url, "header_env": {"authorization": "DOOR"}},
            },
            "agents": [
                {"name": "reader", "model": "openai/usual", "instructions": format!("Never say {}.", key("usual")),
                 "tools": ["read_file", "search_files", "write_file", "ctx_get", "ctx_set", "notes/*", "door/echo",
                           {"name": "run_command", "allow": [["sh", "-c"]]}]},
                {"name": "chained", "model": ["named", "printed"]},
                {"name": "far", "model": "address"},
                {"name": "helper", "model": "helper"},
                {"name": "thinker", "model": "anthropic/thinker", "tools": ["read_file"]},
                {"name": "plain", "model": "openai/usual"},
            ],
            "tasks": [
                {"name": "reading", "agent": "reader", "description": "do reading", "output": {"file": "out/read.txt"}},
                {"name": "helping", "agent": "helper", "description": format!("do helping with {}", key("named"))},
                {"name": "chaining", "agent": "chained", "description": "do chaining: {{ outputs.helping }}", "context": ["reading", "helping"]},
                {"name": "asking", "agent": "far", "description": "do asking"},
                {"name": "thinking", "agent": "thinker", "description": "do thinking"},
                {"name": "failing", "agent": "plain", "description": "do failing"},
                {"name": "checking", "agent": "plain", "description": "do checking", "output": {"file": "out/checked.txt"},
                 "verify": [{"run": ["sh", "-c", "env > env_of_check.txt; cat notes.txt notes.txt; cat notes.txt >&2; exit 1"]}]},
            ],
        });
        let project =
            Project::new().file("x.yaml", orchestra.to_string()).file("notes.txt", all()).file("tmp/here", "").file(
                "helper.sh",
                "#!/bin/sh\nenv > env_of_helper.txt\nprintf '%s\\n' \"$@\" > argv_of_helper.txt\nenv\ncat notes.txt\n",
            );
        std::fs::set_permissions(project.path("helper.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let project = project
            .env("OPENAI_BASE_URL", self.usual.openai())
            .env("ANTHROPIC_BASE_URL", self.anthropic.url())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TMPDIR", project.path("tmp").to_str().unwrap())
            .env("ORCH_LOG", "trace");
        CANARIES
            .iter()
            .filter_map(|canary| Some((canary.variable?, canary.key)))
            .fold(project, |project, ((name, before), key)| project.env(name, format!("{before}{key}")))
    }
}

/// Fails if a key was printed.
fn prints_nothing(ended: &Ended) {
    for (stream, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        let found = found(text);
        let lines: Vec<&str> = text.lines().filter(|line| !found.is_empty() && !self::found(line).is_empty()).collect();
        assert!(found.is_empty(), "{stream}: {found:?} {lines:#?}");
    }
}

/// Fails if a key stands in a file other than those that a person has put it into, and those in which a program keeps
/// what it was given on purpose.
fn holds_nothing(project: &Project) {
    for (path, bytes) in project.files() {
        let allowed: &[&str] = match path.file_name().unwrap().to_str().unwrap() {
            "notes.txt" => continue,
            "x.yaml" => &["usual", "named", "address"],
            "env_of_notes.txt" => &["notes"],
            "env_of_helper.txt" => &["helper"],
            _ => &[],
        };
        let found = found(&String::from_utf8_lossy(&bytes));
        assert!(found.iter().all(|name| allowed.contains(name)), "{}: {found:?}", path.display());
    }
}

/// Fails if a server has seen another key than its own, or its own elsewhere than where it belongs.
fn sees_its_own_alone(server: &Server, own: &str, header: Option<&str>) {
    let seen = server.seen();
    assert!(!seen.is_empty(), "{own} was never asked");
    for Seen { method, path, headers, body, .. } in &seen {
        assert_eq!(found(&body.to_string()), Vec::<&str>::new(), "{own} in a body: {body:#}");
        match header {
            None => assert_eq!((found(path), method.as_str()), (vec![own], method.as_str()), "{path}"),
            Some(_) => assert_eq!(found(path), Vec::<&str>::new(), "{path}"),
        }
        for (name, value) in headers {
            let found = found(value);
            match header {
                Some(header) if header == name => assert_eq!(found, [own], "{name}"),
                _ => assert_eq!(found, Vec::<&str>::new(), "{own} in {name}"),
            }
        }
    }
}

#[test]
fn a_key_is_where_it_was_put_and_nowhere_else() {
    let world = World::new();
    let project = world.project();
    let goal = format!("Build a feature with {} and {}", key("named"), key("stray"));
    let run = |flags: &[&str]| {
        world.tells_all();
        project.args(["run", "x.yaml", "--goal", &goal]).and(flags.iter().copied()).run()
    };
    let first = run(&["--json", "--verbose"]).exits(1);
    prints_nothing(&first);
    holds_nothing(&project);
    everybody_has_told(&world, &first);
    prints_nothing(&run(&["--verbose", "--fresh", "--record", "tape.json"]).exits(1));
    prints_nothing(&run(&["--verbose", "--replay", "tape.json"]));
    world.tells_all();
    prints_nothing(&project.args(["resume", "--verbose"]).run());

    let runs = project.runs();
    for args in [
        &["show"][..],
        &["show", "--json"],
        &["show", &runs[0], "--events"],
        &["show", &runs[0], "--task", "reading"],
        &["show", &runs[0], "--task", "checking"],
        &["why", "reading"],
        &["why", "chaining", "--json"],
        &["diff", &runs[0], &runs[1]],
        &["runs", "--json"],
        &["list", "--json"],
        &["validate", "x.yaml"],
        &["graph", "x.yaml"],
        &["run", "x.yaml", "--dry-run", "--goal", "Build a simple login feature"],
        &["doctor"],
        &["doctor", "--json"],
        &["clean"],
    ] {
        prints_nothing(&project.args(args).run());
    }
    holds_nothing(&project);
    for (server, own, header) in [
        (&world.usual, "usual", Some("authorization")),
        (&world.anthropic, "anthropic", Some("x-api-key")),
        (&world.named, "named", Some("authorization")),
        (&world.printed, "printed", Some("authorization")),
        (&world.address, "address", None),
    ] {
        sees_its_own_alone(server, own, header);
    }
}

/// The project would show nothing if nobody had told a key.
fn everybody_has_told(world: &World, ended: &Ended) {
    let has = |path: &str, part: &str| assert!(ended.project.read(path).unwrap_or_default().contains(part), "{path}");
    for task in ["reading", "helping", "chaining", "asking", "thinking", "failing", "checking"] {
        has(&output(task), "[redacted]");
    }
    has("out/written.txt", "[redacted]");
    has("out/read.txt", "[redacted]");
    has("argv_of_helper.txt", "[redacted]");
    has("env_of_notes.txt", key("notes"));
    has("env_of_helper.txt", "cli/two");
    has("env_of_check.txt", "PATH=");
    has("env_of_command.txt", "PATH=");
    let mut asked = world.usual.seen().into_iter().filter(|seen| seen.body.to_string().contains("do reading"));
    let messages = asked.next_back().unwrap().body["messages"].as_array().unwrap().clone();
    let told = messages.iter().filter(|message| message["role"] == "tool");
    let told: Vec<String> = told.map(|message| message["content"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told.len(), 12, "{told:#?}");
    for (at, part) in
        [(0, "[redacted]"), (2, "exit code 1"), (7, "NOTES_LOGIN=[redacted]"), (8, "[redacted]"), (9, "[redacted]")]
    {
        assert!(told[at].contains(part), "{at}: {}", told[at]);
    }
    // The thought is not kept, and so not sent back either: changed, its signature would not hold.
    let turn = ended.project.journal().into_iter().find(|event| event["turn"]["calls"][0]["id"] == "toolu_1").unwrap();
    assert_eq!(turn["turn"]["echo"], Value::Null);
    let second = world.anthropic.seen()[1].body["messages"][1]["content"].clone();
    assert_eq!(second[0]["type"], "tool_use", "{second:#}");
}
