//! A run that is killed at every step that reaches the disk; and what a resume makes of it.
//!
//! The count is the server's own: a call whose success is in the journal is never made again, and no call is made
//! before the journal holds its attempt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::project::{Ended, Project, RESULT, RUN, orchestra, output};
use crate::server::Server;

mod approved;
#[cfg(unix)]
mod endings;
mod inputs;
mod omitted;
mod parts;
mod planned;
#[cfg(unix)]
mod rejected;
mod reviewed;
mod rounds;
#[cfg(unix)]
mod tools;

/// Two long branches and a short one that are joined, then a tail; `d`'s output is too long for the journal.
const TASKS: [(&str, &str); 9] =
    [("a", ""), ("b", ""), ("c", ""), ("d", "a"), ("e", "a, b"), ("f", "c"), ("g", "f"), ("h", "d, e, g"), ("i", "h")];

fn answer(task: &str) -> String {
    if task == "d" { "long line\n".repeat(6_600) } else { format!("answer of {task}") }
}

/// A fresh project with a server of its own.
fn project() -> (Project, Server) {
    project_with("")
}

pub(super) fn project_with(settings: &str) -> (Project, Server) {
    let server = Server::start();
    let line = |(name, needs): &(&str, &str)| format!("name: {name}, description: do {name}, context: [{needs}]");
    let tasks: Vec<String> = TASKS.iter().map(line).collect();
    let tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
    for (task, _) in TASKS {
        server.plays(&format!("do {task}"), &answer(task));
    }
    let text = orchestra("strategy: parallel, max_parallel_tasks: 3", &tasks);
    let project = Project::new().file("x.yaml", text.replace("  id: x\n", &format!("  id: x\n{settings}")));
    (project.server(&server).args(RUN), server)
}

/// What stood in the journal when a process was gone.
pub(super) struct Left {
    started: BTreeMap<String, usize>,
    succeeded: BTreeSet<String>,
}

pub(super) fn left(project: &Project) -> Left {
    let mut started = BTreeMap::new();
    for task in project.journalled("attempt_started") {
        *started.entry(task).or_default() += 1;
    }
    Left { started, succeeded: project.journalled("task_succeeded").into_iter().collect() }
}

/// Goes on after a crash: a resume, or a new run when the journal never came to be. Gives the process that did it.
pub(crate) fn go_on(project: &Project, at: &str) -> Ended {
    let began = !project.journal().is_empty();
    let resumed = project.args(["resume"]).run();
    if began {
        assert_eq!(resumed.code(), Some(0), "{at}: {}", resumed.stderr);
        return resumed;
    }
    // Without a whole line it says which run never began; before its folder is there, that there is none.
    let (code, words) = match (project.path(".orchestra").exists(), project.runs().is_empty()) {
        (false, _) => (2, "no project here"),
        (true, true) => (0, "nothing to resume"),
        (true, false) => (1, "nothing to resume"),
    };
    assert_eq!(resumed.code(), Some(code), "{at}: {}", resumed.stderr);
    assert!(resumed.stderr.contains(words), "{at}: {}", resumed.stderr);
    let run = project.run();
    assert_eq!(run.code(), Some(0), "{at}: {}", run.stderr);
    run
}

/// No file is left that was on its way to another name.
pub(crate) fn leaves_no_stray(project: &Project, at: &str) {
    let stray: Vec<_> =
        project.files().into_iter().filter(|(path, _)| path.to_string_lossy().ends_with(".tmp")).collect();
    assert!(stray.is_empty(), "{at}: {:?}", stray[0].0);
}

/// Everything is as if nothing had happened.
pub(super) fn is_whole(project: &Project, at: &str) {
    for (task, _) in TASKS {
        assert_eq!(project.read(&output(task)), Some(answer(task)), "{at}: output of {task}");
    }
    assert_eq!(project.read(RESULT), Some(answer("i")), "{at}: the result");
    assert_eq!(project.journal().last().unwrap()["status"], "succeeded", "{at}");
    leaves_no_stray(project, at);
}

/// The server saw a call for every attempt that may have got through, and for no other.
pub(super) fn is_paid_once(server: &Server, crashes: &[Left], at: &str) {
    for (task, _) in TASKS {
        let calls = server.calls(&format!("do {task}"));
        let last = crashes.last().unwrap();
        let attempts = last.started.get(task).copied().unwrap_or_default();
        let most = if last.succeeded.contains(task) { attempts } else { attempts + 1 };
        assert!((1..=most).contains(&calls), "{at}: {calls} calls for {task}, at most {most} expected");
        let first = crashes.iter().position(|left| left.succeeded.contains(task));
        if first == Some(0) {
            assert_eq!(calls, 1, "{at}: {task} was finished at the first crash");
        }
    }
}

/// Tries every `step`th number until the process ends by itself, on several threads. Gives the last number that had an
/// effect.
pub(crate) fn sweep(step: u64, attempt: impl Fn(u64) -> bool + Sync) -> u64 {
    let (next, last, over) = (AtomicU64::new(1), AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let number = next.fetch_add(step, Ordering::SeqCst);
                    if attempt(number) {
                        last.fetch_max(number, Ordering::SeqCst);
                    } else {
                        over.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    last.into_inner()
}

#[test]
fn a_run_that_is_killed_anywhere_is_resumed_to_the_same_end() {
    let last = sweep(1, |number| {
        let at = format!("kill:{number}");
        let (project, server) = project();
        let killed = project.disk(&at).run();
        if killed.code().is_some() {
            killed.exits(0);
            is_whole(&project, &at);
            return false;
        }
        let left = left(&project);
        go_on(&project, &at);
        is_whole(&project, &at);
        is_paid_once(&server, &[left], &at);
        true
    });
    assert!(last > 40, "only {last} steps reach the disk");
}

#[test]
fn a_resume_that_is_killed_anywhere_is_resumed_in_turn() {
    for (first, step) in [(30, 1), (50, 3)] {
        let last = sweep(step, |number| {
            let at = format!("kill:{first}, then kill:{number}");
            let (project, server) = project();
            project.disk(format!("kill:{first}")).run().dies();
            let before = left(&project);
            let killed = project.args(["resume"]).disk(format!("kill:{number}")).run();
            if killed.code().is_some() {
                killed.exits(0);
                is_whole(&project, &at);
                return false;
            }
            let crashes = [before, left(&project)];
            go_on(&project, &at);
            is_whole(&project, &at);
            is_paid_once(&server, &crashes, &at);
            true
        });
        assert!(last > 10, "only {last} steps of the resume reach the disk");
    }
}
