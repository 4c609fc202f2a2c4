//! A model behind a server: one request, one answer, and one verdict on what came.
//!
//! HTTP is `net`'s, the protocol is a [`Wire`]'s; here they are put together. Every text that leaves this module has passed
//! the redactor.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};
use tokio::time::{Duration, Instant};

use crate::model::body::{Body, MAX_DOCUMENT_BYTES};
use crate::model::call::{CallFailure, Cue, Model, ModelRequest, PendingReply, Reply};
use crate::model::key_command::PrintedKey;
use crate::model::pace::tokens_in_all;
use crate::model::parameters::Refused;
use crate::model::redaction::{excerpt, redact_failure, redact_stop, redact_turn};
use crate::model::reply_builder::{ReplyBuilder, count};
use crate::model::status;
use crate::model::wire::{DecodeError, Wire};
use crate::net::http::{self, Client, Deadlines, Response, header};
use crate::words::conversation::{AssistantMessage, Message};
use crate::words::failure::{Failure, FailureKind};
use crate::words::rate_limit::RateLimitInfo;
use crate::words::redact::Redactor;
use crate::words::usage::Usage;

/// How long the connection is still listened to once the model has stopped. What may follow is the number of tokens;
/// the answer itself is whole.
const AFTER_STOP: Duration = Duration::from_secs(2);

/// A model behind a server.
pub struct RemoteModel {
    /// The protocol, with the address and the key.
    wire: Arc<dyn Wire>,
    /// The connections, shared by all models of a run.
    client: Client,
    redactor: Redactor,
    /// The key, where a command prints it.
    key: Option<Arc<PrintedKey>>,
    /// What the model has refused of earlier requests.
    refused: Arc<Refused>,
}

impl Model for RemoteModel {
    fn call<'a>(&'a self, request: &'a ModelRequest, deadlines: &'a Deadlines, _: &'a Cue<'a>) -> PendingReply<'a> {
        Box::pin(self.ask_with_a_valid_key(request, deadlines))
    }

    fn bills_itself(&self) -> bool {
        self.wire.bills_itself()
    }
}

impl RemoteModel {
    /// A model that speaks `wire`, over connections of `client`.
    #[must_use]
    pub fn new(wire: Arc<dyn Wire>, client: Client, redactor: Redactor) -> Self {
        Self { wire, client, redactor, key: None, refused: Arc::default() }
    }

    /// The same with a key that can be renewed, and that the wire has too.
    #[must_use]
    pub(crate) fn renewing(self, key: Option<Arc<PrintedKey>>) -> Self {
        Self { key, ..self }
    }

    /// The same with what is known of the model by others who ask it.
    #[must_use]
    pub(crate) fn knowing(self, refused: Arc<Refused>) -> Self {
        Self { refused, ..self }
    }

    /// Asks, and once more where the key is refused and there is a newer one. A call that was refused for its key has done
    /// nothing and costs nothing, so both are one call.
    async fn ask_with_a_valid_key(&self, request: &ModelRequest, deadlines: &Deadlines) -> Result<Reply, CallFailure> {
        let Some(key) = &self.key else { return self.ask(request, deadlines).await };
        let generation = key.generation();
        let mut refused = match self.ask(request, deadlines).await {
            Err(refused) if is_of_key(&refused.failure) => refused,
            answered => return answered,
        };
        match key.renew(generation, &self.redactor).await {
            Ok(renewed) => {
                tracing::debug!("a key was refused; the call is sent again with a newer one");
                let answered = self.ask(request, deadlines).await;
                if answered.as_ref().is_err_and(|refused| is_of_key(&refused.failure)) {
                    key.refuse(renewed);
                }
                answered
            }
            Err(why) => {
                refused.failure.message.push_str(&format!(" ({})", self.redactor.redact(&why)));
                Err(refused)
            }
        }
    }

    /// Asks without what the server has refused of other requests. What it refuses of this one is for the next call to
    /// leave out, see [`parameters`](crate::model::parameters).
    async fn ask(&self, request: &ModelRequest, deadlines: &Deadlines) -> Result<Reply, CallFailure> {
        let omitted = self.refused.now();
        let mut outgoing = self.encode(request);
        outgoing.body = outgoing.body.map(|body| omitted.rewrite(body));
        let mut answered = self.ask_once(request, outgoing, deadlines).await;
        if let Err(failed) = &mut answered
            && failed.usage.is_none()
            && let Some(sent) = self.encode(request).body.map(|body| omitted.rewrite(body))
            && let Ok(sent) = serde_json::from_slice(&sent)
            && let Some(name) = self.refused.learn(&sent, &failed.failure)
        {
            failed.again = true;
            tracing::info!("{} refuses `{name}` of a request, and is asked without it from now on", request.model);
        }
        answered
    }

