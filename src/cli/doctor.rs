//! `orch doctor`: which models can be used from here and why others cannot, and whether runs can be kept.
//!
//! Says where a key comes from and never the key.

mod ask;
mod place;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::cli::doctor::ask::{Answer, Question};
use crate::cli::doctor::place::Place;
use crate::cli::error::{CliError, FAILURE};
use crate::cli::runtime::{NO_RUNTIME, block_on};
use crate::cli::trust::TrustArgs;
use crate::cli::{Context, Outcome, list, table, terminal, trust};
use crate::engine::cost;
use crate::engine::permissions::of_model;
use crate::engine::{Permission, check};
use crate::model::command::{is_known, version};
use crate::model::prices::Rates;
use crate::model::settings::{MODEL_VARIABLE, Settings};
use crate::os::process::find_program;
use crate::plan::orchestra::ModelRef;
use crate::plan::spec::Provider;
use crate::store::project::Project;
use crate::words::diagnostic::near_miss;
use crate::words::event::Overrides;
use crate::words::redact::Redactor;
use crate::words::text::{clean, command_line, plural};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Looks at the default model and at every model that an orchestra of the project names, and asks \
                        vendors and the addresses of the environment for their lists of models. What only a file of \
                        the project names is not called, run or given a key: it says `would ask` and `would run`, and \
                        --connect does it. Exit code: 0 if at least one model can be used, else 1."
)]
pub(super) struct Args {
    /// Ask no server, and go by the environment and the files alone
    #[arg(long)]
    offline: bool,
    /// Call, run and give keys to what the project's files name, too
    #[arg(long, conflicts_with = "offline")]
    connect: bool,
    #[command(flatten)]
    trust: TrustArgs,
    /// Give what is found as JSON
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Findings {
    models: Vec<Finding>,
    /// Orchestras with mistakes, whose models are not known.
    skipped: Vec<String>,
    project: Place,
}

/// What was found out about a model.
#[derive(Debug, Serialize)]
struct Finding {
    /// `provider/model`; `null` where the environment gives no default.
    model: Option<String>,
    provider: Option<&'static str>,
    /// Whether it is the model of agents that name none.
    default: bool,
    /// The orchestras that name it.
    orchestras: Vec<String>,
    usable: bool,
    /// The server's host.
    host: Option<String>,
    /// Where its address comes from.
    address_from: Option<String>,
    /// The variable that its key comes from; `null` if it is called without one.
    key_from: Option<String>,
    /// What it costs, in dollars for a million tokens; `null` where that is not known.
    price: Option<Rates>,
    /// Who says so: the file, or the built-in table with the month of its prices.
    price_from: Option<String>,
    #[serde(flatten)]
    server: Option<Answer>,
    /// The file of its program.
    program: Option<PathBuf>,
    /// What a program that is known by name says of its version.
    version: Option<String>,
    /// Why it cannot be used, or what is odd about it.
    why: Option<String>,
    help: Option<String>,
    /// What `--connect` would do to find out more, since only the project's files ask for it.
    would: Vec<String>,
}

/// What the doctor may do to find out more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Nothing.
    Offline,
    /// Ask vendors at their own addresses with their own keys, and the addresses of the environment.
    Own,
    /// Whatever the project's files name.
    All,
}

