//! What Anthropic is asked to keep in its cache.

use orch::conversation::{Message, ToolCall, ToolResult, Turn};
use orch::provider::ModelRequest;
use serde_json::{Value, json};

use super::{anthropic, body, request, weather, with_tools};

/// A text of so many tokens, by estimate.
fn tokens(count: usize) -> String {
    "abcd".repeat(count)
}

fn sent(request: &ModelRequest) -> Value {
    body(&*anthropic("https://h"), request)
}

/// How often the cache is spoken of.
fn marks(sent: &Value) -> usize {
    sent.to_string().matches("cache_control").count()
}

fn called(mut request: ModelRequest, result: &str) -> ModelRequest {
    let id = format!("t{}", request.messages.len());
    let call = ToolCall { id: id.clone(), name: "weather".to_owned(), arguments: json!({}) };
    let result = ToolResult { id, name: "weather".to_owned(), text: result.into(), is_error: false };
    request.messages.push(Message::Assistant(Turn { calls: vec![call], ..Turn::default() }));
    request.messages.push(Message::Tools(vec![result]));
    request
}

#[test]
fn a_prefix_that_no_model_keeps_is_not_marked() {
    assert_eq!(marks(&sent(&called(with_tools(request("hello")), "rain"))), 0);
    assert_eq!(marks(&sent(&request(&tokens(5000)))), 0, "a question that is asked once is not kept");
}

#[test]
fn a_long_system_block_is_marked() {
    let mut long = request("hello");
    long.messages[0] = Message::System(tokens(1023));
    assert_eq!(sent(&long)["system"], tokens(1023));
    long.messages[0] = Message::System(tokens(1024));
    let block = json!([{"type": "text", "text": tokens(1024), "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(sent(&long)["system"], block);
    assert_eq!(marks(&sent(&long)), 1);
}

#[test]
fn many_tools_are_marked_at_their_end_and_make_the_system_long_enough() {
    let mut other = weather();
    other.description = tokens(1100);
    let request = ModelRequest { tools: [other, weather()].into(), ..request("hello") };
    let sent = sent(&request);
    let ephemeral = json!({"type": "ephemeral"});
    assert_eq!((&sent["tools"][0]["cache_control"], &sent["tools"][1]["cache_control"]), (&Value::Null, &ephemeral));
    assert_eq!(sent["system"][0]["cache_control"], ephemeral);
    assert_eq!(marks(&sent), 2);
}

#[test]
fn a_conversation_that_goes_on_is_marked_where_it_stands() {
    let long = called(called(with_tools(request("hello")), &tokens(1100)), "sun");
    let sent = sent(&long);
    let last =
        json!([{"type": "tool_result", "tool_use_id": "t4", "content": "sun", "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(sent["messages"][4]["content"], last);
    assert_eq!(marks(&sent), 1);
}
