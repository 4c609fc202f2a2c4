//! `sets`: values that a task leaves for all that come after it, asked for as `{{ ctx.KEY }}`.

use serde_json::json;

use crate::commands::validate::{messages, validate};
use crate::project::{Project, RUN, orchestra, output};
use crate::server::Server;

const CTX: &str = "orchestra_workspaces/x/intermediate/ctx.json";
const PLAN: &str = r#"{"title": "Bread", "tasks": [{"id": 7}, {"id": 9}]}"#;

/// The last task gets the output of the second one alone, and the values of all before it.
const TASKS: [&str; 3] = [
    "name: plan, description: do plan, output: {format: json}, sets: {plan.title: title, plan.tasks: tasks}",
    "name: note, description: do note, context: [plan], sets: note",
    "name: write, context: [note], when: \"{{ ctx.plan.tasks[0].id == 7 }}\", \
     description: \"write {{ ctx.plan.title }} after {{ ctx.plan.tasks[1].id }}: {{ ctx.note }}\"",
];

fn project(server: &Server, plan: &str) -> Project {
    server.plays("do plan", plan);
    server.plays("do note", "be brief");
    server.plays("write Bread after 9: be brief", "written");
    Project::new().file("x.yaml", orchestra("strategy: parallel", &TASKS)).server(server).args(RUN)
}

#[test]
fn later_tasks_are_given_what_earlier_ones_have_set() {
    let server = Server::start();
    let ended = project(&server, PLAN).run().exits(0).file_is(&output("write"), "written");
    let ctx: serde_json::Value = serde_json::from_str(&ended.project.read(CTX).unwrap()).unwrap();
    let tasks = json!([{"id": 7}, {"id": 9}]);
    assert_eq!(ctx, json!({"note": "be brief", "plan.tasks": tasks, "plan.title": "Bread"}));
    ended.project.args(["show", "--ctx"]).run().exits(0).prints("\"plan.title\": \"Bread\"");
}

#[test]
fn results_that_are_used_again_set_the_same() {
    let server = Server::start();
    let first = project(&server, PLAN).run().exits(0);
    let ended = first.project.args(RUN).run().exits(0).file_is(&output("write"), "written");
    assert_eq!(server.seen().len(), 3);
    assert!(ended.project.read(CTX).unwrap().contains("be brief"));
}

#[test]
fn an_answer_without_the_field_is_asked_for_again() {
    let server = Server::start();
    server.plays("do plan", r#"{"title": "Bread"}"#);
    let project = Project::new()
        .file(
            "x.yaml",
            orchestra("retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}", &TASKS[..1]),
        )
        .server(&server)
        .args(RUN);
    let ended = project.run().exits(1).says("the output has no `tasks`");
    assert!(ended.project.journalled("ctx_set").is_empty());
    let asked = server.seen().last().unwrap().body.to_string();
    assert!(asked.contains("That answer cannot be used: `plan.tasks` is to be set from `tasks`"), "{asked}");
    assert!(asked.contains("It needs the fields `tasks`, `title`."), "{asked}");
}

#[test]
fn a_list_of_many_outputs_is_set_when_all_are_there() {
    let server = Server::start();
    server.plays("do 1", "one");
    server.plays("do 2", "two");
    server.plays("join one and two", "joined");
    let tasks = [
        "name: many, for_each: [1, 2], description: \"do {{ item }}\", sets: {first: '0', all: '0'}",
        "name: join, context: [many], description: \"join {{ ctx.first }} and {{ outputs.many[1] }}\"",
    ];
    let text = orchestra("strategy: parallel", &tasks);
    let ended = Project::new().file("x.yaml", text).server(&server).args(RUN).run().exits(0);
    assert_eq!(ended.project.journalled("ctx_set"), ["many", "many"]);
}

#[test]
fn what_nobody_sets_is_told_before_the_run() {
    let text = |tasks: &[&str]| messages(orchestra("strategy: parallel", tasks));
    let plan = "name: plan, description: do plan, sets: {plan.title: title}, output: {format: json}";
    assert_eq!(
        text(&[plan, "name: b, context: [plan], description: \"{{ ctx.plan.title }} {{ ctx.plam.title }}\""]),
        ["no task before this one sets `plam.title`"]
    );
    assert_eq!(
        text(&[plan, "name: b, context: [], description: \"{{ ctx.plan }}\""]),
        ["`plan` sets `plan.title`, and does not come before this task"]
    );
    let both =
        orchestra("strategy: parallel", &["name: a, description: x, sets: k", "name: b, description: x, sets: k"]);
    let told = "warning: `a` and `b` set `k`, and neither comes before the other";
    validate(&both).run().exits(0).says(told);
    validate(both.replace("name: b,", "name: b, context: [a],")).run().exits(0).does_not_say("warning");
    assert_eq!(
        text(&["name: a, description: x, sets: {k: f}"]),
        ["`f` is to be taken from an output that need not be JSON"]
    );
    let schema = "output: {schema: {type: object, properties: {title: {type: string}}}}";
    assert_eq!(
        text(&[&format!("name: a, description: x, sets: {{k: titel}}, {schema}")]),
        ["the output of `a` has no field `titel`"]
    );
    assert_eq!(text(&["name: a, description: x, sets: 'a b'"]), ["`a b` cannot be the name of a shared value"]);
}
