//! `orch diff`: what two runs have made, beside each other.

mod lines;

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::diff::lines::Lines;
use crate::cli::error::CliError;
use crate::cli::show::not_own;
use crate::cli::table::Table;
use crate::cli::{Context, Outcome, terminal};
use crate::engine::phase::{RunPhase, Seen, choose, look};
use crate::engine::provenance::Provenance;
use crate::model::settings::Settings;
use crate::run::history::{History, TaskHistory, TaskState};
use crate::store::disk::Dir;
use crate::store::objects::Objects;
use crate::store::project::{Project, STATE_DIR};
use crate::words::event::Output;
use crate::words::text::{clean, one_line};

/// As much of a goal as is shown, in columns.
const GOAL: usize = 100;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 0 whether something differs or not. What could steer the terminal is left out of \
                        the lines; `orch show RUN --task TASK` gives a whole output.")]
pub(super) struct Args {
    /// The run before, or the end of its id
    before: String,
    /// The run after, or the end of its id
    after: String,
    /// Say how each task differs, and show no lines
    #[arg(long)]
    stat: bool,
}

/// A task in both runs, or in one of them.
struct Pair<'h> {
    name: &'h str,
    before: Option<&'h TaskHistory>,
    after: Option<&'h TaskHistory>,
    made: Made,
}

/// How the outputs of a task compare.
enum Made {
    Same,
    Changed(Lines),
    OnlyBefore,
    OnlyAfter,
    Neither,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = context.known_project()?;
    let (before, after) = (seen(project, &args.before)?, seen(project, &args.after)?);
    let pairs = pairs(project, &before.1, &after.1)?;
    let mut page = head(&before, &after);
    page.push_str(&table(&pairs));
    if !args.stat {
        for pair in &pairs {
            if let Made::Changed(lines) = &pair.made {
                let side = |history: &History| format!("{}/{}", history.start.run, pair.name);
                let _ = write!(page, "\n{}", lines.unified(&side(&before.1), &side(&after.1)));
            }
        }
    }
    terminal::print(&clean(&page));
    Ok(ExitCode::SUCCESS)
}

/// A run that can be read, and how it stands.
fn seen(project: &Project, named: &str) -> Result<(String, History), CliError> {
    let Seen { run, phase, history, seal } = look(project, choose(project, Some(named))?);
    if history.is_some() && !Provenance::of(project, &Settings::from_environment()).is_own(&run, seal.as_ref()) {
        terminal::say(&format!("note: {}\n", not_own(&run)));
    }
    match (history, phase) {
        (Some(history), phase) => Ok((phase.to_string(), history)),
        (None, RunPhase::Damaged(error) | RunPhase::Empty(error)) => {
            Err(CliError::journal(format!("{run} cannot be compared"), &run, &error))
        }
        (None, _) => Err(CliError::failure(format!("{run} cannot be compared"))),
    }
}

/// The tasks of both runs: those of the later one in its order, then those that it has not.
fn pairs<'h>(project: &Project, before: &'h History, after: &'h History) -> Result<Vec<Pair<'h>>, CliError> {
    let name = |task: &'h TaskHistory| task.planned.task.as_str();
    let gone = before.tasks.iter().map(name).filter(|name| after.task(name).is_none());
    let names = after.tasks.iter().map(name).chain(gone);
    names
        .map(|name| {
            let (before, after) = (before.task(name), after.task(name));
            Ok(Pair { name, before, after, made: made(project, before, after)? })
        })
        .collect()
}

fn made(project: &Project, before: Option<&TaskHistory>, after: Option<&TaskHistory>) -> Result<Made, CliError> {
    let output = |task: Option<&TaskHistory>| task.and_then(TaskHistory::output).cloned();
    Ok(match (output(before), output(after)) {
        (None, None) => Made::Neither,
        (Some(_), None) => Made::OnlyBefore,
        (None, Some(_)) => Made::OnlyAfter,
        (Some(before), Some(after)) if before.sha256 == after.sha256 => Made::Same,
        (Some(before), Some(after)) => Made::Changed(Lines::new(text(project, &before)?, text(project, &after)?)),
    })
}

fn text(project: &Project, output: &Output) -> Result<String, CliError> {
    if let Some(text) = &output.text {
        return Ok(text.to_string());
    }
    let objects = Dir::open(&project.root().join(STATE_DIR)).map(Objects::below);
    let text = objects.and_then(|objects| objects.get(output));
    Ok(text.context("an output cannot be read")?.to_string())
}

/// Which runs these are, and what was asked of them where that differs.
fn head((before_phase, before): &(String, History), (after_phase, after): &(String, History)) -> String {
    let mut head = format!("before:    {} ({before_phase})\n", before.start.run);
    let _ = writeln!(head, "after:     {} ({after_phase})", after.start.run);
    for (label, old, new) in [
        ("orchestra:", before.start.orchestra.as_str(), after.start.orchestra.as_str()),
        ("goal:", &before.start.goal, &after.start.goal),
    ] {
        if old != new {
            let _ = writeln!(head, "{label:<11}{} -> {}", one_line(old, GOAL), one_line(new, GOAL));
        }
    }
    head.push('\n');
    head
}

fn table(pairs: &[Pair<'_>]) -> String {
    let mut table = Table::new(["task", "output", "status", "model"]);
    for pair in pairs {
        let word = |task: Option<&TaskHistory>| task.map_or("not in the run", |task| status(&task.state)).to_owned();
        let model = |task: Option<&TaskHistory>| task.and_then(|task| task.model.clone()).unwrap_or("-".to_owned());
        table.row([
            pair.name,
            &pair.made.in_words(),
            &change(word(pair.before), &word(pair.after)),
            &change(model(pair.before), &model(pair.after)),
        ]);
    }
    table.render()
}

impl Made {
    fn in_words(&self) -> String {
        match self {
            Self::Same => "same".to_owned(),
            Self::Changed(lines) => lines.count(),
            Self::OnlyBefore => "only before".to_owned(),
            Self::OnlyAfter => "only after".to_owned(),
            Self::Neither => "-".to_owned(),
        }
    }
}

fn change(before: String, after: &str) -> String {
    if before == after { before } else { format!("{before} -> {after}") }
}

fn status(state: &TaskState) -> &'static str {
    match state {
        TaskState::Waiting => "waiting",
        TaskState::Running | TaskState::Retrying(_) => "not finished",
        TaskState::Succeeded(_) => "succeeded",
        TaskState::Reused(..) => "reused",
        TaskState::Limited(_) => "limited",
        TaskState::Failed(_) => "failed",
        TaskState::Withdrawn => "withdrawn",
        TaskState::AwaitsApproval(_) => "awaits approval",
        TaskState::Skipped(..) => "skipped",
        TaskState::Omitted(_) => "left out",
    }
}

#[cfg(test)]
mod tests;
