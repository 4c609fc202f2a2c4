//! Calls a model: one request, one answer, one verdict on what came.
//!
//! Transport is `http`'s, the protocol is a [`Wire`]'s; here they are put together. Every text that leaves this module
//! has passed the redactor. Nothing is tried again: every attempt is the caller's, who counts and pays for it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use tokio::time::{Duration, Instant};

use crate::model::body::{Body, MAX_DOCUMENT_BYTES};
use crate::model::draft::{Draft, estimate_tokens};
use crate::net::http::{self, Client, Deadlines, Response, header};
use crate::plan::spec::Provider;
use crate::run::rate_limit::RateLimitInfo;
use crate::words::conversation::AssistantMessage;
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::Redactor;
use crate::words::usage::{StopReason, Usage};

pub mod anthropic;
mod body;
pub mod cassette;
pub mod command;
pub mod draft;
mod endpoint;
mod form;
pub mod gemini;
pub mod ollama;
pub mod openai;
pub mod pace;
pub mod prices;
pub mod rehearsal;
pub mod responses;
pub mod settings;
pub mod status;
mod wire;
pub mod zhipu;

pub use endpoint::{Endpoint, EndpointError};
pub use wire::{CallFailure, Fault, ModelRequest, Reply, Wire};

/// How long the connection is still listened to once the model has stopped. What may follow is the number of tokens;
/// the answer itself is whole.
const AFTER_STOP: Duration = Duration::from_secs(2);

/// How many bytes of a body that is not what it should be are shown.
const EXCERPT_BYTES: usize = 200;

/// How many bytes of a provider's message are shown.
const MESSAGE_BYTES: usize = 2000;

/// How many bytes of a body are looked at to make an excerpt, see [`EXCERPT_BYTES`]. More, so that a secret at the
/// edge is recognized before it is cut in two.
const EXCERPT_SOURCE_BYTES: usize = 8 * EXCERPT_BYTES;

/// The protocol that a provider's server speaks, at an address.
///
/// `None` for a program, which has no address.
#[must_use]
pub fn wire(provider: Provider, endpoint: Endpoint) -> Option<Arc<dyn Wire>> {
    Some(match provider {
        Provider::Openai => Arc::new(openai::OpenAi::new(endpoint)),
        Provider::Responses => Arc::new(responses::Responses::new(endpoint)),
        Provider::Zhipu => Arc::new(zhipu::wire(endpoint)),
        Provider::Gemini => Arc::new(gemini::Gemini::new(endpoint)),
        Provider::Ollama => Arc::new(ollama::Ollama::new(endpoint)),
        Provider::Anthropic => Arc::new(anthropic::Anthropic::new(endpoint)),
        Provider::Command => return None,
    })
}

/// Sends `request` and reads the answer to its end.
///
/// # Errors
/// Every way in which there is no whole, usable answer; see [`FailureKind`] for what each asks of the caller.
pub async fn call(
    client: &Client,
    wire: &dyn Wire,
    request: &ModelRequest,
    deadlines: &Deadlines,
    redactor: &Redactor,
) -> Result<Reply, CallFailure> {
    let started = Instant::now();
    let outgoing = wire.encode(request);
    let host = outgoing.host();
    let mut draft = Draft::default();
    let mut facts = Facts::default();
    let received = receive(client, outgoing, wire, deadlines, redactor, &mut draft, &mut facts).await;

    draft.text = redactor.redact_secrets(&draft.text).into_owned();
    let reached_end = received.is_ok() && draft.stop.is_some();
    let usage = if reached_end { Some(count(draft.usage, request, &draft.written())) } else { draft.usage };
    match received.and_then(|first_byte_ms| Ok((first_byte_ms, draft.settle(&host, !request.tools.is_empty())?))) {
        Ok((first_byte_ms, stop)) => Ok(Reply {
            turn: redact_turn(draft.take_turn(), redactor),
            usage: usage.unwrap_or_default(),
            stop: redact_stop(stop, redactor),
            first_byte_ms,
            latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            pace: facts.pace,
        }),
        Err(mut failure) => {
            let unsettled = facts.sent && !reached_end && failure.status.is_none();
            if failure.status.is_some() && wire.adapt(request, &failure) {
                // Another attempt is the caller's to make, so this failure is one that is tried again.
                failure.kind = FailureKind::Malformed;
                failure.message.push_str(" (the next attempt leaves out what was refused)");
            }
            let failure = redact_failure(failure, redactor);
            Err(CallFailure { failure, usage, unsettled, partial: draft.text, pace: facts.pace })
        }
    }
}

/// What is known of a call besides its answer.
#[derive(Default)]
struct Facts {
    /// Whether the provider may have the request.
    sent: bool,
    pace: Option<RateLimitInfo>,
}

/// Asks a provider which models it has: whether it is there, and whether the key opens it.
///
/// # Errors
/// As [`call`].
pub async fn probe(
    client: &Client,
    wire: &dyn Wire,
    deadlines: &Deadlines,
    redactor: &Redactor,
) -> Result<Vec<String>, Failure> {
    list_models(client, wire, deadlines, redactor).await.map_err(|failure| redact_failure(failure, redactor))
}

