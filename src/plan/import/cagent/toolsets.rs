//! The toolsets of an agent: built-in tools that orch has as well, and MCP servers.

use crate::plan::import::cagent::{Import, NOTHING, advice};
use crate::plan::import::foreign::{self, Foreign, is_nothing, shown};
use crate::plan::import::outline::left_out;
use crate::plan::import::servers;
use crate::plan::spec::yaml::Node;

/// The built-in tools that work on files.
const ON_FILES: [&str; 5] = ["read_file", "list_files", "search_files", "write_file", "edit_file"];

/// What to do in place of toolsets.
const OF_TOOLSET: [(&str, &str); 9] = [
    ("shell", "Name the commands that it may run: `{name: run_command, allow: [[git, log], [npm, test]]}`."),
    ("think", "A model that thinks needs no tool for it."),
    ("todo", "Make the steps tasks of their own."),
    ("memory", "Agents here remember nothing between runs; `ctx_set` and `ctx_get` share values in a run."),
    ("fetch", "Use an MCP server that fetches pages, under `mcp_servers`."),
    ("script", "Allow the scripts by name: `{name: run_command, allow: [[./script.sh]]}`."),
    ("api", "Use an MCP server that calls it, under `mcp_servers`."),
    ("lsp", "Use an MCP server that does it, under `mcp_servers`."),
    ("a2a", "Use an MCP server that does it, under `mcp_servers`."),
];

impl Import {
    /// Grants what a toolset has, or notes what of it is left out.
    pub(super) fn toolset(
        &mut self,
        node: &Node,
        tools: &mut Vec<String>,
        notes: &mut Vec<String>,
        file: &mut Foreign,
    ) {
        let of = |key: &str| node.get(key).filter(|value| !is_nothing(value));
        let text = |key: &str| of(key).and_then(foreign::text);
        let kind = text("type").unwrap_or_default();
        let chosen = of("tools").map_or_else(Vec::new, |node| file.texts(node, "names of tools"));
        let mut handled = vec!["type", "tools"];
        match kind.as_str() {
            "filesystem" => {
                let is_chosen = |tool: &str| chosen.is_empty() || chosen.iter().any(|(name, _)| name == tool);
                tools.extend(ON_FILES.iter().filter(|tool| is_chosen(tool)).map(|tool| (*tool).to_owned()));
            }
            "mcp" => {
                handled.extend(["command", "args", "env", "ref", "remote", "name"]);
                let remote = of("remote");
                let url = remote.and_then(|remote| remote.get("url")).and_then(foreign::text);
                let args = of("args").map_or_else(Vec::new, |node| file.texts(node, "arguments"));
                let args: Vec<String> = args.into_iter().map(|(text, _)| text).collect();
                let env: Vec<&Node> = of("env").into_iter().collect();
                let (wanted, server) = match (text("command"), text("ref"), url) {
                    (Some(command), ..) => {
                        let wanted = args.iter().rev().find(|arg| !arg.starts_with('-')).unwrap_or(&command);
                        (last_part(wanted), servers::program(&command, &args, &env, file))
                    }
                    (_, Some(reference), _) => {
                        let name = last_part(reference.trim_start_matches("docker:"));
                        let args = ["mcp", "gateway", "run", &format!("--servers={name}")].map(str::to_owned);
                        let mut server = servers::program("docker", &args, &env, file);
                        server.note(format!(
                            "The original names `{reference}` of Docker's catalog; this asks its gateway."
                        ));
                        (name, server)
                    }
                    (_, _, Some(url)) => {
                        let headers = remote.and_then(|remote| remote.get("headers"));
                        let name = text("name").unwrap_or_else(|| host(&url));
                        (name.clone(), servers::address(&name, &url, headers, file))
                    }
                    _ => {
                        file.not(node, "an MCP server with `command`, `ref` or `remote`");
                        return;
                    }
                };
                let wanted = text("name").unwrap_or(wanted);
                let name = self.servers.add(&wanted, server);
                match chosen.as_slice() {
                    [] => tools.push(format!("{name}/*")),
                    chosen => tools.extend(chosen.iter().map(|(tool, _)| format!("{name}/{tool}"))),
                }
            }
            "" => file.not(node, "a toolset with its `type`"),
            kind => {
                notes.push(left_out(&format!("the toolset `{kind}`"), advice(&OF_TOOLSET, kind)));
                return;
            }
        }
        for (key, _, value) in file.entries(node, "a toolset") {
            if !handled.contains(&key.as_str()) && !is_nothing(&value) {
                notes.push(left_out(&format!("{} of the toolset `{kind}`", shown(&key, &value)), NOTHING));
            }
        }
    }
}

/// The name at the end of a path, a package or a reference.
fn last_part(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or(text);
    last.split('@').find(|part| !part.is_empty()).unwrap_or(last).to_owned()
}

fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':', '?']).next().unwrap_or(rest).to_owned()
}
