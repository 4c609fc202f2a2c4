#![expect(clippy::float_cmp, reason = "the same sum in the same order is the same number")]

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use genai_prices::{Calculator, PriceRequest, UsageKey};

use super::*;

/// A day behind every change that the table announces: 2100-01-01.
const FUTURE: u64 = 47_482;

fn tariff(host: &str, model: &str) -> Tariff {
    let known = find(host, model, table::CHECKED).and_then(|known| known.tariff);
    known.unwrap_or_else(|| panic!("{model} at {host} is unknown"))
}

fn usage(input_tokens: u64, cached_tokens: u64, cache_write_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens, cached_tokens, cache_write_tokens, ..Usage::default() }
}

#[test]
fn every_kind_of_token_has_its_price() {
    let price = Price { input: 4.0, output: 20.0, cached_input: Some(0.4), cache_write: Some(5.0) };
    let tariff = Tariff::written(&price, Provider::Openai);
    for (usage, dollars) in [
        (usage(1_000_000, 0, 0, 0), 4.0),
        (usage(0, 0, 0, 1_000_000), 20.0),
        (usage(1_000_000, 1_000_000, 0, 0), 0.4),
        (usage(1_000_000, 0, 1_000_000, 0), 5.0),
        (Usage { cache_write_1h_tokens: 1_000_000, ..usage(1_000_000, 0, 1_000_000, 0) }, 8.0),
        (usage(1_000_000, 500_000, 250_000, 100_000), 0.2 + 1.25 + 1.0 + 2.0),
        // No server's odd numbers make a part larger than the whole.
        (usage(1_000_000, 9_000_000, 9_000_000, 0), 0.4),
    ] {
        assert!((tariff.cost_usd(&usage) - dollars).abs() < 1e-9, "{usage:?} costs {}", tariff.cost_usd(&usage));
        assert!(tariff.cost_usd(&usage) <= tariff.most_usd(usage.input_tokens, usage.output_tokens) * 1.6 + 1e-9);
    }
}

#[test]
fn what_a_file_leaves_out_follows_from_the_input() {
    let price = Price { input: 4.0, output: 20.0, cached_input: None, cache_write: None };
    let rates = |provider| Tariff::written(&price, provider).rates;
    let claude = Rates { input: 4.0, output: 20.0, cached_input: 4.0, cache_write: 5.0, cache_write_1h: 8.0 };
    assert_eq!((rates(Provider::Anthropic), rates(Provider::Command)), (claude, claude));
    assert_eq!((rates(Provider::Openai).cache_write, rates(Provider::Ollama).cache_write), (4.0, 4.0));
    assert_eq!(Tariff::FREE.cost_usd(&usage(1_000_000, 1, 1, 1_000_000)), 0.0);
}

#[test]
fn a_call_at_worst_writes_its_whole_prompt_to_the_cache() {
    let claude = tariff("api.anthropic.com", "claude-sonnet-4-5-20250929");
    assert_eq!(claude.most_usd(100_000, 0), claude.cost_usd(&usage(100_000, 0, 100_000, 0)));
    assert!(claude.most_usd(100_000, 0) > claude.cost_usd(&usage(100_000, 0, 0, 0)) * 1.2);
    let glm = tariff("api.z.ai", "glm-4.7");
    assert_eq!(glm.most_usd(100_000, 7), glm.cost_usd(&usage(100_000, 0, 0, 7)), "no cache is paid for there");
}

#[test]
fn a_long_prompt_makes_the_whole_call_dearer_from_the_first_token_above() {
    for (host, model) in
        [("api.anthropic.com", "claude-sonnet-4-5"), ("generativelanguage.googleapis.com", "models/gemini-2.5-pro")]
    {
        let tariff = tariff(host, model);
        let cost = |input| tariff.cost_usd(&usage(input, 0, 0, 1_000_000));
        assert_eq!(tariff.long.map(|(above, _)| above), Some(200_000));
        assert!(cost(200_001) - cost(200_000) > 4.0, "{model}: the answer is dearer too");
        assert!(tariff.most_usd(200_001, 0) > 1.9 * tariff.most_usd(200_000, 0));
        // What was read from the cache counts for the length.
        assert!(
            tariff.cost_usd(&usage(200_001, 200_000, 0, 0)) > 1.9 * tariff.cost_usd(&usage(200_000, 200_000, 0, 0))
        );
    }
}

#[test]
fn a_price_changes_on_its_day() {
    let gemini = |day| find("generativelanguage.googleapis.com", "gemini-4-argon", day).unwrap().tariff.unwrap().rates;
    // 2026-12-01, the day before it, and a clock that stands still.
    assert_eq!((gemini(20_787).input, gemini(20_788).input, gemini(0).input), (2.0, 4.0, 2.0));
}

#[test]
fn what_is_free_has_a_price_and_what_nobody_knows_has_none() {
    let at_a_price = |host, model| find(host, model, 20_800).and_then(|known| known.tariff).is_some();
    for (host, model) in [
        ("localhost", "gpt-5"),
        ("my-proxy.openai.com", "gpt-5"),
        ("", ""),
        ("api.openai.com", ""),
        ("api.openai.com", "no-such-model"),
        ("api.openai.com", "whisper-1"),
        ("api.openai.com", "text-embedding-3-small"),
        ("generativelanguage.googleapis.com", "gemma-3-27b-it"),
    ] {
        assert!(!at_a_price(host, model), "{model} at {host}");
    }
    for (host, model) in [("api.openai.com", "GPT-5"), ("api.deepseek.com", "deepseek-chat"), ("api.x.ai", "grok-4.5")]
    {
        assert!(at_a_price(host, model), "{model} at {host}");
    }
    let window = find("api.openai.com", "gpt-5", 20_800).and_then(|known| known.context_window);
    assert!(window.is_some_and(|window| (100_000..10_000_000).contains(&window)), "{window:?}");
}

