//! `inputs`: values that a run is given by name.

use crate::commands::validate::{messages, validate};
use crate::project::{Project, orchestra, output};
use crate::server::Server;

const INPUTS: &str = "inputs:\n  topic: text\n  words: {type: number, default: 300}\n  tone: {choices: [plain, funny], \
                      default: plain}\n  parts: {type: list, required: false}\n  deep: {type: boolean, default: false}\n  \
                      notes: {type: file, required: false}\n";

const RUN: [&str; 4] = ["run", "x.yaml", "--goal", "Build a simple login feature"];

fn text() -> String {
    let task = "name: a, description: \"{words} on {topic} {{ inputs.tone }} {{ inputs.parts | join('+') }} \
                {% if inputs.deep %}deep{% endif %} {{ inputs.notes }} {{ inputs.goal | length }}\"";
    INPUTS.to_owned() + &orchestra("", &[task])
}

fn project(server: &Server) -> Project {
    Project::new().file("x.yaml", text()).server(server).args(RUN)
}

#[test]
fn values_are_given_by_name() {
    let server = Server::start();
    let project = project(&server).file("docs/n.md", "note").file("in.yaml", "topic: wax\nparts: [a, 2]\ndeep: true\n");
    project.and(["--input", "topic={{ x }}=y"]).run().exits(0);
    let given = ["--input", "topic=bees", "--input", "parts=a, b", "--input", "words=5", "--input", "notes=docs/n.md"];
    let ended = project.and(given).and(["--input", "tone=funny"]).run().exits(0);
    assert_eq!(ended.project.journal()[0]["inputs"]["words"], 5);
    project.args(["show"]).run().exits(0).prints("inputs:    deep=false, notes=\"docs/n.md\"");
    project.and(["--inputs", "in.yaml", "--input", "parts=x", "--input", "parts=y"]).run().exits(0);
    let below = project.standing_in("docs").args(["run", "../x.yaml", "--goal", RUN[3], "--input", "topic=bees"]);
    below.and(["--input", "notes=n.md"]).run().exits(0);
    project.and(["--stdin", "topic"]).stdin("from\nstdin").run().exits(0);
    assert_eq!(
        server.tasks(),
        [
            "300 on {{ x }}=y plain    28",
            "5 on bees funny a+b  docs/n.md 28",
            "300 on wax plain x+y deep  28",
            "300 on bees plain   docs/n.md 28",
            "300 on from\nstdin plain    28",
        ]
    );
}

