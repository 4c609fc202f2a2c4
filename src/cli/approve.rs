//! `orch approve` and `orch reject`: a person's answer to what a task has made and a run waits with.
//!
//! The answer is left in the run's folder. It is heard when the run goes on, and by a process that is at work on it before
//! that ends.

use std::process::ExitCode;

use crate::cli::error::CliError;
use crate::cli::{Context, Outcome, terminal};
use crate::engine::phase::choose;
use crate::run::history::History;
use crate::store::answers::{self, Left};
use crate::store::project::Project;
use crate::words::diagnostic::near_miss;
use crate::words::id::RunId;
use crate::words::text::clean;

/// So many runs are looked through for a task that waits, the latest first.
const RUNS: usize = 50;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "An answer counts for what the task has made when it is given, and for nothing that it makes later. \
                        `orch resume` goes on with it."
)]
pub(super) struct Args {
    /// The run, or the end of its id, and the task; without a run, the latest one in which the task waits
    #[arg(required = true, num_args = 1..=2, value_names = ["RUN", "TASK"])]
    names: Vec<String>,
    /// Why, in your own words
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The beginning of the SHA-256 of what you have seen: the answer is refused if that is not what waits
    #[arg(long, value_name = "SHA256")]
    shown: Option<String>,
}

pub(super) fn run(args: &Args, approved: bool, context: &Context) -> Outcome {
    let project = context.known_project()?;
    let (run, task) = match args.names.as_slice() {
        [run, task] => (choose(project, Some(run))?, task),
        [task] => (latest_with(project, task)?, task),
        _ => return Err(CliError::usage("name a task")),
    };
    let (_, history) = project.history(&run).map_err(anyhow::Error::from)?;
    let known = history.task(task).ok_or_else(|| no_such(&history, task))?;
    let Some(gate) = known.gate().filter(|gate| gate.answer.is_none()) else {
        return Err(CliError::usage(format!("`{task}` of {run} does not wait for an answer")).help(waiting(&history)));
    };
    let sha256 = gate.output.sha256.clone();
    if let Some(shown) = args.shown.as_ref().filter(|shown| shown.is_empty() || !sha256.starts_with(shown.as_str())) {
        return Err(CliError::failure(format!(
            "what `{task}` waits with is not what you have seen: {shown} is another version"
        ))
        .help(format!("look at it with `orch show {run} {task}`; it is {}", short(&sha256))));
    }
    let by = ["USER", "USERNAME", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let by = by.map(|by| clean(&by).into_owned()).filter(|by| !by.is_empty()).unwrap_or_else(|| "somebody".to_owned());
    let answer = Left { sha256, approved, by, reason: args.reason.clone() };
    let folder = project.run_dir(&run).map_err(anyhow::Error::from)?;
    let before = answers::leave(&folder, &known.planned.task, &answer).map_err(anyhow::Error::from)?;
    if let Some(before) = before {
        let did = if before.approved { "approved" } else { "rejected" };
        let why = before.reason.map(|reason| format!(": {}", clean(&reason))).unwrap_or_default();
        return Err(CliError::failure(format!("{} has {did} `{task}` of {run} already{why}", clean(&before.by))));
    }
    let did = if approved { "approved" } else { "rejected" };
    terminal::say(&format!("{did} `{task}` of {run}, {}; to go on: orch resume {run}\n", short(&answer.sha256)));
    Ok(ExitCode::SUCCESS)
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// The latest run in which a task waits for an answer.
fn latest_with(project: &Project, task: &str) -> Result<RunId, CliError> {
    let runs = project.runs()?;
    let waits = |run: &&RunId| {
        let history = project.history(run).ok().map(|(_, history)| history);
        history.is_some_and(|history| history.task(task).is_some_and(|task| task.gate().is_some()))
    };
    runs.iter().rev().take(RUNS).find(waits).cloned().ok_or_else(|| {
        CliError::usage(format!("no run waits for an answer to `{task}`")).help("`orch runs` says which runs wait")
    })
}

fn no_such(history: &History, task: &str) -> CliError {
    let names = history.tasks.iter().map(|task| task.planned.task.as_str());
    let error = CliError::usage(format!("{} has no task `{task}`", history.start.run));
    match near_miss(task, names) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(waiting(history)),
    }
}

fn waiting(history: &History) -> String {
    let waiting: Vec<String> = history
        .tasks
        .iter()
        .filter(|task| task.gate().is_some_and(|gate| gate.answer.is_none()))
        .map(|task| format!("`{}`", task.planned.task))
        .collect();
    match waiting.as_slice() {
        [] => "nothing in that run waits for an answer".to_owned(),
        names => format!("what waits is {}", names.join(", ")),
    }
}
