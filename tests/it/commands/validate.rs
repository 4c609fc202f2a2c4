//! `orch validate`: every mistake of a file at once, each with its place and the likely cure, and nothing
//! is called or written before the file is right.

use serde_json::Value;

use crate::project::Project;
use crate::server::Server;

mod later;

pub(crate) const GOAL: [&str; 2] = ["--goal", "Build a simple login feature"];

/// A project with this file as `x.yaml`, and `orch validate x.yaml`.
pub(crate) fn validate(text: impl AsRef<[u8]>) -> Project {
    Project::new().file("x.yaml", text).args(["validate", "x.yaml"])
}

/// The mistakes of a file as a program gets them.
pub(crate) fn entries(text: impl AsRef<[u8]>) -> Vec<Value> {
    let printed = validate(text).and(["--format", "json"]).run().exits(2).stdout;
    serde_json::from_str(&printed).unwrap()
}

pub(crate) fn messages(text: impl AsRef<[u8]>) -> Vec<String> {
    entries(text).iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
}

/// Checks what a person reads, in whole.
#[track_caller]
fn told(text: &str, page: &str) {
    let ended = validate(text).run().exits(2).prints_exactly("");
    assert_eq!(ended.stderr, page);
}

#[test]
fn an_unknown_key_is_shown_with_the_one_that_is_meant() {
    told(
        "tasks:\n  - name: a\n    agent: writer\n    description: Write\n    timeout: 60\n",
        "error: unknown key `timeout` in a task\n \
         --> x.yaml:5:5\n  \
         |\n\
         5 |     timeout: 60\n  \
         |     ^^^^^^^\n  \
         |\n  \
         = help: did you mean `timeout_seconds`?\n\
         1 mistake in 1 file\n",
    );
}

#[test]
fn a_value_of_the_wrong_type_is_not_converted() {
    told(
        "tasks:\n  - {name: a, agent: writer, description: Write, timeout_seconds: \"60\"}\n",
        "error: `timeout_seconds` must be a number\n \
         --> x.yaml:2:67\n  \
         |\n\
         2 |   - {name: a, agent: writer, description: Write, timeout_seconds: \"60\"}\n  \
         |                                                                   ^^^^ this is text\n  \
         |\n  \
         = help: take the quotes away\n\
         1 mistake in 1 file\n",
    );
}

#[test]
fn a_cycle_is_named_task_by_task() {
    told(
        "tasks:\n  - {name: a, agent: writer, description: x, context: [b]}\n  \
         - {name: b, agent: writer, description: x, context: [a]}\n",
        "error: tasks wait for each other: a -> b -> a\n \
         --> x.yaml:2:55\n  \
         |\n\
         2 |   - {name: a, agent: writer, description: x, context: [b]}\n  \
         |                                                       ^ waits\n  \
         |\n  \
         = help: take one of them out of a `context`\n\
         1 mistake in 1 file\n",
    );
}

#[test]
fn a_key_that_stands_twice_shows_both_places() {
    told(
        "tasks:\n  - name: a\n    agent: writer\n    agent: editor\n    description: x\n",
        "error: `agent` stands twice in a task\n \
         --> x.yaml:4:5\n  \
         |\n\
         3 |     agent: writer\n  \
         |     ----- first here\n\
         4 |     agent: editor\n  \
         |     ^^^^^ here again\n  \
         |\n  \
         = help: keep one of the two\n\
         1 mistake in 1 file\n",
    );
}

#[test]
fn a_tab_is_called_a_tab() {
    let ended = validate("tasks:\n\t- name: a\n").run().exits(2);
    ended.says("error: tabs cannot indent YAML\n --> x.yaml:2:1\n").says("= help: use spaces");
}

#[test]
fn a_text_that_yaml_takes_for_something_else_is_cured_by_quotes() {
    for (description, help) in [
        ("Note: this", "put the text in quotes: a colon and a space in it begin a mapping"),
        ("do this # and\n      that", "put the text in quotes: a space and a # in it begin a comment"),
        ("1.10", "put it in quotes"),
    ] {
        let text = format!("tasks:\n  - name: a\n    agent: writer\n    description: {description}\n");
        validate(text).run().exits(2).says("x.yaml:4:").says(help);
    }
    let flow = "tasks:\n  - {name: a, agent: writer, description: see: this}\n";
    validate(flow).run().exits(2).says("x.yaml:2:46").says("a colon and a space in it begin a mapping");
}

