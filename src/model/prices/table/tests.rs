//! Makes the table from the data of the crate `genai-prices`: `cargo test --lib write_the_table -- --ignored`, after the
//! day and the source at its head are set to those of the new version.

use std::fmt::Write;
use std::process::Command;
use std::{fs, path::Path};

use serde_json::Value;

use super::CHECKED;
use crate::model::prices::VENDORS;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/prices/table.rs");

/// The only pattern of theirs that looks ahead: no name of a model that speaks.
const NOT_SPEAKING: &str = "^(?!.*-[tT][tT][sS](?:$|-))";

#[test]
#[ignore = "writes src/prices/table.rs"]
fn write_the_table() {
    let vendors: Vec<Value> = serde_json::from_str(&data()).unwrap();
    let old = fs::read_to_string(TABLE).unwrap();
    let mut text = old[..old.find("\npub(super) const ANTHROPIC").unwrap()].to_owned();
    for (_, id, _) in VENDORS {
        let vendor = vendors.iter().find(|vendor| vendor["id"] == id).unwrap();
        let name = id.to_uppercase().replace('-', "");
        let _ = writeln!(text, "\npub(super) const {name}: &[Row] = &[");
        for model in vendor["models"].as_array().unwrap() {
            let mut names: Vec<String> = Vec::new();
            for pattern in patterns(&model["match"]) {
                if !names.contains(&pattern) {
                    names.push(pattern);
                }
            }
            let window = grouped(model["context_window"].as_u64().unwrap_or(0));
            let (id, names, spans) = (model["id"].as_str().unwrap(), names.join(" "), spans(&model["prices"]));
            let _ = writeln!(text, "    row(\"{id}\", \"{names}\", {window}, &[{}]),", spans.join(", "));
        }
        text.push_str("];\n");
    }
    fs::write(TABLE, text).unwrap();
}

/// The crate's data, wherever Cargo keeps it.
fn data() -> String {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let package = metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == "genai-prices");
    let manifest = package.unwrap()["manifest_path"].as_str().unwrap();
    fs::read_to_string(Path::new(manifest).with_file_name("data").join("prices.json")).unwrap()
}

fn patterns(rule: &Value) -> Vec<String> {
    let (kind, what) = rule.as_object().unwrap().iter().next().unwrap();
    let text = what.as_str().map(str::to_lowercase).unwrap_or_default();
    match kind.as_str() {
        "or" | "and" => what.as_array().unwrap().iter().flat_map(patterns).collect(),
        "equals" => vec![text],
        "starts_with" => vec![format!("{text}*")],
        "ends_with" => vec![format!("*{text}")],
        "contains" => vec![format!("*{text}*")],
        "regex" if what == NOT_SPEAKING => vec!["!*-tts".to_owned(), "!*-tts-*".to_owned()],
        "regex" => digits(what.as_str().unwrap()),
        other => panic!("a rule that this does not know: {other}"),
    }
}

