//! `expand`: a task whose agent plans tasks for others.

use serde_json::{Value, json};

use crate::commands::validate::messages;
use crate::project::{Project, RUN, orchestra, output};
use crate::server::{Act, Server};

const BUILD: &str = "name: build, description: Plan the work, expand: {agents: [developer, qa_tester]}";
const END: &str = "name: end, description: sum up, context: [build]";

fn task(id: &str, agent: &str, needs: &[&str]) -> Value {
    json!({"task_id": id, "assigned_to": agent, "description": format!("make {id}"), "dependencies": needs})
}

fn plan() -> Value {
    json!({
        "tasks": [task("tests", "qa_tester", &["api", "ui"]), task("ui", "developer", &["api"]), task("api", "developer", &[])],
        "decisions": [
            {"decision": "Tokens live for an hour", "rationale": "safety", "affected_agents": ["developer"]},
            {"decision": "English only", "affected_agents": []},
        ],
    })
}

fn project(server: &Server, tasks: &[&str]) -> Project {
    Project::new().file("x.yaml", orchestra("strategy: parallel, retry_strategy: none", tasks)).server(server).args(RUN)
}

#[test]
fn what_is_planned_is_done_in_the_order_of_the_plan() {
    let server = Server::start();
    server.when("Plan the work", [Act::Text(plan().to_string())]);
    for id in ["api", "ui", "tests"] {
        server.when(&format!("Your task: make {id}"), [Act::Text(format!("done {id}"))]);
    }
    server.plays("sum up", "end");
    let ended = project(&server, &[BUILD, END]).run().exits(0);
    let ended = ended.says("build becomes 3 tasks: build.api (developer); build.ui (developer, after build.api)");
    let names = ["build.plan", "build.api", "build.ui", "build.tests", "build", "end"];
    assert_eq!(ended.project.journalled("task_succeeded"), names);
    let asked = server.seen();
    // The planner is told whom there is, and what an answer looks like.
    let system = asked[0].body.to_string();
    assert!(system.contains("- qa_tester: ") && system.contains("at most 20"), "{system}");
    let (api, tests) = (asked[1].prompt(), asked[3].prompt());
    assert!(api.contains("- Tokens live for an hour (because safety)") && api.contains("- English only"), "{api}");
    assert!(tests.contains("output of task build.ui>>\ndone ui") && !tests.contains("Tokens live"), "{tests}");
    let end = asked[4].prompt();
    assert!(end.contains("# build.tests\n\ndone tests"), "{end}");
    let ended = ended.file_is(&output("build.ui"), "done ui");
    ended.project.run().exits(0).says("reused");
    assert_eq!(server.seen().len(), 5, "a plan and what it plans are reused");
    ended.project.args(["show"]).run().exits(0).prints("build.tests");
}

