//! `orch hooks`: the list of an orchestra's hooks, in the order in which a run comes to them.

use super::{parsed, project};
use crate::project::Project;

fn with_hooks() -> Project {
    let text = project().read("orchestras/feature_orchestra.yaml").unwrap();
    let hooks = "hooks:\n  on-error: [./hooks/tell.sh, loud]\n  before-init:\n    - {run: [git, diff, --quiet], timeout_seconds: 5}\n    \
                 - {run: [make, check], env: [CI]}\n";
    project().file("orchestras/feature_orchestra.yaml", text + hooks)
}

#[test]
fn hooks_are_listed_in_their_order() {
    let ended = with_hooks().args(["hooks", "feature"]).run().exits(0);
    ended.prints_exactly(
        "AT           PROGRAM               VARIABLES  SECONDS  IF IT FAILS\n\
         before-init  git diff --quiet                 5        the run stops\n\
         before-init  make check            CI         60       the run stops\n\
         on-error     ./hooks/tell.sh loud             60       a warning\n",
    );
    let json = with_hooks().args(["hooks", "feature", "--json"]).run().exits(0);
    let list = parsed(&json.stdout);
    assert_eq!(list[2]["run"], serde_json::json!(["./hooks/tell.sh", "loud"]));
    assert_eq!((&list[0]["timeout_seconds"], &list[0]["stops"]), (&serde_json::json!(5.0), &serde_json::json!(true)));
}

#[test]
fn an_orchestra_without_hooks_says_so() {
    project().args(["hooks", "feature"]).run().exits(0).prints_exactly("").says("feature has no hooks");
    project().args(["hooks", "featrue"]).run().exits(2).says("did you mean `feature`?");
}
