//! What follows a failure, seen from the server: who is asked next, and when, and how often.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::project::{Ended, Project, RUN, output};
use crate::server::{Act, Seen, Server};

/// A file with two models on one server: `first` and `second` share a pace, `other` speaks another protocol.
fn project(server: &Server, settings: &str, agents: &str, tasks: &str) -> Project {
    let retry = "retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}";
    let text = format!(
        "orchestra: {{id: x, reuse: false, execution: {{strategy: parallel, max_parallel_tasks: 0, on_error: continue, {retry}}}}}\n\
         {settings}agents: [{agents}]\ntasks: [{tasks}]\n"
    );
    Project::new().file("x.yaml", text).server(server).args(RUN)
}

fn status(code: u16, headers: &[(&'static str, &str)], message: &str) -> Act {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Act::Status { code, headers, body: json!({"error": {"message": message}}).to_string() }
}

/// The models that were asked, in the order of their requests.
fn models(server: &Server) -> Vec<String> {
    server.seen().iter().map(|seen| seen.body["model"].as_str().unwrap().to_owned()).collect()
}

fn events(ended: &Ended, kind: &str) -> Vec<Value> {
    ended.project.journal().into_iter().filter(|event| event["type"] == kind).collect()
}

fn asked_of(server: &Server, path: &str) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.path.ends_with(path)).collect()
}

const SHARED: &str =
    "{name: one, model: openai/first}, {name: two, model: openai/second}, {name: three, model: anthropic/other}";

const PACED: &str = "{name: a, agent: one, description: do a}, {name: s, agent: three, description: do s}, \
                     {name: b, agent: one, description: do b, context: [s]}, \
                     {name: c, agent: two, description: do c, context: [s]}, \
                     {name: d, agent: two, description: do d, context: [s]}";

#[test]
fn a_wait_that_one_task_is_told_holds_for_all_of_that_provider_and_key() {
    let server = Server::start();
    server.when("Your task: do a", [status(429, &[("retry-after-ms", "300")], "slow down")]);
    server.when("Your task: do s", [Act::Hold]);
    let running = project(&server, "", SHARED, PACED).spawn();
    let told = story_knows(&running);
    running.wait_until(|| told() == ["a"]);
    // From here on `b`, `c` and `d` are ready as soon as `s` is.
    server.release();
    running.wait().exits(0).file_has(&output("d"), "echo");
    let seen = asked_of(&server, "/chat/completions");
    assert_eq!(seen.len(), 5);
    let opens = seen[0].ended_at.unwrap() + Duration::from_millis(300);
    for later in &seen[1..] {
        let early = opens.saturating_duration_since(later.at);
        assert_eq!(early, Duration::ZERO, "{} was asked for too early", later.task());
    }
}

/// Which tasks' calls have failed, by the journal.
fn story_knows(running: &crate::project::Running) -> impl Fn() -> Vec<String> + use<> {
    let project = running.project();
    move || if project.runs().is_empty() { Vec::new() } else { project.journalled("call_failed") }
}

#[test]
fn another_provider_goes_on_while_one_is_waited_for() {
    let server = Server::start();
    server.when("Your task: do a", [status(429, &[("retry-after", "250")], "slow down")]);
    server.when("Your task: do s", [Act::Hold]);
    let tasks = format!(
        "{PACED}, {{name: e, agent: three, description: do e, context: [s]}}, {{name: f, agent: three, description: do f, context: [e]}}"
    );
    let began = Instant::now();
    let running = project(&server, "", SHARED, &tasks).spawn();
    let told = story_knows(&running);
    running.wait_until(|| told() == ["a"]);
    server.release();
    let project = running.project();
    running.wait_until(|| project.journalled("task_succeeded") == ["s", "e", "f"]);
    drop(running);
    assert_eq!(asked_of(&server, "/chat/completions").len(), 1);
    assert_eq!(asked_of(&server, "/messages").len(), 3);
    assert!(began.elapsed() < Duration::from_secs(250), "the wait was over by then, and this shows nothing");
}

const CHAIN: &str = "{name: one, model: [openai/first, openai/second]}";

#[test]
fn a_model_whose_key_fails_is_left_alone_by_later_tasks() {
    let server = Server::start();
    server.when("\"first\"", (0..9).map(|_| status(401, &[], "no such key")));
    let tasks = "{name: a, agent: one, description: do a}, {name: b, agent: one, description: do b, context: [a]}, \
                 {name: c, agent: one, description: do c, context: [b]}";
    let ended = project(&server, "", CHAIN, tasks).run().exits(0);
    assert_eq!(models(&server), ["first", "second", "second", "second"]);
    let failed = events(&ended, "attempt_failed");
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0]["next_model"], &failed[0]["failure"]["kind"]), (&json!("openai/second"), &json!("auth")));
    let began: Vec<Value> = events(&ended, "attempt_started").iter().map(|event| event["model"].clone()).collect();
    assert_eq!(began, ["openai/first", "openai/second", "openai/second", "openai/second"]);
}

