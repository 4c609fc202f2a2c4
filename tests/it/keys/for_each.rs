//! `for_each`, `max_parallel`, `collect`: one task for each item of a list.

use serde_json::{Value, json};

use crate::project::{Ended, Project, RUN, output};
use crate::server::{Act, Server};

mod changes;
mod lists;
#[cfg(unix)]
mod stops;

const PARALLEL: &str = "orchestra: {id: x, execution: {strategy: parallel, retry_strategy: none}}\n";

fn project(server: &Server, tasks: &str) -> Project {
    Project::new().file("x.yaml", format!("{PARALLEL}{tasks}")).server(server).args(RUN)
}

/// The texts of the tasks that were asked for, in any order.
fn asked(server: &Server) -> Vec<String> {
    let task = |body: &Value| {
        let messages = body["messages"].as_array().unwrap();
        let said = messages.last().unwrap()["content"].as_str().unwrap();
        said.rsplit_once("Your task: ").unwrap().1.to_owned()
    };
    let mut asked: Vec<String> = server.seen().iter().map(|seen| task(&seen.body)).collect();
    asked.sort();
    asked
}

fn collected(ended: &Ended, task: &str) -> Value {
    serde_json::from_str(&ended.project.read(&output(task)).unwrap()).unwrap()
}

#[test]
fn a_list_in_the_file_becomes_a_task_for_each_item() {
    let server = Server::start();
    server.when("greet Ada 1 of 2", [Act::Text("Hello, Ada".into())]);
    server.when("greet Bo 2 of 2", [Act::Text("{\"to\": \"Bo\"}".into())]);
    let tasks = "tasks:
  - {name: g, agent: writer, for_each: [{who: Ada}, {who: Bo}], description: \"greet {{ item.who }} {{ loop.index }} of {{ loop.length }}\"}
  - {name: end, agent: writer, context: [g], description: \"sum up\"}
";
    let ended = project(&server, tasks).run().exits(0);
    let ended = ended.file_is(&output("g.1"), "Hello, Ada").says("becomes 2 tasks");
    assert_eq!(collected(&ended, "g"), json!(["Hello, Ada", {"to": "Bo"}]));
    assert_eq!(asked(&server), ["greet Ada 1 of 2", "greet Bo 2 of 2", "sum up"]);
    // What follows gets the outputs together, and nothing is made again when nothing has changed.
    assert!(server.seen().last().unwrap().body.to_string().contains("Hello, Ada"));
    ended.project.run().exits(0).says("reused");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn a_rehearsal_goes_on_with_an_item_as_the_schema_has_it() {
    let schema = "output: {schema: {type: object, properties: {files: {type: array, items: {type: object, properties: {path: {type: string}}}}}}}";
    let tasks = format!(
        "tasks:
  - {{name: plan, agent: architect, description: plan, {schema}}}
  - {{name: w, agent: writer, context: [plan], for_each: outputs.plan.files, description: \"write\", output: {{file: \"out/{{{{ item.path }}}}.md\"}}}}
  - {{name: x, agent: writer, context: [plan], for_each: outputs.plan.other, description: \"write {{{{ item }}}}\"}}
"
    );
    let text = format!("{PARALLEL}{tasks}").replace(", properties: {files", ", properties: {other: {}, files");
    let project = Project::new().file("x.yaml", text).args(RUN).and(["--rehearse"]);
    let names = project.run().exits(0).project.journalled("task_succeeded");
    assert_eq!(names.len(), 5, "{names:?}");
}

#[test]
fn a_list_may_be_what_an_earlier_task_has_made() {
    let plan = json!({"plan": {"files": [{"path": "a.md"}, {"path": "b.md"}, {"path": "c.md"}]}}).to_string();
    let of = |list: &str, item: &str| {
        format!(
            "tasks:
  - {{name: plan, agent: architect, description: \"make a plan\"}}
  - {{name: w, agent: writer, context: [plan], for_each: {list}, collect: text, description: \"write {item}\"}}
"
        )
    };
    for (list, item, answer) in [
        ("outputs.plan.plan.files", "{{ item.path }}", plan.as_str()),
        ("outputs.plan", "{{ item }}", "a.md\n\n  b.md\nc.md\n"),
        ("\"{{ outputs.plan }}\"", "{{ item }}", "[\"a.md\", \"b.md\", \"c.md\"]"),
    ] {
        let server = Server::start();
        server.when("make a plan", [Act::Text(answer.to_owned())]);
        let ended = project(&server, &of(list, item)).run().exits(0);
        assert_eq!(asked(&server), ["make a plan", "write a.md", "write b.md", "write c.md"], "{list}");
        let text = ended.project.read(&output("w")).unwrap();
        let places: Vec<usize> = ["# w.1", "# w.2", "# w.3"].iter().map(|name| text.find(name).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }
}

#[test]
fn what_is_no_list_fails_the_task_before_a_call() {
    for (answer, why) in [
        ("{\"files\": 3}", "`files` is no list"),
        ("{\"other\": []}", "there is no `files`"),
        ("prose", "it is not JSON"),
    ] {
        let server = Server::start();
        server.when("make a plan", [Act::Text(answer.to_owned())]);
        let tasks = "tasks:
  - {name: plan, agent: architect, description: \"make a plan\"}
  - {name: w, agent: writer, context: [plan], for_each: outputs.plan.files, description: \"write {{ item }}\"}
";
        project(&server, tasks).run().exits(1).says(why);
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn an_empty_list_is_done_at_once() {
    let server = Server::start();
    server.when("make a plan", [Act::Text("[]".into())]);
    let tasks = "tasks:
  - {name: plan, agent: architect, description: \"make a plan\"}
  - {name: w, agent: writer, context: [plan], for_each: outputs.plan, description: \"write {{ item }}\"}
";
    let ended = project(&server, tasks).run().exits(0);
    assert_eq!(collected(&ended, "w"), json!([]));
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn max_parallel_holds_for_the_members() {
    let server = Server::start();
    let tasks = "tasks:
  - {name: w, agent: writer, for_each: [1, 2, 3, 4, 5, 6], max_parallel: 2, description: \"write {{ item }}\"}
";
    let head = PARALLEL.replace("strategy: parallel", "strategy: parallel, max_parallel_tasks: 0");
    Project::new().file("x.yaml", format!("{head}{tasks}")).server(&server).args(RUN).run().exits(0);
    assert_eq!((server.seen().len(), server.most_in_flight() <= 2), (6, true));
}

#[test]
fn a_failed_member_fails_the_whole_only_where_errors_stop() {
    let refuse = || Act::error(401, &json!({"error": {"message": "no"}}));
    let of = |on_error: &str| {
        format!(
            "tasks:
  - {{name: w, agent: writer, for_each: [1, 2, 3], max_parallel: 1, on_error: {on_error}, description: \"write {{{{ item }}}}\"}}
  - {{name: end, agent: writer, context: [w], description: \"sum up\"}}
"
        )
    };
    let server = Server::start();
    server.when("write 2", [refuse()]);
    let ended = project(&server, &of("continue")).run().exits(1).says("partial");
    let outputs = collected(&ended, "w");
    assert!(outputs[0].is_string() && outputs[1].is_null() && outputs[2].is_string(), "{outputs}");
    assert_eq!(asked(&server), ["sum up", "write 1", "write 2", "write 3"]);
    // A resume makes the failed member, and nothing else of the list.
    ended.project.args(["resume"]).run().exits(0);
    assert_eq!(asked(&server).iter().filter(|task| *task == "write 2").count(), 2);
    assert_eq!(asked(&server).iter().filter(|task| *task == "write 1").count(), 1);

    let server = Server::start();
    server.when("write 2", [refuse()]);
    let ended = project(&server, &of("stop")).run().exits(1).says("1 of 3 items failed, `w.2` first");
    assert_eq!(asked(&server), ["write 1", "write 2"]);
    ended.project.args(["resume"]).run().exits(0);
    assert_eq!(asked(&server), ["sum up", "write 1", "write 2", "write 2", "write 3"]);
}

#[test]
fn a_member_is_reused_by_its_item_and_not_by_its_place() {
    let server = Server::start();
    let of = |items: &str| {
        format!("tasks: [{{name: w, agent: writer, for_each: {items}, description: \"write {{{{ item }}}}\"}}]\n")
    };
    let first = project(&server, &of("[a, b]")).run().exits(0);
    let second = first.project.file("x.yaml", format!("{PARALLEL}{}", of("[new, b, a]"))).run().exits(0);
    assert_eq!(asked(&server), ["write a", "write b", "write new"]);
    assert_eq!(second.project.journalled("task_reused").len(), 2);
    second.project.args(["why", "w.3"]).run().exits(0).prints("nothing that it depends on has changed");
}

#[test]
fn each_output_can_go_to_a_file_of_its_own() {
    let server = Server::start();
    server.plays("write a", "A");
    server.plays("write b", "B");
    let of = |path: &str, items: &str| {
        format!(
            "tasks: [{{name: w, agent: writer, for_each: {items}, description: \"write {{{{ item.n }}}}\", output: {{format: file, path: \"{path}\"}}}}]\n"
        )
    };
    let items = "[{n: a, p: out/a.md}, {n: b, p: out/b.md}]";
    let ended = project(&server, &of("{{ item.p }}", items)).run().exits(0);
    ended.file_is("out/a.md", "A\n").file_is("out/b.md", "B\n");
    for (path, items, why) in [
        ("same.md", items, "every item's output would go to the file `same.md`"),
        ("{{ item.p }}", "[{n: a, p: ../a.md}]", "item 1: `../a.md` is not a path of a file in the project"),
        ("{{ item.p }}", "[{n: a, p: x.md}, {n: b, p: X.md}]", "item 2: the file `X.md` is that of an earlier item"),
        ("{{ item.q }}", items, "item 1: the item has no `q`"),
    ] {
        project(&server, &of(path, items)).run().exits(2).says(why);
    }
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn items_that_a_model_has_made_cannot_leave_the_project() {
    for path in [
        "../a.md",
        "/tmp/a.md",
        ".git/hooks/pre-commit",
        "./.git/x",
        ".//.GIT/x",
        "./.orchestra/x",
        "~/.bashrc",
        ".orchestra/x",
    ] {
        let server = Server::start();
        server.when("make a plan", [Act::Text(json!([{ "path": path }]).to_string())]);
        let tasks = "tasks:
  - {name: plan, agent: architect, description: \"make a plan\"}
  - {name: w, agent: writer, context: [plan], for_each: outputs.plan, description: \"write it\", output: {format: file, path: \"{{ item.path }}\"}}
";
        project(&server, tasks).run().exits(1).says("is not a path of a file in the project");
        assert_eq!(server.seen().len(), 1, "{path}");
    }
}

#[test]
fn an_item_is_never_a_template() {
    let server = Server::start();
    let tasks =
        "tasks: [{name: w, agent: writer, for_each: [\"{{ goal }} {goal}\"], description: \"write {{ item }}\"}]\n";
    project(&server, tasks).run().exits(0);
    assert_eq!(asked(&server), ["write {{ goal }} {goal}"]);
}

#[test]
fn mistakes_are_found_before_the_run() {
    let server = Server::start();
    let of = |rest: &str| {
        format!(
            "tasks:
  - {{name: plan, agent: architect, description: plan, output: {{schema: {{type: object, properties: {{files: {{type: array}}, title: {{type: string}}}}}}}}}}
  - {{name: other, agent: writer, description: other}}
  - {{name: w, agent: writer, context: [plan], {rest}}}
"
        )
    };
    for (rest, why, cure) in [
        ("for_each: [], description: x", "the list of `for_each` is empty", ""),
        ("for_each: plan.files, description: x", "this is not a list for `for_each`", "outputs.TASK.FIELD"),
        ("for_each: outputs.plam.files, description: x", "there is no task `plam`", "did you mean `plan`?"),
        (
            "for_each: outputs.other, description: x",
            "does not get the output of `other`",
            "add `other` to its `context`",
        ),
        ("for_each: outputs.plan.file, description: x", "that output has no field `file`", "did you mean `files`?"),
        ("for_each: outputs.plan.title, description: x", "this is of type string", ""),
        ("description: \"{{ item }}\"", "`item` is known only in a task with `for_each`", "give the task a `for_each`"),
        ("for_each: [1], description: \"{{ loop.last }}\"", "there is no `loop.last`", ""),
        ("for_each: outputs.plan.files, description: \"{{ loop.last }}\"", "there is no `loop.last`", "`loop.index`"),
        ("for_each: [{a: 1}, {b: 1}], description: \"{{ item.a }}\"", "(for item 2)", ""),
        ("collect: text, description: x", "`collect` is for a task with `for_each`", ""),
        ("max_parallel: 2, description: x", "`max_parallel` is for a task with `for_each`", ""),
    ] {
        project(&server, &of(rest)).run().exits(2).says(why).says(cure);
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_dry_run_and_a_graph_say_what_will_grow() {
    let server = Server::start();
    let tasks = "tasks:
  - {name: plan, agent: architect, description: \"make a plan\"}
  - {name: w, agent: writer, context: [plan], for_each: outputs.plan, description: \"write {{ item }}\"}
  - {name: g, agent: writer, for_each: [1, 2, 3], description: \"greet {{ item }}\"}
";
    let project = project(&server, tasks);
    let dry = project.and(["--dry-run"]).run().exits(0);
    dry.prints("once for each item of its list: at most 10,000 times").prints("once for each of 3 items");
    project.args(["graph", "x.yaml"]).run().exits(0).prints("writer for each of plan").prints("writer x 3");
    assert!(server.seen().is_empty());
}

#[test]
fn too_many_items_are_refused() {
    let server = Server::start();
    let items: Vec<u32> = (0..10_001).collect();
    server.when("make a plan", [Act::Text(serde_json::to_string(&items).unwrap())]);
    let tasks = "tasks:
  - {name: plan, agent: architect, description: \"make a plan\"}
  - {name: w, agent: writer, context: [plan], for_each: outputs.plan, description: \"write {{ item }}\"}
";
    project(&server, tasks).run().exits(1).says("`w` would become 10001 tasks, and at most 10000 are allowed");
    assert_eq!(server.seen().len(), 1);
}
