//! Attempts that take more than one call: chains of models, answers that are checked, tools.

use serde_json::{Value, json};

use crate::project::{Project, RUN, output};
use crate::server::{Act, Server};

const HEAD: &str =
    "orchestra: {id: x, execution: {retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}}}\n";

fn project(server: &Server, rest: &str) -> Project {
    Project::new().file("x.yaml", format!("{HEAD}{rest}")).server(server).args(RUN)
}

fn status(code: u16, message: &str) -> Act {
    Act::error(code, &json!({"error": {"message": message}}))
}

/// An answer that calls tools, as one document.
pub(crate) fn calls(calls: &[(&str, &str, Value)]) -> Act {
    let calls: Vec<Value> = calls
        .iter()
        .map(|(id, name, arguments)| {
            json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments.to_string()}})
        })
        .collect();
    Act::json(
        json!({
            "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": calls}, "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        })
        .to_string(),
    )
}

/// What the model was told by tools in its last request.
pub(crate) fn told(server: &Server) -> Vec<String> {
    let last = server.seen().last().unwrap().body["messages"].as_array().unwrap().clone();
    let of_tools = last.iter().filter(|message| message["role"] == "tool");
    of_tools.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

const CHAIN: &str = "agents: [{name: writer, model: [openai/first, openai/second]}]\n\
                     tasks: [{name: a, agent: writer, description: do a}]\n";

#[test]
fn a_model_that_fails_hands_over_to_the_next_one() {
    let server = Server::start();
    server.when("\"first\"", [status(503, "too busy"), status(503, "too busy")]);
    let ended = project(&server, CHAIN).run().exits(0).says("openai/second").file_has(&output("a"), "do a");
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
    server.when("\"first\"", [status(401, "bad key")]);
    project(&server, CHAIN).run().exits(0);
    assert_eq!(server.seen().len(), 2);
}

const SCHEMA: &str = "tasks:\n  - name: a\n    agent: writer\n    description: do a\n    output:\n      schema: {type: object, required: [n], properties: {n: {type: integer}}}\n";

#[test]
fn an_answer_that_misses_its_schema_is_asked_for_once_more() {
    let server = Server::start();
    server.when("do a", [Act::Text("```json\n{\"n\": \"x\"}\n```".into()), Act::Text("Sure: {\"n\": 3,}".into())]);
    let ended = project(&server, SCHEMA).run().exits(0).file_has(&output("a"), "\"n\": 3");
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].prompt().contains("/n") && seen[1].prompt().contains("once more"), "{}", seen[1].prompt());
    assert_eq!(ended.project.journalled("answer_rejected"), ["a"]);
    assert_eq!(ended.project.journalled("attempt_started"), ["a"]);
}

#[test]
fn an_answer_that_misses_it_twice_is_no_success() {
    let server = Server::start();
    server.when("do a", [Act::Text("{}".into()), Act::Text("{\"n\": ".into())]);
    project(&server, SCHEMA).run().exits(1).says("no end").file_has(&output("a"), "ERROR");
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn a_task_is_done_by_evidence_and_not_by_words() {
    let server = Server::start();
    let tasks = "tasks:\n  - name: a\n    agent: writer\n    description: do a\n    output: {format: file, file: out/a.txt}\n    verify: [{file: out/a.txt}, {run: [grep, -q, good, out/a.txt]}]\n";
    server.when("do a", [Act::Text("It is done.".into()), Act::Text("```\na good one\n```".into())]);
    project(&server, tasks).run().exits(0).file_is("out/a.txt", "a good one\n");
    assert!(server.seen()[1].prompt().contains("`grep -q good out/a.txt` failed"));
}

const TOOLS: &str = "agents: [{name: writer, tools: [read_file, write_file, ctx_set, {name: run_command, allow: [[echo]]}]}]\n\
                     tasks: [{name: a, agent: writer, description: do a}]\n";

#[test]
fn a_model_uses_the_tools_that_its_agent_was_given() {
    let server = Server::start();
    server.when(
        "do a",
        [
            calls(&[("1", "read_file", json!({"path": "in.txt"})), ("2", "read_file", json!({"path": "../secret"}))]),
            calls(&[
                ("3", "write_file", json!({"path": "out/b.txt", "content": "made"})),
                ("4", "run_command", json!({"argv": ["echo", "hello"]})),
                ("5", "run_command", json!({"argv": ["rm", "in.txt"]})),
                ("6", "ctx_set", json!({"key": "plan.files", "value": ["b.txt"]})),
                ("7", "no_such_tool", json!({})),
            ]),
            Act::Text("all done".into()),
        ],
    );
    let ended = project(&server, TOOLS)
        .file("in.txt", "what stands in it\n")
        .run()
        .exits(0)
        .file_is(&output("a"), "all done")
        .file_is("out/b.txt", "made")
        .file_has("in.txt", "what stands in it")
        .file_has("orchestra_workspaces/x/intermediate/ctx.json", "plan.files");
    let told = told(&server);
    assert_eq!(told.len(), 7);
    assert!(told[0].contains("what stands in it"), "{told:?}");
    assert!(told[3].contains("hello"), "{told:?}");
    for (refused, why) in [(1, ".."), (4, "rm"), (6, "no tool")] {
        assert!(told[refused].contains(why), "{refused}: {told:?}");
    }
    assert_eq!(ended.project.journalled("tool_finished").len(), 7);
    assert_eq!(ended.project.journalled("ctx_set"), ["a"]);
}

#[test]
fn a_conversation_that_broke_off_goes_on_and_no_tool_is_used_twice() {
    let server = Server::start();
    server.when(
        "do a",
        [
            calls(&[("1", "run_command", json!({"argv": ["echo", "once"]}))]),
            status(503, "too busy"),
            status(503, "too busy"),
        ],
    );
    let failed = project(&server, TOOLS).run().exits(1);
    assert_eq!(server.seen().len(), 3);
    server.when("do a", [Act::Text("went on".into())]);
    let ended = failed.project.args(["resume"]).run().exits(0).file_is(&output("a"), "went on");
    assert_eq!(server.seen().len(), 4, "the turn that was paid for is not asked for again");
    assert_eq!(told(&server).len(), 1);
    assert_eq!(ended.project.journalled("tool_started").len(), 1);
}

#[test]
fn a_model_that_calls_tools_for_ever_is_stopped() {
    let server = Server::start();
    let again = || calls(&[("1", "read_file", json!({"path": "in.txt"}))]);
    server.when("do a", (0..20).map(|_| again()));
    let text = format!("limits: {{max_iterations: 3}}\n{TOOLS}");
    project(&server, &text).file("in.txt", "x").run().exits(1).says("max_iterations");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn what_an_agent_may_not_have_is_told_before_the_run() {
    for (tools, why) in [
        ("[read_fil]", "did you mean `read_file`?"),
        ("[run_command]", "needs to be told which commands"),
        ("[files/read]", "no MCP server `files`"),
    ] {
        let text = format!(
            "agents: [{{name: writer, tools: {tools}}}]\ntasks: [{{name: a, agent: writer, description: x}}]\n"
        );
        Project::new().file("x.yaml", text).args(["validate", "x.yaml"]).run().exits(2).says(why);
    }
}
