//! What well-known models cost and how much they take at once, from the table of the crate `genai-prices`.
//!
//! The table is part of the binary and is unpacked when it is first asked, which takes about 50 ms: ask only for a
//! model whose price the file does not give, and only where somebody wants to know. A price in the file wins, since
//! the table can be out of date and knows no contracts.
//!
//! The table has prices that depend on the length of the prompt, the time of day and the date. Of these the highest
//! is taken, so that a limit in dollars holds; what a run reports as its cost can be above the bill for the same
//! reason. A discount for batches is left out, since nothing here is a batch.

use std::time::{Duration, UNIX_EPOCH};

use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage, UsageKey};

use crate::spec::Price;

/// What the table knows of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// What it costs.
    pub price: Price,
    /// How many tokens it takes at once, prompt and answer together.
    pub context_window: Option<u64>,
    /// The longest answer in tokens. The table of today has none.
    pub max_output: Option<u64>,
}

/// The name of the table, with the month in which its prices were last checked.
#[must_use]
pub fn source() -> &'static str {
    "genai-prices 0.2.1 (October 2026)"
}

/// A day in that month, in days since 1970: 2026-10-21.
const CHECKED: u64 = 20_747;

/// A day behind every change that the table announces: 2100-01-01.
const FUTURE: u64 = 47_482;

/// Tokens behind every threshold at which the table changes a price.
const MANY: f64 = 1e9;

/// What the table knows of a provider's model, or `None`. Only ask for a provider's own service: a server of one's own
/// that speaks the protocol of `openai` has other prices, and most often none.
///
/// A model without a price for text is unknown as well: the table says the same of one that is free and of one that is
/// paid by the minute.
#[must_use]
pub fn find(provider: &str, model: &str) -> Option<Known> {
    let table = Calculator::bundled();
    let provider = name_in_table(provider);
    // The table takes anything with `openai` in its name for OpenAI; somebody's proxy is not.
    let listed = table.find_provider(Some(provider), None).ok()?.filter(|listed| listed.id() == provider)?;
    let prompt = Usage::from([(UsageKey::INPUT_TOKENS, MANY), (UsageKey::OUTPUT_TOKENS, MANY)]);
    let cached = Usage::from([(UsageKey::INPUT_TOKENS, MANY), (UsageKey::CACHE_READ_TOKENS, MANY)]);
    let mut price = Price { input: 0.0, output: 0.0, cached_input: None };
    let mut id = String::new();
    for seconds in moments() {
        let bill = |usage| bill(table, provider, model, usage, seconds);
        let (prompt, cached) = (bill(&prompt)?, bill(&cached)?);
        price.input = price.input.max(per_million(prompt.input_price));
        price.output = price.output.max(per_million(prompt.output_price));
        price.cached_input = Some(price.cached_input.unwrap_or_default().max(per_million(cached.input_price)));
        id = prompt.model_id;
    }
    if price.input <= 0.0 && price.output <= 0.0 {
        return None;
    }
    let context_window = listed.models().find(|entry| entry.id() == id).and_then(|entry| entry.context_window());
    Some(Known { price, context_window, max_output: None })
}

/// Where the table has another name for a provider than we have.
fn name_in_table(provider: &str) -> &str {
    match provider {
        "gemini" => "google",
        "zhipu" => "zhipuai",
        "moonshot" => "moonshotai",
        "xai" => "x-ai",
        other => other,
    }
}

/// The middle of every hour of a day now and of one behind all changes, in seconds since 1970: prices by the time of
/// day last for hours.
fn moments() -> impl Iterator<Item = u64> {
    let hours = |day: u64| (0..24).map(move |hour| (day * 24 + hour) * 3600 + 1800);
    hours(CHECKED).chain(hours(FUTURE))
}

fn bill(table: &Calculator, provider: &str, model: &str, usage: &Usage, seconds: u64) -> Option<PriceCalculation> {
    let request = PriceRequest::new(model, usage)
        .with_provider_id(provider)
        .with_timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
    table.calculate(&request).ok()
}

