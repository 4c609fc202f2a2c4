//! `orch create`: a new orchestra from one that comes with orch, from the project's playbooks, or one to edit.
//!
//! What it writes has been read and resolved before, so that it runs as it stands.

mod draft;
mod templates;

use std::process::ExitCode;

use clap::ValueEnum;

use crate::cli::create::draft::Draft;
use crate::cli::create::templates::{SHIPPED, Shipped};
use crate::cli::error::{CliError, say_reports};
use crate::cli::new_orchestra::NewOrchestra;
use crate::cli::table::Table;
use crate::cli::{Context, Outcome, terminal};
use crate::engine::check;
use crate::plan::{roles, spec};
use crate::store::project::{ORCHESTRAS_DIR, Project};
use crate::words::diagnostic::near_miss;
use crate::words::event::Overrides;
use crate::words::text::plural;

/// Where a user may put the schema for editors, within [`ORCHESTRAS_DIR`].
const SCHEMA: &str = ".schema.json";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The tasks are those of the project's playbooks (agents/<name>/playbook/<name>_playbook.yaml or \
                        agents/<name>.yaml), one after another. Without playbooks, the name of an orchestra that comes with \
                        orch gives that one, ready to run, and any other id one to edit."
)]
pub(super) struct Args {
    /// The new orchestra's id, which names its file and its workspace
    #[arg(required_unless_present = "list")]
    id: Option<String>,
    /// Take this orchestra, which comes with orch, whatever playbooks there are
    #[arg(long, value_name = "NAME", conflicts_with_all = ["agents", "strategy"])]
    template: Option<String>,
    /// List the orchestras that come with orch, and make none
    #[arg(long, exclusive = true)]
    list: bool,
    /// Take these agents and no others, in this order: playbooks of the project, or built-in roles
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    agents: Vec<String>,
    /// How its tasks are put in order
    #[arg(long, value_enum)]
    strategy: Option<Strategy>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Strategy {
    /// One after another; each gets the output of the one before it
    Sequential,
    /// All at once
    Parallel,
    /// All but the last at once, and the last on their outputs
    Mixed,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    // clap has asked for an id where no list is wanted.
    let Some(id) = &args.id else {
        terminal::print(&page());
        return Ok(ExitCode::SUCCESS);
    };
    let project = &context.project;
    let new = NewOrchestra::new(id)?;
    new.check_free(project, false)?;
    let (text, origin) = compose(args, project, new.id.as_str())?;
    let source = new.source(editor_line(project) + &text);
    let (orchestra, warnings) = check(project, &source, &Overrides::default()).map_err(CliError::mistakes)?;
    say_reports(&warnings);
    new.write(project, &source.text, &orchestra, false)?;
    terminal::print(&format!("{}\n", new.path));
    terminal::say(&next_steps(new.id.as_str(), &origin));
    Ok(ExitCode::SUCCESS)
}

/// The text of the new file, and what it was made from.
fn compose(args: &Args, project: &Project, id: &str) -> Result<(String, String), CliError> {
    if let Some(name) = &args.template {
        return Ok(ready(template(name)?, id));
    }
    let agents = agents(args, project)?;
    if agents.is_empty() {
        if args.strategy.is_some() {
            return Err(CliError::usage("--strategy needs agents, and this project has no playbooks")
                .help("name built-in roles, such as `--agents researcher,writer`, or edit `strategy` in the file"));
        }
        return Ok(match templates::find(id) {
            Some(shipped) => ready(shipped, id),
            None => (templates::starter(id), "an example that runs; its comments say what to edit".to_owned()),
        });
    }
    let names = agents.iter().map(String::as_str);
    let (playbooks, _) = project.playbooks(names.clone()).map_err(CliError::mistakes)?;
    let strategy = match args.strategy {
        None | Some(Strategy::Sequential) => spec::Strategy::Sequential,
        Some(Strategy::Parallel) => spec::Strategy::Parallel,
        Some(Strategy::Mixed) => spec::Strategy::Mixed,
    };
    let draft = Draft::new(names.map(|name| (name, playbooks.get(name).map(|p| &p.playbook))), strategy);
    let tasks = plural(draft.len() as u64, "task", "tasks");
    let origin = format!("{tasks} for {}: {}", plural(agents.len() as u64, "agent", "agents"), agents.join(", "));
    Ok((draft.render(id), origin))
}

/// The orchestras that come with orch, a line each.
fn page() -> String {
    let mut table = Table::new(["template", "description"]);
    for shipped in SHIPPED {
        table.row([shipped.name, &shipped.description()]);
    }
    table.render()
}

fn template(name: &str) -> Result<&'static Shipped, CliError> {
    templates::find(name).ok_or_else(|| {
        let complaint = CliError::usage(format!("there is no template `{name}`"));
        match near_miss(name, SHIPPED.iter().map(|shipped| shipped.name)) {
            Some(near) => complaint.help(format!("did you mean `{near}`?")),
            None => complaint.help("`orch create --list` names them"),
        }
    })
}

fn ready(shipped: &Shipped, id: &str) -> (String, String) {
    (shipped.under(id), format!("the template `{}`, ready to run", shipped.name))
}

/// The agents that were asked for, else those of the project.
fn agents(args: &Args, project: &Project) -> Result<Vec<String>, CliError> {
    let playbooks = project.agents()?;
    if args.agents.is_empty() {
        return Ok(playbooks);
    }
    let mut agents: Vec<String> = Vec::new();
    for name in &args.agents {
        if !playbooks.contains(name) && roles::find(name).is_none() {
            let known = playbooks.iter().map(String::as_str).chain(roles::all().iter().map(|role| role.name));
            let complaint = CliError::usage(format!("there is no agent `{name}`"));
            return Err(match near_miss(name, known) {
                Some(near) => complaint.help(format!("did you mean `{near}`?")),
                None => complaint.help(format!("describe it in agents/{name}.yaml, or name a built-in role")),
            });
        }
        if !agents.contains(name) {
            agents.push(name.clone());
        }
    }
    Ok(agents)
}

/// What an editor needs to complete and check the file: the schema where the user has put it, else how to get it.
fn editor_line(project: &Project) -> String {
    if project.root().join(ORCHESTRAS_DIR).join(SCHEMA).is_file() {
        return format!("# yaml-language-server: $schema={SCHEMA}\n");
    }
    // The backticks keep editors from taking this for the line itself, and missing the file.
    format!(
        "# For an editor that completes and checks this file: `orch schema > {ORCHESTRAS_DIR}/{SCHEMA}`, and as line 1\n\
         # `# yaml-language-server: $schema={SCHEMA}`\n"
    )
}

fn next_steps(id: &str, origin: &str) -> String {
    format!(
        "{origin}\nnext:\n  \
         orch run {id} --goal \"...\" --dry-run     what would run, and on which models\n  \
         orch run {id} --goal \"...\" --rehearse    all of it, without a model\n  \
         orch run {id} --goal \"...\"\n"
    )
}
