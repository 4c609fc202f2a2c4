//! `orch run --dry-run`: what would run, in which order and on which models, without doing any of it.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::attempt::usual_max_tokens;
use crate::cli::{terminal, trust};
use crate::engine::{InputValues, Loaded, cost, permissions, setup};
use crate::model::key_command::KeyCommands;
use crate::model::prices;
use crate::model::settings::{Settings, Unusable};
use crate::plan::graph::TaskIx;
use crate::plan::growth::Grows;
use crate::plan::guarded::OwnFiles;
use crate::plan::orchestra::{Agent, Group, ModelRef, Orchestra};
use crate::plan::prompt::{Inputs, Prompt};
use crate::plan::resolve::MAX_MEMBERS;
use crate::plan::spec::{Join, Strategy};
use crate::plan::template::RunValues;
use crate::run::budget::worst_case_tokens;
use crate::store::disk::Dir;
use crate::tools::builtin;
use crate::words::text;

/// How much of a condition is shown.
const WHEN: usize = 100;

/// Shows the plan of a run.
pub(super) fn show(
    loaded: &Loaded,
    given: &(String, InputValues),
    settings: &Settings,
    root: &Path,
    rehearse: bool,
) -> ExitCode {
    let orchestra = &loaded.orchestra;
    let mut page = order(orchestra);
    let _ = writeln!(page, "workspace: {}", orchestra.workspace);
    for (name, value) in &given.1 {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = writeln!(page, "input {name}: {}", text::one_line(&value, WHEN));
    }
    page.push_str(&tasks(orchestra, settings, rehearse));
    page.push_str(&format!("\n{}", trust::page(&permissions(orchestra), &[])));
    let calls = foreseen(orchestra, given, settings, root);
    page.push_str(&estimate(&calls));
    page.push_str(&if rehearse { "cost: none, since no model is called\n".to_owned() } else { cost(&calls) });
    terminal::print(&page);
    if !rehearse {
        for warning in unusable(orchestra, settings, root) {
            terminal::say(&format!("warning: {warning}\n"));
        }
    }
    terminal::say("Nothing was called and nothing was written.\n");
    ExitCode::SUCCESS
}

/// The strategy, the tier, the order, and what may run side by side.
pub(super) fn order(orchestra: &Orchestra) -> String {
    let name = |ix: &usize| orchestra.tasks[*ix].name.as_str();
    let execution = &orchestra.execution;
    let parallel = match execution.max_parallel {
        None => "no limit".to_owned(),
        Some(limit) => format!("at most {limit} at once"),
    };
    let mut page = format!("orchestra: {} ({}, {parallel})\n", orchestra.id, execution.strategy.name());
    let _ = match orchestra.tier {
        Some(tier) => writeln!(page, "tier: {} allows this", tier.name()),
        None => writeln!(page, "tier: none asked for"),
    };
    let order: Vec<&str> = orchestra.plan.order().iter().map(name).collect();
    let _ = writeln!(page, "order: {}", order.join(", "));
    if execution.strategy != Strategy::Sequential {
        for (number, wave) in orchestra.plan.waves().iter().enumerate() {
            let _ = writeln!(page, "wave {}: {}", number + 1, wave.iter().map(name).collect::<Vec<_>>().join(", "));
        }
        for Group { name: group, tasks, .. } in &execution.groups {
            let _ = writeln!(page, "group {group}: {}", tasks.iter().map(name).collect::<Vec<_>>().join(", "));
        }
    }
    page
}

fn tasks(orchestra: &Orchestra, settings: &Settings, rehearse: bool) -> String {
    let mut page = String::from("\n");
    for &ix in orchestra.plan.order() {
        let task = &orchestra.tasks[ix];
        let needs: Vec<&str> = orchestra.plan.needs(ix).iter().map(|&n| orchestra.tasks[n].name.as_str()).collect();
        let needs = if needs.is_empty() { "the goal".to_owned() } else { needs.join(", ") };
        let _ = writeln!(page, "{}", task.name);
        let _ = writeln!(page, "  {}", done_by(orchestra, ix, settings, rehearse));
        let _ = writeln!(
            page,
            "  gets {needs}; {} s an attempt, {} at most",
            task.timeout.as_secs_f64(),
            text::plural(u64::from(task.retry.max_attempts), "attempt", "attempts")
        );
        let joins = match task.join {
            Join::All => None,
            Join::Any => Some("when one of them has an output"),
            Join::Settled => Some("however they end"),
            Join::Failed => Some("when one of them has failed"),
        };
        if let Some(joins) = joins {
            let _ = writeln!(page, "  runs {joins}");
        }
        if let Some(when) = &task.when {
            let _ = writeln!(page, "  only when {}", text::one_line(when.text(), WHEN));
        }
    }
    page
}

