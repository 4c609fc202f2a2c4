//! Models as other tools name them. A provider that orch knows becomes `provider/model`; one whose server speaks OpenAI's
//! protocol becomes an entry under `models` with its address and the usual variable of its key.

use crate::plan::draft::yaml::{Map, Value};
use crate::plan::spec::Provider;

/// What to do about a model that is not known.
pub(super) const OTHER: &str = "Name a model that orch knows: `model: provider/model`, or an entry under `models` with the `base_url` of its server.";

/// A provider whose server speaks OpenAI's protocol: its names, its address, and the variable of its key.
type Compatible = (&'static [&'static str], &'static str, Option<&'static str>);

/// Such providers, each with the address that its own documentation gives.
const COMPATIBLE: [Compatible; 4] = [
    (&["nebius"], "https://api.studio.nebius.com/v1", Some("NEBIUS_API_KEY")),
    (&["together_ai", "together"], "https://api.together.xyz/v1", Some("TOGETHER_API_KEY")),
    (&["cerebras"], "https://api.cerebras.ai/v1", Some("CEREBRAS_API_KEY")),
    // Docker's own, on this machine.
    (&["dmr"], "http://localhost:12434/engines/v1", None),
];

/// How models of a provider begin that are named without it.
const BEGINNINGS: [(&str, Provider); 8] = [
    ("gpt-", Provider::Openai),
    ("chatgpt-", Provider::Openai),
    ("o1", Provider::Openai),
    ("o3", Provider::Openai),
    ("o4", Provider::Openai),
    ("claude-", Provider::Anthropic),
    ("gemini-", Provider::Gemini),
    ("glm-", Provider::Zhipu),
];

/// The entries under `models`.
#[derive(Debug, Default)]
pub(super) struct Models {
    /// What goes into the file.
    pub found: Map,
    /// The names of the entries, with what each stands for where that was named in passing.
    names: Vec<(String, Option<String>)>,
}

impl Models {
    /// A model that is named in passing, as an agent names it here; `None` where nothing is known of its provider.
    pub(super) fn named(&mut self, named: &str) -> Option<String> {
        let named = named.trim();
        let is_sound =
            |text: &str| !text.is_empty() && !text.contains(char::is_whitespace) && !text.contains(['{', '$']);
        let Some((provider, model)) = named.split_once('/') else {
            let (_, provider) = BEGINNINGS.iter().find(|(start, _)| named.starts_with(start))?;
            return is_sound(named).then(|| format!("{}/{named}", provider.name()));
        };
        if !is_sound(model) {
            return None;
        }
        let mut entry = Map::default();
        if let Some(provider) = own(provider) {
            return Some(format!("{}/{model}", provider.name()));
        }
        serve(provider, &mut entry)?;
        if let Some((name, _)) = self.names.iter().find(|(_, of)| of.as_deref() == Some(named)) {
            return Some(name.clone());
        }
        entry.word("model", model);
        let short = model.rsplit('/').next().unwrap_or(model);
        let name = if self.has(short) { named.replace('/', "_") } else { short.to_owned() };
        self.names.push((name.clone(), Some(named.to_owned())));
        self.found.set(&name, Value::Map(entry));
        Some(name)
    }

    /// Takes up an entry that has a name in the original.
    pub(super) fn add(&mut self, name: &str, entry: Map) {
        self.names.push((name.to_owned(), None));
        self.found.set(name, Value::Map(entry));
    }

    /// Whether there is an entry of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|(known, _)| known == name)
    }
}

/// The provider of ours that a tool calls so.
pub(super) fn own(provider: &str) -> Option<Provider> {
    Provider::by_name(&provider.to_ascii_lowercase()).filter(|known| *known != Provider::Command)
}

/// Says in an entry who serves the models of a provider; `None` if that is not known.
pub(super) fn serve(provider: &str, entry: &mut Map) -> Option<()> {
    if let Some(provider) = own(provider) {
        entry.word("provider", provider.name());
        return Some(());
    }
    let provider = provider.to_ascii_lowercase();
    let (_, address, key) = COMPATIBLE.iter().find(|(names, ..)| names.contains(&provider.as_str()))?;
    entry.word("provider", Provider::Openai.name());
    entry.word("base_url", address);
    if let Some(key) = key {
        entry.word("api_key_env", key);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_their_providers() {
        let mut models = Models::default();
        for (named, expected) in [
            ("openai/gpt-4o", Some("openai/gpt-4o")),
            ("google/gemini-2.5-pro", Some("gemini/gemini-2.5-pro")),
            ("claude-sonnet-4-5", Some("anthropic/claude-sonnet-4-5")),
            ("gpt-4o-mini", Some("openai/gpt-4o-mini")),
            ("azure/gpt-4o", None),
            ("openai/", None),
            ("openai/${MODEL}", None),
            ("my_llm", None),
            ("command/x", None),
            ("groq/llama-3", Some("groq/llama-3")),
            ("together/llama-3", Some("llama-3")),
            ("nebius/meta/llama-3", Some("nebius_meta_llama-3")),
            ("together/llama-3", Some("llama-3")),
        ] {
            assert_eq!(models.named(named).as_deref(), expected, "{named}");
        }
        let text = models.found.render();
        assert_eq!(text.matches("provider: openai").count(), 2, "{text}");
        assert!(text.contains("llama-3:\n  provider: openai\n  base_url: \"https://api.together.xyz/v1\"\n"), "{text}");
    }
}
