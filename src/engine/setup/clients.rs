//! The clients of each agent: of the models that it names, with their keys, prices and rates, or of their stand-in.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::engine::cost;
use crate::engine::notes::{Notes, Notice};
use crate::engine::setup::{Secrets, SetupError};
use crate::model::cassette::{Cassette, Recorded, Recorder, Replayed};
use crate::model::command::CommandModel;
use crate::model::key_command::KeyCommands;
use crate::model::parameters::Refused;
use crate::model::rehearsal::Rehearsal;
use crate::model::settings::{Settings, Unusable};
use crate::model::{Endpoint, Model, ModelClient, RemoteModel, Vendor};
use crate::net::http::Client;
use crate::os::process::{RUN_VARIABLE, find_program};
use crate::plan::orchestra::{Agent, ModelRef, Orchestra, RateLimit};
use crate::plan::spec::Provider;
use crate::run::rate_limit::RateLimitKey;
use crate::store::project::Project;
use crate::words::id::RunId;
use crate::words::redact::Redactor;

/// Models that can be asked, in their order, each with its address unless it is a program.
pub(crate) type Chain = Vec<(ModelRef, Option<Endpoint>)>;

/// The models of an agent, with that of the environment where it names none: those that can be asked from here, and
/// what is in the way of the others.
#[must_use]
pub(crate) fn chain(agent: &Agent, settings: &Settings, root: &Path, keys: &KeyCommands) -> (Chain, Vec<Unusable>) {
    let models = match agent.models.as_slice() {
        [] => match settings.default_model() {
            Ok(model) => vec![model],
            Err(unusable) => return (Vec::new(), vec![unusable]),
        },
        models => models.to_vec(),
    };
    let (mut usable, mut unusable) = (Vec::new(), Vec::new());
    for model in models {
        let reached = match model.provider {
            Provider::Command => is_installed(&model, settings, root).map(|()| None),
            _ => settings.reach_sharing(&model, keys).map(|reached| Some(reached.endpoint)),
        };
        match reached {
            Ok(endpoint) => usable.push((model, endpoint)),
            Err(why) => unusable.push(why),
        }
    }
    (usable, unusable)
}

fn is_installed(model: &ModelRef, settings: &Settings, root: &Path) -> Result<(), Unusable> {
    let program = model.argv.first().map_or("", String::as_str);
    find_program(program, root, &settings.clean_environment()).map(drop).map_err(|trouble| Unusable {
        why: format!("{} cannot be used: {trouble}", model.label()),
        help: format!("install `{program}`, or name another model; `orch doctor` says which can be used from here"),
    })
}

/// The chains of all agents. One that has lost some of its models goes on with the rest, as it would if they failed
/// later, and says so.
pub(super) fn chains(
    orchestra: &Orchestra,
    settings: &Settings,
    root: &Path,
    secrets: &mut Secrets,
    notes: &mut Notes,
) -> Result<Vec<Chain>, SetupError> {
    let mut chains = Vec::with_capacity(orchestra.agents.len());
    let keys = KeyCommands::default();
    let mut told = BTreeSet::new();
    for agent in &orchestra.agents {
        let (usable, mut unusable) = chain(agent, settings, root, &keys);
        if usable.is_empty() && !unusable.is_empty() {
            return Err(SetupError::NoModel {
                agent: agent.name.to_string(),
                orchestra: orchestra.id.to_string(),
                unusable: unusable.swap_remove(0),
            });
        }
        for Unusable { why, .. } in unusable {
            if told.insert(why.clone()) {
                notes.add(Notice::ModelLeftOut { why });
            }
        }
        secrets.0.extend(usable.iter().filter_map(|(_, endpoint)| endpoint.as_ref()).flat_map(Endpoint::secrets));
        chains.push(usable);
    }
    Ok(chains)
}

pub(super) fn remote_clients(
    orchestra: &Orchestra,
    project: &Project,
    settings: &Settings,
    run: &RunId,
    chains: Vec<Chain>,
    redactor: &Redactor,
    recorder: Option<Arc<Recorder>>,
) -> Result<Vec<Vec<Arc<ModelClient>>>, SetupError> {
    let http = Client::new();
    let mut limit_keys: Vec<String> = Vec::new();
    let mut models: Vec<ModelRef> = Vec::new();
    // For each model, whichever agent asks it, what it has refused.
    let mut refused: Vec<Arc<Refused>> = Vec::new();
    let place = |known: &mut Vec<String>, key: String| {
        known.iter().position(|one| *one == key).unwrap_or_else(|| {
            known.push(key);
            known.len() - 1
        })
    };
    let mut clients = Vec::with_capacity(chains.len());
    for (agent, chain) in orchestra.agents.iter().zip(chains) {
        let mut of_agent = Vec::with_capacity(chain.len());
        for (model, endpoint) in chain {
            let limit_key = RateLimitKey(place(&mut limit_keys, limit_key(&model)));
            let number = models.iter().position(|known| *known == model).unwrap_or_else(|| {
                models.push(model.clone());
                refused.push(Arc::default());
                models.len() - 1
            });
            let answers: Option<Arc<dyn Model>> = match endpoint {
                Some(endpoint) => {
                    let key = endpoint.printed_key();
                    let remote = |wire| {
                        RemoteModel::new(wire, http.clone(), redactor.clone())
                            .renewing(key)
                            .knowing(refused[number].clone())
                    };
                    Vendor::of(model.provider).wire(endpoint).map(|wire| Arc::new(remote(wire)) as _)
                }
                None => Some(Arc::new(program(&model, project, settings, run, redactor)?)),
            };
            let Some(mut answers) = answers else { continue };
            if let Some(recorder) = &recorder {
                answers = Arc::new(Recorded::new(answers, model.label(), recorder.clone()));
            }
            let known = cost::known(&model, settings);
            of_agent.push(Arc::new(ModelClient {
                model: answers,
                label: model.label(),
                temperature: agent.temperature.or(model.temperature),
                max_tokens: agent.max_tokens.or(model.max_tokens),
                price: known.tariff,
                context_window: known.context_window,
                tuning: model.tuning.clone(),
                timeout: model.timeout,
                number,
                limit_key,
                rate: model.rate,
                name: model.model,
            }));
        }
        clients.push(of_agent);
    }
    Ok(clients)
}