#[test]
fn a_pattern_fits_what_it_says() {
    let means = |names, name| row::row("", names, 0, &[]).means(name);
    for name in ["gpt-5", "gpt-5-2026-01-02", "a-mini-b", "o1x", "o9"] {
        assert!(means("gpt-5 gpt-5-####-##-## *-mini* o#*", name), "{name}");
    }
    for name in ["gpt-55", "gpt-5-2026-01-0x", "gpt-5-2026-01-021", "mini", "xo1", "ox", ""] {
        assert!(!means("gpt-5 gpt-5-####-##-## *-mini* o#*", name), "{name}");
    }
    assert!(means("gemini* !*-tts !*-tts-*", "gemini-ttsx") && !means("gemini* !*-tts !*-tts-*", "gemini-tts-1"));
}

/// Names that mean a model: its id, and one for each of its patterns.
fn examples(row: &Row) -> Vec<String> {
    let names = row.names.split(' ').filter(|name| !name.starts_with('!'));
    let dated = |name: &str| name.replace("####-##-##", "2026-01-02").replace("########", "20260102").replace('#', "7");
    names.flat_map(|name| ["", "x", "-2"].map(|text| dated(name).replace('*', text))).collect()
}

fn bill(vendor: &str, model: &str, usage: &[(UsageKey, u64)], seconds: u64) -> Option<genai_prices::PriceCalculation> {
    let usage = usage.iter().map(|(key, tokens)| (key.clone(), number(*tokens))).collect::<Vec<_>>();
    let usage: genai_prices::Usage = usage.into_iter().collect();
    let request = PriceRequest::new(model, &usage)
        .with_provider_id(vendor)
        .with_timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
    Calculator::bundled().calculate(&request).ok()
}

/// The dearest bill of a day. Every price by the time of day that the table has takes in one of these hours.
fn dearest(vendor: &str, model: &str, usage: &[(UsageKey, u64)], day: u64) -> Option<f64> {
    let hours = [2, 8, 14, 20].map(|hour| (day * 24 + hour) * 3600).into_iter();
    hours
        .map(|seconds| bill(vendor, model, usage, seconds).map(|bill| bill.total_price))
        .reduce(|most, one| Some(most?.max(one?)))?
}

#[test]
fn the_table_says_what_genai_prices_says() {
    let all = Calculator::bundled();
    for (_, vendor, rows) in VENDORS {
        let listed = all.find_provider(Some(vendor), None).unwrap().unwrap();
        let theirs: Vec<_> = listed.models().map(|model| (model.id(), model.context_window())).collect();
        let ours: Vec<_> = rows.iter().map(|row| (row.id, row.window())).collect();
        assert_eq!(ours, theirs, "{vendor}");
        let names: BTreeSet<String> = rows.iter().flat_map(examples).collect();
        for name in &names {
            let row = rows.iter().find(|row| row.means(name)).unwrap_or_else(|| panic!("{vendor}: {name} is unknown"));
            let theirs = bill(vendor, name, &[], table::CHECKED * 86_400).map(|bill| bill.model_id);
            assert_eq!(Some(row.id), theirs.as_deref(), "{vendor}: {name}");
        }
        for row in rows.iter().filter(|row| row.tariff(FUTURE).is_some()) {
            same_price(vendor, row);
        }
    }
}

/// Compares the bills for short and long prompts, read from a cache, written to it, or neither, now and later.
fn same_price(vendor: &str, row: &Row) {
    let names = examples(row);
    let model = names.iter().find(|name| bill(vendor, name, &[], 0).is_some_and(|bill| bill.model_id == row.id));
    let Some(model) = model else { return };
    let (input, output) = (UsageKey::INPUT_TOKENS, UsageKey::OUTPUT_TOKENS);
    let days = [Some(table::CHECKED), (row.tariff(FUTURE) != row.tariff(table::CHECKED)).then_some(FUTURE)];
    for day in days.into_iter().flatten() {
        let tariff = row.tariff(day).unwrap();
        for n in [90_000_u64, 1_000_000] {
            let hour = UsageKey::from("cache_write_1h_tokens");
            let written = [(input.clone(), n), (UsageKey::CACHE_WRITE_TOKENS, n), (hour, n)];
            for (ours, theirs) in [
                (usage(n, 0, 0, n), &[(input.clone(), n), (output.clone(), n)][..]),
                (usage(n, n, 0, 0), &[(input.clone(), n), (UsageKey::CACHE_READ_TOKENS, n)]),
                (usage(n, 0, n, 0), &written[..2]),
                (Usage { cache_write_1h_tokens: n, ..usage(n, 0, n, 0) }, &written),
            ] {
                let (ours, theirs) = (tariff.cost_usd(&ours), dearest(vendor, model, theirs, day).unwrap());
                assert!((ours - theirs).abs() <= 1e-9 * theirs.max(1.0), "{vendor}/{model}, {day}: {ours}, {theirs}");
            }
        }
    }
}

#[test]
fn the_source_names_the_version_that_the_table_was_made_from() {
    let lock = include_str!("../../../Cargo.lock");
    let (_, behind) = lock.split_once("name = \"genai-prices\"\nversion = \"").unwrap();
    let (version, _) = behind.split_once('"').unwrap();
    assert!(source().starts_with(&format!("genai-prices {version} ")), "Cargo.lock has {version}");
}
