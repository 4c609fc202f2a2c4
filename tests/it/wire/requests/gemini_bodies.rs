//! Gemini, as Google documents it.
//!
//! <https://github.com/googleapis/python-genai>, `google/genai/types.py` (`GenerateContentConfig`, `FunctionDeclaration`,
//! `FunctionCall`, `FunctionResponse`), of which `google/genai/models.py` makes the members of the body in camel case.

use serde_json::{Value, json};

use super::{assert_bodies, place, score, with};
use crate::server::vendor::gemini;

#[test]
fn gemini_is_asked_as_google_documents_it() {
    let bare = |contents: Value| json!({ "contents": contents });
    let system = json!({"systemInstruction": {"parts": [{"text": "Be brief."}]}});
    let body = |contents: Value, more: Value| with(with(bare(contents), system.clone()), more);
    let said = |role: &str, text: &str| json!({"role": role, "parts": [{"text": text}]});
    let hello = json!([said("user", "hello")]);
    let tools = json!([{"functionDeclarations": [{
        "name": "weather",
        "description": "The weather at a place.",
        "parametersJsonSchema": place(),
    }]}]);
    let conversation = json!([
        said("user", "hello"),
        {"role": "model", "parts": [
            {"text": "Let me look."},
            {
                "functionCall": {"name": "weather", "args": {"place": "Bern"}},
                "thoughtSignature": "skip_thought_signature_validator",
            },
            {"functionCall": {"name": "weather", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "weather", "response": {"output": "rain"}}},
            {"functionResponse": {"name": "weather", "response": {"error": ""}}},
            {"text": "And?"},
        ]},
    ]);
    let form = json!({"responseMimeType": "application/json", "responseJsonSchema": score()});
    assert_bodies(
        &gemini::ROW,
        [
            bare(hello.clone()),
            body(json!([said("user", "hello"), said("model", "Hi."), said("user", "go on")]), json!({})),
            body(hello.clone(), json!({"generationConfig": {"temperature": 0.5, "maxOutputTokens": 100}})),
            body(hello.clone(), json!({"tools": tools})),
            body(conversation, json!({"tools": tools})),
            body(hello.clone(), json!({"generationConfig": form})),
            // Most models refuse both at once: <https://github.com/googleapis/python-genai/issues/867>.
            body(hello, json!({"tools": tools})),
        ],
    );
}
