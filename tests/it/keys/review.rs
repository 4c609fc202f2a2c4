//! `review`: what a task has made is looked at by another agent, and made anew until that approves it.

use serde_json::{Value, json};

use crate::commands::validate::messages;
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const WRITE: &str = "name: write, description: \"write about {{ goal }}\", review: {by: auditor, advise: consultant, criteria: \"the facts\"}";

fn verdict(approved: bool, issue: &str) -> Act {
    let issues: Vec<Value> = match issue {
        "" => Vec::new(),
        issue => vec![json!({"severity": "high", "file": "a.rs", "line": 7, "description": issue})],
    };
    Act::Text(json!({"approved": approved, "summary": "", "issues": issues}).to_string())
}

fn project(server: &Server, tasks: &[&str]) -> Project {
    Project::new().file("x.yaml", orchestra("strategy: parallel, retry_strategy: none", tasks)).server(server).args(RUN)
}

/// The prompt of the request whose task begins so.
fn prompt(server: &Server, task: &str) -> String {
    server
        .seen()
        .iter()
        .find(|seen| seen.task().starts_with(task))
        .unwrap_or_else(|| panic!("{task}"))
        .prompt()
        .to_owned()
}

#[test]
fn a_version_that_is_not_approved_is_made_anew_with_what_was_found() {
    let server = Server::start();
    server.when("This is version 2", [Act::Text("second text".into())]);
    server.when("step by step", [Act::Text("look it up".into())]);
    server.when("Review the output of `write.1`", [verdict(false, "a wrong year")]);
    server.when("Review the output of `write.2`", [verdict(true, "")]);
    server.when("write about", [Act::Text("first text".into())]);
    let end = "name: end, description: sum up, context: [write]";
    let ended = project(&server, &[WRITE, end]).run().exits(0).file_is(&output("write"), "second text");
    let names = ["write.1", "write.1.review", "write.1.advice", "write.2", "write.2.review", "write", "end"];
    assert_eq!(ended.project.journalled("task_succeeded"), names);
    let review = prompt(&server, "Review the output of `write.1`");
    assert!(
        review.contains("output of task write.1>>\nfirst text") && review.contains("above all: the facts"),
        "{review}"
    );
    assert!(review.contains("The task was:\nwrite about Build a simple login feature"), "{review}");
    let second = prompt(&server, "write about Build a simple login feature\n\nThis is version 2");
    for data in ["write.1>>\nfirst text", "a wrong year", "write.1.advice>>\nlook it up"] {
        assert!(second.contains(data), "{data}: {second}");
    }
    ended.project.run().exits(0).says("reused");
    assert_eq!(server.seen().len(), 6, "versions and reviews are reused");
}

#[test]
fn what_is_never_approved_fails_with_what_was_found_or_is_taken() {
    let server = Server::start();
    server.when("Review the output", std::iter::repeat_with(|| verdict(false, "a wrong year")).take(2));
    let task = "name: write, description: write, review: {by: auditor, max_iterations: 2}";
    let ended = project(&server, &[task]).run().exits(1);
    let ended = ended
        .says("condition never met: version 2 was not approved: 1 issue, the first one high: a.rs:7: a wrong year");
    assert_eq!(server.seen().len(), 4);
    // With more versions a resume goes on from those that there are.
    server.when("Review the output of `write.3`", [verdict(true, "")]);
    let text = orchestra("strategy: parallel, retry_strategy: none", &[&task.replace("2}", "3}")]);
    server.when("This is version 3", [Act::Text("third".into())]);
    ended.project.file("x.yaml", text).args(["resume", "--accept-changes"]).run().exits(0).file_is(RESULT, "third");
    assert_eq!(server.seen().len(), 6);

    let server = Server::start();
    server.when("Review the output", [verdict(false, "dull")]);
    server.when("write", [Act::Text("text".into())]);
    let task = "name: write, description: write, review: {by: auditor, max_iterations: 1, on_max: accept}";
    project(&server, &[task]).run().exits(0).file_is(RESULT, "text");
}

