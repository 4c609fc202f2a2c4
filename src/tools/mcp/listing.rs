//! The tools that a server lists, as far as they can be used.
//!
//! A list is read tool by tool, since one that is not what MCP says takes nothing from the others: it is left out, and
//! the reason is kept for a warning.

use std::collections::{HashMap, HashSet};

use rmcp::model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult};
use rmcp::service::{Peer, RoleClient, ServiceError};
use serde_json::{Map, Value, json};

use super::reason::{self, Reason};
use super::{ServerConfig, content, names};
use crate::words::conversation::Tool;
use crate::words::failure::FailureKind;
use crate::words::text;

/// The longest description of a tool, in bytes. It stands in every request, and is paid for in each.
const MAX_DESCRIPTION_BYTES: usize = 4096;

/// The longest schema of a tool's arguments, in bytes. In place of a longer one stands that they are an object.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// The most tools of one server.
const MAX_TOOLS: usize = 256;

/// A server that lists more pages than this lists in circles.
const MAX_PAGES: usize = 100;

/// The tools of a session that may be used.
pub(super) struct Listing {
    /// As a model sees them, in the server's order.
    pub(super) tools: Vec<Tool>,
    /// Those that would be there if they were what MCP says.
    pub(super) left_out: Vec<LeftOut>,
    /// The full names of those of which the server says that they only read.
    pub(super) readers: HashSet<String>,
    /// The server's own names, by the full ones.
    own: HashMap<String, String>,
}

/// A tool that cannot be offered to a model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LeftOut {
    /// The server's own name for it, or its place in the list.
    pub(super) name: String,
    /// What is wrong with it.
    pub(super) why: &'static str,
}

/// A tool as the server lists it.
#[derive(Debug, PartialEq)]
pub(super) struct Listed {
    name: String,
    description: String,
    parameters: Map<String, Value>,
    only_reads: bool,
}

impl Listing {
    /// The server's own name of a tool.
    pub(super) fn own_name(&self, full_name: &str) -> Option<&str> {
        self.own.get(full_name).map(String::as_str)
    }
}

/// All pages of what the server can do.
pub(super) async fn list(peer: &Peer<RoleClient>) -> Result<Vec<Result<Listed, LeftOut>>, Reason> {
    let (mut tools, mut cursor) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let (listed, next) = page(peer, cursor).await.map_err(|error| reason::of_request(&error))?;
        tools.extend(listed);
        cursor = next;
        if cursor.is_none() {
            return Ok(tools);
        }
    }
    let words = format!("its list of tools does not end: {MAX_PAGES} pages and more");
    Err(Reason { kind: FailureKind::Malformed, words })
}

/// One page, and where the next one begins. The SDK reads a list as a whole or not at all; what it cannot read comes as
/// it was written.
async fn page(
    peer: &Peer<RoleClient>,
    cursor: Option<String>,
) -> Result<(Vec<Result<Listed, LeftOut>>, Option<String>), ServiceError> {
    let params = cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
    let request = ListToolsRequest { params, ..Default::default() };
    match peer.send_request(ClientRequest::ListToolsRequest(request)).await? {
        ServerResult::ListToolsResult(page) => {
            Ok((page.tools.iter().map(|tool| Ok(Listed::of(tool))).collect(), page.next_cursor))
        }
        ServerResult::CustomResult(page) => {
            let tools = page.0["tools"].as_array().ok_or(ServiceError::UnexpectedResponse)?;
            let listed = tools.iter().enumerate().map(|(at, tool)| Listed::read(at, tool)).collect();
            Ok((listed, page.0["nextCursor"].as_str().map(str::to_owned)))
        }
        _ => Err(ServiceError::UnexpectedResponse),
    }
}

impl Listed {
    fn of(tool: &rmcp::model::Tool) -> Self {
        Self {
            name: tool.name.to_string(),
            description: tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default().to_owned(),
            parameters: (*tool.input_schema).clone(),
            only_reads: tool.annotations.as_ref().and_then(|hints| hints.read_only_hint) == Some(true),
        }
    }

