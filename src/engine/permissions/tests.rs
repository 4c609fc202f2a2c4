//! Each way in which a file can reach out of its project is in the list, and what every user expects is not.

use std::sync::Arc;

use super::*;
use crate::engine::check;
use crate::store::project::Project;
use crate::words::diagnostic::Source;
use crate::words::event::Overrides;

fn of(text: &str) -> Vec<Permission> {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(Source::new("x.yaml", text));
    let checked = check(&Project::at(folder.path()), &source, &Overrides::default());
    permissions(&checked.map_err(|reports| reports[0].diagnostics[0].message.clone()).unwrap().0)
}

/// As lines, without the workspace's.
fn lines(text: &str) -> Vec<String> {
    let shown =
        of(text).into_iter().filter(|permission| *permission != write(Purpose::Output, "orchestra_workspaces/x"));
    shown.map(|permission| serde_json::to_string(&permission).unwrap()).collect()
}

fn of_models(model: &str) -> Vec<String> {
    lines(&format!(
        "models: {{m: {{model: m, {model}}}}}\nagents: [{{name: writer, model: m}}]\n\
         tasks: [{{name: a, agent: writer, description: x}}]\n"
    ))
}

#[test]
fn vendors_at_their_own_addresses_with_their_own_keys_need_no_question() {
    for model in [
        "provider: openai",
        "provider: anthropic, api_key_env: ANTHROPIC_API_KEY",
        "provider: gemini, api_key_env: GOOGLE_API_KEY",
        "provider: openai, base_url: 'https://api.z.ai/api/paas/v4', api_key_env: ZAI_API_KEY",
        "provider: openai, base_url: 'https://api.anthropic.com/v1', api_key_env: ANTHROPIC_API_KEY",
        "provider: openai, base_url: 'http://localhost:11434/v1'",
        "provider: ollama, base_url: 'http://127.0.0.1:11434'",
    ] {
        assert_eq!(of_models(model), [""; 0], "{model}");
    }
    let plain = of("tasks: [{name: a, agent: writer, description: x, output: {file: a.txt}}]\n");
    assert_eq!(plain, [write(Purpose::Output, "a.txt"), write(Purpose::Output, "orchestra_workspaces/x")]);
    assert!(!plain.iter().any(Permission::needs_trust));
}

#[test]
fn a_key_that_goes_elsewhere_is_named_with_where_it_goes() {
    for (model, expected) in [
        (
            "provider: openai, base_url: 'http://someone:pw@127.0.0.1:4555/v1', api_key_env: AWS_SECRET_ACCESS_KEY",
            &[
                r#"{"access":"variable","name":"AWS_SECRET_ACCESS_KEY","to":{"origin":"http://127.0.0.1:4555"},"purpose":"key"}"#,
                r#"{"access":"call","origin":"http://127.0.0.1:4555","purpose":"model"}"#,
            ][..],
        ),
        (
            "provider: openai, api_key_env: ANTHROPIC_API_KEY",
            &[r#"{"access":"variable","name":"ANTHROPIC_API_KEY","to":{"vendor":"openai"},"purpose":"key"}"#],
        ),
        (
            "provider: anthropic, base_url: 'https://api.openai.com', api_key_env: ANTHROPIC_API_KEY",
            &[
                r#"{"access":"variable","name":"ANTHROPIC_API_KEY","to":{"origin":"https://api.openai.com"},"purpose":"key"}"#,
            ],
        ),
        (
            "provider: openai, headers: {X-Key: {env: OTHER_KEY}}",
            &[r#"{"access":"variable","name":"OTHER_KEY","to":{"vendor":"openai"},"purpose":"key"}"#],
        ),
        (
            "provider: openai, base_url: 'https://api.openai.com.evil.example'",
            &[r#"{"access":"call","origin":"https://api.openai.com.evil.example","purpose":"model"}"#],
        ),
        (
            "provider: openai, api_key_command: [pass, show, openai]",
            &[r#"{"access":"run","argv":["pass","show","openai"],"purpose":"key"}"#],
        ),
    ] {
        assert_eq!(of_models(model), expected, "{model}");
    }
}

#[test]
fn every_program_is_named_with_its_variables() {
    let text = "
mcp_servers:
  s: {argv: [touch, started], env: [ONE]}
  w: {url: 'https://tools.example/mcp?key=1', header_env: {Authorization: TWO}}
models: {c: {provider: command, argv: [./bin/claude, -p], env: [THREE]}}
agents: [{name: a, role: analyst, model: c, tools: ['s/*', 'w/*', write_file, {name: run_command, allow: [[cargo, test]]}]}]
tasks:
  - {name: x, agent: a, description: x, verify: [{run: [make, check]}]}
  - {name: y, run: [echo, '{goal}'], env: [FOUR]}
";
    let claude = r#"{"program":["./bin/claude","-p"]},"purpose":"model"}"#;
    let expected = [
        r#"{"access":"run","argv":["./bin/claude","-p"],"purpose":"model"}"#.to_owned(),
        r#"{"access":"run","argv":["cargo","test"],"purpose":"tool"}"#.to_owned(),
        r#"{"access":"run","argv":["echo","{goal}"],"purpose":"task"}"#.to_owned(),
        r#"{"access":"run","argv":["make","check"],"purpose":"check"}"#.to_owned(),
        r#"{"access":"run","argv":["touch","started"],"purpose":"mcp_server"}"#.to_owned(),
        format!(r#"{{"access":"variable","name":"ANTHROPIC_*","to":{claude}"#),
        format!(r#"{{"access":"variable","name":"CLAUDE_*","to":{claude}"#),
        r#"{"access":"variable","name":"FOUR","to":{"program":["echo","{goal}"]},"purpose":"task"}"#.to_owned(),
        r#"{"access":"variable","name":"ONE","to":{"program":["touch","started"]},"purpose":"mcp_server"}"#.to_owned(),
        format!(r#"{{"access":"variable","name":"THREE","to":{claude}"#),
        r#"{"access":"variable","name":"TWO","to":{"origin":"https://tools.example"},"purpose":"mcp_server"}"#
            .to_owned(),
        r#"{"access":"call","origin":"https://tools.example","purpose":"mcp_server"}"#.to_owned(),
        r#"{"access":"write","path":".","purpose":"tool"}"#.to_owned(),
    ];
    assert_eq!(lines(text), expected);
}

#[test]
fn a_place_that_a_program_obeys_or_that_holds_keys_needs_trust_and_a_plain_one_does_not() {
    let text = "
agents: [{name: a, role: analyst, tools: [{name: write_file, paths: ['docs/**', .envrc]}, {name: read_file, paths: [.env, '*.md']}]}]
tasks:
  - {name: x, agent: a, description: x, output: {file: .vscode/tasks.json}}
  - {name: y, agent: a, description: y, output: {file: page.md}}
";
    let found = of(text);
    let trusted = found.iter().filter(|permission| permission.needs_trust());
    let trusted: Vec<&Access> = trusted.map(|permission| &permission.access).collect();
    let path = |path: &str| path.to_owned();
    assert_eq!(
        trusted,
        [
            &Access::Read { path: path(".env") },
            &Access::Write { path: path(".envrc") },
            &Access::Write { path: path(".vscode/tasks.json") }
        ]
    );
    assert!(found.contains(&write(Purpose::Tool, "docs/**")) && found.contains(&write(Purpose::Output, "page.md")));
}