/// A model that something names.
#[derive(Debug)]
struct Wanted {
    model: ModelRef,
    default: bool,
    orchestras: Vec<String>,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = &context.project;
    let settings = trust::settings_to_look_with(project);
    let (wanted, skipped) = wanted(project, &settings)?;
    let reach = match args {
        Args { offline: true, .. } => Reach::Offline,
        Args { connect: true, .. } => Reach::All,
        _ => Reach::Own,
    };
    if reach == Reach::All {
        let needed: Vec<Permission> = wanted.iter().flat_map(|wanted| of_model(&wanted.model)).collect();
        trust::settle(project, &settings, &needed, args.trust)?;
    }
    let questions: Vec<Result<Question, Box<Finding>>> =
        wanted.into_iter().map(|wanted| prepare(wanted, &settings, project.root(), reach)).collect();
    let secrets = questions.iter().flatten().flat_map(Question::secrets).cloned();
    terminal::keep_secret(&Redactor::new(secrets.chain(settings.keys())));
    let (answers, versions) = if reach == Reach::Offline { <_>::default() } else { ask_all(&questions, &settings)? };
    let mut models: Vec<Finding> = Vec::new();
    if let Err(unusable) = settings.default_model() {
        models.push(Finding { why: Some(unusable.why), help: Some(unusable.help), ..Finding::of_no_model() });
    }
    models.extend(questions.into_iter().map(|question| match question {
        Ok(question) => {
            let answer = answers.iter().find(|(server, _)| *server == question.server).map(|(_, answer)| answer);
            judge(question, answer)
        }
        Err(mut finding) => {
            let said = versions.iter().find(|(program, _)| finding.program.as_ref() == Some(program));
            finding.version = said.and_then(|(_, version)| version.clone());
            *finding
        }
    }));
    let findings = Findings { models, skipped, project: Place::look(project.root(), &settings) };
    terminal::print(&if args.json { table::json(&findings) } else { page(&findings) });
    let usable = findings.models.iter().any(|finding| finding.usable);
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

/// The default model and those that the orchestras name, each once, and the orchestras that could not be read.
fn wanted(project: &Project, settings: &Settings) -> Result<(Vec<Wanted>, Vec<String>), CliError> {
    let default = settings.default_model().ok();
    let mut wanted: Vec<Wanted> = Vec::new();
    wanted.extend(default.map(|model| Wanted { model, default: true, orchestras: Vec::new() }));
    let mut skipped = Vec::new();
    for file in list::files(project)? {
        let path = file.as_ref().map_or_else(|report| &report.source.path, |source| &source.path).clone();
        let checked = file.ok().and_then(|source| check(project, &source, &Overrides::default()).ok());
        let Some((orchestra, _)) = checked else {
            skipped.push(path);
            continue;
        };
        let id = orchestra.id.to_string();
        for model in orchestra.agents.into_iter().flat_map(|agent| agent.models) {
            match wanted.iter_mut().find(|known| is_same(&known.model, &model)) {
                Some(known) if known.orchestras.contains(&id) => {}
                Some(known) => known.orchestras.push(id.clone()),
                None => wanted.push(Wanted { model, default: false, orchestras: vec![id.clone()] }),
            }
        }
    }
    Ok((wanted, skipped))
}

/// Prices, temperatures and limits make no difference to whether a model can be called.
fn is_same(one: &ModelRef, other: &ModelRef) -> bool {
    let key =
        |model: &ModelRef| (model.label(), model.base_url.clone(), model.api_key_env.clone(), model.carried.clone());
    key(one) == key(other)
}

fn prepare(wanted: Wanted, settings: &Settings, root: &Path, reach: Reach) -> Result<Question, Box<Finding>> {
    let known = cost::known(&wanted.model, settings);
    let is_foreign = !of_model(&wanted.model).is_empty();
    let mut finding = Finding {
        price: known.tariff.map(|tariff| tariff.rates),
        price_from: known.source,
        model: Some(wanted.model.label()),
        provider: Some(wanted.model.provider.name()),
        default: wanted.default,
        orchestras: wanted.orchestras,
        key_from: settings.key_variable(&wanted.model),
        would: if is_foreign && reach == Reach::Own { would(&wanted.model, settings) } else { Vec::new() },
        ..Finding::of_no_model()
    };
    if wanted.model.provider == Provider::Command {
        let program = wanted.model.argv.first().map_or("", String::as_str);
        match find_program(program, root, &settings.clean_environment()) {
            Ok(file) => {
                finding.usable = true;
                finding.program = Some(file);
            }
            Err(trouble) => {
                finding.why = Some(trouble.to_string());
                finding.help = Some(format!("install `{program}`, or name another model"));
            }
        }
        return Err(Box::new(finding));
    }
    let reached = match reach {
        Reach::Own if !is_foreign => settings.reach(&wanted.model),
        Reach::Own | Reach::Offline => settings.look_up(&wanted.model),
        Reach::All => settings.reach(&wanted.model),
    };
    match reached {
        Ok(reachable) => {
            finding.usable = true;
            finding.address_from = Some(reachable.origin);
            let Some(mut question) = Question::new(&wanted.model, reachable.endpoint) else {
                return Err(Box::new(finding));
            };
            finding.host = Some(question.host());
            question.finding = finding;
            Ok(question)
        }
        Err(unusable) => Err(Box::new(Finding { why: Some(unusable.why), help: Some(unusable.help), ..finding })),
    }
}

/// What it would take to find out more about a model that only a file names.
fn would(model: &ModelRef, settings: &Settings) -> Vec<String> {
    if model.provider == Provider::Command {
        let program = model.argv.first().filter(|program| is_known(program));
        return program
            .map(|program| format!("would run {}", command_line([program, "--version"])))
            .into_iter()
            .collect();
    }
    let Some(host) = settings.shown_host(model) else { return Vec::new() };
    let printed = model.api_key_command.as_ref().map(command_line);
    let key = match (&printed, &model.api_key_env) {
        (Some(command), _) => format!("with what {command} prints"),
        (None, Some(name)) => format!("with {name}"),
        (None, None) => "without a key".to_owned(),
    };
    let key = model.carried.variables().fold(key, |key, name| format!("{key} and {name}"));
    let run = printed.as_ref().map(|command| format!("would run {command}"));
    run.into_iter().chain([format!("would ask {host} {key}")]).map(|line| clean(&line).into_owned()).collect()
}

/// What servers answer, and what programs say of their versions.
type Answers = (Vec<(String, Answer)>, Vec<(PathBuf, Option<String>)>);

/// Asks every server and every program once, all at the same time.
fn ask_all(questions: &[Result<Question, Box<Finding>>], settings: &Settings) -> Result<Answers, CliError> {
    let unasked = |finding: &&Finding| finding.would.is_empty();
    let findings = questions.iter().filter_map(|question| question.as_ref().err().map(|finding| &**finding));
    let mut programs: Vec<PathBuf> = findings.filter(unasked).filter_map(|finding| finding.program.clone()).collect();
    programs.sort();
    programs.dedup();
    let answers = block_on(async {
        let mut saying = JoinSet::new();
        for program in programs {
            let environment = settings.clean_environment();
            saying.spawn(async move {
                let said = version(&program, environment).await;
                (program, said)
            });
        }
        let servers = questions.iter().flatten().filter(|question| unasked(&&question.finding));
        tokio::join!(ask::all(servers), saying.join_all())
    })
    .context(NO_RUNTIME)?;
    Ok(answers)
}

/// What a server's answer means for a model.
fn judge(question: Question, answer: Option<&Answer>) -> Finding {
    let mut finding = question.finding;
    match answer {
        None => {}
        Some(Answer::Failed { failure, usable }) => {
            finding.usable = *usable;
            finding.why = Some(clean(&failure.to_string()).into_owned());
            finding.help = Some(ask::help(failure, finding.key_from.as_deref()));
        }
        Some(Answer::Models { models }) if !models.iter().any(|listed| ask::names(listed, &question.model)) => {
            let count = plural(models.len() as u64, "model", "models");
            finding.why = Some(format!("its server lists {count}, and this is not one of them"));
            let near = near_miss(&question.model, models.iter().map(String::as_str));
            finding.help = Some(match near.or(models.first().map(String::as_str)) {
                Some(other) => format!("it has `{}`, for one; check the name", clean(other)),
                None => "load a model there".to_owned(),
            });
        }
        Some(Answer::Models { .. }) => {}
    }
    finding.server = answer.cloned();
    finding
}

impl Finding {
    fn of_no_model() -> Self {
        Self {
            model: None,
            provider: None,
            default: false,
            orchestras: Vec::new(),
            usable: false,
            host: None,
            address_from: None,
            key_from: None,
            price: None,
            price_from: None,
            server: None,
            program: None,
            version: None,
            why: None,
            help: None,
            would: Vec::new(),
        }
    }

