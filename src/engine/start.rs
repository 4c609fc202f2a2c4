//! A new run: everything is checked and opened, and nothing is called yet.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::engine::execute::Prepared;
use crate::engine::files::{self, OpenError, own_files};
use crate::engine::hooks::{HookError, Hooks};
use crate::engine::leftovers;
use crate::engine::load::Loaded;
use crate::engine::notes::{Notes, Notice};
use crate::engine::provenance::{Provenance, own_key};
use crate::engine::select::{SelectError, select};
use crate::engine::setup::{ModelSource, SetupError, SourceError, cache, setup};
use crate::engine::trust::{Trust, Untrusted, needed};
use crate::model::settings::Settings;
use crate::os::clock;
use crate::plan::hooks::HookPoint;
use crate::plan::inputs::{InputError, InputValues, settle, with_usual};
use crate::plan::orchestra::{Orchestra, Task};
use crate::plan::resolve::{FileError, with_files};
use crate::plan::spec::InputKind;
use crate::plan::template::{RunValues, Template, Values};
use crate::store::disk::Dir;
use crate::store::lock::{Claim, this_process};
use crate::store::project::Project;
use crate::store::seal::Sealer;
use crate::words::event::{Event, FORMAT, Overrides, RunEvent, RunStarted};
use crate::words::id::RunId;
use crate::words::redact::Redactor;

/// The longest goal, in bytes. It stands in every prompt.
pub const MAX_GOAL_BYTES: usize = 1024 * 1024;

/// How a run is to begin.
#[derive(Debug, Clone)]
pub struct Start {
    /// What is to be achieved; may be empty where no task asks for it.
    pub goal: String,
    /// What is given by name, see [`settle`].
    pub inputs: InputValues,
    /// Who answers.
    pub source: ModelSource,
    /// Where the results go, instead of where the file says: anywhere, seen from the project's folder.
    pub workspace: Option<PathBuf>,
    /// What of the project's files the caller vouches for.
    pub trust: Trust,
}

impl Start {
    /// A run of the models that the orchestra names, with its results where the file says. It is refused where the
    /// project's files need trust, see [`Start::trusting`].
    #[must_use]
    pub fn new(goal: impl Into<String>) -> Self {
        Self {
            goal: goal.into(),
            inputs: InputValues::new(),
            source: ModelSource::Models { record: None },
            workspace: None,
            trust: Trust::default(),
        }
    }

    /// The same with what the caller vouches for.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// A run with the offline player in place of every model: nothing is called and nothing costs.
    #[must_use]
    pub fn rehearsal(goal: impl Into<String>) -> Self {
        Self { source: ModelSource::Rehearsal { script: None }, ..Self::new(goal) }
    }
}

