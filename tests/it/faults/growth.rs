//! A run that grows, killed or failed by its disk at every step that reaches the disk, or killed while calls are open;
//! and what a resume makes of it.
//!
//! The lists come from a model, from a task that was itself made for each item, and from a program. What was paid for
//! is counted by the server, and what programs did by themselves, in a file of their own.

use std::collections::BTreeMap;

use rustix::process::Signal;
use serde_json::json;

use super::killed::{go_on, leaves_no_stray, sweep};
use crate::project::{Project, RUN, output};
use crate::server::{Act, Server};

const TEXT: &str = r#"
orchestra:
  id: x
  execution: {strategy: parallel, max_parallel_tasks: 3, retry_strategy: none}
SETTINGS
tasks:
  - {name: plan, agent: architect, description: make a plan}
  - {name: write, agent: writer, context: [plan], for_each: outputs.plan.files, max_parallel: 2, description: "write {{ item.path }}", output: {format: file, path: "out/{{ item.path }}"}}
  - {name: check, context: [plan], for_each: outputs.plan.files, run: [sh, use.sh, "check {{ item.path }}"]}
  - {name: names, context: [check], run: [sh, use.sh, names], stdin: "{{ outputs.check }}"}
  - {name: sign, agent: auditor, context: [write], for_each: outputs.write, description: "sign {{ loop.index }} of {{ loop.length }}"}
  - {name: last, agent: architect, context: [sign, names], description: sum up}
"#;

/// Notes each use, and says what it was told.
const USE: &str = "echo $1 >> used.txt\necho did $1\ncat\n";

/// What a person finds after a run, by path.
type Made = BTreeMap<String, Vec<u8>>;

/// For each of [`TASKS`], how many attempts began, and whether it is done.
type Left = Vec<(usize, bool)>;

/// Every task of the grown run, and what is asked of the model or the program for it; nothing for those that only
/// collect.
const TASKS: [(&str, &str); 15] = [
    ("plan", "make a plan"),
    ("write", ""),
    ("write.1", "write a.md"),
    ("write.2", "write b.md"),
    ("write.3", "write c.md"),
    ("check", ""),
    ("check.1", "check a.md"),
    ("check.2", "check b.md"),
    ("check.3", "check c.md"),
    ("names", "names"),
    ("sign", ""),
    ("sign.1", "sign 1 of 3"),
    ("sign.2", "sign 2 of 3"),
    ("sign.3", "sign 3 of 3"),
    ("last", "sum up"),
];

fn answer(asked: &str) -> String {
    match asked {
        "make a plan" => json!({"files": [{"path": "a.md"}, {"path": "b.md"}, {"path": "c.md"}]}).to_string(),
        // Too long for the journal.
        "write b.md" => "long line\n".repeat(6_600),
        asked => format!("answer to {asked}"),
    }
}

/// A fresh project with a server of its own.
fn project(settings: &str) -> (Project, Server) {
    let server = Server::start();
    server.directs(|seen| Act::Text(answer(seen.task())));
    let text = TEXT.replace("SETTINGS", settings);
    let project = Project::new().file("x.yaml", text).file("use.sh", USE).server(&server).args(RUN);
    (project, server)
}

/// What a person finds afterwards: the outputs, the result and the files that tasks made, by their paths.
fn made(project: &Project) -> Made {
    let relative = |path: &std::path::Path| path.strip_prefix(project.path("")).unwrap().to_string_lossy().into_owned();
    let files = project.files().into_iter().map(|(path, bytes)| (relative(&path), bytes));
    files.filter(|(path, _)| path.contains("_output.txt") || path.starts_with("out/")).collect()
}

/// How often each model or program was asked for each of [`TASKS`].
fn asked(project: &Project, server: &Server) -> Vec<usize> {
    let used = project.read("used.txt").unwrap_or_default();
    let times = |asked: &str| server.calls(asked) + used.lines().filter(|line| *line == asked).count();
    TASKS.iter().map(|(_, asked)| times(asked)).collect()
}

/// What the journal says when a process is gone.
fn left(project: &Project) -> Left {
    let (started, done) = (project.journalled("attempt_started"), project.journalled("task_succeeded"));
    let of = |task: &str| (started.iter().filter(|name| *name == task).count(), done.iter().any(|name| name == task));
    TASKS.iter().map(|(task, _)| of(task)).collect()
}

/// Everything is as if nothing had happened.
fn is_whole(project: &Project, undisturbed: &Made, at: &str) {
    let made = made(project);
    assert_eq!(made.keys().collect::<Vec<_>>(), undisturbed.keys().collect::<Vec<_>>(), "{at}");
    for (path, bytes) in undisturbed {
        assert!(made[path] == *bytes, "{at}: {path} is {:?}", String::from_utf8_lossy(&made[path]));
    }
    assert_eq!(project.journal().last().unwrap()["status"], "succeeded", "{at}");
    leaves_no_stray(project, at);
}

