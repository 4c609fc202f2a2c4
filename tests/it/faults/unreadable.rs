//! What cannot be read is never told as nothing there, and never waited for.

use std::fs;
use std::path::Path;

use crate::project::{Project, RUN, orchestra};
use crate::server::Server;

const EIO: &str = "Input/output error";

/// A project with one finished run.
fn finished(server: &Server) -> Project {
    let text = orchestra("", &["name: a, description: do a"]);
    let project = Project::new().file("x.yaml", text).server(server).args(RUN);
    project.run().exits(0);
    project
}

/// Every command that looks at the project's runs.
const LOOKS: [&[&str]; 7] =
    [&["resume"], &["runs"], &["runs", "--json"], &["show"], &["why", "a"], &["clean", "--all"], &["diff", "1", "2"]];

fn replace_by_pipe(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
}

#[cfg(debug_assertions)]
#[test]
fn a_folder_of_runs_that_cannot_be_listed_is_named_by_every_command() {
    let server = Server::start();
    let project = finished(&server);
    for (errno, cause) in [(5, EIO), (24, "Too many open files")] {
        let failing = project.disk(format!("fail-read:runs:{errno}"));
        for command in LOOKS {
            let ended = failing.args(command.iter().copied()).run().exits(1).prints_exactly("");
            ended.says(".orchestra/runs cannot be listed").says(cause).does_not_say("nothing to resume");
        }
    }
    project.args(["runs"]).run().exits(0).prints("succeeded");
}

