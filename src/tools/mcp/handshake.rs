//! How a session with a server begins, and what we are to the server.

use rmcp::model::{ClientCapabilities, ClientConfig, ErrorCode, ErrorData, Implementation, ProtocolVersion};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, Peer, RequestContext, RoleClient, RunningService,
};
use rmcp::transport::IntoTransport;
use rmcp::{ClientHandler, model};

/// A session as the SDK runs it.
pub(super) type Running = RunningService<RoleClient, Client>;

/// What we are to a server: a client that offers nothing and declines what it is asked for.
pub(super) struct Client;

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let name = Implementation::new("orch", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), name)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    /// The SDK would answer with an empty list; the other two requests it declines by itself.
    #[expect(deprecated, reason = "older servers ask for roots, which the newest version of MCP does not have")]
    async fn list_roots(&self, _context: RequestContext<RoleClient>) -> Result<model::ListRootsResult, ErrorData> {
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "roots/list", None))
    }
}

/// How a session begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// With `initialize`, which nearly every server knows.
    Initialize,
    /// With `server/discover`, which took its place in the version of 2026-07-28.
    Discover,
}

impl Opening {
    /// Begins the session.
    pub(super) async fn begin<T, E, A>(self, transport: T) -> Result<Running, ClientInitializeError>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let mode = match self {
            Self::Initialize => ClientLifecycleMode::Initialize,
            Self::Discover => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
        };
        Client.serve_with_lifecycle(transport, mode).await
    }

    /// Whether the server may be one that does not know `initialize` any more: it says so, or it misses what every request
    /// of the newest version has.
    pub(super) fn is_outdated(self, error: &ClientInitializeError) -> bool {
        let ClientInitializeError::JsonRpcError(error) = error else { return false };
        self == Self::Initialize
            && matches!(
                error.code,
                ErrorCode::METHOD_NOT_FOUND
                    | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
                    | ErrorCode::HEADER_MISMATCH
                    | ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY
                    | ErrorCode::INVALID_REQUEST
                    | ErrorCode::INVALID_PARAMS
            )
    }
}

/// The version that the server chose, if it is none that we speak. The SDK takes any.
pub(super) fn unknown_version(peer: &Peer<RoleClient>) -> Option<String> {
    let chosen = peer.peer_info()?.protocol_version.clone();
    (!ProtocolVersion::KNOWN_VERSIONS.contains(&chosen)).then(|| chosen.as_str().to_owned())
}
