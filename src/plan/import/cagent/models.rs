//! The models of a file of cagent, and which of them an agent uses.

use crate::plan::draft::yaml::{Map, Value};
use crate::plan::import::cagent::{Import, NOTHING, WITHOUT_EFFECT};
use crate::plan::import::foreign::{self, Foreign, is_nothing, shown};
use crate::plan::import::outline::{left_out, listed};
use crate::plan::spec::yaml::Node;

/// Docker's own server of models, which speaks OpenAI's protocol.
const DOCKER_MODELS: &str = "http://localhost:12434/engines/v1";
const OTHER_MODEL: &str =
    "Name a model that orch knows: `provider: openai` with the `base_url` of its server, and `api_key_env`.";

impl Import {
    /// Takes up the models that have names of their own.
    pub(super) fn models(&mut self, node: &Node, file: &mut Foreign) {
        for (name, _, node) in file.entries(node, "a mapping from names to models") {
            let mut map = Map::default();
            let mut notes = Vec::new();
            let provider = node.get("provider").and_then(foreign::text).unwrap_or_default();
            let has_address = node.get("base_url").is_some();
            let known =
                foreign::model(&format!("{provider}/x")).and_then(|model| Some(model.split_once('/')?.0.to_owned()));
            match known {
                Some(known) => map.word("provider", &known),
                None if has_address => map.word("provider", "openai"),
                None if provider == "dmr" => {
                    map.word("provider", "openai");
                    map.word("base_url", DOCKER_MODELS);
                }
                None => {
                    let what = format!("the model `{name}` of the provider `{provider}`");
                    self.outline.left_out(&what, OTHER_MODEL);
                    continue;
                }
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
                    (key, _) if WITHOUT_EFFECT.contains(&key) => _ = self.without_effect.insert(key.to_owned()),
                    _ if is_nothing(&value) => {}
                    (key, _) => notes.push(left_out(&shown(key, &value), NOTHING)),
                }
            }
            notes.iter().for_each(|note| map.note(note));
            self.outline.models.set(&name, Value::Map(map));
            self.models.insert(name);
        }
    }

    /// Says which models an agent uses.
    pub(super) fn model(&self, named: &str, map: &mut Map, notes: &mut Vec<String>) {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for name in named.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "auto") {
            match self.models.contains(name) {
                true => known.push(name.to_owned()),
                false => match foreign::model(name) {
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
            notes.push(left_out(&format!("the model {names}"), OTHER_MODEL));
        }
    }
}
