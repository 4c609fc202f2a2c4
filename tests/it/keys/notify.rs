//! `notify`: who is told how a run has ended, and that nothing about it changes the run.

use serde_json::{Value, json};

use crate::project::{Ended, Project, RUN, orchestra};
use crate::server::{Act, Server};

/// An orchestra of one task with these entries under `notify`.
fn project(server: &Server, entries: &str) -> Project {
    let text = orchestra("retry_strategy: none, outage_seconds: 0", &["name: a, description: do a"]);
    let path = std::env::var("PATH").unwrap();
    Project::new().server(server).env("PATH", path).file("x.yaml", format!("{text}notify:\n{entries}")).args(RUN)
}

fn told(project: &Project) -> Value {
    serde_json::from_str(&project.read("told.json").unwrap()).unwrap()
}

/// The requests that are no calls of a model.
fn posts(server: &Server) -> Vec<(String, Value)> {
    let posts = server.seen().into_iter().filter(|seen| seen.path.starts_with("/hook"));
    posts.map(|seen| (seen.path, seen.body)).collect()
}

fn silent(ended: &Ended) {
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn a_program_reads_the_end_of_the_run() {
    let server = Server::start();
    let project =
        project(&server, "  - {run: [sh, -c, 'cat > told.json; echo $WHO > who'], env: [WHO]}\n").env("WHO", "me");
    silent(&project.run().exits(0).file_is("who", "me\n"));
    let run = project.runs().remove(0);
    let told = told(&project);
    assert_eq!(told["text"], format!("x: succeeded ({run})"));
    assert_eq!((&told["status"], &told["run"], &told["done"]), (&json!("succeeded"), &json!(run), &json!(1)));
    assert_eq!((&told["failed"], &told["workspace"]), (&json!([]), &json!("orchestra_workspaces/x")));
    // The goal and what a model said stay here.
    assert!(!told.to_string().contains("login feature"), "{told}");
}

#[test]
fn an_address_is_told_in_its_own_form() {
    let server = Server::start();
    let entry = |body: &str| {
        format!("  - {{url: '{}/hook/{body}', body: {body}, text: 'It is {{{{ status | upper }}}}'}}\n", server.url())
    };
    let entries = format!("{}{}{}", entry("json"), entry("slack"), entry("text"));
    silent(&project(&server, &entries).run().exits(0));
    let seen: Vec<_> = server.seen().into_iter().filter(|seen| seen.path.starts_with("/hook")).collect();
    assert_eq!(seen[0].body["text"], "It is SUCCEEDED");
    assert_eq!(seen[0].body["orchestra"], "x");
    assert_eq!(seen[1].body, json!({"text": "It is SUCCEEDED"}));
    assert_eq!(seen[2].header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(seen.iter().all(|seen| seen.method == "POST"));
}

#[test]
fn each_end_tells_those_who_want_to_know_it() {
    let server = Server::start();
    let entries: String = ["waiting", "limited", "failed", "finished"]
        .map(|on| format!("  - {{on: [{on}], url: '{}/hook/{on}'}}\n", server.url()))
        .concat();
    let paths = |from: usize| posts(&server).split_off(from).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    project(&server, &entries).run().exits(0);
    assert_eq!(paths(0), ["/hook/finished"]);
    server.when("do a", [Act::error(400, &json!({"error": "no"}))]);
    project(&server, &entries).run().exits(1);
    assert_eq!(paths(1), ["/hook/failed", "/hook/finished"]);
    assert_eq!(posts(&server)[1].1["failed"], json!(["a"]));
    project(&server, &format!("{entries}limits: {{max_api_calls: 0}}\n")).run().exits(3);
    assert_eq!(paths(3), ["/hook/limited"]);
}

#[test]
fn a_notice_that_fails_is_a_warning_and_the_rest_is_told() {
    let server = Server::start();
    server.when("\"text\":\"gone\"", [Act::error(404, &json!({"no": "such"}))]);
    let url = server.url();
    let entries = format!(
        "  - {{run: [no_such_program_here]}}\n  - {{run: ['false']}}\n  - {{url_env: UNSET}}\n  - {{url: 'http://127.0.0.1:1/hook'}}\n  \
         - {{url: '{url}/hook/gone', text: gone}}\n  - {{url: '{url}/hook/last'}}\n"
    );
    let ended = project(&server, &entries).run().exits(0);
    let ended = ended
        .says("warning: `no_such_program_here` was not told how the run has ended: cannot find the program")
        .says("warning: `false` was not told how the run has ended: it exited with 1")
        .says("warning: the address in UNSET will not be told how the run has ended: UNSET is not set")
        .says("warning: the address in UNSET was not told")
        .says("warning: 127.0.0.1:1 was not told")
        .says(&format!("was not told how the run has ended: {} answered 404", url.trim_start_matches("http://")));
    drop(ended);
    assert_eq!(posts(&server).last().unwrap().0, "/hook/last");
}

#[cfg(unix)]
#[test]
fn what_takes_too_long_is_ended() {
    let server = Server::start();
    let ended = project(&server, "  - {run: [sleep, '600'], timeout_seconds: 0.2}\n").run().exits(0);
    ended.says("`sleep 600` was not told how the run has ended").says("not done after 0.2 seconds");
}

#[cfg(unix)]
#[test]
fn a_rehearsal_tells_nobody_and_says_so() {
    let server = Server::start();
    let entries = format!(
        "  - {{run: [touch, told]}}\n  - {{url: '{}/hook'}}\n  - {{on: [failed], run: [touch, told]}}\n",
        server.url()
    );
    let ended = project(&server, &entries).untrusted().and(["--rehearse"]).run().exits(0).no_file("told");
    ended.says("a rehearsal tells nobody how it has ended: 2 entries under `notify` had nothing to do");
    assert!(server.seen().is_empty());
}

#[cfg(unix)]
#[test]
fn keys_are_given_to_those_who_are_named_and_shown_to_nobody() {
    let server = Server::start();
    let (hook, token) = (format!("{}/hook/T0123456789-canary", server.url()), "canary-token-0123456789");
    let entries = "  - {url_env: HOOK, header_env: {X-Token: TOKEN}, text: 'it is {{ status }}'}\n  \
                   - {run: [sh, -c, 'echo $TOKEN >&2; exit 3'], env: [TOKEN]}\n  - {url_env: BAD}\n";
    let project =
        project(&server, entries).env("HOOK", &hook).env("TOKEN", token).env("BAD", "canary-no-address-at-all");
    let ended =
        project.run().exits(0).says("it exited with 3: [redacted]").says("the address is none that HTTP can call");
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    let seen = server.seen().into_iter().find(|seen| seen.path.starts_with("/hook")).unwrap();
    assert_eq!(seen.header("x-token"), Some(token));
    for (path, bytes) in project.files() {
        assert!(!String::from_utf8_lossy(&bytes).contains("canary-token"), "{}", path.display());
    }
}

#[cfg(unix)]
#[test]
fn what_is_named_is_part_of_the_question_of_trust() {
    let server = Server::start();
    let entries = format!(
        "  - {{run: [touch, told], env: [WHO]}}\n  - {{url: '{}/hook', header_env: {{A: TOKEN}}}}\n  - {{url_env: HOOK}}\n",
        server.url()
    );
    let project = project(&server, &entries);
    let parts = [
        "  touch told  (tells how a run has ended)\n".to_owned(),
        "  WHO to the program touch told  (tells how a run has ended)\n".to_owned(),
        format!("  TOKEN to {}  (tells how a run has ended)\n", server.url()),
        "  HOOK to the address in HOOK  (tells how a run has ended)\n".to_owned(),
        format!("  {}  (tells how a run has ended)\n", server.url()),
    ];
    let refused = project.untrusted().run().exits(2).no_file("told");
    let shown = project.and(["--dry-run"]).run().exits(0).no_file("told");
    for part in &parts {
        assert!(refused.stderr.contains(part) && shown.stdout.contains(part), "{part}\n{}", refused.stderr);
    }
    assert!(server.seen().is_empty());
}

#[test]
fn mistakes_are_named_at_their_place() {
    let server = Server::start();
    for (entry, said) in [
        ("{on: [done], run: [x]}", "`on` cannot be `done`"),
        ("{on: [], run: [x]}", "`on` names no end"),
        ("{on: [failed]}", "somebody is told by one way"),
        ("{run: [x], url: 'https://x.example'}", "somebody is told by one way"),
        ("{run: []}", "`run` names no program"),
        ("{run: [x], body: text}", "`body` does not go with run"),
        ("{url: 'https://x.example', env: [A]}", "`env` does not go with an address"),
        ("{url: 'ftp://x.example'}", "`ftp://x.example` is not an address"),
        ("{url_env: 'https://x.example'}", "`url_env` must be the name of an environment variable"),
        ("{run: [x], text: 'a {{ goal }}'}", "there is no `goal`"),
        ("{run: [x], text: 'a {{ run.name }}'}", "the names are orchestra, run.id and status"),
        ("{run: [x], timeout_seconds: 301}", "300 or less"),
        ("{rnu: [x]}", "did you mean `run`?"),
    ] {
        let project = project(&server, &format!("  - {entry}\n"));
        project.args(["validate", "x.yaml"]).run().exits(2).says(said).says("x.yaml:");
    }
}
