//! `join`: how the tasks that one waits for must have ended for it to run.

use serde_json::json;

use crate::commands::validate::messages;
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const OMITTED: &str = "name: omitted, description: do omitted, when: \"{{ false }}\"";
const FAILED: &str = "name: failed, description: do failed";
const MADE: &str = "name: made, description: do made";

fn project(server: &Server, join: &str, context: &[&str]) -> Project {
    let failure = || Act::error(401, &json!({"error": {"message": "bad key", "code": "invalid_api_key"}}));
    server.when("do failed", [failure(), failure()]);
    server.plays("do made", "Made this");
    server.plays("do last", "Done");
    let last = format!("name: last, description: do last, context: [{}], join: {join}", context.join(", "));
    let text = orchestra("strategy: parallel", &[OMITTED, FAILED, MADE, &last]);
    Project::new().file("x.yaml", text).server(server).args(RUN)
}

#[test]
fn a_join_says_whether_a_task_runs() {
    for (join, context, end) in [
        ("all", &["made"][..], "task_succeeded"),
        ("all", &["made", "omitted"], "task_omitted"),
        ("all", &["made", "omitted", "failed"], "task_skipped"),
        ("any", &["made", "omitted", "failed"], "task_succeeded"),
        ("any", &["omitted"], "task_omitted"),
        ("any", &["omitted", "failed"], "task_skipped"),
        ("settled", &["omitted"], "task_succeeded"),
        ("settled", &["failed", "omitted"], "task_succeeded"),
    ] {
        let server = Server::start();
        let ended = project(&server, join, context).run().exits(1).says("PARTIAL");
        assert!(ended.project.journalled(end).contains(&"last".to_owned()), "{join} {context:?}");
        assert_eq!(server.calls("do last"), usize::from(end == "task_succeeded"), "{join} {context:?}");
    }
}

#[test]
fn the_prompt_has_the_outputs_that_there_are() {
    let server = Server::start();
    project(&server, "settled", &["made", "omitted", "failed"]).run().exits(1).file_is(&output("last"), "Done");
    let request = server.request("do last");
    assert!(request.prompt().contains("Made this"), "{}", request.prompt());
    assert!(!request.prompt().contains("output of task failed"), "{}", request.prompt());
}

#[test]
fn branches_meet_again() {
    let server = Server::start();
    server.plays("do sort", "wish");
    server.plays("do mend", "Mended");
    server.plays("do plan", "Planned");
    server.plays("got nothing and Planned", "Told");
    let tasks = [
        "name: sort, description: do sort",
        "name: mend, description: do mend, context: [sort], when: \"{{ outputs.sort == 'bug' }}\"",
        "name: plan, description: do plan, context: [sort], when: \"{{ outputs.sort == 'wish' }}\"",
        "name: tell, description: \"got {{ outputs.mend | default('nothing') }} and {{ outputs.plan }}\", \
         context: [mend, plan], join: any",
    ];
    let text = orchestra("strategy: parallel", &tasks);
    Project::new().file("x.yaml", text).server(&server).args(RUN).run().exits(0).file_is(RESULT, "Told");
}

#[test]
fn what_has_joined_a_failure_is_made_anew_when_that_is_mended() {
    let server = Server::start();
    let project = project(&server, "settled", &["failed"]);
    project.run().exits(1);
    project.args(["resume"]).run().exits(1);
    // It failed once more, so the same was joined.
    assert_eq!((server.calls("do failed"), server.calls("do last")), (2, 1));
    server.plays("do failed", "Better");
    project.args(["resume"]).run().exits(0);
    assert_eq!((server.calls("do failed"), server.calls("do last")), (3, 2));
}

#[test]
fn a_join_of_nothing_is_a_mistake() {
    let text = orchestra("strategy: parallel", &["name: a, description: x, join: any"]);
    assert_eq!(messages(text), ["the task waits for nothing that could be joined"]);
}