#[test]
fn a_model_that_breaks_down_twice_cools_and_the_next_one_answers() {
    let server = Server::start();
    server.when("\"first\"", (0..9).map(|_| status(503, &[], "overloaded")));
    let tasks = "{name: a, agent: one, description: do a}, {name: b, agent: one, description: do b, context: [a]}";
    let ended = project(&server, "", CHAIN, tasks).run().exits(0);
    assert_eq!(models(&server), ["first", "first", "second", "second"]);
    let next: Vec<Value> = events(&ended, "attempt_failed").iter().map(|event| event["next_model"].clone()).collect();
    assert_eq!(next, [Value::Null, json!("openai/second")]);
}

/// Three models of known windows, the first one first.
fn windows(provider: &str, sizes: [u64; 3]) -> (String, String) {
    let entry = |(name, size): (&str, u64)| {
        format!("  {name}: {{provider: {provider}, model: {name}, context_window: {size}}}\n")
    };
    let entries: String = ["m1", "m2", "m3"].into_iter().zip(sizes).map(entry).collect();
    (format!("models:\n{entries}"), "{name: one, model: [m1, m2, m3]}".to_owned())
}

/// How the vendors say that a prompt is too long.
fn too_long() -> [(&'static str, Value); 2] {
    let openai = json!({"error": {
        "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded",
    }});
    let message = "prompt is too long: 208310 tokens > 200000 maximum";
    let anthropic = json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}});
    [("openai", openai), ("anthropic", anthropic)]
}

#[test]
fn a_prompt_that_is_too_long_goes_to_a_larger_window_only() {
    for (provider, body) in too_long() {
        let server = Server::start();
        server.when("\"m1\"", [Act::error(400, &body)]);
        let (settings, agents) = windows(provider, [8_000, 4_000, 200_000]);
        let ended = project(&server, &settings, &agents, "{name: a, agent: one, description: do a}").run().exits(0);
        assert_eq!(models(&server), ["m1", "m3"], "{provider}");
        let failed = events(&ended, "attempt_failed");
        assert_eq!(failed[0]["failure"]["kind"], "context_too_long");
        assert_eq!(failed[0]["next_model"], format!("{provider}/m3"));
    }
}

#[test]
fn a_prompt_that_is_too_long_for_all_is_sent_once_and_its_largest_inputs_are_named() {
    for (provider, body) in too_long() {
        let server = Server::start();
        server.plays("do long", &"long ".repeat(400));
        server.plays("do short", "short");
        server.when("Your task: do a", (0..9).map(|_| Act::error(400, &body)));
        let (settings, agents) = windows(provider, [200_000, 8_000, 4_000]);
        let tasks = "{name: long, agent: one, description: do long}, {name: short, agent: one, description: do short}, \
                     {name: a, agent: one, description: do a, context: [short, long]}";
        let ended = project(&server, &settings, &agents, tasks).run().exits(1);
        assert_eq!(server.calls("do a"), 1, "{provider}");
        let (long, goal) = ("the output of long (2000 bytes)", "the goal (28 bytes)");
        ended.says(&format!("its largest inputs are {long}, {goal}, the output of short (5 bytes)"));
    }
}

#[test]
fn a_prompt_that_cannot_fit_is_not_sent_where_a_larger_window_is_at_hand() {
    let server = Server::start();
    server.plays("do long", &"long words ".repeat(2_000));
    let (settings, agents) = windows("openai", [2_000, 3_000, 200_000]);
    let tasks =
        "{name: long, agent: one, description: do long}, {name: a, agent: one, description: do a, context: [long]}";
    project(&server, &settings, &agents, tasks).run().exits(0);
    assert_eq!(models(&server), ["m1", "m3"]);
}

