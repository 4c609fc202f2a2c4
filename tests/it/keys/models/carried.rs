//! `auth`, `headers` and `query`: what requests carry besides their body.

use serde_json::json;

use crate::project::{Project, RUN};
use crate::server::{Act, Server};

const KEY: &str = "hdr-canary-5f1c9a7e2b";

fn file(model: &str) -> String {
    format!(
        "orchestra: {{id: x}}\nmodels:\n  it: {{{model}}}\nagents: [{{name: writer, model: it}}]\n\
         tasks: [{{name: a, agent: writer, description: do a, reuse: true}}]\n"
    )
}

fn project(model: &str, server: &Server) -> Project {
    Project::new().file("x.yaml", file(model)).server(server).env("GATEWAY_KEY", KEY).args(RUN)
}

/// The header that carries the key, as the server sees it.
fn key_of(server: &Server) -> Option<String> {
    let seen = server.request("do a");
    ["authorization", "api-key", "x-api-key"]
        .into_iter()
        .find_map(|name| Some(format!("{name}: {}", seen.header(name)?)))
}

#[test]
fn a_key_is_sent_in_the_way_that_the_file_names() {
    for (provider, auth, sent) in [
        ("openai", "", Some("authorization: Bearer k-123456")),
        ("openai", ", auth: api-key", Some("api-key: k-123456")),
        ("openai", ", auth: none", None),
        ("anthropic", "", Some("x-api-key: k-123456")),
        ("anthropic", ", auth: bearer", Some("authorization: Bearer k-123456")),
    ] {
        let server = Server::start();
        let project = project(&format!("provider: {provider}, model: m{auth}"), &server);
        project.env("OPENAI_API_KEY", "k-123456").env("ANTHROPIC_API_KEY", "k-123456").run().exits(0);
        assert_eq!(key_of(&server).as_deref(), sent, "{provider}{auth}");
    }
}

#[test]
fn headers_and_parameters_are_sent_with_every_request() {
    let server = Server::start();
    let carried = "headers: {X-Team: writers, X-Gateway-Key: {env: GATEWAY_KEY}}, query: {api-version: 2024-10-21}";
    let project = project(&format!("provider: openai, model: m, {carried}"), &server);
    project.run().exits(0);
    let seen = server.request("do a");
    assert_eq!((seen.header("x-team"), seen.header("x-gateway-key")), (Some("writers"), Some(KEY)));
    assert_eq!(seen.path, "/v1/chat/completions?api-version=2024-10-21");
    let doctor = project.file("orchestras/x.yaml", project.read("x.yaml").unwrap());
    doctor.args(["doctor"]).run().prints("without a key and GATEWAY_KEY");
    doctor.args(["doctor", "--connect"]).run().exits(0);
    // The model of the environment is asked for as well, without any of it.
    let listed: Vec<_> = server.seen().into_iter().filter(|seen| seen.path.starts_with("/v1/models?")).collect();
    assert_eq!((listed.len(), listed[0].header("x-gateway-key")), (1, Some(KEY)));
    assert_eq!(listed[0].path, "/v1/models?api-version=2024-10-21");
}

#[test]
fn the_value_of_a_variable_goes_to_the_server_and_nowhere_else() {
    let server = Server::start();
    let echo = json!({"error": {"message": format!("you sent {KEY}")}});
    server.when("do a", [Act::error(503, &echo), Act::Text(format!("the key is {KEY}"))]);
    let carried = "headers: {X-Gateway-Key: {env: GATEWAY_KEY}}, query: {token: {env: GATEWAY_KEY}}";
    let project = project(&format!("provider: openai, model: m, {carried}"), &server);
    let recorded = project.and(["--record", "calls.jsonl", "-v"]).run().exits(0);
    assert!(!(recorded.stdout + &recorded.stderr).contains(KEY));
    assert!(server.seen()[0].path.ends_with(&format!("?token={KEY}")));
    let files = recorded.project.files();
    assert!(files.len() > 4, "there is something to look through");
    for (path, bytes) in files {
        assert!(!String::from_utf8_lossy(&bytes).contains(KEY), "{} has the key", path.display());
    }
    project.run().exits(0);
    // Another key is still the same model, and another header is another one.
    project.env("GATEWAY_KEY", "another-key").run().exits(0).says("reused");
    let other = file(
        &format!("provider: openai, model: m, {carried}")
            .replace("{env: GATEWAY_KEY}}, q", "{env: GATEWAY_KEY}, X-A: b}, q"),
    );
    project.file("x.yaml", other).run().exits(0).does_not_say("reused");
}

#[test]
fn a_variable_that_is_not_set_is_named_before_anything_is_called() {
    let server = Server::start();
    let project = project("provider: openai, model: m, headers: {X-Key: {env: NO_SUCH_KEY}}", &server);
    project.run().exits(2).says("X-Key for openai/m is missing: NO_SUCH_KEY is not set");
    assert!(server.seen().is_empty());
}

#[test]
fn a_stranger_is_asked_before_a_variable_is_sent() {
    let server = Server::start();
    let model =
        format!("provider: openai, base_url: '{}', model: m, query: {{a: {{env: GATEWAY_KEY}}}}", server.openai());
    project(&model, &server).untrusted().run().exits(2).says("GATEWAY_KEY");
    assert!(server.seen().is_empty());
}

#[test]
fn a_key_in_a_file_and_what_cannot_be_carried_are_errors() {
    for (carried, message) in [
        ("headers: {Authorization: Bearer abc}", "the header `Authorization` holds a key"),
        ("headers: {X-Api-Key: abc}", "the header `X-Api-Key` holds a key"),
        ("query: {key: abc}", "the parameter `key` holds a key"),
        ("headers: {X-A: {env: 'not a name'}}", "`env` must be the name of an environment variable"),
        ("headers: {'a b': c}", "cannot be the name of a header"),
        ("headers: {Host: c}", "orch's own to write"),
        ("auth: basic", "`auth` cannot be `basic`"),
        ("auth: none, api_key_env: KEY", "`auth: none` sends no key"),
    ] {
        let file = file(&format!("provider: openai, model: m, {carried}"));
        let validated = Project::new().file("x.yaml", file).args(["validate", "x.yaml"]).run().exits(2);
        validated.says(message).says("x.yaml:3:");
    }
    let program = file("provider: command, argv: [claude], headers: {X-A: b}");
    Project::new().file("x.yaml", program).args(["validate", "x.yaml"]).run().exits(2).says("told `headers`");
}
