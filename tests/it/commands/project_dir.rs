//! Which folder is the project: the nearest one above that holds `orchestras/` or `.orchestra/`.

use crate::project::{Project, RUN, orchestra, output};
use crate::server::Server;

const TEXT: [&str; 1] = ["name: a, description: do a"];

#[test]
fn a_command_in_a_folder_below_finds_the_project() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", orchestra("", &TEXT)).server(&server).args(RUN);
    project.run().exits(0);
    let below = project.standing_in("sub/deeper");
    below.args(["resume"]).run().exits(0).says("nothing to resume");
    below.args(["runs"]).run().exits(0).prints("succeeded");
    below.args(["show"]).run().exits(0).prints("1 of 1 done");
    below.args(["why", "a"]).run().exits(0).prints("`a`");
    below.args(["clean", "--all"]).run().exits(0).prints("1 run");
    assert!(project.runs().is_empty());
}

#[test]
fn a_typed_path_is_taken_from_where_its_user_stands() {
    let server = Server::start();
    let project = Project::new()
        .file("orchestras/notes.txt", "")
        .file("sub/x.yaml", orchestra("", &TEXT))
        .file("sub/goal.md", "Build a simple login feature")
        .server(&server);
    let below = project.standing_in("sub");
    for named in ["x.yaml", "./x.yaml", "../sub/x.yaml"] {
        below.args(["validate", named]).run().exits(0).prints("ok: sub/x.yaml");
        below.args(["graph", named]).run().exits(0);
    }
    let run = below.args(["run", "x.yaml", "--goal", "@goal.md", "--record", "tape", "--workspace", "made"]);
    run.run().exits(0).no_file("sub/.orchestra").no_file("made").no_file(&output("a"));
    assert!(project.path("sub/made/task_outputs/a_output.txt").is_file() && project.path("sub/tape").is_file());
    // The journal names them so that a resume finds them from anywhere.
    project.args(["resume"]).run().exits(0).says("nothing to resume");
    below.args(["run", "../sub/x.yaml", "--goal", "@../sub/goal.md", "--replay", "tape"]).run().exits(0);
    below.args(["run", "nothing.yaml"]).run().exits(2).says("sub/nothing.yaml");
}

#[test]
fn a_command_outside_of_any_project_says_so() {
    let project = Project::new();
    let commands: [&[&str]; 10] = [
        &["resume"],
        &["runs"],
        &["show"],
        &["why", "a"],
        &["diff", "1", "2"],
        &["clean", "--all"],
        &["list"],
        &["validate"],
        &["run", "x"],
        &["graph", "x"],
    ];
    for command in commands {
        for project in [project.clone(), project.standing_in("sub")] {
            let ended = project.args(command.iter().copied()).run().exits(2).prints_exactly("");
            ended.says("no project here").says("-C").does_not_say("nothing to resume");
        }
    }
    project.args(["schema"]).run().exits(0);
    project.args(["completions", "bash"]).run().exits(0);
    project.args(["doctor", "--offline"]).run().exits(1);
    let server = Server::start();
    let plain = project.file("x.yaml", orchestra("", &TEXT)).server(&server);
    plain.args(["validate", "x.yaml"]).run().exits(0);
    plain.args(["run", "./x.yaml", "--goal", "Build a simple login feature"]).run().exits(0);
    plain.args(["runs"]).run().exits(0).prints("succeeded");
    Project::new().args(["create", "new"]).run().exits(0).file_has("orchestras/new_orchestra.yaml", "tasks:");
}

#[test]
fn the_search_ends_at_the_home_folder_and_a_named_folder_is_not_searched_from() {
    let server = Server::start();
    let outer = Project::new().file("x.yaml", orchestra("", &TEXT)).server(&server).args(RUN);
    outer.run().exits(0);
    let below = outer.standing_in("home/user");
    below.args(["runs"]).run().exits(0);
    let home = outer.path("home").display().to_string();
    below.env("HOME", home).args(["runs"]).run().exits(2).says("no project here");
    outer.args(["-C", "home", "runs"]).run().exits(2).says("no project here");
}
