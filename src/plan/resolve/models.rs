//! Which models a name means: an entry of `models`, which may be a chain, or `provider/model`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::plan::orchestra::{ModelRef, RateLimit};
use crate::plan::resolve::carried;
use crate::plan::spec::playbook::LanguageModel;
use crate::plan::spec::{KeepAlive, Model, ModelEntry, OnTruncated, Provider, Text};
use crate::plan::tuning::Tuning;
use crate::words::diagnostic::{Diagnostic, Span, near_miss};

/// What stands under `models`.
type Models = BTreeMap<String, ModelEntry>;

/// The models that `text` means, in the order in which they are used.
///
/// What is wrong inside of a chain is told by [`check`], once, and left out here.
pub(super) fn by_name(text: &Text, models: &Models) -> Result<Vec<ModelRef>, Box<Diagnostic>> {
    match models.get_key_value(&text.value) {
        None => of_provider(text, models).map(|model| vec![model]),
        Some((name, entry)) => {
            let mut listed = Vec::new();
            expand(name, entry, models, &mut BTreeSet::new(), &mut listed);
            Ok(listed)
        }
    }
}

/// Each chain is gone through once, so chains of chains stay as short as what they name.
fn expand<'m>(
    name: &'m str,
    entry: &'m ModelEntry,
    models: &'m Models,
    seen: &mut BTreeSet<&'m str>,
    listed: &mut Vec<ModelRef>,
) {
    if !seen.insert(name) {
        return;
    }
    match entry {
        ModelEntry::One(model) => listed.push(described(model)),
        ModelEntry::Chain(chain) => {
            for text in chain {
                match models.get(&text.value) {
                    Some(entry) => expand(&text.value, entry, models, seen, listed),
                    None => listed.extend(of_provider(text, models)),
                }
            }
        }
    }
}

/// A model that is written as `provider/model`.
fn of_provider(text: &Text, models: &Models) -> Result<ModelRef, Box<Diagnostic>> {
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
        // An agent CLI has a model of its own; its program is what a person knows it by.
        model: model.model.as_ref().map(|name| name.value.clone()).or_else(|| program(model)).unwrap_or_default(),
        base_url: model.base_url.as_ref().map(|url| url.value.clone()),
        api_key_env: model.api_key_env.as_ref().map(|name| name.value.clone()),
        api_key_command: model.api_key_command.as_ref().map(|argv| argv.value.clone()),
        carried: Arc::new(carried::of(model)),
        argv: model.argv.as_ref().map(|argv| argv.value.clone()).unwrap_or_default(),
        env: model.env.clone(),
        context_window: model.context_window,
        price: model.price,
        temperature: model.temperature,
        max_tokens: model.max_tokens,
        tuning: Arc::new(tuning(model)),
        timeout: model.timeout_seconds.map(Duration::from_secs_f64),
        rate: RateLimit { max_concurrent: model.max_concurrent, requests_per_minute: model.requests_per_minute },
    }
}

fn tuning(model: &Model) -> Tuning {
    Tuning {
        reasoning: model.reasoning.as_ref().map(|reasoning| reasoning.value),
        top_p: model.top_p.as_ref().map(|share| share.value),
        stop: model.stop.as_ref().map(|stop| stop.value.clone()).unwrap_or_default(),
        seed: model.seed.as_ref().map(|seed| seed.value),
        keep_alive: model.keep_alive.as_ref().map(|time| match &time.value {
            KeepAlive::Seconds(seconds) => (*seconds).into(),
            KeepAlive::Text(text) => text.as_str().into(),
        }),
        continues: model.on_truncated.as_ref().is_some_and(|it| it.value == OnTruncated::Continue),
        body: model.body.iter().flat_map(|body| body.value.clone()).collect(),
    }
}

/// The keys that a model's server has no word for. Whoever writes one means it, so it is not passed over.
fn unheard(model: &Model) -> Vec<Diagnostic> {
    let provider = model.provider.value;
    let is_program = provider == Provider::Command;
    let no_seed = is_program || matches!(provider, Provider::Responses | Provider::Anthropic);
    let keys = [
        ("reasoning", model.reasoning.as_ref().map(|it| &it.span), is_program),
        ("top_p", model.top_p.as_ref().map(|it| &it.span), is_program),
        ("stop", model.stop.as_ref().map(|it| &it.span), is_program || provider == Provider::Responses),
        ("seed", model.seed.as_ref().map(|it| &it.span), no_seed),
        ("auth", model.auth.as_ref().map(|it| &it.span), is_program),
        ("headers", model.headers.as_ref().map(|it| &it.span), is_program),
        ("query", model.query.as_ref().map(|it| &it.span), is_program),
        ("on_truncated", model.on_truncated.as_ref().map(|it| &it.span), is_program),
        ("body", model.body.as_ref().map(|it| &it.span), is_program),
        ("keep_alive", model.keep_alive.as_ref().map(|it| &it.span), provider != Provider::Ollama),
    ];
    let told = keys.into_iter().filter(|(.., is_unheard)| *is_unheard).filter_map(|(key, span, _)| Some((key, span?)));
    let diagnostic = |(key, span): (&str, &Span)| {
        let message = format!("`provider: {}` has no way to be told `{key}`", provider.name());
        let help = match (is_program, key) {
            (true, _) => "say it in `argv`, where the program has an option for it",
            (false, "keep_alive") => "take it out; only `provider: ollama` loads and unloads models",
            (false, _) => "take it out, or use a provider that can be told",
        };
        Diagnostic::error(message, span.clone(), "").help(help.to_owned())
    };
    let ignored = (is_program && model.temperature.is_some()).then(|| {
        let message = "a program is not told the `temperature`, which has no effect here";
        Diagnostic::error(message, model.provider.span.clone(), "")
            .into_warning()
            .help("say it in `argv`, or take it out")
    });
    told.map(diagnostic).chain(ignored).collect()
}

