//! Lists as models and programs write them.

use serde_json::{Value, json};

use super::{asked, collected, project};
use crate::project::{Ended, output};
use crate::server::{Act, Server};

/// A run over what a model has answered.
fn over(server: &Server, list: &str, answer: &str) -> Ended {
    server.when("make a plan", [Act::Text(answer.to_owned())]);
    let tasks = format!(
        "tasks:
  - {{name: plan, agent: architect, description: \"make a plan\"}}
  - {{name: w, context: [plan], for_each: {list}, run: [cat], stdin: \"<{{{{ item }}}}>\"}}
"
    );
    project(server, &tasks).run()
}

#[test]
fn lines_may_end_in_any_way_and_blank_ones_do_not_count() {
    for answer in ["one\r\n\r\n  two\t\r\n \r\nthree", "one\n\ntwo\n\n\nthree\n", "\"one\\n\\n two\\r\\nthree\""] {
        let ended = over(&Server::start(), "outputs.plan", answer).exits(0);
        assert_eq!(collected(&ended, "w"), json!(["<one>", "<two>", "<three>"]), "{answer:?}");
    }
}

#[test]
fn a_list_may_lie_deep_in_what_a_task_has_made() {
    let answer = json!({"plan": [{"files": ["a", "b"]}, {"files": ["c"]}], "0": ["d"]}).to_string();
    for (list, items) in [
        ("outputs.plan.plan.0.files", json!(["<a>", "<b>"])),
        ("outputs.plan.plan.1.files", json!(["<c>"])),
        ("outputs.plan.0", json!(["<d>"])),
    ] {
        assert_eq!(collected(&over(&Server::start(), list, &answer).exits(0), "w"), items, "{list}");
    }
    for (list, why) in [
        ("outputs.plan.plan.2.files", "there is no `plan.2`"),
        ("outputs.plan.plan.-1.files", "there is no `plan.-1`"),
        ("outputs.plan.plan.0.file", "there is no `plan.0.file`"),
        ("outputs.plan.plan.0", "`plan.0` is no list"),
    ] {
        over(&Server::start(), list, &answer).exits(1).says(why);
    }
}

#[test]
fn a_list_in_a_fence_is_a_list() {
    for (list, answer) in [
        ("outputs.plan", "```json\n[\"a\", \"b\"]\n```"),
        ("outputs.plan.files", "Here is the plan:\n\n```json\n{\"files\": [\"a\", \"b\"]}\n```\n"),
    ] {
        assert_eq!(collected(&over(&Server::start(), list, answer).exits(0), "w"), json!(["<a>", "<b>"]), "{answer}");
    }
}

#[test]
fn items_may_be_anything() {
    let items = json!([
        null, true, 0, -1.5, 18_446_744_073_709_551_615_u64, "", "two\nlines\r\n", "žlutý kůň 🐎", "\u{0}\u{1b}[31m",
        "{{ goal }} {goal} ${HOME} `x` $(x)", ["a", 1], {"k": "v"}
    ]);
    let server = Server::start();
    let ended = over(&server, "outputs.plan", &items.to_string()).exits(0);
    let made = collected(&ended, "w");
    assert_eq!(made.as_array().unwrap().len(), 12);
    for (place, item) in items.as_array().unwrap().iter().enumerate() {
        if let Some(text) = item.as_str() {
            assert_eq!(made[place], json!(format!("<{text}>")));
        }
    }
    ended.project.args(["show"]).run().exits(0).prints("14 of 14 done");
    ended.project.args(["resume"]).run().exits(0).says("nothing to resume");
}

/// What was in a journal once is read back as it was, whatever the items are.
#[test]
fn a_run_over_any_items_can_be_resumed() {
    let server = Server::start();
    let items = [json!(null), json!({"a": null}), json!("\u{2028}\n"), json!(1e300), json!([])];
    server.when("make a plan", [Act::Text(Value::from(items.to_vec()).to_string())]);
    server.when("sum up", [Act::error(401, &json!({"error": {"message": "no"}}))]);
    let tasks = "tasks:
  - {name: plan, agent: architect, description: \"make a plan\"}
  - {name: w, agent: writer, context: [plan], for_each: outputs.plan, description: \"write {{ loop.index }}\"}
  - {name: end, agent: writer, context: [w], description: \"sum up\"}
";
    let first = project(&server, tasks).run().exits(1);
    first.project.args(["resume"]).run().exits(0).says("7 of 8 done");
    assert_eq!(server.seen().len(), 8);
}

#[test]
fn items_that_are_nested_too_deeply_are_refused_while_that_can_be_said() {
    // What cannot be read back from a journal must not get into it.
    for depth in [100, 101, 120, 125, 126] {
        let server = Server::start();
        let answer = format!("[{}1{}]", "[".repeat(depth), "]".repeat(depth));
        let ended = over(&server, "outputs.plan", &answer);
        if depth > 100 {
            let ended = ended.exits(1).says("nested");
            ended.project.args(["resume"]).run().exits(1).says("nested").does_not_say("damaged");
        } else {
            ended.exits(0);
        }
    }
}

#[test]
fn an_item_may_be_long() {
    let item = "x y\n".repeat(1 << 20);
    let tasks = "tasks:
  - {name: list, run: [cat, list.json]}
  - {name: w, context: [list], for_each: outputs.list, run: [cat], stdin: \"{{ item }}\"}
";
    let project = project(&Server::start(), tasks).file("list.json", json!([item, "b"]).to_string());
    let ended = project.run().exits(0);
    assert!(ended.project.read(&output("w.1")).unwrap() == item);
    ended.project.args(["show"]).run().exits(0).prints("4 of 4 done");
    ended.project.args(["resume"]).run().exits(0).says("nothing to resume");
}

#[test]
fn an_empty_list_goes_on_to_what_follows() {
    for answer in ["", "\n \n", "[]", "\"\""] {
        let server = Server::start();
        server.when("make a plan", [Act::Text(format!("{{\"files\": {}}}", json!([])))]);
        let tasks = format!(
            "tasks:
  - {{name: plan, agent: architect, description: \"make a plan\"}}
  - {{name: text, run: [printf, '%s', '{answer}']}}
  - {{name: w, agent: writer, context: [plan], for_each: outputs.plan.files, description: \"write {{{{ item }}}}\"}}
  - {{name: t, agent: writer, context: [text], for_each: outputs.text, collect: text, description: \"write {{{{ item }}}}\"}}
  - {{name: end, agent: writer, context: [w, t], description: \"sum up\"}}
"
        );
        let ended = project(&server, &tasks).run().exits(0);
        assert_eq!(asked(&server), ["make a plan", "sum up"], "{answer:?}");
        let ended = ended.file_is(&output("w"), "[]").file_is(&output("t"), "");
        for command in [&["show"][..], &["why", "w"], &["runs"], &["show", "--task", "w"]] {
            ended.project.args(command.iter().copied()).run().exits(0);
        }
        ended.project.args(["why", "w"]).run().exits(0).prints("its list was empty");
    }
}
