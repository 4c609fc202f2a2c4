//! `orch runs`, `show` and `clean`: what runs have come to, and how they go.

use super::{Act, Project, RUN, Server, fs, json, orchestra, output};

const TASKS: [&str; 3] = [
    "name: good, description: do good",
    "name: bad, description: do bad",
    "name: after, description: do after, context: [bad]",
];

/// A run of which one task failed, and what `good` answered.
fn partial(server: &Server) -> Project {
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
    let rows = json(&project.args(["runs", "--json"]).run().exits(0).stdout);
    assert_eq!((rows[0]["run"].as_str(), rows[0]["status"].as_str()), (Some(second.as_str()), Some("succeeded")));
    assert_eq!((rows[1]["run"].as_str(), rows[1]["status"].as_str()), (Some(first.as_str()), Some("partial")));
    assert_eq!((rows[1]["done"].as_u64(), rows[1]["tasks"].as_u64()), (Some(1), Some(3)));
    project.args(["runs"]).run().exits(0).prints("1/3").prints("3/3");
    project.args(["runs", "-n", "1"]).run().exits(0).says("and 1 older: `-n 0` lists all");
    Project::new().file("orchestras/notes.txt", "").args(["runs", "--json"]).run().exits(0).prints_exactly("[]\n");
}

#[test]
fn show_gives_a_tasks_text_as_it_came() {
    let server = Server::start();
    let project = partial(&server);
    let file = project.read(&output("good")).unwrap();
    let ended = project.args(["show", "--task", "good"]).run().exits(0);
    assert_eq!(ended.stdout.trim_end_matches('\n'), file.trim_end_matches('\n'));
    assert!(file.contains("Odd text {x}\n\tand é, without a last line end"), "{file:?}");
    // The workspace may be edited, or gone; the run is what it was.
    fs::remove_dir_all(project.path("orchestra_workspaces")).unwrap();
    project.args(["show", "--task", "good"]).run().exits(0).prints_exactly(&ended.stdout);
}

#[test]
fn show_gives_a_long_text_whole() {
    let server = Server::start();
    let long = "0123456789 é\n".repeat(20_000);
    server.plays("do a", &long);
    let text = orchestra("", &["name: a, description: do a"]);
    let project = Project::new().file("x.yaml", text).server(&server).args(RUN);
    project.run().exits(0);
    let ended = project.args(["show", "--task", "a"]).run().exits(0);
    assert!(ended.stdout.trim_end() == long.trim_end());
}

#[test]
fn show_says_why_a_task_has_no_output() {
    let server = Server::start();
    let project = partial(&server);
    for (task, why) in [("bad", "it failed: not authorized"), ("after", "it was skipped, because `bad` failed")] {
        project.args(["show", "--task", task]).run().exits(1).prints_exactly("").says(why);
    }
    project.args(["show", "--task", "godo"]).run().exits(2).says("did you mean `good`?");
    project.args(["show", "run_20200101_000000_0000"]).run().exits(2).says("there is no run");
    Project::new().args(["show"]).run().exits(2).says("no project here");
}

#[test]
fn show_gives_the_whole_of_a_run() {
    let server = Server::start();
    let project = partial(&server);
    let run = project.runs().remove(0);
    let end = &run[run.len() - 4..];
    for arguments in [vec!["show"], vec!["show", &run], vec!["show", end]] {
        let ended = project.args(arguments).run().exits(0).prints(&format!("run:       {run} (partial"));
        ended.prints("tasks:     1 of 3 done").prints("after: skipped, because bad failed").prints("bad key");
    }
    let shown = json(&project.args(["show", "--json"]).run().exits(0).stdout);
    assert_eq!((shown["standing"].as_str(), shown["run"].as_str()), (Some("partial"), Some(run.as_str())));
    let events = project.args(["show", "--events"]).run().exits(0).stdout;
    assert_eq!(events.lines().map(json).collect::<Vec<_>>(), project.journal());
}

#[test]
fn clean_keeps_what_can_be_gone_on_with() {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let project =
        Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    let running = project.spawn();
    server.wait_for(1);
    // A process that is dropped is killed.
    drop(running);
    let open = project.runs().remove(0);
    project.run().exits(0);
    project.args(["clean"]).run().exits(2).says("say what to remove");
    project.args(["clean", "--all", "--dry-run"]).run().exits(0).prints("would be removed");
    assert_eq!(project.runs().len(), 2);
    project.args(["clean", "--all"]).run().exits(0).says(&format!("kept: {open}")).says("can be gone on with");
    assert_eq!(project.runs(), std::slice::from_ref(&open));
    project.args(["clean", &open]).run().exits(2).says("--force removes it");
    assert_eq!(project.runs(), std::slice::from_ref(&open));
    project.args(["clean", &open, "--force"]).run().exits(0).prints(&format!("removed: {open}"));
    assert!(project.runs().is_empty());
    assert!(project.path(&output("a")).is_file(), "outputs stay");
    project.args(["clean", "--workspace", "x.yaml"]).run().exits(0).no_file("orchestra_workspaces/x");
    assert!(project.path("x.yaml").is_file());
}

#[test]
fn clean_keeps_the_latest_that_are_asked_for() {
    let server = Server::start();
    let project =
        Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    for _ in 0..3 {
        project.run().exits(0);
    }
    let runs = project.runs();
    project.args(["clean", "--keep", "1"]).run().exits(0).prints("2 runs");
    assert_eq!(project.runs(), runs[2..]);
}

#[test]
fn clean_takes_no_run_from_under_its_process() {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let project =
        Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    let running = project.spawn();
    server.wait_for(1);
    let run = project.runs().remove(0);
    project.args(["clean", "--all", "--force"]).run().exits(0).says("a process holds it");
    project.args(["clean", &run, "--force"]).run().exits(2).says("a process holds it");
    project.args(["clean", "--workspace", "x.yaml", "--force"]).run().exits(2).says("is not removed");
    project.args(["runs"]).run().exits(0).prints("running");
    server.release();
    running.wait().exits(0).file_has(&output("a"), "echo");
}

#[test]
fn clean_leaves_what_did_not_come_from_a_run() {
    let server = Server::start();
    let project =
        Project::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    project.run().exits(0);
    let mine = "orchestra_workspaces/x/mine.txt";
    project
        .file(mine, "mine")
        .args(["clean", "--workspace", "x.yaml"])
        .run()
        .exits(0)
        .file_is(mine, "mine")
        .says("kept");
    assert!(!project.path(&output("a")).exists());
}