    /// The request as the wire writes it, with the members that the file puts over its own.
    fn encode(&self, request: &ModelRequest) -> http::Request {
        let mut outgoing = self.encode_plain(request);
        let members = &request.tuning.body;
        if !members.is_empty() {
            outgoing.body = outgoing.body.map(|body| with_members(body, members));
        }
        outgoing
    }

    /// The request without what another server or model wants back: it means nothing here, or is refused.
    fn encode_plain(&self, request: &ModelRequest) -> http::Request {
        let outgoing = self.wire.encode(request);
        let from = from(&outgoing, request);
        let foreign =
            |turn: &AssistantMessage| turn.echo.as_ref().is_some_and(|echo| !["", &*from].contains(&&*echo.from));
        if !request.messages.iter().any(|message| matches!(message, Message::Assistant(turn) if foreign(turn))) {
            return outgoing;
        }
        let mut request = request.clone();
        for message in &mut request.messages {
            if let Message::Assistant(turn) = message
                && foreign(turn)
            {
                turn.echo = None;
            }
        }
        self.wire.encode(&request)
    }

    /// Sends a request and reads the answer to its end.
    async fn ask_once(
        &self,
        request: &ModelRequest,
        outgoing: http::Request,
        deadlines: &Deadlines,
    ) -> Result<Reply, CallFailure> {
        let Self { wire, client, redactor, .. } = self;
        let started = Instant::now();
        let (host, from) = (outgoing.host(), from(&outgoing, request));
        let mut draft = ReplyBuilder::default();
        let mut meta = CallMeta::default();
        let received = receive(client, outgoing, wire.as_ref(), deadlines, redactor, &mut draft, &mut meta).await;

        draft.text = redactor.redact_secrets(&draft.text).into_owned();
        let reached_end = received.is_ok() && draft.stop.is_some();
        let usage = if reached_end { Some(count(draft.usage, request, &draft.written())) } else { draft.usage };
        draft.drop_thoughts();
        draft.take_part(request, usage.unwrap_or_default().output_tokens);
        let settled = received.and_then(|first_byte_ms| {
            let stop = draft.settle(&host, !request.tools.is_empty())?;
            usage.map_or(Ok(()), |usage| check_whole_prompt(usage, request, &host))?;
            Ok((first_byte_ms, stop))
        });
        match settled {
            Ok((first_byte_ms, stop)) => Ok(Reply {
                turn: redact_turn(said_by(draft.take_turn(), from), redactor),
                usage: usage.unwrap_or_default(),
                stop: redact_stop(stop, redactor),
                first_byte_ms,
                latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
                pace: meta.pace,
            }),
            Err(failure) => {
                let unsettled = meta.sent && !reached_end && failure.status.is_none();
                let failure = redact_failure(check_quota(failure, request, meta.tokens_in_all), redactor);
                Err(CallFailure { failure, usage, unsettled, partial: draft.text, pace: meta.pace, again: false })
            }
        }
    }

    /// Asks the server which models it has: whether it is there, and whether the key opens it.
    ///
    /// # Errors
    /// As a call; `malformed` where the server answers with something else than a list of models.
    pub async fn list_models(&self, deadlines: &Deadlines) -> Result<Vec<String>, Failure> {
        self.listed(deadlines).await.map_err(|failure| redact_failure(failure, &self.redactor))
    }

