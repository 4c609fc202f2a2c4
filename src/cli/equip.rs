//! What an orchestra is given to be performed: models with their keys, tools, what answers have to be, and earlier
//! results.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::OnceCell;

use crate::agent::{Ctx, Evidence, Kit, Model, Voice};
use crate::answer::{Contract, Form};
use crate::cli::complaint::Complaint;
use crate::cli::{cost, terminal};
use crate::disk::Dir;
use crate::event::Overrides;
use crate::http::{Client, Url, secrets_of_address};
use crate::id::{Name, RunId};
use crate::mcp::{ServerConfig, Servers, Transport};
use crate::orchestra::{self, Agent, Grant, McpTransport, ModelRef, Orchestra, OutputRule};
use crate::process::{self, RUN_VARIABLE};
use crate::project::Project;
use crate::provider::cassette::{Cassette, Recorder};
use crate::provider::command::{self, CommandModel};
use crate::provider::rehearsal::Player;
use crate::provider::{self, Endpoint};
use crate::redact::Redactor;
use crate::reuse::Store;
use crate::runner::Reusing;
use crate::settings::{Settings, Unusable};
use crate::spec::{OutputFormat, Provider};
use crate::tool::{self, RunCommandGrant, Toolbox};

/// How much of an MCP server's answer is taken, in bytes.
const MCP_RESULT_BYTES: usize = 1024 * 1024;
/// The longest wait for a program that ends, once it is told to.
const GRACE: Duration = Duration::from_secs(2);

/// Who answers for each agent, what it may use, and what tasks have to give.
pub(super) struct Equipment {
    pub(super) voices: Vec<Vec<Arc<Voice>>>,
    pub(super) kits: Vec<Arc<Kit>>,
    pub(super) contracts: Vec<Contract>,
    pub(super) evidence: Vec<Arc<Evidence>>,
    pub(super) ctx: Ctx,
    pub(super) servers: Servers,
    pub(super) redactor: Redactor,
}

