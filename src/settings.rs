//! What the environment says: which models can be reached from here, and with which keys.
//!
//! Keys are read here, put into a secret type, and go nowhere but into a request's header and the redactor.

use secrecy::SecretString;

use crate::orchestra::ModelRef;
use crate::provider::Endpoint;
use crate::spec::Provider;

/// The variable that names the model for agents that name none, as `provider/model`.
pub const MODEL_VARIABLE: &str = "ORCH_MODEL";

/// What is used of the environment.
pub struct Settings {
    variable: Variables,
}

/// Looks a variable up.
type Variables = Box<dyn Fn(&str) -> Option<String>>;

/// A model that can be called: where, and with which key.
#[derive(Debug)]
pub struct Reachable {
    /// The server and the key.
    pub endpoint: Endpoint,
    /// Where the address and the key come from, for `orch doctor`.
    pub origin: String,
}

/// Why a model cannot be called from here, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Why.
    pub why: String,
    /// What to do.
    pub help: String,
}

impl Settings {
    /// The process's environment.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// An environment that `variable` looks names up in. Empty values count as absent.
    pub fn new(variable: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self { variable: Box::new(move |name| variable(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())) }
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name)
    }

    /// The model for agents that name none.
    ///
    /// `ORCH_MODEL` decides; else a key or an address says which provider is meant, OpenAI's before Anthropic's.
    ///
    /// # Errors
    /// If nothing is configured, or `ORCH_MODEL` names no model.
    pub fn default_model(&self) -> Result<ModelRef, Unusable> {
        if let Some(named) = self.get(MODEL_VARIABLE) {
            let parts = named.split_once('/').filter(|(_, model)| !model.is_empty());
            let provider = parts.and_then(|(provider, _)| Provider::by_name(provider));
            return match (provider, parts) {
                (Some(provider), Some((_, model))) => Ok(ModelRef::new(provider, model)),
                _ => Err(Unusable {
                    why: format!("{MODEL_VARIABLE} is `{named}`, and that names no model"),
                    help: "write `provider/model`, such as `openai/gpt-5-mini`".to_owned(),
                }),
            };
        }
        let any = |names: [&str; 2]| names.iter().any(|name| self.get(name).is_some());
        if any(["OPENAI_API_KEY", "OPENAI_BASE_URL"]) {
            Ok(ModelRef::new(Provider::Openai, "gpt-5-mini"))
        } else if any(["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"]) {
            Ok(ModelRef::new(Provider::Anthropic, "claude-sonnet-4-5"))
        } else {
            Err(Unusable {
                why: "no model is configured".to_owned(),
                help: "set OPENAI_API_KEY or ANTHROPIC_API_KEY; or name a local server, such as \
                       OPENAI_BASE_URL=http://localhost:11434/v1 with --model openai/<its model>; or use --rehearse, \
                       which runs everything with an offline player instead of a model"
                    .to_owned(),
            })
        }
    }

    /// Where a model is served, and with which key.
    ///
    /// # Errors
    /// If a key is missing, or the address is none.
    pub fn reach(&self, model: &ModelRef) -> Result<Reachable, Unusable> {
        let (base_url, address_from) = self.address(model);
        let key = match &model.api_key_env {
            Some(name) => Some(self.get(name).map(SecretString::from).ok_or_else(|| Unusable {
                why: format!("the key for {} is missing: {name} is not set", model.label()),
                help: format!("set {name} in the environment"),
            })?),
            // The usual key goes to the provider, or to where the environment says, and nowhere that only a file says.
            None if model.base_url.is_none() => self.usual_key(model.provider),
            None => None,
        };
        if key.is_none() && is_hosted(&base_url) {
            let variable = key_variable(model.provider).unwrap_or_default();
            return Err(Unusable {
                why: format!("the key for {} is missing: {variable} is not set", model.label()),
                help: format!("set {variable} in the environment, or use another model with --model"),
            });
        }
        let endpoint = Endpoint::new(&base_url, key).map_err(|error| Unusable {
            why: format!("{} cannot be reached at {address_from}: {error}", model.label()),
            help: "an address looks like http://localhost:11434/v1".to_owned(),
        })?;
        Ok(Reachable { endpoint, origin: address_from })
    }

    /// The server's address and where it comes from.
    fn address(&self, model: &ModelRef) -> (String, String) {
        let ollama = |url: &str| {
            let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
            let url = url.replace("0.0.0.0", "127.0.0.1");
            let bare = url.trim_end_matches('/');
            if bare.ends_with("/v1") { bare.to_owned() } else { format!("{bare}/v1") }
        };
        if let Some(url) = &model.base_url {
            let url = if model.provider == Provider::Ollama { ollama(url) } else { url.clone() };
            return (url, "the file's base_url".to_owned());
        }
        let (variable, usual) = match model.provider {
            Provider::Openai => ("OPENAI_BASE_URL", "https://api.openai.com/v1"),
            Provider::Anthropic => ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
            Provider::Ollama => ("OLLAMA_HOST", "http://127.0.0.1:11434/v1"),
            Provider::Command => ("", ""),
        };
        match self.get(variable) {
            Some(url) if model.provider == Provider::Ollama => (ollama(&url), variable.to_owned()),
            Some(url) => (url, variable.to_owned()),
            None => (usual.to_owned(), "its usual address".to_owned()),
        }
    }

    fn usual_key(&self, provider: Provider) -> Option<SecretString> {
        self.get(key_variable(provider)?).map(SecretString::from)
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings")
    }
}