/// The patterns for an expression that has nothing in it but digits, dots, and a choice of two letters.
fn digits(regex: &str) -> Vec<String> {
    let text = regex.strip_prefix('^').unwrap().replace("\\.", ".");
    let text = text.replace("\\d{8}", "########").replace("\\d{4}", "####").replace("\\d{2}", "##").replace("\\d", "#");
    let text = text.strip_suffix('$').map_or_else(|| format!("{text}*"), str::to_owned);
    let all = match text.split_once('[') {
        None => vec![text],
        Some((before, rest)) => {
            let (choice, after) = rest.split_once(']').unwrap();
            choice.chars().map(|c| format!("{before}{c}{after}")).collect()
        }
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "./#*@-".contains(c);
    assert!(all.iter().all(|text| text.chars().all(is_plain)), "an expression that this does not know: {regex}");
    all
}

/// The prices on the table's day and on every day on which they change after it.
fn spans(prices: &Value) -> Vec<String> {
    let conditional: &[Value] = prices.as_array().map_or(&[], Vec::as_slice);
    let starts = conditional.iter().filter_map(|price| day(&price["constraint"])).filter(|&day| day > CHECKED);
    let mut days: Vec<u64> = [CHECKED].into_iter().chain(starts).collect();
    days.sort_unstable();
    days.dedup();
    let mut spans: Vec<String> = Vec::new();
    for day in days {
        let Some(rates) = dearest(prices, day) else { return Vec::new() };
        let from = if day == CHECKED { 0 } else { day };
        let span = match rates {
            #[expect(clippy::float_cmp, reason = "both are read from the same text")]
            (short, _, long) if short == long => format!("since({}, {short:?})", grouped(from)),
            (short, above, long) => format!("tiered({}, {short:?}, {}, {long:?})", grouped(from), grouped(above)),
        };
        let same = |before: &String| before.split_once('[').map(|(_, r)| r) == span.split_once('[').map(|(_, r)| r);
        if !spans.last().is_some_and(same) {
            spans.push(span);
        }
    }
    spans
}

/// The highest prices of a day's hours: for a usual prompt, and for one that is longer than so many tokens.
fn dearest(prices: &Value, day: u64) -> Option<([f64; 5], u64, [f64; 5])> {
    let (mut short, mut above, mut long) = ([0.0; 5], 0, [0.0; 5]);
    for hour in 0..24 {
        let active = active(prices, day, hour * 3600 + 1800);
        let [now, then] = [false, true].map(|is_long| rates(active, is_long));
        for (most, one) in short.iter_mut().zip(now?).chain(long.iter_mut().zip(then?)) {
            *most = f64::max(*most, one);
        }
        let tiers = active.as_object()?.values().filter_map(|price| price["tiers"].as_array());
        for tier in tiers {
            assert!(tier.len() == 1 && (above == 0 || tier[0]["start"] == above), "tiers that this does not know");
            above = tier[0]["start"].as_u64()?;
        }
    }
    Some((short, above, long))
}

/// Of several prices the last whose condition holds.
fn active(prices: &Value, day: u64, second: u64) -> &Value {
    let Some(conditional) = prices.as_array() else { return prices };
    let holds = |price: &&Value| match &price["constraint"] {
        Value::Null => true,
        by_day if by_day.get("start_date").is_some() => self::day(by_day).is_some_and(|start| start <= day),
        by_time => {
            let [start, end] = ["start_time", "end_time"].map(|key| second_of_day(by_time[key].as_str().unwrap()));
            if end < start { second >= start || second < end } else { (start..end).contains(&second) }
        }
    };
    &conditional.iter().rfind(holds).unwrap()["prices"]
}

fn rates(prices: &Value, is_long: bool) -> Option<[f64; 5]> {
    let price = |key: &str| match &prices[key] {
        Value::Object(tiered) if is_long => tiered["tiers"][0]["price"].as_f64(),
        Value::Object(tiered) => tiered["base"].as_f64(),
        flat => flat.as_f64(),
    };
    let (input, output) = (price("input_mtok")?, price("output_mtok")?);
    let written = price("cache_write_mtok").unwrap_or(input);
    let for_an_hour = price("cache_write_1h_mtok").unwrap_or(written);
    Some([input, output, price("cache_read_mtok").unwrap_or(input), written, for_an_hour])
}

fn day(constraint: &Value) -> Option<u64> {
    let date: jiff::civil::Date = constraint["start_date"].as_str()?.parse().unwrap();
    let days = date.since((jiff::Unit::Day, jiff::civil::date(1970, 1, 1))).unwrap().get_days();
    Some(u64::try_from(days).unwrap())
}

fn second_of_day(time: &str) -> u64 {
    let parts: Vec<u64> = time.trim_end_matches('Z').split(':').map(|part| part.parse().unwrap()).collect();
    parts[0] * 3600 + parts[1] * 60 + parts[2]
}

fn grouped(n: u64) -> String {
    let text = crate::words::text::count(n);
    text.replace(',', "_")
}