/// The price of a million tokens, without the noise of a division: no price has a tenth digit.
fn per_million(of_many: f64) -> f64 {
    (of_many / MANY * 1e15).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(provider: &str, model: &str) -> Price {
        find(provider, model).unwrap_or_else(|| panic!("{provider}/{model} is unknown")).price
    }

    #[test]
    fn well_known_models_have_a_plausible_price() {
        for (provider, model) in [
            ("openai", "gpt-5"),
            ("anthropic", "claude-sonnet-4-5-20250929"),
            ("google", "gemini-2.5-pro"),
            ("gemini", "gemini-2.5-flash"),
            ("zhipu", "glm-4.7"),
            ("zai", "glm-4.6"),
            ("deepseek", "deepseek-chat"),
        ] {
            let Price { input, output, cached_input } = price(provider, model);
            assert!((0.01..20.0).contains(&input), "{provider}/{model} takes {input}");
            assert!(output >= input && output < 100.0, "{provider}/{model} takes {output}");
            assert!(cached_input.is_some_and(|cached| cached > 0.0 && cached <= input), "{provider}/{model}");
        }
        let window = find("openai", "gpt-5").and_then(|known| known.context_window);
        assert!(window.is_some_and(|window| (100_000..10_000_000).contains(&window)), "{window:?}");
    }

    #[test]
    fn of_several_prices_the_highest_is_taken() {
        let now = Calculator::bundled();
        let short = Usage::from([(UsageKey::INPUT_TOKENS, 1e3), (UsageKey::OUTPUT_TOKENS, 1e3)]);
        let lowest = |provider, model: &str| {
            let bills = moments().filter_map(|seconds| bill(now, provider, model, &short, seconds));
            bills.map(|bill| bill.input_price * 1e3).fold(f64::INFINITY, f64::min)
        };
        // One changes with the length of the prompt, one with the time of day.
        for (provider, model) in [("google", "gemini-2.5-pro"), ("deepseek", "deepseek-chat")] {
            let (lowest, taken) = (lowest(provider, model), price(provider, model).input);
            assert!(taken > lowest * 1.5, "{provider}/{model} takes {lowest} or more, but {taken} is taken");
        }
    }

    #[test]
    fn the_highest_price_covers_every_moment_and_length() {
        let table = Calculator::bundled();
        for (provider, model) in [("deepseek", "deepseek-v4-pro"), ("anthropic", "claude-sonnet-4-5"), ("openai", "o3")]
        {
            let Price { input, output, .. } = price(provider, model);
            for (seconds, tokens) in moments().flat_map(|seconds| [1e3, 1e5, 2.5e5, 1e6].map(|n| (seconds, n))) {
                let usage = Usage::from([(UsageKey::INPUT_TOKENS, tokens), (UsageKey::OUTPUT_TOKENS, tokens)]);
                let total = bill(table, provider, model, &usage, seconds).unwrap().total_price;
                let ours = (input + output) * tokens / 1e6;
                assert!(total <= ours * (1.0 + 1e-9), "{provider}/{model}: {total} is billed, {ours} is reckoned");
            }
        }
    }

    #[test]
    fn what_the_table_does_not_know_is_unknown() {
        for (provider, model) in [
            ("ollama", "llama3.2"),
            ("openai", "no-such-model"),
            ("my-openai-proxy", "gpt-5"),
            ("nobody", "gpt-5"),
            ("openai", "whisper-1"),
            ("", ""),
        ] {
            assert_eq!(find(provider, model), None, "{provider}/{model}");
        }
    }

    #[test]
    fn the_source_names_the_version_that_is_built_in() {
        let lock = include_str!("../Cargo.lock");
        let (_, behind) = lock.split_once("name = \"genai-prices\"\nversion = \"").unwrap();
        let (version, _) = behind.split_once('"').unwrap();
        assert!(source().starts_with(&format!("genai-prices {version} ")), "Cargo.lock has {version}");
    }
}
