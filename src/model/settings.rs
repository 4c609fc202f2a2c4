//! What the environment says: which models can be reached from here, and with which keys.
//!
//! Keys are read here, put into a secret type, and go nowhere but into a request's header and the redactor.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::model::Endpoint;
use crate::model::endpoint::{ApiKey, Extras};
use crate::model::key_command::KeyCommands;
use crate::model::vendor::Vendor;
use crate::net::http::{HeaderName, HeaderValue, Url, secrets_of_address};
use crate::os::process::{clean_environment, environment, is_clean, is_path, without_project};
use crate::plan::carried::Given;
use crate::plan::orchestra::ModelRef;
use crate::plan::spec::{Auth, Provider};
use crate::words::redact::{names_key, secrets_of_variable};

/// The variable that names the model for agents that name none, as `provider/model`.
pub(crate) const MODEL_VARIABLE: &str = "ORCH_MODEL";

/// What is used of the environment.
#[derive(Clone)]
pub struct Settings {
    /// Names and values, in their order; of two with the same name the later one holds.
    variables: Vec<(String, String)>,
}

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
    /// The environment of this process. A variable that is no Unicode is left out.
    #[must_use]
    pub fn from_environment() -> Self {
        let unicode = |text: OsString| text.into_string().ok();
        Self::from_variables(
            environment().into_iter().filter_map(|(name, value)| Some((unicode(name)?, unicode(value)?))),
        )
    }

    /// An environment of these variables and no others, as names and values: for a process that runs orchestras for
    /// several users, each with keys of their own. Programs and servers of tools are given parts of it, so it should
    /// have `PATH` and `HOME` where there are any.
    pub fn from_variables<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The same with no folder of `project` in `PATH`, since what lies there may be somebody else's program; and the
    /// folders that were taken out.
    #[must_use]
    pub fn without_programs_of(&self, project: &Path) -> (Self, Vec<PathBuf>) {
        let (mut variables, mut inside) = (self.variables.clone(), Vec::new());
        for (_, value) in variables.iter_mut().filter(|(name, _)| is_path(name)) {
            (*value, inside) = without_project(value, project);
        }
        (Self { variables }, inside)
    }

    /// The value of a variable, without blanks around it; `None` if it is not set or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let is_it = |known: &str| if cfg!(windows) { known.eq_ignore_ascii_case(name) } else { known == name };
        let (_, value) = self.variables.iter().rfind(|(known, _)| is_it(known))?;
        Some(value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// All variables, as names and values.
    #[must_use]
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// The part of the environment that any program may see, see [`clean_environment`].
    #[must_use]
    pub fn clean_environment(&self) -> Vec<(String, String)> {
        clean_environment(self.variables.iter().cloned())
    }

    /// All variables, for a program that is the user's own. Programs are looked for in absolute folders all the same.
    fn own_environment(&self) -> Vec<(String, String)> {
        let path = self.clean_environment().into_iter().filter(|(name, _)| is_path(name));
        self.variables.iter().filter(|(name, _)| !is_path(name)).cloned().chain(path).collect()
    }

    /// The names of all variables.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    /// The keys in all variables whose names say that they hold one, and in all addresses, whoever they are for: a file
    /// that a tool reads may hold any of them. A plain word is left out, since anybody may write it.
    #[must_use]
    pub fn keys(&self) -> Vec<SecretString> {
        let mut keys = Vec::new();
        for (name, value) in self.names().filter_map(|name| Some((name, self.get(name)?))) {
            keys.extend(Url::parse(&value).iter().flat_map(secrets_of_address));
            if names_key(name) {
                keys.extend(secrets_of_variable(name, &value));
            }
        }
        keys.retain(|key| !key.expose_secret().chars().all(char::is_alphabetic));
        keys
    }

    /// What may not be shown of the variables that a program is given: those of which `is_given` says so.
    #[must_use]
    pub fn secrets(&self, is_given: impl Fn(&str) -> bool) -> Vec<SecretString> {
        let given = self.names().filter(|name| is_given(name) && !is_clean(name));
        given.flat_map(|name| secrets_of_variable(name, &self.get(name).unwrap_or_default())).collect()
    }

    /// The model for agents that name none.
    ///
    /// `ORCH_MODEL` decides; else a key or an address says which provider is meant: OpenAI, Anthropic, Gemini, Zhipu, in
    /// this order. A local server is not looked for: whether it runs must not decide which model answers.
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
        let is_configured = |vendor: &Vendor| vendor.keys.iter().chain(vendor.addresses).any(|v| self.get(v).is_some());
        let defaults = || Vendor::all().iter().filter_map(|vendor| Some((vendor, vendor.default_model?)));
        let configured = defaults().find(|(vendor, _)| is_configured(vendor));
        let usual_keys: Vec<&str> = defaults().filter_map(|(vendor, _)| vendor.keys.first().copied()).collect();
        configured.map(|(vendor, model)| ModelRef::new(vendor.provider, model)).ok_or_else(|| Unusable {
            why: "no model is configured".to_owned(),
            help: format!(
                "set {}; or name a local server, such as --model ollama/<its model>, or \
                 OPENAI_BASE_URL=http://localhost:8080/v1 with --model openai/<its model>; or use --rehearse, which \
                 runs everything with an offline player instead of a model",
                any_of(&usual_keys)
            ),
        })
    }

    /// Where a model is served, and with which key.
    ///
    /// # Errors
    /// If a key is missing, or the address is none.
    pub fn reach(&self, model: &ModelRef) -> Result<Reachable, Unusable> {
        self.reach_sharing(model, &KeyCommands::default())
    }

    /// The same with keys that other models of the run have been given by their commands.
    pub(crate) fn reach_sharing(&self, model: &ModelRef, keys: &KeyCommands) -> Result<Reachable, Unusable> {
        self.reach_with(model, |argv| {
            let key = keys.key(argv, &self.own_environment()).map_err(|why| no_key(model, argv, &why))?;
            Ok(ApiKey::Printed(key))
        })
    }

    /// The same without starting the command that prints its key: the endpoint is to be looked at, and cannot be called.
    ///
    /// # Errors
    /// As [`Settings::reach`].
    pub fn look_up(&self, model: &ModelRef) -> Result<Reachable, Unusable> {
        self.reach_with(model, |_| Ok(ApiKey::Fixed(SecretString::from("the-key-was-not-asked-for"))))
    }

    fn reach_with(
        &self,
        model: &ModelRef,
        printed_key: impl FnOnce(&[String]) -> Result<ApiKey, Unusable>,
    ) -> Result<Reachable, Unusable> {
        let (base_url, address_from) = self.address(model);
        let fixed = |key: String| ApiKey::Fixed(SecretString::from(key));
        let is_closed = model.carried.auth == Some(Auth::None);
        let key = match (&model.api_key_command, &model.api_key_env) {
            _ if is_closed => None,
            (Some(argv), _) => Some(printed_key(argv)?),
            (None, Some(name)) => Some(self.get(name).map(fixed).ok_or_else(|| Unusable {
                why: format!("the key for {} is missing: {name} is not set", model.label()),
                help: format!("set {name} in the environment"),
            })?),
            // The usual key goes to the provider, or to where the environment says, and nowhere that only a file says.
            (None, None) if model.base_url.is_none() => self.usual_key(model.provider).map(|(_, key)| fixed(key)),
            (None, None) => None,
        };
        if key.is_none() && !is_closed && Vendor::needs_key(&base_url) {
            let variable = Vendor::of(model.provider).keys.first().copied().unwrap_or("its key");
            return Err(Unusable {
                why: format!("the key for {} is missing: {variable} is not set", model.label()),
                help: format!("set {variable} in the environment, or use another model with --model"),
            });
        }
        let endpoint = Endpoint::opened_by(&base_url, key).map_err(|error| Unusable {
            why: format!("{} cannot be reached at {address_from}: {error}", model.label()),
            help: "an address looks like http://localhost:11434/v1".to_owned(),
        })?;
        let endpoint = endpoint.carrying(self.extras(model)?);
        Ok(Reachable { endpoint, origin: address_from })
    }

    /// What a model's requests carry besides the key, with the values of the variables that it names.
    fn extras(&self, model: &ModelRef) -> Result<Extras, Unusable> {
        let mut extras = Extras { auth: model.carried.auth, ..Extras::default() };
        for (name, given) in &model.carried.headers {
            let value = self.given(model, name, given, &mut extras.secrets)?;
            let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&value).ok());
            let (name, mut value) = header.ok_or_else(|| Unusable {
                why: format!(
                    "{} cannot be called with the header {name}: no header can carry its value",
                    model.label()
                ),
                help: "look for a line break in it".to_owned(),
            })?;
            value.set_sensitive(matches!(given, Given::Variable(_)));
            extras.headers.insert(name, value);
        }
        for (name, given) in &model.carried.query {
            let value = self.given(model, name, given, &mut extras.secrets)?;
            extras.query.push((name.clone(), value));
        }
        Ok(extras)
    }

    fn given(
        &self,
        model: &ModelRef,
        name: &str,
        given: &Given,
        secrets: &mut Vec<SecretString>,
    ) -> Result<String, Unusable> {
        let variable = match given {
            Given::Text(text) => return Ok(text.clone()),
            Given::Variable(variable) => variable,
        };
        let value = self.get(variable).ok_or_else(|| Unusable {
            why: format!("{name} for {} is missing: {variable} is not set", model.label()),
            help: format!("set {variable} in the environment"),
        })?;
        secrets.push(SecretString::from(value.clone()));
        secrets.extend(secrets_of_variable(variable, &value));
        Ok(value)
    }

    /// The host at which a model is called; `None` for a program, and where the address is none.
    #[must_use]
    pub fn host(&self, model: &ModelRef) -> Option<String> {
        let endpoint = Endpoint::new(&self.address(model).0, None).ok()?;
        (model.provider != Provider::Command).then(|| endpoint.host_name().to_owned())
    }

    /// The same with the port, where it is not the usual one: as much of an address as may be shown.
    #[must_use]
    pub fn shown_host(&self, model: &ModelRef) -> Option<String> {
        let endpoint = Endpoint::new(&self.address(model).0, None).ok()?;
        (model.provider != Provider::Command).then(|| endpoint.shown_host())
    }

    /// The variable that a model's key comes from: the one that the file names, or the provider's usual one where that
    /// is used; `None` if neither is set.
    #[must_use]
    pub fn key_variable(&self, model: &ModelRef) -> Option<String> {
        match &model.api_key_env {
            _ if model.carried.auth == Some(Auth::None) => None,
            Some(name) => self.get(name).map(|_| name.clone()),
            None if model.base_url.is_none() => self.usual_key(model.provider).map(|(name, _)| name.to_owned()),
            None => None,
        }
    }

    /// The server's address and where it comes from.
    fn address(&self, model: &ModelRef) -> (String, String) {
        let vendor = Vendor::of(model.provider);
        let from_environment = || self.first(vendor.addresses).map(|(name, url)| (url, name.to_owned()));
        let from_file = model.base_url.clone().map(|url| (url, "the file's base_url".to_owned()));
        match from_file.or_else(from_environment) {
            Some((url, from)) => ((vendor.tidy_address)(&url), from),
            None => (vendor.base_url.to_owned(), "its usual address".to_owned()),
        }
    }

    fn usual_key(&self, provider: Provider) -> Option<(&'static str, String)> {
        self.first(Vendor::of(provider).keys)
    }

    /// The first of these variables that is set.
    fn first(&self, names: &'static [&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|&name| self.get(name).map(|value| (name, value)))
    }
}