/// Nothing that was done at a crash was done again, and each list was gone through once.
fn is_done_once(project: &Project, server: &Server, crashes: &[Left], at: &str) {
    for (ix, times) in asked(project, server).into_iter().enumerate().filter(|&(ix, _)| !TASKS[ix].1.is_empty()) {
        // An attempt that is in the journal may have got through, and what is done is done.
        let last = crashes.last().map_or((0, false), |left| left[ix]);
        let most = last.0 + usize::from(!last.1);
        assert!((1..=most).contains(&times), "{at}: {} was done {times} times, at most {most}", TASKS[ix].0);
        if crashes.first().is_some_and(|left| left[ix].1) {
            assert_eq!(times, 1, "{at}: {} was done at the first crash", TASKS[ix].0);
        }
    }
    let grown = project.journal().into_iter().filter(|record| record["type"] == "graph_grown");
    let mut parents: Vec<String> = grown.map(|record| record["parent"].as_str().unwrap().to_owned()).collect();
    parents.sort();
    assert_eq!(parents, ["check", "sign", "write"], "{at}");
}

/// What an undisturbed run makes.
fn undisturbed() -> Made {
    let (project, server) = project("");
    let ended = project.run().exits(0);
    is_done_once(&ended.project, &server, &[], "undisturbed");
    let made = made(&project);
    assert_eq!(
        made.len(),
        TASKS.len() + 1 + 3,
        "an output of each task, the result, and three files: {:?}",
        made.keys()
    );
    assert!(made[&output("names")].starts_with(b"did names\n[\n  \"did check a.md"));
    made
}

#[test]
fn a_run_that_grows_is_resumed_to_the_same_end_wherever_it_is_killed() {
    let undisturbed = undisturbed();
    let last = sweep(2, |number| {
        let at = format!("kill:{number}");
        let (project, server) = project("");
        let killed = project.disk(&at).run();
        if killed.code().is_some() {
            killed.exits(0);
            is_whole(&project, &undisturbed, &at);
            is_done_once(&project, &server, &[], &at);
            return false;
        }
        let left = left(&project);
        go_on(&project, &at);
        is_whole(&project, &undisturbed, &at);
        is_done_once(&project, &server, &[left], &at);
        true
    });
    assert!(last > 60, "only {last} steps reach the disk");
}

#[test]
fn a_resume_of_a_run_that_grows_is_resumed_in_turn() {
    let undisturbed = undisturbed();
    for (first, step) in [(50, 11), (95, 13)] {
        let last = sweep(step, |number| {
            let at = format!("kill:{first}, then kill:{number}");
            let (project, server) = project("");
            project.disk(format!("kill:{first}")).run().dies();
            let before = left(&project);
            let killed = project.args(["resume"]).disk(format!("kill:{number}")).run();
            let after = left(&project);
            if killed.code().is_some() {
                killed.exits(0);
                is_whole(&project, &undisturbed, &at);
                is_done_once(&project, &server, &[before], &at);
                return false;
            }
            go_on(&project, &at);
            is_whole(&project, &undisturbed, &at);
            is_done_once(&project, &server, &[before, after], &at);
            true
        });
        assert!(last > 10, "only {last} steps of the resume reach the disk");
    }
}

#[test]
fn a_disk_that_fails_anywhere_in_a_run_that_grows_loses_nothing() {
    let undisturbed = undisturbed();
    sweep(5, |number| {
        let at = [format!("fail:{number}:28"), format!("fail-from:{number}:5")];
        let at = &at[usize::try_from(number % 2).unwrap()];
        // What is kept for later runs may be lost without harm to this one, so it is left out here.
        let (project, server) = project("  reuse: false");
        let failed = project.disk(at).run();
        assert!(!failed.stderr.contains("panicked"), "{at}: {}", failed.stderr);
        if failed.code() == Some(0) {
            is_whole(&project, &undisturbed, at);
            is_done_once(&project, &server, &[], at);
            return false;
        }
        // A file that a member could not write is that member's failure; what follows then has another list.
        let stopped = project.journal().last().is_none_or(|record| record["type"] != "run_finished");
        assert!(!stopped || failed.stderr.contains("error: "), "{at}: {}", failed.stderr);
        let left = left(&project);
        go_on(&project, at);
        is_whole(&project, &undisturbed, at);
        if stopped {
            is_done_once(&project, &server, &[left], at);
        }
        true
    });
}

#[test]
fn calls_of_members_that_are_open_when_it_is_killed_are_made_again_and_no_others() {
    let undisturbed = undisturbed();
    // The plan, two members at a time, the members of the next list, the end.
    for requests in 1..=8 {
        let at = format!("killed at request {requests}");
        let (project, server) = project("");
        let held = std::sync::Mutex::new(0);
        server.directs(move |seen| {
            let mut held = held.lock().unwrap();
            *held += 1;
            if *held < requests { Act::Text(answer(seen.task())) } else { Act::Hold }
        });
        let running = project.spawn();
        server.wait_for(requests);
        running.signal(Signal::KILL);
        drop(running);
        let left = left(&project);
        server.directs(|seen| Act::Text(answer(seen.task())));
        server.release();
        go_on(&project, &at);
        is_whole(&project, &undisturbed, &at);
        is_done_once(&project, &server, &[left], &at);
    }
}
