//! The goal of a run: from an argument, a file or standard input.

use crate::project::{Project, orchestra};
use crate::server::{Act, Server};

const TWO: [&str; 2] =
    ["name: a, description: \"do a for '{goal}'\"", "name: b, description: \"improve: {{ outputs.a | upper }}\""];

#[test]
fn the_goal_comes_from_standard_input_or_a_file() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", orchestra("", &TWO[..1])).server(&server);
    project.args(["run", "x.yaml", "--goal", "-"]).stdin("a goal\nof two lines\n").run().exits(0);
    let file = project.file("goal.md", "another goal from a file\n");
    file.args(["run", "--goal", "@goal.md", "x.yaml"]).run().exits(0);
    project.args(["run", "x.yaml", "--feature", "the same under its other name"]).run().exits(0);
    assert_eq!(
        server.tasks(),
        [
            "do a for 'a goal\nof two lines'",
            "do a for 'another goal from a file'",
            "do a for 'the same under its other name'"
        ]
    );
}

#[test]
fn a_goal_that_is_not_there_stops_before_anything() {
    let server = Server::start();
    let project = Project::new().file("x.yaml", orchestra("", &TWO[..1])).server(&server);
    for (args, words) in [
        (vec!["run", "x.yaml"], "needs a goal"),
        (vec!["run", "x.yaml", "--goal", " "], "the goal is empty"),
        (vec!["run", "x.yaml", "--goal", "@none.md"], "cannot be read from none.md"),
        (vec!["run", "x.yaml", "--goal", "-"], "the goal is empty"),
    ] {
        project.args(args).run().exits(2).says(words).no_file(".orchestra").no_file("orchestra_workspaces");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_goal_may_be_whatever_a_person_types() {
    let long = "a long goal with é and \u{1f41d}, ".repeat(3_500);
    for goal in [
        "-v and --model are to be explained",
        "--help is not what is asked for here",
        "say \"it's\" and `this` and \\n and $HOME and %s",
        "\u{1f41d} \u{1f469}\u{200d}\u{1f4bb} schreibe über Bienen",
        "one line\n\nanother line: with # and {braces} and {{ more }}",
        long.trim_end(),
    ] {
        let server = Server::start();
        let project = Project::new().file("x.yaml", orchestra("", &TWO[..1])).server(&server);
        let ended = project.args(["run", "x.yaml", "--goal", goal]).run().exits(0);
        assert_eq!(server.tasks(), [format!("do a for '{goal}'")]);
        assert_eq!(ended.project.journal()[0]["goal"], goal);
    }
}

#[test]
fn a_flag_in_place_of_a_goal_is_no_goal() {
    let project = Project::new().file("x.yaml", orchestra("", &TWO[..1]));
    project.args(["run", "x.yaml", "--goal", "--rehearse"]).run().exits(2).says("it looks like a flag");
}

#[test]
fn a_text_that_the_task_has_in_it_is_sent_once() {
    let server = Server::start();
    let tasks =
        ["name: a, description: \"Review {goal}\"", "name: b, context: [a], description: \"Judge {{ outputs.a }}\""];
    let project = Project::new().file("x.yaml", orchestra("", &tasks)).server(&server);
    let goal = format!("GOAL{}", " of many words".repeat(3_600));
    server.when("Review GOAL", [Act::Text("REVIEW that says much".to_owned())]);
    project.args(["run", "x.yaml", "--goal", "-"]).stdin(goal.clone()).run().exits(0);
    let seen = server.seen();
    let sent = |place: usize, text: &str| seen[place].body.to_string().matches(text).count();
    assert_eq!((sent(0, "GOAL"), sent(1, "GOAL"), sent(1, "REVIEW that says much")), (1, 1, 1));
    let body = seen[0].body.to_string().len();
    assert!(body < goal.len() + 2_000, "{body} bytes are sent for a goal of {}", goal.len());
}
