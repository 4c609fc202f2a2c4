//! `orch run`: checks everything, then performs an orchestra from its start.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use crate::cli::complaint::{CliError, say_reports};
use crate::cli::equip::{self, ModelSource, equip};
use crate::cli::load::{Loaded, load};
use crate::cli::perform::{OnDisk, OutputArgs, cannot_take, perform};
use crate::cli::{Context, Outcome, dry_run, leftovers, terminal};
use crate::model::rehearsal::Rehearsal;
use crate::model::settings::Settings;
use crate::os::clock;
use crate::plan::graph::TaskIx;
use crate::plan::orchestra::Orchestra;
use crate::plan::spec::script::Script;
use crate::plan::spec::yaml;
use crate::run::history::History;
use crate::store::disk::{self, Dir};
use crate::store::journal::Journal;
use crate::store::lock::{self, Claim, Lock, this_process};
use crate::store::objects::Objects;
use crate::store::project::{Project, STATE_DIR};
use crate::store::workspace::Workspace;
use crate::words::diagnostic::{Report, Source};
use crate::words::event::{Event, FORMAT, Output, Overrides, RunEvent, RunStarted, TaskEvent};
use crate::words::id::{Name, RunId};

/// The longest goal, in bytes. It stands in every prompt.
const MAX_GOAL_BYTES: usize = 1024 * 1024;
/// The most that is read of a goal's file, in bytes. Blanks around a goal do not count.
const MAX_GOAL_FILE_BYTES: u64 = 2 * MAX_GOAL_BYTES as u64;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The orchestra: its id, or the path of its file
    #[arg(required_unless_present = "fresh")]
    orchestra: Option<String>,
    /// What is to be achieved: a text, `-` for standard input, or `@FILE`
    #[arg(short, long, visible_alias = "feature", value_name = "TEXT")]
    goal: Option<String>,
    /// Check everything and show what would run, and in which order; call nothing and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    talk: OutputArgs,
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
    let overrides = overrides(args, fresh)?;
    let loaded = load(project, named, &overrides)?;
    say_reports(&loaded.warnings);
    let goal = goal(args, project, &loaded)?;
    let settings = Settings::from_environment();
    if args.dry_run {
        return Ok(dry_run::show(&loaded, &goal, &settings, context.project.root(), args.rehearse));
    }
    if let Some(name) = overrides.fresh_tasks.iter().find(|name| loaded.orchestra.find(name.as_str()).is_none()) {
        return Err(CliError::usage(format!("--fresh: `{}` has no task `{name}`", loaded.orchestra.id))
            .help("`orch graph` shows the tasks"));
    }
    let script = args.script.as_ref().map(|path| checked_script(project, path, &loaded.orchestra)).transpose()?;
    let selection = select(args, project, &loaded.orchestra)?;
    let orchestra = Arc::new(selection.orchestra);
    let run = new_run_id(project);
    let marker;
    let stand = match (&args.replay, &args.record) {
        _ if args.rehearse => {
            // The prompts of a rehearsal reach nobody, and two rehearsals of the same file give the same outputs.
            marker = "rehearsal".to_owned();
            ModelSource::Rehearsal(Rehearsal::new(script))
        }
        (Some(path), _) => {
            let cassette = equip::cassette(project, path)?;
            marker = cassette.marker().to_owned();
            ModelSource::Replay(cassette)
        }
        (None, record) => {
            marker = format!("{:016x}{:016x}", clock::random(), clock::random());
            let recorder = record.as_ref().map(|path| equip::recorder(project, path, &marker)).transpose()?;
            ModelSource::Models { recorder }
        }
    };
    let reuses = matches!(stand, ModelSource::Models { recorder: None });
    let equipment = equip(&orchestra, project, &settings, &run, stand)?;
    let claim = Claim { holder: this_process(), run: run.clone() };
    leftovers::of_killed_runs(project, &orchestra);
    let disk = open(args, project, &orchestra, &claim)?;
    if args.talk.verbose {
        terminal::say(&dry_run::order(&orchestra));
    }
    let start = RunStarted {
        format: FORMAT,
        orch: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.clone(),
        orchestra: orchestra.id.clone(),
        // It stands in the journal and in every prompt.
        goal: equipment.redactor.redact_secrets(&goal).into_owned(),
        source: loaded.source.path.clone(),
        workspace: disk
            .workspace
            .path()
            .strip_prefix(project.root())
            .unwrap_or(disk.workspace.path())
            .display()
            .to_string(),
        rehearsal: args.rehearse,
        marker,
        overrides: overrides.clone(),
        holder: claim.holder,
        tasks: orchestra.planned(),
    };
    let mut first = vec![Event::Run(RunEvent::Started(start.into()))];
    first.extend(selection.adopted);
    let reuse = if reuses { equip::reusing(&orchestra, &equipment, project, &run, &overrides) } else { None };
    perform(orchestra, equipment, reuse, disk, &[], first, args.talk)
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
        |flag: &str, text: &String| Name::new(text).map_err(|error| CliError::usage(format!("{flag} {text}: {error}")));
    Ok(Overrides {
        strategy: word(args.strategy.and_then(|s| s.to_possible_value())),
        max_parallel: args.max_parallel,
        timeout_seconds: args.timeout,
        model: args.model.clone(),
        fresh: fresh == Some(""),
        fresh_tasks: fresh_tasks(fresh.unwrap_or_default())?,
        replay: args.replay.as_ref().map(|path| path.display().to_string()),
        tier: word(args.tier.and_then(|t| t.to_possible_value())),
        only: args.only.iter().map(|name| task("--only", name)).collect::<Result<_, _>>()?,
        from: args.from.as_ref().map(|name| task("--from", name)).transpose()?,
        script: args.script.as_ref().map(|path| path.display().to_string()),
    })
}

