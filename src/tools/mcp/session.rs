//! One session with a server: from its start to its end, with the tools that it lists in between.

use std::time::Duration;

use rmcp::service::{Peer, RoleClient};
use tokio::time::timeout;

use super::handshake::{self, Opening, Running};
use super::listing::{self, Listing};
use super::process::Process;
use super::reason::{self, Reason};
use super::shorten::Shortened;
use super::{ServerConfig, Transport, http};
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::Redactor;

/// How long a server may take to say goodbye before its process is ended.
const GOODBYE: Duration = Duration::from_secs(1);

/// A session that is ready. Dropped, its process is killed.
pub(super) struct Session {
    running: Running,
    process: Option<Process>,
}

/// What may go wrong on the way to a session.
enum SessionError {
    Failed(Reason),
    /// With the reason that it gives, should the newer way not lead to one either.
    Outdated(Reason),
}

impl Session {
    /// Starts or reaches the server, agrees on a version, and lists the tools.
    pub(super) async fn open(
        config: &ServerConfig,
        label: &str,
        redactor: &Redactor,
    ) -> Result<(Self, Listing), Failure> {
        let mut begun = Self::begin(config, Opening::Initialize, redactor).await;
        if let Err(SessionError::Outdated(first)) = begun {
            begun = Self::begin(config, Opening::Discover, redactor).await.map_err(|error| {
                let (SessionError::Failed(second) | SessionError::Outdated(second)) = error;
                let words = format!("{}; and asked in the newest version of MCP, {}", first.words, second.words);
                SessionError::Failed(Reason { words, ..second })
            });
        }
        let session = begun.map_err(|error| {
            let (SessionError::Failed(reason) | SessionError::Outdated(reason)) = error;
            not_ready(config, reason)
        })?;
        let listed = match timeout(config.timeout, listing::list(session.peer())).await {
            Ok(listed) => listed,
            Err(_) => Err(too_slow("tools/list", config.timeout)),
        };
        match listed.and_then(|tools| listing::offered(config, label, tools)) {
            Ok(listing) => Ok((session, listing)),
            Err(reason) => {
                session.close().await;
                Err(not_ready(config, reason))
            }
        }
    }

    async fn begin(config: &ServerConfig, opening: Opening, redactor: &Redactor) -> Result<Self, SessionError> {
        let failed = |kind, words: String| SessionError::Failed(Reason { kind, words });
        let (begun, mut process) = match &config.transport {
            Transport::Http { url, headers } => {
                let transport = http::transport(url, headers);
                let transport = transport.map_err(|failure| failed(failure.kind, failure.message))?;
                (timeout(config.timeout, opening.begin(transport)).await, None)
            }
            Transport::Stdio { argv, environment, directory } => {
                let started = Process::start(&config.name, argv, environment, directory, redactor.clone()).await;
                let (process, stdout, stdin) = started.map_err(|error| {
                    failed(FailureKind::BadRequest, format!("its program cannot be started: {error}"))
                })?;
                (timeout(config.timeout, opening.begin((Shortened::new(stdout), stdin))).await, Some(process))
            }
        };
        let mut reason = match begun {
            Ok(Ok(running)) => match handshake::unknown_version(running.peer()) {
                None => return Ok(Self { running, process }),
                Some(version) => Reason {
                    kind: FailureKind::BadRequest,
                    words: format!("it wants to speak version `{version}` of MCP, which orch does not know"),
                },
            },
            Ok(Err(error)) if opening.is_outdated(&error) => {
                return Err(SessionError::Outdated(reason::of_start(&error)));
            }
            Ok(Err(error)) => reason::of_start(&error),
            Err(_) => too_slow("initialize", config.timeout),
        };
        if let Some(process) = &mut process {
            let words = process.last_words().await;
            if !words.is_empty() {
                reason.words.push_str(&format!("; its last words: {words}"));
            }
        }
        Err(SessionError::Failed(reason))
    }

    /// What calls are made through.
    pub(super) fn peer(&self) -> &Peer<RoleClient> {
        self.running.peer()
    }

    /// Whether the other end is gone.
    pub(super) fn is_over(&self) -> bool {
        self.running.is_closed() || self.peer().is_transport_closed()
    }

    /// Says goodbye and ends the process.
    pub(super) async fn close(mut self) {
        // A server that does not take leave is ended all the same.
        let _ = self.running.close_with_timeout(GOODBYE).await;
        if let Some(process) = self.process.take() {
            process.end().await;
        }
    }
}

fn too_slow(request: &str, time: Duration) -> Reason {
    Reason { kind: FailureKind::Timeout, words: format!("it did not answer `{request}` within {time:?}") }
}

fn not_ready(config: &ServerConfig, reason: Reason) -> Failure {
    let place = match &config.transport {
        Transport::Stdio { argv, .. } => format!("`{}`", argv.join(" ")),
        Transport::Http { url, .. } => http::shown(url),
    };
    let message = format!("the MCP server `{}` ({place}) is not usable: {}", config.name, reason.words);
    Failure::new(reason.kind, message)
}
