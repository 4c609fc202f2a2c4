//! The extensions of a recipe: MCP servers, and tools that are built into goose.

use crate::plan::draft::yaml::Value;
use crate::plan::import::foreign::{self, Foreign, is_nothing};
use crate::plan::import::goose::{Import, NOTHING};
use crate::plan::import::outline::left_out;
use crate::plan::import::servers;
use crate::plan::spec::yaml::Node;

/// What the extension `developer` has, commands aside.
const DEVELOPER: [&str; 5] = ["read_file", "list_files", "search_files", "write_file", "edit_file"];

/// What to do in place of extensions that are built into goose.
const BUILT_IN: [(&str, &str); 6] = [
    ("memory", "Agents here remember nothing between runs; `ctx_set` and `ctx_get` share values in a run."),
    ("todo", "Make the steps tasks of their own."),
    ("chatrecall", "A run is no chat."),
    ("computercontroller", "Use an MCP server that does it, under `mcp_servers`."),
    ("autovisualiser", "Use an MCP server that does it, under `mcp_servers`."),
    ("subagent", "Make its work a task of its own."),
];

impl Import {
    /// Grants what an extension has, or notes what of it is left out.
    pub(super) fn extension(
        &mut self,
        node: &Node,
        tools: &mut Vec<String>,
        notes: &mut Vec<String>,
        file: &mut Foreign,
    ) {
        let of = |key: &str| node.get(key).filter(|value| !is_nothing(value));
        let text = |key: &str| of(key).and_then(foreign::text);
        let name = text("name").unwrap_or_default();
        let kind = text("type").unwrap_or_default();
        let chosen = of("available_tools").map_or_else(Vec::new, |node| file.texts(node, "names of tools"));
        let mut server = match (kind.as_str(), text("cmd"), text("uri").or(text("url"))) {
            ("stdio", Some(command), _) => {
                let args = of("args").map_or_else(Vec::new, |node| file.texts(node, "arguments"));
                let args: Vec<String> = args.into_iter().map(|(text, _)| text).collect();
                let env: Vec<&Node> = [of("env_keys"), of("envs")].into_iter().flatten().collect();
                servers::program(&command, &args, &env, file)
            }
            ("streamable_http", _, Some(url)) => servers::address(&name, &url, of("headers"), file),
            ("sse", _, Some(url)) => {
                let mut server = servers::address(&name, &url, of("headers"), file);
                server.note("The original speaks an older form of MCP over HTTP; the address may be another one now.");
                server
            }
            ("builtin", ..) if name == "developer" => {
                tools.extend(DEVELOPER.map(str::to_owned));
                notes.push(left_out(
                    "the commands of the extension `developer`",
                    "Name those that it may run: `{name: run_command, allow: [[git, log], [npm, test]]}`.",
                ));
                return;
            }
            ("stdio" | "streamable_http" | "sse" | "", ..) => {
                file.not(node, "an extension with its `type`, and `cmd` or `uri`");
                return;
            }
            (kind, ..) => {
                let advice = BUILT_IN.iter().find(|(known, _)| *known == name).map_or(NOTHING, |(_, advice)| advice);
                notes.push(left_out(&format!("the extension `{name}` ({kind})"), advice));
                return;
            }
        };
        if let Some(timeout) = of("timeout").and_then(foreign::seconds) {
            server.number("timeout_seconds", timeout);
        }
        if !chosen.is_empty() {
            server.set("tools", Value::row(chosen.iter().map(|(tool, _)| tool)));
        }
        let name = self.servers.add(&name, server);
        tools.push(format!("{name}/*"));
    }
}
