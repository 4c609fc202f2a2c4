//! `run`, `env`, `stdin`: a task that is a program and no model.

use crate::project::{Project, RUN, output};
use crate::server::{Act, Server};

fn project(tasks: &str) -> Project {
    let head = "orchestra: {id: x, execution: {strategy: parallel, retry_strategy: none}}\n";
    Project::new().file("x.yaml", format!("{head}tasks:\n{tasks}")).args(RUN)
}

#[test]
fn its_standard_output_is_the_output_and_no_model_is_needed() {
    let ended = project("  - {name: a, run: [printf, '%s|', one two, \"{goal}\"]}\n").run().exits(0);
    ended
        .file_is(&output("a"), "one two|Build a simple login feature|")
        .prints_exactly("one two|Build a simple login feature|");
}

#[test]
fn arguments_are_filled_in_one_by_one_and_no_shell_sees_them() {
    let server = Server::start();
    server.when("say it", [Act::Text("$(touch x); `touch y` \"two words\" {{ goal }}".into())]);
    let tasks = "  - {name: a, agent: writer, description: say it}
  - {name: b, context: [a], run: [printf, '[%s]', \"<{{ outputs.a }}>\", -n]}
";
    let ended = project(tasks).server(&server).run().exits(0);
    ended.file_is(&output("b"), "[<$(touch x); `touch y` \"two words\" {{ goal }}>][-n]").no_file("x").no_file("y");
}

#[test]
fn what_it_reads_is_a_template() {
    let tasks = "  - {name: a, run: [echo, hello]}
  - {name: b, context: [a], run: [tr, a-z, A-Z], stdin: \"got {{ outputs.a }}\"}
";
    project(tasks).run().exits(0).file_has(&output("b"), "GOT HELLO");
}

#[test]
fn a_model_gets_what_a_program_has_said() {
    let server = Server::start();
    let tasks = "  - {name: a, run: [echo, found 3 errors]}
  - {name: b, agent: writer, context: [a], description: sum up}
";
    project(tasks).server(&server).run().exits(0);
    assert!(server.seen()[0].body.to_string().contains("found 3 errors"));
}

#[test]
fn a_program_that_fails_fails_the_task_once() {
    let project = project(
        "  - {name: a, run: [sh, -c, 'echo begun >> log; echo wrong >&2; exit 7']}\n  - {name: b, context: [a], run: [echo, b]}\n",
    );
    let ended = project.run().exits(1).says("command failed").says("wrong").says("7").says("needs a");
    let ended = ended.does_not_say("malformed").file_is("log", "begun\n").file_has(&output("a"), "wrong");
    // A resume tries it again.
    ended.project.args(["resume"]).run().exits(1).file_is("log", "begun\nbegun\n");
}

#[test]
fn a_program_that_is_missing_or_too_slow_is_told() {
    project("  - {name: a, run: [no-such-program-here]}\n").run().exits(1).says("no-such-program-here");
    project("  - {name: a, run: [sleep, '60'], timeout_seconds: 0.2}\n").run().exits(1).says("after 0.2 seconds");
}

#[test]
fn it_sees_the_variables_that_it_names_and_no_others() {
    let tasks = "  - {name: a, run: [sh, -c, 'echo $MINE-$OTHER'], env: [MINE]}\n";
    let project = project(tasks).env("MINE", "one").env("OTHER", "two");
    project.run().exits(0).file_has(&output("a"), "one-\n");
    let missing = "  - {name: a, run: [echo], env: [NOT_SET_ANYWHERE]}\n";
    self::project(missing)
        .run()
        .exits(2)
        .says("the program of task `a` needs NOT_SET_ANYWHERE")
        .says("set NOT_SET_ANYWHERE");
}

#[test]
fn a_key_that_it_says_is_not_kept() {
    let key = "sk-canary-0123456789abcdef";
    let tasks = "  - {name: a, run: [sh, -c, 'echo got $API_TOKEN'], env: [API_TOKEN]}\n";
    let ended = project(tasks).env("API_TOKEN", key).run().exits(0);
    assert!(ended.project.files().iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains(key)));
    ended.prints("got ").does_not_say(key);
}

#[test]
fn it_runs_again_each_time_unless_it_says_what_it_reads_and_makes() {
    let always = project("  - {name: a, run: [sh, -c, 'echo run >> log; echo done']}\n");
    always.run().exits(0).project.run().exits(0).file_is("log", "run\nrun\n");
    let declared = "  - {name: a, run: [sh, -c, 'echo run >> log; cat in.txt > out.txt; echo done'], reads: [in.txt], writes: [out.txt]}\n";
    let project = project(declared).file("in.txt", "one");
    let again = project.run().exits(0).project.run().exits(0).says("reused").file_is("log", "run\n");
    again.project.file("in.txt", "two").run().exits(0).file_is("log", "run\nrun\n").file_is("out.txt", "two");
}

#[test]
fn it_can_be_made_for_each_item() {
    let tasks = "  - {name: list, run: [printf, 'b\\na\\n']}
  - {name: each, context: [list], for_each: outputs.list, run: [echo, \"{{ loop.index }}:{{ item }}\"], collect: text}
";
    let ended = project(tasks).run().exits(0);
    ended.file_is(&output("each"), "# each.1\n\n1:b\n\n# each.2\n\n2:a\n");
}

#[test]
fn a_rehearsal_starts_no_program() {
    let project = project("  - {name: a, run: [touch, made]}\n").and(["--rehearse"]);
    project.run().exits(0).no_file("made").file_has(&output("a"), "[rehearsal]");
}

#[test]
fn what_it_says_can_be_checked() {
    let json = "  - {name: a, run: [echo, not json], output: {format: json}}\n";
    project(json).run().exits(1).says("is not what the task asks for");
    let verify = "  - {name: a, run: [echo, x], verify: [{file: missing.txt}]}\n";
    project(verify).run().exits(1).says("missing.txt");
}

#[test]
fn mistakes_are_found_before_the_run() {
    for (task, why, cure) in [
        ("run: [echo], agent: writer, description: x", "`agent` is for an agent", "take out `agent`, or `run`"),
        ("run: [echo], model: openai/x", "`model` is for an agent", ""),
        ("run: [echo], limits: {max_seconds: 5}", "`limits` is for an agent", "take out `limits`, or `run`"),
        ("run: []", "`run` names no program", "[cargo, test]"),
        ("run: [echo, \"{{ outputs.b }}\"]", "there is no task `b`", ""),
        ("description: x", "it has neither `agent` nor `run`", "a program with `run`"),
        ("agent: writer", "`a` lacks `description`", ""),
        ("agent: writer, description: x, stdin: y", "`stdin` is for a program", ""),
        ("agent: writer, description: x, env: [A]", "`env` is for a program", ""),
    ] {
        project(&format!("  - {{name: a, {task}}}\n")).run().exits(2).says(why).says(cure);
    }
}

#[test]
fn a_dry_run_counts_no_call_for_a_program() {
    let tasks = "tasks: [{name: a, run: ['true']}, {name: b, run: ['true'], context: [a]}";
    let project = Project::new().args(RUN).and(["--dry-run"]);
    let page = project.file("x.yaml", format!("{tasks}]\n")).run().exits(0);
    page.prints("estimate: no call of a model; every task runs a program\ncost: none, since no model is called\n");
    let mixed = format!("{tasks}, {{name: c, agent: w, description: x}}]\nagents: [{{name: w, role: x}}]\n");
    let project = project.file("x.yaml", mixed).env("OPENAI_API_KEY", "sk-canary-0123456789");
    project.run().exits(0).prints("estimate: 1 call, one for each task that asks a model, with");
}
