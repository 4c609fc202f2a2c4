//! A key goes into a request's header and nowhere else.

use serde_json::json;

use crate::project::{Ended, Project, RUN, orchestra, output};
use crate::server::{Act, Server};

#[cfg(unix)]
mod everywhere;

const KEY: &str = "sk-canary-0123456789abcdef";

/// The key is in nothing that was printed or written.
fn leaks_nothing(ended: &Ended) {
    assert!(!ended.stdout.contains(KEY), "stdout: {}", ended.stdout);
    assert!(!ended.stderr.contains(KEY), "stderr: {}", ended.stderr);
    let has_key = |bytes: &[u8]| bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
    for (path, bytes) in ended.project.files() {
        assert!(!has_key(&bytes), "{}", path.display());
    }
}

#[test]
fn a_key_is_found_nowhere_whoever_repeats_it() {
    for (model, header) in [("openai/m", "authorization"), ("anthropic/m", "x-api-key")] {
        let server = Server::start();
        let repeats = |code| Act::error(code, &json!({"error": {"message": format!("Incorrect API key: {KEY}.")}}));
        server.when("do a", [repeats(503), Act::Text(format!("The key is {KEY}, I was told."))]);
        server.when("do b", [repeats(401)]);
        server.when("do c", [Act::Raw(format!("HTTP/1.1 200 OK\r\n\r\n{KEY} is not JSON").into_bytes())]);
        server.when(
            "do d",
            [Act::Status { code: 302, headers: vec![("location", format!("/?key={KEY}"))], body: String::new() }],
        );
        let tasks = ["a", "b", "c", "d"].map(|name| format!("name: {name}, description: do {name}"));
        let tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
        let execution = "strategy: parallel, enable_trace: true, enable_metrics: true, \
                         retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}";
        let ended = Project::new()
            .file("x.yaml", orchestra(execution, &tasks))
            .server(&server)
            .env("OPENAI_API_KEY", KEY)
            .env("ANTHROPIC_API_KEY", KEY)
            .env("ORCH_LOG", "trace")
            .args(RUN)
            .and(["--verbose", "--json", "--model", model])
            .run()
            .exits(1)
            .file_is(&output("a"), "The key is [redacted], I was told.")
            .file_has(&output("b"), "[redacted]");
        leaks_nothing(&ended);
        assert!(server.seen().iter().all(|seen| seen.header(header).is_some_and(|value| value.contains(KEY))));
    }
}

#[test]
fn a_key_in_an_address_is_found_nowhere() {
    let server = Server::start();
    server.when("do a", [Act::error(404, &json!({"error": {"message": format!("no such route ?key={KEY}")}}))]);
    let ended = Project::new()
        .file("x.yaml", orchestra("", &["name: a, description: do a"]))
        .env("OPENAI_BASE_URL", format!("{}?key={KEY}", server.openai()))
        .env("ORCH_LOG", "trace")
        .args(RUN)
        .and(["--verbose"])
        .run()
        .exits(1);
    leaks_nothing(&ended);
}

/// A crash must not leave the keys behind in a file, neither ours nor that of a program that was given one.
#[test]
#[cfg(unix)]
fn nothing_is_dumped_when_something_crashes() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let (_, most) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    setrlimit(Resource::RLIMIT_CORE, most, most).unwrap();
    let server = Server::start();
    let task =
        "name: a, description: do a, verify: [{run: [sh, -c, 'ulimit -S -c > soft.txt; ulimit -H -c > hard.txt']}]";
    let ended = Project::new().file("x.yaml", orchestra("", &[task])).server(&server).args(RUN).run().exits(0);
    ended
        .file_is("soft.txt", "0\n")
        .file_is("hard.txt", &if most == u64::MAX { "unlimited\n".to_owned() } else { format!("{}\n", most / 1024) });
}