#[test]
fn what_cannot_be_a_value_stops_before_anything() {
    let server = Server::start();
    let project = project(&server).file("in.yaml", "- no\n").file("docs/n.md", "note");
    for (args, words) in [
        (vec![], "the input `topic` is needed"),
        (vec!["--input", "topc=x"], "did you mean `topic`?"),
        (vec!["--input", "topic"], "a name, `=` and a value"),
        (vec!["--input", "topic=x", "--input", "topic=y"], "is given several times"),
        (vec!["--input", "topic=x", "--input", "words=many"], "`words` is a number, and not `many`"),
        (vec!["--input", "topic=x", "--input", "tone=sad"], "`tone` is `plain` or `funny`, and not `sad`"),
        (vec!["--input", "topic=x", "--input", "notes=../n.md"], "is the path of a file in the project"),
        (vec!["--input", "topic=x", "--input", "notes=n.md"], "names n.md, which is not there"),
        (vec!["--input", "topic=x", "--input", "notes=docs"], "cannot be read: it is not a regular file"),
        (vec!["--inputs", "in.yaml"], "in.yaml does not say which inputs there are"),
        (vec!["--inputs", "none.yaml"], "the inputs cannot be read from none.yaml"),
        (vec!["--input", "topic=x", "--input", "goal=y"], "the goal is given twice"),
    ] {
        project.and(args).run().exits(2).says(words).no_file(".orchestra/runs");
    }
    project.run().exits(2).says("orch run x --input topic=...");
    project.and(["--dry-run"]).run().exits(2).says("the input `topic` is needed");
    project.and(["--dry-run", "--input", "topic=x"]).run().exits(0).prints("input topic: x");
    assert!(server.seen().is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_does_not_lead_out_of_the_project() {
    let server = Server::start();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let project = project(&server);
    std::os::unix::fs::symlink(outside.path(), project.path("n.md")).unwrap();
    let ended = project.and(["--input", "topic=x", "--input", "notes=n.md"]).run().exits(2);
    ended.says("it is a link that leads out of the folder");
    assert!(server.seen().is_empty());
}

#[test]
fn mistakes_of_a_file_are_named() {
    for (inputs, message) in [
        ("inputs: {topic: txt}", "`topic` cannot be `txt`"),
        ("inputs: {to-pic: text}", "\"to-pic\" cannot be the name of an input"),
        ("inputs: {n: {type: number, default: x}}", "the input `n` is a number, and not `x`"),
        ("inputs: {n: {type: choice}}", "the input `n` is a choice of nothing"),
        ("inputs: {n: {default: a, required: true}}", "what has a `default` need not be given"),
        ("inputs: {n: {type: list, choices: [a]}}", "`choices` are for an input of type `choice`"),
        ("inputs: {goal: number}", "the input `goal` is the goal of the run, which is a text"),
    ] {
        let text = format!("{inputs}\ntasks: [{{name: a, agent: writer, description: x}}]\n");
        assert_eq!(messages(&text), [message], "{inputs}");
    }
    let with = |description: &str| {
        format!("inputs: {{topic: text}}\ntasks: [{{name: a, agent: writer, description: '{description}'}}]\n")
    };
    assert_eq!(messages(with("{{ inputs.topc }}")), ["there is no input `topc`"]);
    validate(with("{{ inputs.topc }}")).run().exits(2).says("did you mean `inputs.topic`?");
    validate(with("{{ topic }}")).run().exits(2).says("did you mean `inputs.topic`?");
    validate(with("{topics}")).run().exits(0).says("did you mean `{topic}`?");
}

#[test]
fn only_the_tasks_that_use_a_value_are_made_anew() {
    let server = Server::start();
    let tasks = ["name: a, description: \"do {topic}\"", "name: b, description: do b, context: []"];
    let text =
        "inputs: {topic: text, goal: {default: Build a simple login feature}}\n".to_owned() + &orchestra("", &tasks);
    let project = Project::new().file("x.yaml", text).server(&server);
    for topic in ["topic=a", "topic=a", "topic=c"] {
        project.args(["run", "x.yaml", "--input", topic]).run().exits(0);
    }
    assert_eq!(server.tasks(), ["do a", "do b", "do c"]);
    assert_eq!(project.journal()[0]["goal"], "Build a simple login feature");
    let other = project.args(["run", "x.yaml", "--input", "topic=c", "--input", "goal=Build something else entirely"]);
    other.run().exits(0);
    assert_eq!(server.tasks().len(), 5);
}

#[test]
fn keys_in_values_do_not_reach_the_journal() {
    let server = Server::start();
    let project = project(&server).env("OPENAI_API_KEY", "sk-very-secret-key");
    project.and(["--input", "topic=use sk-very-secret-key"]).run().exits(0);
    assert_eq!(project.journal()[0]["inputs"]["topic"], "use [redacted]");
    assert!(server.tasks()[0].contains("use [redacted]"));
}

#[test]
fn agents_conditions_programs_and_lists_take_values() {
    let server = Server::start();
    let text = "inputs: {topic: text, parts: list, deep: {type: boolean, default: false}}\n\
        execution: {strategy: sequential}\n\
        agents:\n  - {name: expert, model: openai/m, role: '{topic} expert', goal: 'know {{ inputs.topic }}', \
        instructions: 'Say {x} of {goal}.'}\ntasks:\n  \
        - {name: each, agent: expert, description: 'do {{ item }}', for_each: inputs.parts}\n  \
        - {name: more, agent: expert, description: do more, when: '{{ inputs.deep }}'}\n  \
        - {name: echo, run: [echo, '{topic}', '{{ inputs.parts | length }}']}\n";
    let project = Project::new().file("x.yaml", text).server(&server).args(RUN);
    let ended = project.and(["--input", "topic=a; b", "--input", "parts=x,y"]).run().exits(0);
    assert_eq!(server.tasks(), ["do x", "do y"]);
    ended.file_is(&output("echo"), "a; b 2\n");
    let system = server.seen()[0].body["messages"][0]["content"].to_string();
    assert!(system.contains("You are expert (a; b expert). Your general goal: know a; b."), "{system}");
    assert!(system.contains("Say {x} of Build a simple login feature."), "{system}");
    project.and(["--input", "topic=a", "--input", "parts=[]"]).run().exits(0);
    for (agent, message) in [
        ("{{ outputs.each }}", "an agent's text knows no outputs of tasks and no items, since it may do several tasks"),
        ("{{ inputs.topc }}", "there is no input `topc`"),
    ] {
        assert_eq!(messages(text.replace("{topic} expert", agent)), [message]);
    }
    assert_eq!(messages(text.replace("inputs.parts}", "inputs.topic}")), ["the input `topic` is no list"]);
    assert_eq!(messages(text.replace("inputs.parts}", "inputs.prts}")), ["there is no input `prts`"]);
    let other = server.tasks().len();
    project.and(["--input", "topic=other", "--input", "parts=x,y"]).run().exits(0);
    assert_eq!(server.tasks().len(), other + 2, "the agents' texts are a part of what an output depends on");
}

#[test]
fn an_output_goes_to_a_file_that_is_named_by_values() {
    let server = Server::start();
    server.plays("do a", "Made");
    let task = |file: &str| format!("name: a, description: do a, output: {{file: '{file}'}}");
    let text = |file: &str| format!("inputs: {{topic: text}}\n{}", orchestra("", &[&task(file)]));
    let project = Project::new().file("x.yaml", text("docs/{topic}.md")).server(&server).args(RUN);
    let ended = project.and(["--input", "topic=bees{{ x }}"]).run().exits(0);
    ended.file_is("docs/bees{{ x }}.md", "Made");
    project.and(["--input", "topic=wax"]).run().exits(0).file_is("docs/wax.md", "Made");
    for topic in ["../../x", "/etc/x"] {
        let text = project.file("y.yaml", text("{{ inputs.topic }}")).args(["run", "y.yaml", "--goal", RUN[3]]);
        text.and(["--input", &format!("topic={topic}")]).run().exits(2).says("is not a path of a file in the project");
    }
    let guarded = project.args(["run", "y.yaml", "--goal", RUN[3], "--input", "topic=.envrc"]).run().exits(2);
    guarded.says("`.envrc` is no file to write").no_file(".envrc");
    let two = [task("{{ inputs.topic }}.md"), task("x.md").replace("name: a", "name: b")];
    let two = format!("inputs: {{topic: text}}\n{}", orchestra("", &[&two[0], &two[1]]));
    let shared = project.file("y.yaml", two).args(["run", "y.yaml", "--goal", RUN[3], "--input", "topic=X"]);
    shared.run().exits(2).says("is that of another task, too");
    let message = "the name of an output's file is filled in when the run begins, and there is no output or item then";
    assert_eq!(messages(text("{{ outputs.a }}.md")), [message]);
    assert_eq!(messages(text("{{ inputs.topc }}.md")), ["there is no input `topc`"]);
}