/// Who does a task, on which model, and how often.
fn done_by(orchestra: &Orchestra, ix: TaskIx, settings: &Settings, rehearse: bool) -> String {
    let doer = match orchestra.agent_of(ix) {
        None => orchestra.doer(ix),
        Some(agent) => {
            let chain: Vec<String> = agent.models.iter().map(ModelRef::label).collect();
            let model = match chain.as_slice() {
                _ if rehearse => "rehearsal/player".to_owned(),
                [] => settings.default_model().map_or_else(|_| "no model".to_owned(), |model| model.label()),
                chain => chain.join(", then "),
            };
            format!("agent {} on {model}", agent.name)
        }
    };
    orchestra.tasks[ix].grows.iter().rev().fold(doer, |doer, grows| match (grows, grows.most()) {
        (Grows::Repeat(rounds), _) => {
            format!("{doer}, in up to {}", text::plural(rounds.max.into(), "round", "rounds"))
        }
        (Grows::Expand(plan), _) => {
            let tasks = text::plural(plan.max_tasks as u64, "task", "tasks");
            format!("{doer}, plans up to {tasks} for {}", orchestra.roster(plan).join(", "))
        }
        (Grows::Review(review), _) => {
            let times = text::plural(review.max.into(), "time", "times");
            format!("{doer}, reviewed by {}, at most {times}", orchestra.agents[review.by].name)
        }
        (Grows::ForEach(_), Some(items)) => {
            format!("{doer}, once for each of {}", text::plural(items as u64, "item", "items"))
        }
        (Grows::ForEach(_), None) => {
            format!("{doer}, once for each item of its list: at most {} times", text::count(MAX_MEMBERS as u64))
        }
    })
}

