//! `description` and `instructions` in files of their own, and `expected_output`.

use crate::commands::validate::messages;
use crate::project::{Project, RUN};
use crate::server::Server;

const TEXT: &str = "inputs: {topic: {default: wax}}\nexecution: {strategy: sequential}\nagents:\n  \
    - {name: editor, model: openai/m, role: editor, instructions: {file: prompts/style.md}}\ntasks:\n  \
    - name: review\n    agent: editor\n    description: {file: prompts/review.md}\n    \
    expected_output: 'Ten words on {topic}.'\n  \
    - {name: other, agent: editor, description: do other, context: []}\n";

fn project(server: &Server) -> Project {
    Project::new()
        .file("x.yaml", TEXT)
        .file("prompts/style.md", "Be brief on {topic}.\n")
        .file("prompts/review.md", "\u{feff}Review:\n{% if inputs.topic == 'wax' %}\n- the wax\n{% endif %}\n")
        .server(server)
        .args(RUN)
}

#[test]
fn texts_come_from_files_and_are_filled_in() {
    let server = Server::start();
    let project = project(&server);
    project.run().exits(0);
    assert_eq!(server.tasks()[0], "Review:\n- the wax\n\nExpected output: Ten words on wax.");
    let system = server.seen()[0].body["messages"][0]["content"].to_string();
    assert!(system.contains("Be brief on wax."), "{system}");
    // Only what has another text is made anew.
    project.file("prompts/review.md", "Review it.").run().exits(0);
    assert_eq!(server.tasks()[2..], ["Review it.\n\nExpected output: Ten words on wax."]);
    project.file("prompts/style.md", "Be long.").run().exits(0);
    assert_eq!(server.tasks().len(), 5);
}

#[test]
fn a_mistake_is_shown_in_the_file_of_its_text() {
    let server = Server::start();
    let project = project(&server).file("prompts/review.md", "Review\n  {{ inputs.topc }}\nfor {goals}\n");
    let ended = project.run().exits(2).says("prompts/review.md:2:6").says("{{ inputs.topc }}");
    ended.says("did you mean `inputs.topic`?").says("prompts/review.md:3:5").says("did you mean `{goal}`?");
    let said = project.args(["validate", "x.yaml", "--format", "json"]).run().exits(2).stdout;
    assert!(
        said.contains("\"file\":\"prompts/review.md\"") || said.contains("\"file\": \"prompts/review.md\""),
        "{said}"
    );
    project.file("prompts/style.md", "{{ outputs.x }}").run().says("an agent's text knows no outputs of tasks");
    assert!(server.seen().is_empty());
}

#[test]
fn a_file_that_cannot_be_a_text_stops_before_anything() {
    let server = Server::start();
    let project =
        project(&server).file("prompts/bad.md", b"\xff\xfe").file(".env", "KEY=x").file("prompts/no.md", " \n");
    for (path, words) in [
        ("prompts/none.md", "it is not there"),
        ("prompts/bad.md", "it is not UTF-8"),
        ("prompts/no.md", "it is empty"),
        ("prompts", "it is not a regular file but a folder"),
        ("../x.md", "is not a path of a file in the project"),
        (".env", "`.env` is no file for a text"),
    ] {
        let text = TEXT.replace("prompts/review.md", path);
        project.file("x.yaml", text).run().exits(2).says(words).says("x.yaml:8:25");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("../.env", project.path("prompts/link.md")).unwrap();
        let text = TEXT.replace("prompts/review.md", "prompts/link.md");
        project.file("x.yaml", text).run().exits(2).says("it is not a regular file but a link");
    }
    assert!(server.seen().is_empty());
    let text = "tasks: [{name: a, run: [ls], expected_output: x}]\n";
    assert_eq!(messages(text), ["`a` is done by a program, and `expected_output` is for an agent"]);
}

#[cfg(debug_assertions)]
#[test]
fn a_resume_asks_before_it_goes_on_with_another_text() {
    let server = Server::start();
    let project = project(&server);
    assert!(project.disk("kill:25").run().code().is_none());
    let changed = project.file("prompts/review.md", "Review it.").args(["resume"]);
    changed.run().exits(2).says("review");
    changed.and(["--accept-changes"]).run().exits(0);
    assert!(server.tasks().contains(&"Review it.\n\nExpected output: Ten words on wax.".to_owned()));
}
