//! What a tool gives back, as the text that a model is shown.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use super::Outcome;

/// The room that a note about a cut takes at most.
const NOTE_BYTES: usize = 96;

const UNKNOWN: &str = "[content of an unknown kind, not shown]";

/// The text of a result, whole: pieces of text as they are, a note for everything that is not text.
pub(super) fn outcome(result: &CallToolResult) -> Outcome {
    let mut pieces: Vec<String> = result.content.iter().map(piece).collect();
    if !result.content.iter().any(is_text)
        && let Some(structured) = &result.structured_content
    {
        pieces.insert(0, structured.to_string());
    }
    let (mut text, is_error) = (pieces.join("\n"), result.is_error.unwrap_or(false));
    if is_error && text.is_empty() {
        text.push_str("the tool failed and does not say why");
    }
    Outcome { text, is_error }
}

/// At most `max` bytes of `text`, the note about the rest included.
pub(super) fn capped(mut text: String, max: usize) -> String {
    if text.len() <= max {
        return text;
    }
    let whole = text.len();
    let kept = text.floor_char_boundary(max.saturating_sub(NOTE_BYTES));
    text.truncate(kept);
    text.push_str(&format!("\n[cut off here: all of it has {whole} bytes, the first {kept} are shown]"));
    text
}

fn is_text(block: &ContentBlock) -> bool {
    match block {
        ContentBlock::Text(_) => true,
        ContentBlock::Resource(embedded) => matches!(embedded.resource, ResourceContents::TextResourceContents { .. }),
        _ => false,
    }
}

fn piece(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => not_shown(&image.mime_type, &image.data),
        ContentBlock::Audio(audio) => not_shown(&audio.mime_type, &audio.data),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => text.clone(),
            ResourceContents::BlobResourceContents { mime_type, blob, .. } => {
                not_shown(mime_type.as_deref().unwrap_or("data"), blob)
            }
            _ => UNKNOWN.to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[{}, {}, not shown]", link.name, link.uri),
        _ => UNKNOWN.to_owned(),
    }
}

fn not_shown(kind: &str, base64: &str) -> String {
    let digits = base64.trim_end().trim_end_matches('=').len();
    format!("[{kind}, {} bytes, not shown]", digits * 3 / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(result: serde_json::Value) -> Outcome {
        outcome(&serde_json::from_value(result).unwrap())
    }

    #[test]
    fn text_is_shown_and_the_rest_is_named() {
        let result = json!({ "content": [
            { "type": "text", "text": "one" },
            { "type": "image", "mimeType": "image/png", "data": "AAECAw==" },
            { "type": "audio", "mimeType": "audio/wav", "data": "AAEC" },
            { "type": "resource", "resource": { "uri": "file:///a", "text": "inside" } },
            { "type": "resource", "resource": { "uri": "file:///b", "mimeType": "application/zip", "blob": "AAE=" } },
            { "type": "resource_link", "name": "b", "uri": "file:///b" },
        ], "structuredContent": { "unused": true } });
        let expected = "one\n[image/png, 4 bytes, not shown]\n[audio/wav, 3 bytes, not shown]\ninside\n\
                        [application/zip, 2 bytes, not shown]\n[b, file:///b, not shown]";
        assert_eq!(shown(result), Outcome { text: expected.to_owned(), is_error: false });
    }

    #[test]
    fn structure_stands_in_for_text_and_an_error_always_has_words() {
        assert_eq!(shown(json!({ "content": [], "structuredContent": { "n": 1 } })).text, r#"{"n":1}"#);
        assert_eq!(shown(json!({ "content": [] })), Outcome { text: String::new(), is_error: false });
        let silent = shown(json!({ "content": [], "isError": true }));
        assert!(silent.is_error && !silent.text.is_empty());
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        let text = capped("ü".repeat(500), 201);
        assert!(text.starts_with("üü") && text.len() <= 201, "{text}");
        assert!(text.ends_with("\n[cut off here: all of it has 1000 bytes, the first 104 are shown]"), "{text}");
        assert_eq!(capped("short".to_owned(), 5), "short");
        assert!(capped("ü".repeat(100), 0).starts_with("\n[cut off"));
    }
}
