//! A server without the SDK, which says what the SDK would not: tools and results that are not what MCP says, and
//! answers without measure.

use std::io::{BufRead, Write};

use serde_json::{Value, json};

/// The length of the text of `huge`.
const HUGE: usize = 40 << 20;

/// How many blocks `many` has.
const MANY: usize = 1 << 20;

pub(crate) fn serve() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let Some(id) = request.get("id") else { continue };
        match (request["method"].as_str().unwrap(), request["params"]["name"].as_str()) {
            ("tools/call", Some("huge")) => huge(&mut out, id),
            ("tools/call", Some("many")) => many(&mut out, id),
            (method, tool) => {
                let result = result(method, tool.unwrap_or_default());
                writeln!(out, "{}", json!({ "jsonrpc": "2.0", "id": id, "result": result })).unwrap();
            }
        }
        out.flush().unwrap();
    }
}

fn result(method: &str, tool: &str) -> Value {
    match (method, tool) {
        ("initialize", _) => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "raw", "version": "1" },
        }),
        ("tools/list", _) => json!({ "tools": [
            { "name": "good", "description": "Works.", "inputSchema": { "type": "object" } },
            { "name": "lacking", "description": "Has no schema." },
            { "name": "odd", "title": "Odd", "inputSchema": { "type": "string" }, "annotations": "none" },
            { "name": "wrong\u{1b}[2J", "inputSchema": [] },
            { "inputSchema": {} },
            "no tool at all",
            { "name": "huge", "inputSchema": {} },
            { "name": "many", "inputSchema": {} },
        ] }),
        ("tools/call", "good") => json!({ "content": [
            { "type": "text", "text": "good news" },
            { "type": "hologram", "data": "AAEC" },
        ], "structuredContent": { "degrees": 21 } }),
        ("tools/call", "odd") => json!({ "content": "just a text" }),
        _ => json!({}),
    }
}

/// One long text, and the id behind it.
fn huge(out: &mut impl Write, id: &Value) {
    write!(out, r#"{{"result":{{"content":[{{"type":"text","text":"begins "#).unwrap();
    let chunk = [b'x'; 1 << 12];
    (0..HUGE / chunk.len()).for_each(|_| out.write_all(&chunk).unwrap());
    writeln!(out, r#""}}]}},"jsonrpc":"2.0","id":{id}}}"#).unwrap();
}

fn many(out: &mut impl Write, id: &Value) {
    write!(out, r#"{{"result":{{"content":["#).unwrap();
    (0..MANY).for_each(|_| out.write_all(br#"{"type":"text","text":"x"},"#).unwrap());
    writeln!(out, r#"{{"type":"text","text":"x"}}]}},"jsonrpc":"2.0","id":{id}}}"#).unwrap();
}
