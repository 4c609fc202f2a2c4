//! What the SDK's errors say, in words, and without what may not be shown.
//!
//! Their own words may hold an address with a key in it, so they are taken apart as far as they can be.

use std::error::Error;

use rmcp::model::ProtocolVersion;
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use crate::words::failure::FailureKind;

type HttpError = StreamableHttpError<reqwest::Error>;

/// A class and the words for it.
pub(super) struct Reason {
    pub(super) kind: FailureKind,
    pub(super) words: String,
}

impl Reason {
    fn new(kind: FailureKind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into() }
    }
}

/// Why a server did not get ready.
pub(super) fn of_start(error: &ClientInitializeError) -> Reason {
    match error {
        ClientInitializeError::TransportError { error, .. } if http(error).is_some() => of_transport(error),
        // Whether our first words came in time for it not to hear them says nothing.
        ClientInitializeError::TransportError { .. } | ClientInitializeError::ConnectionClosed(_) => {
            Reason::new(FailureKind::Connection, "it closed the connection before it was ready")
        }
        ClientInitializeError::JsonRpcError(error) => {
            let words = format!("it refuses to start a session: {} ({})", error.message, error.code.0);
            Reason::new(FailureKind::BadRequest, words)
        }
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            let versions: Vec<_> = server_supported.iter().map(ProtocolVersion::as_str).collect();
            let words = format!("it speaks versions of MCP that orch does not: {}", versions.join(", "));
            Reason::new(FailureKind::BadRequest, words)
        }
        _ => Reason::new(FailureKind::Malformed, "its answer to `initialize` is not what MCP says"),
    }
}

/// Why a request came to nothing.
pub(super) fn of_request(error: &ServiceError) -> Reason {
    match error {
        ServiceError::McpError(error) => {
            Reason::new(FailureKind::BadRequest, format!("it answers: {} ({})", error.message, error.code.0))
        }
        ServiceError::TransportSend(error) => of_transport(error),
        ServiceError::TransportClosed => closed(),
        ServiceError::Cancelled { .. } => Reason::new(FailureKind::Cancelled, "the call was cancelled"),
        _ => Reason::new(FailureKind::Malformed, "its answer is not what MCP says"),
    }
}

/// Whether the session is over and a new one is needed.
pub(super) fn ends_session(error: &ServiceError) -> bool {
    match error {
        ServiceError::TransportClosed => true,
        ServiceError::TransportSend(error) => match http(error) {
            Some(error) => matches!(
                error,
                HttpError::SessionExpired
                    | HttpError::SessionRecoveryTimeout
                    | HttpError::ReinitializationFailed(_)
                    | HttpError::TransportChannelClosed
            ),
            // A pipe that cannot be written to has no reader any more.
            None => true,
        },
        _ => false,
    }
}

fn of_transport(error: &DynamicTransportError) -> Reason {
    // What breaks a pipe is that nobody holds its other end.
    http(error).map_or_else(closed, of_http)
}

fn closed() -> Reason {
    Reason::new(FailureKind::Connection, "it closed the connection")
}

fn http(error: &DynamicTransportError) -> Option<&HttpError> {
    let mut at: Option<&(dyn Error + 'static)> = Some(&*error.error);
    while let Some(error) = at {
        if let Some(http) = error.downcast_ref() {
            return Some(http);
        }
        at = error.source();
    }
    None
}

fn of_http(error: &HttpError) -> Reason {
    match error {
        HttpError::Client(error) if error.is_timeout() => Reason::new(FailureKind::Timeout, "no connection in time"),
        HttpError::Client(error) => {
            let words = match error.status() {
                Some(status) => format!("it answers HTTP {status}"),
                None => format!("no connection: {}", innermost(error)),
            };
            Reason::new(FailureKind::Connection, words)
        }
        HttpError::AuthRequired(_) => Reason::new(FailureKind::Auth, "it wants a key (HTTP 401): set it in `headers`"),
        HttpError::InsufficientScope(_) => Reason::new(FailureKind::Auth, "the key may not do this (HTTP 403)"),
        HttpError::HttpStatus(error) if error.status == 429 => {
            Reason::new(FailureKind::RateLimited, "it has too many requests (HTTP 429)")
        }
        HttpError::HttpStatus(error) => {
            Reason::new(FailureKind::Overloaded, format!("it is broken (HTTP {})", error.status))
        }
        HttpError::UnexpectedServerResponse(said) => unexpected(said),
        HttpError::SessionExpired => Reason::new(FailureKind::Connection, "it forgot the session (HTTP 404)"),
        HttpError::ReservedHeaderConflict(name) => {
            Reason::new(FailureKind::BadRequest, format!("the header `{name}` is MCP's own and cannot be set"))
        }
        HttpError::UnexpectedContentType(kind) => {
            let kind = kind.as_deref().unwrap_or("nothing");
            Reason::new(FailureKind::Malformed, format!("it answers with {kind}, which is not MCP: is the URL right?"))
        }
        other => Reason::new(FailureKind::Connection, innermost(other)),
    }
}

/// An answer with a status that the SDK has no case for; it begins with `HTTP <status>`.
fn unexpected(said: &str) -> Reason {
    let status: Option<u16> = said.strip_prefix("HTTP ").and_then(|rest| rest.get(..3)?.parse().ok());
    match status {
        Some(300..=399) => Reason::new(
            FailureKind::BadRequest,
            format!(
                "it redirects ({}). Redirects are not followed, because the headers would go along: set the address \
                 that it redirects to",
                said.split(':').next().unwrap_or(said)
            ),
        ),
        Some(401 | 403) => Reason::new(FailureKind::Auth, format!("not authorized: {said}")),
        _ => Reason::new(FailureKind::Malformed, said),
    }
}

/// The first cause of an error, which names the reason and no address.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    while let Some(source) = at.source() {
        at = source;
    }
    match at.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request could not be made".to_owned(),
        None => at.to_string(),
    }
}
