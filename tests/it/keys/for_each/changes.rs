//! A list that is another one when its run goes on: what is still wanted is kept, whatever its place, and nothing else.

use serde_json::json;

use super::{PARALLEL, asked, collected, project};
use crate::project::{Ended, Project, output};
use crate::server::{Act, Server};

fn refuse() -> Act {
    Act::error(401, &json!({"error": {"message": "no"}}))
}

fn literal(items: &str, description: &str) -> String {
    format!(
        "tasks:
  - {{name: w, agent: writer, for_each: {items}, description: \"{description}\"}}
  - {{name: end, agent: writer, context: [w], description: \"sum up\"}}
"
    )
}

/// A run over a list whose last task failed, so that it can go on.
fn left_over(server: &Server, items: &str) -> Project {
    server.when("sum up", [refuse()]);
    project(server, &literal(items, "write {{ item }}")).run().exits(1).project
}

fn changed(project: &Project, tasks: &str) -> Project {
    project.file("x.yaml", format!("{PARALLEL}{tasks}")).args(["resume", "--accept-changes"])
}

/// The files of outputs, by name.
fn outputs(project: &Project) -> Vec<String> {
    let files = project.files().into_iter().map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned());
    let mut names: Vec<String> = files.filter_map(|name| Some(name.strip_suffix("_output.txt")?.to_owned())).collect();
    names.retain(|name| name != "orchestra");
    names.sort();
    names
}

/// What the server was asked since it was asked `before` times.
fn new(server: &Server, before: usize) -> Vec<String> {
    let mut tasks = server.tasks().split_off(before);
    tasks.sort();
    tasks
}

#[test]
fn only_items_that_are_new_are_made() {
    for (items, new_tasks) in [
        ("[a, b, c, d]", &["sum up", "write d"][..]),
        ("[c, b]", &["sum up"]),
        ("[c, a, b]", &["sum up"]),
        ("[new, c, a]", &["sum up", "write new"]),
        ("[z]", &["sum up", "write z"]),
    ] {
        let server = Server::start();
        let project = left_over(&server, "[a, b, c]");
        let project = project.file("x.yaml", format!("{PARALLEL}{}", literal(items, "write {{ item }}")));
        project.args(["resume"]).run().exits(2).says("has changed since the run started, in `w`");
        let ended = project.args(["resume", "--accept-changes"]).run().exits(0);
        assert_eq!(new(&server, 4), new_tasks, "{items}");
        let list: Vec<&str> = items.trim_matches(['[', ']']).split(", ").collect();
        let mut names = vec!["end".to_owned(), "w".to_owned()];
        for (place, item) in list.iter().enumerate() {
            let member = format!("w.{}", place + 1);
            assert!(project.read(&output(&member)).unwrap().contains(&format!("write {item}")), "{member} of {items}");
            assert!(collected(&ended, "w")[place].as_str().unwrap().contains(&format!("write {item}")));
            names.push(member);
        }
        names.sort();
        assert_eq!(outputs(&project), names, "what {items} has no item for is gone");
        let done = format!("{} of {} done", list.len() + 2, list.len() + 2);
        project.args(["show"]).run().exits(0).prints(&done);
        project.args(["resume"]).run().exits(0).says("nothing to resume");
    }
}

#[test]
fn a_list_that_has_changed_twice_is_gone_through_by_its_last_state() {
    let server = Server::start();
    let project = left_over(&server, "[a, b, c]");
    server.when("sum up", [refuse(), refuse()]);
    changed(&project, &literal("[b]", "write {{ item }}")).run().exits(1);
    // Nothing that is gone stands in the way of the next one.
    project.args(["resume"]).run().exits(1).says("resumed: 2 of 3 done");
    let ended = changed(&project, &literal("[c, d, b, a]", "write {{ item }}")).run().exits(0);
    assert_eq!(new(&server, 4), ["sum up", "sum up", "sum up", "write d"], "what was given up may come back");
    assert_eq!(outputs(&ended.project), ["end", "w", "w.1", "w.2", "w.3", "w.4"]);
    ended.file_has(&output("w.1"), "write c").file_has(&output("w.4"), "write a");
}

#[test]
fn another_description_makes_every_member_anew() {
    let server = Server::start();
    let project = left_over(&server, "[a, b]");
    let ended = changed(&project, &literal("[a, b]", "draw {{ item }}")).run().exits(0);
    assert_eq!(new(&server, 3), ["draw a", "draw b", "sum up"]);
    ended.file_has(&output("w.1"), "draw a");
}

#[test]
fn the_same_item_twice_is_made_twice() {
    let server = Server::start();
    let project = left_over(&server, "[a, b]");
    changed(&project, &literal("[a, a]", "write {{ item }}")).run().exits(0);
    assert_eq!(new(&server, 3), ["sum up", "write a"], "one output stands for one task");
}

#[test]
fn what_may_not_be_reused_is_made_anew() {
    let server = Server::start();
    server.when("sum up", [refuse()]);
    let of = |items: &str| {
        format!(
            "{}  reuse: false\n{}",
            PARALLEL.replace("{id: x, ", "\n  id: x\n  ").replace("}}", "}"),
            literal(items, "write {{ item }}")
        )
    };
    let project = project(&server, "").file("x.yaml", of("[a, b]")).run().exits(1).project;
    project.file("x.yaml", of("[b, c]")).args(["resume", "--accept-changes"]).run().exits(0);
    assert_eq!(new(&server, 3), ["sum up", "write b", "write c"]);
}

fn planned(description: &str) -> String {
    format!(
        "tasks:
  - {{name: plan, agent: architect, description: \"{description}\"}}
  - {{name: w, agent: writer, context: [plan], for_each: outputs.plan.files, description: \"write {{{{ item }}}}\"}}
  - {{name: p, context: [plan], for_each: outputs.plan.files, run: [sh, -c, \"echo $0 >> used.txt; echo $0\", \"{{{{ item }}}}\"], reads: [], writes: []}}
  - {{name: end, agent: writer, context: [w, p], description: \"sum up\"}}
"
    )
}

/// A run over the list of a model whose last task failed.
fn planned_left_over(server: &Server) -> Project {
    server.when("sum up", [refuse()]);
    server.when("first plan", [Act::Text(json!({"files": ["a", "b", "c"]}).to_string())]);
    project(server, &planned("first plan")).run().exits(1).project
}

#[test]
fn another_plan_is_gone_through_anew() {
    let server = Server::start();
    let project = planned_left_over(&server);
    server.when("second plan", [Act::Text(json!({"files": ["c", "d"]}).to_string())]);
    let ended = changed(&project, &planned("second plan")).run().exits(0);
    // The members get the plan, which is another one; the programs' arguments say all that they depend on.
    assert_eq!(new(&server, 5), ["second plan", "sum up", "write c", "write d"]);
    assert_eq!(outputs(&project), ["end", "p", "p.1", "p.2", "plan", "w", "w.1", "w.2"]);
    assert_eq!(collected(&ended, "p"), json!(["c\n", "d\n"]));
}

#[test]
fn another_wording_of_the_same_plan_costs_the_plan() {
    let server = Server::start();
    let project = planned_left_over(&server);
    server.when("second plan", [Act::Text(json!({"files": ["a", "b", "c"]}).to_string())]);
    changed(&project, &planned("second plan")).run().exits(0);
    assert_eq!(new(&server, 5), ["second plan", "sum up"]);
    assert_eq!(project.read("used.txt").unwrap().lines().count(), 3, "no program has run again");
}

#[test]
fn a_list_may_come_and_go() {
    let plain = "tasks:
  - {name: w, agent: writer, description: \"write all\"}
  - {name: end, agent: writer, context: [w], description: \"sum up\"}
";
    let server = Server::start();
    let project = left_over(&server, "[a, b]");
    let ended = changed(&project, plain).run().exits(0).file_has(&output("w"), "write all");
    assert_eq!(outputs(&ended.project), ["end", "w"]);

    let server = Server::start();
    server.when("sum up", [refuse()]);
    let project = super::project(&server, plain).run().exits(1).project;
    let ended = changed(&project, &literal("[a, b]", "write {{ item }}")).run().exits(0);
    assert_eq!(outputs(&ended.project), ["end", "w", "w.1", "w.2"]);
    assert_eq!(new(&server, 2), ["sum up", "write a", "write b"]);
}

#[test]
fn other_files_for_other_items_are_no_obstacle() {
    let of = |items: &str, path: &str| {
        format!(
            "tasks:
  - {{name: w, agent: writer, for_each: {items}, description: \"write {{{{ item }}}}\", output: {{format: file, path: \"{path}\"}}}}
  - {{name: end, agent: writer, context: [w], description: \"sum up\"}}
"
        )
    };
    let server = Server::start();
    server.when("sum up", [refuse()]);
    let project = project(&server, &of("[{p: a.md}]", "{{ item.p }}")).run().exits(1).project;
    let ended = changed(&project, &of("[{q: b.md}, {q: c.md}]", "{{ item.q }}")).run().exits(0);
    ended.file_has("b.md", "b.md").file_has("c.md", "c.md");
}

#[test]
fn a_task_may_need_more_or_less_than_before() {
    let of = |context: &str, items: &str| {
        format!(
            "tasks:
  - {{name: slow, agent: writer, description: \"do slow\"}}
  - {{name: w, agent: writer, for_each: {items}, context: [{context}], description: \"write {{{{ item }}}}\"}}
  - {{name: end, agent: writer, context: [slow, w], description: \"sum up\"}}
"
        )
    };
    for (before, after) in [("", "slow"), ("slow", "")] {
        let server = Server::start();
        server.when("do slow", [refuse()]);
        let project = project(&server, &of(before, "[a, b]")).run().exits(1).project;
        changed(&project, &of(after, "[a, b, c]")).run().exits(0);
        let made = new(&server, 0);
        let times = if before.is_empty() { 2 } else { 1 };
        for item in ["write a", "write b"] {
            assert_eq!(made.iter().filter(|task| *task == item).count(), times, "{before} {after}: {made:?}");
        }
    }
}

#[test]
fn a_task_that_is_called_like_a_member_is_a_new_one() {
    let server = Server::start();
    let project = left_over(&server, "[a, b]");
    let tasks = literal("[a, b]", "write {{ item }}") + "  - {name: w.2, agent: writer, description: more}\n";
    changed(&project, &tasks).run().exits(2).says("`w.2` is new");
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn what_was_made_without_a_failed_member_is_made_again_with_it() {
    let server = Server::start();
    server.when("write b", [refuse()]);
    let tasks = "tasks:
  - {name: w, agent: writer, for_each: [a, b], description: \"write {{ item }}\"}
  - {name: again, agent: writer, context: [w], for_each: outputs.w, description: \"sign {{ loop.index }}\"}
  - {name: other, agent: writer, description: \"do other\"}
  - {name: end, agent: writer, context: [again, other], description: \"sum up\"}
";
    let first: Ended = project(&server, tasks).run().exits(1).says("partial");
    assert_eq!(collected(&first, "w")[1], json!(null));
    let second = first.project.args(["resume"]).run().exits(0);
    assert!(collected(&second, "w")[1].as_str().unwrap().contains("write b"));
    assert_eq!(new(&server, 6), ["sign 1", "sign 2", "sum up", "write b"]);
    assert_eq!(asked(&server).iter().filter(|task| *task == "do other").count(), 1);
}

/// The process that goes on with another list is killed in turn: what it was about to keep is kept.
#[cfg(debug_assertions)]
#[test]
fn a_changed_run_that_is_killed_pays_for_nothing_twice() {
    let last = crate::faults::killed::sweep(6, |number| {
        let at = format!("kill:{number}");
        let server = Server::start();
        let project = left_over(&server, "[a, b, c]");
        let going_on = changed(&project, &literal("[c, new, a]", "write {{ item }}"));
        let killed = going_on.disk(&at).run();
        let over = killed.code().is_some();
        if !over {
            going_on.run().exits(0);
        }
        for item in ["a", "b", "c"] {
            assert_eq!(server.calls(&format!("write {item}")), 1, "{at}: {item}");
        }
        assert_eq!(outputs(&project), ["end", "w", "w.1", "w.2", "w.3"], "{at}");
        assert!(project.read(&output("w.1")).unwrap().contains("write c"), "{at}");
        !over
    });
    assert!(last > 20, "only {last} steps of the resume reach the disk");
}