/// What takes the place of the models.
pub(super) enum Stand {
    /// Nothing does.
    Models {
        /// Where replies are kept.
        recorder: Option<Arc<Recorder>>,
    },
    /// The offline player.
    Rehearsal(Player),
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
    stand: Stand,
) -> Result<Equipment, Complaint> {
    let mut secrets = Secrets(settings.keys());
    // Also where nobody is called: the files that tools read hold the same keys as they did then.
    let looks_around = matches!(stand, Stand::Replay(_)) && acts(orchestra);
    for model in orchestra.agents.iter().flat_map(|agent| &agent.models) {
        secrets.0.extend(secrets_of(model, settings));
        let reached = looks_around.then(|| settings.reach(model).ok()).flatten();
        secrets.0.extend(reached.iter().flat_map(|reached| reached.endpoint.secrets()));
    }
    let chains = match &stand {
        Stand::Models { .. } => chains(orchestra, settings, &mut secrets)?,
        Stand::Rehearsal(_) | Stand::Replay(_) => Vec::new(),
    };
    // A rehearsal starts no server, runs no command and writes no file of the project: the player's answers are none.
    let rehearses = matches!(stand, Stand::Rehearsal(_));
    let configs = if rehearses { Vec::new() } else { servers(orchestra, project, settings, run, &mut secrets)? };
    let redactor = Redactor::new(secrets.0);
    terminal::keep_secret(&redactor);
    let voices = match stand {
        Stand::Models { recorder } => {
            check_prices(orchestra, settings, &chains)?;
            remote_voices(orchestra, project, settings, run, chains, &redactor, recorder)?
        }
        Stand::Rehearsal(player) => stand_ins(orchestra, &Model::Rehearsal(Arc::new(player)), |_| None),
        Stand::Replay(cassette) => stand_ins(orchestra, &Model::Cassette(cassette), |agent| {
            agent.models.is_empty().then(|| settings.default_model().ok()).flatten()
        }),
    };
    let servers = Servers::new(configs);
    let ctx: Ctx = Arc::default();
    let kits = orchestra.agents.iter().map(|agent| kit(agent, project, &servers, &ctx, &redactor, run, rehearses));
    let evidence = orchestra.tasks.iter().map(|task| {
        Arc::new(Evidence {
            project: Dir::open(project.root()).ok().map(|folder| folder.marked(run.as_str())),
            root: project.root().to_owned(),
            file: task.output.file.clone().filter(|_| !rehearses),
            is_plan: task.output.format == OutputFormat::Plan,
            inputs: task.inputs.clone().filter(|_| !rehearses).unwrap_or_default(),
            outputs: task.outputs.clone().filter(|_| !rehearses).unwrap_or_default(),
            checks: if rehearses { Vec::new() } else { task.verify.clone() },
            environment: vec![(RUN_VARIABLE.to_owned(), run.to_string())],
            redactor: redactor.clone(),
        })
    });
    Ok(Equipment {
        kits: kits.collect::<Result<_, _>>()?,
        evidence: evidence.collect(),
        contracts: orchestra
            .tasks
            .iter()
            .map(|task| contract(&task.output).map(|wanted| if rehearses { Contract::free() } else { wanted }))
            .collect::<Result<_, _>>()?,
        voices,
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

/// The models of an agent, with those of the environment where it names none.
///
/// # Errors
/// Every one that cannot be used.
pub(super) fn chain(agent: &Agent, settings: &Settings) -> Result<Vec<(ModelRef, Option<Endpoint>)>, Vec<Unusable>> {
    let models = match agent.models.as_slice() {
        [] => vec![settings.default_model().map_err(|unusable| vec![unusable])?],
        models => models.to_vec(),
    };
    let (mut reachable, mut unusable) = (Vec::new(), Vec::new());
    for model in models {
        if model.provider == Provider::Command {
            reachable.push((model, None));
            continue;
        }
        match settings.reach(&model) {
            Ok(reached) => reachable.push((model, Some(reached.endpoint))),
            Err(why) => unusable.push(why),
        }
    }
    if unusable.is_empty() { Ok(reachable) } else { Err(unusable) }
}

type Chain = Vec<(ModelRef, Option<Endpoint>)>;

fn chains(orchestra: &Orchestra, settings: &Settings, secrets: &mut Secrets) -> Result<Vec<Chain>, Complaint> {
    let mut chains = Vec::with_capacity(orchestra.agents.len());
    for agent in &orchestra.agents {
        let chain = chain(agent, settings)
            .map_err(|mut unusable| no_model(orchestra, agent.name.as_str(), unusable.swap_remove(0)))?;
        secrets.0.extend(chain.iter().filter_map(|(_, endpoint)| endpoint.as_ref()).flat_map(Endpoint::secrets));
        chains.push(chain);
    }
    Ok(chains)
}

fn no_model(orchestra: &Orchestra, agent: &str, unusable: Unusable) -> Complaint {
    let why = unusable.why;
    Complaint::usage(format!("{why}, and agent `{agent}` of `{}` needs it", orchestra.id)).help(unusable.help)
}

fn remote_voices(
    orchestra: &Orchestra,
    project: &Project,
    settings: &Settings,
    run: &RunId,
    chains: Vec<Chain>,
    redactor: &Redactor,
    recorder: Option<Arc<Recorder>>,
) -> Result<Vec<Vec<Arc<Voice>>>, Complaint> {
    let client = Client::new();
    let mut lanes: Vec<String> = Vec::new();
    let mut models: Vec<ModelRef> = Vec::new();
    let place = |known: &mut Vec<String>, key: String| {
        known.iter().position(|one| *one == key).unwrap_or_else(|| {
            known.push(key);
            known.len() - 1
        })
    };
    let mut voices = Vec::with_capacity(chains.len());
    for (agent, chain) in orchestra.agents.iter().zip(chains) {
        let mut of_agent = Vec::with_capacity(chain.len());
        for (model, endpoint) in chain {
            let lane = place(&mut lanes, lane(&model));
            let number = models.iter().position(|known| *known == model).unwrap_or_else(|| {
                models.push(model.clone());
                models.len() - 1
            });
            let answers = match endpoint {
                Some(endpoint) => provider::wire(model.provider, endpoint).map(|wire| Model::Remote {
                    wire,
                    client: client.clone(),
                    redactor: redactor.clone(),
                }),
                None => Some(Model::Command(Arc::new(program(&model, project, run, redactor)?))),
            };
            let Some(answers) = answers else { continue };
            let known = cost::known(&model, settings);
            of_agent.push(Arc::new(Voice {
                model: answers,
                label: model.label(),
                temperature: agent.temperature.or(model.temperature),
                max_tokens: agent.max_tokens.or(model.max_tokens),
                price: known.tariff,
                context_window: known.context_window,
                timeout: model.timeout,
                number,
                lane,
                recorder: recorder.clone(),
                name: model.model,
            }));
        }
        voices.push(of_agent);
    }
    Ok(voices)
}

/// Which pace a model shares: that of its address and key. Programs keep their own.
fn lane(model: &ModelRef) -> String {
    match model.provider {
        Provider::Command => format!("command {:?}", model.argv),
        provider => {
            format!("{} {:?} {:?} {:?}", provider.name(), model.base_url, model.api_key_env, model.api_key_command)
        }
    }
}

/// A limit in dollars holds only where every model that it counts has a price.
fn check_prices(orchestra: &Orchestra, settings: &Settings, chains: &[Chain]) -> Result<(), Complaint> {
    let counted = cost::counted_agents(orchestra);
    let models = counted.iter().flat_map(|&agent| &chains[agent]).map(|(model, _)| model);
    match cost::unpriced(models.filter(|model| cost::known(model, settings).tariff.is_none())) {
        Some(unpriced) => Err(Complaint::usage(unpriced.why).help(unpriced.help)),
        None => Ok(()),
    }
}

fn program(model: &ModelRef, project: &Project, run: &RunId, redactor: &Redactor) -> Result<CommandModel, Complaint> {
    // The program's own rules say what it sees of this: the usual variables, its vendor's, and those that are named.
    let unicode = |text: std::ffi::OsString| text.into_string().ok();
    let variables = std::env::vars_os().filter_map(|(name, value)| Some((unicode(name)?, unicode(value)?)));
    let mut environment: Vec<(String, String)> = variables.collect();
    environment.push((RUN_VARIABLE.to_owned(), run.to_string()));
    let program = CommandModel::new(model.argv.clone(), project.root().to_owned(), environment, None, redactor.clone())
        .map_err(|why| Complaint::usage(format!("{} cannot be used: {why}", model.label())))?
        .passing(model.env.iter().cloned());
    program.is_available().map_err(|why| {
        Complaint::usage(format!("{} cannot be used: {why}", model.label()))
            .help("install it, or name another model; `orch doctor` says which can be used from here")
    })?;
    Ok(program)
}

/// One voice for each model that an agent names, all answered by the same.
fn stand_ins(
    orchestra: &Orchestra,
    model: &Model,
    default: impl Fn(&Agent) -> Option<ModelRef>,
) -> Vec<Vec<Arc<Voice>>> {
    let rehearsal = matches!(model, Model::Rehearsal(_));
    let voice = |label: String, known: Option<&ModelRef>, agent: &Agent| {
        Arc::new(Voice {
            model: model.clone(),
            label,
            name: known.map_or_else(|| "player".to_owned(), |model| model.model.clone()),
            temperature: known.and_then(|model| agent.temperature.or(model.temperature)),
            max_tokens: known.and_then(|model| agent.max_tokens.or(model.max_tokens)),
            price: None,
            context_window: None,
            timeout: None,
            number: 0,
            lane: 0,
            recorder: None,
        })
    };
    let of_agent = |agent: &Agent| {
        let default = default(agent);
        let models: Vec<&ModelRef> = agent.models.iter().chain(&default).collect();
        if rehearsal || models.is_empty() {
            return vec![voice("rehearsal/player".to_owned(), None, agent)];
        }
        models.into_iter().map(|model| voice(model.label(), Some(model), agent)).collect()
    };
    orchestra.agents.iter().map(of_agent).collect()
}

fn kit(
    agent: &Agent,
    project: &Project,
    servers: &Servers,
    ctx: &Ctx,
    redactor: &Redactor,
    run: &RunId,
    rehearses: bool,
) -> Result<Arc<Kit>, Complaint> {
    let mut grants = Vec::new();
    let mut from_servers = Vec::new();
    let (mut ctx_get, mut ctx_set) = (false, false);
    for grant in agent.tools.iter().filter(|_| !rehearses) {
        match grant {
            Grant::BuiltIn("ctx_get") => ctx_get = true,
            Grant::BuiltIn("ctx_set") => ctx_set = true,
            Grant::BuiltIn(name) => grants.extend(file_tool(name)),
            Grant::RunCommand { allow, timeout } => {
                grants.push(tool::Grant::RunCommand(RunCommandGrant { allow: allow.clone(), timeout: *timeout }))
            }
            Grant::Mcp { server, tool } => from_servers.push((server.clone(), tool.clone())),
        }
    }
    let toolbox = match grants.as_slice() {
        [] => None,
        grants => {
            let folder = Dir::open(project.root())
                .map(|folder| folder.marked(run.as_str()))
                .map_err(|error| Complaint::usage(format!("{} cannot be used: {error}", project.root().display())))?;
            Some(Toolbox::new(folder, project.root().to_owned(), grants, commands(run, redactor)))
        }
    };
    Ok(Arc::new(Kit {
        toolbox,
        servers: servers.clone(),
        from_servers,
        ctx_get,
        ctx_set,
        ctx: ctx.clone(),
        redactor: redactor.clone(),
        offered: OnceCell::new(),
    }))
}

fn file_tool(name: &str) -> Option<tool::Grant> {
    Some(match name {
        "read_file" => tool::Grant::ReadFile,
        "list_files" => tool::Grant::ListFiles,
        "search_files" => tool::Grant::SearchFiles,
        "write_file" => tool::Grant::WriteFile,
        "edit_file" => tool::Grant::EditFile,
        _ => return None,
    })
}

/// How a tool runs commands: with a clean environment, and with all that they started ended.
fn commands(run: &RunId, redactor: &Redactor) -> tool::Runner {
    let (run, redactor) = (run.to_string(), redactor.clone());
    Arc::new(move |asked: tool::Invocation| {
        let mut environment = asked.environment;
        environment.push((RUN_VARIABLE.to_owned(), run.clone()));
        let redactor = redactor.clone();
        Box::pin(async move {
            let command = process::Command {
                argv: asked.argv,
                directory: asked.directory,
                environment,
                stdin: process::Stdin::Null,
                timeout: asked.timeout,
                max_output_bytes: asked.max_output_bytes,
                grace: GRACE,
            };
            let finished = process::run(command).await.map_err(|trouble| trouble.to_string())?;
            let code = match finished.exit {
                process::Exit::Code(code) => Some(code),
                process::Exit::Signal(_) => None,
            };
            let is_cut = finished.stdout_cut || finished.stderr_cut;
            // Before the middle of a long one is left out, and a key with it by half.
            let clean = |said: &[u8]| redactor.redact_part(&String::from_utf8_lossy(said)).into_owned().into_bytes();
            Ok(tool::Ran { code, stdout: clean(&finished.stdout), stderr: clean(&finished.stderr), is_cut })
        })
    })
}

fn servers(
    orchestra: &Orchestra,
    project: &Project,
    settings: &Settings,
    run: &RunId,
    secrets: &mut Secrets,
) -> Result<Vec<ServerConfig>, Complaint> {
    let mut configs = Vec::with_capacity(orchestra.mcp_servers.len());
    for server in &orchestra.mcp_servers {
        let transport = match &server.transport {
            McpTransport::Stdio { argv, env } => {
                let mut environment = process::clean_environment();
                environment.push((RUN_VARIABLE.to_owned(), run.to_string()));
                for name in env {
                    let value = variable(settings, name, server)?;
                    environment.push((name.clone(), value));
                }
                Transport::Stdio { argv: argv.clone(), environment, directory: project.root().to_owned() }
            }
            McpTransport::Http { url, header_env } => {
                let mut headers = Vec::with_capacity(header_env.len());
                for (header, name) in header_env {
                    headers.push((header.clone(), SecretString::from(variable(settings, name, server)?)));
                }
                Transport::Http { url: url.clone(), headers }
            }
        };
        secrets.0.extend(transport.secrets());
        configs.push(ServerConfig {
            name: server.name.clone(),
            transport,
            tools: server.tools.clone(),
            exclude: server.exclude.clone(),
            timeout: server.timeout,
            max_result_bytes: MCP_RESULT_BYTES,
        });
    }
    Ok(configs)
}

fn variable(settings: &Settings, name: &str, server: &orchestra::McpServer) -> Result<String, Complaint> {
    settings.get(name).ok_or_else(|| {
        Complaint::usage(format!("the MCP server `{}` needs {name}, and that is not set", server.name))
            .help(format!("set {name} in the environment"))
    })
}

/// What an answer has to be.
pub(super) fn contract(output: &OutputRule) -> Result<Contract, Complaint> {
    let form = match output.format {
        OutputFormat::Text => Form::Text,
        OutputFormat::Markdown => Form::Markdown,
        OutputFormat::Json => Form::Json,
        OutputFormat::File => Form::File,
        OutputFormat::Plan => Form::Plan,
    };
    Contract::new(form, output.schema.clone()).map_err(|error| Complaint::usage(error.to_string()))
}

/// The earlier results that a run may use, and which of its tasks may. A rehearsal makes everything, for that is what
/// it is for.
pub(super) fn reusing(
    orchestra: &Orchestra,
    equipment: &Equipment,
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
            let acts = !equipment.kits[task.agent].is_pure()
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
pub(super) fn cassette(project: &Project, path: &Path) -> Result<Arc<Cassette>, Complaint> {
    let cassette = Cassette::open(&project.root().join(path));
    cassette.map(Arc::new).map_err(|error| {
        Complaint::usage(format!("{} cannot be replayed: {error}", path.display()))
            .help("`orch run --record FILE` writes such a file")
    })
}

/// Begins a file of recorded replies.
///
/// # Errors
/// If it is there already, or cannot be written.
pub(super) fn recorder(project: &Project, path: &Path, marker: &str) -> Result<Arc<Recorder>, Complaint> {
    let recorder = Recorder::create(&project.root().join(path), marker);
    recorder.map(Arc::new).map_err(|error| {
        Complaint::usage(format!("replies cannot be recorded in {}: {error}", path.display()))
            .help("name a file that is not there yet")
    })
}
