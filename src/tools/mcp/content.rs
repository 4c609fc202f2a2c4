//! What a tool gives back, as the text that a model is shown.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;

use super::{Outcome, shorten};
use crate::words::text;

/// The room that a note about a cut takes at most.
const NOTE_BYTES: usize = 96;

/// How much of the name of an unknown kind is shown, in characters.
const MAX_KIND: usize = 40;

const UNKNOWN: &str = "[content of an unknown kind, not shown]";

/// The text of a result, whole: pieces of text as they are, a note for everything that is not text.
pub(super) fn outcome(result: &CallToolResult) -> Outcome {
    let pieces = result.content.iter().map(piece).collect();
    whole(pieces, result.structured_content.as_ref(), result.is_error.unwrap_or(false))
}

/// The same of a result that the SDK cannot read: a block that it does not know is named, and the others are shown.
/// `None` if it is no result of a tool at all.
pub(super) fn outcome_of_json(result: &Value) -> Option<Outcome> {
    let known = ["content", "structuredContent", "isError"];
    if !known.iter().any(|member| result.get(member).is_some()) && !is_only_about_itself(result) {
        return None;
    }
    let pieces = match &result["content"] {
        Value::Array(blocks) => blocks.iter().map(piece_of_json).collect(),
        Value::Null => Vec::new(),
        // Neither is what MCP says, and what is meant is plain.
        Value::String(text) => vec![text.clone()],
        block => vec![piece_of_json(block)],
    };
    let structured = result.get("structuredContent").filter(|value| !value.is_null());
    Some(whole(pieces, structured, result["isError"] == true))
}

/// An answer that says nothing of what the tool did, as a tool without a result may give.
fn is_only_about_itself(result: &Value) -> bool {
    result.as_object().is_some_and(|members| members.keys().all(|name| matches!(&**name, "_meta" | "resultType")))
}

/// The structure goes along unless it stands in a text already, which MCP recommends for older clients.
fn whole(mut pieces: Vec<String>, structured: Option<&Value>, is_error: bool) -> Outcome {
    if let Some(structured) = structured {
        let is_same = |piece: &String| serde_json::from_str(piece).is_ok_and(|value: Value| value == *structured);
        if !pieces.iter().any(is_same) {
            pieces.push(structured.to_string());
        }
    }
    let mut text = pieces.join("\n");
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
    let whole = match shorten::was_cut(&text) {
        true => format!("more than {}", shorten::MAX_TEXT_BYTES),
        false => text.len().to_string(),
    };
    let kept = text.floor_char_boundary(max.saturating_sub(NOTE_BYTES));
    text.truncate(kept);
    text.push_str(&format!("\n[cut off here: all of it has {whole} bytes, the first {kept} are shown]"));
    text
}

fn piece_of_json(block: &Value) -> String {
    if let Ok(known) = serde_json::from_value(block.clone()) {
        return piece(&known);
    }
    match block["type"].as_str() {
        // Whatever else stands in it.
        Some("text") if block["text"].is_string() => block["text"].as_str().unwrap_or_default().to_owned(),
        Some(kind) => {
            let kind: String = text::clean(kind).chars().filter(|c| !c.is_control()).take(MAX_KIND).collect();
            format!("[content of the unknown kind `{kind}`, not shown]")
        }
        None => UNKNOWN.to_owned(),
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
        ], "structuredContent": { "kept": true } });
        let expected = "one\n[image/png, 4 bytes, not shown]\n[audio/wav, 3 bytes, not shown]\ninside\n\
                        [application/zip, 2 bytes, not shown]\n[b, file:///b, not shown]\n\
                        {\"kept\":true}";
        assert_eq!(shown(result), Outcome { text: expected.to_owned(), is_error: false });
    }

    #[test]
    fn structure_is_shown_unless_a_text_says_the_same_and_an_error_always_has_words() {
        assert_eq!(shown(json!({ "content": [], "structuredContent": { "n": 1 } })).text, r#"{"n":1}"#);
        let twice = json!({ "content": [{ "type": "text", "text": "{ \"n\": 1 }" }], "structuredContent": { "n": 1 } });
        assert_eq!(shown(twice).text, r#"{ "n": 1 }"#);
        let other = json!({ "content": [{ "type": "text", "text": "one" }], "structuredContent": [1] });
        assert_eq!(shown(other).text, "one\n[1]");
        assert_eq!(shown(json!({ "content": [] })), Outcome { text: String::new(), is_error: false });
        let silent = shown(json!({ "content": [], "isError": true }));
        assert!(silent.is_error && !silent.text.is_empty());
    }

    #[test]
    fn what_is_unknown_is_named_and_costs_nothing_beside_it() {
        let shown = |result: serde_json::Value| outcome_of_json(&result).unwrap();
        let result = json!({ "resultType": "complete", "content": [
            { "type": "text", "text": "one" },
            { "type": "hologram\u{1b}[2J", "data": "AAEC" },
            { "type": "text", "text": "two", "annotations": 7 },
            { "type": "image" },
            "three",
        ], "structuredContent": { "n": 1 } });
        let expected = "one\n[content of the unknown kind `hologram`, not shown]\ntwo\n\
                        [content of the unknown kind `image`, not shown]\n[content of an unknown kind, not shown]\n\
                        {\"n\":1}";
        assert_eq!(shown(result), Outcome { text: expected.to_owned(), is_error: false });
        assert_eq!(shown(json!({ "content": "plain", "isError": true })).text, "plain");
        assert_eq!(shown(json!({ "_meta": {} })).text, "");
        for result in [json!({ "tools": [] }), json!("text"), json!(null)] {
            assert_eq!(outcome_of_json(&result), None, "{result}");
        }
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
