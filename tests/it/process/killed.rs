//! `kill -9` of orch itself while programs are under way: what it leaves is found by the next one, and ended before
//! anything starts again.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use orch::os::clock;
use rustix::process::Signal;
use serde_json::json;

use super::{RUNAWAYS, left};
use crate::keys::tools::calls;
use crate::project::{Ended, Project, RUN, output};
use crate::server::{Act, Server};

/// A project whose processes are known by a number of seconds that they sleep for.
struct Place {
    project: Project,
    mark: String,
}

impl Place {
    fn new(text: &str) -> Self {
        let project = Project::new().file("x.yaml", text).file("tmp/kept", "").args(RUN);
        let temporary = project.path("tmp").to_str().unwrap().to_owned();
        Self { project: project.env("TMPDIR", temporary), mark: format!("300.{:020}", clock::random()) }
    }

    /// Writes a program that leaves five runaways and does not end by itself.
    fn runaway(&self, path: &str, first: &str) -> &Self {
        let script = format!("#!/bin/sh\nexport MARK={}\n{first}\n{RUNAWAYS}\necho > ready\nsleep $MARK\n", self.mark);
        self.program(path, &script)
    }

    /// Writes a program that notes who of the runaways is still there, and answers.
    fn witness(&self, path: &str) -> &Self {
        let script = r#"#!/bin/sh
for pid in $(cat pids); do [ -n "$(tr -d '\0' < /proc/$pid/cmdline 2> /dev/null)" ] && echo $pid >> alive; done
echo went on
"#;
        self.program(path, script)
    }

    fn program(&self, path: &str, script: &str) -> &Self {
        let path = self.project.file(path, script).path(path);
        fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    /// Runs until the runaways are on their way, and kills orch.
    fn kill_when_ready(&self, project: &Project) {
        let running = project.spawn();
        let ready = project.path("ready");
        running.wait_until(|| ready.exists());
        running.signal(Signal::KILL);
        running.wait_until(|| left(&self.mark).len() >= 6);
        drop(running);
        assert!(left(&self.mark).len() >= 6, "nobody ends them but the next orch");
    }

    /// Nobody is left, and nobody was when anything started again.
    fn is_clear(&self, ended: Ended) -> Ended {
        assert_eq!(left(&self.mark), [""; 0]);
        assert_eq!(self.project.read("alive"), None, "{}", ended.stderr);
        assert_eq!(self.temporary(), ["kept"]);
        ended.says("processes that the killed run had left were ended")
    }

    /// What lies in the folder for temporary files.
    fn temporary(&self) -> Vec<String> {
        let entries = fs::read_dir(self.project.path("tmp")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

const AGENT: &str = "orchestra: {id: x}\n\
                     models: {cli: {provider: command, argv: [./claude, \"{prompt_file}\"]}}\n\
                     agents: [{name: developer, model: cli}]\n\
                     tasks: [{name: a, agent: developer, description: do a}]\n";

/// What the known program prints for an answer.
const ANSWER: &str = r#"{"type":"result","subtype":"success","is_error":false,"result":"went on"}"#;

/// A place with an agent's program that renews its login and does not end.
fn agent() -> Place {
    let place = Place::new(AGENT);
    place.program(".claude/.credentials.json", r#"{"token": 1}"#);
    place.runaway("claude", r#"echo '{"token": 2}' > "$CLAUDE_CONFIG_DIR/.credentials.json""#);
    place
}

#[test]
fn an_agents_program_is_ended_before_it_is_called_again() {
    // What goes on is a resume, or another run of the project.
    for (arguments, note) in [(&["resume"][..], "resumed: 0 of 1 done"), (&RUN[..], "started: x, 1 task")] {
        let place = agent();
        place.kill_when_ready(&place.project);
        let run = place.project.runs()[0].clone();
        let names = place.temporary();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(names[1].starts_with(&format!("orch-agent-{run}-")), "{names:?}");
        assert!(names[2].starts_with(&format!("orch-prompt-{run}-")), "{names:?}");
        let mode = fs::metadata(place.project.path("tmp").join(&names[1])).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);

        place.witness("claude");
        let witness = place.project.read("claude").unwrap();
        place.program("claude", &witness.replace("echo went on", &format!("echo '{ANSWER}'")));
        let ended = place.project.args(arguments.iter().copied()).run().exits(0).says(note);
        place.is_clear(ended.file_has(&output("a"), "went on"));
        assert_eq!(place.project.read(".claude/.credentials.json").unwrap(), "{\"token\": 2}\n", "it is not lost");
    }
}

#[test]
fn what_a_living_run_has_is_left_alone() {
    let living = agent();
    let running = living.project.and(["--workspace", "living"]).spawn();
    let ready = living.project.path("ready");
    running.wait_until(|| ready.exists());
    running.wait_until(|| left(&living.mark).len() >= 6);
    let (run, before) = (living.project.runs()[0].clone(), left(&living.mark).len());
    fs::remove_file(&ready).unwrap();

    // In the same project, with the same folder for temporary files.
    let killed = Place { project: living.project.clone(), mark: format!("300.{:020}", clock::random()) };
    fs::remove_file(killed.project.path("pids")).unwrap();
    killed.runaway("claude", "");
    killed.kill_when_ready(&killed.project);
    killed.program("claude", &format!("#!/bin/sh\necho '{ANSWER}'\n"));
    killed.project.args(["resume"]).run().exits(0).says("processes that the killed run had left were ended");
    killed.project.and(["--fresh"]).run().exits(0).does_not_say("had left");
    assert_eq!((left(&killed.mark), left(&living.mark).len()), (vec![], before));
    let names = living.temporary();
    assert!(names.len() == 3 && names[1..].iter().all(|name| name.contains(&run)), "{names:?}");

    running.signal(Signal::TERM);
    running.signal(Signal::TERM);
    running.wait().exits(130);
    assert_eq!((left(&living.mark), living.temporary()), (vec![], vec!["kept".to_owned()]));
}

const TOOL: &str = "orchestra: {id: x}\n\
                    agents: [{name: developer, tools: [{name: run_command, allow: [[./tool]]}]}]\n\
                    tasks: [{name: a, agent: developer, description: do a}]\n";

#[test]
fn a_command_of_a_tool_is_ended_and_not_run_again() {
    let server = Server::start();
    server.when("\"call-1\"", [Act::Text("went on".to_owned())]);
    server.when("do a", [calls(&[("call-1", "run_command", json!({"argv": ["./tool"]}))])]);
    let place = Place::new(TOOL);
    place.runaway("tool", "echo >> used");
    let project = place.project.server(&server);
    place.kill_when_ready(&project);
    let ended = project.args(["resume"]).run().exits(0).file_is(&output("a"), "went on");
    place.is_clear(ended);
    assert_eq!((project.read("used").as_deref(), server.seen().len()), (Some("\n"), 2));
    assert!(server.seen()[1].body.to_string().contains("does not do it twice"));
}

#[test]
fn a_command_that_gives_evidence_is_ended_and_run_again() {
    let server = Server::start();
    let text = "orchestra: {id: x}\n\
                tasks: [{name: a, agent: developer, description: do a, verify: [{run: [./check]}]}]\n";
    let place = Place::new(text);
    place.runaway("check", "");
    let project = place.project.server(&server);
    place.kill_when_ready(&project);
    place.witness("check");
    place.is_clear(project.args(["resume"]).run().exits(0));
    assert_eq!(server.seen().len(), 1, "the answer that was paid for is looked at again");
}