async fn list_models(
    client: &Client,
    wire: &dyn Wire,
    deadlines: &Deadlines,
    redactor: &Redactor,
) -> Result<Vec<String>, Failure> {
    let mut facts = Facts::default();
    let mut response = open(client, wire.list_models(), deadlines, redactor, &mut facts).await?;
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        body.extend_from_slice(&bytes);
        if body.len() > MAX_DOCUMENT_BYTES {
            let message = format!("the list of models of {} does not end", response.host());
            return Err(Failure::new(FailureKind::Malformed, message));
        }
    }
    let listed: Value = serde_json::from_slice(&body).unwrap_or_default();
    let models = listed["data"].as_array().or_else(|| listed["models"].as_array()).ok_or_else(|| {
        let (host, excerpt) = (response.host(), excerpt(&body, redactor));
        Failure::new(FailureKind::Malformed, format!("{host} answered with something else than models: {excerpt}"))
    })?;
    let id = |model: &Value| model["id"].as_str().or_else(|| model["name"].as_str()).map(str::to_owned);
    // Gemini names a model by its place.
    let id = |model: &Value| id(model).map(|id| id.strip_prefix("models/").map(str::to_owned).unwrap_or(id));
    Ok(models.iter().filter_map(id).map(|id| redactor.redact_secrets(&id).into_owned()).collect())
}

/// Sends, and reads the answer into `draft`. Gives the milliseconds to the first byte.
async fn receive(
    client: &Client,
    request: http::Request,
    wire: &dyn Wire,
    deadlines: &Deadlines,
    redactor: &Redactor,
    draft: &mut Draft,
    facts: &mut Facts,
) -> Result<u64, Failure> {
    let mut response = open(client, request, deadlines, redactor, facts).await?;
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut body = Body::new(wire, content_type);
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => match body.push(&bytes, draft) {
                Ok(()) => {}
                // The answer is whole, whatever comes after it, unless that takes it back.
                Err(Fault::Unreadable { .. }) if draft.stop.is_some() => break,
                Err(fault) => return Err(word_fault(fault, &response, redactor)),
            },
            Ok(None) => {
                body.finish(draft).map_err(|fault| word_fault(fault, &response, redactor))?;
                break;
            }
            Err(_) if draft.stop.is_some() => break,
            Err(failure) => return Err(failure),
        }
        if draft.done {
            break;
        }
        if draft.stop.is_some() {
            response.finish_within(AFTER_STOP);
        }
    }
    Ok(response.first_byte_ms())
}

/// Sends, and turns an error status into a failure.
async fn open(
    client: &Client,
    request: http::Request,
    deadlines: &Deadlines,
    redactor: &Redactor,
    facts: &mut Facts,
) -> Result<Response, Failure> {
    let response = client.send(request, deadlines).await.map_err(|unanswered| {
        facts.sent = unanswered.sent;
        unanswered.failure
    })?;
    facts.sent = true;
    facts.pace = RateLimitInfo::of(response.headers(), SystemTime::now());
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let (host, headers) = (response.host().to_owned(), response.headers().clone());
    let body = response.error_body().await;
    Err(status::failure_of_status(&host, status, &headers, &body, &excerpt(&body, redactor)))
}

fn word_fault(fault: Fault, response: &Response, redactor: &Redactor) -> Failure {
    let host = response.host();
    match fault {
        Fault::Reported(report) => status::failure_in_answer(host, &report, response.headers()),
        Fault::Unreadable { why, data } => {
            let excerpt = excerpt(data.as_bytes(), redactor);
            let colon = if excerpt.is_empty() { "" } else { ": " };
            Failure::new(FailureKind::Malformed, format!("the answer of {host} {why}{colon}{excerpt}"))
        }
    }
}

/// The numbers of the provider, and estimates where it gave none.
fn count(usage: Option<Usage>, request: &ModelRequest, text: &str) -> Usage {
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

/// Takes known secrets out of all that a model wrote but its text, which is done by then.
fn redact_turn(mut turn: AssistantMessage, redactor: &Redactor) -> AssistantMessage {
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

fn redact_stop(stop: StopReason, redactor: &Redactor) -> StopReason {
    match stop {
        StopReason::Other(reason) => StopReason::Other(tidy(&reason, EXCERPT_BYTES, redactor)),
        known => known,
    }
}

fn redact_failure(failure: Failure, redactor: &Redactor) -> Failure {
    Failure { message: tidy(&failure.message, MESSAGE_BYTES, redactor), ..failure }
}

fn excerpt(body: &[u8], redactor: &Redactor) -> String {
    let source = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_SOURCE_BYTES)]);
    tidy(&redactor.redact_part(&source), EXCERPT_BYTES, redactor)
}

/// Redacts `text`, puts it on one line without control characters, and cuts it after `limit` bytes.
fn tidy(text: &str, limit: usize, redactor: &Redactor) -> String {
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
            let echo = Some(ProviderState { wire: "x".to_owned(), value });
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
