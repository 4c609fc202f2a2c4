//! A pipe, a folder or a device in place of each file that orch reads: every command ends at once, and those that need
//! the file say what stands there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::project::Project;
use crate::server::{Act, Server};

/// Each file that is read has its place in this orchestra.
const ORCHESTRA: &str = "orchestra: {id: x}
limits: {max_api_calls: 50}
tasks:
  - name: a
    agent: developer
    description: do a
    reads: [in.txt]
    writes: [out.txt]
    output: {schema: s.json}
  - {name: c, agent: writer, description: do c}
  - {name: b, agent: writer, description: do b, verify: [{file: out.txt}]}
";

const PLAYBOOK: &str = "name: developer\nrole: Developer\n";

/// Every command, and those of its flags that read files of their own. What removes things comes last.
const COMMANDS: [&str; 22] = [
    "list",
    "validate",
    "graph x",
    "schema",
    "completions bash",
    "doctor --offline",
    "create y",
    "run x --goal @goal.md --dry-run",
    "run x --goal @goal.md",
    "run x --goal @goal.md --rehearse --script script.yaml",
    "run x --goal @goal.md --replay tape.jsonl",
    "runs",
    "show RUN",
    "show RUN --task a",
    "why a RUN",
    "diff RUN RUN",
    "resume RUN",
    "resume --force RUN",
    "clean --all --dry-run",
    "clean --reuse",
    "clean --workspace x",
    "clean --force RUN",
];

/// What may stand in place of a file. A pipe would be waited for, and the device never ends.
#[derive(Clone, Copy, Debug)]
enum Instead {
    Pipe,
    Folder,
    Device,
    Loop,
}

impl Instead {
    fn put(self, path: &Path) {
        let _ = fs::remove_file(path);
        match self {
            Self::Pipe => nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            Self::Folder => fs::create_dir(path).unwrap(),
            Self::Device => symlink("/dev/zero", path).unwrap(),
            Self::Loop => symlink(path, path).unwrap(),
        }
    }
}

/// A project with a run that failed at its last task, and a recording of another one.
fn project(server: &Server) -> Project {
    server.plays("do a", &serde_json::json!({"text": "long ".repeat(20_000)}).to_string());
    server.when("do b", vec![Act::error(400, &serde_json::json!({"error": {"message": "no"}})); 9]);
    let project = Project::new()
        .file("orchestras/x_orchestra.yaml", ORCHESTRA)
        .file("agents/developer.yaml", PLAYBOOK)
        .file("s.json", "{\"type\": \"object\"}")
        .file("in.txt", "in")
        .file("out.txt", "out")
        .file("goal.md", "Build a simple login feature")
        .file("script.yaml", "replies: []\n")
        .server(server);
    let run = project.args(["run", "x", "--goal", "@goal.md"]);
    run.run().exits(1);
    // What is recorded is not kept for later runs.
    run.and(["--record", "tape.jsonl"]).run().exits(1);
    project
}

/// Runs every command with a pipe in place of a file, and its readers with whatever else may stand there. Readers fail
/// and say what stands there; none waits, which the harness would end and fail.
fn check(place: &str, readers: &[&str]) {
    assert!(readers.iter().all(|reader| COMMANDS.contains(reader)), "{readers:?}");
    for instead in [Instead::Pipe, Instead::Folder, Instead::Device, Instead::Loop] {
        let server = Server::start();
        let project = project(&server);
        let run = project.runs().remove(0);
        let path = if place == "OBJECT" { object(&project) } else { project.path(&place.replace("RUN", &run)) };
        assert!(path.is_file(), "{}", path.display());
        for command in COMMANDS {
            let reads = readers.contains(&command);
            if !reads && !matches!(instead, Instead::Pipe) {
                continue;
            }
            // A run may have put its own file there, and what is cleaned is gone.
            if path.parent().is_some_and(Path::is_dir) && !fs::symlink_metadata(&path).is_ok_and(|at| !at.is_file()) {
                instead.put(&path);
            }
            let arguments = command.split(' ').map(|word| if word == "RUN" { &*run } else { word });
            let ended = project.args(arguments).run();
            let code = ended.code();
            let said = format!("{instead:?} at {place}: orch {command}: {code:?}\n{}\n{}", ended.stdout, ended.stderr);
            assert!(matches!(code, Some(0..=3)) && !said.contains("panicked"), "{said}");
            if reads {
                let name = if place == "OBJECT" { "object" } else { path.file_name().unwrap().to_str().unwrap() };
                let name = if name == "journal.jsonl" || name == "lock" { &run } else { name };
                assert!(code != Some(0) && said.lines().any(|line| line.contains(name) && is_told(line)), "{said}");
            }
        }
    }
}

fn object(project: &Project) -> PathBuf {
    let mut files = project.files().into_iter().map(|(path, _)| path);
    files.find(|path| path.components().any(|part| part.as_os_str() == "objects")).unwrap()
}

/// Whether it is said what stands there.
fn is_told(line: &str) -> bool {
    ["not a regular file", "it is a link", "is a link, ", "is a folder", "symbolic link"]
        .iter()
        .any(|why| line.contains(why))
}

const DRY_RUN: &str = "run x --goal @goal.md --dry-run";
const RUN: &str = "run x --goal @goal.md";

#[test]
fn whatever_stands_in_place_of_a_file_of_the_format_is_refused_at_once() {
    check("orchestras/x_orchestra.yaml", &["graph x", DRY_RUN, RUN, "resume RUN"]);
    check("agents/developer.yaml", &["validate", "graph x", DRY_RUN, RUN]);
    check("s.json", &["validate", "graph x", DRY_RUN, RUN]);
}

#[test]
fn whatever_stands_in_place_of_what_a_run_is_given_is_refused_at_once() {
    check("goal.md", &[DRY_RUN, RUN]);
    check("script.yaml", &["run x --goal @goal.md --rehearse --script script.yaml"]);
    check("tape.jsonl", &["run x --goal @goal.md --replay tape.jsonl"]);
    check("in.txt", &[RUN]);
    check("out.txt", &[RUN]);
}

#[test]
fn whatever_stands_in_place_of_what_is_kept_of_a_run_is_refused_at_once() {
    let readers = ["show RUN", "show RUN --task a", "why a RUN", "diff RUN RUN", "resume RUN", "resume --force RUN"];
    check(".orchestra/runs/RUN/journal.jsonl", &readers);
    check(".orchestra/runs/RUN/lock", &["resume RUN", "resume --force RUN", "clean --force RUN"]);
    check("OBJECT", &["show RUN --task a", "resume RUN"]);
}

#[test]
fn whatever_stands_in_place_of_what_is_kept_for_all_runs_is_refused_at_once() {
    check(".orchestra/reuse.jsonl", &[RUN, "clean --reuse"]);
    check("orchestra_workspaces/x/.orch.lock", &[RUN, "clean --workspace x"]);
    // A run puts its own file in the place of a pipe.
    check("orchestra_workspaces/x/task_outputs/a_output.txt", &[]);
}
