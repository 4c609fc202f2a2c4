//! What a person does besides running: make orchestras, look at them and at runs, ask for models, clean up.

use std::fs;

use serde_json::{Value, json};

use crate::project::{Project, RUN, orchestra, output};
use crate::server::{Act, Server};

mod create;
mod differences;
mod place;
mod runs;
#[cfg(unix)]
mod unreadable;

/// A project with the orchestra `feature`.
fn project() -> Project {
    let text = orchestra("strategy: parallel", &["name: a, description: do a", "name: b, description: do b"]);
    Project::new().file("orchestras/feature_orchestra.yaml", text.replace("id: x", "id: feature"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn list_names_every_orchestra_and_what_keeps_it_from_running() {
    let empty = Project::new().file("orchestras/notes.txt", "");
    empty.args(["list"]).run().exits(0).prints_exactly("").says("`orch create ID` makes one");
    let project = project().file("orchestras/broken.yaml", "task: []\n").file("orchestras/notes.txt", "x");
    let rows = json(&project.args(["list", "--json"]).run().exits(0).stdout);
    let row = |id: &str| rows.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!((&row("feature")["valid"], &row("feature")["tasks"]), (&json!(true), &json!(2)));
    assert_eq!((&row("broken")["valid"], &row("broken")["mistakes"]), (&json!(false), &json!(2)));
    project.args(["list"]).run().exits(0).prints("feature").prints("2 mistakes: `orch validate` names them");
}

const DIAMOND: &str = "execution: {strategy: parallel}\ntasks:\n  \
                       - {name: top, agent: analyst, description: x}\n  \
                       - {name: left, agent: writer, description: x, context: [top]}\n  \
                       - {name: right, agent: writer, description: x, context: [top]}\n  \
                       - {name: join, agent: editor, description: x, context: [left, right]}\n";

#[test]
fn a_graph_is_drawn_in_three_ways() {
    let project = Project::new().file("diamond.yaml", DIAMOND);
    project.args(["graph", "diamond.yaml"]).run().exits(0).prints_exactly(
        "diamond: 4 tasks, parallel, at most 3 at once\n\n\
         WAVE  TASK   AGENT    NEEDS\n\
         1     top    analyst  -\n\
         2     left   writer   top\n\
         2     right  writer   top\n\
         3     join   editor   left, right\n",
    );
    project.args(["graph", "--format", "mermaid", "diamond.yaml"]).run().exits(0).prints_exactly(
        "flowchart TD\n    t0[\"top<br/>(analyst)\"]\n    t1[\"left<br/>(writer)\"]\n    t2[\"right<br/>(writer)\"]\n    \
         t3[\"join<br/>(editor)\"]\n    t0 --> t1\n    t0 --> t2\n    t1 --> t3\n    t2 --> t3\n",
    );
    project
        .args(["graph", "diamond.yaml", "--format", "dot"])
        .run()
        .exits(0)
        .prints("digraph \"diamond\" {\n")
        .prints("    t1 [label=\"left\\n(writer)\"];\n")
        .prints("    t2 -> t3;\n}\n");
    project.args(["graph", "diamond.yaml", "--format", "svg"]).run().exits(2).says("mermaid");
    assert_eq!(project.files().len(), 1);
}

#[test]
fn an_unknown_orchestra_is_answered_with_the_one_that_is_meant() {
    let project = project();
    for command in ["run", "graph", "validate"] {
        let ended = project.args([command, "featrue"]).run().exits(2).prints_exactly("");
        ended.says("there is no orchestra `featrue`; did you mean `feature`?").says("`orch list`");
    }
    project.args(["run", "missing.yaml"]).run().exits(2).says("missing.yaml");
    Project::new().args(["run", "sdlc"]).run().exits(2).says("`orch create ID`");
    project.args(["rnu", "feature"]).run().exits(2).says("run");
    assert_eq!(project.files().len(), 1);
}

#[test]
fn another_folder_can_be_the_project() {
    let inner = orchestra("", &["name: a, description: do a"]);
    let project = Project::new().file("deep/project/orchestras/x.yaml", inner);
    for arguments in [
        vec!["-C", "deep/project", "list"],
        vec!["list", "-C", "deep/project"],
        vec!["--project-dir", "deep/project", "list"],
    ] {
        project.args(arguments).run().exits(0).prints("orchestras/x.yaml");
    }
    let run = project.args(["-C", "deep/project", "run", "x", "--goal", "Build a simple login feature", "--rehearse"]);
    run.run()
        .exits(0)
        .file_has("deep/project/orchestra_workspaces/x/task_outputs/a_output.txt", "rehearsal")
        .no_file("orchestra_workspaces")
        .no_file(".orchestra");
    project.args(["runs", "-C", "deep/project"]).run().exits(0).prints("succeeded");
    project.args(["runs"]).run().exits(2).says("no project here");
    project.args(["-C", "nowhere", "list"]).run().exits(2).says("nowhere is not a folder");
}

#[test]
fn flags_stand_before_or_after_the_name() {
    let project = project();
    for (before, after, part) in [
        (vec!["graph", "--format", "dot", "feature"], vec!["graph", "feature", "--format", "dot"], "digraph"),
        (vec!["validate", "--format", "json", "feature"], vec!["validate", "feature", "--format", "json"], "[]"),
        (
            vec!["run", "--dry-run", "--goal", "some words to go by", "feature"],
            vec!["run", "feature", "--goal", "some words to go by", "--dry-run"],
            "feature",
        ),
    ] {
        let first = project.args(before).run().exits(0).prints(part).stdout;
        project.args(after).run().exits(0).prints_exactly(&first);
    }
}

#[test]
fn help_names_every_flag_of_run() {
    let ended = Project::new().args(["run", "x", "--help"]).run().exits(0);
    [
        "--goal",
        "--feature",
        "--dry-run",
        "--verbose",
        "--strategy",
        "--max-parallel",
        "--timeout",
        "--model",
        "--workspace",
        "--only",
        "--from",
        "--json",
        "--rehearse",
        "--script",
        "--tier",
        "--project-dir",
    ]
    .iter()
    .fold(ended, |ended, flag| ended.prints(flag));
}

#[test]
fn every_command_has_help_and_refuses_what_it_does_not_know() {
    let help = Project::new().args(["--help"]).run().exits(0).stdout;
    for command in [
        "create",
        "list",
        "validate",
        "graph",
        "schema",
        "run",
        "resume",
        "runs",
        "show",
        "why",
        "diff",
        "doctor",
        "clean",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in {help}");
        Project::new().args([command, "--help"]).run().exits(0).prints("Usage: orch ");
        Project::new().args([command, "--no-such-flag"]).run().exits(2).says("--no-such-flag");
    }
    Project::new().args(["--version"]).run().exits(0).prints_exactly(&format!("orch {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn shells_can_complete() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = Project::new().args(["completions", shell]).run().exits(0);
        ended.prints("orch").prints("resume").prints("max-parallel");
    }
    Project::new().args(["completions", "tcl"]).run().exits(2).says("bash");
}

#[test]
fn the_schema_is_one_and_knows_the_keys() {
    let schema = json(&Project::new().args(["schema"]).run().exits(0).stdout);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], json!(["tasks"]));
    for key in ["metadata", "orchestra", "execution", "models", "agents", "tasks"] {
        assert!(schema["properties"][key].is_object(), "{key}");
    }
}

const KEY: &str = "sk-canary-0123456789";

#[test]
fn doctor_says_what_can_be_used_and_never_the_key() {
    let server = Server::start();
    let project = project().server(&server).env("OPENAI_API_KEY", KEY).env("ORCH_MODEL", "openai/small");
    for arguments in [vec!["doctor"], vec!["doctor", "--json"], vec!["doctor", "--offline"]] {
        let ended = project.args(arguments).run().exits(0).prints("OPENAI_API_KEY").prints("openai/small");
        assert!(!(ended.stdout + &ended.stderr).contains("canary"));
    }
    project.args(["doctor"]).run().prints("openai/small: usable\n").prints("it has the model");
    let seen = server.seen();
    assert!(seen.iter().all(|seen| seen.method == "GET" && seen.path == "/v1/models"), "{seen:?}");
    assert_eq!(seen.len(), 3, "--offline asks nobody");
    let found = json(&project.args(["doctor", "--json"]).run().stdout);
    assert_eq!(
        (&found["models"][0]["usable"], &found["models"][0]["key_from"]),
        (&json!(true), &json!("OPENAI_API_KEY"))
    );
    assert_eq!(project.files().len(), 1, "nothing is written");
}

#[cfg(unix)]
#[test]
fn doctor_says_which_version_of_an_agents_program_there_is() {
    let project = Project::new()
        .file("bin/claude", "#!/bin/sh\necho; echo '2.1.197 (Claude Code)'\n")
        .file("bin/mine", "#!/bin/sh\ntouch ran\n")
        .file(
            "orchestras/o.yaml",
            "models:\n  claude: {provider: command, argv: [claude]}\n  mine: {provider: command, argv: [bin/mine]}\n  \
             gone: {provider: command, argv: [no-such-agent]}\nagents:\n  - {name: a, model: [claude, mine, gone]}\n\
             tasks:\n  - {name: x, agent: a, description: x}\n",
        );
    for program in ["claude", "mine"] {
        let file = project.path(&format!("bin/{program}"));
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let bin = project.path("bin").display().to_string();
    let project = project.env("PATH", format!("{bin}:/usr/bin:/bin"));
    let claude =
        format!("command/claude: usable\n    for:    o\n    file:   {bin}/claude\n    says:   2.1.197 (Claude Code)\n");
    let ended = project.args(["doctor"]).run().exits(0).prints(&claude);
    ended.prints("command/mine: usable").prints("cannot find the program `no-such-agent`");
    assert!(project.read("ran").is_none(), "a program that is not known is not run");
    let offline = project.args(["doctor", "--offline"]).run().exits(0);
    assert!(!offline.stdout.contains("2.1.197"));
}

#[test]
fn doctor_says_why_a_model_cannot_be_used() {
    Project::new().args(["doctor"]).run().exits(1).prints("no model is configured").prints("--rehearse");
    let hosted = Project::new().env("ORCH_MODEL", "anthropic/claude-9");
    hosted.args(["doctor"]).run().exits(1).prints("ANTHROPIC_API_KEY is not set");
    let server = Server::start();
    let project = Project::new().env("OPENAI_BASE_URL", server.openai()).env("ORCH_MODEL", "openai/smal");
    project.args(["doctor"]).run().exits(0).prints("usable, but").prints("`small`");
    let echo = format!("wrong key {KEY}");
    let server = Server::start();
    server.when("", [Act::error(401, &json!({"error": {"message": echo, "code": "invalid_api_key"}}))]);
    let project = project.env("OPENAI_BASE_URL", server.openai()).env("OPENAI_API_KEY", KEY);
    let ended = project.args(["doctor"]).run().exits(1).prints("not usable").prints("check the key in OPENAI_API_KEY");
    assert!(!(ended.stdout + &ended.stderr).contains("canary"));
    // Nobody listens there once the listener is dropped.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let project = Project::new().env("OPENAI_BASE_URL", format!("http://{closed}/v1"));
    project.args(["doctor"]).run().exits(1).prints("not usable").prints("check that the server runs");
}

#[test]
fn doctor_looks_at_the_models_of_the_orchestras() {
    let server = Server::start();
    let text = format!(
        "models:\n  here: {{provider: openai, base_url: '{}', model: large}}\n  \
         away: {{provider: openai, base_url: 'https://away.invalid/v1', model: x, api_key_env: AWAY_KEY}}\n\
         agents: [{{name: one, role: writer, model: here}}, {{name: two, role: writer, model: away}}]\n\
         tasks:\n  - {{name: a, agent: one, description: x}}\n  - {{name: b, agent: two, description: x}}\n",
        server.openai()
    );
    let project = Project::new().file("orchestras/o.yaml", text).file("orchestras/p.yaml", "task: []\n");
    let ended =
        project.args(["doctor"]).run().exits(0).prints("openai/large: usable\n").prints("openai/x: not usable\n");
    ended.prints("AWAY_KEY is not set").prints("orchestras/p.yaml has mistakes");
}
