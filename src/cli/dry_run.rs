//! `orch run --dry-run`: what would run, in which order and on which models, without doing any of it.

use std::fmt::Write;
use std::process::ExitCode;

use crate::cli::load::Loaded;
use crate::cli::{equip, terminal};
use crate::orchestra::{Agent, Group, ModelRef, Orchestra};
use crate::printable;
use crate::prompt::{Inputs, Prompt, estimate_tokens};
use crate::settings::Settings;
use crate::spec::Strategy;

/// Where nothing says how long an answer may be, the estimate takes it to be this long, in tokens.
const USUAL_ANSWER_TOKENS: u64 = 1000;

/// Shows the plan of a run.
pub(super) fn show(loaded: &Loaded, goal: &str, settings: &Settings, rehearse: bool) -> ExitCode {
    let orchestra = &loaded.orchestra;
    let mut page = order(orchestra);
    let _ = writeln!(page, "workspace: {}", orchestra.workspace);
    page.push_str(&tasks(orchestra, settings, rehearse));
    let (input, output) = tokens(orchestra, goal);
    let _ = writeln!(
        page,
        "\nestimate: {} calls without retries, about {} tokens in and up to {} out",
        orchestra.tasks.len(),
        printable::count(input),
        printable::count(output)
    );
    terminal::print(&page);
    if !rehearse {
        for warning in unusable(orchestra, settings) {
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
        let agent = orchestra.agent_of(ix);
        let chain: Vec<String> = agent.models.iter().map(ModelRef::label).collect();
        let model = match chain.as_slice() {
            _ if rehearse => "rehearsal/player".to_owned(),
            [] => settings.default_model().map_or_else(|_| "no model".to_owned(), |model| model.label()),
            chain => chain.join(", then "),
        };
        let needs: Vec<&str> = orchestra.plan.needs(ix).iter().map(|&n| orchestra.tasks[n].name.as_str()).collect();
        let needs = if needs.is_empty() { "the goal".to_owned() } else { needs.join(", ") };
        let _ = writeln!(page, "{}", task.name);
        let _ = writeln!(page, "  agent {} on {model}", agent.name);
        let _ = writeln!(
            page,
            "  gets {needs}; {} s an attempt, {} at most",
            task.timeout.as_secs_f64(),
            printable::plural(u64::from(task.retry.max_attempts), "attempt", "attempts")
        );
    }
    page
}

fn unusable(orchestra: &Orchestra, settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    // To ask for a key by its command would be to do something.
    let asks = |agent: &&Agent| agent.models.iter().all(|model| model.api_key_command.is_none());
    for agent in orchestra.agents.iter().filter(asks) {
        for unusable in equip::chain(agent, settings).map(drop).err().into_iter().flatten() {
            let warning = format!("agent {} could not run: {}; {}", agent.name, unusable.why, unusable.help);
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}

/// Tokens in and out, when every answer is as long as it may be.
fn tokens(orchestra: &Orchestra, goal: &str) -> (u64, u64) {
    let answers: Vec<u64> = (0..orchestra.tasks.len())
        .map(|ix| {
            let agent = orchestra.agent_of(ix);
            let said = agent.max_tokens.or_else(|| agent.models.first().and_then(|model| model.max_tokens));
            said.map_or(USUAL_ANSWER_TOKENS, u64::from)
        })
        .collect();
    let mut input = 0;
    for (ix, task) in orchestra.tasks.iter().enumerate() {
        let needs = orchestra.plan.needs(ix);
        let outputs: Vec<(&str, &str)> = needs.iter().map(|&n| (orchestra.tasks[n].name.as_str(), "")).collect();
        let inputs = Inputs { goal, run: "run_00000000_000000_0000", secret: "", outputs: &outputs };
        let own = Prompt::new(task, orchestra.agent_of(ix), &inputs, None)
            .map_or_else(|_| estimate_tokens(task.description.text()), |prompt| prompt.estimated_tokens());
        input += own + needs.iter().map(|&n| answers[n]).sum::<u64>();
    }
    (input, answers.iter().sum())
}
