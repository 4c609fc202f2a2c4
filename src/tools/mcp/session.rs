//! One session with a server: from its start to its end, with the tools that it lists in between.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rmcp::model::PaginatedRequestParams;
use rmcp::service::{Peer, RoleClient};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::handshake::{self, Opening, Running};
use super::process::Process;
use super::reason::{self, Reason};
use super::{ServerConfig, Transport, content, http, names};
use crate::words::conversation::Tool;
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::Redactor;
use crate::words::text;

/// How long a server may take to say goodbye before its process is ended.
const GOODBYE: Duration = Duration::from_secs(1);

/// The longest description of a tool, in bytes. It stands in every request, and is paid for in each.
const MAX_DESCRIPTION_BYTES: usize = 4096;

/// The longest schema of a tool's arguments, in bytes. In place of a longer one stands that they are an object.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// The most tools of one server.
const MAX_TOOLS: usize = 256;

/// A server that lists more pages than this lists in circles.
const MAX_PAGES: usize = 100;

/// A session that is ready. Dropped, its process is killed.
pub(super) struct Session {
    running: Running,
    process: Option<Process>,
}

/// The tools of a session that may be used.
pub(super) struct Listing {
    /// As a model sees them, in the server's order.
    pub(super) tools: Vec<Tool>,
    /// The server's own names, by the full ones.
    own: HashMap<String, String>,
}

impl Listing {
    /// The server's own name of a tool.
    pub(super) fn own_name(&self, full_name: &str) -> Option<&str> {
        self.own.get(full_name).map(String::as_str)
    }
}

/// What may go wrong on the way to a session.
enum SessionError {
    Failed(Reason),
    Outdated,
}

impl Session {
    /// Starts or reaches the server, agrees on a version, and lists the tools.
    pub(super) async fn open(
        config: &ServerConfig,
        label: &str,
        redactor: &Redactor,
    ) -> Result<(Self, Listing), Failure> {
        let mut opening = Opening::Initialize;
        let session = loop {
            match Self::begin(config, opening, redactor).await {
                Ok(session) => break session,
                Err(SessionError::Outdated) => opening = Opening::Discover,
                Err(SessionError::Failed(reason)) => return Err(not_ready(config, reason)),
            }
        };
        let listed = match timeout(config.timeout, list(session.peer())).await {
            Ok(listed) => listed,
            Err(_) => Err(too_slow("tools/list", config.timeout)),
        };
        match listed.and_then(|tools| offered(config, label, tools)) {
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
                (timeout(config.timeout, opening.begin((stdout, stdin))).await, Some(process))
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
            Ok(Err(error)) if opening.is_outdated(&error) => return Err(SessionError::Outdated),
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

/// All pages of what the server can do.
async fn list(peer: &Peer<RoleClient>) -> Result<Vec<rmcp::model::Tool>, Reason> {
    let (mut tools, mut cursor) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let wanted = cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
        let page = peer.list_tools(wanted).await.map_err(|error| reason::of_request(&error))?;
        tools.extend(page.tools);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(tools);
        }
    }
    let words = format!("its list of tools does not end: {MAX_PAGES} pages and more");
    Err(Reason { kind: FailureKind::Malformed, words })
}

/// The tools that the configuration lets through, under their full names.
fn offered(config: &ServerConfig, label: &str, mut tools: Vec<rmcp::model::Tool>) -> Result<Listing, Reason> {
    let mut seen = HashSet::new();
    tools.retain(|tool| seen.insert(tool.name.clone()));
    let own: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    if let Some(missing) = config.tools.iter().flatten().find(|wanted| !own.contains(&wanted.as_str())) {
        let words = format!("it has no tool `{missing}`; it has {}", own.join(", "));
        return Err(Reason { kind: FailureKind::BadRequest, words });
    }
    let full_names = names::full_names(label, &own);
    let allowed = |name: &str| {
        let is = |other: &String| other == name;
        config.tools.as_ref().is_none_or(|tools| tools.iter().any(is)) && !config.exclude.iter().any(is)
    };
    let chosen = tools.iter().zip(&full_names).filter(|(tool, _)| allowed(&tool.name));
    let mut listing = Listing { tools: Vec::new(), own: HashMap::new() };
    if chosen.clone().count() > MAX_TOOLS {
        let words = format!("it offers more than {MAX_TOOLS} tools; name those that are wanted under `tools`");
        return Err(Reason { kind: FailureKind::BadRequest, words });
    }
    for (tool, name) in chosen {
        listing.own.insert(name.clone(), tool.name.to_string());
        listing.tools.push(shown(tool, name.clone()));
    }
    Ok(listing)
}

fn shown(tool: &rmcp::model::Tool, name: String) -> Tool {
    let description = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default();
    let description = content::capped(text::clean(description).into_owned(), MAX_DESCRIPTION_BYTES);
    let mut parameters = (*tool.input_schema).clone();
    if Value::Object(parameters.clone()).to_string().len() > MAX_SCHEMA_BYTES {
        parameters.clear();
    }
    // Providers refuse a schema that does not say so, and MCP allows nothing else.
    parameters.entry("type").or_insert_with(|| json!("object"));
    Tool { name, description, parameters: Value::Object(parameters) }
}
