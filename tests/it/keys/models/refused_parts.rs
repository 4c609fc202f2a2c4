//! A parameter that a model refuses costs a call and no attempt, and is sent no more for the run.

use serde_json::{Value, json};

use crate::project::{Project, RUN};
use crate::server::{Act, Server};

fn project(server: &Server, limits: &str) -> Project {
    let text = format!(
        "orchestra: {{id: x, reuse: false, execution: {{retry_strategy: none}}}}\n{limits}models: {{m: {{provider: openai, model: m, max_tokens: 100, temperature: 0.5}}}}\nagents: [{{name: a, model: m}}]\ntasks: [{{name: one, agent: a, description: do one}}, {{name: two, agent: a, description: do two}}]\n"
    );
    Project::new().file("x.yaml", text).server(server).args(RUN).and(["--verbose"])
}

/// A model that reasons: it refuses one parameter after the other.
fn refuse(server: &Server) {
    server.directs(|seen| {
        let sent = |key: &str| seen.body.get(key).is_some();
        let refusal = |key: &str| {
            let message = format!("Unsupported parameter: '{key}' is not supported with this model.");
            Act::error(400, &json!({"error": {"message": message, "code": "unsupported_parameter", "param": key}}))
        };
        match () {
            () if sent("max_tokens") => refusal("max_tokens"),
            () if sent("temperature") => refusal("temperature"),
            () => Act::Text("done".to_owned()),
        }
    });
}

#[test]
fn a_refused_parameter_costs_a_call_and_no_attempt_and_is_sent_no_more() {
    let server = Server::start();
    refuse(&server);
    let ended = project(&server, "limits: {max_api_calls: 4}\n").run().exits(0);
    let ended = ended
        .says("note: m refuses `max_tokens` of a request, and is asked without it from now on")
        .says("note: m refuses `temperature`");
    assert_eq!((server.calls("do one"), server.calls("do two")), (3, 1));
    let started = |kind: &str| ended.project.journalled(kind).len();
    assert_eq!((started("attempt_started"), started("call_started"), started("attempt_failed")), (2, 4, 0));
    let last: &Value = &server.seen()[3].body;
    assert_eq!((&last["max_completion_tokens"], last.get("temperature")), (&json!(100), None));
}

#[test]
fn a_call_that_is_made_again_counts_among_all_calls() {
    let server = Server::start();
    refuse(&server);
    project(&server, "limits: {max_api_calls: 2}\n").run().exits(3).says("max_api_calls");
    assert_eq!(server.seen().len(), 2);
}
