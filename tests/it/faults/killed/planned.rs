//! The same kills over a task that plans others: one plan, and each of its tasks once.

use std::collections::BTreeSet;

use serde_json::json;

use super::{go_on, leaves_no_stray, left, sweep};
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const TASKS: [&str; 2] = [
    "name: build, description: do plan, expand: {agents: [qa_tester, writer], max_tasks: 3}",
    "name: last, description: do last, context: [build]",
];

#[test]
fn a_plan_goes_on_where_it_was_killed() {
    let task = |id: &str, agent: &str, needs: &[&str]| json!({"task_id": id, "assigned_to": agent, "description": format!("do {id}"), "dependencies": needs});
    let plan =
        json!({"tasks": [task("c", "writer", &["a", "b"]), task("b", "writer", &[]), task("a", "qa_tester", &[])]});
    let last = sweep(1, |number| {
        let at = format!("kill:{number}");
        let server = Server::start();
        server.when("do plan", std::iter::repeat_with(|| Act::Text(plan.to_string())).take(8));
        for name in ["a", "b", "c", "last"] {
            server.plays(&format!("do {name}"), name);
        }
        let text = orchestra("strategy: parallel, max_parallel_tasks: 2", &TASKS);
        let project = Project::new().file("x.yaml", text).server(&server).args(RUN);
        let killed = project.disk(&at).run();
        let goes_on = killed.code().is_none();
        let done = if goes_on {
            let left = left(&project);
            go_on(&project, &at);
            left.succeeded
        } else {
            killed.exits(0);
            BTreeSet::new()
        };
        let build = project.read(&output("build")).unwrap_or_default();
        assert!(
            ["# build.a\n\na\n", "# build.b\n\nb\n", "# build.c\n\nc\n"].iter().all(|part| build.contains(part)),
            "{at}: {build}"
        );
        assert_eq!(project.read(RESULT).as_deref(), Some("last"), "{at}");
        for (member, task) in [("plan", "plan"), ("a", "a"), ("b", "b"), ("c", "c")] {
            if done.contains(&format!("build.{member}")) {
                assert_eq!(server.calls(&format!("do {task}")), 1, "{at}: {task} was done");
            }
        }
        leaves_no_stray(&project, &at);
        goes_on
    });
    assert!(last > 30, "only {last} steps reach the disk");
}
