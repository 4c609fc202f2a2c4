//! `on_failure`: tasks that run when another one has failed, and are left out when none has.

use crate::commands::validate::messages;
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const TASKS: [&str; 4] = [
    "name: build, description: do build",
    "name: ship, description: do ship, context: [build]",
    "name: mend, description: \"mend it: {{ failures.build }}\", on_failure: build",
    "name: tell, description: tell them, context: [mend]",
];

fn refuses(server: &Server) {
    let refusal = serde_json::json!({"error": {"message": "no such build"}});
    server.when("do build", std::iter::repeat_with(|| Act::error(400, &refusal)).take(4));
}

fn project(server: &Server, execution: &str) -> Project {
    Project::new().file("x.yaml", orchestra(execution, &TASKS)).server(server).args(RUN)
}

#[test]
fn a_failure_is_answered_and_stays_one() {
    for execution in ["strategy: parallel", "strategy: parallel, on_error: stop"] {
        let server = Server::start();
        refuses(&server);
        server.when("mend it", [Act::Text("mended".to_owned())]);
        server.when("tell them", [Act::Text("told".to_owned())]);
        let ended = project(&server, execution).run().exits(1).file_is(&output("tell"), "told");
        assert_eq!(ended.project.journalled("task_skipped"), ["ship"]);
        let asked = server.seen().into_iter().find(|seen| seen.body.to_string().contains("mend it")).unwrap();
        let prompt = asked.prompt().to_owned();
        assert!(prompt.contains("mend it: bad request: ") && prompt.contains("no such build"), "{prompt}");
        assert_eq!(prompt.matches("no such build").count(), 1, "it is told once: {prompt}");
    }
}

#[test]
fn without_a_failure_it_is_left_out_with_what_needs_it() {
    let server = Server::start();
    server.plays("do build", "built");
    server.plays("do ship", "shipped");
    let ended = project(&server, "strategy: parallel").run().exits(0).says("`build` has not failed");
    ended.project.args(["why", "mend"]).run().prints("`build` has not failed");
    assert_eq!(ended.project.journalled("task_omitted"), ["mend", "tell"]);
    assert_eq!(ended.project.read(RESULT).unwrap(), "shipped");
}

#[test]
fn a_failure_that_no_text_asks_for_is_told_as_data() {
    let server = Server::start();
    refuses(&server);
    server.when("go on", [Act::Text("done".to_owned())]);
    let tasks =
        ["name: build, description: do build", "name: after, description: go on, context: [build], join: settled"];
    Project::new().file("x.yaml", orchestra("strategy: parallel", &tasks)).server(&server).args(RUN).run().exits(1);
    let prompt = server.seen().last().unwrap().prompt().to_owned();
    assert!(prompt.contains(" failure of task build>>\nbad request: "), "{prompt}");
}

#[test]
fn a_resume_that_mends_the_failure_leaves_the_answer_to_it_out() {
    let server = Server::start();
    let refusal = serde_json::json!({"error": {"message": "no such build"}});
    server.when("do build", [Act::error(400, &refusal), Act::Text("built".to_owned())]);
    server.when("mend it", [Act::error(400, &refusal)]);
    server.plays("do ship", "shipped");
    let failed = project(&server, "strategy: parallel").run().exits(1);
    let ended = failed.project.args(["resume"]).run().exits(0);
    assert_eq!(ended.project.journalled("task_omitted"), ["mend", "tell"]);
}

#[test]
fn it_stands_in_place_of_context_and_join() {
    let of = |task: &str| messages(orchestra("strategy: parallel", &["name: a, description: x", task]));
    assert_eq!(
        of("name: b, description: x, on_failure: a, context: [a]"),
        ["`on_failure` stands in place of `context`"]
    );
    assert_eq!(of("name: b, description: x, on_failure: [a], join: any"), ["`on_failure` stands in place of `join`"]);
    assert_eq!(of("name: b, description: x, on_failure: c"), ["there is no task `c`"]);
    let shown = Project::new().file("x.yaml", orchestra("strategy: parallel", &TASKS)).args(["graph", "x.yaml"]);
    shown.run().prints("a failure of build");
}
