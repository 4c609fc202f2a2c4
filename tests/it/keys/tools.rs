//! `tools` of an agent: what a model may use, what it is told, and that nothing is used twice.

use serde_json::{Value, json};

use crate::project::{Project, RUN, output};
use crate::server::{Act, Server};

#[cfg(unix)]
mod allowed;
mod changed;
mod guarded;

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
    let limited = project(&server, &text).file("in.txt", "x").run().exits(3).says("max_iterations");
    assert_eq!(server.seen().len(), 3);
    // A resume goes on with the conversation, for three more rounds.
    let limited = limited.project.args(["resume"]).run().exits(3).says("max_iterations");
    assert_eq!(server.seen().len(), 6);
    let said = server.seen()[5].body["messages"].as_array().unwrap().len();
    assert_eq!(said, 2 + 2 * 5, "the system, the task, and five rounds");
    drop(limited);
}

#[test]
fn rounds_that_are_used_up_before_an_attempt_begins_stop_it_without_a_call() {
    let server = Server::start();
    let again = |id| calls(&[(id, "read_file", json!({"path": "in.txt"}))]);
    server.when("do a", [again("1"), again("2"), status(503, "too busy"), status(503, "too busy")]);
    let failed = project(&server, TOOLS).file("in.txt", "x").run().exits(1);
    assert_eq!(server.seen().len(), 4);
    // Two rounds stand in the journal, and no more are allowed now.
    let text = failed.project.read("x.yaml").unwrap();
    let lowered = failed.project.file("x.yaml", format!("{text}limits: {{max_iterations: 2}}\n")).args(["resume"]);
    let limited = lowered.run().exits(3).says("max_iterations");
    assert_eq!(server.seen().len(), 4, "no call is made");
    server.when("do a", [Act::Text("went on".into())]);
    limited.project.args(["resume"]).run().exits(0).file_is(&output("a"), "went on");
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
