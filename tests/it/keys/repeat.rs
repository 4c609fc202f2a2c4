//! `repeat`: a task that is done again until something holds.

use serde_json::json;

use crate::commands::validate::messages;
use crate::project::{Project, RUN, orchestra, output};
use crate::server::{Act, Server};

const POLISH: &str = "name: polish, description: \"Improve the draft. {% if round.last %}It was: {{ round.last.text }}{% endif %} \
    Round {{ round.number }} of {{ round.max }}\", output: {format: json}, \
    repeat: {until: \"{{ output.score >= 8 }}\", max: 4}";

const END: &str = "name: end, description: \"sum up {{ outputs.polish.text }}\", context: [polish]";

fn answer(text: &str, score: u32) -> Act {
    Act::Text(json!({"text": text, "score": score}).to_string())
}

fn project(server: &Server, tasks: &[&str]) -> Project {
    Project::new().file("x.yaml", orchestra("strategy: parallel, retry_strategy: none", tasks)).server(server).args(RUN)
}

#[test]
fn a_task_is_done_again_until_its_condition_holds() {
    let server = Server::start();
    server.when("Round 1 of 4", [answer("poor", 3)]);
    server.when("Round 2 of 4", [answer("fair", 5)]);
    server.when("Round 3 of 4", [answer("good", 9)]);
    let ended = project(&server, &[POLISH, END]).run().exits(0);
    let tasks = server.tasks();
    assert_eq!(
        tasks,
        [
            "Improve the draft.  Round 1 of 4",
            "Improve the draft. It was: poor Round 2 of 4",
            "Improve the draft. It was: fair Round 3 of 4",
            "sum up good"
        ]
    );
    // What the last round made is data where the text does not ask for it, and here it does in part.
    assert!(server.seen()[1].prompt().contains("output of task polish.1"), "{}", server.seen()[1].prompt());
    assert_eq!(ended.project.journalled("task_succeeded"), ["polish.1", "polish.2", "polish.3", "polish", "end"]);
    let good = json!({"text": "good", "score": 9}).to_string();
    let ended = ended.file_is(&output("polish.3"), &good).file_is(&output("polish"), &good);
    ended.says("round 2").project.run().exits(0).says("reused");
    assert_eq!(server.seen().len(), 4, "rounds are reused like other tasks");
}

#[test]
fn a_loop_that_never_meets_its_condition_fails_and_says_what_it_saw() {
    let server = Server::start();
    server.when("Improve", std::iter::repeat_with(|| answer("poor", 3)).take(4));
    let ended = project(&server, &[POLISH, END]).run().exits(1);
    let ended = ended.says("condition never met").says("does not hold after round 4").says("output.score is 3");
    assert_eq!(ended.project.journalled("task_skipped"), ["end"]);
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn more_rounds_cost_only_those_that_were_not_made() {
    let server = Server::start();
    let count = |max: u32| {
        format!(
            "name: count, description: \"count {{{{ round.number }}}}\", repeat: {{max: {max}, until: \"{{{{ output == 3 }}}}\"}}"
        )
    };
    for number in 1..=3 {
        server.plays(&format!("count {number}"), &number.to_string());
    }
    let project = project(&server, &[&count(2)]).run().exits(1).project;
    let text = orchestra("strategy: parallel, retry_strategy: none", &[&count(5)]);
    let project = project.file("x.yaml", text);
    project.args(["resume", "--accept-changes"]).run().exits(0).file_is(&output("count"), "3");
    assert_eq!(server.tasks(), ["count 1", "count 2", "count 3"]);
}

#[test]
fn a_loop_may_take_what_it_has_at_the_end() {
    let server = Server::start();
    for number in 1..=3 {
        server.plays(&format!("count {number}"), &number.to_string());
    }
    for rounds in ["max: 3", "max: 3, until: \"{{ output == 9 }}\", on_max: accept"] {
        let task = format!("name: count, description: \"count {{{{ round.number }}}}\", repeat: {{{rounds}}}");
        project(&server, &[&task]).run().exits(0).file_is(&output("count"), "3");
    }
    let failing = Server::start();
    failing.when("count 2", [Act::error(401, &json!({"error": {"message": "no"}}))]);
    let task = "name: count, description: \"count {{ round.number }}\", repeat: {max: 3}";
    project(&failing, &[task]).run().exits(1).says("1 of 2 rounds failed, `count.2` first");
}

#[test]
fn rounds_are_checked_before_the_run() {
    let of = |keys: &str| {
        messages(orchestra(
            "strategy: parallel",
            &[&format!("name: a, description: \"x {{{{ round.number }}}}\", {keys}")],
        ))
    };
    assert_eq!(of("repeat: {max: 0}").len(), 1);
    assert_eq!(of("repeat: {max: 1001}").len(), 1);
    assert_eq!(of("repeat: {until: \"{{ output }}\"}"), ["`repeat` has no `max`"]);
    assert_eq!(of("priority: high"), ["`round` is known only in a task with `repeat` or `review`"]);
    assert_eq!(of("repeat: {max: 3, until: \"yes\"}"), ["`until` is not one expression in double braces"]);
    let schema = "output: {schema: {type: object, properties: {score: {type: integer}}, additionalProperties: false}}";
    assert_eq!(
        of(&format!("repeat: {{max: 3, until: \"{{{{ output.skore > 1 }}}}\"}}, {schema}")),
        ["the output has no field `skore`"]
    );
    let dry = project(&Server::start(), &[POLISH, END]).and(["--dry-run"]);
    dry.run().exits(0).prints("in up to 4 rounds");
}

#[test]
fn a_rehearsal_goes_through_all_rounds() {
    let project = Project::new().file("x.yaml", orchestra("strategy: parallel", &[POLISH, END])).args(RUN);
    let ended = project.and(["--rehearse"]).run().exits(0);
    assert_eq!(ended.project.journalled("task_succeeded").len(), 6);
}
