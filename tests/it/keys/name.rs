//! Names become file names, so what cannot be one everywhere is refused; what only looks like something else is a name.

use crate::commands::validate::{GOAL, entries, messages, validate};
use crate::project::Project;

fn task(name: &str) -> String {
    format!("tasks:\n  - {{name: {name}, agent: writer, description: x}}\n")
}

#[test]
fn a_name_that_is_no_file_name_is_refused() {
    let long = format!("\"{}\"", "x".repeat(300));
    for (name, why) in [
        ("\"a/b\"", "cannot contain '/'"),
        ("\"a\\\\b\"", "cannot contain '\\\\'"),
        ("\"..\"", "starts with a letter or a digit"),
        ("\"-rf\"", "starts with a letter or a digit"),
        (&long, "at most 100 bytes, this one has 300"),
        ("CON", "a device on Windows"),
        ("com1.txt", "a device on Windows"),
        ("\"a\\u202eb\"", "cannot contain '\\u{202e}'"),
        ("\"\u{e9}\"", "cannot contain"),
        ("\"e\\u0301\"", "cannot contain"),
        ("\"a\\0b\"", "cannot contain '\\0'"),
        ("\"a\\nb\"", "cannot contain '\\n'"),
        ("\"a b\"", "cannot contain ' '"),
        ("\"\"", "cannot be empty"),
    ] {
        for text in [task(name), format!("orchestra: {{id: {name}}}\n{}", task("a"))] {
            let entries = entries(text);
            assert_eq!(entries.len(), 1, "{name}");
            assert!(entries[0]["label"].as_str().unwrap().contains(why), "{name}: {}", entries[0]);
            assert!(entries[0]["message"].as_str().unwrap().contains(" cannot be the "), "{name}: {}", entries[0]);
        }
    }
}

#[test]
fn an_agent_has_such_a_name_too() {
    let text =
        "agents:\n  - {name: ../../etc, role: writer}\ntasks:\n  - {name: a, agent: ../../etc, description: x}\n";
    let said = messages(text);
    assert!(said.iter().all(|message| message == "\"../../etc\" cannot be the name of an agent"), "{said:?}");
    assert!(!said.is_empty());
}

#[test]
fn names_that_differ_in_case_alone_are_refused() {
    let text = task("Report") + "  - {name: report, agent: writer, description: x}\n";
    assert_eq!(messages(text), ["`Report` and `report` would share an output file where case does not count"]);
}

#[test]
fn words_that_older_yaml_takes_for_something_else_are_names() {
    let names = ["no", "yes", "off", "y", "2020-01-01", "0b1x"];
    let tasks = names.map(|name| format!("  - {{name: {name}, agent: writer, description: x}}\n"));
    let project = Project::new().file("x.yaml", format!("tasks:\n{}", tasks.concat()));
    let mut ended = project.args(["run", "x.yaml", "--rehearse"]).and(GOAL).run().exits(0);
    for name in names {
        ended = ended.file_has(&format!("orchestra_workspaces/x/task_outputs/{name}_output.txt"), "rehearsal");
    }
    validate(task("12:30:45")).run().exits(2).says("cannot contain ':'");
}

#[test]
fn numbers_and_truth_values_are_no_names_without_quotes() {
    for name in ["1e3", "0o7", "0x10", "12", "1.5", "true", "null", "~"] {
        let entries = entries(task(name));
        assert_eq!((entries.len(), &entries[0]["message"]), (1, &"`name` must be text".into()), "{name}");
        assert_eq!((entries[0]["line"].as_u64(), entries[0]["column"].as_u64()), (Some(2), Some(12)), "{name}");
    }
    for name in ["\"1e3\"", "\"0o7\"", "'12'", "\"true\""] {
        validate(task(name)).run().exits(0);
    }
}

#[test]
fn keys_are_text() {
    let said = messages(format!("1: x\nnull: x\ntrue: x\n[a]: x\n{}", task("a")));
    let kinds = ["a whole number", "nothing", "true or false", "a list"];
    assert_eq!(said, kinds.map(|kind| format!("a key is text, and here is {kind}")));
}
