//! `orch import`: an orchestra from the files of another tool. Reads them and carries out nothing of them.
//!
//! What it writes has been read and resolved before, so that it runs as it stands.

mod locate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use crate::cli::error::{CliError, say_reports};
use crate::cli::new_orchestra::NewOrchestra;
use crate::cli::{Context, Outcome, terminal};
use crate::engine::check;
use crate::plan::draft::names::Names;
use crate::plan::import;
use crate::plan::orchestra::Orchestra;
use crate::plan::template::Template;
use crate::store::project::{FindError, ORCHESTRAS_DIR};
use crate::words::event::Overrides;
use crate::words::text::plural;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What has no counterpart here stands in the new file as a comment that begins with \"Left out:\", \
                        with what to do about it. Values of variables and keys are never taken over."
)]
pub(super) struct Args {
    /// The tool that the files are for
    #[arg(value_enum)]
    from: Tool,
    /// The folder of a crew, or the file
    #[arg(value_name = "DIR|FILE")]
    path: PathBuf,
    /// The new orchestra's id; from the name of the original if left out
    #[arg(long)]
    id: Option<String>,
    /// Print the orchestra and write nothing
    #[arg(long)]
    print: bool,
    /// Write over an orchestra of this id
    #[arg(long, conflicts_with = "print")]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tool {
    /// A crew of CrewAI: the folder with config/agents.yaml, config/tasks.yaml and crew.py
    Crewai,
    /// A recipe of goose, with its sub-recipes
    Goose,
    /// A project of SuperOptiX with its orchestras and playbooks, or one of its orchestras
    Superoptix,
    /// A file of agents of cagent
    Cagent,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let path = context.project.root().join(context.path(&args.path));
    let shown = Shown { path: &path, typed: &args.path };
    let new = |path: &Path| NewOrchestra::new(&args.id.clone().unwrap_or_else(|| id_of(path)));
    let translated = match args.from {
        Tool::Crewai => {
            let (new, crew) = (new(&path)?, locate::crew(&shown)?);
            vec![(import::crewai::import(&crew, new.id.as_str()), new)]
        }
        Tool::Goose => {
            let (new, (recipe, others)) = (new(&path)?, locate::recipes(&shown)?);
            vec![(import::goose::import(&recipe, &others, new.id.as_str()), new)]
        }
        Tool::Cagent => {
            let (new, file) = (new(&path)?, locate::file(&shown)?);
            vec![(import::cagent::import(&file, new.id.as_str()), new)]
        }
        Tool::Superoptix => {
            let found = locate::orchestras(&shown)?;
            if found.orchestras.len() > 1 && (args.id.is_some() || args.print) {
                let names: Vec<&str> = found.orchestras.iter().map(|source| source.path.as_str()).collect();
                return Err(CliError::usage("there are several orchestras, and --id and --print are for one")
                    .help(format!("name one of {}", names.join(", "))));
            }
            let mut translated = Vec::new();
            for source in &found.orchestras {
                let new = new(Path::new(&source.path))?;
                translated.push((import::superoptix::import(source, &found.playbooks, new.id.as_str()), new));
            }
            if found.orchestras.is_empty() {
                let new = new(&path)?;
                translated.push((Ok(import::superoptix::of_playbooks(&found.playbooks, new.id.as_str())), new));
            }
            translated
        }
    };
    for (text, new) in translated {
        put(args, context, &new, text.map_err(CliError::mistakes)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints or writes what has come of it, if it holds.
fn put(args: &Args, context: &Context, new: &NewOrchestra, text: String) -> Result<(), CliError> {
    let project = &context.project;
    let source = new.source(text);
    if args.print {
        terminal::print(&source.text);
    } else {
        new.check_free(project, args.force)?;
    }
    let (orchestra, warnings) = match check(project, &source, &Overrides::default()) {
        Ok(checked) => checked,
        Err(mistakes) if args.print => return Err(CliError::mistakes(mistakes)),
        Err(mistakes) => {
            say_reports(&mistakes);
            return Err(CliError::usage(format!("what came of it has mistakes, so {} was not written", new.path))
                .help("`--print` shows it: put it into a file and mend it there"));
        }
    };
    say_reports(&warnings);
    if !args.print {
        new.write(project, &source.text, &orchestra, args.force)?;
        terminal::print(&format!("{}\n", new.path));
    }
    let tasks = plural(orchestra.tasks.len() as u64, "task", "tasks");
    let left_out = match import::left_out(&source.text) {
        0 => "everything has a counterpart".to_owned(),
        n => format!("{} in it on what was left out", plural(n as u64, "comment", "comments")),
    };
    terminal::say(&format!("{tasks}; {left_out}\n"));
    if !args.print {
        let run = format!("orch run {}{}", new.id, given(&orchestra));
        terminal::say(&format!(
            "next:\n  {run} --dry-run     what would run, and on which models\n  \
             {run} --rehearse    all of it, without a model\n"
        ));
    }
    Ok(())
}

/// What a run of it is given: the goal, if it is for anything, and the inputs that have no default.
fn given(orchestra: &Orchestra) -> String {
    let needed = orchestra.inputs.iter().filter(|input| input.required && input.default.is_none());
    let inputs: String = needed.map(|input| format!(" --input {}=...", input.name)).collect();
    let names_goal = orchestra.tasks.iter().any(|task| task.templates().any(Template::names_goal));
    let goal = if names_goal || inputs.is_empty() { " --goal \"...\"" } else { "" };
    format!("{goal}{inputs}")
}

/// A path, and what the user calls it.
struct Shown<'p> {
    path: &'p Path,
    typed: &'p Path,
}

/// The id that the name of a folder or of a file stands for.
fn id_of(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // A recipe that has a folder to itself is called after that.
    let own = if whole.is_dir() { whole.file_name() } else { whole.file_stem() };
    let name =
        if own.is_some_and(|name| name == "recipe") { whole.parent().and_then(Path::file_name).or(own) } else { own };
    let name = name.map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    Names::default().take(name.trim_end_matches("_orchestra"), "imported")
}

/// Why a file cannot be had.
fn unreadable(error: FindError) -> CliError {
    match error {
        FindError::Unreadable(report) => CliError::mistakes(vec![*report]),
        error => CliError::usage(error.to_string())
            .help(format!("the result goes to {ORCHESTRAS_DIR}/, nothing was written")),
    }
}
