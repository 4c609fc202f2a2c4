//! What an orchestra is given to be performed: models with their keys, tools, what answers have to be, and earlier
//! results.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;

use crate::attempt::ModelClient;
use crate::cli::complaint::CliError;
use crate::cli::terminal;
use crate::engine::runner::Reusing;
use crate::model::cassette::{Cassette, Recorder};
use crate::model::command;
use crate::model::rehearsal::Rehearsal;
use crate::model::settings::Settings;
use crate::net::http::{Url, secrets_of_address};
use crate::os::process::RUN_VARIABLE;
use crate::plan::orchestra::{ModelRef, Orchestra, OutputRule};
use crate::plan::output::{Form, OutputSpec};
use crate::plan::spec::{OutputFormat, Provider};
use crate::store::disk::Dir;
use crate::store::project::Project;
use crate::store::reuse::Store;
use crate::tools::mcp::Servers;
use crate::tools::{Ctx, ToolSet, Verifier, VerifyContext};
use crate::words::event::Overrides;
use crate::words::id::{Name, RunId};
use crate::words::redact::Redactor;

mod clients;
mod tool_sets;

pub(super) use clients::chain;

use clients::{chains, check_prices, rehearsed, remote_clients, replayed};
use tool_sets::{servers, tool_set};

/// Who answers for each agent, what it may use, and what tasks have to give.
pub(super) struct RunSetup {
    pub(super) clients: Vec<Vec<Arc<ModelClient>>>,
    pub(super) tool_sets: Vec<Arc<ToolSet>>,
    pub(super) output_specs: Vec<OutputSpec>,
    pub(super) verifier: Vec<Arc<Verifier>>,
    pub(super) ctx: Ctx,
    pub(super) servers: Servers,
    pub(super) redactor: Redactor,
}

/// What takes the place of the models.
pub(super) enum ModelSource {
    /// Nothing does.
    Models {
        /// Where replies are kept.
        recorder: Option<Arc<Recorder>>,
    },
    /// The offline player.
    Rehearsal(Rehearsal),
    /// Recorded replies.
    Replay(Arc<Cassette>),
}

/// Equips an orchestra for a run.
///
/// # Errors
/// The first model that cannot be used, or all whose price a limit needs and nobody knows.
pub(super) fn equip(
    orchestra: &Orchestra,
    project: &Project,
    settings: &Settings,
    run: &RunId,
    stand: ModelSource,
) -> Result<RunSetup, CliError> {
    let mut secrets = Secrets(settings.keys());
    // Also where nobody is called: the files that tools read hold the same keys as they did then.
    let looks_around = matches!(stand, ModelSource::Replay(_)) && acts(orchestra);
    for model in orchestra.agents.iter().flat_map(|agent| &agent.models) {
        secrets.0.extend(secrets_of(model, settings));
        let reached = looks_around.then(|| settings.reach(model).ok()).flatten();
        secrets.0.extend(reached.iter().flat_map(|reached| reached.endpoint.secrets()));
    }
    let chains = match &stand {
        ModelSource::Models { .. } => chains(orchestra, settings, project.root(), &mut secrets)?,
        ModelSource::Rehearsal(_) | ModelSource::Replay(_) => Vec::new(),
    };
    // A rehearsal starts no server, runs no command and writes no file of the project: the player's answers are none.
    let rehearses = matches!(stand, ModelSource::Rehearsal(_));
    let configs = if rehearses { Vec::new() } else { servers(orchestra, project, settings, run, &mut secrets)? };
    let redactor = Redactor::new(secrets.0);
    terminal::keep_secret(&redactor);
    let clients = match stand {
        ModelSource::Models { recorder } => {
            check_prices(orchestra, settings, &chains)?;
            remote_clients(orchestra, project, settings, run, chains, &redactor, recorder)?
        }
        ModelSource::Rehearsal(rehearsal) => rehearsed(orchestra, rehearsal),
        ModelSource::Replay(cassette) => replayed(orchestra, &cassette, settings),
    };
    let servers = Servers::new(configs);
    let ctx: Ctx = Arc::default();
    let tool_sets =
        orchestra.agents.iter().map(|agent| tool_set(agent, project, &servers, &ctx, &redactor, run, rehearses));
    let verify = Arc::new(VerifyContext {
        project: Dir::open(project.root()).ok().map(|folder| Arc::new(folder.marked(run.as_str()))),
        root: project.root().to_owned(),
        environment: vec![(RUN_VARIABLE.to_owned(), run.to_string())],
        redactor: redactor.clone(),
        is_rehearsal: rehearses,
    });
    let verifier = orchestra.tasks.iter().map(|task| Arc::new(Verifier::new(&verify, task)));
    Ok(RunSetup {
        tool_sets: tool_sets.collect::<Result<_, _>>()?,
        verifier: verifier.collect(),
        output_specs: orchestra
            .tasks
            .iter()
            .map(|task| output_spec(&task.output).map(|wanted| if rehearses { OutputSpec::free() } else { wanted }))
            .collect::<Result<_, _>>()?,
        clients,
        ctx,
        servers,
        redactor,
    })
}