    async fn listed(&self, deadlines: &Deadlines) -> Result<Vec<String>, Failure> {
        let Self { wire, client, redactor, .. } = self;
        let mut meta = CallMeta::default();
        let mut response = open(client, wire.list_models(), deadlines, redactor, &mut meta).await?;
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
}

/// A body with more members.
fn with_members(body: Vec<u8>, members: &Map<String, Value>) -> Vec<u8> {
    let merged = serde_json::from_slice(&body).and_then(|mut value| {
        merge(&mut value, members);
        serde_json::to_vec(&value)
    });
    merged.unwrap_or(body)
}

/// JSON Merge Patch: <https://www.rfc-editor.org/rfc/rfc7396>.
fn merge(target: &mut Value, members: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in members {
        match value {
            Value::Null => drop(target.remove(name)),
            Value::Object(inner) => merge(target.entry(name).or_insert(Value::Null), inner),
            _ => drop(target.insert(name.clone(), value.clone())),
        }
    }
}

/// The server and the model that a request is for.
fn from(outgoing: &http::Request, request: &ModelRequest) -> String {
    format!("{} {}", outgoing.host(), request.model)
}

fn said_by(mut turn: AssistantMessage, from: String) -> AssistantMessage {
    if let Some(echo) = &mut turn.echo {
        echo.from = from;
    }
    turn
}

/// Whether a call was refused since its key is not valid, or not any more. A 403 may be about much else, and so may a 400.
fn is_of_key(failure: &Failure) -> bool {
    let says_expired = || failure.message.to_ascii_lowercase().contains("expired");
    failure.kind == FailureKind::Auth
        && match failure.status {
            Some(401) => true,
            Some(400 | 403) => says_expired(),
            _ => false,
        }
}

/// A prompt of fewer tokens is not looked at: an estimate of it says too little.
const LEAST_ESTIMATE: u64 = 2_000;

/// What no window holds; a count below it is of a server that does not count, or counts what its cache has not.
const LEAST_COUNT: u64 = 256;

/// How much longer the tokens of a whole prompt are at most than is estimated, in halves.
const LONG_TOKENS: u64 = 5;

/// Whether the server has read the whole prompt. One whose window is smaller cuts it without a word, and answers what is
/// left: <https://github.com/ollama/ollama/issues/17889>, <https://github.com/block/goose/issues/7672>.
fn check_whole_prompt(usage: Usage, request: &ModelRequest, host: &str) -> Result<(), Failure> {
    let (sent, counted) = (request.estimated_tokens(), usage.input_tokens);
    let is_counted = !usage.estimated && counted >= LEAST_COUNT;
    if !is_counted || sent < LEAST_ESTIMATE || counted.saturating_mul(LONG_TOKENS) >= 2 * sent {
        return Ok(());
    }
    let message = format!(
        "{host} has read {counted} tokens of a prompt of about {sent}: its context window is smaller, and it cut the \
         prompt; give the server a larger one, or say with `context_window` how large it is"
    );
    Err(Failure::new(FailureKind::ContextTooLong, message))
}

/// A prompt that is more than a provider takes in its whole window is too long, however long one waits. What was sent
/// before may come from a cache, which does not count, so this is said of the beginning of a conversation alone; and since
/// its size is an estimate, of one that is clearly more.
fn check_quota(failure: Failure, request: &ModelRequest, in_all: Option<u64>) -> Failure {
    let (sent, is_first) = (request.estimated_tokens(), !request.messages.iter().any(is_turn));
    match in_all.filter(|&in_all| is_first && sent > in_all.saturating_add(in_all / 4)) {
        Some(in_all) if failure.kind == FailureKind::RateLimited => {
            let message = format!(
                "{}; the prompt has about {sent} tokens, and {in_all} are all that are taken at a time, so no wait helps",
                failure.message
            );
            Failure { status: failure.status, ..Failure::new(FailureKind::ContextTooLong, message) }
        }
        _ => failure,
    }
}

fn is_turn(message: &Message) -> bool {
    matches!(message, Message::Assistant(_))
}

/// What is known of a call besides its answer.
#[derive(Default)]
struct CallMeta {
    /// Whether the provider may have the request.
    sent: bool,
    pace: Option<RateLimitInfo>,
    /// How many tokens the provider takes in its whole window.
    tokens_in_all: Option<u64>,
}

/// Sends, and reads the answer into `draft`. Gives the milliseconds to the first byte.
async fn receive(
    client: &Client,
    request: http::Request,
    wire: &dyn Wire,
    deadlines: &Deadlines,
    redactor: &Redactor,
    draft: &mut ReplyBuilder,
    meta: &mut CallMeta,
) -> Result<u64, Failure> {
    let mut response = open(client, request, deadlines, redactor, meta).await?;
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut body = Body::new(wire, content_type);
    loop {
        match response.chunk().await {
            Ok(Some(bytes)) => match body.push(&bytes, draft) {
                Ok(()) => {}
                // The answer is whole, whatever comes after it, unless that takes it back.
                Err(DecodeError::Unreadable { .. }) if draft.stop.is_some() => break,
                Err(error) => return Err(decode_failure(error, &response, redactor)),
            },
            Ok(None) => {
                body.finish(draft).map_err(|error| decode_failure(error, &response, redactor))?;
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
    meta: &mut CallMeta,
) -> Result<Response, Failure> {
    let response = client.send(request, deadlines).await.map_err(|unanswered| {
        meta.sent = unanswered.sent;
        unanswered.failure
    })?;
    meta.sent = true;
    meta.pace = RateLimitInfo::of(response.headers(), SystemTime::now());
    meta.tokens_in_all = tokens_in_all(response.headers());
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let (host, headers) = (response.host().to_owned(), response.headers().clone());
    let body = response.error_body().await;
    Err(status::failure_of_status(&host, status, &headers, &body, &excerpt(&body, redactor)))
}

fn decode_failure(error: DecodeError, response: &Response, redactor: &Redactor) -> Failure {
    let host = response.host();
    match error {
        DecodeError::Reported(report) => status::failure_in_answer(host, &report, response.headers()),
        DecodeError::Unreadable { why, data } => {
            let excerpt = excerpt(data.as_bytes(), redactor);
            let colon = if excerpt.is_empty() { "" } else { ": " };
            Failure::new(FailureKind::Malformed, format!("the answer of {host} {why}{colon}{excerpt}"))
        }
    }
}
