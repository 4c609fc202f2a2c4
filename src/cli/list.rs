//! `orch list`: the orchestras of the project, those that cannot run included.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::table::{self, Table};
use crate::cli::{CliError, Context, Outcome, terminal};
use crate::engine::check;
use crate::store::project::{self, FindError, ListError, ORCHESTRAS_DIR, Project};
use crate::words::diagnostic::{Diagnostic, Report, Source};
use crate::words::event::Overrides;
use crate::words::text::{one_line, plural};

/// As much of a description as a row has room for, in columns.
const DESCRIPTION: usize = 50;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Give the list as JSON
    #[arg(long)]
    json: bool,
}

/// A row of the list.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    path: String,
    valid: bool,
    /// `null` where the file has mistakes, as are the next two.
    strategy: Option<&'static str>,
    tasks: Option<usize>,
    description: Option<String>,
    /// How many mistakes keep it from running.
    mistakes: usize,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let found = files(context.known_project()?)?;
    let listed: Vec<Listed> = found.iter().map(|file| look(&context.project, file)).collect();
    if args.json {
        terminal::print(&table::json(&listed));
    } else if listed.is_empty() {
        terminal::say(&format!("no orchestras in {ORCHESTRAS_DIR}/: `orch create ID` makes one\n"));
    } else {
        terminal::print(&page(&listed));
    }
    Ok(ExitCode::SUCCESS)
}

/// The project's orchestras by file name, each with its text or with why it cannot be read.
///
/// # Errors
/// If their folder is there and cannot be listed.
pub(super) fn files(project: &Project) -> Result<Vec<Result<Arc<Source>, Report>>, ListError> {
    Ok(project.orchestras()?.iter().map(|path| find(project, path)).collect())
}

/// The orchestras that a command is given by name, or all of the project.
///
/// # Errors
/// If their folder cannot be listed, or has none; `help` says what to do then.
pub(super) fn named(
    names: &[String],
    context: &Context,
    help: &str,
) -> Result<Vec<Result<Arc<Source>, Report>>, CliError> {
    let found = if names.is_empty() {
        files(context.known_project()?)?
    } else {
        names.iter().map(|name| find(&context.project, &context.orchestra(name))).collect()
    };
    if found.is_empty() {
        return Err(CliError::usage(format!("there is no orchestra in {ORCHESTRAS_DIR}/")).help(help));
    }
    Ok(found)
}

/// An orchestra's text, or why there is none, as a mistake in a file of that name.
pub(super) fn find(project: &Project, name: &str) -> Result<Arc<Source>, Report> {
    project.find(name).map_err(|error| match error {
        FindError::Unreadable(report) => *report,
        FindError::Io { ref path, error: ref cause } => {
            let mistake = Diagnostic::error_in_file(format!("the file cannot be read: {cause}"));
            Report::new(Arc::new(Source::new(path.clone(), "")), vec![mistake])
        }
        FindError::List(ref cause) => {
            let mistake = Diagnostic::error_in_file(cause.to_string());
            Report::new(Arc::new(Source::new(name, "")), vec![mistake])
        }
        FindError::Unknown { .. } => {
            let mistake = Diagnostic::error_in_file(error.to_string());
            let help = "`orch list` names those of this project, `orch create ID` makes a new one";
            Report::new(Arc::new(Source::new(name, "")), vec![mistake.help(help)])
        }
    })
}

fn look(project: &Project, file: &Result<Arc<Source>, Report>) -> Listed {
    let checked = match file {
        Ok(source) => check(project, source, &Overrides::default()),
        Err(report) => Err(vec![report.clone()]),
    };
    let path = file.as_ref().map_or_else(|report| &report.source.path, |source| &source.path).clone();
    match checked {
        Ok((orchestra, _)) => Listed {
            id: orchestra.id.to_string(),
            path,
            valid: true,
            strategy: Some(orchestra.execution.strategy.name()),
            tasks: Some(orchestra.tasks.len()),
            description: orchestra.description,
            mistakes: 0,
        },
        Err(reports) => Listed {
            id: project::stem(&path).unwrap_or_default(),
            path,
            valid: false,
            strategy: None,
            tasks: None,
            description: None,
            mistakes: reports.iter().map(Report::errors).sum(),
        },
    }
}

fn page(listed: &[Listed]) -> String {
    let mut table = Table::new(["id", "strategy", "tasks", "description", "path"]);
    for one in listed {
        let tasks = one.tasks.map_or_else(|| "-".to_owned(), |tasks| tasks.to_string());
        let description = match one.mistakes {
            0 => one_line(one.description.as_deref().unwrap_or_default(), DESCRIPTION),
            n => format!("{}: `orch validate` names them", plural(n as u64, "mistake", "mistakes")),
        };
        table.row([&one.id, one.strategy.unwrap_or("invalid"), &tasks, &description, &one.path]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_run_or_be_read_is_listed_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join(ORCHESTRAS_DIR);
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("a.yaml"), "tasks:\n  - {name: x, agent: writer, description: hi}\n").unwrap();
        std::fs::write(dir.join("b.yml"), "task: []\n").unwrap();
        std::fs::write(dir.join("c.yaml"), b"\xFF\xFF").unwrap();
        std::fs::write(dir.join("notes.txt"), "").unwrap();
        let project = Project::at(folder.path());
        let listed: Vec<Listed> = files(&project).unwrap().iter().map(|file| look(&project, file)).collect();
        assert_eq!(
            page(&listed),
            "ID  STRATEGY    TASKS  DESCRIPTION                             PATH\n\
             a   sequential  1                                              orchestras/a.yaml\n\
             b   invalid     -      2 mistakes: `orch validate` names them  orchestras/b.yml\n\
             c   invalid     -      1 mistake: `orch validate` names them   orchestras/c.yaml\n"
        );
    }
}
