//! `orch runs`: what runs have come to.

use super::parsed;
use crate::project::{Project, RUN, orchestra};
use crate::server::{Act, Server};

const TASKS: [&str; 3] = [
    "name: good, description: do good",
    "name: bad, description: do bad",
    "name: after, description: do after, context: [bad]",
];

/// A run of which one task failed, and what `good` answered.
pub(super) fn partial(server: &Server) -> Project {
    server.plays("do good", "  Odd text {x}\n\tand é, without a last line end ");
    server.when("do bad", [Act::error(401, &serde_json::json!({"error": {"message": "bad key"}}))]);
    let text = orchestra("strategy: parallel", &TASKS);
    let project = Project::new().file("x.yaml", text).server(server).args(RUN);
    project.run().exits(1);
    project
}

#[test]
fn runs_are_listed_newest_first() {
    let server = Server::start();
    let project = partial(&server);
    project.args(RUN).run().exits(0);
    let [first, second] = <[String; 2]>::try_from(project.runs()).unwrap();
    let rows = parsed(&project.args(["runs", "--json"]).run().exits(0).stdout);
    assert_eq!((rows[0]["run"].as_str(), rows[0]["status"].as_str()), (Some(second.as_str()), Some("succeeded")));
    assert_eq!((rows[1]["run"].as_str(), rows[1]["status"].as_str()), (Some(first.as_str()), Some("partial")));
    assert_eq!((rows[1]["done"].as_u64(), rows[1]["tasks"].as_u64()), (Some(1), Some(3)));
    project.args(["runs"]).run().exits(0).prints("1/3").prints("3/3");
    project.args(["runs", "-n", "1"]).run().exits(0).says("and 1 older: `-n 0` lists all");
    Project::new().file("orchestras/notes.txt", "").args(["runs", "--json"]).run().exits(0).prints_exactly("[]\n");
}
