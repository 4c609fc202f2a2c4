//! Where a provider is and what opens it: a base URL and a key.
//!
//! Knows how people write base URLs; knows nothing of what is sent there.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::model::key_command::PrintedKey;
use crate::net::http::{HeaderMap, HeaderValue, Url, secrets_of_address};
use crate::plan::spec::Auth;

/// A provider's base URL and key, checked.
#[derive(Debug, Clone)]
pub struct Endpoint {
    base: Url,
    api_key: Option<ApiKey>,
    extras: Extras,
}

/// What requests carry besides the key, with the values that the environment has.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    /// How the key is sent.
    pub(super) auth: Option<Auth>,
    /// More headers.
    pub(super) headers: HeaderMap,
    /// More parameters of the address.
    pub(super) query: Vec<(String, String)>,
    /// What of these may not be shown.
    pub(super) secrets: Vec<SecretString>,
}

/// What opens a provider.
#[derive(Debug, Clone)]
pub(super) enum ApiKey {
    /// A key that stays what it is.
    Fixed(SecretString),
    /// One that a command prints, and prints again when it has expired.
    Printed(Arc<PrintedKey>),
}

/// Why there is no [`Endpoint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL at all.
    #[error("the base URL is not a URL: {0}")]
    Url(String),
    /// Another scheme than `http` or `https`.
    #[error("the base URL starts with `{0}:`, but a model is reached by `http:` or `https:`")]
    Scheme(String),
    /// A key with a line break or a control character in it.
    #[error("the API key has a character in it that no header can carry, such as a line break")]
    Key,
}

impl Endpoint {
    /// Checks a base URL and a key. Blanks around the key, which come along when it is pasted, are taken off;
    /// a blank key is none.
    ///
    /// # Errors
    /// Says what is wrong, without showing the key or the URL.
    pub fn new(base_url: &str, api_key: Option<SecretString>) -> Result<Self, EndpointError> {
        let base = Url::parse(base_url.trim()).map_err(|error| EndpointError::Url(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(EndpointError::Scheme(base.scheme().to_owned()));
        }
        let api_key = api_key.map(|key| key.expose_secret().trim().to_owned()).filter(|key| !key.is_empty());
        if api_key.as_ref().is_some_and(|key| HeaderValue::from_str(key).is_err()) {
            return Err(EndpointError::Key);
        }
        let api_key = api_key.map(|key| ApiKey::Fixed(SecretString::from(key)));
        Ok(Self { base, api_key, extras: Extras::default() })
    }

    /// The same with a key that may come from a command.
    pub(super) fn opened_by(base_url: &str, api_key: Option<ApiKey>) -> Result<Self, EndpointError> {
        match api_key {
            Some(ApiKey::Printed(key)) => {
                Ok(Self { api_key: Some(ApiKey::Printed(key)), ..Self::new(base_url, None)? })
            }
            Some(ApiKey::Fixed(key)) => Self::new(base_url, Some(key)),
            None => Self::new(base_url, None),
        }
    }

    /// The same with more on its requests.
    pub(super) fn carrying(self, extras: Extras) -> Self {
        Self { extras, ..self }
    }

    /// Whether requests carry what their protocol says and no more.
    pub(super) fn is_plain(&self) -> bool {
        let Extras { auth, headers, query, .. } = &self.extras;
        auth.is_none() && headers.is_empty() && query.is_empty()
    }

    /// How the key is sent, more headers, and more parameters.
    pub(super) fn carried(&self) -> (Option<Auth>, &HeaderMap, &[(String, String)]) {
        (self.extras.auth, &self.extras.headers, &self.extras.query)
    }

    /// The command's key, if one prints it.
    pub(crate) fn printed_key(&self) -> Option<Arc<PrintedKey>> {
        match &self.api_key {
            Some(ApiKey::Printed(key)) => Some(key.clone()),
            Some(ApiKey::Fixed(_)) | None => None,
        }
    }

    /// The key of this moment.
    fn key(&self) -> Option<SecretString> {
        match self.api_key.as_ref()? {
            ApiKey::Fixed(key) => Some(key.clone()),
            ApiKey::Printed(key) => Some(key.key()),
        }
    }

    /// Everything of the endpoint that may not be shown: its key, the keys in its URL, and those that requests carry.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let carried = self.extras.secrets.iter().cloned();
        self.key().into_iter().chain(secrets_of_address(&self.base)).chain(carried).collect()
    }

    /// The host's name.
    pub(crate) fn host_name(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// The host's name, with the port where it is not the usual one.
    pub(crate) fn shown_host(&self) -> String {
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.host_name())
    }

    /// The base URL's path without the slashes at its end.
    pub(crate) fn path(&self) -> &str {
        self.base.path().trim_end_matches('/')
    }

    /// The base URL with another path; its query stays.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// The value of a header that carries the key, after `prefix`.
    pub(crate) fn key_header(&self, prefix: &str) -> Option<HeaderValue> {
        let key = self.key()?;
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", key.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(base_url: &str, key: &str) -> Option<EndpointError> {
        Endpoint::new(base_url, Some(key.into())).err()
    }

    #[test]
    fn what_cannot_be_an_endpoint_is_said_without_showing_the_key() {
        assert!(matches!(error("api.example/v1", "k"), Some(EndpointError::Url(_))));
        assert_eq!(error("ftp://h", "k"), Some(EndpointError::Scheme("ftp".to_owned())));
        assert_eq!(error("http://h", "a\nb"), Some(EndpointError::Key));
        assert_eq!(error("http://h", " key\n"), None);
    }

    #[test]
    fn the_keys_in_a_url_are_secrets_too() {
        let endpoint = Endpoint::new("https://u:password@h/v1?key=canary&a=1", Some("sk".into())).unwrap();
        let secrets: Vec<_> = endpoint.secrets().iter().map(|s| s.expose_secret().to_owned()).collect();
        assert_eq!(secrets, ["sk", "canary", "password"]);
        assert_eq!(endpoint.at("/v1/models").as_str(), "https://u:password@h/v1/models?key=canary&a=1");
        assert!(!format!("{:?}", endpoint.key_header("Bearer ")).contains("sk"));
    }
}