/// One file with nearly every mistake of meaning.
const BROKEN: &str = r#"orchestra:
  required_tier: oracles
  execution:
    strategy: mixed
    task_groups:
      - {name: early, tasks: [a, draf]}
      - {name: early, tasks: [a]}
      - {name: late, tasks: []}
tasks:
  - name: a
    agent: reseacher
    description: "Do {{ goall }} with {{ outputs.draft }}"
    context: [b]
  - name: b
    agent: writer
    description: Do
    context: [a]
  - name: draft
    agent: zebra
    description: Do
    context: [draft]
  - name: a
    agent: writer
    description: Do
    context: [nope]
"#;

#[test]
fn all_mistakes_of_a_file_come_at_once_in_its_order() {
    let found: Vec<(u64, u64, String)> = entries(BROKEN)
        .iter()
        .map(|entry| {
            assert_eq!((entry["file"].as_str(), entry["severity"].as_str()), (Some("x.yaml"), Some("error")));
            let number = |key: &str| entry[key].as_u64().unwrap_or_else(|| panic!("{key} in {entry}"));
            assert!((number("line"), number("column")) <= (number("end_line"), number("end_column")));
            (number("line"), number("column"), entry["message"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected = [
        (4, 15, "the tier `oracles` runs one task after another, and this orchestra is mixed"),
        (6, 34, "there is no task `draf`"),
        (7, 16, "two groups are called `early`"),
        (7, 31, "`a` is in two groups"),
        (8, 29, "a group needs tasks"),
        (11, 12, "there is no agent `reseacher`"),
        (12, 25, "unknown name `goall`"),
        (12, 42, "the task does not get the output of `draft`"),
        (13, 14, "tasks wait for each other: a -> b -> a"),
        (19, 12, "there is no agent `zebra`"),
        (21, 15, "`draft` cannot need its own output"),
        (22, 11, "two tasks are called `a`"),
        (25, 15, "there is no task `nope`"),
    ];
    assert_eq!(found, expected.map(|(line, column, message)| (line, column, message.to_owned())));
}

#[test]
fn likely_cures_are_named() {
    let helps: Vec<Value> = entries(BROKEN).iter().map(|entry| entry["help"].clone()).collect();
    for help in ["did you mean `draft`?", "did you mean `researcher`?", "did you mean `goal`?"] {
        assert!(helps.iter().any(|given| given == help), "{help} is not among {helps:?}");
    }
}

#[test]
fn a_broken_file_is_called_by_nothing_and_leaves_nothing() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", BROKEN).server(&server);
    for arguments in [vec!["run", "x.yaml"], vec!["run", "x.yaml", "--dry-run"], vec!["run", "x.yaml", "--rehearse"]] {
        let ended = project.args(arguments).and(GOAL).run().exits(2).prints_exactly("");
        ended.says("13 mistakes. Nothing was run and nothing was written.").says("did you mean `researcher`?");
    }
    project.args(["validate", "x.yaml"]).run().exits(2).says("13 mistakes in 1 file");
    assert_eq!((server.seen().len(), project.files().len()), (0, 1));
}

#[test]
fn settings_in_two_places_must_agree() {
    let text = |outer: &str| {
        format!(
            "orchestra: {{execution: {{strategy: parallel}}}}\nexecution: {{strategy: {outer}}}\ntasks:\n  \
             - {{name: a, agent: writer, description: x}}\n"
        )
    };
    assert_eq!(messages(text("sequential")), ["`execution` stands twice, and the two differ"]);
    validate(text("parallel")).run().exits(0);
}

#[test]
fn a_file_with_no_mistake_gives_a_program_an_empty_list() {
    let good = "tasks:\n  - {name: a, agent: writer, description: x}\n";
    let printed = validate(good).and(["--format", "json"]).run().exits(0).stdout;
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), Value::Array(Vec::new()));
    validate(good).run().exits(0).prints_exactly("ok: x.yaml (1 task, sequential)\n");
}

#[test]
fn several_files_are_checked_in_one_go() {
    let project = Project::new()
        .file("orchestras/a.yaml", "tasks:\n  - {name: a, agent: writer, description: x}\n")
        .file("orchestras/b.yaml", "tasks:\n  - {name: a, agent: writr, description: x}\n")
        .file("orchestras/c.yaml", "task: []\n");
    let ended = project.args(["validate"]).run().exits(2);
    ended
        .prints_exactly("ok: orchestras/a.yaml (1 task, sequential)\n")
        .says("orchestras/b.yaml:2:22")
        .says("orchestras/c.yaml:1:1")
        .says("mistakes in 2 files");
    project.args(["validate", "a", "nothing"]).run().exits(2).says("nothing");
}