    /// What it costs; for a model that can be called.
    fn price_line(&self) -> Option<String> {
        match (&self.price, &self.price_from) {
            (Some(Rates { input, output, .. }), Some(from)) => {
                Some(format!("${input} in, ${output} out for a million tokens ({from})"))
            }
            _ if self.host.is_some() => Some("not known; `price` under `models` says it".to_owned()),
            _ => None,
        }
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        let mut used: Vec<String> = self.orchestras.clone();
        if self.default {
            used.insert(0, "agents that name no model".to_owned());
        }
        if !used.is_empty() {
            lines.push(("for", used.join(", ")));
        }
        if let (Some(host), Some(from)) = (&self.host, &self.address_from) {
            lines.push(("server", format!("{} ({from})", clean(host))));
            lines.push(("key", self.key_from.clone().unwrap_or_else(|| "none".to_owned())));
        }
        lines.extend(self.price_line().map(|line| ("price", line)));
        lines.extend(self.program.iter().map(|file| ("file", clean(&file.to_string_lossy()).into_owned())));
        lines.extend(self.version.iter().map(|version| ("says", version.clone())));
        match &self.server {
            Some(Answer::Models { .. }) if self.why.is_none() => lines.push(("asked", "it has the model".to_owned())),
            None if self.host.is_some() => lines.push(("asked", "no".to_owned())),
            _ => {}
        }
        lines.extend(self.why.iter().map(|why| ("why", why.clone())));
        lines.extend(self.help.iter().map(|help| ("help", help.clone())));
        lines.extend(self.would.iter().map(|would| ("note", would.clone())));
        lines
    }
}

fn page(findings: &Findings) -> String {
    let mut page = String::from("models\n");
    for finding in &findings.models {
        let verdict = match (finding.usable, &finding.why) {
            (true, None) => "usable",
            (true, Some(_)) => "usable, but",
            (false, _) => "not usable",
        };
        let named =
            finding.model.as_deref().map_or_else(|| "the default".to_owned(), |model| clean(model).into_owned());
        page.push_str(&format!("  {named}: {verdict}\n"));
        for (label, text) in finding.lines() {
            page.push_str(&format!("    {:<8}{text}\n", format!("{label}:")));
        }
    }
    if !findings.models.iter().any(|finding| finding.usable) {
        page.push_str("  no model can be used from here; `orch run ... --rehearse` runs without one\n");
    } else if !findings.models.iter().any(|finding| finding.default) {
        page.push_str(&format!("  {MODEL_VARIABLE}=provider/model sets the default\n"));
    }
    if findings.models.iter().any(|finding| !finding.would.is_empty()) {
        page.push_str("  only the project's files name what is noted; `orch doctor --connect` does it\n");
    }
    for path in &findings.skipped {
        page.push_str(&format!("  {path} has mistakes and was left out: `orch validate` names them\n"));
    }
    page + "\n" + &findings.project.page()
}

#[cfg(test)]
mod tests;
