//! The same kills over tasks that are left out, joins, and earlier results under another condition.

use super::{go_on, leaves_no_stray, left, sweep};
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::Server;

fn text(wanted: &str) -> String {
    let mend =
        format!("name: mend, description: do mend, context: [sort], when: \"{{{{ outputs.sort == '{wanted}' }}}}\"");
    let tasks = [
        "name: sort, description: do sort",
        "name: other, description: do other",
        mend.as_str(),
        "name: warn, description: do warn, context: [mend, other]",
        "name: plan, description: do plan, context: [sort], when: \"{{ outputs.sort != 'bug' }}\"",
        "name: each, description: \"do {{ item }}\", for_each: [one, two], context: [sort], when: \"{{ item != 'two' }}\"",
        "name: tell, description: do tell, context: [warn, plan, each], join: any",
    ];
    orchestra("strategy: parallel, max_parallel_tasks: 2", &tasks)
}

const TASKS: [&str; 7] = ["sort", "other", "mend", "warn", "plan", "one", "tell"];

fn project() -> (Project, Server) {
    let server = Server::start();
    for task in TASKS {
        server.plays(&format!("do {task}"), if task == "sort" { "wish" } else { task });
    }
    (Project::new().file("x.yaml", text("bug")).server(&server).args(RUN), server)
}

/// What was wanted is there, and nothing else was begun.
fn is_whole(project: &Project, omitted: &[&str], at: &str) {
    for task in ["sort", "other", "mend", "warn", "plan", "each.1", "each.2", "each", "tell"] {
        let is_there = project.read(&output(task)).is_some();
        assert_eq!(is_there, !omitted.contains(&task), "{at}: output of {task}");
    }
    let begun = project.journalled("attempt_started");
    assert!(omitted.iter().all(|task| !begun.iter().any(|name| name == task)), "{at}: {begun:?}");
    assert_eq!(project.read(RESULT).as_deref(), Some("tell"), "{at}: the result");
    assert_eq!(project.journal().last().unwrap()["status"], "succeeded", "{at}");
    leaves_no_stray(project, at);
}

#[test]
fn what_is_left_out_stays_so_wherever_a_run_is_killed() {
    let omitted = ["mend", "warn", "each.2"];
    let last = sweep(1, |number| {
        let at = format!("kill:{number}");
        let (project, server) = project();
        let killed = project.disk(&at).run();
        if killed.code().is_some() {
            killed.exits(0);
            is_whole(&project, &omitted, &at);
            return false;
        }
        let left = left(&project);
        go_on(&project, &at);
        is_whole(&project, &omitted, &at);
        for task in ["mend", "warn", "two"] {
            assert_eq!(server.calls(&format!("do {task}")), 0, "{at}: {task}");
        }
        for task in left.succeeded.iter().filter(|task| TASKS.contains(&task.as_str())) {
            assert_eq!(server.calls(&format!("do {task}")), 1, "{at}: {task} was done");
        }
        true
    });
    assert!(last > 30, "only {last} steps reach the disk");
}

#[test]
fn another_condition_takes_earlier_results_wherever_a_run_is_killed() {
    let last = sweep(2, |number| {
        let at = format!("kill:{number}");
        let (project, server) = project();
        project.run().exits(0);
        let project = project.file("x.yaml", text("wish"));
        let killed = project.disk(&at).run();
        let goes_on = killed.code().is_none();
        if goes_on {
            // It may have been killed before there was a run that could go on.
            let resumed = project.args(["resume"]).run();
            assert!(resumed.code() == Some(0) || resumed.stderr.contains("nothing to resume"), "{}", resumed.stderr);
            project.run().exits(0);
        }
        is_whole(&project, &["each.2"], &at);
        for task in ["sort", "other", "plan", "one"] {
            assert_eq!(server.calls(&format!("do {task}")), 1, "{at}: {task} had not changed");
        }
        goes_on
    });
    assert!(last > 20, "only {last} steps reach the disk");
}
