//! Tasks are paired by their names, and only what differs is shown in lines.

use super::*;
use crate::run_builder::{RunBuilder, name};
use crate::words::digest::sha256;
use crate::words::event::{Event, TaskEvent};
use crate::words::failure::{Failure, FailureKind};
use crate::words::id::RunId;

fn story(number: u16, tasks: &[&str], goal: &str) -> RunBuilder {
    let tasks: Vec<_> = tasks.iter().map(|&task| (task, "x")).collect();
    RunBuilder::with(&tasks, |start| {
        start.run = RunId::at("20261120_093000", number);
        start.goal = goal.to_owned();
    })
}

fn makes(story: RunBuilder, task: &str, model: &str, text: &str) -> RunBuilder {
    let output = Output { sha256: sha256(text.as_bytes()), bytes: text.len() as u64, text: Some(text.into()) };
    story
        .attempt(task, 1, model)
        .then(Event::Task { task: name(task), event: TaskEvent::Succeeded { attempt: 1, output } })
}

#[test]
fn each_task_says_how_it_differs() {
    let before = story(1, &["same", "text", "gone", "fails", "none"], "one");
    let before = makes(makes(before, "same", "m", "x"), "text", "m", "a\nb\nc\n");
    let before = makes(makes(before, "gone", "m", "y"), "fails", "m", "z");
    let after = story(2, &["new", "same", "text", "fails", "none"], "two");
    let after = makes(makes(after, "same", "n", "x"), "text", "m", "a\nB\nc\nd\n");
    let after = makes(after, "new", "m", "y").attempt("fails", 1, "m");
    let after = after.fails("fails", Failure::new(FailureKind::Auth, "key"));
    let pairs = pairs(&Project::at("."), &before.history, &after.history).unwrap();
    let table = table(&pairs);
    let rows: Vec<Vec<&str>> =
        table.lines().skip(1).map(|line| line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect()).collect();
    assert_eq!(
        rows,
        [
            vec!["new", "only after", "not in the run -> succeeded", "- -> m"],
            vec!["same", "same", "succeeded", "m -> n"],
            vec!["text", "+2 -1 lines", "succeeded", "m"],
            vec!["fails", "only before", "succeeded -> failed", "m"],
            vec!["none", "-", "waiting", "-"],
            vec!["gone", "only before", "succeeded -> not in the run", "m -> -"],
        ]
    );
    let (before, after) = (("succeeded".to_owned(), before.history), ("failed".to_owned(), after.history));
    assert_eq!(
        head(&before, &after),
        "before:    run_20261120_093000_0001 (succeeded)\nafter:     run_20261120_093000_0002 (failed)\n\
         goal:      one -> two\n\n"
    );
    assert_eq!(head(&before, &before).lines().count(), 3, "what is the same is not said");
}

#[test]
fn lines_are_written_as_diff_writes_them() {
    let lines = Lines::new("a\nb\nc".to_owned(), "a\nB\nc\n".to_owned());
    assert_eq!(
        lines.unified("x", "y"),
        "--- x\n+++ y\n@@ -1,3 +1,3 @@\n a\n-b\n-c\n\\ No newline at end of file\n+B\n+c\n"
    );
    assert_eq!(lines.count(), "+2 -2 lines");
}

#[test]
fn a_long_output_that_is_gone_is_named() {
    let output = Output { sha256: "ab".repeat(32), bytes: 1 << 20, text: None };
    let folder = tempfile::tempdir().unwrap();
    let complaint = text(&Project::at(folder.path()), &output).unwrap_err();
    assert!(format!("{complaint:?}").contains("an output cannot be read"), "{complaint:?}");
}
