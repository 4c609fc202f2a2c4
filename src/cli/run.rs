//! `orch run`: checks everything, then executes an orchestra from its start.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::cli::error::{CliError, say_reports};
use crate::cli::execute::{OutputArgs, execute, or_interrupted, signals, tell_notes};
use crate::cli::inputs::{InputArgs, inputs};
use crate::cli::runtime::{NO_RUNTIME, block_on};
use crate::cli::trust::TrustArgs;
use crate::cli::{Context, Outcome, dry_run, terminal, trust};
use crate::engine::{self, MAX_GOAL_BYTES, ModelSource, Notes, Start, load, needed};
use crate::model::settings::Settings;
use crate::store::disk;
use crate::store::project::Project;
use crate::words::event::Overrides;
use crate::words::id::Name;

/// The most that is read of a goal's file, in bytes. Blanks around a goal do not count.
const MAX_GOAL_FILE_BYTES: u64 = 2 * MAX_GOAL_BYTES as u64;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The orchestra: its id, or the path of its file
    #[arg(required_unless_present = "fresh")]
    orchestra: Option<String>,
    /// What is to be achieved: a text, `-` for standard input, or `@FILE`
    #[arg(short, long, visible_alias = "feature", value_name = "TEXT", allow_hyphen_values = true, value_parser = goal_text)]
    goal: Option<String>,
    #[command(flatten)]
    inputs: InputArgs,
    /// Check everything and show what would run, and in which order; call nothing and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Put the tasks in order in another way than the file says
    #[arg(long, value_enum)]
    strategy: Option<Strategy>,
    /// How many tasks may run at once; 0 is no limit
    #[arg(long, value_name = "N")]
    max_parallel: Option<u32>,
    /// How long one attempt at any task may take
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    timeout: Option<u64>,
    /// The model of all agents: a name under `models`, or provider/model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Where the results go, instead of where the file says
    #[arg(long, value_name = "PATH")]
    workspace: Option<PathBuf>,
    /// Run these tasks alone, on the latest outputs of the others
    #[arg(long, value_name = "TASK", value_delimiter = ',', conflicts_with = "from")]
    only: Vec<String>,
    /// Run this task and all that depend on it, on the latest outputs of the others
    #[arg(long, value_name = "TASK")]
    from: Option<String>,
    /// Make every task anew, or those named, although an earlier result would do
    #[arg(long, value_name = "TASK", num_args = 0..=1, default_missing_value = "")]
    fresh: Option<String>,
    /// Keep every reply in a file, for `--replay`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rehearse", "replay"])]
    record: Option<PathBuf>,
    /// Answer every call from a file that `--record` wrote; a call that is not in it fails
    #[arg(long, value_name = "FILE", conflicts_with = "rehearse")]
    replay: Option<PathBuf>,
    /// Use the offline player in place of every model: nothing is called and nothing costs
    #[arg(long)]
    rehearse: bool,
    /// What the offline player does: a file that says which task is slow, fails, or answers what
    #[arg(long, value_name = "FILE", requires = "rehearse")]
    script: Option<PathBuf>,
    /// Approve everything that waits for a person, without one
    #[arg(long)]
    auto_approve: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// The tier to stay in; `oracles` and `genies` run one task after another
    #[arg(long, value_enum)]
    tier: Option<Tier>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Strategy {
    Sequential,
    Parallel,
    Mixed,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tier {
    Oracles,
    Genies,
    Protocols,
    Superagents,
    Sovereigns,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = &context.project;
    let args = &args.seen_from_project(context);
    let (named, fresh) = named(args)?;
    let named = &context.orchestra_in_project(named)?;
    let loaded = load(project, named, &overrides(args, fresh)?)?;
    say_reports(&loaded.warnings);
    let inputs = inputs(&args.inputs, &loaded.orchestra, args.goal.as_deref(), context)?;
    let goal = goal(args, project)?;
    let settings = Settings::from_environment();
    if args.dry_run {
        let settings = trust::settings_to_look_with(project);
        let given = engine::given(&loaded.orchestra, goal, &inputs)?;
        return Ok(dry_run::show(&loaded, &given, &settings, project.root(), args.rehearse));
    }
    let source = source(args);
    let trust = trust::settle(project, &settings, &needed(&loaded.orchestra, &source), args.trust)?;
    let start = Start { goal, inputs, source, workspace: args.workspace.clone(), trust };
    block_on(async {
        let mut notes = Notes::default();
        let mut signals = signals();
        let prepared = or_interrupted(engine::start(project, &settings, loaded, start, &mut notes), &mut signals).await;
        tell_notes(notes);
        let prepared = prepared??;
        if args.output.verbose {
            terminal::say(&dry_run::order(prepared.orchestra()));
        }
        execute(prepared.approving(args.auto_approve), args.output, signals).await
    })
    .context(NO_RUNTIME)?
}

fn source(args: &Args) -> ModelSource {
    match &args.replay {
        _ if args.rehearse => ModelSource::Rehearsal { script: args.script.clone() },
        Some(cassette) => ModelSource::Replay { cassette: cassette.clone() },
        None => ModelSource::Models { record: args.record.clone() },
    }
}

impl Args {
    /// The same with the paths that the user typed as they are seen from the project's folder.
    fn seen_from_project(&self, context: &Context) -> Self {
        let path = |typed: &Option<PathBuf>| typed.as_ref().map(|typed| context.path(typed));
        let goal = self.goal.as_ref().map(|goal| match goal.strip_prefix('@') {
            Some(file) => format!("@{}", context.path(Path::new(file)).display()),
            None => goal.clone(),
        });
        let (workspace, script) = (path(&self.workspace), path(&self.script));
        Self { goal, workspace, script, record: path(&self.record), replay: path(&self.replay), ..self.clone() }
    }
}

/// The orchestra, and what `--fresh` names. In `orch run --fresh ID` the flag has taken the orchestra for its task.
fn named(args: &Args) -> Result<(&str, Option<&str>), CliError> {
    match (args.orchestra.as_deref(), args.fresh.as_deref()) {
        (Some(named), fresh) => Ok((named, fresh)),
        (None, Some(named)) if !named.is_empty() => Ok((named, Some(""))),
        (None, _) => Err(CliError::usage("no orchestra is named").help("orch run ID --fresh; `orch list` has the ids")),
    }
}

fn overrides(args: &Args, fresh: Option<&str>) -> Result<Overrides, CliError> {
    let word = |value: Option<clap::builder::PossibleValue>| value.map(|word| word.get_name().to_owned());
    let task =
        |flag: &str, text: &str| Name::new(text).with_context(|| format!("{flag} {text}")).map_err(CliError::misuse);
    Ok(Overrides {
        strategy: word(args.strategy.and_then(|s| s.to_possible_value())),
        max_parallel: args.max_parallel,
        timeout_seconds: args.timeout,
        model: args.model.clone(),
        fresh: fresh == Some(""),
        fresh_tasks: fresh_tasks(fresh.unwrap_or_default())?,
        tier: word(args.tier.and_then(|t| t.to_possible_value())),
        only: args.only.iter().map(|name| task("--only", name)).collect::<Result<_, _>>()?,
        from: args.from.as_ref().map(|name| task("--from", name)).transpose()?,
        // The engine fills in where replies come from.
        replay: None,
        script: None,
    })
}

fn fresh_tasks(names: &str) -> Result<Vec<Name>, CliError> {
    let task = |name| Name::new(name).with_context(|| format!("--fresh {name}")).map_err(CliError::misuse);
    names.split(',').filter(|name| !name.is_empty()).map(task).collect()
}

/// A goal may begin with a dash, but a flag that follows `--goal` is one whose goal was forgotten.
fn goal_text(text: &str) -> Result<String, String> {
    let is_flag = text.len() > 1 && text.starts_with('-') && !text.contains(char::is_whitespace);
    if is_flag { Err("a goal is needed before it; it looks like a flag".to_owned()) } else { Ok(text.to_owned()) }
}

fn goal(args: &Args, project: &Project) -> Result<String, CliError> {
    let goal = match args.goal.as_deref() {
        None => String::new(),
        Some("-") => {
            let mut text = String::new();
            let limit = MAX_GOAL_BYTES as u64 + 1;
            let read = std::io::stdin().lock().take(limit).read_to_string(&mut text);
            read.context("the goal cannot be read from standard input").map_err(CliError::misuse)?;
            text
        }
        Some(text) => match text.strip_prefix('@') {
            None => text.to_owned(),
            Some(path) => disk::read_text(&project.root().join(path), MAX_GOAL_FILE_BYTES)
                .with_context(|| format!("the goal cannot be read from {path}"))
                .map_err(|error| {
                    CliError::misuse(error).help("--goal takes a text, `-` for standard input, or @FILE")
                })?,
        },
    };
    let goal = goal.trim().to_owned();
    engine::check_goal(&goal)?;
    if goal.is_empty() && args.goal.is_some() {
        return Err(CliError::usage("the goal is empty").help("say what is to be achieved: --goal \"...\""));
    }
    if !goal.is_empty() && goal.split_whitespace().count() < 4 {
        terminal::say("warning: the goal is very short; results are better when it says what exactly is wanted\n");
    }
    Ok(goal)
}
