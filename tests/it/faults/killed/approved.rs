//! The same kills over a run that waits for persons: what they have said is heard once, and what they saw is not made again.

use super::{leaves_no_stray, sweep};
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::Server;

const TASKS: [&str; 4] = [
    "name: plan, description: do plan, approve: true",
    "name: each, description: \"do {{ item }}\", for_each: [one, two], context: [plan], approve: true",
    "name: other, description: do other",
    "name: last, description: do last, context: [each, other]",
];

/// The processes of a run one after another: what each is told before it begins, and how it ends.
const PROCESSES: [(Option<&str>, i32); 3] = [(None, 4), (Some("plan"), 4), (Some("each"), 0)];

/// Whether the process of this number was killed at this step.
fn was_killed(place: usize, number: u64) -> bool {
    let at = format!("process {place}, kill:{number}");
    let server = Server::start();
    for task in ["plan", "one", "two", "other", "last"] {
        server.plays(&format!("do {task}"), task);
    }
    let text = orchestra("strategy: parallel, max_parallel_tasks: 2", &TASKS);
    let project = Project::new().file("x.yaml", text).server(&server);
    let mut was_killed = false;
    for (process, (approves, end)) in PROCESSES.into_iter().enumerate() {
        if let Some(task) = approves {
            project.args(["approve", task]).run().exits(0);
        }
        let begins =
            |project: &Project| if project.journal().is_empty() { project.args(RUN) } else { project.args(["resume"]) };
        let mut ended = match process == place {
            true => begins(&project).disk(format!("kill:{number}")).run(),
            false => begins(&project).run(),
        };
        if ended.code().is_none() {
            was_killed = true;
            let done = project.journalled("task_succeeded");
            let said = project.journalled("approval_requested");
            ended = begins(&project).run();
            for task in
                ["plan", "other", "last"].iter().filter(|task| done.iter().chain(&said).any(|name| name == *task))
            {
                assert_eq!(server.calls(&format!("do {task}")), 1, "{at}: {task} was done");
            }
        }
        // The last step of a process may be one behind the run's end.
        let is_over = ended.code() == Some(0) && ended.stderr.contains("nothing to resume");
        assert!(ended.code() == Some(end) || is_over, "{at}: process {process}: {}", ended.stderr);
    }
    assert_eq!(project.read(RESULT).as_deref(), Some("last"), "{at}");
    assert_eq!(project.read(&output("plan")).as_deref(), Some("plan"), "{at}");
    assert_eq!(project.journalled("approval_given"), ["plan", "each"], "{at}: each answer is heard once");
    leaves_no_stray(&project, &at);
    was_killed
}

#[test]
fn what_was_approved_is_never_made_again_wherever_a_run_is_killed() {
    for place in 0..PROCESSES.len() {
        let last = sweep(1, |number| was_killed(place, number));
        assert!(last > 5, "process {place}: only {last} steps reach the disk");
    }
}
