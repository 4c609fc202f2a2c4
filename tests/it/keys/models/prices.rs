//! What calls cost, what is set aside for them, and what has to be known before.

#![expect(clippy::float_cmp, reason = "the same sum in the same order is the same number")]

use serde_json::{Value, json};

use crate::project::{Project, RUN, orchestra, output};
use crate::server::{Act, Server, vendor};

const ONE: [&str; 1] = ["name: a, description: do a"];

/// An orchestra of one task on these `models`, the first of which the agent names.
fn project(server: &Server, models: &str, extra: &str) -> Project {
    let (first, _) = models.split_once(':').unwrap();
    let agents =
        format!("models: {{{models}}}\nagents: [{{name: developer, model: {first}, instructions: Be brief.}}]\n");
    Project::new()
        .file("x.yaml", orchestra("retry_strategy: none", &ONE) + &agents + extra)
        .server(server)
        .env("OLLAMA_HOST", server.url())
        .args(RUN)
}

fn summary(project: &Project) -> Value {
    let shown = project.args(["show", "--json"]).run().exits(0);
    serde_json::from_str(&shown.stdout).unwrap()
}

fn event(project: &Project, kind: &str) -> Value {
    project.journal().into_iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("there is no {kind}"))
}

fn near(value: &Value, dollars: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - dollars).abs() < 1e-9)
}

/// Messages with so many tokens of each kind: fresh, written to the cache, read from it, and of the answer.
fn message([fresh, written, read, output]: [u64; 4]) -> Act {
    let row = &vendor::anthropic::ROW;
    let mut whole = (row.whole)(&row.says("A"));
    whole["usage"] = json!({
        "input_tokens": fresh, "cache_creation_input_tokens": written, "cache_read_input_tokens": read,
        "output_tokens": output,
    });
    Act::json(whole.to_string())
}

#[test]
fn what_is_written_to_a_cache_and_read_from_it_has_prices_of_its_own() {
    for (price, dollars) in [
        ("{input: 4, output: 20, cached_input: 0.4, cache_write: 6}", 0.4 + 6.0 + 0.8 + 2.0),
        // Left out, what is read costs as much as what is not, and what is written a quarter more.
        ("{input: 4, output: 20}", 0.4 + 5.0 + 8.0 + 2.0),
    ] {
        let server = Server::start();
        server.when("do a", [message([100_000, 1_000_000, 2_000_000, 100_000])]);
        let models = format!("m: {{provider: anthropic, model: c, price: {price}}}");
        let ended = project(&server, &models, "").run().exits(0);
        let finished = event(&ended.project, "call_finished");
        assert!(near(&finished["cost_usd"], dollars), "{price}: {finished}");
        let spent = &summary(&ended.project)["totals"];
        assert_eq!((&spent["cache_write_tokens"], &spent["cached_tokens"]), (&json!(1_000_000), &json!(2_000_000)));
        assert!(near(&spent["cost_usd"], dollars), "{spent}");
        ended.says("Cached tokens:  2,000,000 read, 1,000,000 written\n");
    }
}

#[test]
fn a_limit_sets_aside_what_it_costs_to_write_the_prompt_to_the_cache() {
    let reserved = |provider: &str, extra: &str| {
        let server = Server::start();
        let models =
            format!("m: {{provider: {provider}, model: c, max_tokens: 100, price: {{input: 4, output: 20{extra}}}}}");
        let ended = project(&server, &models, "limits: {cost_limit_usd: 1}\n").run().exits(0);
        let reserved = event(&ended.project, "call_started")["reserved"].clone();
        let prompt = reserved["tokens"].as_f64().unwrap() - 100.0;
        ((reserved["cost_usd"].as_f64().unwrap() - 100.0 * 20e-6) / prompt * 1e6 * 1000.0).round() / 1000.0
    };
    assert_eq!(reserved("anthropic", ""), 5.0);
    assert_eq!(reserved("anthropic", ", cache_write: 7"), 7.0);
    assert_eq!(reserved("anthropic", ", cache_write: 3"), 4.0);
    assert_eq!(reserved("openai", ""), 4.0);
    assert_eq!(reserved("openai", ", cache_write: 5"), 5.0);
}