fn unusable(orchestra: &Orchestra, settings: &Settings, root: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    // To ask for a key by its command would be to do something.
    let asks = |agent: &&Agent| agent.models.iter().all(|model| model.api_key_command.is_none());
    for agent in orchestra.agents.iter().filter(asks) {
        let (usable, unusable) = setup::chain(agent, settings, root, &KeyCommands::default());
        for Unusable { why, help } in unusable {
            let effect = if usable.is_empty() { "could not run" } else { "would go on without a model" };
            let warning = format!("agent {} {effect}: {why}; {help}", agent.name);
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    let counted = cost::counted_agents(orchestra).into_iter().flat_map(|ix| models(&orchestra.agents[ix], settings));
    let counted: Vec<ModelRef> = counted.filter(|model| cost::known(model, settings).tariff.is_none()).collect();
    warnings.extend(cost::unpriced(counted.iter()).map(|unpriced| format!("{}; {}", unpriced.why, unpriced.help)));
    warnings
}

/// The models of an agent; empty where it names none and the environment gives none.
fn models(agent: &Agent, settings: &Settings) -> Vec<ModelRef> {
    match agent.models.as_slice() {
        [] => settings.default_model().into_iter().collect(),
        models => models.to_vec(),
    }
}

/// The first call for a task that asks a model; that of a program is no call of a model.
struct Call {
    /// Whether it asks a model.
    asks_model: bool,
    /// Tokens of the prompt, on the safe side and with every output that it is given as long as it may be.
    input: u64,
    /// Tokens of the longest answer.
    output: u64,
    /// Whether the file says how long an answer may be.
    is_said: bool,
    /// Whether a model is told to think, of which the file does not say how long its answer may be.
    thinks: bool,
    /// Dollars on the dearest model of the chain.
    most_usd: Option<f64>,
    /// The first model of the chain without a price.
    unpriced: Option<String>,
}

impl Call {
    /// That of a task without a model.
    fn none() -> Self {
        Self {
            asks_model: false,
            input: 0,
            output: 0,
            is_said: true,
            thinks: false,
            most_usd: Some(0.0),
            unpriced: None,
        }
    }
}

fn foreseen(orchestra: &Orchestra, given: &(String, InputValues), settings: &Settings, root: &Path) -> Vec<Call> {
    let project = Dir::open(root).ok();
    let mut calls: Vec<Call> = (0..orchestra.tasks.len())
        .map(|ix| {
            let Some(agent) = orchestra.agent_of(ix) else { return Call::none() };
            let models = models(agent, settings);
            let said = |model: &ModelRef| agent.max_tokens.or(model.max_tokens);
            let longest = |model: &ModelRef| said(model).unwrap_or(usual_max_tokens(model.tuning.thinks()));
            let usual = agent.max_tokens.unwrap_or(usual_max_tokens(false));
            Call {
                asks_model: true,
                input: 0,
                output: u64::from(models.iter().map(longest).max().unwrap_or(usual)),
                is_said: models.iter().all(|model| said(model).is_some())
                    && (agent.max_tokens.is_some() || !models.is_empty()),
                thinks: models.iter().any(|model| said(model).is_none() && model.tuning.thinks()),
                most_usd: None,
                unpriced: None,
            }
        })
        .collect();
    for ix in 0..calls.len() {
        let of_others = orchestra.plan.needs(ix).iter().map(|&needed| calls[needed].output).sum::<u64>();
        let call = &mut calls[ix];
        call.input = own_tokens(orchestra, ix, given, project.as_ref()) + of_others;
        let models = orchestra.agent_of(ix).map(|agent| models(agent, settings));
        for model in models.into_iter().flatten() {
            match cost::known(&model, settings).tariff {
                Some(tariff) => {
                    let most = tariff.most_usd(call.input, call.output);
                    call.most_usd = Some(call.most_usd.unwrap_or(0.0).max(most));
                }
                None => call.unpriced = call.unpriced.take().or(Some(model.label())),
            }
        }
    }
    calls
}

/// Tokens of a task's prompt without the outputs that it is given. A file that is not there yet, or cannot be given, is
/// not counted.
fn own_tokens(orchestra: &Orchestra, ix: TaskIx, (goal, given): &(String, InputValues), project: Option<&Dir>) -> u64 {
    let (task, needs) = (&orchestra.tasks[ix], orchestra.plan.needs(ix));
    let outputs: Vec<(&str, &str)> = needs.iter().map(|&n| (orchestra.tasks[n].name.as_str(), "")).collect();
    let run = RunValues { id: "run_00000000_000000_0000", project: "", is_rehearsal: true };
    let ctx = std::collections::BTreeMap::new();
    let (Some(agent), Some(description)) = (orchestra.agent_of(ix), task.description()) else { return 0 };
    let reads = task.reads.as_deref().filter(|_| !agent.looks_at_files()).unwrap_or_default();
    let files = project.and_then(|project| builtin::texts(project, &OwnFiles::default(), reads).ok());
    let files = files.unwrap_or_default();
    let inputs = Inputs {
        goal,
        given,
        run,
        secret: "",
        outputs: &outputs,
        failures: &[],
        files: &files,
        ctx: &ctx,
        item: None,
        round: None,
        round_before: None,
    };
    match Prompt::new(description, agent, &inputs, None) {
        Ok(prompt) => worst_case_tokens([&*prompt.system, &*prompt.user].into_iter()),
        Err(_) => worst_case_tokens([description.text()].into_iter()),
    }
}

fn estimate(calls: &[Call]) -> String {
    let asking = calls.iter().filter(|call| call.asks_model).count();
    let tasks = match asking {
        0 => return "\nestimate: no call of a model; every task runs a program\n".to_owned(),
        _ if asking == calls.len() => "one for each task",
        _ => "one for each task that asks a model",
    };
    let assumed = match calls.iter().all(|call| call.is_said) {
        true => String::new(),
        false => {
            let tokens = |thinks| text::count(usual_max_tokens(thinks).into());
            let thinking = match calls.iter().any(|call| call.thinks) {
                true => format!(", and {} where the model is told to think", tokens(true)),
                false => String::new(),
            };
            format!(", at {} an answer where no `max_tokens` is set{thinking}", tokens(false))
        }
    };
    format!(
        "\nestimate: {}, {tasks}, with about {} tokens in and up to {} out{assumed}\n  \
         not counted: other attempts and models, answers that are asked for once more, and rounds with tools\n",
        text::plural(asking as u64, "call", "calls"),
        text::count(calls.iter().map(|call| call.input).sum()),
        text::count(calls.iter().map(|call| call.output).sum()),
    )
}

/// What these calls cost at most.
fn cost(calls: &[Call]) -> String {
    if calls.iter().all(|call| !call.asks_model) {
        return "cost: none, since no model is called\n".to_owned();
    }
    if let Some(label) = calls.iter().find_map(|call| call.unpriced.as_ref()) {
        return format!("cost: not known, since {label} has no price; `price` under `models` gives it one\n");
    }
    if calls.iter().any(|call| call.most_usd.is_none()) {
        return "cost: not known without a model\n".to_owned();
    }
    let most = calls.iter().filter_map(|call| call.most_usd).sum();
    format!(
        "cost: at most about {} for these calls, each on the dearest model of its chain; prices: the file's, then {}\n",
        text::dollars(Some(most), false),
        prices::source(),
    )
}
