//! A wire whose requests carry more than its protocol says: the headers and parameters of the file, and the key in the way
//! that the file names.

use std::sync::Arc;

use crate::model::call::ModelRequest;
use crate::model::endpoint::Endpoint;
use crate::model::reply_builder::ReplyBuilder;
use crate::model::wire::{DecodeError, Wire};
use crate::net::http::{self, HeaderName, header};
use crate::net::sse;
use crate::plan::spec::Auth;

/// The headers in which the protocols carry a key.
const KEY_HEADERS: [HeaderName; 3] =
    [header::AUTHORIZATION, HeaderName::from_static("x-api-key"), HeaderName::from_static("x-goog-api-key")];

/// A wire with more on its requests.
pub(super) struct Dressed {
    /// The protocol.
    pub(super) wire: Arc<dyn Wire>,
    /// What is carried.
    pub(super) endpoint: Endpoint,
}

impl Dressed {
    fn dress(&self, mut request: http::Request) -> http::Request {
        let (auth, headers, query) = self.endpoint.carried();
        if let Some(auth) = auth {
            for name in KEY_HEADERS {
                request.headers.remove(name);
            }
            let carried = match auth {
                Auth::Bearer => self.endpoint.key_header("Bearer ").map(|key| (header::AUTHORIZATION, key)),
                Auth::ApiKey => self.endpoint.key_header("").map(|key| (HeaderName::from_static("api-key"), key)),
                Auth::None => None,
            };
            request.headers.extend(carried);
        }
        for (name, value) in headers {
            request.headers.insert(name, value.clone());
        }
        if !query.is_empty() {
            request.url.query_pairs_mut().extend_pairs(query);
        }
        request
    }
}

impl Wire for Dressed {
    fn encode(&self, request: &ModelRequest) -> http::Request {
        self.dress(self.wire.encode(request))
    }

    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        self.wire.decode_event(event, draft)
    }

    fn decode_body(&self, body: &str, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        self.wire.decode_body(body, draft)
    }

    fn list_models(&self) -> http::Request {
        self.dress(self.wire.list_models())
    }

    fn bills_itself(&self) -> bool {
        self.wire.bills_itself()
    }
}
