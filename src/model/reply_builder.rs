//! Builds a reply while it is being read, and decides whether what came in the end is one.
//!
//! All wires write into the same builder, so that "empty", "truncated" and "incomplete" mean the same everywhere.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::call::ModelRequest;
use crate::model::status::lacks_memory;
pub(crate) use crate::model::stop::Stop;
use crate::model::stop::{OUTPUT_LIMIT, SOME_LIMIT};
use crate::model::thoughts::without_thoughts;
use crate::plan::output::document;
use crate::words::conversation::{AssistantMessage, ProviderState, ToolCall};
use crate::words::failure::{Failure, FailureKind};
use crate::words::usage::{CUT, PAUSED, StopReason, Usage};

/// The text of thoughts in an echo that holds more than that.
pub(crate) const THOUGHTS: &str = "reasoning_content";

/// As much of an answer as has come.
#[derive(Debug, Default)]
pub struct ReplyBuilder {
    /// The text so far.
    pub text: String,
    /// Words by which the model declines.
    pub refusal: String,
    /// The calls of tools so far, by the provider's own index.
    pub calls: BTreeMap<u64, ToolCallBuilder>,
    /// What must be sent back as it came, see [`ProviderState`].
    pub echo: Option<ProviderState>,
    /// What the provider says it cost so far.
    pub usage: Option<Usage>,
    /// Why the model stopped; without it the answer is not complete.
    pub stop: Option<Stop>,
    /// Whether the provider has said that nothing follows.
    pub done: bool,
}

/// A call of a tool while it is being read.
#[derive(Debug, Default)]
pub struct ToolCallBuilder {
    /// The call's id; empty where the provider has none.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as JSON text, which comes in pieces.
    pub arguments: String,
}

impl ToolCallBuilder {
    /// The call, whatever the arguments are: an answer to a model that writes no JSON is for the caller to give.
    fn finish(self, index: u64) -> ToolCall {
        let arguments = arguments(&self.arguments);
        let id = if self.id.is_empty() { format!("call_{index}") } else { self.id };
        ToolCall { id, name: self.name, arguments }
    }
}

/// The arguments that a model wrote: an object, mended as an answer is where only its form is wrong. Some models write the
/// object as a text in JSON, and some servers put an empty one in front
/// (<https://github.com/BerriAI/litellm/issues/20711>). What is cut is not completed.
pub(crate) fn arguments(written: &str) -> Value {
    let text = written.trim();
    if text.is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    let value = serde_json::from_str(text);
    if let Ok(object @ Value::Object(_)) = value {
        return object;
    }
    let inner = match &value {
        // What models write for a tool that wants nothing.
        Ok(Value::Null) => "{}",
        Ok(Value::String(inner)) if inner.trim().is_empty() => "{}",
        Ok(Value::String(inner)) => inner,
        Ok(_) => return value.unwrap_or_default(),
        Err(_) => text.strip_prefix("{}").unwrap_or(text),
    };
    let mended = document(inner).ok().filter(Value::is_object);
    mended.or(value.ok()).unwrap_or_else(|| Value::String(text.to_owned()))
}

impl ReplyBuilder {
    /// What the model said, taken out of the draft.
    #[must_use]
    pub fn take_turn(&mut self) -> AssistantMessage {
        let mut calls: Vec<ToolCall> = Vec::with_capacity(self.calls.len());
        for (index, call) in std::mem::take(&mut self.calls) {
            let mut call = call.finish(index);
            if calls.iter().any(|earlier| earlier.id == call.id) {
                call.id = format!("{}_{index}", call.id);
            }
            calls.push(call);
        }
        let is_paused = calls.is_empty() && self.stop == Some(Stop::Paused);
        let is_cut = self.stop == Some(Stop::Cut);
        // Half a turn in the provider's own form is none.
        let echo = self.echo.take().filter(|_| !is_cut);
        AssistantMessage { text: std::mem::take(&mut self.text), calls, echo, is_paused, is_cut }
    }

