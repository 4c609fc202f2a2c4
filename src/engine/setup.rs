//! What a run needs before it can begin: clients of models with their keys, tools, rules for answers, and earlier results.
//!
//! Everything that can be refused is refused here, before anything is called or written.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use crate::attempt::{ModelClient, Programs};
use crate::engine::call_out::CallOut;
use crate::engine::notes::Notes;
use crate::engine::notify::{self, Notifier};
use crate::engine::runner::Reusing;
use crate::model::command;
use crate::model::settings::{Settings, Unusable};
use crate::net::http::{Url, secrets_of_address};
use crate::os::process::RUN_VARIABLE;
use crate::plan::guarded::OwnFiles;
use crate::plan::orchestra::{ModelRef, Orchestra, Work};
use crate::plan::spec::Provider;
use crate::store::project::Project;
use crate::tools::mcp::Servers;
use crate::tools::{Ctx, ToolSet, Verifier, VerifyContext};
use crate::words::id::{Name, RunId};
use crate::words::redact::{Redactor, secrets_of_variable};

mod cache;
mod clients;
mod source;
mod tool_sets;

pub(crate) use clients::chain;
pub use source::{ModelSource, SourceError};

pub(super) use cache::cache;
pub(super) use source::OpenSource;

use clients::{chains, check_prices, rehearsed, remote_clients, replayed};
use tool_sets::{project_files, servers, tool_context, tool_set};

/// Who answers for each agent, what it may use, and what tasks have to return.
pub(super) struct RunSetup {
    /// For each agent, the clients of its chain of models.
    pub(super) clients: Vec<Vec<Arc<ModelClient>>>,
    /// For each agent, what it may use.
    pub(super) tool_sets: Vec<Arc<ToolSet>>,
    /// For each task, what its answer has to be.
    /// What the checks of all tasks share.
    pub(super) verify: Arc<VerifyContext>,
    /// For each task, what has to hold when it is done.
    pub(super) verifiers: Vec<Arc<Verifier>>,
    /// What the programs of tasks have in common.
    pub(super) programs: Programs,
    /// The values that the tasks share.
    pub(super) ctx: Ctx,
    /// The servers of tools, started when they are first needed.
    pub(super) servers: Servers,
    /// Those who are told how the run has ended.
    pub(super) notifier: Notifier,
    /// Takes the run's secrets out of texts.
    pub(super) redactor: Redactor,
    /// Earlier results that may be used again, if any may.
    pub(super) cache: Option<Reusing>,
}

