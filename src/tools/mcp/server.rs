//! One server of a run: started when it is needed, started again when it is gone, not for ever.

use std::collections::HashSet;
use std::sync::Arc;

use rmcp::model::CallToolRequestParams;
use rmcp::service::{Peer, RoleClient, ServiceError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::listing::{LeftOut, Listing};
use super::session::Session;
use super::{Outcome, ServerConfig, Transport, call, content, reason};
use crate::os::process::{RUN_VARIABLE, is_clean};
use crate::words::conversation::Tool;
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::{Redactor, secrets_of_variable};
use crate::words::text;

/// How often a server is started in a run: once, and again twice. One that dies more often has a fault that starting
/// does not mend.
const MAX_STARTS: u32 = 3;

/// A server and the session with it, if there is one.
pub(super) struct Server {
    config: ServerConfig,
    label: String,
    redactor: Redactor,
    state: Mutex<State>,
    closing: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    starts: u32,
    failure: Option<Failure>,
}

struct Live {
    session: Session,
    listing: Arc<Listing>,
}

/// What a call needs of a session, without keeping it.
struct Line {
    /// Which session it is, by the number of its start.
    start: u32,
    peer: Peer<RoleClient>,
    listing: Arc<Listing>,
}

impl Server {
    pub(super) fn new(config: ServerConfig, label: String) -> Self {
        let redactor = Redactor::new(secrets(&config.transport));
        Self { config, label, redactor, state: Mutex::default(), closing: watch::Sender::new(false) }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) async fn tools(&self) -> Result<Vec<Tool>, Failure> {
        Ok(self.line().await?.listing.tools.clone())
    }

    /// The full names of those of which it says that they only read.
    ///
    /// # Errors
    /// As for the tools.
    pub(super) async fn readers(&self) -> Result<HashSet<String>, Failure> {
        Ok(self.line().await?.listing.readers.clone())
    }

    /// The tools that it lists and that cannot be used. Empty before it was started.
    pub(super) async fn left_out(&self) -> Vec<LeftOut> {
        let state = self.state.lock().await;
        state.live.as_ref().map(|live| live.listing.left_out.clone()).unwrap_or_default()
    }

    pub(super) async fn call(&self, full_name: &str, arguments: &Value) -> Outcome {
        let outcome = self.attempt(full_name, arguments).await;
        let outcome = outcome.unwrap_or_else(|failure| Outcome::error(failure.message));
        let text = self.redactor.redact_secrets(&outcome.text).into_owned();
        Outcome { text: content::capped(text, self.config.max_result_bytes), ..outcome }
    }

    /// Ends the session, also one that is just beginning, for good.
    pub(super) async fn close(&self) {
        self.closing.send_replace(true);
        if let Some(live) = self.state.lock().await.live.take() {
            live.session.close().await;
        }
    }

    async fn attempt(&self, full_name: &str, arguments: &Value) -> Result<Outcome, Failure> {
        let (name, time) = (self.name(), self.config.timeout);
        let arguments = match arguments {
            Value::Object(arguments) => Some(arguments.clone()),
            Value::Null => None,
            other => {
                let message = format!("the arguments of `{full_name}` must be a JSON object, not {other}");
                return Err(Failure::new(FailureKind::BadRequest, message));
            }
        };
        let line = self.line().await?;
        let Some(own) = line.listing.own_name(full_name) else {
            let message = format!("the MCP server `{name}` has no tool `{full_name}` that may be used");
            return Err(Failure::new(FailureKind::BadRequest, message));
        };
        let mut request = CallToolRequestParams::new(own.to_owned());
        request.arguments = arguments;
        match timeout(time, call::perform(&line.peer, request)).await {
            Ok(Ok(Some(outcome))) => Ok(outcome),
            Ok(Ok(None)) => {
                let message =
                    format!("`{own}` of the MCP server `{name}` asks for more than arguments, which orch cannot give");
                Err(Failure::new(FailureKind::BadRequest, message))
            }
            Ok(Err(error)) => {
                if reason::ends_session(&error) {
                    self.end(line.start).await;
                }
                let reason = reason::of_request(&error);
                let hint = match (&error, &self.config.transport) {
                    // The SDK stops reading there, and with it the whole session.
                    (ServiceError::TransportClosed, Transport::Http { .. }) => {
                        ", or its answer has more than the 16 MiB that are read"
                    }
                    _ => "",
                };
                let message = format!("the call of `{own}` of the MCP server `{name}` failed: {}{hint}", reason.words);
                Err(self.clean(Failure::new(reason.kind, message)))
            }
            Err(_) => {
                let message = format!("`{own}` of the MCP server `{name}` did not answer within {time:?}");
                Err(Failure::new(FailureKind::Timeout, message))
            }
        }
    }

    /// The session that is running, or a new one.
    async fn line(&self) -> Result<Line, Failure> {
        let mut state = self.state.lock().await;
        if let Some(over) = state.live.take_if(|live| live.session.is_over()) {
            over.session.close().await;
        }
        let live = match state.live.take() {
            Some(live) => live,
            None => self.start(&mut state).await?,
        };
        let live = state.live.insert(live);
        let (peer, listing) = (live.session.peer().clone(), Arc::clone(&live.listing));
        Ok(Line { start: state.starts, peer, listing })
    }

    async fn start(&self, state: &mut State) -> Result<Live, Failure> {
        if state.starts >= MAX_STARTS {
            let why = state.failure.as_ref().map(|failure| format!(": {}", failure.message)).unwrap_or_default();
            let message = format!(
                "the MCP server `{}` was started {MAX_STARTS} times in this run and is not started again{why}",
                self.name()
            );
            return Err(Failure::new(FailureKind::Connection, message));
        }
        let mut closing = self.closing.subscribe();
        let opened = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => {
                let message = format!("the MCP server `{}` is not started any more: the run ends", self.name());
                return Err(Failure::new(FailureKind::Cancelled, message));
            }
            opened = Session::open(&self.config, &self.label, &self.redactor) => opened,
        };
        state.starts += 1;
        match opened {
            Ok((session, listing)) => {
                state.failure = None;
                // Once a run; what it lists after it was started again is the same.
                if state.starts == 1 {
                    self.warn_of(&listing.left_out);
                }
                Ok(Live { session, listing: Arc::new(listing) })
            }
            Err(failure) => {
                let failure = self.clean(failure);
                state.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// Ends the session of that start, unless another call was faster.
    async fn end(&self, start: u32) {
        let mut state = self.state.lock().await;
        if state.starts == start
            && let Some(live) = state.live.take()
        {
            live.session.close().await;
        }
    }

    fn warn_of(&self, left_out: &[LeftOut]) {
        for LeftOut { name, why } in left_out {
            let words = format!("the tool `{name}` of the MCP server `{}` is left out: {why}", self.name());
            tracing::warn!("{}", text::clean(&self.redactor.redact(&words)));
        }
    }

    fn clean(&self, failure: Failure) -> Failure {
        Failure { message: self.redactor.redact(&failure.message).into_owned(), ..failure }
    }
}

/// What may not be shown of a server's configuration.
pub(super) fn secrets(transport: &Transport) -> Vec<SecretString> {
    match transport {
        Transport::Stdio { environment, .. } => {
            let given = environment.iter().filter(|(name, _)| !is_clean(name) && name != RUN_VARIABLE);
            given.flat_map(|(name, value)| secrets_of_variable(name, value)).collect()
        }
        // `Bearer` stands before the key, which may be shown without it.
        Transport::Http { url, headers } => headers
            .iter()
            .flat_map(|(_, value)| [Some(value.expose_secret()), value.expose_secret().split_whitespace().last()])
            .flatten()
            .map(SecretString::from)
            .chain(crate::net::http::Url::parse(url).iter().flat_map(crate::net::http::secrets_of_address))
            .collect(),
    }
}
