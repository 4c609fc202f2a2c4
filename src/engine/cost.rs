//! What models cost from here: by the file, by the built-in table, or nothing; and which limits need to know.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::command;
use crate::model::prices::{self, Tariff};
use crate::model::settings::{Settings, Unusable};
use crate::plan::graph::TaskIx;
use crate::plan::orchestra::{ModelRef, Orchestra};
use crate::plan::spec::{Limits, Provider};

/// How a price is written down.
const HELP: &str = "name it under `models`, in dollars for a million tokens: `price: {input: 0.6, output: 2.2}`, or \
                    `price: {input: 0, output: 0}` where nobody is paid";

/// What is known of a model at the address that it is called at.
pub(crate) struct Known {
    /// What it costs.
    pub tariff: Option<Tariff>,
    /// Who says so.
    pub source: Option<String>,
    /// How many tokens a prompt and its answer may have together.
    pub context_window: Option<u64>,
}

/// Looks a model up. A price in the file comes first, then the table's, which holds at a vendor's own address alone.
#[must_use]
pub(crate) fn known(model: &ModelRef, settings: &Settings) -> Known {
    let host = settings.host(model).unwrap_or_default();
    let listed = prices::find(&host, &model.model, today());
    let written = model.price.map(|price| (Tariff::written(&price, model.provider), "the file".to_owned()));
    let in_table = || {
        let listed = listed?;
        Some((listed.tariff?, format!("{}, as {}", prices::source(), listed.id)))
    };
    let free = || is_ones_own(model.provider, &host).then(|| (Tariff::FREE, "nobody bills for it".to_owned()));
    let (tariff, source) = written.or_else(in_table).or_else(free).unzip();
    let context_window = model.context_window.or(listed.and_then(|listed| listed.context_window));
    Known { tariff, source, context_window }
}

/// Whether a server bills nobody by its nature. A server that speaks OpenAI's protocol at home may well be a proxy of one
/// that does; Ollama's protocol is spoken by Ollama alone, and only its maker's own host is paid for.
fn is_ones_own(provider: Provider, host: &str) -> bool {
    provider == Provider::Ollama && host != "ollama.com" && !host.ends_with(".ollama.com")
}

/// Days since 1970.
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400
}

/// The agents whose calls some limit counts in dollars, each as its index.
#[must_use]
pub(crate) fn counted_agents(orchestra: &Orchestra) -> BTreeSet<usize> {
    let in_dollars = |limits: &Limits| limits.cost_limit_usd.is_some();
    let groups = orchestra.execution.groups.iter().filter(|group| in_dollars(&group.limits));
    let of_groups: BTreeSet<TaskIx> = groups.flat_map(|group| group.tasks.iter().copied()).collect();
    let counts = |ix: &TaskIx| {
        in_dollars(&orchestra.limits) || in_dollars(&orchestra.tasks[*ix].limits) || of_groups.contains(ix)
    };
    (0..orchestra.tasks.len()).filter(counts).filter_map(|ix| orchestra.tasks[ix].agent()).collect()
}

/// That a limit in dollars cannot hold, since these models have no price; `None` if there are none.
pub(crate) fn unpriced<'m>(models: impl Iterator<Item = &'m ModelRef>) -> Option<Unusable> {
    let mut labels: Vec<String> = Vec::new();
    let mut is_program = false;
    // A program that can be told what it may spend stops there by itself.
    let has_lid = |model: &ModelRef| model.argv.first().is_some_and(|program| command::has_lid(program));
    for model in models.filter(|model| model.provider != Provider::Command || !has_lid(model)) {
        is_program |= model.provider == Provider::Command;
        if !labels.contains(&model.label()) {
            labels.push(model.label());
        }
    }
    let what = match labels.as_slice() {
        [] => return None,
        [one] => format!("the price of {one} is not known"),
        several => format!("the prices of {} are not known", several.join(", ")),
    };
    let more = match is_program {
        true => "; a program says what it took when it is done, which is too late for a limit",
        false => "",
    };
    Some(Unusable { why: format!("`cost_limit_usd` cannot hold: {what}"), help: format!("{HELP}{more}") })
}