#[test]
fn something_else_in_place_of_the_folder_of_runs_is_no_empty_folder() {
    for place in [".orchestra", ".orchestra/runs"] {
        let server = Server::start();
        let project = finished(&server);
        let path = project.path(place);
        fs::remove_dir_all(&path).unwrap();
        fs::write(&path, "").unwrap();
        for command in LOOKS {
            project.args(command.iter().copied()).run().exits(1).says(".orchestra/runs cannot be listed");
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        for command in LOOKS {
            project.args(command.iter().copied()).run().exits(1).says("cannot be listed");
        }
    }
}

#[test]
fn a_run_without_a_whole_line_never_began_and_is_named() {
    for (text, what) in [(None, "missing"), (Some(""), "empty"), (Some("{\"seq\":1,\"ty"), "cut off in its first line")]
    {
        let server = Server::start();
        let project = finished(&server);
        let run = project.runs()[0].clone();
        let journal = project.path(&project.journal_path());
        fs::remove_file(&journal).unwrap();
        if let Some(text) = text {
            fs::write(&journal, text).unwrap();
        }
        for command in [&["resume"][..], &["show"], &["why", "a"], &["diff", &run, &run]] {
            let ended = project.args(command.iter().copied()).run().exits(1);
            ended.says(&run).says(what).says("never began");
        }
        project.args(["runs"]).run().exits(0).prints("empty").says(&run).says("never began").says(what);
        // One that is finished beside it does not hide it, and one that is not is resumed with a word about it.
        fs::create_dir(project.path(".orchestra/runs/run_20000101_000000_0001")).unwrap();
        project.args(["clean", &run]).run().exits(0);
        project.args(["resume"]).run().exits(1).says("run_20000101_000000_0001").says("never began");
    }
}

#[test]
fn a_newer_run_that_never_began_is_named_when_an_older_one_is_resumed() {
    let server = Server::start();
    let project = finished(&server);
    let journal = project.read(&project.journal_path()).unwrap();
    let first_line = journal.split_inclusive('\n').next().unwrap();
    let project = project.file(&project.journal_path(), first_line);
    let older = project.runs()[0].clone();
    fs::create_dir(project.path(".orchestra/runs/run_29991231_000000_0001")).unwrap();
    let ended =
        project.args(["resume", "--force"]).run().exits(0).says("run_29991231_000000_0001 never began").says("missing");
    assert_eq!(ended.project.journalled("task_succeeded").len(), 0, "the newest has no journal");
    project.args(["show", &older]).run().exits(0).prints("1 of 1 done");
}

#[cfg(debug_assertions)]
#[test]
fn a_journal_that_cannot_be_read_is_an_error_of_every_command() {
    let server = Server::start();
    let project = finished(&server);
    let run = project.runs()[0].clone();
    let failing = project.disk("fail-read:journal.jsonl:5");
    for command in [&["resume"][..], &["show"], &["why", "a"], &["diff", &run, &run], &["runs"]] {
        failing.args(command.iter().copied()).run().exits(1).says(&run).says(EIO);
    }
    failing.args(["clean", &run]).run().exits(1).says(EIO);
    failing.args(["clean", "--all"]).run().exits(1).says(&run).says(EIO).prints("removed in all: 0 runs");
    // What is only looked into for outputs to use again is passed over with a word.
    failing.args(RUN).and(["--only", "a"]).run().exits(0);
    assert_eq!(project.runs().len(), 2);
}

#[cfg(debug_assertions)]
#[test]
fn orchestras_that_cannot_be_listed_are_not_none() {
    let text = orchestra("", &["name: a, description: do a"]);
    let project = Project::new().file("orchestras/x.yaml", text).disk("fail-read:orchestras:5");
    for command in [&["list"][..], &["validate"], &["graph", "y"], &["run", "y"], &["doctor", "--offline"]] {
        project.args(command.iter().copied()).run().exits(1).says("orchestras cannot be listed").says(EIO);
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_at_once() {
    let server = Server::start();
    let project = finished(&server);
    let run = project.runs()[0].clone();
    replace_by_pipe(&project.path(&project.journal_path()));
    let refused = "it is not a regular file";
    for command in [&["resume"][..], &["runs"], &["show"], &["why", "a"], &["diff", &run, &run]] {
        project.args(command.iter().copied()).run().exits(1).says(&run).says(refused);
    }
    project.args(["clean", &run]).run().exits(1).says(refused);
    for lock in ["lock", "journal.jsonl"] {
        let project = finished(&server);
        let run = project.runs()[0].clone();
        replace_by_pipe(&project.path(&format!(".orchestra/runs/{run}/{lock}")));
        let ended = project.args(["resume", &run]).run();
        assert!(matches!(ended.code(), Some(1 | 2)) && ended.stderr.contains(refused), "{lock}: {}", ended.stderr);
        project.args(["clean", "--force", &run]).run();
    }
}

#[test]
fn a_pipe_or_a_device_in_place_of_what_a_run_reads_is_refused_at_once() {
    let refused = "it is not a regular file";
    let text = orchestra("", &["name: a, description: do a"]);
    let schema = orchestra("", &["name: a, description: do a, output: {schema: s.json}"]);
    let script = ["--rehearse", "--script", "p"];
    let cases: [(&str, &str, Vec<&str>); 7] = [
        (&text, "orchestras/x_orchestra.yaml", vec!["run", "x"]),
        (&text, "p", vec!["validate", "./p"]),
        (&text, "agents/developer.yaml", vec!["run", "x.yaml"]),
        (&schema, "s.json", vec!["run", "x.yaml"]),
        (&text, "p", vec!["run", "x.yaml", "--goal", "@p"]),
        (&text, "p", [&RUN[..], &script].concat()),
        (&text, "p", [&RUN[..], &["--replay", "p"]].concat()),
    ];
    for (text, pipe, arguments) in cases {
        let server = Server::start();
        let project = Project::new().file("x.yaml", text).file(pipe, "").server(&server);
        replace_by_pipe(&project.path(pipe));
        project.args(arguments.clone()).run().exits(2).says(refused);
        fs::remove_file(project.path(pipe)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", project.path(pipe)).unwrap();
        let ended = project.args(arguments).run().exits(2);
        assert!(ended.stderr.contains(refused) || ended.stderr.contains("leads out"), "{pipe}: {}", ended.stderr);
        assert!(server.seen().is_empty());
    }
}

#[test]
fn a_pipe_in_place_of_what_a_run_keeps_does_not_stop_it() {
    let server = Server::start();
    let long = "0123456789\n".repeat(20_000);
    server.plays("do a", &long);
    let project = finished(&server);
    replace_by_pipe(&project.path(".orchestra/reuse.jsonl"));
    project.args(RUN).run().exits(0).says("earlier results are not used").says("it is not a regular file");
    let mut files = project.files().into_iter();
    let (object, _) = files.find(|(path, _)| path.to_string_lossy().contains("/objects/")).unwrap();
    replace_by_pipe(&object);
    project.args(["show", "--task", "a"]).run().exits(1).says("it is not a regular file");
    fs::remove_file(project.path(".orchestra/reuse.jsonl")).unwrap();
    project.args(RUN).run().exits(0);
    assert!(object.is_file(), "it was made anew");
}
