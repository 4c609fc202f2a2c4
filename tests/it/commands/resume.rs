//! What a resume makes of a journal, a workspace or a file that is not as the run left it.

use serde_json::json;

use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const CHAIN: [&str; 3] = ["name: a, description: do a", "name: b, description: do b", "name: c, description: do c"];

fn chain(server: &Server) -> Project {
    Project::new().file("x.yaml", orchestra("retry_strategy: none", &CHAIN)).server(server).args(RUN)
}

/// A run whose last task has failed. The next calls succeed.
fn unfinished(server: &Server) -> Project {
    server.when("Your task: do c", [Act::Status { code: 500, headers: vec![], body: String::new() }]);
    chain(server).run().exits(1).project
}

fn resume(project: &Project, flags: &[&str]) -> Project {
    project.args(["resume"]).and(flags.iter().copied())
}

fn calls(server: &Server) -> [usize; 3] {
    ["do a", "do b", "do c"].map(|task| server.calls(task))
}

#[test]
fn a_torn_last_line_is_dropped_with_a_note() {
    let server = Server::start();
    let project = unfinished(&server);
    let path = project.journal_path();
    let text = project.read(&path).unwrap();
    resume(&project.file(&path, format!("{text}{{\"seq\":99,\"at_")), &[])
        .run()
        .exits(0)
        .says("the journal's last line was cut off and is dropped")
        .file_has(RESULT, "echo");
    assert_eq!(calls(&server), [1, 1, 2]);
    assert!(project.journal().iter().zip(1..).all(|(record, seq)| record["seq"] == seq));
}

#[test]
fn any_other_damage_is_named_and_nothing_is_guessed() {
    let server = Server::start();
    let project = unfinished(&server);
    let path = project.journal_path();
    let lines: Vec<String> = project.read(&path).unwrap().lines().map(str::to_owned).collect();
    let with = |line: usize, text: &str| {
        let mut lines = lines.clone();
        text.clone_into(&mut lines[line - 1]);
        lines.join("\n") + "\n"
    };
    let swapped = lines[5].clone();
    for (text, words) in [
        (with(3, &lines[2][..20]), "line 3 of the journal is damaged"),
        (with(4, "\0\0\0\0"), "line 4 of the journal is damaged"),
        (with(5, &swapped), "line 5 of the journal is damaged: it has number 6 where 5 belongs"),
        (with(2, ""), "line 2 of the journal is damaged"),
        (with(1, &lines[1]), "line 1 of the journal is damaged"),
        (with(1, &lines[0].replace("\"format\":3", "\"format\":4")), "use a newer orch"),
        (with(1, "{\"seq\":1,\"type\":\"run_started\",\"format\":7,\"other\":[]}"), "use a newer orch"),
    ] {
        let project = project.file(&path, &text);
        resume(&project, &[]).run().exits(1).says(words).file_is(&path, &text).no_file(RESULT);
    }
    assert_eq!(calls(&server), [1, 1, 1]);
}

#[test]
fn what_a_newer_version_has_written_is_kept_and_said() {
    let server = Server::start();
    let project = unfinished(&server);
    let path = project.journal_path();
    let journal = project.read(&path).unwrap();
    let next = journal.lines().count() + 1;
    let with = |event: &str| format!("{journal}{{\"seq\":{next},\"at_ms\":0,\"mono_us\":0,{event}}}\n");
    for (text, words) in [
        // As the last line too, where a kill leaves a torn one.
        (with("\"type\":\"weather_changed\",\"to\":1"), "holds an event, `weather_changed`, that this version"),
        (with("\"task\":\"a\",\"type\":\"task_omitted\",\"reason\":\"weather\""), "holds an event, `task_omitted`"),
        (with("\"type\":\"run_resumed\",\"format\":4,\"more\":1"), "has format 4"),
        (journal.replacen("\"type\":\"task_started\"", "\"type\":\"x\"", 1).replacen("attempt_started", "x", 1), "`x`"),
    ] {
        let project = project.file(&path, &text);
        resume(&project, &[]).run().exits(1).says(words).says("newer orch").file_is(&path, &text).no_file(RESULT);
        project.args(["show"]).run().exits(1).says("newer orch").file_is(&path, &text);
        project.args(["runs"]).run().exits(0).prints("  newer  ").says("newer orch");
        project.args(["clean", "--all"]).run().says("kept").file_is(&path, &text);
    }
    // One that the version before has begun goes on.
    let older = journal.replacen("\"format\":3", "\"format\":2", 1);
    let project = project.file(&path, older);
    resume(&project, &["--trust"]).run().exits(0);
    let resumed = project.journal().into_iter().find(|record| record["type"] == "run_resumed").unwrap();
    assert_eq!(resumed["format"], 3);
}