    /// A tool of a list in which something is wrong. What a model does without may be anything.
    fn read(at: usize, tool: &Value) -> Result<Self, LeftOut> {
        let Some(name) = tool["name"].as_str().filter(|name| !name.is_empty()) else {
            return Err(LeftOut { name: format!("number {}", at + 1), why: "it has no name" });
        };
        let why = match &tool["inputSchema"] {
            Value::Object(parameters) => {
                let description = tool["description"].as_str().or(tool["title"].as_str()).unwrap_or_default();
                let (name, description) = (name.to_owned(), description.to_owned());
                let only_reads = tool["annotations"]["readOnlyHint"] == true;
                return Ok(Self { name, description, parameters: parameters.clone(), only_reads });
            }
            Value::Null => "it has no `inputSchema`, so that nobody knows its arguments",
            _ => "its `inputSchema` is no JSON object",
        };
        Err(LeftOut { name: name.to_owned(), why })
    }

    fn shown(&self, name: String) -> Tool {
        let description = content::capped(text::clean(&self.description).into_owned(), MAX_DESCRIPTION_BYTES);
        let mut parameters = self.parameters.clone();
        if Value::Object(parameters.clone()).to_string().len() > MAX_SCHEMA_BYTES {
            parameters.clear();
        }
        // MCP allows nothing else.
        parameters.insert("type".to_owned(), json!("object"));
        Tool { name, description, parameters: Value::Object(parameters) }
    }
}

/// The tools that the configuration lets through, under their full names.
pub(super) fn offered(
    config: &ServerConfig,
    label: &str,
    listed: Vec<Result<Listed, LeftOut>>,
) -> Result<Listing, Reason> {
    let (mut tools, mut left_out) = (Vec::new(), Vec::new());
    for tool in listed {
        match tool {
            Ok(tool) => tools.push(tool),
            Err(tool) => left_out.push(tool),
        }
    }
    let mut seen = HashSet::new();
    tools.retain(|tool| seen.insert(tool.name.clone()));
    left_out.retain(|tool| seen.insert(tool.name.clone()));
    if let Some(missing) = config.tools.iter().flatten().find(|wanted| !seen.contains(*wanted)) {
        let own: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
        let words = format!("it has no tool `{missing}`; it has {}", own.join(", "));
        return Err(Reason { kind: FailureKind::BadRequest, words });
    }
    let allowed = |name: &str| {
        let is = |other: &String| other == name;
        config.tools.as_ref().is_none_or(|tools| tools.iter().any(is)) && !config.exclude.iter().any(is)
    };
    left_out.retain(|tool| allowed(&tool.name));
    let own: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    let full_names = names::full_names(label, &own);
    let chosen = tools.iter().zip(&full_names).filter(|(tool, _)| allowed(&tool.name));
    if chosen.clone().count() > MAX_TOOLS {
        let words = format!("it offers more than {MAX_TOOLS} tools; name those that are wanted under `tools`");
        return Err(Reason { kind: FailureKind::BadRequest, words });
    }
    let mut listing = Listing { tools: Vec::new(), left_out, readers: HashSet::new(), own: HashMap::new() };
    for (tool, name) in chosen {
        listing.own.insert(name.clone(), tool.name.clone());
        listing.readers.extend(tool.only_reads.then(|| name.clone()));
        listing.tools.push(tool.shown(name.clone()));
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_what_mcp_says_is_left_out_for_what_is_wrong_with_it() {
        let why = |tool: Value| Listed::read(2, &tool).unwrap_err();
        assert_eq!(why(json!({"inputSchema": {}})).name, "number 3");
        assert_eq!(why(json!("tool")).why, "it has no name");
        assert!(why(json!({"name": "a"})).why.starts_with("it has no `inputSchema`"));
        for schema in [json!(true), json!("object"), json!([])] {
            assert_eq!(why(json!({"name": "a", "inputSchema": schema})).why, "its `inputSchema` is no JSON object");
        }
    }

    #[test]
    fn a_tool_is_used_whatever_stands_beside_its_name_and_schema() {
        let tool =
            json!({"name": "a", "description": 7, "title": "T", "annotations": [], "inputSchema": {"type": "string"}});
        let listed = Listed::read(0, &tool).unwrap();
        assert!(!listed.only_reads);
        let reader = json!({"name": "a", "annotations": {"readOnlyHint": true}, "inputSchema": {}});
        assert!(Listed::read(0, &reader).unwrap().only_reads);
        assert_eq!(listed.description, "T");
        assert_eq!(listed.shown("s__a".to_owned()).parameters, json!({"type": "object"}));
    }
}
