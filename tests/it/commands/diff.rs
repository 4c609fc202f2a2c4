//! `orch diff`: two runs, compared by their tasks.

use std::fs;

use crate::project::{Project, RUN, orchestra};
use crate::server::{Act, Server};

/// Two runs of which the second has another text for `a`, and fails at `b`.
pub(super) fn two_runs() -> (Server, Project, [String; 2]) {
    let server = Server::start();
    let texts = ["one\ntwo\nthree\n", "one\n\u{1b}[31mTWO\u{1b}[0m\nthree\n"];
    server.when("do a", texts.map(|text| Act::Text(text.to_owned())));
    let tasks = ["name: a, description: do a", "name: b, description: do b"];
    let text = orchestra("strategy: parallel, retry_strategy: none", &tasks);
    let project = Project::new().file("x.yaml", text).server(&server).args(RUN);
    project.run().exits(0);
    server.when("do b", [Act::error(401, &serde_json::json!({"error": {"message": "bad key"}}))]);
    project.args(["run", "x.yaml", "--goal", "Build another login feature"]).run().exits(1);
    let runs = <[String; 2]>::try_from(project.runs()).unwrap();
    (server, project, runs)
}

#[test]
fn two_runs_are_compared_by_their_tasks() {
    let (_server, project, [first, second]) = two_runs();
    let ended = project.args(["diff", &first, &second]).run().exits(0);
    let ended = ended.prints(&format!("before:    {first} (succeeded)\nafter:     {second} (partial)\n"));
    let ended = ended.prints("Build a simple login feature -> Build another login feature");
    let ended = ended.prints("succeeded -> failed").prints("+1 -1 lines").prints("only before");
    let ended = ended.prints(&format!("--- {first}/a\n+++ {second}/a\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"));
    assert!(!ended.stdout.contains('\u{1b}'), "{:?}", ended.stdout);
    let stat = project.args(["diff", &first, &second, "--stat"]).run().exits(0).prints("+1 -1 lines");
    assert!(!stat.stdout.contains("@@"), "{}", stat.stdout);
    let same = project.args(["diff", &first, &first]).run().exits(0).prints("same");
    assert!(!same.stdout.contains("->"), "{}", same.stdout);
}

#[test]
fn what_cannot_be_compared_or_explained_is_said() {
    let (_server, project, [first, second]) = two_runs();
    project.args(["diff", &first, "nonsense"]).run().exits(2).prints_exactly("").says("there is no run `nonsense`");
    project.args(["diff", &first]).run().exits(2);
    project.args(["why", "c"]).run().exits(2).prints_exactly("").says("has no task `c`");
    project.args(["why", "a", "nonsense"]).run().exits(2).says("there is no run `nonsense`");
    fs::write(project.path(&project.journal_path()), "rubbish\nrubbish\n").unwrap();
    project.args(["diff", &first, &second]).run().exits(1).prints_exactly("").says("line 1 of the journal is damaged");
    project.args(["why", "a"]).run().exits(1).prints_exactly("").says("line 1 of the journal is damaged");
    Project::new().args(["why", "a"]).run().exits(2).says("no project here");
}
