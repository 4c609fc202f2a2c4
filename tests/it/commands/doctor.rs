//! `orch doctor`: which models can be used, and why others cannot.

use serde_json::json;

use super::{parsed, project};
use crate::project::Project;
use crate::server::{Act, Server};

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
    let found = parsed(&project.args(["doctor", "--json"]).run().stdout);
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
    let ended = project.args(["doctor", "--connect"]).run().exits(0).prints(&claude);
    ended.prints("command/mine: usable").prints("cannot find the program `no-such-agent`");
    assert!(project.read("ran").is_none(), "a program that is not known is not run");
    for arguments in [vec!["doctor", "--offline"], vec!["doctor"]] {
        let ended = project.args(arguments.clone()).run().exits(0);
        assert!(!ended.stdout.contains("2.1.197"));
        assert_eq!(ended.stdout.contains("note:   would run claude --version\n"), arguments == ["doctor"]);
    }
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
    let ended = project.args(["doctor", "--connect"]).run().exits(0).prints("openai/large: usable\n");
    let ended = ended.prints("it has the model").prints("openai/x: not usable\n");
    ended.prints("AWAY_KEY is not set").prints("orchestras/p.yaml has mistakes");
}
