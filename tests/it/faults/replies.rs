//! Replies that are not what they seem: what becomes of them in a run.

use serde_json::{Value, json};

use crate::project::{Project, RUN, output};
use crate::server::{Act, Server};

const HEAD: &str =
    "orchestra: {id: x, execution: {retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}}}\n";

fn project(server: &Server, rest: &str) -> Project {
    Project::new().file("x.yaml", format!("{HEAD}{rest}")).server(server).args(RUN)
}

#[test]
fn a_turn_that_is_paused_goes_on_and_its_pieces_are_one_answer() {
    let server = Server::start();
    let piece = |text: &str, reason: &str| {
        let message = json!({"role": "assistant", "content": text});
        Act::json(json!({"choices": [{"message": message, "finish_reason": reason}]}).to_string())
    };
    let pieces = [("one, ", "pause_turn"), ("two, ", "pause_turn"), ("three", "stop")];
    server.when("do a", pieces.map(|(text, reason)| piece(text, reason)));
    let task = "tasks: [{name: a, agent: writer, description: do a, output: {format: file}}]\n";
    let ended = project(&server, task).run().exits(0).file_has(&output("a"), "one, two, three");
    assert_eq!(ended.project.journalled("attempt_started"), ["a"]);
    let last = server.seen()[2].body["messages"].as_array().unwrap().clone();
    let said: Vec<&Value> = last.iter().rev().take(2).rev().map(|message| &message["content"]).collect();
    assert_eq!(said, ["one, ", "two, "]);
    assert_eq!(last.last().unwrap()["role"], "assistant", "nobody asked anything in between");
}

const SCHEMA: &str = "tasks:\n  - name: a\n    agent: writer\n    description: do a\n    output:\n      schema: {type: object, required: [n], properties: {n: {type: integer}}}\n";

#[test]
fn thoughts_are_in_no_output_and_no_file_of_it() {
    let server = Server::start();
    server.when("do a", [Act::Text("<think>draft {\"n\": 7}</think>{\"n\": 3}".into())]);
    let ended = project(&server, SCHEMA).run().exits(0).file_has(&output("a"), "\"n\": 3");
    assert_eq!(server.seen().len(), 1, "nothing had to be asked again");
    assert!(!ended.project.read(&output("a")).unwrap().contains("draft"));
    let server = Server::start();
    server.when("do a", [Act::Text("<think>\nhm\n</think>\n\n# Title".into())]);
    let markdown = "tasks: [{name: a, agent: writer, description: do a, output: {format: markdown}}]\n";
    let ended = project(&server, markdown).run().exits(0).file_has(&output("a"), "# Title");
    assert!(!ended.project.read(&output("a")).unwrap().contains("hm"));
}
