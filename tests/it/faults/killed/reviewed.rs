//! The same kills over a list whose items are reviewed: each version and each review once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{go_on, leaves_no_stray, left, sweep};
use crate::project::{Project, RESULT, RUN, orchestra, output};
use crate::server::{Act, Server};

const TASKS: [&str; 2] = [
    "name: each, description: \"do {{ item }}\", for_each: [a, b], max_parallel: 1, review: {by: auditor, advise: consultant}",
    "name: last, description: do last, context: [each]",
];

/// The words by which the server knows each member's request.
const ASKED: [(&str, &str); 7] = [
    ("each.1.1.review", "Review the output of `each.1.1`"),
    ("each.2.1.review", "Review the output of `each.2.1`"),
    ("each.2.2.review", "Review the output of `each.2.2`"),
    ("each.2.1.advice", "The output of `each.2.1` was not approved;"),
    ("each.2.2", "do b\n\nThis is version 2"),
    ("each.1.1", "do a"),
    ("each.2.1", "do b"),
];

#[test]
fn versions_and_reviews_go_on_where_they_were_killed() {
    let verdict = |approved: bool| Act::Text(json!({"approved": approved, "issues": []}).to_string());
    let last = sweep(2, |number| {
        let at = format!("kill:{number}");
        let server = Server::start();
        for (member, words) in ASKED {
            let act = || match member {
                "each.2.1.review" => verdict(false),
                member if member.ends_with("review") => verdict(true),
                member => Act::Text(member.to_owned()),
            };
            let words = words.replace('\n', "\\n");
            server.when(&words, std::iter::repeat_with(act).take(8));
        }
        server.plays("do last", "last");
        let text = orchestra("strategy: parallel, max_parallel_tasks: 2", &TASKS);
        let project = Project::new().file("x.yaml", text).server(&server).args(RUN);
        let killed = project.disk(&at).run();
        let goes_on = killed.code().is_none();
        let done = if goes_on {
            let left = left(&project);
            go_on(&project, &at);
            left.succeeded
        } else {
            killed.exits(0);
            BTreeSet::new()
        };
        let each: Value = serde_json::from_str(&project.read(&output("each")).unwrap()).unwrap();
        assert_eq!(each, json!(["each.1.1", "each.2.2"]), "{at}");
        assert_eq!(project.read(RESULT).as_deref(), Some("last"), "{at}");
        for (member, words) in ASKED.iter().filter(|(member, _)| done.contains(*member)) {
            let is_it = |task: &&String| *task == words || words.len() > "do b".len() && task.starts_with(words);
            assert_eq!(server.tasks().iter().filter(is_it).count(), 1, "{at}: {member} was done");
        }
        leaves_no_stray(&project, &at);
        goes_on
    });
    assert!(last > 50, "only {last} steps reach the disk");
}
