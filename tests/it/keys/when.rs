//! `when`: a task that is not wanted is left out, and that is no failure.

use crate::commands::validate::messages;
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::Server;

const TASKS: [&str; 4] = [
    "name: triage, description: do triage",
    "name: mend, description: do mend, context: [triage], when: \"{{ outputs.triage.kind == 'bug' }}\"",
    "name: warn, description: do warn, context: [mend], when: \"{{ outputs.triage.size > 2 }}\"",
    "name: plan, description: do plan, context: [triage], when: \"{{ outputs.triage.kind == 'wish' }}\"",
];

fn project(server: &Server, triage: &str) -> Project {
    for task in ["mend", "warn", "plan"] {
        server.plays(&format!("do {task}"), &format!("{task}ed"));
    }
    server.plays("do triage", triage);
    Project::new().file("x.yaml", orchestra("strategy: parallel", &TASKS)).server(server).args(RUN)
}

#[test]
fn what_is_not_wanted_is_left_out_with_what_needs_it() {
    let server = Server::start();
    let ended = project(&server, r#"{"kind": "wish", "size": 3}"#)
        .run()
        .exits(0)
        .prints("planed")
        .says("outputs.triage.kind is wish")
        .says("it needs `mend`, which was left out")
        .says("2 of 4 done, 2 left out")
        .says("SUCCEEDED")
        .no_file(&output("mend"))
        .no_file(&output("warn"))
        .file_is(RESULT, "planed");
    assert_eq!(ended.project.journalled("task_omitted"), ["mend", "warn"]);
    assert_eq!(server.seen().len(), 2);
    let project = &ended.project;
    project.args(["show"]).run().exits(0).prints("left out");
    project.args(["why", "mend"]).run().prints("outputs.triage.kind is wish");
}

#[test]
fn what_is_wanted_runs() {
    let server = Server::start();
    let ended = project(&server, r#"{"kind": "bug", "size": 3}"#).run().exits(0).file_is(RESULT, "warned");
    assert_eq!(ended.project.journalled("task_omitted"), ["plan"]);
}

#[test]
fn a_chain_goes_on_behind_what_was_left_out() {
    let server = Server::start();
    server.plays("do a", "yes");
    server.plays("do c", "Done");
    let tasks = [
        "name: a, description: do a",
        "name: b, description: do b, when: \"{{ outputs.a == 'no' }}\"",
        "name: c, description: do c",
    ];
    let text = orchestra("strategy: sequential", &tasks);
    Project::new().file("x.yaml", text).server(&server).args(RUN).run().exits(0).file_is(RESULT, "Done");
    assert_eq!(server.tasks(), ["do a", "do c"]);
}

#[test]
fn items_that_are_not_wanted_are_not_in_the_list() {
    let server = Server::start();
    for item in ["1", "3"] {
        server.plays(&format!("do {item}"), item);
    }
    let tasks = ["name: each, description: \"do {{ item }}\", for_each: [1, 2, 3], when: \"{{ item != 2 }}\""];
    let project = Project::new().file("x.yaml", orchestra("strategy: parallel", &tasks)).server(&server).args(RUN);
    let ended = project.run().exits(0).file_is(&output("each"), "[\n  1,\n  3\n]");
    assert_eq!(ended.project.journalled("task_omitted"), ["each.2"]);
}

#[test]
fn a_condition_that_cannot_be_told_fails_its_task() {
    let server = Server::start();
    server.plays("do a", "yes");
    let tasks =
        ["name: a, description: do a", "name: b, description: do b, when: \"{{ outputs.a.x.y == 1 }}\", context: [a]"];
    let text = orchestra("strategy: parallel", &tasks);
    Project::new()
        .file("x.yaml", text)
        .server(&server)
        .args(RUN)
        .run()
        .exits(1)
        .says("in `when`, {{ outputs.a.x.y == 1 }}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_condition_that_was_changed_is_asked_anew_when_that_is_accepted() {
    let server = Server::start();
    let project = project(&server, r#"{"kind": "wish", "size": 3}"#);
    project.run().exits(0);
    let text = orchestra("strategy: parallel", &TASKS).replace("== 'bug'", "== 'wish'");
    let resume = project.file("x.yaml", text).args(["resume", "--accept-changes"]);
    let run = project.runs().remove(0);
    resume.and([&run]).run().exits(0).file_is(&output("mend"), "mended").file_is(&output("warn"), "warned");
    assert_eq!((server.calls("do triage"), server.calls("do mend"), server.calls("do plan")), (1, 1, 1));
}

#[test]
fn mistakes_in_conditions_are_found_before_the_run() {
    for (when, wrong) in [
        ("outputs.triage", "`when` is not one expression in double braces"),
        ("{{ outputs.triag.kind }}", "there is no task `triag`"),
        ("{{ outputs.mend }}", "the task does not get the output of `mend`"),
        ("{{ item }}", "`item` is known only in a task with `for_each`"),
        ("{{ gaol }}", "unknown name `gaol`"),
    ] {
        let task = format!("name: new, description: x, context: [triage], when: \"{when}\"");
        let report = messages(orchestra("strategy: parallel", &[TASKS[0], TASKS[1], &task]));
        assert_eq!(report, [wrong], "{when}");
    }
}

#[test]
fn a_condition_is_shown_before_the_run() {
    let server = Server::start();
    let project = project(&server, "");
    project.and(["--dry-run"]).run().exits(0).prints("only when {{ outputs.triage.kind == 'bug' }}");
    for format in ["text", "mermaid", "dot"] {
        project.args(["graph", "x.yaml", "--format", format]).run().exits(0).prints("when outputs.triage.kind");
    }
}
