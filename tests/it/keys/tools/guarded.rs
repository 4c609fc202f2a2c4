//! Files that a model may not use, though they lie in the project: what runs unasked, holds keys, or belongs to the run.

use serde_json::{Value, json};

use super::{calls, told};
use crate::project::{Project, RUN};
use crate::server::{Act, Server};

const ALL: &str = "read_file, search_files, write_file, edit_file";

/// A project whose agent has these tools.
fn project(server: &Server, tools: &str) -> Project {
    let text = format!(
        "orchestra: {{id: x, reuse: false}}\n\
         agents: [{{name: writer, tools: [{tools}]}}]\n\
         tasks:\n  - {{name: first, agent: writer, description: do first}}\n  - {{name: a, agent: writer, description: do a}}\n"
    );
    Project::new().file("x.yaml", text).server(server).args(RUN)
}

/// What a model is told that makes these calls.
fn answers(server: &Server, project: &Project, wanted: &[(&str, Value)]) -> Vec<String> {
    let wanted: Vec<_> = wanted.iter().map(|(tool, arguments)| ("c", *tool, arguments.clone())).collect();
    let numbered: Vec<String> = (0..wanted.len()).map(|n| format!("c{n}")).collect();
    let wanted: Vec<_> = wanted.into_iter().zip(&numbered).map(|((_, tool, args), id)| (&**id, tool, args)).collect();
    server.when("task: do a", [calls(&wanted), Act::Text("done".into())]);
    project.run().exits(0);
    told(server)
}

#[test]
fn a_model_writes_nothing_that_runs_unasked_or_belongs_to_the_run() {
    let server = Server::start();
    server.plays("do first", "The first output");
    let project = project(&server, ALL).file("agents/other.yaml", "name: other\n");
    let paths = [
        "orchestra_workspaces/x/task_outputs/first_output.txt",
        "orchestra_workspaces/x/.orch.lock",
        "orchestra_workspaces/x/intermediate/ctx.json",
        "orchestra_workspaces/x/final_results/orchestra_output.txt",
        "x.yaml",
        "orchestras/new.yaml",
        "agents/other.yaml",
        ".envrc",
        "sub/.VSCode/tasks.json",
        ".github/workflows/ci.yml",
        ".husky/pre-commit",
        ".git/hooks/pre-commit",
    ];
    let wanted = paths.map(|path| ("write_file", json!({"path": path, "content": "evil"})));
    let told = answers(&server, &project, &wanted);
    assert_eq!(told.len(), paths.len());
    for (path, answer) in paths.iter().zip(&told) {
        assert!(answer.contains("is not written: ") || answer.contains("belongs to Git"), "{path}: {answer}");
    }
    let is_evil = |bytes: &[u8]| bytes == b"evil";
    assert!(project.files().iter().all(|(_, bytes)| !is_evil(bytes)), "none was written");
}

#[test]
fn a_model_reads_no_keys_and_no_records() {
    let server = Server::start();
    let project = project(&server, ALL).file(".env", "TOKEN=canary").file("tls/a.pem", "canary").file("b.txt", "plain");
    project.run().exits(0);
    let runs = std::fs::read_dir(project.path(".orchestra/runs")).unwrap();
    let run = runs.flatten().next().unwrap().file_name().into_string().unwrap();
    let journal = format!(".orchestra/runs/{run}/journal.jsonl");
    assert!(project.read(&journal).is_some());
    let told = answers(
        &server,
        &project,
        &[
            ("read_file", json!({"path": ".env"})),
            ("read_file", json!({"path": "tls/a.pem"})),
            ("read_file", json!({ "path": journal })),
            ("search_files", json!({"pattern": "canary|plain"})),
            ("edit_file", json!({"path": ".env", "old": "canary", "new": "x"})),
        ],
    );
    for (answer, said) in
        told.iter().zip(["it usually holds keys", "private key", "records of other runs", "b.txt:1: plain"])
    {
        assert!(answer.contains(said), "{said}: {answer}");
    }
    assert!(told.iter().all(|answer| !answer.contains("canary")), "{told:?}");
    project.run().file_is(".env", "TOKEN=canary");
}

#[test]
fn a_grant_that_names_a_file_allows_it() {
    let server = Server::start();
    let project = project(&server, "write_file, {name: write_file, paths: [.github/workflows/ci.yml]}");
    let write = |path: &str| ("write_file", json!({"path": path, "content": "on: push"}));
    let told =
        answers(&server, &project, &[write(".github/workflows/ci.yml"), write(".github/workflows/b.yml"), write("b")]);
    assert!(told[0].contains("Wrote 8 bytes") && told[2].contains("Wrote 8 bytes"), "{told:?}");
    assert!(told[1].contains("a CI service runs it"), "{told:?}");
    // A pattern that names nothing letter by letter opens nothing.
    let project = self::project(&server, "{name: write_file, paths: ['**', '.github/**']}");
    let told = answers(&server, &project, &[write(".github/workflows/ci.yml"), write("src/a")]);
    assert!(told[0].contains("a CI service runs it") && told[1].contains("Wrote"), "{told:?}");
}

#[test]
fn a_name_from_a_list_opens_no_guarded_file_for_an_output() {
    let server = Server::start();
    let text = "tasks:\n  - name: each\n    agent: writer\n    for_each: [{path: a.md}, {path: .github/workflows/ci.yml}]\n    \
                description: 'do {{ item.path }}'\n    output: {file: '{{ item.path }}'}\n";
    let project = Project::new().file("x.yaml", text).server(&server);
    let refused = project.args(["validate", "x.yaml"]).run().exits(2);
    refused.says("item 2: `.github/workflows/ci.yml` is no file to write: a CI service runs it");
    let named = text.replace("{file: '{{ item.path }}'}", "{file: '.github/workflows/{{ loop.index }}.yml'}");
    Project::new().file("x.yaml", named).args(["validate", "x.yaml"]).run().exits(0);
}

#[test]
fn a_grant_is_refused_where_it_cannot_hold() {
    let server = Server::start();
    for (tools, said) in [
        ("{name: run_command, allow: [[ls]], paths: [a]}", "`run_command` takes no `paths`"),
        ("{name: ctx_get, paths: [a]}", "`ctx_get` takes no `paths`"),
        ("{name: read_file, allow: [[ls]]}", "`read_file` takes neither `allow` nor `timeout_seconds`"),
        ("{name: read_file, paths: []}", "`paths` names no file"),
        ("{name: read_file, paths: ['a{']}", "`a{` is not a pattern for files"),
        ("{name: write_file, paths: [../x]}", "`../x` is not a path of a file in the project"),
        ("{name: write_file, paths: [.git/hooks/x]}", "`.git/hooks/x` is not a path of a file in the project"),
        ("{name: write_file, paths: [orchestra_workspaces/y/task_outputs/z]}", "cannot be granted: it belongs to"),
    ] {
        project(&server, tools).args(["validate", "x.yaml"]).run().exits(2).says(said).says(" --> x.yaml:2:");
    }
}
