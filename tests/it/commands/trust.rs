//! The question of trust: what a project's files make orch do outside of them happens after a yes, and not before.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::commands::stranger::{hostile, marks};
use crate::project::{Project, RUN, orchestra};
use crate::server::{Act, Server};

const LIST: &str = "programs that run:\n  touch mark_task  (does a task)\nvariables that are given away:\n  \
                    THE_KEY to http://";

/// A project that gives a key to a server and runs a program, and whose user was not asked yet.
fn project(server: &Server) -> Project {
    let text = format!(
        "orchestra: {{id: x, reuse: false}}\n\
         models: {{m: {{provider: openai, base_url: '{}', model: m, api_key_env: THE_KEY}}}}\n\
         agents: [{{name: a, role: analyst, model: m}}]\n\
         tasks:\n  - {{name: x, agent: a, description: do x}}\n  - {{name: z, run: [touch, mark_task]}}\n",
        server.openai()
    );
    let path = std::env::var("PATH").unwrap();
    Project::new().untrusted().file("x.yaml", text).env("PATH", path).env("THE_KEY", "key-0123456789").args(RUN)
}

fn has_run(project: &Project, server: &Server) -> bool {
    assert_eq!(marks(project).is_empty(), server.seen().is_empty());
    !marks(project).is_empty()
}

#[test]
fn without_a_terminal_a_run_is_refused_with_the_list_and_the_flag() {
    let server = Server::start();
    let project = project(&server);
    let ended = project.stdin("y\n").run().exits(2).prints_exactly("").says(LIST).says("addresses that are called:");
    ended.says("results").says("give --trust").says("ORCH_TRUST=1").says("not trusted");
    assert!(!has_run(&project, &server) && project.runs().is_empty());
    assert!(!project.state("orch").exists(), "a question is no answer");
    for no in ["", "0", "false"] {
        project.env("ORCH_TRUST", no).run().exits(2);
    }
    project.env("ORCH_TRUST", "1").run().exits(0);
    project.run().exits(2);
}

#[test]
fn a_strangers_project_does_nothing_before_it_is_trusted() {
    let server = Server::start();
    let project = hostile(&server).untrusted();
    let run = ["run", "stranger", "--goal", "Say hello to the user"];
    let commands: [&[&str]; 3] = [&["doctor", "--connect"], &run, &["resume", "--accept-changes", "--force"]];
    // The latest of its runs is not finished.
    let journal = project.journal_path();
    let text = project.read(&journal).unwrap();
    let unfinished =
        text.split_inclusive('\n').take(1).collect::<String>().replace("\"rehearsal\":true", "\"rehearsal\":false");
    assert_ne!(unfinished, text);
    let project = project.file(&journal, unfinished);
    for command in commands {
        let ended =
            project.args(command.iter().copied()).run().exits(2).says("--trust").says("AWS_SECRET_ACCESS_KEY to ");
        assert!(!(ended.stdout + &ended.stderr).contains("canary"));
        assert!(marks(&project).is_empty() && server.seen().is_empty(), "{command:?}");
    }
    // A rehearsal reaches nobody, and a dry run shows what a run would do.
    project.args(run).and(["--rehearse"]).run().exits(0);
    let shown = project.args(run).and(["--dry-run"]).run().exits(0);
    for part in [
        "  ./bin/claude  (as a model)\n",
        "  sh -c \"touch mark_key; echo key\"  (the key of a model)\n",
        "  touch ...  (a model may run what begins so)\n",
        "  touch mark_check  (checks a task)\n",
        "  touch mark_server  (as an MCP server)\n",
        "  touch mark_task  (does a task)\n",
        "  ANTHROPIC_* to the program ./bin/claude  (as a model)\n",
        "  orchestra_workspaces/stranger  (results)\n",
    ] {
        assert!(shown.stdout.contains(part), "{part}\n{}", shown.stdout);
    }
    assert!(marks(&project).is_empty() && server.seen().is_empty());
}

#[test]
fn what_is_trusted_is_kept_for_this_project_until_its_files_name_more() {
    let server = Server::start();
    let first = project(&server);
    first.and(["--trust"]).run().exits(0).does_not_say("programs that run");
    assert!(has_run(&first, &server));
    first.run().exits(0);
    assert!(first.state("orch/trust").is_dir());

    // A file that names less, or says it in another way, is no news.
    let text = first.read("x.yaml").unwrap();
    first
        .file("x.yaml", text.replace("do x", "do y").replace("  - {name: z, run: [touch, mark_task]}\n", ""))
        .run()
        .exits(0);
    let more = format!("{text}  - {{name: w, run: [touch, mark_more]}}\n");
    let ended = first.file("x.yaml", &more).run().exits(2).says("have changed").says("touch mark_more");
    ended.does_not_say("touch mark_task").does_not_say("THE_KEY to");
    // The same key for another host is another thing.
    let other = Server::start();
    let elsewhere = text.replace(&server.openai(), &other.openai());
    first.file("x.yaml", elsewhere).run().exits(2).says("THE_KEY to").does_not_say("touch mark_task");
    assert!(other.seen().is_empty());

    // The same files in another folder, and for another user.
    let copy = project(&server);
    copy.run().exits(2);
    first.file("x.yaml", &text).run().exits(0);
    first.of_another_user().run().exits(2);
    first.args(["trust", "--revoke"]).run().exits(0).prints("nothing of this project is trusted any more");
    first.run().exits(2).says(LIST);
}

