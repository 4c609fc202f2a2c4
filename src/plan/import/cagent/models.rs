//! The models of a file of cagent, and which of them an agent uses.

use crate::plan::draft::yaml::{Map, Value};
use crate::plan::import::cagent::{Import, NOTHING, WITHOUT_EFFECT};
use crate::plan::import::foreign::{self, Foreign, is_nothing, shown};
use crate::plan::import::models;
use crate::plan::import::outline::{left_out, listed};
use crate::plan::spec::yaml::Node;

/// The keys of a provider that a file describes.
const OF_PROVIDER: [&str; 3] = ["api_type", "base_url", "token_key"];

/// How much a model thinks, of what is a word in the original or switches it off. A number of tokens is none of the levels.
fn reasoning(budget: &str) -> Option<&'static str> {
    match budget {
        "none" | "minimal" | "0" | "0.0" => Some("none"),
        "low" => Some("low"),
        "medium" => Some("medium"),
        "high" => Some("high"),
        "xhigh" | "max" => Some("max"),
        _ => None,
    }
}

impl Import {
    /// Takes up the models that have names of their own.
    pub(super) fn models(&mut self, node: &Node, file: &mut Foreign) {
        for (name, _, node) in file.entries(node, "a mapping from names to models") {
            let mut map = Map::default();
            let mut notes = Vec::new();
            let provider = node.get("provider").and_then(foreign::text).unwrap_or_default();
            let own = self.providers.get(&provider).cloned();
            let has_address = node.get("base_url").is_some();
            if let Some(entry) = own {
                map = entry;
            } else if has_address && models::own(&provider).is_none() {
                map.word("provider", "openai");
            } else if models::serve(&provider, &mut map).is_none() {
                let what = format!("the model `{name}` of the provider `{provider}`");
                self.outline.left_out(&what, models::OTHER);
                continue;
            }
            for (key, _, value) in file.entries(&node, "a description of a model: `provider` and `model`") {
                let said = foreign::text(&value);
                match (key.as_str(), said) {
                    ("provider", _) => {}
                    ("model", Some(model)) => map.word("model", &model),
                    ("base_url", Some(url)) => map.word("base_url", &url),
                    ("token_key", Some(variable)) => map.word("api_key_env", &variable),
                    ("temperature", Some(number)) => map.number("temperature", number),
                    ("max_tokens", Some(number)) => map.number("max_tokens", number),
                    ("top_p", Some(number)) => map.number("top_p", number),
                    ("thinking_budget", Some(budget)) if reasoning(&budget).is_some() => {
                        map.word("reasoning", reasoning(&budget).unwrap_or_default());
                    }
                    ("thinking_budget", _) => {
                        let advice = "How much a model thinks is said in words here: `reasoning: low`, `medium`, `high` or `max`.";
                        notes.push(left_out(&shown(&key, &value), advice));
                    }
                    (key, _) if WITHOUT_EFFECT.contains(&key) => _ = self.without_effect.insert(key.to_owned()),
                    _ if is_nothing(&value) => {}
                    (key, _) => notes.push(left_out(&shown(key, &value), NOTHING)),
                }
            }
            notes.iter().for_each(|note| map.note(note));
            self.outline.models.add(&name, map);
        }
    }

    /// Takes up the providers that the file describes.
    pub(super) fn providers(&mut self, node: &Node, file: &mut Foreign) {
        for (name, _, node) in file.entries(node, "a mapping from names to providers") {
            let mut entry = Map::default();
            let is_responses =
                node.get("api_type").and_then(foreign::text).is_some_and(|kind| kind.contains("responses"));
            entry.word("provider", if is_responses { "responses" } else { "openai" });
            for (key, _, value) in file.entries(&node, "a description of a provider") {
                match (key.as_str(), foreign::text(&value)) {
                    ("base_url", Some(url)) => entry.word("base_url", &url),
                    ("token_key", Some(variable)) => entry.word("api_key_env", &variable),
                    (key, _) if OF_PROVIDER.contains(&key) => {}
                    (key, _) => {
                        self.outline.left_out(&format!("{} of the provider `{name}`", shown(key, &value)), NOTHING);
                    }
                }
            }
            self.providers.insert(name, entry);
        }
    }

    /// Says which models an agent uses.
    pub(super) fn model(&mut self, named: &str, map: &mut Map, notes: &mut Vec<String>) {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for name in named.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "auto") {
            match self.outline.models.has(name) {
                true => known.push(name.to_owned()),
                false => match self.outline.models.named(name) {
                    Some(model) => known.push(model),
                    None => unknown.push(name.to_owned()),
                },
            }
        }
        match known.as_slice() {
            [] => {}
            [only] => map.word("model", only),
            several => {
                map.note("There, these take turns; here, the next one is used when the one before it fails.");
                map.set("model", Value::row(several));
            }
        }
        if !unknown.is_empty() {
            let names = listed(unknown.iter().map(String::as_str));
            notes.push(left_out(&format!("the model {names}"), models::OTHER));
        }
    }
}
