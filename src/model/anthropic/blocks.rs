//! The blocks of an answer: text, calls of tools, and thoughts that must be sent back as they came.
//!
//! Thoughts are signed, and the API wants them back in front of the calls that they led to:
//! <https://platform.claude.com/docs/en/build-with-claude/extended-thinking#preserving-thinking-blocks>. So from the first
//! thought on, the blocks are kept in the draft's echo; a turn that calls no tool needs none.

use serde_json::{Value, json};

use crate::model::anthropic::NAME;
use crate::model::reply_builder::{ReplyBuilder, Stop, ToolCallBuilder, arguments};
use crate::words::conversation::ProviderState;

/// A block in which the model uses a tool of the server's own. While it is read, its input is a text.
const SERVER_TOOL: &str = "server_tool_use";

/// Calls with a number beyond this one have been given it here.
const LAST_OWN_NUMBER: u64 = 1 << 32;

/// A block of a whole message, or the beginning of one in a stream.
pub(super) fn begin(index: u64, block: &Value, draft: &mut ReplyBuilder) {
    let text = |key: &str| block[key].as_str().unwrap_or_default();
    match block["type"].as_str().unwrap_or_default() {
        "text" => {
            keep(json!({"type": "text", "text": ""}), draft);
            push_text(text("text"), draft);
        }
        "tool_use" => {
            let arguments = match &block["input"] {
                Value::Null => String::new(),
                // A stream begins with an empty object, in place of which the pieces come.
                Value::Object(input) if input.is_empty() => String::new(),
                whole => whole.to_string(),
            };
            let (id, name) = (text("id").to_owned(), text("name").to_owned());
            // Some gateways give every block the same number.
            let last = draft.calls.last_key_value().map_or(0, |(last, _)| *last);
            let index = if draft.calls.contains_key(&index) { last.max(LAST_OWN_NUMBER) + 1 } else { index };
            // The input is known at the end; until then its place holds the index.
            keep(json!({"type": "tool_use", "id": id, "name": name, "input": index}), draft);
            draft.calls.insert(index, ToolCallBuilder { id, name, arguments });
        }
        "" => {}
        // Thoughts, and what the server's own tools did, which a paused turn needs to go on.
        _ => {
            begin_echo(draft);
            keep(block.clone(), draft);
        }
    }
}

/// Keeps the blocks from here on, and the text that came before.
fn begin_echo(draft: &mut ReplyBuilder) {
    if draft.echo.is_none() {
        let before = (!draft.text.is_empty()).then(|| json!({"type": "text", "text": draft.text}));
        draft.echo = Some(ProviderState::new(NAME, before.into_iter().collect()));
    }
}

/// The next piece of a block.
pub(super) fn extend(index: u64, delta: &Value, draft: &mut ReplyBuilder) {
    let piece = |key: &str| delta[key].as_str().unwrap_or_default();
    match delta["type"].as_str().unwrap_or_default() {
        "text_delta" => push_text(piece("text"), draft),
        "input_json_delta" => match call_at(index, draft) {
            Some(call) => call.arguments.push_str(piece("partial_json")),
            None => append(draft, SERVER_TOOL, "input", piece("partial_json")),
        },
        "thinking_delta" => append(draft, "thinking", "thinking", piece("thinking")),
        "signature_delta" => append(draft, "thinking", "signature", piece("signature")),
        _ => {}
    }
}

/// The call of a block. Blocks come one after another, so one whose number is not its own is the last.
fn call_at(index: u64, draft: &mut ReplyBuilder) -> Option<&mut ToolCallBuilder> {
    let last = draft.calls.last_key_value().map_or(0, |(last, _)| *last);
    draft.calls.get_mut(if last > LAST_OWN_NUMBER { &last } else { &index })
}

/// The next piece of the text.
pub(super) fn push_text(piece: &str, draft: &mut ReplyBuilder) {
    draft.text.push_str(piece);
    append(draft, "text", "text", piece);
}

/// Finishes the echo once all blocks are there, and drops it where nothing has to be sent back: only a turn that calls
/// tools or is paused goes on.
pub(super) fn end(draft: &mut ReplyBuilder) {
    let goes_on = !draft.calls.is_empty() || draft.stop == Some(Stop::Paused);
    let Some(mut echo) = draft.echo.take().filter(|_| goes_on) else { return };
    let Value::Array(blocks) = &mut echo.value else { return };
    blocks
        .retain(|block| block["type"] != "text" || block["text"].as_str().is_some_and(|text| !text.trim().is_empty()));
    for block in blocks.iter_mut().filter(|block| block["type"] == "tool_use" && block["input"].is_u64()) {
        let call = block["input"].as_u64().and_then(|index| draft.calls.get(&index));
        let input = call.map(|call| arguments(&call.arguments)).filter(Value::is_object);
        block["input"] = input.unwrap_or_else(|| json!({}));
    }
    for block in blocks.iter_mut().filter(|block| block["type"] == SERVER_TOOL) {
        if let Some(written) = block["input"].as_str() {
            block["input"] = serde_json::from_str(written).ok().filter(Value::is_object).unwrap_or_else(|| json!({}));
        }
    }
    draft.echo = Some(echo);
}

fn kept(draft: &mut ReplyBuilder) -> Option<&mut Vec<Value>> {
    draft.echo.as_mut()?.value.as_array_mut()
}

fn keep(block: Value, draft: &mut ReplyBuilder) {
    if let Some(blocks) = kept(draft) {
        blocks.push(block);
    }
}

/// Appends to a text in the block that is open, if it is kept and of this kind.
fn append(draft: &mut ReplyBuilder, kind: &str, key: &str, piece: &str) {
    let open = kept(draft).and_then(|blocks| blocks.last_mut()).filter(|block| block["type"] == kind);
    let Some(open) = open else { return };
    match &mut open[key] {
        Value::String(text) => text.push_str(piece),
        absent => *absent = json!(piece),
    }
}
