//! `hooks`: a file's own programs at the points of a run, and what a failed one means there.

use std::io::Read;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::project::{Project, RUN, orchestra};
use crate::server::{Act, Server};

/// A hook that writes its point, and what it was told.
const MARK: &str = "[sh, -c, 'cat >> told; echo x >> \"$0\"', ";

fn project(server: &Server, hooks: &str) -> Project {
    let text = orchestra("retry_strategy: none, outage_seconds: 0", &["name: a, description: do a"]);
    let path = std::env::var("PATH").unwrap();
    Project::new().server(server).env("PATH", path).file("x.yaml", format!("{text}hooks:\n{hooks}")).args(RUN)
}

/// A hook at every point.
fn everywhere() -> String {
    let points = ["before-init", "after-init", "before-execute", "after-execute", "on-complete", "on-error"];
    // The file's order is not that of the run.
    points.iter().rev().map(|at| format!("  {at}: {MARK}{at}]\n")).collect()
}

/// What the hooks were told, in the order in which they ran.
fn told(project: &Project) -> Vec<Value> {
    let text = project.read("told").unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn points(project: &Project) -> Vec<String> {
    told(project).iter().map(|event| event["hook"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_hook_runs_once_and_in_the_order_of_the_run() {
    let server = Server::start();
    let project = project(&server, &everywhere());
    project.run().exits(0).does_not_say("warning");
    assert_eq!(points(&project), ["before-init", "after-init", "before-execute", "after-execute", "on-complete"]);
    let (run, told) = (project.runs().remove(0), told(&project));
    assert!(
        told.iter().all(|event| event["run"] == json!(run) && event["orchestra"] == "x" && event["resumed"] == false)
    );
    assert_eq!((&told[4]["status"], &told[4]["done"]), (&json!("succeeded"), &json!(1)));
    assert!(told[2].get("status").is_none());
    assert_eq!(project.read("on-complete").as_deref(), Some("x\n"));
}

#[test]
fn a_run_that_fails_comes_to_on_error_and_a_resume_to_all_anew() {
    let server = Server::start();
    server.when("do a", [Act::error(400, &json!({"error": "no"}))]);
    let project = project(&server, &everywhere());
    project.run().exits(1);
    assert_eq!(points(&project)[3..], ["after-execute", "on-error"]);
    assert_eq!(told(&project)[4]["failed"], json!(["a"]));
    project.args(["resume"]).run().exits(0);
    let told = &told(&project)[5..];
    assert!(told.iter().all(|event| event["resumed"] == true), "{told:?}");
    let points: Vec<_> = told.iter().map(|event| &event["hook"]).collect();
    assert_eq!(points, ["before-init", "after-init", "before-execute", "after-execute", "on-complete"]);
    let limited = project.file("x.yaml", project.read("x.yaml").unwrap() + "limits: {max_api_calls: 0}\n").args(RUN);
    limited.and(["--fresh"]).run().exits(3);
    assert_eq!(self::points(&project).last().unwrap(), "on-error");
}

#[test]
fn a_hook_that_fails_in_front_stops_the_run_with_its_words() {
    let server = Server::start();
    for at in ["before-init", "before-execute"] {
        let hooks = format!(
            "  {at}:\n    - {{run: [sh, -c, 'echo the tree is dirty >&2; exit 3']}}\n    - {{run: [touch, second]}}\n"
        );
        let project = project(&server, &hooks);
        let ended =
            project.run().exits(1).says(&format!("at {at} stopped the run: it exited with 3: the tree is dirty"));
        ended.says("`orch hooks NAME`").prints_exactly("").no_file("second").no_file("orchestra_workspaces");
        assert!(project.runs().is_empty(), "no run is left behind");
    }
    let answers = project(&server, "  before-execute: [echo, '{\"stop\": \"it is friday\"}']\n");
    answers.run().exits(1).says("stopped the run: it is friday");
    let missing = project(&server, "  before-init: [./hooks/none.sh]\n");
    missing.run().exits(1).says("stopped the run: cannot find the program `./hooks/none.sh`");
    let unset = project(&server, "  before-init: [{run: [touch, x], env: [NOT_SET]}]\n");
    unset.run().exits(1).says("NOT_SET is not set").no_file("x");
    assert!(server.seen().is_empty());
}

#[test]
fn a_resume_is_stopped_too_and_can_be_tried_again() {
    let server = Server::start();
    server.when("do a", [Act::error(400, &json!({"error": "no"}))]);
    let project = project(&server, "  before-execute: [test, '!', -e, stop]\n");
    project.run().exits(1);
    let seen = server.seen().len();
    project.file("stop", "").args(["resume"]).run().exits(1).says("at before-execute stopped the run");
    assert_eq!(server.seen().len(), seen);
    std::fs::remove_file(project.path("stop")).unwrap();
    project.args(["resume"]).run().exits(0);
}

#[test]
fn a_signal_ends_a_hook_with_all_that_it_has_started() {
    let server = Server::start();
    let hooks = |at: &str| format!("  {at}: [sh, -c, 'exec 3> pipe; sleep 600 & sleep 600']\n");
    for (at, signal) in [("before-init", Signal::INT), ("before-execute", Signal::TERM), ("after-execute", Signal::INT)]
    {
        let project = project(&server, &hooks(at));
        nix::unistd::mkfifo(&project.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let running = project.spawn();
        // Opens when the hook does, and comes to its end when nobody holds the other side any more.
        let mut pipe = std::fs::File::open(project.path("pipe")).unwrap();
        running.signal(signal);
        if at == "after-execute" {
            running.wait().exits(0).says("at after-execute failed: SIGINT came first").says("SUCCEEDED");
        } else {
            running.wait().exits(130).says("came before the run began").no_file("orchestra_workspaces");
            assert!(project.runs().is_empty());
        }
        let (sender, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(pipe.read_to_end(&mut Vec::new()).is_ok()));
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(true), "{at}: something goes on");
    }
}

#[test]
fn a_hook_that_fails_behind_is_a_warning_and_the_next_ones_run() {
    let server = Server::start();
    let hooks = "  after-init: ['false']\n  after-execute:\n    - {run: [sleep, '600'], timeout_seconds: 0.2}\n    - {run: [touch, second]}\n  \
                 on-complete: [no_such_program_here]\n";
    let project = project(&server, hooks);
    let ended = project.run().exits(0).says("warning: the hook `false` at after-init failed: it exited with 1");
    let ended = ended.says("warning: the hook `sleep 600` at after-execute failed").says("not done after 0.2 seconds");
    ended.says("at on-complete failed: cannot find the program");
    assert!(project.path("second").exists());
}

#[test]
fn behind_the_tasks_no_other_run_comes_between() {
    let server = Server::start();
    let orch = env!("CARGO_BIN_EXE_orch");
    let hooks = format!("  after-execute: ['{orch}', run, x.yaml, --goal, Build a simple login feature, --rehearse]\n");
    let project = project(&server, &hooks);
    let ended =
        project.run().exits(0).says("at after-execute failed: it exited with 2: ").says("it is held by process");
    drop(ended);
    assert_eq!(project.runs().len(), 1);
}

#[test]
fn what_a_hook_answers_is_shown_and_anything_else_means_nothing() {
    let server = Server::start();
    let hooks = "  before-init: [echo, '{\"message\": \"hello \\u001b[2Jyou\"}']\n  after-init: [echo, 'not JSON']\n  \
                 after-execute: [echo, '{\"stop\": \"too late\", \"message\": 3}']\n";
    let ended = project(&server, hooks).run().exits(0).does_not_say("warning").does_not_say("too late");
    assert!(
        ended.stderr.contains("at before-init says: hello") && !ended.stderr.contains('\u{1b}'),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_rehearsal_and_a_dry_run_run_none_of_them() {
    let server = Server::start();
    let project = project(&server, &everywhere());
    let rehearsal = project.untrusted().and(["--rehearse"]).run().exits(0).no_file("told");
    rehearsal.says("a rehearsal runs no hooks, and the file has 6");
    project.and(["--dry-run"]).run().exits(0).no_file("told").prints("(a hook of the run)");
    project.args(["hooks", "x.yaml"]).run().exits(0).no_file("told");
    project.args(["validate", "x.yaml"]).run().exits(0).no_file("told");
}

#[test]
fn hooks_and_their_variables_are_part_of_the_question_of_trust() {
    let server = Server::start();
    let hooks = "  before-init: [{run: [sh, -c, 'echo \"$TOKEN\" | tee token >&2; exit 1'], env: [TOKEN]}]\n";
    let project = project(&server, hooks).env("TOKEN", "canary-0123456789");
    let refused = project.untrusted().run().exits(2).no_file("token");
    refused.says("(a hook of the run)").says("  TOKEN to the program sh -c");
    let ended = project.run().exits(1).says("it exited with 1: [redacted]").file_is("token", "canary-0123456789\n");
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
}

#[test]
fn they_may_stand_under_orchestra_and_differ_nowhere() {
    let server = Server::start();
    let hooks = "{after-init: [touch, made]}";
    let with = |inner: &str, outer: &str| {
        let task = "tasks: [{name: a, agent: developer, description: d}]";
        let text = format!("orchestra: {{id: x{inner}}}\n{task}\n{outer}");
        Project::new().server(&server).env("PATH", std::env::var("PATH").unwrap()).file("x.yaml", text).args(RUN)
    };
    let inner = with(&format!(", hooks: {hooks}"), "");
    inner.run().exits(0);
    assert!(inner.path("made").exists());
    with(&format!(", hooks: {hooks}"), &format!("hooks: {hooks}\n")).run().exits(0);
    let differ = with(&format!(", hooks: {hooks}"), "hooks: {after-init: [touch, other]}\n");
    differ.run().exits(2).says("`hooks` stands twice, and the two differ");
}

#[test]
fn mistakes_are_named_at_their_place() {
    let server = Server::start();
    for (hooks, said) in [
        ("before-plan: [x]", "`before-plan` in `hooks` is not supported yet"),
        ("after-plan: [x]", "`after-plan` in `hooks` is not supported yet"),
        ("before-audit: [x]", "`before-audit` in `hooks` is not supported yet"),
        ("after-audit: [x]", "`after-audit` in `hooks` is not supported yet"),
        ("on-file-change: [x]", "`on-file-change` in `hooks` is not supported yet"),
        ("before-exec: [x]", "did you mean `before-execute`?"),
        ("after-init: []", "a hook of `after-init` names no program"),
        ("after-init: [{run: []}]", "a hook of `after-init` names no program"),
        ("after-init: [x, {run: [y]}]", "is one program with its arguments, or a list of hooks"),
        ("after-init: x", "x.yaml:7:15"),
        ("after-init: [{run: [x], timeout_seconds: 0}]", "more than 0"),
    ] {
        project(&server, &format!("  {hooks}\n"))
            .args(["validate", "x.yaml"])
            .run()
            .exits(2)
            .says(said)
            .says("x.yaml:");
    }
}
