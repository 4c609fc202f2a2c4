//! Parts of a request that a server may refuse without being wrong, and that a task can do without: they are sent because
//! most servers act on them, and left out or called otherwise once this one has refused them.
//!
//! Works on the JSON that goes out, so all protocols are the same here. What else an error means is `status`'s to say.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::words::failure::Failure;

/// A part of a request.
#[derive(Debug)]
struct Parameter {
    /// Its place in a body, as a JSON pointer in which `*` is every item of a list.
    at: &'static str,
    /// What errors call it, in small letters and digits alone. A name may be a part of a longer one, so it is looked for
    /// between other characters.
    names: &'static [&'static str],
    /// Whether a name alone is enough: nobody complains of its value.
    by_name_alone: bool,
    /// The name that some servers know it by instead, in the same place.
    other_name: Option<&'static str>,
}

const fn part(at: &'static str, names: &'static [&'static str]) -> Parameter {
    Parameter { at, names, by_name_alone: false, other_name: None }
}

/// A part by which a model is told how much to think. Whatever is said of it, the model does not do as it is told.
const fn thoughts(at: &'static str, names: &'static [&'static str]) -> Parameter {
    Parameter { at, names, by_name_alone: true, other_name: None }
}

const SCHEMA: &[&str] = &[
    "response_format",
    "response format",
    "json_schema",
    "json schema",
    "text.format",
    "structured output",
    "structured outputs",
    "grammar",
    "output_config",
    "output_format",
];

/// All of them, with the words of the servers that refuse them:
/// <https://github.com/openai/openai-python/issues/1818> (`max_tokens` is not supported with this model),
/// <https://github.com/sst/opencode/issues/32776>, <https://docs.litellm.ai/docs/completion/drop_params>,
/// <https://docs.mistral.ai/api> (`extra_forbidden`), <https://ai.google.dev/api/generate-content> (`Unknown name`),
/// <https://help.openai.com/en/articles/10910291> (only verified organizations may stream some models),
/// <https://github.com/MoonshotAI/kimi-cli/issues/744> (only one temperature is allowed),
/// <https://github.com/anthropics/claude-code/issues/7346> (gateways that know no `cache_control`),
/// <https://discuss.ai.google.dev/t/78394> (JSON mode is not enabled), Ollama's `server/routes.go` (`format`).
const PARAMETERS: &[Parameter] = &[
    Parameter { at: "/response_format", names: SCHEMA, by_name_alone: true, other_name: None },
    Parameter { at: "/text", names: SCHEMA, by_name_alone: true, other_name: None },
    Parameter { at: "/output_config/format", names: SCHEMA, by_name_alone: true, other_name: None },
    Parameter { at: "/format", names: &["in format", "json schema", "grammar"], by_name_alone: true, other_name: None },
    part("/generationConfig/responseJsonSchema", &["responsejsonschema", "response_json_schema", "json mode"]),
    part("/generationConfig/responseMimeType", &["responsemimetype", "response_mime_type", "json mode"]),
    Parameter {
        at: "/tools/*/functionDeclarations/*/parametersJsonSchema",
        names: &["parametersjsonschema", "parameters_json_schema"],
        by_name_alone: false,
        other_name: Some("parameters"),
    },
    Parameter {
        at: "/include",
        names: &["encrypted content", "encrypted_content", "reasoning.encrypted_content"],
        by_name_alone: true,
        other_name: None,
    },
    thoughts("/reasoning_effort", &["reasoning_effort", "reasoning effort", "reasoning.effort", "reasoningeffort"]),
    thoughts("/reasoning", &["reasoning_effort", "reasoning effort", "reasoning.effort"]),
    thoughts("/thinking", &["thinking", "budget_tokens"]),
    thoughts("/output_config/effort", &["output_config", "output_config.effort", "effort"]),
    thoughts("/think", &["think", "thinking"]),
    thoughts(
        "/generationConfig/thinkingConfig",
        &["thinking", "thinkingconfig", "thinking_config", "thinkinglevel", "thinking_level", "thinking_budget"],
    ),
    part("/top_p", &["top_p"]),
    part("/seed", &["seed"]),
    part("/random_seed", &["random_seed"]),
    part("/stream_options", &["stream_options", "stream_options.include_usage", "include_usage"]),
    part("/stream", &["stream", "streaming"]),
    part("/store", &["store"]),
    part("/tools/*/cache_control", &["cache_control"]),
    part("/system/*/cache_control", &["cache_control"]),
    part("/messages/*/content/*/cache_control", &["cache_control"]),
    part("/temperature", &["temperature"]),
    part("/generationConfig/temperature", &["temperature"]),
    Parameter {
        at: "/max_tokens",
        names: &["max_tokens"],
        by_name_alone: false,
        other_name: Some("max_completion_tokens"),
    },
    Parameter {
        at: "/max_completion_tokens",
        names: &["max_completion_tokens"],
        by_name_alone: false,
        other_name: Some("max_tokens"),
    },
    part("/max_output_tokens", &["max_output_tokens"]),
];

/// Words by which a part is refused, and not its value.
const REFUSALS: &[&str] = &[
    "unsupported",
    "not supported",
    "not support",
    "n't support",
    "not allowed",
    "not permitted",
    "not accepted",
    "extra_forbidden",
    "extra inputs",
    "extra fields",
    "unknown",
    "unrecognized",
    "unrecognised",
    "unexpected",
    "cannot be used",
    "cannot find field",
    "no longer",
    "deprecated",
    "not available",
    "not enabled",
    "only allowed",
    "is allowed for this model",
    "must be verified",
    "not implemented",
    "use 'max",
    "use `max",
    "use \"max",
];

/// What a model has refused, as long as a run takes.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<BTreeSet<usize>>);

impl Refused {
    /// What has been refused by now.
    pub(crate) fn now(&self) -> Omitted {
        Omitted(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Whether a failure refuses a part of the body that was sent; its name if so. It is taken out from now on.
    pub(crate) fn learn(&self, sent: &Value, failure: &Failure) -> Option<&'static str> {
        if !matches!(failure.status, Some(400 | 404 | 422 | 500 | 501)) {
            return None;
        }
        let message = failure.message.to_lowercase();
        let refuses = REFUSALS.iter().any(|word| message.contains(word));
        let is_meant = |it: &Parameter| {
            is_there(sent, it.at)
                && (refuses || it.by_name_alone)
                && it.names.iter().any(|name| is_named(&message, name))
        };
        // The name that stands first is the one that is refused; another one may be what to use in its place.
        let position = |it: &Parameter| it.names.iter().filter_map(|name| place_of(&message, name)).min();
        let meant = PARAMETERS.iter().enumerate().filter(|(_, it)| is_meant(it));
        let meant: Vec<_> = meant.map(|(place, it)| (position(it), place, it)).collect();
        let &(first, _, parameter) = meant.iter().min_by_key(|(position, ..)| *position)?;
        // What goes by one name in several places goes from all of them.
        let same = meant.iter().filter(|(position, ..)| *position == first).map(|(_, place, _)| *place);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(same);
        parameter.at.rsplit('/').next()
    }
}

/// What is left out of a request.
#[derive(Debug)]
pub(crate) struct Omitted(BTreeSet<usize>);

impl Omitted {
    /// The body without what was refused, or with its other name for it.
    pub(crate) fn rewrite(&self, body: Vec<u8>) -> Vec<u8> {
        if self.0.is_empty() {
            return body;
        }
        let written = serde_json::from_slice(&body).and_then(|mut value| {
            self.take_out(&mut value);
            serde_json::to_vec(&value)
        });
        written.unwrap_or(body)
    }

    fn take_out(&self, body: &mut Value) {
        for &place in &self.0 {
            let Parameter { at, other_name, .. } = PARAMETERS[place];
            // A part that is refused under both names is left out.
            let is_refused = |name: &str| self.0.iter().any(|&other| PARAMETERS[other].at[1..] == *name);
            let Some((parent, name)) = at.rsplit_once('/') else { continue };
            rename(body, parent, name, other_name.filter(|name| !is_refused(name)));
        }
    }
}

/// The first step of a place, and the rest.
fn step(at: &str) -> Option<(&str, &str)> {
    let at = at.strip_prefix('/')?;
    Some(at.split_at(at.find('/').unwrap_or(at.len())))
}

fn is_there(value: &Value, at: &str) -> bool {
    match step(at) {
        None => true,
        Some(("*", rest)) => value.as_array().is_some_and(|all| all.iter().any(|one| is_there(one, rest))),
        Some((name, rest)) => value.get(name).is_some_and(|value| is_there(value, rest)),
    }
}

/// Gives what has a name in a place another one, or takes it out, and with it an object that has nothing else.
fn rename(value: &mut Value, parent: &str, name: &str, other: Option<&str>) {
    match (step(parent), value) {
        (None, Value::Object(members)) => {
            if let Some(value) = members.remove(name)
                && let Some(other) = other
            {
                members.insert(other.to_owned(), value);
            }
        }
        (Some(("*", rest)), Value::Array(all)) => all.iter_mut().for_each(|one| rename(one, rest, name, other)),
        (Some((key, rest)), Value::Object(members)) => {
            let Some(below) = members.get_mut(key) else { return };
            rename(below, rest, name, other);
            if below.as_object().is_some_and(Map::is_empty) {
                members.remove(key);
            }
        }
        _ => {}
    }
}

fn is_named(message: &str, name: &str) -> bool {
    place_of(message, name).is_some()
}

/// Where a name stands that is no part of a longer one.
fn place_of(message: &str, name: &str) -> Option<usize> {
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_';
    message.match_indices(name).map(|(at, _)| at).find(|&at| {
        let before = message[..at].chars().next_back();
        let behind = message[at + name.len()..].chars().next();
        !before.is_some_and(is_of_name) && !behind.is_some_and(is_of_name)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::words::failure::FailureKind;

    fn refusal(status: u16, message: &str) -> Failure {
        Failure { status: Some(status), ..Failure::new(FailureKind::BadRequest, message) }
    }

    fn body() -> Value {
        json!({
            "temperature": 0.2, "max_tokens": 9, "stream_options": {"include_usage": true}, "messages": [],
            "response_format": {"type": "json_schema"}, "reasoning_effort": "max",
        })
    }

    fn after(status: u16, message: &str) -> Vec<String> {
        let refused = Refused::default();
        let mut asked = body();
        refused.learn(&asked, &refusal(status, message));
        refused.now().take_out(&mut asked);
        let before = body();
        let keys = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
        keys(&before).symmetric_difference(&keys(&asked)).cloned().collect()
    }

    #[test]
    fn a_part_that_is_refused_is_left_out_or_called_otherwise() {
        let renamed = ["max_completion_tokens", "max_tokens"];
        for (message, expected) in [
            (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                &renamed[..],
            ),
            (
                "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
                &["temperature"],
            ),
            ("`temperature` is deprecated for this model.", &["temperature"]),
            (
                "litellm.UnsupportedParamsError: openai does not support parameters: ['temperature'], for model=o3",
                &["temperature"],
            ),
            (
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
                &["stream_options"],
            ),
            ("Unrecognized request argument supplied: stream_options", &["stream_options"]),
            ("This response_format type is unavailable now", &["response_format"]),
            ("output_config: Extra inputs are not permitted", &["response_format"]),
            ("max_tokens: 9 > 4, which is the maximum allowed number of output tokens", &[]),
            ("temperature: range: 0..1", &[]),
            ("invalid temperature: only 1 is allowed for this model", &["temperature"]),
            ("The 'stream_options' parameter is only allowed when 'stream' is enabled.", &["stream_options"]),
            (
                "Unsupported value: 'reasoning_effort' does not support 'max' with this model. Supported values are: 'low'.",
                &["reasoning_effort"],
            ),
            ("no such model", &[]),
            ("unknown model `temperature_max`", &[]),
        ] {
            assert_eq!(after(400, message), expected, "{message}");
        }
        assert_eq!(after(401, "temperature is not supported"), [""; 0]);
        assert_eq!(after(429, "max_tokens is not supported"), [""; 0]);
    }

    #[test]
    fn a_part_is_taken_from_all_its_places() {
        let mark = || json!({"type": "text", "cache_control": {}});
        let asked = json!({
            "system": [mark()], "tools": [mark(), {"name": "f"}], "messages": [{"content": "a"}, {"content": [mark()]}],
            "generationConfig": {"responseJsonSchema": {}, "responseMimeType": "application/json"},
        });
        for (message, gone) in [
            ("system.0.cache_control: Extra inputs are not permitted", "cache_control"),
            ("JSON mode is not enabled for models/gemma-3-27b-it", "generationConfig"),
        ] {
            let refused = Refused::default();
            refused.learn(&asked, &refusal(400, message)).unwrap();
            let body = refused.now().rewrite(asked.to_string().into_bytes());
            assert!(!String::from_utf8(body).unwrap().contains(gone), "{message}");
        }
        let declared = |key: &str| json!({"tools": [{"functionDeclarations": [{key: {"type": "object"}}]}]});
        let refused = Refused::default();
        let message = "Invalid JSON payload received. Unknown name \"parametersJsonSchema\": Cannot find field.";
        refused.learn(&declared("parametersJsonSchema"), &refusal(400, message)).unwrap();
        let body = refused.now().rewrite(declared("parametersJsonSchema").to_string().into_bytes());
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), declared("parameters"));
    }

    #[test]
    fn one_part_after_another_and_neither_name_for_ever() {
        let refused = Refused::default();
        let mut asked = body();
        assert_eq!(refused.learn(&asked, &refusal(400, "unknown parameter max_tokens")), Some("max_tokens"));
        refused.now().take_out(&mut asked);
        assert_eq!(asked["max_completion_tokens"], 9);
        let again = refusal(400, "max_completion_tokens: Extra inputs are not permitted");
        assert_eq!(refused.learn(&asked, &again), Some("max_completion_tokens"));
        let mut fresh = body();
        refused.now().take_out(&mut fresh);
        refused.now().take_out(&mut fresh);
        assert!(fresh.get("max_tokens").is_none() && fresh.get("max_completion_tokens").is_none());
        assert_eq!(refused.learn(&fresh, &again), None, "what was not sent is not refused");
    }
}