/// `A, B or C`.
fn any_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// Why the command of a model has printed no key.
fn no_key(model: &ModelRef, argv: &[String], why: &str) -> Unusable {
    Unusable {
        why: format!("the key for {} is missing: its api_key_command {why}", model.label()),
        help: format!("try it by hand: {}", argv.join(" ")),
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Settings")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &'static [(&str, &str)]) -> Settings {
        Settings::from_variables(variables.iter().copied())
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
        assert_eq!(label(&[("GOOGLE_API_KEY", "k"), ("ZAI_API_KEY", "k")]), Ok("gemini/gemini-2.5-flash".into()));
        assert_eq!(label(&[("ZHIPU_API_KEY", "k"), ("OLLAMA_HOST", "h")]), Ok("zhipu/glm-4.7".into()));
        assert_eq!(label(&[("ORCH_MODEL", "google/g")]), Ok("gemini/g".into()));
        assert_eq!(label(&[("OPENAI_API_KEY", " ")]), Err("no model is configured".into()));
        assert!(label(&[("ORCH_MODEL", "gpt")]).is_err());
    }

    #[test]
    fn every_key_of_the_environment_is_known_and_a_plain_word_is_none() {
        let variables = [
            ("GITHUB_TOKEN", "ghp_Qs8Ow4Cv"),
            ("PGPASSWORD", "password"),
            ("SSH_AUTH_SOCK", "/tmp/ssh-1/agent.2"),
            ("DATABASE_URL", "postgres://someone:s3cret-word@h/d?sslmode=x"),
            ("LLM_ADDRESS", "http://h/v1?key=url%2FGn7"),
            ("EDITOR", "vi1"),
        ];
        let settings = Settings::from_variables(variables);
        let shown = |keys: Vec<SecretString>| -> Vec<String> {
            keys.iter().map(|key| key.expose_secret().to_owned()).collect()
        };
        assert_eq!(shown(settings.keys()), ["ghp_Qs8Ow4Cv", "s3cret-word", "url/Gn7"]);
        assert_eq!(shown(settings.secrets(|name| name == "PGPASSWORD")), ["password"]);
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

    #[test]
    fn each_provider_has_its_variables() {
        for (provider, variables, host, key) in [
            (Provider::Responses, [("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://o/v1")], "o/v1", true),
            (Provider::Gemini, [("GOOGLE_API_KEY", "k"), ("GOOGLE_GEMINI_BASE_URL", "http://g")], "g/", true),
            (Provider::Zhipu, [("ZHIPUAI_API_KEY", "k"), ("ZAI_BASE_URL", "http://z/v4")], "z/v4", true),
            (Provider::Ollama, [("OPENAI_API_KEY", "k"), ("OLLAMA_HOST", "h")], "h:11434/", false),
        ] {
            let settings = Settings::from_variables(variables);
            let model = ModelRef::new(provider, "m");
            let reachable = settings.reach(&model).unwrap();
            let url = reachable.endpoint.at(reachable.endpoint.path()).to_string();
            assert_eq!((url, reachable.origin), (format!("http://{host}"), variables[1].0.to_owned()));
            assert_eq!(settings.key_variable(&model), key.then(|| variables[0].0.to_owned()));
            assert_eq!(reachable.endpoint.secrets().len(), usize::from(key));
        }
        for provider in [Provider::Responses, Provider::Gemini, Provider::Zhipu] {
            let variable = Vendor::of(provider).keys[0];
            let why = settings(&[]).reach(&ModelRef::new(provider, "m")).unwrap_err().why;
            assert!(why.contains(&format!("{variable} is not set")), "{why}");
        }
    }
}
