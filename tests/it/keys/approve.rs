//! `approve`: what a task has made waits for a person, and nothing that needs it begins before.

use serde_json::json;

use crate::commands::validate::messages;
use crate::project::{Ended, Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const TASKS: [&str; 3] = [
    "name: plan, description: do plan, approve: {question: \"Is it small enough?\"}",
    "name: build, description: do build, context: [plan]",
    "name: other, description: do other",
];

fn project(server: &Server, tasks: &[&str]) -> Project {
    for task in ["plan", "build", "other"] {
        server.plays(&format!("do {task}"), task);
    }
    Project::new().file("x.yaml", orchestra("strategy: parallel, retry_strategy: none", tasks)).server(server).args(RUN)
}

fn answer(ended: &Ended, arguments: &[&str]) -> Ended {
    ended.project.args(arguments.iter().copied()).run()
}

#[test]
fn a_run_waits_with_what_was_made_and_goes_on_as_a_person_says() {
    let server = Server::start();
    let ended = project(&server, &TASKS)
        .run()
        .exits(4)
        .says("waits for approval")
        .says("WAITING FOR APPROVAL")
        .says("Is it small enough?");
    let run = ended.project.runs()[0].clone();
    let ended = ended.says(&format!("orch approve {run} plan")).file_is(&output("plan"), "plan");
    // What does not depend on it is done, and what does has not begun.
    assert_eq!(ended.project.journalled("task_succeeded"), ["other"]);
    assert_eq!(server.calls("do build"), 0);
    assert_eq!(ended.project.journal().last().unwrap()["status"], "waiting");
    answer(&ended, &["runs"]).exits(0).prints("waiting");
    answer(&ended, &["show"]).exits(0).prints("awaits approval");
    // Going on without an answer changes nothing and calls nothing.
    let ended = answer(&ended, &["resume"]).exits(4).file_is(&output("plan"), "plan");
    assert_eq!(server.seen().len(), 2);
    answer(&ended, &["approve", "plan", "--reason", "small and clear"]).exits(0).says("approved `plan`");
    let ended = answer(&ended, &["resume"]).exits(0).says("small and clear");
    assert_eq!(ended.project.read(&output("build")).as_deref(), Some("build"));
    assert_eq!((server.calls("do plan"), server.calls("do build")), (1, 1), "nothing is made twice");
    let given = ended.project.journal().into_iter().find(|event| event["type"] == "approval_given").unwrap();
    assert_eq!((&given["approved"], &given["reason"]), (&json!(true), &json!("small and clear")));
    let asked = ended.project.journal().into_iter().find(|event| event["type"] == "approval_requested").unwrap();
    assert_eq!(given["sha256"], asked["output"]["sha256"]);
    // An earlier result is made again by nobody, and asked about again.
    ended.project.args(RUN).run().exits(4);
    assert_eq!(server.calls("do plan"), 1);
}

#[test]
fn what_is_rejected_fails_and_is_made_anew_with_the_reason() {
    let server = Server::start();
    let ended = project(&server, &TASKS).run().exits(4);
    answer(&ended, &["reject", "plan", "--reason", "too large"]).exits(0).says("rejected `plan`");
    let ended = answer(&ended, &["resume"]).exits(1).says("too large");
    assert_eq!(ended.project.journalled("task_skipped"), ["build"]);
    server
        .when("An earlier version was rejected by a person, for this reason: too large", [Act::Text("smaller".into())]);
    let ended = answer(&ended, &["resume"]).exits(4);
    let ended = ended.file_is(&output("plan"), "smaller");
    answer(&ended, &["approve", "plan"]).exits(0);
    answer(&ended, &["resume"]).exits(0);
    assert_eq!(server.calls("do build"), 1);
}

#[test]
fn of_two_people_the_first_is_heard_and_the_second_is_told() {
    let server = Server::start();
    let ended = project(&server, &TASKS).run().exits(4);
    answer(&ended, &["reject", "plan", "--reason", "no"]).exits(0);
    answer(&ended, &["approve", "plan"]).exits(1).says("has rejected `plan`").says("already: no");
    answer(&ended, &["resume"]).exits(1).says("rejected");
    answer(&ended, &["approve", "plan"]).exits(2).says("no run waits for an answer to `plan`");
}

#[test]
fn an_answer_counts_for_what_was_shown_and_for_nothing_else() {
    let server = Server::start();
    let ended = project(&server, &TASKS).run().exits(4);
    let run = ended.project.runs()[0].clone();
    answer(&ended, &["approve", "plan", "--shown", "0000"]).exits(1).says("another version");
    answer(&ended, &["approve", &run, "plan"]).exits(0);
    // The task changes before anybody hears the answer: what is made then was shown to nobody.
    server.plays("do plan anew", "another plan");
    let text = orchestra(
        "strategy: parallel, retry_strategy: none",
        &[&TASKS[0].replace("do plan", "do plan anew"), TASKS[1], TASKS[2]],
    );
    let changed = ended.project.file("x.yaml", text).args(["resume", "--accept-changes"]).run().exits(4);
    assert_eq!(server.calls("do build"), 0);
    answer(&changed, &["approve", &run, "other"])
        .exits(2)
        .says("does not wait for an answer")
        .says("what waits is `plan`");
    answer(&changed, &["approve", &run, "plan"]).exits(0);
    answer(&changed, &["resume"]).exits(0).file_is(&output("plan"), "another plan");
}

#[test]
fn nobody_is_asked_where_the_command_line_says_so() {
    let server = Server::start();
    let ended = project(&server, &TASKS).and(["--auto-approve"]).run().exits(0).says("approved by --auto-approve");
    assert_eq!(ended.project.journalled("approval_given"), ["plan"]);
    let other = Server::start();
    let waiting = project(&other, &TASKS).run().exits(4);
    answer(&waiting, &["resume", "--auto-approve"]).exits(0);
    let rehearsal =
        Project::new().file("x.yaml", orchestra("strategy: parallel", &TASKS)).args(RUN).and(["--rehearse"]);
    rehearsal.run().exits(0).says("approved by the rehearsal");
}

#[test]
fn a_plan_is_approved_before_its_tasks_are_done() {
    let server = Server::start();
    let plan = json!({"tasks": [{"task_id": "one", "assigned_to": "writer", "description": "do one"}]});
    server.when("do all", [Act::Text(plan.to_string())]);
    server.plays("do one", "one");
    let task = "name: all, description: do all, expand: {agents: [writer]}, approve: true";
    let ended = project(&server, &[task]).run().exits(4);
    assert_eq!(server.seen().len(), 1);
    answer(&ended, &["approve", "all.plan"]).exits(0);
    answer(&ended, &["resume"]).exits(0).file_has(RESULT, "one");
}

#[test]
fn a_whole_list_is_approved_once() {
    let server = Server::start();
    server.plays("do a", "a");
    server.plays("do b", "b");
    let tasks = [
        "name: each, description: \"do {{ item }}\", for_each: [a, b], approve: true",
        "name: end, description: do other, context: [each]",
    ];
    let ended = project(&server, &tasks).run().exits(4);
    assert_eq!(ended.project.journalled("approval_requested"), ["each"]);
    // What is rejected as a whole is made anew as a whole.
    answer(&ended, &["reject", "each"]).exits(0);
    let ended = answer(&ended, &["resume"]).exits(1).says("has rejected it");
    for item in ["a", "b"] {
        let told =
            format!("do {item}\\n\\nAn earlier version was rejected by a person, for this reason: none was given");
        server.when(&told, [Act::Text(format!("another {item}"))]);
    }
    let ended = answer(&ended, &["resume"]).exits(4).file_is(&output("each.1"), "another a");
    answer(&ended, &["approve", "each"]).exits(0);
    answer(&ended, &["resume"]).exits(0).file_is(RESULT, "other").file_has(&output("each"), "another b");
    assert_eq!(server.seen().len(), 5);
}

#[test]
fn the_question_is_checked() {
    let of = |keys: &str| messages(orchestra("strategy: parallel", &[&format!("name: a, description: x, {keys}")]));
    assert_eq!(of("approve: maybe").len(), 1);
    assert_eq!(of("approve: {questoin: x}").len(), 1);
}
