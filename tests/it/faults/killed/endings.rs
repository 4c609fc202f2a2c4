//! The same kills over every way in which an attempt ends without an answer: what a tool did is never done again unaware.
//!
//! The model uses the tool whenever it does not know that it was used, and the tool counts for itself.

use serde_json::{Value, json};

use super::sweep;
use crate::keys::tools::calls;
use crate::project::{Project, RUN};
use crate::server::{Act, Seen, Server};

/// A way in which an attempt ends after its tool was used.
struct Ending {
    name: &'static str,
    /// More keys of the task.
    task: &'static str,
    /// What the first model says when it has used the tool.
    says: fn() -> Act,
    /// How a run ends that nobody kills.
    exits: i32,
}

const FITTING: &str = r#"{"a": 1}"#;

const ENDINGS: [Ending; 6] = [
    Ending {
        name: "the prompt is too long",
        task: "",
        says: || Act::error(400, &json!({"error": {"message": "too long", "code": "context_length_exceeded"}})),
        exits: 0,
    },
    Ending {
        name: "the rounds are used up",
        task: ", limits: {max_iterations: 2}",
        says: || calls(&[("2", "read_file", json!({"path": "send.sh"}))]),
        exits: 3,
    },
    Ending {
        name: "the answer does not fit",
        task: ", output: {schema: {type: object, required: [a]}}",
        says: || answer("no", "stop"),
        exits: 0,
    },
    Ending {
        // The call is made again without it, and refused once more.
        name: "a part of the request is refused",
        task: "",
        says: || Act::error(400, &json!({"error": {"message": "unknown parameter: stream_options"}})),
        exits: 0,
    },
    Ending { name: "a filter declines", task: "", says: || answer("", "content_filter"), exits: 0 },
    Ending {
        name: "a check fails",
        task: ", verify: [{run: [test, -e, ok]}]",
        says: || answer(FITTING, "stop"),
        exits: 1,
    },
];

fn answer(text: &str, finish_reason: &str) -> Act {
    let message = json!({"role": "assistant", "content": text});
    let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5});
    Act::json(json!({"object": "chat.completion", "choices": [choice], "usage": usage}).to_string())
}

/// Whether a request says that nobody knows whether the tool was used.
fn is_unsure(seen: &Seen) -> bool {
    let body = seen.body.to_string();
    body.contains("does not do it twice") || body.contains("which was interrupted")
}

/// What a model says that knows no more than what it is shown.
fn next(seen: &Seen, says: fn() -> Act) -> Act {
    let messages = seen.body["messages"].as_array().unwrap();
    let of = |role: &str| messages.iter().filter(|message| message["role"] == role).count();
    let is_told = messages[1]["content"].as_str().unwrap().contains("run_command {\"argv\":[\"sh\",\"send.sh\"]}");
    match (is_told, of("tool")) {
        (false, 0) => calls(&[("1", "run_command", json!({"argv": ["sh", "send.sh"]}))]),
        (false, 1) if seen.body["model"] == "first" => says(),
        _ => answer(FITTING, "stop"),
    }
}

fn project(ending: &Ending) -> (Project, Server) {
    let server = Server::start();
    let says = ending.says;
    server.directs(move |seen| next(seen, says));
    let text = format!(
        "orchestra: {{id: x, reuse: false, execution: {{retry_strategy: none}}}}\n\
         agents: [{{name: clerk, model: [openai/first, openai/second], tools: [read_file, {{name: run_command, allow: [[sh, send.sh]]}}]}}]\n\
         tasks: [{{name: a, agent: clerk, description: write to the customer{}}}]\n",
        ending.task
    );
    (Project::new().file("x.yaml", text).file("send.sh", "echo sent >> sent.txt\n").server(&server).args(RUN), server)
}

/// Goes on until the run has succeeded.
fn go_on(project: &Project, at: &str) {
    let project = project.file("ok", "");
    for _ in 0..4 {
        let began = !project.journal().is_empty();
        let next = if began { project.args(["resume"]).run() } else { project.run() };
        match next.code() {
            Some(0) => return,
            Some(1 | 3) => {}
            code => panic!("{at}: {code:?}: {}", next.stderr),
        }
    }
    panic!("{at}: the run does not come to its end");
}

fn is_used_once(project: &Project, server: &Server, at: &str) {
    let used = project.read("sent.txt").unwrap_or_default().lines().count();
    let is_unsure = server.seen().iter().any(is_unsure);
    assert!(used == 1 || used == 0 && is_unsure, "{at}: used {used} times; told that nobody knows: {is_unsure}");
    let ends: Vec<Value> = project.journal().into_iter().filter(|event| event["type"] == "task_succeeded").collect();
    assert_eq!(ends.len(), 1, "{at}");
}

#[test]
fn every_ending_ends_as_it_is_meant_to() {
    for ending in &ENDINGS {
        let (project, server) = project(ending);
        project.run().exits(ending.exits).file_is("sent.txt", "sent\n");
        if ending.exits != 0 {
            go_on(&project, ending.name);
        }
        is_used_once(&project, &server, ending.name);
    }
}

#[test]
fn a_kill_at_any_step_of_any_ending_uses_no_tool_twice() {
    for ending in &ENDINGS {
        let last = sweep(2, |number| {
            let at = format!("{}, kill:{number}", ending.name);
            let (project, server) = project(ending);
            let killed = project.disk(format!("kill:{number}")).run().code().is_none();
            if killed || ending.exits != 0 {
                go_on(&project, &at);
            }
            is_used_once(&project, &server, &at);
            killed
        });
        assert!(last > 20, "{}: only {last} steps reach the disk", ending.name);
    }
}

#[test]
fn a_resume_that_is_killed_at_any_step_uses_no_tool_twice() {
    for ending in ENDINGS.iter().filter(|ending| ending.exits != 0) {
        let last = sweep(2, |number| {
            let at = format!("{}, then kill:{number}", ending.name);
            let (project, server) = project(ending);
            project.run().exits(ending.exits);
            let resume = project.file("ok", "").args(["resume"]);
            let killed = resume.disk(format!("kill:{number}")).run().code().is_none();
            if killed {
                go_on(&project, &at);
            }
            is_used_once(&project, &server, &at);
            killed
        });
        assert!(last > 5, "{}: only {last} steps of the resume reach the disk", ending.name);
    }
}
