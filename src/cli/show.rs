//! `orch show`: what a run has come to, one task's output, or the journal itself.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::table::{self, Table, local_time};
use crate::cli::{Context, Outcome, terminal};
use crate::engine::phase::{RunPhase, choose, look_closely};
use crate::engine::provenance::Provenance;
use crate::model::settings::Settings;
use crate::run::history::{History, TaskHistory, TaskState};
use crate::run::summary::{Spent, Summary, TaskStatus, TaskSummary};
use crate::store::disk::Dir;
use crate::store::journal::FILE;
use crate::store::objects::Objects;
use crate::store::project::{Project, STATE_DIR};
use crate::store::workspace;
use crate::words::diagnostic::near_miss;
use crate::words::event::{Output, Record};
use crate::words::id::RunId;
use crate::words::text::{clean, count, dollars, duration, one_line};

/// As much of an error as is shown, in columns. All of it stands in the task's file.
const ERROR: usize = 300;

#[derive(Debug, clap::Args)]
#[command(after_help = "With --task: exit code 1 if the task has no output, and why on standard error.")]
pub(super) struct Args {
    /// The run, or the end of its id; the latest if left out
    run: Option<String>,
    /// Print this task's output and nothing else
    #[arg(long, value_name = "TASK", conflicts_with_all = ["events", "json"])]
    task: Option<String>,
    /// Print the run's journal as JSON lines
    #[arg(long, conflicts_with = "json")]
    events: bool,
    /// Print the values that the tasks share, as JSON
    #[arg(long, conflicts_with_all = ["task", "events", "json"])]
    ctx: bool,
    /// Give what is shown as JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` gives: the summary, and how the run stands now.
#[derive(Debug, Serialize)]
struct Shown<'s> {
    /// As `orch runs` says it. `status` is what the last process wrote.
    standing: String,
    /// Whether this user's orch has made the run.
    own: bool,
    #[serde(flatten)]
    summary: &'s Summary,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = context.known_project()?;
    let run = choose(project, args.run.as_deref())?;
    let (seen, records) = look_closely(project, run);
    let own = Provenance::of(project, &Settings::from_environment()).is_own(&seen.run, seen.seal.as_ref());
    let history = seen.history.ok_or_else(|| cannot_show(&seen.run, &seen.phase))?;
    if args.events {
        terminal::print_result(&lines(&records));
    } else if let Some(task) = &args.task {
        terminal::print_result(&output(project, &history, task)?);
        if !own {
            terminal::say(&format!("note: {}\n", not_own(&seen.run)));
        }
    } else if args.ctx {
        terminal::print_result(&table::json(&history.ctx));
    } else if args.json {
        let (standing, summary) = (seen.phase.to_string(), &Summary::of(&history));
        terminal::print(&table::json(&Shown { standing, own, summary }));
    } else {
        terminal::print(&page(&history, &seen.phase, own));
    }
    Ok(ExitCode::SUCCESS)
}

fn cannot_show(run: &RunId, phase: &RunPhase) -> CliError {
    match phase {
        RunPhase::Damaged(error) => CliError::journal(format!("{run} cannot be shown"), run, error),
        RunPhase::Empty(error) => CliError::journal(format!("there is nothing to show of {run}"), run, error),
        _ => CliError::failure(format!("there is nothing to show of {run}")),
    }
}

fn lines(records: &[Record]) -> String {
    records.iter().filter_map(|record| serde_json::to_string(record).ok()).map(|line| line + "\n").collect()
}

/// A task's output as it was recorded. The workspace may show another run, or have been edited.
fn output(project: &Project, history: &History, name: &str) -> Result<String, CliError> {
    let run = &history.start.run;
    let Some(task) = history.task(name) else {
        let complaint = CliError::usage(format!("{run} has no task `{name}`"));
        let names = history.tasks.iter().map(|task| task.planned.task.as_str());
        return Err(match near_miss(name, names) {
            Some(near) => complaint.help(format!("did you mean `{near}`?")),
            None => complaint.help(format!("`orch show {run}` lists its tasks")),
        });
    };
    let why = match &task.state {
        TaskState::Succeeded(output) | TaskState::Reused(output, _) => return text(project, output),
        TaskState::AwaitsApproval(gate) => return text(project, &gate.output),
        TaskState::Failed(failure) => format!("it failed: {}", clean(&failure.to_string())),
        TaskState::Retrying(failure) => format!("its last attempt failed: {}", clean(&failure.to_string())),
        TaskState::Skipped(because, _) => format!("it was skipped, because `{because}` failed"),
        TaskState::Omitted(why) => format!("it was left out: {}", clean(&why.to_string())),
        TaskState::Limited(why) => format!("a limit stopped it: {}", clean(why)),
        TaskState::Withdrawn => "its list has changed, and has no item for it any more".to_owned(),
        TaskState::Running => "it is not finished".to_owned(),
        TaskState::Waiting => "it has not begun".to_owned(),
    };
    Err(CliError::failure(format!("there is no output of `{name}` in {run}: {why}")))
}