fn key_variable(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Openai => Some("OPENAI_API_KEY"),
        Provider::Anthropic => Some("ANTHROPIC_API_KEY"),
        Provider::Ollama | Provider::Command => None,
    }
}

/// Whether an address is one of the vendors' own, which answer nobody without a key.
fn is_hosted(base_url: &str) -> bool {
    ["https://api.openai.com", "https://api.anthropic.com"].iter().any(|host| base_url.starts_with(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &'static [(&str, &str)]) -> Settings {
        Settings::new(move |name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    fn label(variables: &'static [(&str, &str)]) -> Result<String, String> {
        settings(variables).default_model().map(|m| m.label()).map_err(|u| u.why)
    }

    #[test]
    fn the_environment_says_which_model_is_meant() {
        assert_eq!(label(&[("ORCH_MODEL", "ollama/qwen")]), Ok("ollama/qwen".into()));
        assert_eq!(label(&[("ANTHROPIC_API_KEY", "k")]), Ok("anthropic/claude-sonnet-4-5".into()));
        assert_eq!(
            label(&[("OPENAI_BASE_URL", "http://x"), ("ANTHROPIC_API_KEY", "k")]),
            Ok("openai/gpt-5-mini".into())
        );
        assert_eq!(label(&[("OPENAI_API_KEY", " ")]), Err("no model is configured".into()));
        assert!(label(&[("ORCH_MODEL", "gpt")]).is_err());
    }

    #[test]
    fn a_key_is_needed_where_nobody_answers_without_one() {
        let model = ModelRef::new(Provider::Openai, "m");
        assert!(settings(&[]).reach(&model).unwrap_err().why.contains("OPENAI_API_KEY is not set"));
        assert!(settings(&[("OPENAI_BASE_URL", "http://localhost:1/v1")]).reach(&model).is_ok());
        let named = ModelRef { api_key_env: Some("ZAI_API_KEY".into()), ..model };
        assert!(settings(&[("OPENAI_API_KEY", "k")]).reach(&named).unwrap_err().why.contains("ZAI_API_KEY"));
    }

    #[test]
    fn the_usual_key_does_not_go_where_only_a_file_says() {
        let model = ModelRef { base_url: Some("http://elsewhere/v1".into()), ..ModelRef::new(Provider::Openai, "m") };
        let reachable = settings(&[("OPENAI_API_KEY", "sk-canary-123")]).reach(&model).unwrap();
        assert!(reachable.endpoint.secrets().is_empty());
    }
}