#[test]
fn an_output_that_was_changed_by_hand_is_not_written_over_unasked() {
    let server = Server::start();
    let project = unfinished(&server);
    for task in ["b", "c"] {
        // One that the run has made, and the one that it could not make.
        let project = project.file(&output(task), "mine");
        let refused = resume(&project, &[]).run().exits(2);
        refused.says(&format!("{task}_output.txt was changed")).says("--force").file_is(&output(task), "mine");
        std::fs::remove_file(project.path(&output(task))).unwrap();
    }
    assert_eq!(calls(&server), [1, 1, 1]);
    let project = project.file(&output("a"), "mine").file(&output("b"), "mine").file(&output("c"), "mine");
    resume(&project, &["--force"])
        .run()
        .exits(0)
        .file_has(&output("a"), "echo")
        .file_has(&output("b"), "echo")
        .file_has(&output("c"), "echo");
    assert_eq!(calls(&server), [1, 1, 2]);
}

#[test]
fn an_output_that_is_gone_is_written_again_without_a_call() {
    let server = Server::start();
    server.plays("do a", "Alpha");
    let project = unfinished(&server);
    std::fs::remove_dir_all(project.path("orchestra_workspaces")).unwrap();
    resume(&project, &[]).run().exits(0).file_is(&output("a"), "Alpha");
    assert_eq!(calls(&server), [1, 1, 2]);
}

#[test]
fn a_file_that_has_changed_is_refused_unless_that_is_accepted() {
    let server = Server::start();
    let project = unfinished(&server);
    let changed = [CHAIN[0], "name: b, description: do b better", CHAIN[2]];
    let project = project.file("x.yaml", orchestra("retry_strategy: none", &changed));
    resume(&project, &[]).run().exits(2).says("has changed since the run started, in `b`").says("--accept-changes");
    assert_eq!(server.seen().len(), 3);
    resume(&project, &["--accept-changes"]).run().exits(0).says("1 of 3 done");
    assert_eq!((calls(&server), server.calls("do b better")), ([1, 1, 2], 1));
}

#[test]
fn a_change_makes_again_what_depends_on_it_and_nothing_else() {
    let server = Server::start();
    let tasks = |word: &str| {
        let a = format!("name: a, description: do a{word}");
        let rest =
            ["name: b, description: do b, context: [a]", "name: c, description: do c", "name: d, description: do d"];
        orchestra("strategy: parallel, retry_strategy: none", &[&a, rest[0], rest[1], rest[2]])
    };
    server.when("Your task: do d", [Act::Status { code: 500, headers: vec![], body: String::new() }]);
    let project = Project::new().file("x.yaml", tasks("")).server(&server).args(RUN);
    project.run().exits(1);
    let project = project.file("x.yaml", tasks(" anew"));
    resume(&project, &["--accept-changes"]).run().exits(0);
    assert_eq!((calls(&server), server.calls("do a anew"), server.calls("do d")), ([1, 2, 1], 1, 2));
}

