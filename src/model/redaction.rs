//! Takes secrets out of what a model wrote or a server reported, and cuts what is shown of it to a length for one line.
//!
//! Knows texts and the redactor, and not where they come from.

use std::borrow::Cow;

use serde_json::Value;

use crate::words::conversation::AssistantMessage;
use crate::words::failure::Failure;
use crate::words::redact::Redactor;
use crate::words::usage::StopReason;

/// How many bytes of a body that is not what it should be are shown.
const EXCERPT_BYTES: usize = 200;

/// How many bytes of a provider's message are shown.
pub(super) const MESSAGE_BYTES: usize = 2000;

/// How many bytes of a body are looked at to make an excerpt, see [`EXCERPT_BYTES`]. More, so that a secret at the
/// edge is recognized before it is cut in two.
const EXCERPT_SOURCE_BYTES: usize = 8 * EXCERPT_BYTES;

/// Takes known secrets out of all that a model wrote but its text, which is done by then.
pub(super) fn redact_turn(mut turn: AssistantMessage, redactor: &Redactor) -> AssistantMessage {
    for call in &mut turn.calls {
        redact_text(&mut call.id, redactor);
        redact_text(&mut call.name, redactor);
        redactor.redact_value(&mut call.arguments);
    }
    // Thoughts in parts are signed: changed ones would be refused, and without them the turn can be sent back all the
    // same. Those that are a text are not.
    if let Some(Value::String(thoughts)) = turn.echo.as_mut().map(|echo| &mut echo.value) {
        redact_text(thoughts, redactor);
    }
    turn.echo = turn.echo.filter(|echo| !redactor.finds_in_value(&echo.value));
    turn
}

fn redact_text(text: &mut String, redactor: &Redactor) {
    if let Cow::Owned(redacted) = redactor.redact_secrets(text) {
        *text = redacted;
    }
}

pub(super) fn redact_stop(stop: StopReason, redactor: &Redactor) -> StopReason {
    match stop {
        StopReason::Other(reason) => StopReason::Other(tidy(&reason, EXCERPT_BYTES, redactor)),
        known => known,
    }
}

pub(super) fn redact_failure(failure: Failure, redactor: &Redactor) -> Failure {
    Failure { message: tidy(&failure.message, MESSAGE_BYTES, redactor), ..failure }
}

pub(super) fn excerpt(body: &[u8], redactor: &Redactor) -> String {
    let source = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_SOURCE_BYTES)]);
    tidy(&redactor.redact_part(&source), EXCERPT_BYTES, redactor)
}

/// Redacts `text`, puts it on one line without control characters, and cuts it after `limit` bytes.
pub(super) fn tidy(text: &str, limit: usize, redactor: &Redactor) -> String {
    let text = redactor.redact(text);
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let space = if line.is_empty() { "" } else { " " };
        line.extend([space, word]);
        if line.len() > limit {
            let end = (0..=limit).rev().find(|&end| line.is_char_boundary(end)).unwrap_or(0);
            line.truncate(end);
            line.push('\u{2026}');
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::words::conversation::{ProviderState, ToolCall};

    #[test]
    fn a_turn_loses_its_secrets_and_a_signed_thought_goes_with_one() {
        let redactor = Redactor::new([SecretString::from("sk-canary-1")]);
        let kept = |value: Value| {
            let echo = Some(ProviderState::new("x", value));
            redact_turn(AssistantMessage { echo, ..AssistantMessage::default() }, &redactor).echo.map(|echo| echo.value)
        };
        assert_eq!(kept(json!([{"thinking": "it is sk-canary-1", "signature": "s"}])), None);
        assert_eq!(kept(json!([{"input": {"sk-canary-1": 1}}])), None);
        assert_eq!(kept(json!([{"thinking": "hm"}])), Some(json!([{"thinking": "hm"}])));
        assert_eq!(kept(json!("it is sk-canary-1")), Some(json!("it is [redacted]")));

        let secret = || "sk-canary-1".to_owned();
        let arguments = json!({"sk-canary-1": ["a sk-canary-1", 1]});
        let calls = vec![ToolCall { id: secret(), name: secret(), arguments }];
        let turn = redact_turn(AssistantMessage { calls, ..AssistantMessage::default() }, &redactor);
        assert_eq!((&*turn.calls[0].id, &*turn.calls[0].name), ("[redacted]", "[redacted]"));
        assert_eq!(turn.calls[0].arguments, json!({"[redacted]": ["a [redacted]", 1]}));
    }
}
