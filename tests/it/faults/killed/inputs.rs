//! The same kills over values that are given by name: a resume has those of its run, and a run with others makes anew
//! only what uses them.

use super::{go_on, leaves_no_stray, sweep};
use crate::project::{Project, RESULT, orchestra};
use crate::server::Server;

fn project() -> (Project, Server) {
    let server = Server::start();
    let tasks = [
        "name: a, description: do a",
        "name: b, description: \"do {topic}\", when: \"{{ inputs.topic != 'none' }}\"",
        "name: c, description: \"do c {{ outputs.b }}\", context: [a, b]",
    ];
    for task in ["do a", "do wax", "do bees"] {
        server.plays(task, &task[3..]);
    }
    for topic in ["wax", "bees"] {
        server.plays(&format!("do c {topic}"), topic);
    }
    let text = "inputs: {topic: text}\n".to_owned() + &orchestra("strategy: parallel", &tasks);
    (Project::new().file("x.yaml", text).server(&server), server)
}

fn run(project: &Project, topic: &str) -> Project {
    project.args(["run", "x.yaml", "--goal", "Build a simple login feature", "--input", topic])
}

#[test]
fn a_resume_has_the_values_of_its_run_and_others_make_anew_what_uses_them() {
    let last = sweep(1, |number| {
        let at = format!("kill:{number}");
        let (project, server) = project();
        run(&project, "topic=bees").run().exits(0);
        let killed = run(&project, "topic=wax").disk(&at).run();
        let goes_on = killed.code().is_none();
        if goes_on && project.runs().len() > 1 {
            let resumed = project.args(["resume"]).run();
            let never_began = resumed.stderr.contains("nothing to resume");
            assert!(resumed.code() == Some(0) || never_began, "{at}: {}", resumed.stderr);
            if never_began {
                run(&project, "topic=wax").run().exits(0);
            }
        } else if goes_on {
            run(&project, "topic=wax").run().exits(0);
        }
        assert_eq!(project.read(RESULT).as_deref(), Some("wax"), "{at}");
        assert_eq!(project.journal()[0]["inputs"]["topic"], "wax", "{at}");
        assert_eq!((server.calls("do a"), server.calls("do bees")), (1, 1), "{at}: what does not use it stays");
        leaves_no_stray(&project, &at);
        goes_on
    });
    assert!(last > 20, "only {last} steps reach the disk");
}

#[test]
fn a_first_run_goes_on_with_its_values() {
    let (project, server) = project();
    let killed = run(&project, "topic=wax").disk("kill:25").run();
    assert!(killed.code().is_none());
    go_on(&project, "kill:25");
    assert_eq!(project.read(RESULT).as_deref(), Some("wax"));
    assert_eq!(server.calls("do bees"), 0);
}
