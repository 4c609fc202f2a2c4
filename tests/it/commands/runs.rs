//! `orch runs`, `show` and `clean`: what runs have come to, and how they go.

use super::{Act, RUN, Server, Story, fs, json, orchestra, output};

const TASKS: [&str; 3] = [
    "name: good, description: do good",
    "name: bad, description: do bad",
    "name: after, description: do after, context: [bad]",
];

/// A run of which one task failed, and what `good` answered.
fn partial(server: &Server) -> Story {
    server.plays("do good", "  Odd text {x}\n\tand é, without a last line end ");
    server.when("do bad", [Act::error(401, &serde_json::json!({"error": {"message": "bad key"}}))]);
    let text = orchestra("strategy: parallel", &TASKS);
    let story = Story::new().file("x.yaml", text).server(server).args(RUN);
    story.run().exits(1);
    story
}

#[test]
fn runs_are_listed_newest_first() {
    let server = Server::start();
    let story = partial(&server);
    story.args(RUN).run().exits(0);
    let [first, second] = <[String; 2]>::try_from(story.runs()).unwrap();
    let rows = json(&story.args(["runs", "--json"]).run().exits(0).stdout);
    assert_eq!((rows[0]["run"].as_str(), rows[0]["status"].as_str()), (Some(second.as_str()), Some("succeeded")));
    assert_eq!((rows[1]["run"].as_str(), rows[1]["status"].as_str()), (Some(first.as_str()), Some("partial")));
    assert_eq!((rows[1]["done"].as_u64(), rows[1]["tasks"].as_u64()), (Some(1), Some(3)));
    story.args(["runs"]).run().exits(0).prints("1/3").prints("3/3");
    story.args(["runs", "-n", "1"]).run().exits(0).says("and 1 older: `-n 0` lists all");
    Story::new().args(["runs", "--json"]).run().exits(0).prints_exactly("[]\n");
}

#[test]
fn show_gives_a_tasks_text_as_it_came() {
    let server = Server::start();
    let story = partial(&server);
    let file = story.read(&output("good")).unwrap();
    let ended = story.args(["show", "--task", "good"]).run().exits(0);
    assert_eq!(ended.stdout.trim_end_matches('\n'), file.trim_end_matches('\n'));
    assert!(file.contains("Odd text {x}\n\tand é, without a last line end"), "{file:?}");
    // The workspace may be edited, or gone; the run is what it was.
    fs::remove_dir_all(story.path("orchestra_workspaces")).unwrap();
    story.args(["show", "--task", "good"]).run().exits(0).prints_exactly(&ended.stdout);
}

#[test]
fn show_gives_a_long_text_whole() {
    let server = Server::start();
    let long = "0123456789 é\n".repeat(20_000);
    server.plays("do a", &long);
    let text = orchestra("", &["name: a, description: do a"]);
    let story = Story::new().file("x.yaml", text).server(&server).args(RUN);
    story.run().exits(0);
    let ended = story.args(["show", "--task", "a"]).run().exits(0);
    assert!(ended.stdout.trim_end() == long.trim_end());
}

#[test]
fn show_says_why_a_task_has_no_output() {
    let server = Server::start();
    let story = partial(&server);
    for (task, why) in [("bad", "it failed: not authorized"), ("after", "it was skipped, because `bad` failed")] {
        story.args(["show", "--task", task]).run().exits(1).prints_exactly("").says(why);
    }
    story.args(["show", "--task", "godo"]).run().exits(2).says("did you mean `good`?");
    story.args(["show", "run_20200101_000000_0000"]).run().exits(2).says("there is no run");
    Story::new().args(["show"]).run().exits(2).says("run");
}

#[test]
fn show_gives_the_whole_of_a_run() {
    let server = Server::start();
    let story = partial(&server);
    let run = story.runs().remove(0);
    let end = &run[run.len() - 4..];
    for arguments in [vec!["show"], vec!["show", &run], vec!["show", end]] {
        let ended = story.args(arguments).run().exits(0).prints(&format!("run:       {run} (partial"));
        ended.prints("tasks:     1 of 3 done").prints("after: skipped, because bad failed").prints("bad key");
    }
    let shown = json(&story.args(["show", "--json"]).run().exits(0).stdout);
    assert_eq!((shown["standing"].as_str(), shown["run"].as_str()), (Some("partial"), Some(run.as_str())));
    let events = story.args(["show", "--events"]).run().exits(0).stdout;
    assert_eq!(events.lines().map(json).collect::<Vec<_>>(), story.journal());
}

#[test]
fn clean_keeps_what_can_be_gone_on_with() {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let story = Story::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    let running = story.spawn();
    server.wait_for(1);
    // A process that is dropped is killed.
    drop(running);
    let open = story.runs().remove(0);
    story.run().exits(0);
    story.args(["clean"]).run().exits(2).says("say what to remove");
    story.args(["clean", "--all", "--dry-run"]).run().exits(0).prints("would be removed");
    assert_eq!(story.runs().len(), 2);
    story.args(["clean", "--all"]).run().exits(0).says(&format!("kept: {open}")).says("can be gone on with");
    assert_eq!(story.runs(), std::slice::from_ref(&open));
    story.args(["clean", &open]).run().exits(2).says("--force removes it");
    assert_eq!(story.runs(), std::slice::from_ref(&open));
    story.args(["clean", &open, "--force"]).run().exits(0).prints(&format!("removed: {open}"));
    assert!(story.runs().is_empty());
    assert!(story.path(&output("a")).is_file(), "outputs stay");
    story.args(["clean", "--workspace", "x.yaml"]).run().exits(0).no_file("orchestra_workspaces/x");
    assert!(story.path("x.yaml").is_file());
}

#[test]
fn clean_keeps_the_latest_that_are_asked_for() {
    let server = Server::start();
    let story = Story::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    for _ in 0..3 {
        story.run().exits(0);
    }
    let runs = story.runs();
    story.args(["clean", "--keep", "1"]).run().exits(0).prints("2 runs");
    assert_eq!(story.runs(), runs[2..]);
}

#[test]
fn clean_takes_no_run_from_under_its_process() {
    let server = Server::start();
    server.when("do a", [Act::Hold]);
    let story = Story::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    let running = story.spawn();
    server.wait_for(1);
    let run = story.runs().remove(0);
    story.args(["clean", "--all", "--force"]).run().exits(0).says("a process holds it");
    story.args(["clean", &run, "--force"]).run().exits(2).says("a process holds it");
    story.args(["clean", "--workspace", "x.yaml", "--force"]).run().exits(2).says("is not removed");
    story.args(["runs"]).run().exits(0).prints("running");
    server.release();
    running.wait().exits(0).file_has(&output("a"), "echo");
}

#[test]
fn clean_leaves_what_did_not_come_from_a_run() {
    let server = Server::start();
    let story = Story::new().file("x.yaml", orchestra("", &["name: a, description: do a"])).server(&server).args(RUN);
    story.run().exits(0);
    let mine = "orchestra_workspaces/x/mine.txt";
    story.file(mine, "mine").args(["clean", "--workspace", "x.yaml"]).run().exits(0).file_is(mine, "mine").says("kept");
    assert!(!story.path(&output("a")).exists());
}
