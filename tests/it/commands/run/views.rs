//! What a run shows while it goes on and when it ends.

use serde_json::Value;

use crate::project::{Project, RUN, orchestra, output};
use crate::server::Server;

const TWO: [&str; 2] = ["name: a, description: do a", "name: b, description: do b"];

fn project(execution: &str) -> Project {
    Project::new().file("x.yaml", orchestra(execution, &TWO)).args(RUN)
}

#[test]
fn json_is_the_journal_on_standard_output_and_nothing_else() {
    let server = Server::start();
    let ended = project("").server(&server).and(["--json"]).run().exits(0).says("SUCCEEDED");
    let printed: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(printed, ended.project.journal());
    assert_eq!(printed[0]["type"], "run_started");
    assert_eq!(printed.last().unwrap()["status"], "succeeded");
    let numbers: Vec<u64> = printed.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=printed.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_leaves_does_not_end_the_run() {
    let server = Server::start();
    server.when("do b", [crate::server::Act::Hold]);
    let mut running = project("").server(&server).and(["--json"]).spawn();
    assert!(running.head().contains("run_started"));
    server.wait_for(2);
    server.release();
    running.wait().exits(0).does_not_say("panicked").does_not_say("warning: json").file_has(&output("b"), "echo");
}

#[test]
fn a_closed_standard_output_is_no_failure_without_json_either() {
    let server = Server::start();
    server.when("do b", [crate::server::Act::Hold]);
    let mut running = project("").server(&server).spawn();
    server.wait_for(2);
    running.close_stdout();
    server.release();
    running.wait().exits(0).does_not_say("panicked").file_has(&output("b"), "echo");
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_finds_no_room_on_standard_output_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_orch")).arg("schema").stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("standard output could not be written"));
}

#[test]
fn verbose_names_the_order_the_calls_and_the_workspace() {
    let server = Server::start();
    project("")
        .server(&server)
        .and(["--verbose"])
        .run()
        .exits(0)
        .says("order: a, b")
        .says("→ call 1 to openai/")
        .says("orchestra_workspaces/x");
}

#[test]
fn a_rehearsal_says_so_everywhere() {
    let ended = project("enable_metrics: true")
        .and(["--rehearse"])
        .run()
        .exits(0)
        .prints("[rehearsal] No model was used.")
        .says("a rehearsal without models")
        .says("REHEARSAL: no model was used")
        .file_has(&output("a"), "[rehearsal] No model was used.");
    let summary = format!(".orchestra/runs/{}/summary.json", ended.project.runs()[0]);
    let summary: Value = serde_json::from_str(&ended.project.read(&summary).unwrap()).unwrap();
    assert_eq!(summary["rehearsal"], true);
}

#[test]
fn a_script_tells_the_rehearsal_what_to_answer() {
    let project = project("retry_strategy: {strategy: fixed, max_attempts: 2, initial_seconds: 0}")
        .file("s.yaml", "replies: [{task: a, attempt: 1, fail: overloaded}, {task: b, text: given}]")
        .and(["--rehearse", "--script", "s.yaml"]);
    project.run().exits(0).says("retrying").prints_exactly("given");
}

#[test]
fn the_numbers_are_those_of_the_provider() {
    let server = Server::start();
    let ended = project("enable_metrics: true, enable_trace: true").server(&server).run().exits(0);
    let ended = ended.says("API calls:      2").says("30 (20 in; 10 out)");
    let folder = format!(".orchestra/runs/{}", ended.project.runs()[0]);
    for file in ["summary.json", "trace.json"] {
        let text = ended.project.read(&format!("{folder}/{file}")).unwrap();
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{file}");
    }
}
