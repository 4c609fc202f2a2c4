//! Two tasks of one run that read a file and then write it: none undoes the other's work unaware.

use std::sync::Barrier;

use serde_json::json;

use super::{calls, told};
use crate::project::{Project, RUN};
use crate::server::{Act, Seen, Server};

const TEXT: &str = "orchestra: {id: x, execution: {strategy: parallel}}\n\
                    agents: [{name: writer, tools: [read_file, write_file]}]\n\
                    tasks:\n  - {name: a, agent: writer, description: do a}\n  - {name: b, agent: writer, description: do b}\n";

/// What tools have told in a request, the last one at the end.
fn answers(seen: &Seen) -> Vec<String> {
    let of_tools = seen.body["messages"].as_array().unwrap().iter().filter(|message| message["role"] == "tool");
    of_tools.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_second_of_two_writers_is_told_and_reads_again() {
    let server = Server::start();
    let both_have_read = Barrier::new(2);
    server.directs(move |seen| {
        let task = if seen.body["messages"][1]["content"].as_str().unwrap().ends_with("do a") { "a" } else { "b" };
        let answers = answers(seen);
        match answers.last() {
            None => calls(&[("1", "read_file", json!({"path": "shared.md"}))]),
            Some(last) if last.contains("has changed since you read it") => {
                calls(&[("3", "read_file", json!({"path": "./shared.md"}))])
            }
            Some(last) if last.contains("Wrote") => Act::Text("done".into()),
            Some(last) => {
                if answers.len() == 1 {
                    both_have_read.wait();
                }
                let before: Vec<&str> = last.lines().filter(|line| !line.starts_with("<<")).collect();
                let content = format!("{}\nby {task}\n", before.join("\n"));
                calls(&[(
                    &format!("w{}", answers.len()),
                    "write_file",
                    json!({"path": "shared.md", "content": content}),
                )])
            }
        }
    });
    let project = Project::new().file("x.yaml", TEXT).file("shared.md", "before\n").server(&server).args(RUN);
    project.run().exits(0);
    let mut lines: Vec<String> = project.read("shared.md").unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines.retain(|line| !line.is_empty());
    assert_eq!(lines, ["before", "by a", "by b"]);
    let refused =
        project.journal().into_iter().filter(|event| event["type"] == "tool_finished" && event["is_error"] == true);
    assert_eq!(refused.count(), 1);
}

#[test]
fn a_file_that_changed_while_a_run_was_stopped_is_read_again() {
    let server = Server::start();
    let write = |id| calls(&[(id, "write_file", json!({"path": "shared.md", "content": "mine"}))]);
    let down = || Act::error(401, &json!({"error": {"message": "no"}}));
    server.when("do a", [calls(&[("1", "read_file", json!({"path": "shared.md"}))]), down()]);
    server.when("do a", [write("2"), Act::Text("done".into())]);
    let text = TEXT.lines().take(4).collect::<Vec<_>>().join("\n");
    let project = Project::new().file("x.yaml", text).file("shared.md", "before\n").server(&server).args(RUN);
    project.run().exits(1);
    let project = project.file("shared.md", "theirs\n");
    project.args(["resume"]).run().exits(0).file_is("shared.md", "theirs\n");
    assert!(told(&server).last().unwrap().contains("has changed since you read it"), "{:?}", told(&server));
}
