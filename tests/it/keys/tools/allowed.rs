//! Commands that an author allows: what they do, and what a model cannot make them do besides.

use std::process::Command;

use serde_json::{Value, json};

use super::{calls, told};
use crate::project::{Project, RUN};
use crate::server::{Act, Server};

/// A project whose agent may run what begins so.
fn project(server: &Server, allow: &str) -> Project {
    let text = format!(
        "orchestra: {{id: x, reuse: false}}\n\
         agents: [{{name: writer, tools: [write_file, {{name: run_command, allow: {allow}}}]}}]\n\
         tasks: [{{name: a, agent: writer, description: do a}}]\n"
    );
    Project::new().file("x.yaml", text).server(server).args(RUN)
}

/// What a model is told that makes these calls.
fn answers(server: &Server, project: &Project, wanted: &[(&str, Value)]) -> Vec<String> {
    let ids: Vec<String> = (0..wanted.len()).map(|n| format!("c{n}")).collect();
    let wanted: Vec<_> = ids.iter().zip(wanted).map(|(id, (tool, args))| (&**id, *tool, args.clone())).collect();
    server.when("task: do a", [calls(&wanted), Act::Text("done".into())]);
    project.run().exits(0);
    told(server)
}

fn command(argv: &[&str]) -> (&'static str, Value) {
    ("run_command", json!({ "argv": argv }))
}

/// Makes the project a repository with a file, whose settings and hooks leave marks.
fn repository(project: &Project) {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(project.path(".")).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        let identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "core.hooksPath=/dev/null"];
        assert!(git.args(identity).args(arguments).status().unwrap().success(), "{arguments:?}");
    };
    git(&["init", "-q"]);
    let project = &project.file("a.txt", "a line\n");
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    for name in ["core.pager", "core.editor", "core.fsmonitor", "sequence.editor", "core.askPass", "core.sshCommand"] {
        git(&["config", name, &format!("touch '{}' #", project.path(&format!("ran-{name}")).display())]);
    }
    git(&["config", "core.hooksPath", "hooks"]);
    for hook in ["pre-commit", "post-commit", "post-index-change", "prepare-commit-msg", "post-checkout"] {
        let project = project
            .file(&format!("hooks/{hook}"), format!("#!/bin/sh\ntouch '{}'\n", project.path("ran-hook").display()));
        make_executable(&project, &format!("hooks/{hook}"));
    }
}

fn make_executable(project: &Project, path: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(project.path(path), std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn marks(project: &Project) -> Vec<String> {
    let names = std::fs::read_dir(project.path(".")).unwrap().flatten();
    names.map(|entry| entry.file_name().into_string().unwrap()).filter(|name| name.starts_with("ran-")).collect()
}

#[test]
fn an_allowed_program_runs_no_other_by_its_options() {
    let server = Server::start();
    let project = project(&server, "[[git, grep], [git, log], [find], [sort], [env], [python3]]");
    repository(&project);
    let refused: &[&[&str]] = &[
        &["git", "grep", "--open-files-in-pager=touch ran-x", "a"],
        &["git", "grep", "--open=touch ran-x", "a"],
        &["git", "grep", "-Otouch ran-x", "a"],
        &["git", "log", "--output=ran-x"],
        &["find", ".", "-name", "a.txt", "-exec", "touch", "ran-x", ";"],
        &["sort", "-oran-x", "a.txt"],
        &["env", "touch", "ran-x"],
        &["python3", "-c", "open('ran-x', 'w')"],
    ];
    let told = answers(&server, &project, &refused.iter().map(|argv| command(argv)).collect::<Vec<_>>());
    for (argv, answer) in refused.iter().zip(&told) {
        assert!(answer.contains(" is not run: ") && answer.contains("letter for letter"), "{argv:?}: {answer}");
    }
    let pager = r#""git grep --open-files-in-pager=touch ran-x a" is not run: "--open-files-in-pager=touch ran-x" runs a pager"#;
    assert!(told[0].contains(pager), "{}", told[0]);
    assert_eq!(marks(&project), [""; 0]);
    let told = answers(
        &server,
        &project,
        &[command(&["git", "grep", "-n", "line"]), command(&["find", ".", "-name", "a.txt"])],
    );
    assert!(told[0].contains("a.txt:1:a line") && told[1].contains("./a.txt"), "{told:?}");
}

#[test]
fn what_the_author_names_letter_for_letter_is_run() {
    let server = Server::start();
    let project = project(&server, "[[find, ., -name, a.txt, -exec, cat, '{}', ;]]").file("a.txt", "the content");
    let told = answers(&server, &project, &[command(&["find", ".", "-name", "a.txt", "-exec", "cat", "{}", ";"])]);
    assert!(told[0].contains("the content"), "{told:?}");
}

#[test]
fn the_settings_and_hooks_of_a_repository_start_nothing() {
    let server = Server::start();
    let project = project(
        &server,
        "[[git, status], [git, -c, user.name=x, -c, user.email=x@y, commit], [git, log], [git, diff]]",
    );
    repository(&project);
    let project = project.file("a.txt", "another line\n");
    let commit = ["git", "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-a", "-m", "second"];
    let wanted = [
        command(&["git", "status"]),
        command(&["git", "diff"]),
        command(&commit),
        command(&["git", "log", "--oneline"]),
    ];
    let told = answers(&server, &project, &wanted);
    assert!(told[0].contains("modified") && told[1].contains("+another line"), "{told:?}");
    assert!(told[2].contains("exit code 0") && told[3].contains("second"), "{told:?}");
    assert_eq!(marks(&project), [""; 0]);
}

#[test]
fn plain_files_that_a_model_wrote_are_no_repository() {
    let server = Server::start();
    let project = project(&server, "[[git, status]]");
    let mark = project.path("ran-fake");
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = \"touch '{}' #\"\n",
        mark.display()
    );
    let write = |path: &str, content: &str| ("write_file", json!({"path": path, "content": content}));
    let wanted = [
        write("fake/HEAD", "ref: refs/heads/main\n"),
        write("fake/config", &config),
        write("fake/objects/x", ""),
        write("fake/refs/x", ""),
        ("run_command", json!({"argv": ["git", "status"], "directory": "fake"})),
    ];
    let told = answers(&server, &project, &wanted);
    assert!(told[4].contains("bare repository"), "{told:?}");
    assert_eq!(marks(&project), [""; 0]);
}

#[test]
fn an_entry_that_amounts_to_a_shell_is_warned_of_with_its_place() {
    let server = Server::start();
    let project = project(&server, "[[git, log], [bash], [env], [git], [python3, -m, pytest]]");
    let ended = project.args(["validate", "x.yaml"]).run().exits(0).prints("ok: x.yaml");
    let ended = ended.says("warning: `[bash]` lets the agent run any program: it is a shell");
    let ended = ended.says("^ as good as a shell").says("x.yaml:2:").says("`[env]` lets").says("`[git]` lets");
    ended.does_not_say("pytest]` lets").does_not_say("`[git, log]` lets");
    // A run says so too, and goes on.
    project.args(RUN).run().exits(0).says("warning: `[bash]` lets the agent run any program");
}
