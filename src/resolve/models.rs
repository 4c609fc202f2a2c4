//! Which model a name means: an entry of `models`, or `provider/model`.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, near_miss};
use crate::orchestra::ModelRef;
use crate::spec::playbook::LanguageModel;
use crate::spec::{Model, Provider, Text};

/// The model that `text` means.
pub(super) fn by_name(text: &Text, models: &BTreeMap<String, Model>) -> Result<ModelRef, Box<Diagnostic>> {
    if let Some(model) = models.get(&text.value) {
        return Ok(described(model));
    }
    let error = |message: String, label: &str| Diagnostic::error(message, text.span.clone(), label.to_owned());
    let Some((provider, model)) = text.value.split_once('/') else {
        let diagnostic = error(format!("there is no model `{}`", text.value), "not under `models`");
        return Err(Box::new(match near_miss(&text.value, models.keys().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("name one of `models`, or write `provider/model`, such as `openai/gpt-5-mini`"),
        }));
    };
    match Provider::by_name(provider) {
        Some(provider) if !model.is_empty() => Ok(ModelRef::new(provider, model)),
        Some(_) => Err(Box::new(error(format!("`{}` names no model", text.value), "nothing behind the slash"))),
        None => {
            let diagnostic = error(format!("the provider `{provider}` is not supported yet"), "");
            Err(Box::new(match near_miss(provider, Provider::ALL.map(Provider::name)) {
                Some(near) => diagnostic.help(format!("did you mean `{near}/{model}`?")),
                None => diagnostic.help(format!(
                    "the providers are {}; any server that speaks OpenAI's format can be named under `models`",
                    names()
                )),
            }))
        }
    }
}

/// The names of all providers, as a sentence lists them.
fn names() -> String {
    Provider::ALL.map(Provider::name).join(", ")
}

fn described(model: &Model) -> ModelRef {
    ModelRef {
        provider: model.provider.value,
        model: model.model.value.clone(),
        base_url: model.base_url.as_ref().map(|url| url.value.clone()),
        api_key_env: model.api_key_env.as_ref().map(|name| name.value.clone()),
        price: model.price,
        temperature: model.temperature,
        max_tokens: model.max_tokens,
    }
}

/// The model that an AgentSpec describes.
pub(super) fn of_playbook(described: &LanguageModel) -> Result<ModelRef, Box<Diagnostic>> {
    let named = described.provider.as_ref();
    let Some(provider) = named.map_or(Some(Provider::Openai), |p| Provider::by_name(&p.value)) else {
        let span = named.map_or_else(|| described.model.span.clone(), |p| p.span.clone());
        let name = named.map_or("", |p| p.value.as_str());
        return Err(Box::new(
            Diagnostic::error(format!("the provider `{name}` is not supported yet"), span, "")
                .help(format!("the providers are {}", names())),
        ));
    };
    Ok(ModelRef {
        base_url: described.api_base.as_ref().map(|url| url.value.clone()),
        temperature: described.temperature,
        max_tokens: described.max_tokens,
        ..ModelRef::new(provider, described.model.value.clone())
    })
}

/// Complaints about the entries themselves.
pub(super) fn check(models: &BTreeMap<String, Model>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for model in models.values() {
        if let Some(url) = &model.base_url
            && !(url.value.starts_with("http://") || url.value.starts_with("https://"))
        {
            let message = format!("`{}` is not an address of a server", url.value);
            found.push(Diagnostic::error(message, url.span.clone(), "must begin with http:// or https://"));
        }
        if let Some(name) = &model.api_key_env
            && !name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            found.push(
                Diagnostic::error("`api_key_env` must be the name of an environment variable", name.span.clone(), "")
                    .help("keys do not belong into files: put the key into a variable and name that here"),
            );
        }
        if model.model.value.trim().is_empty() {
            found.push(Diagnostic::error("`model` is empty", model.model.span.clone(), ""));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_provider_means_the_same_everywhere() {
        let schema = serde_json::to_value(schemars::schema_for!(Provider)).unwrap();
        let words: Vec<&str> = schema["oneOf"].as_array().unwrap().iter().filter_map(|w| w["const"].as_str()).collect();
        assert_eq!(words.len(), Provider::ALL.len() + 2, "{words:?}");
        for word in words {
            let read: Provider = serde_json::from_value(word.into()).unwrap();
            assert_eq!(Provider::by_name(word), Some(read), "{word}");
        }
    }
}