#[test]
fn a_task_more_or_less_is_another_run() {
    let server = Server::start();
    let project = unfinished(&server);
    let more = [CHAIN[0], CHAIN[1], CHAIN[2], "name: d, description: do d"];
    let project = project.file("x.yaml", orchestra("retry_strategy: none", &more));
    resume(&project, &["--accept-changes"]).run().exits(2).says("`d` is new");
    let project = project.file("x.yaml", orchestra("retry_strategy: none", &CHAIN[1..]));
    resume(&project, &[]).run().exits(2).says("`a` is gone");
}

#[test]
fn waits_and_places_may_change_freely() {
    let server = Server::start();
    let project = unfinished(&server);
    resume(&project.file("x.yaml", orchestra("task_timeout_seconds: 77", &CHAIN)), &[]).run().exits(0);
    assert_eq!(calls(&server), [1, 1, 2]);
}

#[test]
fn with_nothing_unfinished_there_is_nothing_to_resume() {
    let server = Server::start();
    let project = chain(&server).run().exits(0).project;
    let first = project.runs()[0].clone();
    let result = project.read(RESULT).unwrap();
    resume(&project, &[]).run().exits(0).says("nothing to resume");
    // By name too, whatever has become of the file and of the workspace since.
    let second = project.and(["--only", "a"]).run().exits(0).project.file("x.yaml", "tasks: []\n");
    let after = second.read(&output("a"));
    let ended = resume(&second, &[&first]).run().exits(0).says("nothing to resume");
    assert_eq!((ended.project.read(&output("a")), ended.stdout.as_str()), (after, ""));
    assert_eq!(server.seen().len(), 4);
    assert!(result.contains("echo"));
}

#[test]
fn a_resume_without_a_model_leaves_everything_as_it_is() {
    let server = Server::start();
    let project = unfinished(&server);
    let outputs = |project: &Project| ["a", "b", "c"].map(|task| project.read(&output(task)));
    let (before, journal) = (outputs(&project), project.journal());
    resume(&project.env("OPENAI_BASE_URL", "").env("ANTHROPIC_BASE_URL", ""), &[])
        .run()
        .exits(2)
        .says("no model is configured");
    assert_eq!((outputs(&project), project.journal()), (before, journal));
}

#[cfg(debug_assertions)]
#[test]
fn a_resume_that_is_killed_before_it_shows_an_output_is_resumed_all_the_same() {
    for number in 1..25 {
        let server = Server::start();
        let project = unfinished(&server);
        resume(&project, &[]).disk(format!("kill:{number}")).run();
        resume(&project, &[]).run().exits(0).file_has(&output("c"), "echo");
        assert!(project.read(RESULT).unwrap().contains("echo") && calls(&server)[..2] == [1, 1], "kill:{number}");
    }
}

fn project_of(server: &Server, execution: &str, tasks: &[&str]) -> Project {
    Project::new().file("x.yaml", orchestra(execution, tasks)).server(server).args(RUN)
}

fn unauthorized() -> Act {
    Act::error(401, &json!({"error": {"message": "bad key", "code": "invalid_api_key"}}))
}

const BRANCHES: [&str; 4] = [
    "name: bad, description: do bad",
    "name: good, description: do good",
    "name: after_bad, description: do after_bad, context: [bad, good]",
    "name: after_good, description: do after_good, context: [good]",
];

#[test]
fn a_resume_makes_only_what_failed() {
    let server = Server::start();
    server.when("do bad", [unauthorized()]);
    server.plays("do after_bad", "All");
    let ended = project_of(&server, "strategy: parallel", &BRANCHES).run().exits(1);
    ended.project.args(["resume"]).run().exits(0).says("2 of 4 done").file_has(RESULT, "All");
    assert_eq!(
        ["bad", "good", "after_bad", "after_good"].map(|task| server.calls(&format!("do {task}"))),
        [2, 1, 1, 1]
    );
}
