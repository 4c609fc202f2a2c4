//! A conversation as Messages takes it: blocks in turns that alternate, and marks on what can be read from the cache.
//!
//! Caching: <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::anthropic::NAME;
use crate::model::call::ModelRequest;
use crate::model::reply_builder::estimate_tokens;
use crate::model::tool_schema::{ANTHROPIC, fit};
use crate::words::conversation::{AssistantMessage, Message, Tool, ToolResult};

/// The shortest prefix that some model keeps in its cache. A mark on less is passed over.
const CACHEABLE_TOKENS: u64 = 1024;

/// What stands in a result that says nothing, where the API demands words.
const FAILED: &str = "The call failed.";

/// What a model is shown.
#[derive(Debug, Serialize)]
pub(super) struct Prompt {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<Value>,
    messages: Vec<Value>,
}

impl Prompt {
    /// The prompt, in the order in which the cache knows it: tools, system, messages.
    pub(super) fn of(request: &ModelRequest) -> Self {
        let mut tools: Vec<Value> = request.tools.iter().map(tool).collect();
        let system = system(&request.messages);
        let mut entries = entries(&request.messages);

        let of_tools: u64 = tools.iter().map(|tool| estimate_tokens(&tool.to_string())).sum();
        if let Some(last) = tools.last_mut().filter(|_| of_tools >= CACHEABLE_TOKENS) {
            mark(last);
        }
        let system = match (&*system, of_tools + estimate_tokens(&system) >= CACHEABLE_TOKENS) {
            ("", _) => None,
            (text, false) => Some(json!(text)),
            (text, true) => {
                let mut block = json!({"type": "text", "text": text});
                mark(&mut block);
                Some(json!([block]))
            }
        };
        // Only a conversation that goes on is read again as far as it is now.
        let goes_on = request.messages.iter().any(|message| matches!(message, Message::Tools(_)));
        if goes_on && of_tools + request.estimated_tokens() >= CACHEABLE_TOKENS {
            let asked = entries.iter_mut().rev().find(|entry| entry.role == "user");
            asked.and_then(|entry| entry.blocks.last_mut()).into_iter().for_each(mark);
        }
        Self { tools, system, messages: entries.into_iter().map(Entry::write).collect() }
    }
}

/// One turn of the conversation.
struct Entry {
    role: &'static str,
    blocks: Vec<Value>,
}

impl Entry {
    /// A single text is written as one.
    fn write(mut self) -> Value {
        let content = match self.blocks.as_mut_slice() {
            [only] if only["type"] == "text" && only.get("cache_control").is_none() => only["text"].take(),
            _ => Value::Array(self.blocks),
        };
        json!({"role": self.role, "content": content})
    }
}

fn mark(block: &mut Value) {
    block["cache_control"] = json!({"type": "ephemeral"});
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description, "input_schema": fit(&tool.parameters, &ANTHROPIC)})
}

fn system(conversation: &[Message]) -> String {
    let texts = conversation.iter().filter_map(|message| match message {
        Message::System(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

/// Everything but the system's words. Messages of one role that follow each other become one, as the API asks for.
fn entries(conversation: &[Message]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut ids = Ids::default();
    for message in conversation {
        let (role, blocks) = match message {
            Message::System(_) => continue,
            Message::User(text) => ("user", vec![json!({"type": "text", "text": text})]),
            Message::Assistant(turn) => ("assistant", said(turn, &mut ids)),
            Message::Tools(results) => ("user", results.iter().map(|it| result(it, &ids)).collect()),
        };
        match entries.last_mut().filter(|last| last.role == role) {
            Some(last) => last.blocks.extend(blocks),
            None if blocks.is_empty() => {}
            None => entries.push(Entry { role, blocks }),
        }
    }
    entries
}

/// What the model said. An empty text is refused, and so is an input that is no object.
fn said(turn: &AssistantMessage, ids: &mut Ids) -> Vec<Value> {
    ids.of_turn.clear();
    if let Some(blocks) = turn.echo.as_ref().filter(|echo| echo.wire == NAME).and_then(|echo| echo.value.as_array()) {
        ids.used.extend(turn.calls.iter().map(|call| call.id.clone()));
        return blocks.clone();
    }
    let text = (!turn.text.trim().is_empty()).then(|| json!({"type": "text", "text": turn.text}));
    let calls = turn.calls.iter().map(|call| {
        let input = if call.arguments.is_object() { call.arguments.clone() } else { json!({}) };
        json!({"type": "tool_use", "id": ids.give(&call.id), "name": call.name, "input": input})
    });
    text.into_iter().chain(calls).collect()
}

/// The ids of calls. The API wants each once in a conversation, and plain; another vendor's model, which may have begun the
/// conversation, has some that are neither.
#[derive(Default)]
struct Ids {
    used: HashSet<String>,
    /// What the ids of the last turn have become.
    of_turn: HashMap<String, String>,
}

impl Ids {
    fn give(&mut self, id: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let plain: String = id.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
        let mut given = plain.clone();
        let mut count = 1;
        while !self.used.insert(given.clone()) {
            count += 1;
            given = format!("{plain}_{count}");
        }
        self.of_turn.insert(id.to_owned(), given.clone());
        given
    }

    fn given<'i>(&'i self, id: &'i str) -> &'i str {
        self.of_turn.get(id).map_or(id, String::as_str)
    }
}

fn result(result: &ToolResult, ids: &Ids) -> Value {
    let mut block = json!({"type": "tool_result", "tool_use_id": ids.given(&result.id), "content": &*result.text});
    if result.is_error {
        block["is_error"] = json!(true);
        if result.text.is_empty() {
            block["content"] = json!(FAILED);
        }
    }
    block
}
