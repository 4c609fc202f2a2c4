//! `orch why`: why a task's result was used again in a run, or made anew.
//!
//! A journal keeps digests and not what they were made of, so what changed is named and not shown.

mod reason;

use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::show::not_own;
use crate::cli::why::reason::{Reason, earlier_successes, reason};
use crate::cli::{Context, Outcome, table, terminal};
use crate::engine::phase::{RunPhase, choose, look_closely};
use crate::engine::provenance::Provenance;
use crate::model::settings::Settings;
use crate::run::history::{History, TaskHistory, TaskState};
use crate::words::diagnostic::near_miss;
use crate::words::event::{CacheHit, Event, Record, TaskEvent};
use crate::words::id::RunId;
use crate::words::text::{clean, dollars, duration, plural, tokens};
use crate::words::usage::Usage;

#[derive(Debug, clap::Args)]
#[command(after_help = "A result is used again where nothing that it depends on has changed. `orch run --help` says \
                        how to have it made anew.")]
pub(super) struct Args {
    /// The task
    task: String,
    /// The run, or the end of its id; the latest if left out
    run: Option<String>,
    /// Give the explanation as JSON
    #[arg(long)]
    json: bool,
}

/// How a task came to its result.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
enum How {
    /// An earlier result took the place of a new one.
    Reused {
        from: RunId,
        /// How old the result was when it was used.
        age_ms: u64,
        /// What is saved.
        usage: Usage,
        cost_usd: Option<f64>,
    },
    /// The command line asked for the output of an earlier run.
    TakenOver { from: RunId },
    /// It was made in this run, or tried.
    Anew {
        #[serde(flatten)]
        reason: Reason,
    },
    /// Its members were made or reused, and their outputs put together.
    Collected { members: Vec<String> },
    /// It was not begun.
    NotBegun { because: String },
}

/// What `--json` gives.
#[derive(Debug, Serialize)]
struct Explained<'e> {
    run: &'e RunId,
    task: &'e str,
    #[serde(flatten)]
    how: How,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = context.known_project()?;
    let (seen, records) = look_closely(project, choose(project, args.run.as_deref())?);
    let run = seen.run;
    let history = seen.history.ok_or_else(|| match seen.phase {
        RunPhase::Damaged(error) => CliError::journal(format!("{run} cannot be read"), &run, &error),
        RunPhase::Empty(error) => CliError::journal(format!("there is nothing to explain in {run}"), &run, &error),
        _ => CliError::failure(format!("there is nothing to explain in {run}")),
    })?;
    let own_runs = Provenance::of(project, &Settings::from_environment());
    if !own_runs.is_own(&run, seen.seal.as_ref()) {
        terminal::say(&format!("note: {}\n", not_own(&run)));
    }
    let task = history.task(&args.task).ok_or_else(|| unknown_task(&history, &args.task))?;
    let how = match adopted(&records, task) {
        Some((from, reused, at_ms)) => taken(from, reused, at_ms),
        None if task.members.is_some() && task.output().is_some() => {
            How::Collected { members: members(&history, task) }
        }
        None if task.attempts == 0 => How::NotBegun { because: not_begun(task) },
        None => {
            let earlier = earlier_successes(project, &own_runs, &history, task)?;
            How::Anew { reason: reason(&history, &records, task, earlier) }
        }
    };
    if args.json {
        terminal::print(&table::json(&Explained { run: &run, task: &args.task, how }));
    } else {
        terminal::print(&page(&run, &args.task, &how));
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown_task(history: &History, name: &str) -> CliError {
    let run = &history.start.run;
    let complaint = CliError::usage(format!("{run} has no task `{name}`"));
    match near_miss(name, history.tasks.iter().map(|task| task.planned.task.as_str())) {
        Some(near) => complaint.help(format!("did you mean `{near}`?")),
        None => complaint.help(format!("`orch show {run}` lists its tasks")),
    }
}

/// The run whose output stands for the task's own, and when it was taken over.
fn adopted<'r>(records: &'r [Record], task: &TaskHistory) -> Option<(&'r RunId, Option<&'r CacheHit>, u64)> {
    if !matches!(task.state, TaskState::Reused(..)) {
        return None;
    }
    records.iter().rev().find_map(|record| match &record.event {
        Event::Task { task: name, event: TaskEvent::Reused { run, cache: reused, .. } }
            if *name == task.planned.task =>
        {
            Some((run, reused.as_ref(), record.at_ms))
        }
        _ => None,
    })
}

fn taken(from: &RunId, reused: Option<&CacheHit>, at_ms: u64) -> How {
    let from = from.clone();
    match reused {
        None => How::TakenOver { from },
        Some(reused) => How::Reused {
            from,
            age_ms: at_ms.saturating_sub(reused.made_at_ms),
            usage: reused.usage,
            cost_usd: reused.cost_usd,
        },
    }
}

fn not_begun(task: &TaskHistory) -> String {
    match &task.state {
        TaskState::Skipped(because, _) => format!("it was skipped, because `{because}` failed"),
        TaskState::Omitted(why) => format!("it was left out: {}", clean(&why.to_string())),
        TaskState::Limited(why) => format!("a limit stopped it: {}", clean(why)),
        TaskState::Failed(failure) => format!("it failed: {}", clean(&failure.to_string())),
        TaskState::AwaitsApproval(_) => "it waits for approval".to_owned(),
        TaskState::Withdrawn => "its list has changed, and has no item for it any more".to_owned(),
        _ if task.members.is_some() => "its members are not all done".to_owned(),
        _ => "it has not begun".to_owned(),
    }
}

fn members(history: &History, task: &TaskHistory) -> Vec<String> {
    task.members.iter().flatten().map(|&member| history.tasks[member].planned.task.to_string()).collect()
}

fn page(run: &RunId, task: &str, how: &How) -> String {
    let mut page = String::new();
    let _ = match how {
        How::Reused { from, age_ms, usage, cost_usd } => {
            let _ = writeln!(page, "`{task}` was reused in {run}: nothing that it depends on has changed");
            let _ = writeln!(page, "made by: {from}, {} before", duration(*age_ms));
            writeln!(page, "saved:   {}", saved(*usage, *cost_usd))
        }
        How::TakenOver { from } => writeln!(
            page,
            "`{task}` was taken over from {from} in {run}, since --only or --from asked for other tasks alone"
        ),
        How::Collected { members } => match members.as_slice() {
            [] => writeln!(page, "`{task}` had nothing to do in {run}: its list was empty"),
            [first, ..] => writeln!(
                page,
                "`{task}` was put together in {run} from {}: `orch why {first}` tells of one of them",
                plural(members.len() as u64, "member", "members")
            ),
        },
        How::NotBegun { because } => writeln!(page, "`{task}` was neither reused nor made in {run}: {because}"),
        How::Anew { reason } => {
            let _ = writeln!(page, "`{task}` was not reused in {run}: {}", reason.in_words());
            match reason.compared_with() {
                Some(earlier) => writeln!(page, "compared with: {earlier}"),
                None => Ok(()),
            }
        }
    };
    page
}

fn saved(usage: Usage, cost_usd: Option<f64>) -> String {
    let tokens = tokens(usage.input_tokens + usage.output_tokens, usage.estimated);
    match cost_usd {
        Some(_) => format!("{tokens}, {}", dollars(cost_usd, usage.estimated)),
        None => tokens,
    }
}

#[cfg(test)]
mod tests;