fn fresh_tasks(names: &str) -> Result<Vec<Name>, CliError> {
    let task = |name: &str| Name::new(name).map_err(|error| CliError::usage(format!("--fresh {name}: {error}")));
    names.split(',').filter(|name| !name.is_empty()).map(task).collect()
}

fn goal(args: &Args, project: &Project, loaded: &Loaded) -> Result<String, CliError> {
    let goal =
        match args.goal.as_deref() {
            None => String::new(),
            Some("-") => {
                let mut text = String::new();
                let limit = MAX_GOAL_BYTES as u64 + 1;
                std::io::stdin().lock().take(limit).read_to_string(&mut text).map_err(|error| {
                    CliError::usage(format!("the goal cannot be read from standard input: {error}"))
                })?;
                text
            }
            Some(text) => match text.strip_prefix('@') {
                None => text.to_owned(),
                Some(path) => disk::read_text(&project.root().join(path), MAX_GOAL_FILE_BYTES).map_err(|error| {
                    CliError::usage(format!("the goal cannot be read from {path}: {error}"))
                        .help("--goal takes a text, `-` for standard input, or @FILE")
                })?,
            },
        };
    let goal = goal.trim().to_owned();
    if goal.len() > MAX_GOAL_BYTES {
        return Err(CliError::usage(format!("the goal has more than {MAX_GOAL_BYTES} bytes"))
            .help("a goal is a few sentences; put material into files"));
    }
    if goal.is_empty() && args.goal.is_some() {
        return Err(CliError::usage("the goal is empty").help("say what is to be achieved: --goal \"...\""));
    }
    let asks = |text: &str| text.contains("{goal}") || text.contains("{{");
    let asking = loaded.orchestra.tasks.iter().find(|task| asks(task.description.text()));
    if let (true, false, Some(task)) = (goal.is_empty(), args.dry_run, asking) {
        return Err(CliError::usage(format!(
            "`{}` needs a goal: its task `{}` asks for it",
            loaded.orchestra.id, task.name
        ))
        .help(format!("orch run {} --goal \"...\"", loaded.orchestra.id)));
    }
    if !goal.is_empty() && goal.split_whitespace().count() < 4 {
        terminal::say("warning: the goal is very short; results are better when it says what exactly is wanted\n");
    }
    Ok(goal)
}

/// Reads what the offline player does.
pub(super) fn read_script(project: &Project, path: &Path) -> Result<(Arc<Source>, Script), CliError> {
    let shown = path.display().to_string();
    let text = disk::read_text(&project.root().join(path), yaml::MAX_BYTES)
        .map_err(|error| CliError::usage(format!("the script {shown} cannot be read: {error}")))?;
    let source = Arc::new(Source::new(shown, text));
    match Script::read(&source) {
        Ok(script) => Ok((source, script)),
        Err(mistakes) => Err(CliError::mistakes(vec![Report::new(source, mistakes)])),
    }
}

/// The same, and every task that it names is one of the whole orchestra: a selection may leave some out.
fn checked_script(project: &Project, path: &Path, orchestra: &Orchestra) -> Result<Script, CliError> {
    let (source, script) = read_script(project, path)?;
    let names: Vec<&str> = orchestra.tasks.iter().map(|task| task.name.as_str()).collect();
    match script.unknown_tasks(&names) {
        mistakes if mistakes.is_empty() => Ok(script),
        mistakes => Err(CliError::mistakes(vec![Report::new(source, mistakes)])),
    }
}

/// What `--only` and `--from` leave of an orchestra, and the outputs that take the place of the rest.
struct Selection {
    orchestra: Orchestra,
    adopted: Vec<Event>,
}