#[test]
fn retries_and_fallbacks_are_one_count_and_the_server_counts_the_same() {
    let server = Server::start();
    server.when("do a", (0..99).map(|_| status(503, &[], "overloaded")));
    let agents = "{name: one, model: [openai/first, openai/second, anthropic/other]}";
    let ended = project(&server, "", agents, "{name: a, agent: one, description: do a}").run().exits(1);
    assert_eq!(models(&server), ["first", "first", "second", "second", "other", "other"]);
    let numbers: Vec<Value> = events(&ended, "attempt_started").iter().map(|event| event["attempt"].clone()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert_eq!(events(&ended, "call_started").len(), 6);
    let shown: Value = serde_json::from_str(&ended.project.args(["show", "--json"]).run().exits(0).stdout).unwrap();
    assert_eq!((&shown["totals"]["attempts"], &shown["totals"]["calls"]), (&json!(6), &json!(6)));
}

#[test]
fn a_wait_of_a_day_is_not_waited_for() {
    let day = || status(429, &[("retry-after", "86400")], "come back tomorrow");
    let task = "{name: a, agent: one, description: do a}";
    let server = Server::start();
    server.when("\"first\"", [day()]);
    project(&server, "", CHAIN, task).run().exits(0);
    assert_eq!(models(&server), ["first", "second"]);

    let alone = Server::start();
    alone.when("do a", [day(), day()]);
    project(&alone, "", "{name: one, model: openai/first}", task).run().exits(1).says("it asks to wait 24 h 00 min");
    assert_eq!(alone.seen().len(), 1);
}

/// An answer that reads a file, for ever.
fn reads(times: usize) -> impl Iterator<Item = Act> {
    let function = json!({"name": "read_file", "arguments": "{\"path\": \"x.yaml\"}"});
    let message = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": function}]});
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5});
    let choice = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    let body = json!({"object": "chat.completion", "choices": [choice], "usage": usage});
    std::iter::repeat_n(Act::json(body.to_string()), times)
}

#[test]
fn a_model_that_uses_tools_for_ever_is_stopped_by_whatever_limit_comes_first() {
    let task = "{name: a, agent: one, description: do a}";
    let agents = "{name: one, model: openai/first, tools: [read_file]}";
    for (limits, code, calls, says) in [
        ("max_api_calls: 4", 3, 4, "the run's max_api_calls of 4 is reached: 4 made so far"),
        ("max_iterations: 3", 3, 3, "max_iterations"),
        ("max_iterations: 3, max_api_calls: 2", 3, 2, "the run's max_api_calls of 2 is reached"),
    ] {
        let server = Server::start();
        server.when("do a", reads(50));
        let ended = project(&server, &format!("limits: {{{limits}}}\n"), agents, task).run().exits(code).says(says);
        assert_eq!((server.seen().len(), events(&ended, "call_started").len()), (calls, calls), "{limits}");
    }
}

const HEAD: &str =
    "orchestra: {id: x, execution: {retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}}}\n";

fn project_with_two_attempts(server: &Server, rest: &str) -> Project {
    Project::new().file("x.yaml", format!("{HEAD}{rest}")).server(server).args(RUN)
}

fn refusal(code: u16, message: &str) -> Act {
    Act::error(code, &json!({"error": {"message": message}}))
}

const TWO_MODELS: &str = "agents: [{name: writer, model: [openai/first, openai/second]}]\n\
                     tasks: [{name: a, agent: writer, description: do a}]\n";

#[test]
fn a_model_that_fails_hands_over_to_the_next_one() {
    let server = Server::start();
    server.when("\"first\"", [refusal(503, "too busy"), refusal(503, "too busy")]);
    let ended = project_with_two_attempts(&server, TWO_MODELS)
        .run()
        .exits(0)
        .says("openai/second")
        .file_has(&output("a"), "do a");
    let models: Vec<Value> = server.seen().iter().map(|seen| seen.body["model"].clone()).collect();
    assert_eq!(models, ["first", "first", "second"]);
    let failed: Vec<Value> =
        ended.project.journal().into_iter().filter(|event| event["type"] == "attempt_failed").collect();
    assert_eq!(failed[0].get("next_model"), None);
    assert_eq!(failed[1]["next_model"], "openai/second");
}

#[test]
fn what_no_wait_can_mend_falls_at_once() {
    let server = Server::start();
    server.when("\"first\"", [refusal(401, "bad key")]);
    project_with_two_attempts(&server, TWO_MODELS).run().exits(0);
    assert_eq!(server.seen().len(), 2);
}

#[cfg(unix)]
#[test]
fn a_program_whose_limit_is_used_up_is_started_once_and_the_next_model_answers() {
    let server = Server::start();
    let said = "You\u{2019}ve hit your session limit · resets 3:50pm (Europe/Paris)";
    let result = format!(r#"{{"type":"result","subtype":"success","is_error":true,"result":"{said}"}}"#);
    let script = format!("#!/bin/sh\ncat > /dev/null\necho start >> starts\necho '{result}'\nexit 1\n");
    let models = "models: {own: {provider: command, argv: [bin/claude]}}\n";
    let agents = "{name: writer, model: [own, openai/second]}";
    let tasks =
        "{name: a, agent: writer, description: do a}, {name: b, agent: writer, description: do b, context: [a]}";
    let project = project(&server, models, agents, tasks).file("bin/claude", &script);
    std::fs::set_permissions(project.path("bin/claude"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let ended = project.run().exits(0).file_has(&output("b"), "echo");
    assert_eq!(ended.project.read("starts").as_deref(), Some("start\n"), "not even for the next task");
    let failed = &events(&ended, "call_failed")[0]["failure"];
    assert_eq!(failed["kind"], "quota");
    assert!(failed["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0), "{failed}");
}