#[test]
fn a_plan_that_does_not_hold_goes_back_once_with_all_its_mistakes() {
    let wrong = json!({"tasks": [
        task("a b", "developer", &[]), task("plan", "developer", &["gone"]), task("x", "stranger", &[]),
        {"task_id": "y", "assigned_to": "qa_tester", "description": " "},
    ]});
    let server = Server::start();
    let good = json!({"tasks": [task("only", "qa_tester", &[])]});
    server.when("Plan the work", [Act::Text(wrong.to_string())]);
    server.when("cannot be used", [Act::Text(good.to_string())]);
    project(&server, &[BUILD]).run().exits(0).file_is(&output("build.plan"), &good.to_string());
    let correction = server.seen()[1].body.to_string();
    assert!(correction.contains("stranger"), "{correction}");

    let server = Server::start();
    let unknown = json!({"tasks": [task("a b", "developer", &[]), task("plan", "developer", &["gone"]), task("A B", "qa_tester", &[])]});
    server.when("Plan the work", std::iter::repeat_with(|| Act::Text(unknown.to_string())).take(2));
    let ended = project(&server, &[BUILD, END]).run().exits(1);
    let told = server.seen()[1].body["messages"].as_array().unwrap().last().unwrap()["content"].to_string();
    for said in
        ["is not made of letters", "no task may have the `task_id`", "two tasks have", "the plan has no such task"]
    {
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(ended.project.journalled("task_skipped"), ["end"]);
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn what_a_plan_says_is_never_filled_in_and_is_bounded() {
    let server = Server::start();
    let sly =
        json!({"tasks": [{"task_id": "sly", "assigned_to": "developer", "description": "make {{ goal }} {goal}"}]});
    server.when("Plan the work", [Act::Text(sly.to_string())]);
    project(&server, &[BUILD]).run().exits(0);
    assert_eq!(server.seen()[1].task(), "make {{ goal }} {goal}");

    let server = Server::start();
    let many: Vec<Value> = (0..3).map(|n| task(&format!("t{n}"), "developer", &[])).collect();
    server.when("Plan the work", std::iter::repeat_with(|| Act::Text(json!({"tasks": many}).to_string())).take(2));
    let few = BUILD.replace("qa_tester]}", "qa_tester], max_tasks: 2}");
    project(&server, &[&few]).run().exits(1).says("it has 3 tasks, and at most 2 are allowed");
}

#[test]
fn a_planned_task_that_fails_has_those_behind_it_skipped() {
    let server = Server::start();
    server.when("Plan the work", [Act::Text(plan().to_string())]);
    server.when("Your task: make ui", [Act::error(401, &json!({"error": {"message": "no"}}))]);
    server.when("Your task: make api", [Act::Text("done api".to_owned())]);
    let json = BUILD.to_owned() + ", collect: json";
    let ended = project(&server, &[&json, END]).run().exits(1);
    assert_eq!(ended.project.journalled("task_skipped"), ["build.tests"]);
    let made: Value = serde_json::from_str(&ended.project.read(&output("build")).unwrap()).unwrap();
    assert_eq!(made, json!({"api": "done api", "ui": null, "tests": null}));
    // A resume makes what is missing, and asks for no other plan.
    server.when("Your task: make ui", [Act::Text("done ui".to_owned())]);
    server.when("Your task: make tests", [Act::Text("done tests".to_owned())]);
    let ended = ended.project.args(["resume"]).run().exits(0);
    let made: Value = serde_json::from_str(&ended.project.read(&output("build")).unwrap()).unwrap();
    assert_eq!(made, json!({"api": "done api", "ui": "done ui", "tests": "done tests"}));
    let plans = server.seen().iter().filter(|seen| seen.task().starts_with("Plan")).count();
    assert_eq!(plans, 1);
}

#[test]
fn whom_a_plan_may_give_tasks_is_checked_before_the_run() {
    let of = |keys: &str| messages(orchestra("strategy: parallel", &[&format!("name: a, description: x, {keys}")]));
    assert_eq!(of("expand: true"), ["nobody may be given what this task plans"]);
    assert_eq!(of("expand: {agents: [nobody-knows]}")[0], "there is no agent `nobody-knows`");
    assert_eq!(of("expand: {agents: [qa_tester], max_tasks: 0}").len(), 1);
    let form = "a task that plans others answers with a plan";
    assert_eq!(of("expand: {agents: [qa_tester]}, output: {format: markdown}"), [form]);
    let project = project(&Server::start(), &[BUILD, END]);
    project.and(["--dry-run"]).run().exits(0).prints("plans up to 20 tasks for developer, qa_tester");
    project.args(["graph", "x.yaml"]).run().exits(0).prints("plans for developer, qa_tester");
}

#[test]
fn a_rehearsal_gives_each_agent_a_task() {
    let file = "orchestra: {id: x}\nagents: [planner, developer, qa_tester]\n\
                tasks: [{name: build, agent: planner, description: Plan, expand: true}]\n";
    let ended = Project::new().file("x.yaml", file).args(RUN).and(["--rehearse"]).run().exits(0);
    let names = ["build.plan", "build.developer", "build.qa_tester", "build"];
    assert_eq!(ended.project.journalled("task_succeeded"), names);
}