#[test]
fn a_verdict_is_asked_for_once_more_and_never_guessed() {
    let server = Server::start();
    server.when("cannot be used", [Act::Text("still fine".into())]);
    server.when("Review the output", [Act::Text("Looks good to me, approved!".into())]);
    let task = "name: write, description: write, review: {by: auditor}";
    project(&server, &[task]).run().exits(1).says("write.1.review").says("members failed");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn each_item_of_a_list_is_reviewed_by_itself() {
    let server = Server::start();
    server.when("Review the output of `each.1.1`", [verdict(true, "")]);
    server.when("Review the output of `each.2.1`", [verdict(false, "too short")]);
    server.when("Review the output of `each.2.2`", [verdict(true, "")]);
    server.when("This is version 2", [Act::Text("bb".into())]);
    server.when("Your task: make a", [Act::Text("a".into())]);
    server.when("Your task: make b", [Act::Text("b".into())]);
    let each = "name: each, description: \"make {{ item }}\", for_each: [a, b], review: {by: auditor}";
    let end = "name: end, description: sum up, context: [each]";
    let ended = project(&server, &[each, end]).run().exits(0);
    let made: Value = serde_json::from_str(&ended.project.read(&output("each")).unwrap()).unwrap();
    assert_eq!(made, json!(["a", "bb"]));
    let mut names = ended.project.journalled("task_succeeded");
    names.sort();
    let all = [
        "each",
        "each.1",
        "each.1.1",
        "each.1.1.review",
        "each.2",
        "each.2.1",
        "each.2.1.review",
        "each.2.2",
        "each.2.2.review",
        "end",
    ];
    assert_eq!(names, all);
    let review = prompt(&server, "Review the output of `each.2.1`");
    assert!(review.contains("The task was:\nmake b"), "{review}");
    // Another list takes what it can: one item is made anew, with its review.
    server.when("Review the output of `each.1.1`", [verdict(true, "")]);
    let changed = orchestra("strategy: parallel, retry_strategy: none", &[&each.replace("[a, b]", "[c, b]"), end]);
    let before = server.seen().len();
    ended.project.file("x.yaml", changed).run().exits(0);
    let new: Vec<String> =
        server.tasks()[before..].iter().map(|task| task.lines().next().unwrap().to_owned()).collect();
    assert_eq!(new.len(), 3, "{new:?}");
}

#[test]
fn what_was_planned_may_be_reviewed() {
    let server = Server::start();
    let sly = json!({"tasks": [{"task_id": "one", "assigned_to": "writer", "description": "make {{ goal }} {x}"}]});
    server.when("Review the output of `build.one.1`", [verdict(true, "")]);
    server.when("Your task: plan", [Act::Text(sly.to_string())]);
    let task = "name: build, description: plan, expand: {agents: [writer]}, review: {by: auditor}";
    let ended = project(&server, &[task]).run().exits(0);
    let names = ["build.plan", "build.one.1", "build.one.1.review", "build.one", "build"];
    assert_eq!(ended.project.journalled("task_succeeded"), names);
    // What a model wrote is filled in nowhere, also not where it is quoted.
    let review = prompt(&server, "Review the output of");
    assert!(review.contains("The task was:\nmake {{ goal }} {x}"), "{review}");
}

#[test]
fn a_gap_deep_below_is_made_by_a_resume() {
    let server = Server::start();
    server.when(
        "Review the output of `each.1.1`",
        [Act::error(401, &json!({"error": {"message": "no"}})), verdict(true, "")],
    );
    server.when("Review the output of `each.2.1`", [verdict(true, "")]);
    let each = "name: each, description: \"make {{ item }}\", for_each: [a, b], review: {by: auditor}";
    let end = "name: end, description: sum up, context: [each]";
    let ended = project(&server, &[each, end]).run().exits(1);
    let count = |task: &str| server.seen().iter().filter(|seen| seen.task().starts_with(task)).count();
    assert_eq!((count("make a"), count("make b"), count("sum up")), (1, 1, 1));
    let ended = ended.project.args(["resume"]).run().exits(0);
    assert_eq!((count("make a"), count("make b"), count("sum up")), (1, 1, 2), "what follows is told what is new");
    assert!(!ended.project.read(&output("each")).unwrap().contains("null"));
}

#[test]
fn reviews_are_checked_and_shown_before_the_run() {
    let of = |keys: &str| messages(orchestra("strategy: parallel", &[&format!("name: a, description: x, {keys}")]));
    assert_eq!(of("review: {by: nobody-knows}"), ["there is no agent `nobody-knows`"]);
    assert_eq!(of("review: {advise: consultant}"), ["`review` has no `by`"]);
    assert_eq!(of("review: {by: auditor, max_iterations: 0}").len(), 1);
    assert_eq!(of("review: {by: auditor, criteria: \"{{ outputs.b }}\"}"), ["there is no task `b`"]);
    let project = project(&Server::start(), &[WRITE]);
    project.and(["--dry-run"]).run().exits(0).prints("reviewed by auditor, at most 3 times");
    project.args(["graph", "x.yaml"]).run().exits(0).prints("reviewed by auditor");
    let rehearsal =
        Project::new().file("x.yaml", orchestra("strategy: parallel", &[WRITE])).args(RUN).and(["--rehearse"]);
    assert_eq!(rehearsal.run().exits(0).project.journalled("task_succeeded"), ["write.1", "write.1.review", "write"]);
}
