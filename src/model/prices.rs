//! What models cost: the rule by which a call is priced, and the table of what well-known ones take.
//!
//! The table is data of the program, taken from the crate `genai-prices`, so that looking a model up takes microseconds
//! and no model has to be described before it can be counted. A price in the file wins, since the table can be out of
//! date and knows no contracts.
//!
//! Where a price depends on the length of the prompt, on the day, or on what was in the provider's cache, the call's own
//! counts. Where it depends on the time of day, the highest is taken. Discounts for batches and the prices of sound,
//! images and searches are left out, since nothing here asks for these.

use serde::Serialize;

use crate::model::vendor::Vendor;
use crate::plan::spec::{Price, Provider};
use crate::words::usage::Usage;

mod row;
#[rustfmt::skip]
mod table;

use row::Row;

/// Dollars for a million tokens of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// Of the prompt, where nothing else is said.
    pub input: f64,
    /// Of the answer, thoughts included.
    pub output: f64,
    /// Of the prompt, read from the provider's cache.
    pub cached_input: f64,
    /// Of the prompt, written to the provider's cache.
    pub cache_write: f64,
    /// Of the prompt, written to the provider's cache for an hour.
    pub cache_write_1h: f64,
}

/// What calls of a model cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tariff {
    /// For a usual prompt.
    pub rates: Rates,
    /// What holds for the whole call instead when its prompt has more tokens than this.
    pub long: Option<(u64, Rates)>,
}

/// What the table knows of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Known {
    /// Its name in the table, which one price may have for many versions.
    pub id: &'static str,
    /// What it costs.
    pub tariff: Option<Tariff>,
    /// How many tokens it takes at once, prompt and answer together.
    pub context_window: Option<u64>,
}

/// How much more a write for an hour costs than one for five minutes, at Anthropic: 2 to 1.25.
/// <https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing>
const FOR_AN_HOUR: f64 = 1.6;

const MILLION: f64 = 1_000_000.0;

/// The vendors whose prices are known: the host at which each charges by its list, its name in `genai-prices`, and its
/// models.
const VENDORS: [(&str, &str, &[Row]); 11] = [
    ("api.anthropic.com", "anthropic", table::ANTHROPIC),
    ("api.cerebras.ai", "cerebras", table::CEREBRAS),
    ("api.deepseek.com", "deepseek", table::DEEPSEEK),
    ("generativelanguage.googleapis.com", "google", table::GOOGLE),
    ("api.groq.com", "groq", table::GROQ),
    ("api.mistral.ai", "mistral", table::MISTRAL),
    ("api.moonshot.ai", "moonshotai", table::MOONSHOTAI),
    ("api.openai.com", "openai", table::OPENAI),
    ("api.x.ai", "x-ai", table::XAI),
    ("api.z.ai", "zai", table::ZAI),
    ("open.bigmodel.cn", "zhipuai", table::ZHIPUAI),
];

/// The name of the table, with the month in which its prices were last checked.
#[must_use]
pub(crate) fn source() -> &'static str {
    table::SOURCE
}

/// What the table knows of a model at a vendor's own host, on a day since 1970. `None` for any other host: a server of
/// one's own that speaks a vendor's protocol has other prices, and most often none.
#[must_use]
pub(crate) fn find(host: &str, model: &str, day: u64) -> Option<Known> {
    let (.., rows) = VENDORS.iter().find(|(known, ..)| *known == host)?;
    let name = model.strip_prefix("models/").unwrap_or(model).to_lowercase();
    let row = rows.iter().find(|row| row.means(&name))?;
    Some(Known { id: row.id, tariff: row.tariff(day), context_window: row.window() })
}

impl Tariff {
    /// Of what nobody charges for.
    pub const FREE: Self = Self {
        rates: Rates { input: 0.0, output: 0.0, cached_input: 0.0, cache_write: 0.0, cache_write_1h: 0.0 },
        long: None,
    };

    /// The price that a file gives for a model of a provider, filled up as the file's format says.
    #[must_use]
    pub fn written(price: &Price, provider: Provider) -> Self {
        let usual = price.input * Vendor::of(provider).cache_write;
        let cache_write = price.cache_write.unwrap_or(usual);
        let rates = Rates {
            input: price.input,
            output: price.output,
            cached_input: price.cached_input.unwrap_or(price.input),
            cache_write,
            cache_write_1h: cache_write * FOR_AN_HOUR,
        };
        Self { rates, long: None }
    }

    /// Dollars for a call.
    #[must_use]
    pub fn cost_usd(&self, usage: &Usage) -> f64 {
        let rates = self.rates_for(usage.input_tokens);
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let written = usage.cache_write_tokens.min(usage.input_tokens - cached);
        let for_an_hour = usage.cache_write_1h_tokens.min(written);
        let plain = usage.input_tokens - cached - written;
        let parts = [
            (plain, rates.input),
            (cached, rates.cached_input),
            (written - for_an_hour, rates.cache_write),
            (for_an_hour, rates.cache_write_1h),
            (usage.output_tokens, rates.output),
        ];
        parts.into_iter().map(|(tokens, rate)| number(tokens) * rate).sum::<f64>() / MILLION
    }

    /// Dollars that a call costs at most: every token of the prompt is taken for one of the dearest kind. No wire asks
    /// for a cache that keeps for an hour.
    #[must_use]
    pub fn most_usd(&self, input_tokens: u64, output_tokens: u64) -> f64 {
        let rates = self.rates_for(input_tokens);
        let dearest = rates.input.max(rates.cached_input).max(rates.cache_write);
        (number(input_tokens) * dearest + number(output_tokens) * rates.output) / MILLION
    }

    fn rates_for(&self, input_tokens: u64) -> &Rates {
        match &self.long {
            Some((above, rates)) if input_tokens > *above => rates,
            _ => &self.rates,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no call has 2^53 tokens")]
fn number(tokens: u64) -> f64 {
    tokens as f64
}

#[cfg(test)]
mod tests;