    /// All that the model wrote, for an estimate of its length.
    #[must_use]
    pub fn written(&self) -> Cow<'_, str> {
        if self.calls.is_empty() {
            return Cow::Borrowed(&self.text);
        }
        let calls = self.calls.values().flat_map(|call| [call.name.as_str(), call.arguments.as_str()]);
        Cow::Owned(std::iter::once(self.text.as_str()).chain(calls).collect())
    }

    /// Takes out of the text what is no part of the answer, see [`without_thoughts`]. A turn without an end is left as it
    /// came, since a person looks at it.
    pub(crate) fn drop_thoughts(&mut self) {
        if self.stop.is_some() {
            self.text = without_thoughts(&self.text).into_owned();
        }
    }

    /// Takes a text that was cut off at the limit of its length for a part of the answer, where the request does. `written` is
    /// how many tokens it has. At the end of the window, there is no room to go on.
    pub(crate) fn take_part(&mut self, request: &ModelRequest, written: u64) {
        let is_at_limit = match self.stop {
            Some(Stop::Truncated(OUTPUT_LIMIT)) => true,
            Some(Stop::Truncated(SOME_LIMIT)) => request.max_tokens.is_some_and(|most| written >= u64::from(most)),
            _ => false,
        };
        if request.takes_parts && is_at_limit && self.calls.is_empty() && !self.text.trim().is_empty() {
            self.stop = Some(Stop::Cut);
        }
    }

    /// Adds to the echo of `wire`, which is a text, or an object with that text under [`THOUGHTS`].
    pub(crate) fn push_echo(&mut self, wire: &str, text: &str) {
        match &mut self.echo {
            _ if text.is_empty() => {}
            Some(ProviderState { value: Value::String(known), .. }) => known.push_str(text),
            Some(ProviderState { value: parts @ Value::Object(_), .. }) => match &mut parts[THOUGHTS] {
                Value::String(known) => known.push_str(text),
                place => *place = text.into(),
            },
            _ => self.echo = Some(ProviderState::new(wire, text.into())),
        }
    }

    /// Why the answer ended, if it is whole and usable. `has_tools` is whether the model was given any.
    ///
    /// # Errors
    /// `connection` when it never came to an end, `truncated`, `refused`, `overloaded`, or `malformed`
    /// for an empty answer and for a call of a tool where there are none.
    pub fn settle(&self, host: &str, has_tools: bool) -> Result<StopReason, Failure> {
        let refused = |why: &str| Failure::new(FailureKind::Refused, format!("{host} declined: {why}"));
        match &self.stop {
            None => Err(Failure::new(
                FailureKind::Connection,
                format!("incomplete stream: the answer of {host} ended before the model had finished"),
            )),
            Some(Stop::Truncated(limit)) => {
                Err(Failure::new(FailureKind::Truncated, format!("the answer was cut off at {limit}")))
            }
            Some(Stop::Broken(why)) => {
                let failure = Failure::new(FailureKind::Overloaded, format!("{host} broke off its answer: {why}"));
                Err(Failure { should_retry: lacks_memory(why).then_some(false), ..failure })
            }
            Some(_) if !self.refusal.trim().is_empty() => Err(refused(self.refusal.trim())),
            Some(Stop::Refused) if self.text.trim().is_empty() => Err(refused("it gave no reason")),
            Some(Stop::Refused) => Err(refused(self.text.trim())),
            Some(Stop::ToolCall | Stop::Complete(_) | Stop::Paused) if has_tools && !self.calls.is_empty() => {
                Ok(StopReason::ToolUse)
            }
            Some(Stop::Paused) if self.calls.is_empty() => Ok(StopReason::Other(PAUSED.to_owned())),
            Some(Stop::Cut) => Ok(StopReason::Other(CUT.to_owned())),
            Some(Stop::Complete(reason)) if self.calls.is_empty() => match self.text.trim() {
                "" => Err(Failure::new(FailureKind::Malformed, format!("empty answer from {host}"))),
                _ => Ok(reason.clone()),
            },
            Some(Stop::ToolCall) if has_tools => {
                Err(Failure::new(FailureKind::Malformed, format!("{host} said that tools are called, and named none")))
            }
            Some(Stop::ToolCall | Stop::Complete(_) | Stop::Paused) => Err(Failure::new(
                FailureKind::Malformed,
                format!("{host} asked for a tool to be called, but the model was given none"),
            )),
        }
    }
}

/// The tokens of a text where nobody has counted them: one for four characters, rounded up.
#[must_use]
pub(crate) fn estimate_tokens(text: &str) -> u64 {
    u64::try_from(text.chars().count().div_ceil(4)).unwrap_or(u64::MAX)
}

/// The numbers of the provider, and estimates where it gave none.
pub(crate) fn count(usage: Option<Usage>, request: &ModelRequest, text: &str) -> Usage {
    let mut usage = usage.unwrap_or_default();
    if usage.input_tokens == 0 {
        usage.input_tokens = request.estimated_tokens();
        usage.estimated = true;
    }
    if usage.output_tokens == 0 && !text.is_empty() {
        usage.output_tokens = estimate_tokens(text);
        usage.estimated = true;
    }
    usage
}

/// A number of tokens. Some servers write it as a float; what no model can have used is not taken.
pub(crate) fn tokens(value: &Value) -> Option<u64> {
    const MOST: u64 = 1_000_000_000_000;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    let from_float = |n: f64| (0.0..=MOST as f64).contains(&n).then_some(n as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(from_float)).filter(|&n| n <= MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn impossible_numbers_of_tokens_are_not_taken() {
        for (value, expected) in [
            (json!(7), Some(7)),
            (json!(7.0), Some(7)),
            (json!(-7), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!("7"), None),
            (json!(null), None),
        ] {
            assert_eq!(tokens(&value), expected, "{value}");
        }
    }

    #[test]
    fn arguments_are_mended_as_answers_are_and_not_completed() {
        let bern = json!({"place": "Bern"});
        for (written, expected) in [
            (r#"{"place": "Bern"}"#, bern.clone()),
            (r#"{"place": "Bern",}"#, bern.clone()),
            ("{'place': 'Bern'}", bern.clone()),
            ("{place: \"Bern\"}", bern.clone()),
            ("```json\n{\"place\": \"Bern\"}\n```", bern.clone()),
            (r#""{\"place\": \"Bern\"}""#, bern.clone()),
            (r#"{}{"place": "Bern"}"#, bern.clone()),
            (r#"{"place": "Bern"}{"place": "Bern"}"#, bern),
            ("", json!({})),
            ("null", json!({})),
            ("\" \"", json!({})),
            ("{'a': None, 'b': True}", json!({"a": null, "b": true})),
            (r#"{"a": 1}<|tool_call_end|>"#, json!({"a": 1})),
            ("[1]", json!([1])),
            (r#"{"place": "Be"#, json!(r#"{"place": "Be"#)),
            (r#"{"place": "Bern"}{"place": "Rome"}"#, json!(r#"{"place": "Bern"}{"place": "Rome"}"#)),
            ("none", json!("none")),
        ] {
            assert_eq!(arguments(written), expected, "{written}");
        }
    }

    #[test]
    fn an_estimate_counts_characters_and_not_bytes() {
        assert_eq!([estimate_tokens(""), estimate_tokens("abcde"), estimate_tokens("\u{e9}\u{e9}")], [0, 2, 1]);
    }
}
