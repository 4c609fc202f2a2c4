//! `orch list`: every orchestra, and what keeps it from running.

use serde_json::json;

use super::{parsed, project};
use crate::project::Project;

#[test]
fn list_names_every_orchestra_and_what_keeps_it_from_running() {
    let empty = Project::new().file("orchestras/notes.txt", "");
    empty.args(["list"]).run().exits(0).prints_exactly("").says("`orch create ID` makes one");
    let project = project().file("orchestras/broken.yaml", "task: []\n").file("orchestras/notes.txt", "x");
    let rows = parsed(&project.args(["list", "--json"]).run().exits(0).stdout);
    let row = |id: &str| rows.as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!((&row("feature")["valid"], &row("feature")["tasks"]), (&json!(true), &json!(2)));
    assert_eq!((&row("broken")["valid"], &row("broken")["mistakes"]), (&json!(false), &json!(2)));
    project.args(["list"]).run().exits(0).prints("feature").prints("2 mistakes: `orch validate` names them");
}