fn text(project: &Project, output: &Output) -> Result<String, CliError> {
    if let Some(text) = &output.text {
        return Ok(text.to_string());
    }
    let objects = Dir::open(&project.root().join(STATE_DIR)).map(Objects::below);
    let text = objects.and_then(|objects| objects.get(output));
    Ok(text.context("the output cannot be read")?.to_string())
}

/// What a run is whose journal another has written.
pub(super) fn not_own(run: &RunId) -> String {
    format!("{run} was not made by you here; what it says is its author's word")
}

fn page(history: &History, phase: &RunPhase, own: bool) -> String {
    let summary = Summary::of(history);
    let mut page = facts(history, &summary, phase);
    if !own {
        let _ = writeln!(page, "{:<11}not you, or not here: what it says is its author's word", "made by:");
    }
    page.push('\n');
    let mut table = Table::new(["task", "agent", "status", "attempts", "model", "took", "output"]);
    for (task, about) in history.tasks.iter().zip(&summary.tasks) {
        table.row([
            about.task.as_str(),
            about.agent.as_str(),
            &status(about, phase),
            &count(task.attempts.into()),
            about.model.as_deref().unwrap_or("-"),
            &if about.duration_ms > 0 { duration(about.duration_ms) } else { "-".to_owned() },
            &task.output().map_or_else(|| "-".to_owned(), |output| table::size(output.bytes)),
        ]);
    }
    page.push_str(&table.render());
    let errors: String = summary.tasks.iter().filter_map(error).collect();
    if !errors.is_empty() {
        let _ = write!(page, "\n{errors}");
    }
    page + "\n" + &places(history)
}

fn facts(history: &History, summary: &Summary, phase: &RunPhase) -> String {
    let start = &history.start;
    let resumes = match summary.resumes {
        0 => String::new(),
        1 => ", resumed once".to_owned(),
        n => format!(", resumed {n} times"),
    };
    let rehearsal = if summary.rehearsal { ", a rehearsal: no model was used" } else { "" };
    let spent = &summary.totals;
    let goal = if start.goal.is_empty() { "-".to_owned() } else { one_line(&start.goal, ERROR) };
    let inputs: Vec<String> = start.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let inputs = (!inputs.is_empty()).then(|| ("inputs", one_line(&inputs.join(", "), ERROR)));
    let lines = [
        ("run", format!("{} ({phase}{resumes}{rehearsal})", start.run)),
        ("orchestra", format!("{}, from {}", start.orchestra, one_line(&start.source, ERROR))),
        ("goal", goal),
        ("started", format!("{}, took {}", local_time(history.started_at_ms), duration(summary.duration_ms))),
        ("tasks", format!("{} of {} done", summary.done(), summary.tasks.len())),
        ("calls", format!("{}, {}", count(spent.calls.into()), costs(spent))),
    ];
    let (before, after) = lines.split_at(3);
    let lines = before.iter().chain(&inputs).chain(after);
    lines.map(|(label, text)| format!("{:<11}{text}\n", format!("{label}:"))).collect()
}

fn costs(spent: &Spent) -> String {
    let tokens = crate::words::text::tokens(spent.tokens(), spent.estimated);
    match spent.cost_usd {
        None => tokens,
        Some(_) if spent.unpriced => {
            format!("{tokens}, {} and what has no price", dollars(spent.cost_usd, spent.estimated))
        }
        Some(_) => format!("{tokens}, {}", dollars(spent.cost_usd, spent.estimated)),
    }
}

