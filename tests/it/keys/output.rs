//! `output`: outputs that go to a file, that have a schema, that are plans.

use serde_json::{Value, json};

use crate::project::{Project, RUN, output};
use crate::server::{Act, Server};

fn project(server: &Server, rest: &str) -> Project {
    Project::new().file("x.yaml", format!("orchestra: {{id: x}}\n{rest}")).server(server).args(RUN)
}

#[test]
fn an_output_can_be_the_content_of_a_file() {
    let server = Server::start();
    server.when("do a", [Act::Text("Here it is:\n```rust\nfn main() {}\n```\n".into())]);
    let file =
        "tasks: [{name: a, agent: developer, description: do a, output: {format: file, path: src/deep/main.rs}}]\n";
    let ended = project(&server, file).run().exits(0).file_is("src/deep/main.rs", "fn main() {}\n");
    // A result that is used again is delivered again.
    ended
        .project
        .file("src/deep/main.rs", "changed by hand")
        .run()
        .exits(0)
        .says("reused")
        .file_is("src/deep/main.rs", "fn main() {}\n");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn where_an_output_goes_is_checked_before_the_run() {
    let server = Server::start();
    for (output, message) in [
        ("{path: a.md}", "`path` names the file that an output is"),
        ("{format: file, path: a.md, file: b.md}", "both say where the output goes"),
        ("{format: file, path: ../a.md}", "not a path of a file in the project"),
        ("{format: file, path: \"{{ item.path }}\"}", "there is no output or item then"),
        ("{format: file, path: .orchestra/plan.md}", "not a path of a file in the project"),
        ("{format: plan, schema: {type: object}}", "a schema describes JSON"),
        ("{schema: {type: objekt}}", "the JSON Schema is wrong at /type"),
        ("{schema: {properties: {a: {$ref: \"https://example.com/a\"}}}}", "the JSON Schema is wrong at"),
    ] {
        let file = format!("tasks: [{{name: a, agent: developer, description: do a, output: {output}}}]\n");
        let project = project(&server, &file);
        let ended = project.run().exits(2).says(message);
        ended.project.args(["validate", "x.yaml"]).run().exits(2).says(message);
    }
    let two = "tasks:\n  - {name: a, agent: developer, description: do a, output: {file: x/A.md}}\n  - {name: b, agent: developer, description: do b, output: {file: ./x/a.md}}\n";
    project(&server, two).run().exits(2).says("two tasks write the file");
    assert!(server.seen().is_empty());
}

const PLAN: &str = "tasks: [{name: plan, agent: architect, description: make a plan, output: {format: plan, file: .orchestra/plan.md}}]\n";

fn plan(needs: &str) -> Value {
    json!({
        "summary": "A login.",
        "tasks": [
            {"task_id": "TASK-001", "description": "Write it", "deliverables": ["a form"]},
            {"task_id": "TASK-002", "description": "Test it", "dependencies": [needs]},
        ],
        "files": [{"path": "src/login.rs", "action": "create"}],
    })
}

#[test]
fn a_plan_is_checked_and_kept_for_people_too() {
    let server = Server::start();
    // The first one names a task that is not there, and is asked for again.
    server.when("make a plan", [Act::Text(plan("TASK-009").to_string()), Act::Text(plan("TASK-001").to_string())]);
    let ended = project(&server, PLAN).run().exits(0);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].prompt().contains("TASK-009"), "{}", seen[1].prompt());
    assert!(seen[0].body["response_format"]["json_schema"]["schema"].is_object(), "{}", seen[0].body);
    let page = ended.project.read(".orchestra/plan.md").unwrap();
    assert!(page.contains("- **TASK-002**: Test it\n  - after TASK-001\n"), "{page}");
    assert!(page.contains("- `src/login.rs` (new)\n"), "{page}");
    let kept: Value = serde_json::from_str(&ended.project.read(&output("plan")).unwrap()).unwrap();
    assert_eq!(kept, plan("TASK-001"));
}

const HEAD: &str =
    "orchestra: {id: x, execution: {retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}}}\n";

fn project_with_two_attempts(server: &Server, rest: &str) -> Project {
    Project::new().file("x.yaml", format!("{HEAD}{rest}")).server(server).args(RUN)
}

const SCHEMA: &str = "tasks:\n  - name: a\n    agent: writer\n    description: do a\n    output:\n      schema: {type: object, required: [n], properties: {n: {type: integer}}}\n";

#[test]
fn an_answer_that_misses_its_schema_is_asked_for_once_more() {
    let server = Server::start();
    server.when("do a", [Act::Text("```json\n{\"n\": \"x\"}\n```".into()), Act::Text("Sure: {\"n\": 3,}".into())]);
    let ended = project_with_two_attempts(&server, SCHEMA).run().exits(0).file_has(&output("a"), "\"n\": 3");
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
    project_with_two_attempts(&server, SCHEMA).run().exits(1).says("no end").file_has(&output("a"), "ERROR");
    assert_eq!(server.seen().len(), 2);
}