/// What the environment and the file say of a model that may not be shown.
fn secrets_of(model: &ModelRef, settings: &Settings) -> Vec<SecretString> {
    let address = model.base_url.as_deref().and_then(|url| Url::parse(url.trim()).ok());
    let mut secrets: Vec<SecretString> = address.iter().flat_map(secrets_of_address).collect();
    secrets.extend(model.api_key_env.iter().filter_map(|name| settings.get(name)).map(SecretString::from));
    if let (Provider::Command, Some(program)) = (model.provider, model.argv.first()) {
        let is_given = |name: &str| command::is_given(program, name) || model.env.iter().any(|given| given == name);
        secrets.extend(settings.secrets(is_given));
    }
    secrets
}

/// Whether anything is read or run besides the models.
fn acts(orchestra: &Orchestra) -> bool {
    orchestra.agents.iter().any(|agent| !agent.tools.is_empty())
        || orchestra.tasks.iter().any(|task| !task.verify.is_empty())
}

struct Secrets(Vec<SecretString>);

/// What an answer has to be.
pub(super) fn output_spec(output: &OutputRule) -> Result<OutputSpec, CliError> {
    let form = match output.format {
        OutputFormat::Text => Form::Text,
        OutputFormat::Markdown => Form::Markdown,
        OutputFormat::Json => Form::Json,
        OutputFormat::File => Form::File,
        OutputFormat::Plan => Form::Plan,
    };
    OutputSpec::new(form, output.schema.clone()).map_err(|error| CliError::usage(error.to_string()))
}

/// The earlier results that a run may use, and which of its tasks may. A rehearsal makes everything, for that is what
/// it is for.
pub(super) fn reusing(
    orchestra: &Orchestra,
    equipment: &RunSetup,
    project: &Project,
    run: &RunId,
    overrides: &Overrides,
) -> Option<Reusing> {
    let ttl = orchestra.reuse.and_then(|reuse| reuse.ttl);
    let store = Store::open(project, run)
        .map_err(|error| terminal::say(&format!("warning: earlier results cannot be used again: {error}\n")))
        .ok()?;
    if let Some(trouble) = store.trouble() {
        terminal::say(&format!("warning: {trouble}\n"));
    }
    let keeps: Vec<bool> = orchestra
        .tasks
        .iter()
        .map(|task| {
            // Who changes something does so in every run, unless the file says that it need not, or what it reads and
            // makes.
            let agent = &orchestra.agents[task.agent];
            let acts = !equipment.tool_sets[task.agent].is_pure()
                || agent.models.iter().any(|model| model.provider == Provider::Command);
            let declared = task.inputs.is_some() && task.outputs.is_some();
            task.reuse.unwrap_or(orchestra.reuse.is_some() && (declared || !acts))
        })
        .collect();
    // Who names a task wants it made; what follows on it may still find its inputs unchanged.
    let named = |name: &Name| overrides.fresh_tasks.contains(name) || overrides.only.contains(name);
    let fresh = |name: &Name| overrides.fresh || named(name) || overrides.from.as_ref() == Some(name);
    let reads = orchestra.tasks.iter().zip(&keeps).map(|(task, keeps)| *keeps && !fresh(&task.name)).collect();
    Some(Reusing { store, ttl, reads, keeps })
}

/// Opens a file of recorded replies.
///
/// # Errors
/// If it is not there, or damaged.
pub(super) fn cassette(project: &Project, path: &Path) -> Result<Arc<Cassette>, CliError> {
    let cassette = Cassette::open(&project.root().join(path));
    cassette.map(Arc::new).map_err(|error| {
        CliError::usage(format!("{} cannot be replayed: {error}", path.display()))
            .help("`orch run --record FILE` writes such a file")
    })
}

/// Begins a file of recorded replies.
///
/// # Errors
/// If it is there already, or cannot be written.
pub(super) fn recorder(project: &Project, path: &Path, marker: &str) -> Result<Arc<Recorder>, CliError> {
    let recorder = Recorder::create(&project.root().join(path), marker);
    recorder.map(Arc::new).map_err(|error| {
        CliError::usage(format!("replies cannot be recorded in {}: {error}", path.display()))
            .help("name a file that is not there yet")
    })
}