fn program(model: &Model) -> Option<String> {
    let program = model.argv.as_ref()?.value.first()?;
    Some(program.rsplit(['/', '\\']).next().unwrap_or(program).to_owned())
}

/// What an entry lacks, or has for nothing.
fn incomplete(model: &Model) -> Option<Diagnostic> {
    let provider = &model.provider;
    let error = |message: &str, help: &str| Diagnostic::error(message, provider.span.clone(), "").help(help.to_owned());
    let has_argv = program(model).is_some_and(|program| !program.is_empty());
    let has_name = model.model.as_ref().is_some_and(|name| !name.value.trim().is_empty());
    match provider.value {
        Provider::Command if !has_argv => {
            Some(error("a model that is a program needs `argv`", "such as `argv: [codex, exec, \"-\"]`"))
        }
        Provider::Command if model.base_url.is_some() || model.api_key_env.is_some() => {
            Some(error("a model that is a program has no address and no key of orch's", "name variables under `env`"))
        }
        Provider::Command => None,
        _ if model.argv.is_some() => Some(error("`argv` belongs to `provider: command`", "take one of the two out")),
        _ if !has_name => Some(error("`model` is missing", "name the model as its server knows it")),
        _ => None,
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
pub(super) fn check(models: &Models) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (name, entry) in models {
        let model = match entry {
            ModelEntry::One(model) => model,
            ModelEntry::Chain(chain) => {
                check_chain(name, chain, models, &mut diagnostics);
                continue;
            }
        };
        if let Some(url) = &model.base_url
            && !(url.value.starts_with("http://") || url.value.starts_with("https://"))
        {
            let message = format!("`{}` is not an address of a server", url.value);
            diagnostics.push(Diagnostic::error(message, url.span.clone(), "must begin with http:// or https://"));
        }
        if let Some(name) = &model.api_key_env
            && !name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            diagnostics.push(
                Diagnostic::error("`api_key_env` must be the name of an environment variable", name.span.clone(), "")
                    .help("keys do not belong into files: put the key into a variable and name that here"),
            );
        }
        diagnostics.extend(incomplete(model));
        diagnostics.extend(unheard(model));
        diagnostics.extend(carried::check(model));
    }
    diagnostics
}

fn check_chain(name: &str, chain: &[Text], models: &Models, diagnostics: &mut Vec<Diagnostic>) {
    if chain.is_empty() {
        let message = format!("the chain `{name}` under `models` is empty");
        diagnostics.push(Diagnostic::error_in_file(message).help("name the models that it consists of"));
    }
    for text in chain {
        if !models.contains_key(&text.value) {
            diagnostics.extend(of_provider(text, models).err().map(|mistake| *mistake));
        } else if leads_to(&text.value, name, models, &mut BTreeSet::new()) {
            let message = format!("the chain `{name}` leads back to itself");
            diagnostics.push(Diagnostic::error(message, text.span.clone(), "here").help("take this name out"));
        }
    }
}

/// Whether what `from` names comes to `to` in the end.
fn leads_to<'m>(from: &'m str, to: &str, models: &'m Models, seen: &mut BTreeSet<&'m str>) -> bool {
    if from == to {
        return true;
    }
    match models.get(from) {
        Some(ModelEntry::Chain(chain)) if seen.insert(from) => {
            chain.iter().any(|text| leads_to(&text.value, to, models, seen))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_provider_means_the_same_everywhere() {
        let schema = serde_json::to_value(schemars::schema_for!(Provider)).unwrap();
        let words: Vec<&str> = schema["oneOf"].as_array().unwrap().iter().filter_map(|w| w["const"].as_str()).collect();
        // Three vendors have a second name, and a program has none of a provider.
        let words: Vec<&str> = words.into_iter().filter(|word| *word != Provider::Command.name()).collect();
        assert_eq!(words.len(), Provider::ALL.len() + 3, "{words:?}");
        for word in words {
            let read: Provider = serde_json::from_value(word.into()).unwrap();
            assert_eq!(Provider::by_name(word), Some(read), "{word}");
        }
    }
}