/// Why a run cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// None of an agent's models can be used from here.
    #[error("{}, and agent `{agent}` of `{orchestra}` needs it", .unusable.why)]
    NoModel {
        /// Whose models they are.
        agent: String,
        /// The orchestra's id.
        orchestra: String,
        /// Why the first one cannot be used.
        unusable: Unusable,
    },
    /// A limit in dollars cannot hold, since models have no price.
    #[error("{}", .0.why)]
    Unpriced(Unusable),
    /// A program cannot be a model.
    #[error("{model} cannot be used: {why}")]
    Program {
        /// The model's label.
        model: String,
        /// Why.
        why: String,
    },
    /// A server of tools needs a variable that is not set.
    #[error("the MCP server `{server}` needs {variable}, and that is not set")]
    Variable {
        /// The server.
        server: String,
        /// The variable of the environment.
        variable: String,
    },
    /// A program of a task needs a variable that is not set.
    #[error("the program of task `{task}` needs {variable}, and that is not set")]
    ProgramVariable {
        /// The task.
        task: Name,
        /// The variable of the environment.
        variable: String,
    },
    /// The project's folder cannot be opened.
    #[error("{} cannot be used: {error}", .path.display())]
    Project {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Sets an orchestra up for a run; its cache is still closed then, see [`cache()`].
///
/// # Errors
/// The first model that cannot be used, or all whose price a limit needs and nobody knows; or what is missing of a tool
/// or a schema.
pub(super) fn setup(
    orchestra: &Orchestra,
    project: &Project,
    settings: &Settings,
    run: &RunId,
    own: &Arc<OwnFiles>,
    source: OpenSource,
    notes: &mut Notes,
) -> Result<RunSetup, SetupError> {
    let mut secrets = Secrets(settings.keys());
    // Also where nobody is called: the files that tools read hold the same keys as they did then.
    let looks_around = matches!(source, OpenSource::Replay(_)) && acts(orchestra);
    for model in orchestra.agents.iter().flat_map(|agent| &agent.models) {
        secrets.0.extend(secrets_of(model, settings));
        let reached = looks_around.then(|| settings.reach(model).ok()).flatten();
        secrets.0.extend(reached.iter().flat_map(|reached| reached.endpoint.secrets()));
    }
    let chains = match &source {
        OpenSource::Models { .. } => chains(orchestra, settings, project.root(), &mut secrets, notes)?,
        OpenSource::Rehearsal(_) | OpenSource::Replay(_) => Vec::new(),
    };
    // A rehearsal starts no server, runs no command and writes no file of the project: the player's answers are none.
    let rehearses = matches!(source, OpenSource::Rehearsal(_));
    let configs = if rehearses { Vec::new() } else { servers(orchestra, project, settings, run, &mut secrets)? };
    let variables = if rehearses { BTreeMap::new() } else { variables(orchestra, settings, &mut secrets)? };
    let redactor = Redactor::new(secrets.0);
    notes.redactor = redactor.clone();
    let clients = match source {
        OpenSource::Models { recorder } => {
            check_prices(orchestra, settings, &chains)?;
            remote_clients(orchestra, project, settings, run, chains, &redactor, recorder)?
        }
        OpenSource::Rehearsal(rehearsal) => rehearsed(orchestra, rehearsal),
        OpenSource::Replay(cassette) => replayed(orchestra, &cassette, settings),
    };
    let call_out = (!rehearses).then(|| CallOut::new(project, settings, run, notify::variables(orchestra), &redactor));
    let notifier = Notifier::new(orchestra, call_out);
    notifier.missing().into_iter().for_each(|notice| notes.add(notice));
    let servers = Servers::new(configs);
    let ctx: Ctx = Arc::default();
    let context = || tool_context(project, settings, &ctx, &redactor, run, own);
    let tool_sets = orchestra.agents.iter().map(|agent| {
        let grants = if rehearses { &[] } else { agent.tools.as_slice() };
        tool_set(grants, context, &servers, &redactor)
    });
    let marker = (RUN_VARIABLE.to_owned(), run.to_string());
    let environment: Vec<_> = settings.clean_environment().into_iter().chain([marker]).collect();
    let programs = Programs {
        directory: project.root().to_owned(),
        environment: environment.clone(),
        variables,
        redactor: redactor.clone(),
        rehearses,
    };
    let verify = Arc::new(VerifyContext {
        project: project_files(project, run).ok(),
        root: project.root().to_owned(),
        run_dir: project.run_path(run),
        own: own.clone(),
        environment,
        redactor: redactor.clone(),
        is_rehearsal: rehearses,
    });
    let verifiers = orchestra.tasks.iter().map(|task| Arc::new(Verifier::new(&verify, task)));
    Ok(RunSetup {
        tool_sets: tool_sets.collect::<Result<_, _>>()?,
        verifiers: verifiers.collect(),
        verify: verify.clone(),
        clients,
        programs,
        ctx,
        servers,
        notifier,
        redactor,
        cache: None,
    })
}

/// What the environment and the file say of a model that may not be shown.
fn secrets_of(model: &ModelRef, settings: &Settings) -> Vec<SecretString> {
    let address = model.base_url.as_deref().and_then(|url| Url::parse(url.trim()).ok());
    let mut secrets: Vec<SecretString> = address.iter().flat_map(secrets_of_address).collect();
    let sent = model.api_key_env.as_deref().into_iter().chain(model.carried.variables());
    secrets.extend(sent.filter_map(|name| settings.get(name)).map(SecretString::from));
    if let (Provider::Command, Some(program)) = (model.provider, model.argv.first()) {
        let is_given = |name: &str| command::is_given(program, name) || model.env.iter().any(|given| given == name);
        secrets.extend(settings.secrets(is_given));
    }
    secrets
}

/// The variables that the programs of tasks are given.
fn variables(
    orchestra: &Orchestra,
    settings: &Settings,
    secrets: &mut Secrets,
) -> Result<BTreeMap<String, String>, SetupError> {
    let mut variables = BTreeMap::new();
    for task in &orchestra.tasks {
        let Work::Command(program) = &task.work else { continue };
        for name in &program.env {
            let missing = || SetupError::ProgramVariable { task: task.name.clone(), variable: name.clone() };
            let value = settings.get(name).ok_or_else(missing)?;
            secrets.0.extend(secrets_of_variable(name, &value));
            variables.insert(name.clone(), value);
        }
    }
    Ok(variables)
}

/// Whether anything is read or run besides the models.
fn acts(orchestra: &Orchestra) -> bool {
    orchestra.agents.iter().any(|agent| !agent.tools.is_empty())
        || orchestra.tasks.iter().any(|task| !task.verify.is_empty())
}

struct Secrets(Vec<SecretString>);