fn select(args: &Args, project: &Project, orchestra: &Orchestra) -> Result<Selection, CliError> {
    let find = |flag: &str, name: &String| {
        orchestra.find(name).ok_or_else(|| {
            let names = orchestra.tasks.iter().map(|task| task.name.as_str());
            let near = crate::words::diagnostic::near_miss(name, names);
            let complaint = CliError::usage(format!("{flag}: `{}` has no task `{name}`", orchestra.id));
            match near {
                Some(near) => complaint.help(format!("did you mean `{near}`?")),
                None => complaint.help("`orch graph` shows the tasks"),
            }
        })
    };
    let wanted: Vec<TaskIx> = match &args.from {
        Some(name) => orchestra.plan.downstream(&[find("--from", name)?]),
        None if args.only.is_empty() => return Ok(Selection { orchestra: orchestra.clone(), adopted: Vec::new() }),
        None => args.only.iter().map(|name| find("--only", name)).collect::<Result<_, _>>()?,
    };
    let wanted: BTreeSet<TaskIx> = wanted.into_iter().collect();
    let needed: BTreeSet<TaskIx> =
        wanted.iter().flat_map(|&task| orchestra.plan.needs(task)).copied().filter(|n| !wanted.contains(n)).collect();
    // With --from, what need not run again still belongs to the result.
    let others: Vec<TaskIx> = (0..orchestra.tasks.len()).filter(|t| !wanted.contains(t)).collect();
    let mut earlier = Earlier::new(project, orchestra)?;
    let (mut keep, mut adopted) = (wanted, Vec::new());
    for task in others {
        let name = &orchestra.tasks[task].name;
        match earlier.output(name) {
            Some((run, output)) => {
                keep.insert(task);
                adopted.push(Event::Task { task: name.clone(), event: TaskEvent::Reused { run, output, cache: None } });
            }
            None if needed.contains(&task) => {
                return Err(CliError::usage(format!("there is no earlier output of `{name}` to go on from"))
                    .help("run the whole orchestra once, or start further up with --from"));
            }
            None => {}
        }
    }
    let keep: Vec<TaskIx> = keep.into_iter().collect();
    Ok(Selection { orchestra: orchestra.select(&keep), adopted })
}

/// The outputs of earlier runs of an orchestra, the latest first; journals are read as they are needed.
struct Earlier<'e> {
    project: &'e Project,
    orchestra: &'e Orchestra,
    runs: Vec<RunId>,
    read: Vec<History>,
}

impl<'e> Earlier<'e> {
    fn new(project: &'e Project, orchestra: &'e Orchestra) -> Result<Self, CliError> {
        Ok(Self { project, orchestra, runs: project.runs()?, read: Vec::new() })
    }

    fn output(&mut self, task: &Name) -> Option<(RunId, Output)> {
        let of = |history: &History| {
            let output = history.task(task.as_str())?.output()?.clone();
            Some((history.start.run.clone(), output))
        };
        if let Some(found) = self.read.iter().find_map(of) {
            return Some(found);
        }
        while let Some(run) = self.runs.pop() {
            let history = match self.project.history(&run) {
                Ok((_, history)) => history,
                Err(error) if error.never_began() => continue,
                Err(error) => {
                    terminal::say(&format!("warning: {run} is not looked into for earlier outputs: {error}\n"));
                    continue;
                }
            };
            if history.start.orchestra != self.orchestra.id {
                continue;
            }
            let found = of(&history);
            self.read.push(history);
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

fn new_run_id(project: &Project) -> RunId {
    loop {
        let run = clock::new_run_id();
        if project.run_dir(&run).is_err() {
            return run;
        }
    }
}

/// Opens everything that a run writes to, so that what cannot be written is known before anything is called.
fn open(args: &Args, project: &Project, orchestra: &Orchestra, claim: &Claim) -> Result<OnDisk, CliError> {
    let root = Dir::open(project.root())
        .map_err(|error| CliError::usage(format!("{} cannot be used: {error}", project.root().display())))?;
    let workspace = match &args.workspace {
        Some(path) => Workspace::open_anywhere(&project.root().join(path), claim),
        None => Workspace::open(&root, &orchestra.workspace, claim),
    };
    let shown = args.workspace.as_ref().map_or(orchestra.workspace.clone(), |path| path.display().to_string());
    let mut workspace = workspace.map_err(|error| cannot_take(&format!("the workspace {shown}"), &error))?;
    let cannot_write = |error: std::io::Error| {
        CliError::usage(format!("{} cannot be written: {error}", project.root().join(STATE_DIR).display()))
            .help("orch keeps its journal there; check who may write to the project's folder")
    };
    let state = root.make_child(STATE_DIR).map_err(cannot_write)?;
    let runs = state.make_child("runs").map_err(cannot_write)?;
    let run_dir = runs.make_child(claim.run.as_str()).map_err(cannot_write)?;
    let lock = Lock::take(&run_dir, lock::RUN, claim).map_err(|error| cannot_take("the run", &error))?;
    let objects = Objects::below(state.try_clone().map_err(cannot_write)?);
    let journal =
        run_dir.try_clone().and_then(|dir| Journal::create(dir, vec![root, state, runs])).map_err(cannot_write)?;
    workspace.clear().map_err(|error| cannot_take(&format!("the workspace {shown}"), &error.into()))?;
    Ok(OnDisk { run_dir, journal, objects, workspace, lock })
}
