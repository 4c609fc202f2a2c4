//! The command line: what can be asked of orch, and how an answer ends.
//!
//! Each command has a file of its own with its arguments and what it does.

mod approve;
mod clean;
mod completions;
mod create;
mod diff;
mod doctor;
mod dry_run;
mod error;
mod execute;
mod graph;
mod hooks;
mod import;
mod inputs;
mod list;
mod log;
mod new_orchestra;
mod resume;
mod run;
mod runs;
mod runtime;
mod schema;
mod show;
mod table;
mod terminal;
mod trust;
mod validate;
mod why;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::cli::error::CliError;
use crate::os::process::hide_environment;
use crate::store::project::{ORCHESTRAS_DIR, Project, STATE_DIR};

/// Run orchestras of LLM agents: checked before it costs, never lost when killed.
#[derive(Debug, Parser)]
#[command(name = "orch", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// The project's folder, instead of the current one
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    project_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 succeeded, 1 failed or partial, 2 usage or invalid file, 3 a limit was reached, \
                          4 waiting for approval, 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a new orchestra from the project's agents, or from a template
    Create(create::Args),
    /// Write an orchestra from the files of another tool
    Import(import::Args),
    /// List the project's orchestras
    List(list::Args),
    /// Check orchestras and name every mistake in them
    Validate(validate::Args),
    /// Draw an orchestra's graph as text, Mermaid or DOT
    Graph(graph::Args),
    /// List the programs that an orchestra runs at the points of a run
    Hooks(hooks::Args),
    /// Print the JSON Schema of the file format
    Schema,
    /// Run an orchestra
    Run(Box<run::Args>),
    /// Go on with a run that is not finished
    Resume(resume::Args),
    /// Approve what a task has made and a run waits with
    Approve(approve::Args),
    /// Reject what a task has made and a run waits with
    Reject(approve::Args),
    /// List the runs of this project
    Runs(runs::Args),
    /// Show what a run has come to, or one task's output
    Show(show::Args),
    /// Say why a task's result was used again, or made anew
    Why(why::Args),
    /// Compare what two runs have made
    Diff(diff::Args),
    /// Trust what the project's files name, or say what that is
    Trust(trust::Args),
    /// Say which models can be used from here, and why others cannot
    Doctor(doctor::Args),
    /// Remove old runs or a workspace
    Clean(clean::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

impl Command {
    /// Whether it is to say more than usual.
    fn is_verbose(&self) -> bool {
        match self {
            Self::Run(args) => args.output.verbose,
            Self::Resume(args) => args.output.verbose,
            _ => false,
        }
    }
}

/// What every command is given.
#[derive(Debug)]
struct Context {
    project: Project,
    /// Where the user stands below the project's folder; empty in that folder itself.
    below: PathBuf,
    /// The folder that is no project, where none was found.
    no_project: Option<PathBuf>,
}

impl Context {
    fn of(named: Option<PathBuf>) -> Result<Self, CliError> {
        let here = match named {
            Some(dir) if !dir.is_dir() => {
                return Err(CliError::usage(format!("{} is not a folder", dir.display()))
                    .help("--project-dir names the folder that holds `orchestras/`"));
            }
            Some(root) => {
                let is_one = Project::search(&root, Some(&root)).is_some();
                let no_project = (!is_one).then(|| root.clone());
                return Ok(Self { project: Project::at(root), below: PathBuf::new(), no_project });
            }
            None => std::env::current_dir().context("the current folder cannot be used")?,
        };
        let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
        let Some(root) = Project::search(&here, home.as_deref()) else {
            return Ok(Self { project: Project::at(&here), below: PathBuf::new(), no_project: Some(here) });
        };
        let below = here.strip_prefix(&root).map(Path::to_owned).unwrap_or_default();
        Ok(Self { project: Project::at(root), below, no_project: None })
    }

    /// The project, for a command that is about one.
    fn known_project(&self) -> Result<&Project, CliError> {
        let Some(folder) = &self.no_project else { return Ok(&self.project) };
        let dir = folder.display();
        Err(CliError::usage(format!(
            "no project here: {dir} and the folders above it hold neither {ORCHESTRAS_DIR}/ nor {STATE_DIR}/"
        ))
        .help("change to the project's folder, name it with -C, or begin one here with `orch create ID`"))
    }

    /// A path that the user typed, as it is seen from the project's folder.
    fn path(&self, typed: &Path) -> PathBuf {
        // A shell leaves a `~` in quotes as it is, and nobody means a folder of that name.
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        if let (Ok(below), Some(home)) = (typed.strip_prefix("~"), home) {
            return Path::new(&home).join(below);
        }
        if self.below == Path::new("") {
            return typed.to_owned();
        }
        let (mut folder, mut rest) = (self.below.clone(), typed);
        // Where the user stands is free of links, so `..` of it is its parent.
        loop {
            if let Ok(behind) = rest.strip_prefix(".") {
                rest = behind;
            } else if let Ok(behind) = rest.strip_prefix("..")
                && folder.pop()
            {
                rest = behind;
            } else {
                break folder.join(rest);
            }
            if rest == Path::new("") {
                break folder;
            }
        }
    }

    /// The same for an orchestra, which may be named by a path or by its id.
    fn orchestra(&self, named: &str) -> String {
        let is_path = is_path(named) || self.project.root().join(&self.below).join(named).is_file();
        if is_path && self.below != Path::new("") {
            self.path(Path::new(named)).display().to_string()
        } else {
            named.to_owned()
        }
    }

    /// Refuses what can only be an orchestra's id where there is no project.
    fn orchestra_in_project(&self, named: &str) -> Result<String, CliError> {
        if !is_path(named) && !self.project.root().join(named).is_file() {
            self.known_project()?;
        }
        Ok(self.orchestra(named))
    }
}

fn is_path(named: &str) -> bool {
    named.contains(['/', '\\']) || named.ends_with(".yaml") || named.ends_with(".yml")
}

/// What a command ends with when it does what it is asked: the exit code that says how that went.
type Outcome = Result<ExitCode, CliError>;

/// Runs the command line that the process was given.
#[must_use]
pub fn main() -> ExitCode {
    hide_environment();
    forbid_core_dumps();
    let cli = Cli::parse();
    log::start(cli.command.is_verbose());
    match dispatch(cli) {
        Ok(code) if code == ExitCode::SUCCESS && terminal::output_is_lost() => ExitCode::from(error::FAILURE),
        Ok(code) => code,
        Err(complaint) => complaint.print(),
    }
}

fn dispatch(cli: Cli) -> Outcome {
    let context = Context::of(cli.project_dir)?;
    match cli.command {
        Command::Create(args) => create::run(&args, &context),
        Command::Import(args) => import::run(&args, &context),
        Command::List(args) => list::run(&args, &context),
        Command::Validate(args) => validate::run(&args, &context),
        Command::Graph(args) => graph::run(&args, &context),
        Command::Hooks(args) => hooks::run(&args, &context),
        Command::Schema => schema::run(),
        Command::Run(args) => run::run(&args, &context),
        Command::Resume(args) => resume::run(&args, &context),
        Command::Approve(args) => approve::run(&args, true, &context),
        Command::Reject(args) => approve::run(&args, false, &context),
        Command::Runs(args) => runs::run(&args, &context),
        Command::Show(args) => show::run(&args, &context),
        Command::Why(args) => why::run(&args, &context),
        Command::Diff(args) => diff::run(&args, &context),
        Command::Trust(args) => trust::run(&args, &context),
        Command::Doctor(args) => doctor::run(&args, &context),
        Command::Clean(args) => clean::run(&args, &context),
        Command::Completions(args) => completions::run::<Cli>(&args),
    }
}

/// What a process that crashes leaves behind holds its memory, and in it the keys. Who wants it all the same for a
/// program that orch starts can raise the limit there again.
fn forbid_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Core);
        limit.current = Some(0);
        // A limit can always be lowered.
        let _ = setrlimit(Resource::Core, limit);
    }
}
