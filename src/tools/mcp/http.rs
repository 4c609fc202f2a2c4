//! The way to a server over streamable HTTP.

use std::sync::Arc;
use std::time::Duration;

use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use secrecy::{ExposeSecret, SecretString};

use crate::net::http::{HeaderName, HeaderValue, Url};
use crate::words::failure::{Failure, FailureKind};

const CONNECT_TIME: Duration = Duration::from_secs(10);

/// How often a broken stream of answers is taken up again, waiting this long and then twice as long each time. The SDK
/// would try for ever, and a call to a server that is gone would fail only with its timeout.
const RECONNECTIONS: usize = 3;
const RECONNECT_AFTER: Duration = Duration::from_millis(250);

/// A transport to `url` that sends `headers` along, and nowhere else.
pub(super) fn transport(
    url: &str,
    headers: &[(String, SecretString)],
) -> Result<StreamableHttpClientTransport<reqwest::Client>, Failure> {
    let wrong = |message: String| Failure::new(FailureKind::BadRequest, message);
    let parsed = Url::parse(url).map_err(|error| wrong(format!("its address is no URL: {error}")))?;
    let client = client(&parsed).map_err(|error| {
        Failure::new(FailureKind::Internal, format!("cannot set up TLS: {}", super::reason::innermost(&error)))
    })?;
    let pairs = headers.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().map_err(|_| wrong(format!("`{name}` cannot be a header's name")))?;
        let mut value = HeaderValue::from_str(value.expose_secret())
            .map_err(|_| wrong(format!("the value of its header `{name}` has characters that cannot be sent")))?;
        value.set_sensitive(true);
        Ok((name, value))
    });
    let mut config =
        StreamableHttpClientTransportConfig::with_uri(url).custom_headers(pairs.collect::<Result<_, Failure>>()?);
    let mut reconnection = ExponentialBackoff::default();
    reconnection.base_duration = RECONNECT_AFTER;
    reconnection.max_times = Some(RECONNECTIONS);
    config.retry_config = Arc::new(reconnection);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// The SDK's own client would follow redirects within a host; here what is called is what was written down.
fn client(url: &Url) -> reqwest::Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("orch/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIME)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // A kept connection may be closed just when a call goes out on it, and a call must not go out twice.
        .pool_max_idle_per_host(0)
        .tcp_nodelay(true);
    // Reading the system's certificates takes longer than all the rest, and plain HTTP needs none.
    if url.scheme() == "http" { builder.tls_certs_only(std::iter::empty()).build() } else { builder.build() }
}

/// As much of an address as may be shown.
pub(super) fn shown(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "an address that is no URL".to_owned() };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or("?"), url.path())
}
