//! `orch why`: whether a task was made anew, and why.

use super::diff::two_runs;
use super::parsed;

#[test]
fn why_names_the_run_and_gives_json() {
    let (_server, project, [first, second]) = two_runs();
    project.args(["why", "a"]).run().exits(0).prints(&format!("`a` was not reused in {second}: "));
    let why = parsed(&project.args(["why", "a", &first, "--json"]).run().exits(0).stdout);
    assert_eq!((why["run"].as_str(), why["task"].as_str()), (Some(first.as_str()), Some("a")));
    assert_eq!(why["how"], "anew");
}