#[test]
fn a_run_goes_on_only_while_its_files_are_trusted() {
    let server = Server::start();
    let project = project(&server);
    server.when("do x", [Act::error(400, &serde_json::json!({"error": {"message": "no"}}))]);
    project.and(["--trust"]).run().exits(1);
    let seen = server.seen().len();
    let text = project.read("x.yaml").unwrap();
    let resume = project.args(["resume", "--accept-changes"]);
    resume.file("x.yaml", text.replace("mark_task", "mark_other")).run().exits(2).says("touch mark_other");
    assert_eq!((server.seen().len(), marks(&project).len()), (seen, 0));
    resume.file("x.yaml", &text).run().exits(0);
    assert!(has_run(&project, &server));
}

#[test]
fn vendors_with_their_own_keys_need_no_question() {
    let server = Server::start();
    let text = orchestra("", &["name: a, description: do a, output: {file: made.txt}"]);
    let project =
        Project::new().untrusted().file("x.yaml", text).server(&server).env("OPENAI_API_KEY", "key-0123456789");
    project.args(RUN).run().exits(0).no_file(".local");
    assert!(!project.state("orch/trust").exists());
    let shown = project.args(RUN).and(["--dry-run"]).run().exits(0);
    shown
        .prints("besides: nothing but vendors at their own addresses with their own keys\n")
        .prints("  made.txt  (results)\n");
    project.args(["trust", "x.yaml"]).run().exits(0).prints("nothing of this needs trust");
    assert!(!project.state("orch/trust").exists());
    // A file that a program obeys unasked is no plain result.
    let hook = orchestra("", &["name: a, description: do a, output: {file: .envrc}"]);
    project.file("x.yaml", hook).args(RUN).run().exits(2).says("  .envrc  (results)\n").no_file(".envrc");
}

#[test]
fn a_replay_calls_no_model_and_asks_for_what_it_does_run() {
    let server = Server::start();
    let project = project(&server);
    project.and(["--trust", "--record", "tape"]).run().exits(0);
    let other = project.of_another_user();
    let ended = other.and(["--replay", "tape"]).run().exits(2).says("touch mark_task").does_not_say("THE_KEY to");
    ended.does_not_say("addresses that are called");
    let text = project.read("x.yaml").unwrap().replace("  - {name: z, run: [touch, mark_task]}\n", "");
    other.file("x.yaml", text).and(["--replay", "tape"]).run().exits(0);
}

#[test]
fn trust_can_be_given_and_shown_before_a_run() {
    let server = Server::start();
    let project = project(&server);
    let show = project.args(["trust", "--show", "x.yaml"]);
    show.run().exits(0).prints("  new: touch mark_task").prints("not trusted; `orch trust` trusts it");
    assert!(!project.state("orch").exists());
    project.args(["trust", "x.yaml"]).run().exits(0).prints("  new: THE_KEY to").prints("trusted\n");
    show.run().exits(0).prints("  touch mark_task").prints("\ntrusted\n");
    assert!(!has_run(&project, &server), "to trust is not to run");
    project.run().exits(0);
    project.file("y.yaml", "task: []\n").args(["trust", "y.yaml"]).run().exits(2).says("mend them");
    project.args(["trust"]).run().exits(2);
}

#[test]
fn the_shipped_orchestras_need_no_question() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(root.join("orchestras")).unwrap().flatten() {
        let name = format!("orchestras/{}", file.file_name().to_str().unwrap());
        let project = Project::new().untrusted().file(&name, std::fs::read(file.path()).unwrap());
        project.args(["trust", "--show", &name]).run().exits(0).prints("nothing of this needs trust");
    }
}

/// Runs in a terminal, types `answer` at the question, and returns the exit code and what the terminal shows.
fn typed(project: &Project, answer: &str) -> (Option<i32>, String) {
    let terminal = nix::pty::openpty(None, None).unwrap();
    let slave = File::from(terminal.slave);
    let mut command = project.env("TERM", "dumb").command();
    command.stdin(slave.try_clone().unwrap()).stderr(slave).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    // What is open here keeps the terminal from ending.
    drop(command);
    let mut master = File::from(terminal.master);
    let (sender, shown) = mpsc::channel();
    let mut reader = master.try_clone().unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        // A terminal whose other end is closed is an error to read.
        while let Ok(read @ 1..) = reader.read(&mut bytes) {
            let _ = sender.send(String::from_utf8_lossy(&bytes[..read]).into_owned());
        }
    });
    let mut screen = String::new();
    let mut is_asked = false;
    while let Ok(more) = shown.recv_timeout(Duration::from_secs(120)) {
        screen += &more;
        if screen.contains("[y/N] ") && !is_asked {
            is_asked = true;
            master.write_all(answer.as_bytes()).unwrap();
        }
    }
    (child.wait().unwrap().code(), screen)
}

#[test]
fn a_person_at_a_terminal_is_asked_once() {
    let server = Server::start();
    let project = project(&server);
    for no in ["n\n", "\n", "yeah\n", "\u{4}"] {
        let (code, screen) = typed(&project, no);
        assert_eq!(code, Some(2), "{screen}");
        assert!(screen.replace("\r\n", "\n").contains(LIST) && screen.contains("so nothing was run"), "{screen}");
        assert!(!has_run(&project, &server), "{no:?}");
    }
    let (code, screen) = typed(&project, "y\n");
    assert_eq!((code, screen.matches("[y/N]").count()), (Some(0), 1), "{screen}");
    assert!(has_run(&project, &server));
    let (code, screen) = typed(&project, "n\n");
    assert_eq!((code, screen.contains("[y/N]")), (Some(0), false), "{screen}");
    project.run().exits(0);
}