/// Why a run does not begin. Nothing was called; nothing was written but locks and empty folders.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The goal is longer than [`MAX_GOAL_BYTES`].
    #[error("the goal has more than {MAX_GOAL_BYTES} bytes")]
    GoalTooLong,
    /// There is no goal, and a task asks for it.
    #[error("`{orchestra}` needs a goal: its task `{task}` asks for it")]
    NoGoal {
        /// The orchestra's id.
        orchestra: String,
        /// The first task that asks.
        task: String,
    },
    /// The values that it was given cannot be those of its inputs.
    #[error("{error}")]
    Input {
        /// The orchestra's id.
        orchestra: String,
        /// Why not.
        error: InputError,
    },
    /// The file of an output cannot be.
    #[error(transparent)]
    File(#[from] FileError),
    /// The project's files need more trust than the caller has.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// The selected tasks cannot run.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Nobody can answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A hook does not let the run begin.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// Something is missing that the run needs.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The run's files cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Prepares a new run of an orchestra. Also ends and removes what killed runs of the project have left.
///
/// Blocks the thread while files are opened, and while a program prints a key.
///
/// # Errors
/// If anything that the run needs is not there; `notes` is filled in all the same.
pub async fn start(
    project: &Project,
    settings: &Settings,
    loaded: Loaded,
    start: Start,
    notes: &mut Notes,
) -> Result<Prepared, StartError> {
    let (goal, inputs) = given(&loaded.orchestra, start.goal, &start.inputs)?;
    check_goal_is_given(&loaded.orchestra, &goal)?;
    check_files(project, &loaded.orchestra, &inputs)?;
    let needed = needed(&loaded.orchestra, &start.source);
    start.trust.check(&needed)?;
    let (settings, inside) = start.trust.settings(settings, project);
    let settings = &*settings;
    notes.path_in_project(inside, &needed);
    let run = new_run_id(project);
    let orchestra = filled(&loaded.orchestra, (&goal, &inputs), run.as_str(), project)?;
    let own_runs = Provenance::of(project, settings).trusting(&start.trust);
    let selection = select(project, &own_runs, &orchestra, &loaded.overrides, notes)?;
    let hooks = Hooks::new(&loaded.orchestra, project, settings, &run, &start.source, false, notes);
    hooks.at(HookPoint::BeforeInit, notes).await?;
    let may_use_cache = start.source.may_use_cache();
    let (source, marker) = start.source.open(project, Some(&loaded.orchestra), settings)?;
    let orchestra = Arc::new(selection.orchestra);
    let workspace = start.workspace.as_deref().unwrap_or(Path::new(&orchestra.workspace));
    let own = own_files(project, &loaded.source.path, workspace);
    let mut setup = setup(&orchestra, project, settings, &run, &own, source, notes)?;
    let hooks = hooks.set_up(&setup.redactor, notes).await?;
    leftovers::of_killed_runs(project, &own_runs, settings, &orchestra, notes).await;
    let claim = Claim { holder: this_process(), run: run.clone() };
    let key = own_key(project, settings).map_err(|error| notes.add(Notice::Unsealed(error))).ok();
    let sealer = key.clone().map(|key| Sealer::new(key, run.clone()));
    let files = files::create(project, &orchestra, start.workspace.as_deref(), &claim, sealer)?;
    let overrides = with_source(loaded.overrides, &start.source);
    if let (true, Some(key)) = (may_use_cache, key) {
        setup.cache = cache(&orchestra, &setup, project, key, &run, &overrides, notes);
    }
    let workspace = files.workspace.path();
    let started = RunStarted {
        format: FORMAT,
        orch: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.clone(),
        orchestra: orchestra.id.clone(),
        // It stands in the journal and in every prompt.
        goal: setup.redactor.redact_secrets(&goal).into_owned(),
        inputs: inputs.into_iter().map(|(name, value)| (name, redacted(value, &setup.redactor))).collect(),
        source: loaded.source.path.clone(),
        workspace: workspace.strip_prefix(project.root()).unwrap_or(workspace).display().to_string(),
        rehearsal: matches!(start.source, ModelSource::Rehearsal { .. }),
        marker,
        overrides,
        holder: claim.holder,
        tasks: orchestra.planned(),
    };
    let mut first = vec![Event::Run(RunEvent::Started(started.into()))];
    first.extend(selection.adopted);
    Ok(Prepared { run, orchestra, setup, hooks, files, past: Vec::new(), first, approves: false })
}

/// The goal and the inputs of a run. The goal is one of them, where the file declares it.
///
/// # Errors
/// A goal that is too long, or [`StartError::Input`].
pub fn given(orchestra: &Orchestra, goal: String, given: &InputValues) -> Result<(String, InputValues), StartError> {
    let is_goal = |name: &str| name == "goal";
    let mut all = given.clone();
    if !goal.is_empty() && orchestra.inputs.iter().any(|input| is_goal(&input.name)) {
        all.insert("goal".to_owned(), goal.clone().into());
    }
    let settled = settle(&orchestra.inputs, &all);
    let mut inputs = settled.map_err(|error| StartError::Input { orchestra: orchestra.id.to_string(), error })?;
    let declared = inputs.remove("goal").and_then(|goal| goal.as_str().map(|goal| goal.trim().to_owned()));
    let goal = declared.unwrap_or(goal);
    check_goal(&goal)?;
    Ok((goal, inputs))
}

/// The orchestra with the names of files filled in for a run.
pub(super) fn filled(
    orchestra: &Orchestra,
    (goal, inputs): (&str, &InputValues),
    run: &str,
    project: &Project,
) -> Result<Orchestra, FileError> {
    let folder = project.root().to_string_lossy();
    let run = RunValues { id: run, project: &folder, is_rehearsal: false };
    let inputs = with_usual(&orchestra.inputs, inputs);
    with_files(orchestra, &Values { goal, inputs: Some(&inputs), run, ..Values::default() })
}

/// A file that is given has to be there.
fn check_files(project: &Project, orchestra: &Orchestra, inputs: &InputValues) -> Result<(), StartError> {
    for input in orchestra.inputs.iter().filter(|input| input.kind == InputKind::File) {
        let path = inputs.get(&input.name).and_then(Value::as_str).unwrap_or_default();
        let found = Dir::open(project.root()).and_then(|folder| folder.check_linked(path));
        if let (false, Err(error)) = (path.is_empty(), found) {
            let why = match error.kind() {
                io::ErrorKind::NotFound => format!("names {path}, which is not there"),
                _ => format!("names {path}, which cannot be read: {error}"),
            };
            let error = InputError::Wrong { name: input.name.clone(), why };
            return Err(StartError::Input { orchestra: orchestra.id.to_string(), error });
        }
    }
    Ok(())
}

fn redacted(value: Value, redactor: &Redactor) -> Value {
    match value {
        Value::String(text) => redactor.redact_secrets(&text).into_owned().into(),
        Value::Array(list) => list.into_iter().map(|value| redacted(value, redactor)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, redacted(value, redactor))).collect(),
        plain => plain,
    }
}

/// Refuses a goal that is too long for a prompt.
///
/// # Errors
/// [`StartError::GoalTooLong`].
pub fn check_goal(goal: &str) -> Result<(), StartError> {
    if goal.len() > MAX_GOAL_BYTES { Err(StartError::GoalTooLong) } else { Ok(()) }
}

fn check_goal_is_given(orchestra: &Orchestra, goal: &str) -> Result<(), StartError> {
    let of_agent =
        |task: &Task| task.agent().is_some_and(|at| orchestra.agents[at].templates().any(Template::names_goal));
    let asks = |task: &&Task| task.templates().any(Template::names_goal) || of_agent(task);
    match orchestra.tasks.iter().find(asks) {
        Some(task) if goal.is_empty() => {
            Err(StartError::NoGoal { orchestra: orchestra.id.to_string(), task: task.name.to_string() })
        }
        _ => Ok(()),
    }
}

/// The overrides as the journal keeps them: a resumption finds the source in them.
fn with_source(overrides: Overrides, source: &ModelSource) -> Overrides {
    let shown = |path: &PathBuf| path.display().to_string();
    match source {
        ModelSource::Models { .. } => overrides,
        ModelSource::Rehearsal { script } => Overrides { script: script.as_ref().map(shown), ..overrides },
        ModelSource::Replay { cassette } => Overrides { replay: Some(shown(cassette)), ..overrides },
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
