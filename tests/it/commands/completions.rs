//! `orch completions`: what shells are given.

use crate::project::Project;

#[test]
fn shells_can_complete() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = Project::new().args(["completions", shell]).run().exits(0);
        ended.prints("orch").prints("resume").prints("max-parallel");
    }
    Project::new().args(["completions", "tcl"]).run().exits(2).says("bash");
}