/// Which pace a model shares: that of its address and key. Programs keep their own, and so does a model for which the
/// file names a rate.
fn limit_key(model: &ModelRef) -> String {
    let RateLimit { max_concurrent, requests_per_minute } = model.rate;
    let own = match (max_concurrent, requests_per_minute) {
        (None, None) => String::new(),
        _ => format!("{} {max_concurrent:?} {requests_per_minute:?} ", model.model),
    };
    own + &shared_limit_key(model)
}

fn shared_limit_key(model: &ModelRef) -> String {
    match model.provider {
        Provider::Command => format!("command {:?}", model.argv),
        provider => {
            let ModelRef { base_url, api_key_env, api_key_command, carried, .. } = model;
            format!("{} {base_url:?} {api_key_env:?} {api_key_command:?} {carried:?}", provider.name())
        }
    }
}

/// A limit in dollars holds only where every model that it counts has a price.
pub(super) fn check_prices(orchestra: &Orchestra, settings: &Settings, chains: &[Chain]) -> Result<(), SetupError> {
    let counted = cost::counted_agents(orchestra);
    let models = counted.iter().flat_map(|&agent| &chains[agent]).map(|(model, _)| model);
    match cost::unpriced(models.filter(|model| cost::known(model, settings).tariff.is_none())) {
        Some(unpriced) => Err(SetupError::Unpriced(unpriced)),
        None => Ok(()),
    }
}

fn program(
    model: &ModelRef,
    project: &Project,
    settings: &Settings,
    run: &RunId,
    redactor: &Redactor,
) -> Result<CommandModel, SetupError> {
    // The program's own rules say what it sees of this: the usual variables, its vendor's, and those that are named.
    let mut environment = settings.variables().to_vec();
    environment.push((RUN_VARIABLE.to_owned(), run.to_string()));
    CommandModel::new(model.argv.clone(), project.root().to_owned(), environment, None, redactor.clone())
        .map(|program| program.passing(model.env.iter().cloned()))
        .map_err(|why| SetupError::Program { model: model.label(), why })
}

/// One client an agent, answered by the rehearsal.
pub(super) fn rehearsed(orchestra: &Orchestra, rehearsal: Rehearsal) -> Vec<Vec<Arc<ModelClient>>> {
    let model: Arc<dyn Model> = Arc::new(rehearsal);
    let client =
        |_: &Agent| vec![Arc::new(stand_in("rehearsal/player".to_owned(), "player".to_owned(), model.clone()))];
    orchestra.agents.iter().map(client).collect()
}

/// One client for each model that an agent names, or for the one that answered then for agents that name none, answered
/// by what was recorded of it.
pub(super) fn replayed(
    orchestra: &Orchestra,
    cassette: &Arc<Cassette>,
    settings: &Settings,
) -> Vec<Vec<Arc<ModelClient>>> {
    let replay = |label: String| -> Arc<dyn Model> { Arc::new(Replayed::new(cassette.clone(), label)) };
    let of_agent = |agent: &Agent| {
        if let ([], Some(label)) = (agent.models.as_slice(), cassette.default_model()) {
            let name = label.split_once('/').map_or(label, |(_, name)| name).to_owned();
            return vec![Arc::new(ModelClient {
                temperature: agent.temperature,
                max_tokens: agent.max_tokens,
                ..stand_in(label.to_owned(), name, replay(label.to_owned()))
            })];
        }
        let default = agent.models.is_empty().then(|| settings.default_model().ok()).flatten();
        let client = |model: &ModelRef| {
            Arc::new(ModelClient {
                temperature: agent.temperature.or(model.temperature),
                max_tokens: agent.max_tokens.or(model.max_tokens),
                tuning: model.tuning.clone(),
                ..stand_in(model.label(), model.model.clone(), replay(model.label()))
            })
        };
        let clients: Vec<_> = agent.models.iter().chain(&default).map(client).collect();
        if clients.is_empty() {
            // No record is found under this label; the failure of the call says so.
            let label = "rehearsal/player".to_owned();
            return vec![Arc::new(stand_in(label.clone(), "player".to_owned(), replay(label)))];
        }
        clients
    };
    orchestra.agents.iter().map(of_agent).collect()
}

/// A client that costs nothing and knows no limits.
fn stand_in(label: String, name: String, model: Arc<dyn Model>) -> ModelClient {
    ModelClient {
        model,
        label,
        name,
        temperature: None,
        max_tokens: None,
        price: None,
        context_window: None,
        tuning: Arc::default(),
        timeout: None,
        number: 0,
        limit_key: RateLimitKey(0),
        rate: RateLimit::default(),
    }
}
