//! `orch runs`: the runs of this project, newest first.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::error::FAILURE;
use crate::cli::table::{self, Table, local_time};
use crate::cli::{Context, Outcome, terminal};
use crate::engine::phase::{RunPhase, Seen, look};
use crate::run::summary::Summary;
use crate::store::journal::JournalError;
use crate::words::text::{count, duration};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Status: succeeded, failed, partial, limited, waiting or interrupted as a run ended; running while a \
                        process holds it; killed if it has no end; empty if it was killed before it began; newer or \
                        older if it needs another version of orch; damaged if its journal cannot be read."
)]
pub(super) struct Args {
    /// How many runs to list; 0 is all
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 20)]
    number: usize,
    /// Give the list as JSON
    #[arg(long)]
    json: bool,
}

/// A row of the list. What the journal alone can say is `null` where it says nothing.
#[derive(Debug, Serialize)]
struct Row {
    run: String,
    orchestra: Option<String>,
    status: String,
    done: Option<usize>,
    tasks: Option<usize>,
    /// RFC 3339 in UTC.
    started_at: Option<String>,
    duration_ms: Option<u64>,
    calls: Option<u32>,
    rehearsal: Option<bool>,
    /// Why its journal cannot be read.
    error: Option<String>,
    #[serde(skip)]
    started_at_ms: u64,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let mut runs = context.known_project()?.runs()?;
    runs.reverse();
    let all = runs.len();
    if args.number > 0 {
        runs.truncate(args.number);
    }
    let older = all - runs.len();
    let seen: Vec<Seen> = runs.into_iter().map(|run| look(&context.project, run)).collect();
    let rows: Vec<Row> = seen.iter().map(Row::of).collect();
    if args.json {
        terminal::print(&table::json(&rows));
    } else if rows.is_empty() {
        terminal::say("no runs in this project: `orch run` makes one\n");
    } else {
        terminal::print(&page(&rows));
        for row in &rows {
            if let Some(error) = &row.error {
                terminal::say(&format!("{}: {error}\n", row.run));
            }
        }
        if older > 0 {
            terminal::say(&format!("and {older} older: `-n 0` lists all\n"));
        }
    }
    // A list with damage in it is true; one with a run that could not be read is not known to be.
    let unread = seen.iter().any(|seen| matches!(seen.phase, RunPhase::Damaged(JournalError::Io { .. })));
    Ok(if unread { ExitCode::from(FAILURE) } else { ExitCode::SUCCESS })
}

impl Row {
    fn of(seen: &Seen) -> Self {
        let summary = seen.history.as_ref().map(Summary::of);
        let summary = summary.as_ref();
        Self {
            run: seen.run.to_string(),
            orchestra: summary.map(|s| s.orchestra.to_string()),
            status: seen.phase.to_string(),
            done: summary.map(Summary::done),
            tasks: summary.map(|s| s.tasks.len()),
            started_at: summary.map(|s| s.started_at.clone()),
            duration_ms: summary.map(|s| s.duration_ms),
            calls: summary.map(|s| s.totals.calls),
            rehearsal: summary.map(|s| s.rehearsal),
            error: match &seen.phase {
                RunPhase::Damaged(error) => Some(error.to_string()),
                RunPhase::Empty(error) => Some(format!("it never began, so nothing was called: {error}")),
                _ => None,
            },
            started_at_ms: seen.history.as_ref().map_or(0, |history| history.started_at_ms),
        }
    }
}

fn page(rows: &[Row]) -> String {
    let mut table = Table::new(["run", "orchestra", "status", "tasks", "started", "took", "calls"]);
    for row in rows {
        let done = row.done.zip(row.tasks).map(|(done, tasks)| format!("{done}/{tasks}"));
        let status =
            if row.rehearsal == Some(true) { format!("{} (rehearsal)", row.status) } else { row.status.clone() };
        table.row([
            &row.run,
            row.orchestra.as_deref().unwrap_or("-"),
            &status,
            &done.unwrap_or_else(|| "-".to_owned()),
            &if row.started_at.is_some() { local_time(row.started_at_ms) } else { "-".to_owned() },
            &row.duration_ms.map_or_else(|| "-".to_owned(), duration),
            &row.calls.map_or_else(|| "-".to_owned(), |calls| count(calls.into())),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::event::{Event, RunEvent, RunStatus};
    use crate::words::id::RunId;

    #[test]
    fn a_row_says_what_is_known() {
        let story = RunBuilder::of(&[("a", "x"), ("b", "x")]).plays("a", "openai/m");
        let story = story.at(3000).then(Event::Run(RunEvent::Finished { status: RunStatus::Partial }));
        let run = story.history.start.run.clone();
        let seen = Seen { run, phase: RunPhase::Ended(RunStatus::Partial), history: Some(story.history), seal: None };
        let known = Row::of(&seen);
        let error = JournalError::Damaged { line: 2, why: "x".into() };
        let run = RunId::at("20261120_080000", 1);
        let unknown = Row::of(&Seen { run, phase: RunPhase::Damaged(error), history: None, seal: None });
        assert_eq!(unknown.error.as_deref(), Some("line 2 of the journal is damaged: x"));
        let page = page(&[known, unknown]);
        let cells = |line: usize| page.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(cells(1)[..4], ["run_20261120_093000_7f3a", "feature", "partial", "1/2"]);
        assert_eq!(cells(1)[6..], ["3.0", "s", "1"]);
        assert_eq!(cells(2), ["run_20261120_080000_0001", "-", "damaged", "-", "-", "-", "-"]);
    }
}
