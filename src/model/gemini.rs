//! Google's Gemini API.
//!
//! Format: <https://ai.google.dev/api/generate-content>. Thoughts are not part of the answer. A turn that calls tools, or
//! that is signed, is kept as it came and sent back: <https://ai.google.dev/gemini-api/docs/thought-signatures>.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::call::ModelRequest;
use crate::model::endpoint::Endpoint;
use crate::model::reasoning;
use crate::model::reply_builder::ReplyBuilder;
use crate::model::status::Report;
use crate::model::tool_schema::{GEMINI, fit};
use crate::model::wire::{DecodeError, Wire};
use crate::net::http::{self, HeaderMap, HeaderName, HeaderValue, Method, header};
use crate::net::sse;
use crate::words::conversation::Tool;

mod answer;
mod contents;

/// The wire's name, by which a turn in its form is known.
const NAME: &str = "gemini";

/// The versions of the API that a base URL may name. Without one it is the first, which has everything.
const VERSIONS: [&str; 3] = ["/v1beta", "/v1alpha", "/v1"];

/// Google's server of Gemini models, or one that speaks its protocol.
#[derive(Debug, Clone)]
pub(crate) struct Gemini {
    endpoint: Endpoint,
}

impl Gemini {
    /// A server at `endpoint`, whose base URL is `https://host` or `https://host/v1beta`.
    #[must_use]
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    fn request(&self, method: Method, resource: &str, query: (&str, &str), body: Option<Vec<u8>>) -> http::Request {
        let path = self.endpoint.path();
        let base = path.strip_suffix("/models").unwrap_or(path);
        let version = if VERSIONS.iter().any(|version| base.ends_with(version)) { "" } else { VERSIONS[0] };
        let mut url = self.endpoint.at(&format!("{base}{version}/{resource}"));
        url.query_pairs_mut().append_pair(query.0, query.1);
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
        if body.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.extend(self.endpoint.key_header("").map(|key| (HeaderName::from_static("x-goog-api-key"), key)));
        http::Request { method, url, headers, body }
    }
}

/// The body of a request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerateContent {
    contents: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "GenerationConfig::is_empty")]
    generation_config: GenerationConfig,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Value>,
}

impl GenerationConfig {
    /// The form of the answer is `responseJsonSchema`, since `responseSchema` takes Google's own dialect. Beside
    /// functions most models refuse it (<https://github.com/googleapis/python-genai/issues/867>), so it is left out there.
    fn of(request: &ModelRequest) -> Self {
        let schema = request.schema.as_ref().filter(|_| request.tools.is_empty());
        Self {
            temperature: request.temperature,
            max_output_tokens: request.max_tokens,
            response_mime_type: schema.map(|_| "application/json"),
            response_json_schema: schema.map(|answer| answer.schema.clone()),
            top_p: request.tuning.top_p,
            stop_sequences: request.tuning.stop.clone(),
            seed: request.tuning.seed,
            thinking_config: request.tuning.reasoning.map(|level| reasoning::gemini(&request.model, level)),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn declaration(tool: &Tool) -> Value {
    let parameters = fit(&tool.parameters, &GEMINI);
    json!({"name": tool.name, "description": tool.description, "parametersJsonSchema": parameters})
}

impl Wire for Gemini {
    fn encode(&self, request: &ModelRequest) -> http::Request {
        let declarations: Vec<Value> = request.tools.iter().map(declaration).collect();
        let body = GenerateContent {
            contents: contents::of(&request.messages),
            system_instruction: contents::system(&request.messages),
            tools: if declarations.is_empty() { vec![] } else { vec![json!({"functionDeclarations": declarations})] },
            generation_config: GenerationConfig::of(request),
        };
        // A tuned model is named with its folder, and the list of models gives every name so.
        let folder = if request.model.contains('/') { "" } else { "models/" };
        let resource = format!("{folder}{}:streamGenerateContent", request.model);
        self.request(Method::POST, &resource, ("alt", "sse"), serde_json::to_vec(&body).ok())
    }

    fn decode_event(&self, event: &sse::Event<'_>, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(());
        }
        // Google sends no such end, but servers do that come from Chat Completions.
        if data == "[DONE]" {
            draft.done = true;
            return Ok(());
        }
        match serde_json::from_str(data) {
            Ok(chunk) => answer::read(&chunk, draft),
            Err(_) if event.name == "error" => {
                Err(DecodeError::Reported(Report { message: data.to_owned(), ..Report::default() }))
            }
            Err(error) => Err(DecodeError::unreadable(format!("has an event that is no JSON ({error})"), data)),
        }
    }

    fn decode_body(&self, body: &str, draft: &mut ReplyBuilder) -> Result<(), DecodeError> {
        let value: Value = serde_json::from_str(body)
            .map_err(|error| DecodeError::unreadable(format!("is no JSON ({error})"), body))?;
        // A proxy that drops the query gets the stream as a list of its chunks.
        let chunks = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
        for chunk in chunks {
            answer::read(chunk, draft)?;
        }
        if !chunks.iter().any(answer::is_one) {
            return Err(DecodeError::unreadable("is JSON, but no generated content", body));
        }
        answer::end_whole(draft);
        Ok(())
    }

    fn list_models(&self) -> http::Request {
        // A page has 50 models if nothing is said.
        self.request(Method::GET, "models", ("pageSize", "1000"), None)
    }
}