#[test]
fn an_answer_that_breaks_off_stays_counted_with_all_that_it_may_have_cost() {
    let server = Server::start();
    let started = json!({"type": "message_start", "message": {"usage": {"input_tokens": 10, "output_tokens": 1}}});
    let text = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half"}});
    server.when("do a", [Act::Sse(format!("data: {started}\n\ndata: {text}\n\n"))]);
    let models = "m: {provider: anthropic, model: c, max_tokens: 1000, price: {input: 1, output: 1000}}";
    // One call of a dollar and a bit fits; what nobody can say of it keeps the next one out.
    let broken = project(&server, models, "limits: {cost_limit_usd: 1.5}\n").run().exits(1);
    assert_eq!(event(&broken.project, "call_failed")["unsettled"], true);
    broken.project.args(["resume"]).run().exits(3).says("cost_limit_usd");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn every_model_that_a_limit_in_dollars_counts_needs_a_price() {
    let server = Server::start();
    let models = "a: {provider: openai, model: one}, b: {provider: openai, model: two, price: {input: 0, output: 0}}, c: {provider: anthropic, model: three}";
    let chained = |limits: &str| {
        let text = orchestra("", &["name: a, description: do a"]);
        let agents = "agents: [{name: developer, model: [b, a, c]}, {name: idle, model: a}]\n";
        Project::new().file("x.yaml", format!("{text}models: {{{models}}}\n{agents}{limits}")).server(&server).args(RUN)
    };
    chained("limits: {cost_limit_usd: 1}\n")
        .run()
        .exits(2)
        .says("`cost_limit_usd` cannot hold: the prices of openai/one, anthropic/three are not known")
        .says("price: {input: 0, output: 0}")
        .no_file(".orchestra");
    chained("limits: {cost_limit_usd: 1}\n").and(["--dry-run"]).run().exits(0).says("the prices of openai/one");
    assert!(server.seen().is_empty());
    chained("limits: {token_budget: 100000}\n").run().exits(0);
}

#[test]
fn a_limit_of_one_task_asks_for_the_prices_of_its_own_agent() {
    let server = Server::start();
    let tasks = "tasks:\n  - {name: a, agent: paid, description: do a, limits: {cost_limit_usd: 1}}\n  - {name: b, agent: other, description: do b}\n";
    let agents = "models: {p: {provider: openai, model: p, price: {input: 1, output: 1}}, u: {provider: openai, model: u}}\nagents: [{name: paid, model: p}, {name: other, model: u}]\n";
    let text = format!("orchestra: {{id: x}}\n{agents}{tasks}");
    Project::new().file("x.yaml", text.clone()).server(&server).args(RUN).run().exits(0);
    let text = text.replace("model: p}", "model: u}");
    Project::new()
        .file("x.yaml", text)
        .server(&server)
        .args(RUN)
        .run()
        .exits(2)
        .says("the price of openai/u is not known");
}

#[test]
fn a_server_of_ones_own_costs_what_the_file_says_and_ollama_nothing() {
    let server = Server::start();
    let limit = "limits: {cost_limit_usd: 0.01}\n";
    let free = project(&server, "m: {provider: openai, model: m, price: {input: 0, output: 0}}", limit).run().exits(0);
    assert!(near(&summary(&free.project)["totals"]["cost_usd"], 0.0));
    let line = json!({"message": {"content": "A"}, "done": true, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 1});
    server.when("do a", [Act::Body { content_type: "application/x-ndjson", body: format!("{line}\n").into_bytes() }]);
    let ollama = project(&server, "m: {provider: ollama, model: m}", limit).run().exits(0).file_is(&output("a"), "A");
    let spent = summary(&ollama.project)["totals"].clone();
    assert!(near(&spent["cost_usd"], 0.0) && spent["unpriced"] == false, "{spent}");
    let unknown = project(&server, "m: {provider: openai, model: m}", "").run().exits(0).says("no price is known");
    assert_eq!(summary(&unknown.project)["totals"]["cost_usd"], Value::Null);
}

#[cfg(unix)]
#[test]
fn a_program_says_what_it_took_and_a_limit_in_dollars_wants_to_know_before() {
    let server = Server::start();
    let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"A","total_cost_usd":0.25,"usage":{"input_tokens":1000000,"output_tokens":1}}"#;
    let script = format!("#!/bin/sh\ncat > /dev/null\nprintf '%s' '{result}'\n");
    let with = |price: &str, limits: &str| {
        let models = format!("m: {{provider: command, argv: [bin/claude]{price}}}");
        let project = project(&server, &models, limits).file("bin/claude", &script);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(project.path("bin/claude"), mode).unwrap();
        project
    };
    let cost = |ended: crate::project::Ended| summary(&ended.project)["totals"]["cost_usd"].clone();
    assert!(near(&cost(with("", "").run().exits(0).file_is(&output("a"), "A")), 0.25));
    let priced = with(", price: {input: 3, output: 0}", "").run().exits(0);
    assert!(near(&cost(priced), 3.0), "the file comes first");
    let codex = "m: {provider: command, argv: [bin/codex]}";
    let limited = project(&server, codex, "limits: {cost_limit_usd: 1}\n").file("bin/codex", "#!/bin/sh\n");
    std::fs::set_permissions(limited.path("bin/codex"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    limited.run().exits(2).says("command/codex is not known").says("too late");
}

#[test]
fn an_earlier_result_saves_what_it_cost_with_its_cache() {
    let server = Server::start();
    server.when("do a", [message([0, 1_000_000, 0, 1])]);
    let models = "m: {provider: anthropic, model: c, price: {input: 4, output: 20}}";
    let first = project(&server, models, "").run().exits(0);
    first.project.run().exits(0).says("saves $5.00");
    first.project.args(["why", "a"]).run().exits(0).prints("$5.00");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_dry_run_bounds_a_call_for_each_task_on_the_dearest_model_of_its_chain() {
    let server = Server::start();
    let cheap = "cheap: {provider: openai, model: c, max_tokens: 1000, price: {input: 0, output: 1}}";
    let dear = "dear: {provider: openai, model: d, max_tokens: 1000, price: {input: 0, output: 1000}}";
    let tasks = ["name: a, description: do a", "name: b, description: do b, context: [a]"];
    let run = |chain: &str, extra: &str| {
        let agents = format!("models: {{{cheap}, {dear}{extra}}}\nagents: [{{name: developer, model: {chain}}}]\n");
        let project = Project::new().file("x.yaml", orchestra("", &tasks) + &agents).server(&server).args(RUN);
        project.and(["--dry-run"]).run().exits(0)
    };
    run("[cheap, dear]", "")
        .prints("estimate: 2 calls, one for each task")
        .prints(" tokens in and up to 2,000 out\n")
        .prints("not counted: other attempts and models")
        .prints("cost: at most about $2.00 for these calls, each on the dearest model of its chain");
    run("[cheap]", "").prints("cost: at most about $0.0020 ").prints("genai-prices");
    run("[cheap, free]", ", free: {provider: openai, model: f}")
        // The longest answer of the chain is that of the model of which nothing is said.
        .prints("up to 16,384 out, at 8,192 an answer where no `max_tokens` is set")
        .prints("cost: not known, since openai/f has no price");
    let unsaid = run("[any]", ", any: {provider: openai, model: a, price: {input: 0, output: 1000}}");
    unsaid.prints("up to 16,384 out, at 8,192 an answer where no `max_tokens` is set").prints("at most about $16.38 ");
    assert!(server.seen().is_empty());
}

#[cfg(unix)]
#[test]
fn what_an_agents_program_says_it_cost_is_counted_where_no_price_is_known() {
    let result = json!({
        "type": "result", "subtype": "success", "is_error": false, "result": "Done.", "total_cost_usd": 0.25,
        "usage": {"input_tokens": 1200, "output_tokens": 7},
    });
    let file = |price: &str| {
        let model = format!("models: {{m: {{provider: command, argv: [bin/claude]{price}}}}}\n");
        model + "agents: [{name: a, model: m}]\ntasks: [{name: t, agent: a, description: x}]\n"
    };
    let project = Project::new().file("bin/claude", format!("#!/bin/sh\necho '{result}'\n")).args(RUN);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(project.path("bin/claude"), mode).unwrap();
    let ended = project.file("x.yaml", file("")).run().exits(0).says("Estimated cost: $0.2500");
    assert_eq!(ended.project.journal().iter().filter(|event| event["cost_usd"] == json!(0.25)).count(), 1);
    let priced = file(", price: {input: 1000, output: 0}");
    project.file("x.yaml", priced).run().exits(0).says("Estimated cost: $1.20");
}

#[test]
fn what_openrouter_says_of_a_call_is_what_it_costs_unless_the_file_has_a_price() {
    let row = &vendor::openai::ROW;
    for (price, dollars) in [("", 0.25), (", price: {input: 1000, output: 0}", 0.01)] {
        let server = Server::start();
        let mut whole = (row.whole)(&row.says("A"));
        whole["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.25});
        server.when("do a", [Act::json(whole.to_string())]);
        let models = format!("m: {{provider: openrouter, model: c/d{price}}}");
        let project = project(&server, &models, "").env("OPENROUTER_BASE_URL", server.openai());
        let ended = project.env("OPENROUTER_API_KEY", "k").run().exits(0);
        let finished = event(&ended.project, "call_finished");
        assert!(near(&finished["cost_usd"], dollars), "{price}: {finished}");
        assert_eq!(server.request("do a").header("authorization"), Some("Bearer k"));
    }
    // A limit has to know before.
    let server = Server::start();
    let limited = project(&server, "m: {provider: openrouter, model: c/d}", "limits: {cost_limit_usd: 1}\n");
    limited.env("OPENROUTER_BASE_URL", server.openai()).run().exits(2).says("the price of openrouter/c/d is not known");
    assert!(server.seen().is_empty());
}
