//! The command line: what can be asked of orch, and how an answer ends.
//!
//! Each command has a file of its own with its arguments and what it does.

mod clean;
mod complaint;
mod completions;
mod cost;
mod create;
mod diff;
mod doctor;
mod dry_run;
mod equip;
mod graph;
mod leftovers;
mod list;
mod load;
mod perform;
mod resume;
mod run;
mod runs;
mod schema;
mod show;
mod standing;
mod table;
mod terminal;
mod validate;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::complaint::CliError;
use crate::store::project::Project;

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
    /// List the project's orchestras
    List(list::Args),
    /// Check orchestras and name every mistake in them
    Validate(validate::Args),
    /// Draw an orchestra's graph as text, Mermaid or DOT
    Graph(graph::Args),
    /// Print the JSON Schema of the file format
    Schema,
    /// Run an orchestra
    Run(run::Args),
    /// Go on with a run that is not finished
    Resume(resume::Args),
    /// List the runs of this project
    Runs(runs::Args),
    /// Show what a run has come to, or one task's output
    Show(show::Args),
    /// Say why a task's result was used again, or made anew
    Why(why::Args),
    /// Compare what two runs have made
    Diff(diff::Args),
    /// Say which models can be used from here, and why others cannot
    Doctor(doctor::Args),
    /// Remove old runs or a workspace
    Clean(clean::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

/// What every command is given.
#[derive(Debug)]
struct Context {
    project: Project,
}

/// What a command ends with when it does what it is asked: the exit code that says how that went.
type Outcome = Result<ExitCode, CliError>;

/// Runs the command line that the process was given.
#[must_use]
pub fn main() -> ExitCode {
    start_log();
    forbid_core_dumps();
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) if code == ExitCode::SUCCESS && terminal::output_is_lost() => ExitCode::from(complaint::FAILURE),
        Ok(code) => code,
        Err(complaint) => complaint.print(),
    }
}

fn dispatch(cli: Cli) -> Outcome {
    let root = match cli.project_dir {
        Some(dir) if !dir.is_dir() => {
            return Err(CliError::usage(format!("{} is not a folder", dir.display()))
                .help("--project-dir names the folder that holds `orchestras/`"));
        }
        Some(dir) => dir,
        None => std::env::current_dir()
            .map_err(|error| CliError::failure(format!("the current folder cannot be used: {error}")))?,
    };
    let context = Context { project: Project::at(root) };
    match cli.command {
        Command::Create(args) => create::run(&args, &context),
        Command::List(args) => list::run(&args, &context),
        Command::Validate(args) => validate::run(&args, &context),
        Command::Graph(args) => graph::run(&args, &context),
        Command::Schema => schema::run(),
        Command::Run(args) => run::run(&args, &context),
        Command::Resume(args) => resume::run(&args, &context),
        Command::Runs(args) => runs::run(&args, &context),
        Command::Show(args) => show::run(&args, &context),
        Command::Why(args) => why::run(&args, &context),
        Command::Diff(args) => diff::run(&args, &context),
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

/// Debug logs, for those who ask for them with `ORCH_LOG`; see tracing's filter syntax.
fn start_log() {
    let Ok(filter) = std::env::var("ORCH_LOG") else { return };
    let filter = tracing_subscriber::EnvFilter::new(filter);
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(terminal::color())
        .with_writer(|| terminal::Log)
        .try_init();
}
