//! The same kills over a task that is repeated: no round is made twice, and none is left out.

use std::collections::BTreeSet;

use super::{go_on, leaves_no_stray, left, sweep};
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::Server;

const TASKS: [&str; 4] = [
    "name: first, description: do first",
    "name: loop, description: \"do round {{ round.number }}\", context: [first], repeat: {until: \"{{ output == 'good' }}\", max: 5}",
    "name: other, description: do other",
    "name: last, description: do last, context: [loop, other]",
];

#[test]
fn a_loop_goes_on_where_it_was_killed() {
    let last = sweep(1, |number| {
        let at = format!("kill:{number}");
        let server = Server::start();
        for (task, answer) in [
            ("first", "first"),
            ("round 1", "poor"),
            ("round 2", "fair"),
            ("round 3", "good"),
            ("other", "other"),
            ("last", "end"),
        ] {
            server.plays(&format!("do {task}"), answer);
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
            BTreeSet::default()
        };
        assert_eq!(project.read(&output("loop")).as_deref(), Some("good"), "{at}");
        assert_eq!(project.read(RESULT).as_deref(), Some("end"), "{at}");
        assert_eq!(project.read(&output("loop.4")), None, "{at}");
        for round in (1..=3).filter(|round| done.contains(&format!("loop.{round}"))) {
            assert_eq!(server.calls(&format!("do round {round}")), 1, "{at}: round {round} was done");
        }
        leaves_no_stray(&project, &at);
        goes_on
    });
    assert!(last > 30, "only {last} steps reach the disk");
}