fn status(task: &TaskSummary, phase: &RunPhase) -> String {
    match task.status {
        TaskStatus::Waiting => "waiting".to_owned(),
        // The journal alone cannot tell what is under way from what was when its process ended.
        TaskStatus::Running if matches!(phase, RunPhase::Running) => "running".to_owned(),
        TaskStatus::Running => "cut off".to_owned(),
        TaskStatus::Limited => "limited".to_owned(),
        TaskStatus::AwaitsApproval => "awaits approval".to_owned(),
        TaskStatus::Succeeded => "succeeded".to_owned(),
        TaskStatus::Reused => "reused".to_owned(),
        TaskStatus::Failed => "failed".to_owned(),
        TaskStatus::Skipped => "skipped".to_owned(),
        TaskStatus::Omitted => "left out".to_owned(),
    }
}

fn error(task: &TaskSummary) -> Option<String> {
    if let Some(cause) = &task.skipped_because {
        return Some(format!("{}: skipped, because {} failed\n", task.task, cause.task));
    }
    if let Some(why) = &task.omitted_because {
        return Some(format!("{}: left out, {}\n", task.task, one_line(why, ERROR)));
    }
    if let Some(run) = &task.reused_from {
        return Some(format!("{}: taken over from {run}\n", task.task));
    }
    let failure = task.error.as_ref()?;
    Some(format!("{}: {}\n", task.task, one_line(&failure.to_string(), ERROR)))
}

/// Where everything lies. The workspace shows the latest run, so another one's outputs are only in the journal.
fn places(history: &History) -> String {
    let (run, folder) = (&history.start.run, one_line(&history.start.workspace, ERROR));
    let done: Vec<&TaskHistory> = history.tasks.iter().filter(|task| task.output().is_some()).collect();
    let mut page = String::new();
    if history.is_complete() {
        let _ = writeln!(page, "result:    {folder}/{} (of the latest run there)", workspace::result_file());
    }
    if let Some(task) = done.first() {
        let _ = writeln!(page, "outputs:   {folder}/task_outputs/ (of the latest run there)");
        let _ = writeln!(page, "           orch show {run} --task {}", task.planned.task);
    }
    let _ = writeln!(page, "journal:   {STATE_DIR}/runs/{run}/{FILE}");
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::event::{Event, SkipReason, TaskEvent};
    use crate::words::failure::{Failure, FailureKind};
    use crate::words::id::Name;

    fn story() -> RunBuilder {
        let name = |text: &str| Name::new(text).unwrap();
        let failure = Failure::new(FailureKind::Auth, "wrong \u{1b}[31mkey\u{1b}[0m");
        RunBuilder::of(&[("a", "x"), ("b", "y"), ("c", "y"), ("d", "y")])
            .plays("a", "openai/m")
            .at(2000)
            .attempt("b", 1, "openai/m")
            .at(3500)
            .attempt_fails("b", 1, failure.clone(), None)
            .fails("b", failure)
            .then(Event::Task {
                task: name("c"),
                event: TaskEvent::Skipped { because: name("b"), reason: SkipReason::Dependency },
            })
            .attempt("d", 1, "openai/m")
    }

    #[test]
    fn a_page_says_how_each_task_stands_and_where_its_output_is() {
        let page = page(&story().history, &RunPhase::Killed, true);
        for part in [
            "run:       run_20261120_093000_7f3a (killed)\n",
            "tasks:     1 of 4 done\n",
            "b     y      failed     1         openai/m  1.5 s",
            "d     y      cut off",
            "b: not authorized: wrong key\n",
            "c: skipped, because b failed\n",
            "orch show run_20261120_093000_7f3a --task a\n",
            "journal:   .orchestra/runs/run_20261120_093000_7f3a/journal.jsonl\n",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("result:") && !page.contains("made by:"));
    }

    #[test]
    fn an_output_is_given_as_it_is_and_none_is_explained() {
        let history = story().history;
        let project = Project::at(".");
        let text = output(&project, &history, "a").unwrap();
        assert_eq!(Some(&*text), history.task("a").unwrap().output().unwrap().text.as_deref());
        for (task, why) in [("b", "it failed: not authorized"), ("c", "because `b` failed"), ("d", "not finished")] {
            let complaint = output(&project, &history, task).unwrap_err();
            assert!(format!("{complaint:?}").contains(why), "{complaint:?}");
        }
        assert!(format!("{:?}", output(&project, &history, "e").unwrap_err()).contains("has no task"));
    }

    #[test]
    fn events_are_lines_that_can_be_read_back() {
        let story = story();
        let read: Vec<Record> = lines(&story.records).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, story.records);
    }
}
