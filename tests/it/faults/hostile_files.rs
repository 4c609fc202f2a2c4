//! Files that are made to hurt, or that come from elsewhere: refused with a place, or read as YAML 1.2 says.

use std::fs::File;

use crate::commands::validate::{GOAL, entries, messages, validate};
use crate::project::Project;

const GOOD: &str = "tasks:\n  - {name: a, agent: writer, description: do a}\n";

/// Checks that a project's `x.yaml` is refused, by `validate` and by `run`, and that nothing is written.
#[track_caller]
fn refused(project: &Project, says: &str) {
    for command in ["validate", "run"] {
        let project = project.args([command, "x.yaml"]);
        let project = if command == "run" { project.and(GOAL).and(["--rehearse"]) } else { project };
        project.run().exits(2).says(says).no_file(".orchestra");
    }
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        bomb += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(","));
    }
    refused(&Project::new().file("x.yaml", bomb + "tasks: *a11\n"), "the file holds too many values");
}

#[test]
fn merge_keys_that_multiply_are_refused() {
    let mut bomb = String::from("a0: &a0 {x: 1}\n");
    for n in 1..12 {
        bomb += &format!("a{n}: &a{n} {{<<: [{}]}}\n", vec![format!("*a{}", n - 1); 9].join(","));
    }
    let project = Project::new().file("x.yaml", bomb + "tasks: [*a11]\n");
    refused(&project, "error: ");
}

#[test]
fn an_alias_of_itself_is_refused() {
    refused(&Project::new().file("x.yaml", "tasks: &a [*a]\n"), "x.yaml:1:");
}

#[test]
fn deep_nesting_is_refused() {
    for opening in ["[", "{a: ", "- ", "? ", "[{a: "] {
        refused(&Project::new().file("x.yaml", opening.repeat(10_000)), "the nesting is too deep");
    }
    let lines: String = (0..10_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 2000))).collect();
    refused(&Project::new().file("x.yaml", lines), "x.yaml");
}

#[test]
fn a_huge_file_is_not_read() {
    let project = Project::new().file("x.yaml", GOOD);
    File::options().write(true).open(project.path("x.yaml")).unwrap().set_len(100 * 1024 * 1024).unwrap();
    refused(&project, "the file is too large: 100 MiB, and at most 16 MiB are read");
}

#[test]
fn a_file_full_of_mistakes_ends() {
    let tasks: String = (0..3_000).map(|n| format!("  - {{nme: t{n}, agnt: x}}\n")).collect();
    let ended = validate(format!("tasks:\n{tasks}")).run().exits(2);
    assert!(ended.stderr.len() < 100_000, "{} bytes are said", ended.stderr.len());
    ended.says("more in x.yaml");
}

#[test]
fn texts_of_other_systems_are_read() {
    let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
        [mark.to_vec(), GOOD.encode_utf16().flat_map(bytes).collect()].concat()
    };
    for text in [
        GOOD.replace('\n', "\r\n").into_bytes(),
        format!("\u{feff}{GOOD}").into_bytes(),
        utf16([0xFF, 0xFE], u16::to_le_bytes),
        utf16([0xFE, 0xFF], u16::to_be_bytes),
        format!("---\n{GOOD}...\n").into_bytes(),
    ] {
        validate(&text).run().exits(0).prints_exactly("ok: x.yaml (1 task, sequential)\n");
    }
}

#[test]
fn places_are_right_behind_other_line_ends_and_letters() {
    let text = "tasks:\n  - {name: a, agent: writer, description: \"é日\", contxt: []}\n";
    for (text, line, column) in [
        (text.replace('\n', "\r\n").into_bytes(), 2, 49),
        (format!("\u{feff}{text}").into_bytes(), 2, 49),
        ([vec![0xFF, 0xFE], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(), 2, 49),
    ] {
        let entries = entries(text);
        assert_eq!((entries[0]["line"].as_u64(), entries[0]["column"].as_u64()), (Some(line), Some(column)));
        assert_eq!(entries.len(), 1);
    }
}

#[test]
fn what_is_not_text_is_refused() {
    validate(b"tasks:\n  - {name: \xE9}\n").run().exits(2).says("line 2 is not UTF-8");
    let utf16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    validate(utf16).run().exits(2).says("x.yaml:1:2");
    validate(GOOD.replace("do a", "do\0a")).run().exits(2).says("x.yaml:2:");
    validate(b"\x7fELF\x02\x01\x01\0\0\0").run().exits(2).says("x.yaml");
}

#[test]
fn several_documents_are_refused() {
    assert_eq!(messages(format!("{GOOD}---\n{GOOD}")), ["the file holds several documents"]);
}

#[test]
fn what_is_no_orchestra_is_refused() {
    for text in ["", "# nothing\n", "hello\n", "- a\n", "~\n", "42\n"] {
        assert_eq!(messages(text), ["the file must be a mapping"], "{text:?}");
    }
    assert_eq!(messages("{}\n"), ["an orchestra file has no `tasks`"]);
    assert_eq!(messages("tasks: []\n"), ["there are no tasks"]);
    assert_eq!(messages("tasks: {a: 1}\n"), ["`tasks` must be a list"]);
}

#[test]
fn json_is_yaml() {
    let text = r#"{"tasks": [{"name": "a", "agent": "writer", "description": "do \u0061\n", "context": null}]}"#;
    validate(text).run().exits(0);
    let project = Project::new().file("x.json", text);
    project.args(["run", "x.json", "--rehearse"]).and(GOAL).run().exits(0);
}

#[test]
fn colours_and_controls_of_a_file_do_not_reach_the_terminal() {
    let text = "tasks:\n  - {name: \"a\\e[31mb\", agent: writer, description: x, \"k\\e[2Jey\": 1}\n";
    let ended = validate(text).run().exits(2);
    assert!(!ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
}
