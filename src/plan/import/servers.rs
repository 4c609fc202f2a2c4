//! The MCP servers of an original, each under one name however many agents use it. Of variables and headers only the
//! names are taken over: their values may be keys.

use std::collections::BTreeMap;

use crate::plan::draft::names::Names;
use crate::plan::draft::yaml::{Map, Value};
use crate::plan::import::foreign::{Foreign, text};
use crate::plan::import::outline::listed;
use crate::plan::spec::yaml::{self, Node};

/// The servers met so far.
#[derive(Debug, Default)]
pub(super) struct Servers {
    names: Names,
    /// Names by what the servers are.
    known: BTreeMap<String, String>,
    /// What goes into the file.
    pub found: Map,
}

impl Servers {
    /// The name of a server, which may be known already.
    pub(super) fn add(&mut self, wanted: &str, server: Map) -> String {
        let text = server.render();
        if let Some(known) = self.known.get(&text) {
            return known.clone();
        }
        let name = self.names.take(wanted, "server");
        self.known.insert(text, name.clone());
        self.found.set(&name, Value::Map(server));
        name
    }
}

/// A program that is spoken to: its command line, and the names of variables that it is given.
pub(super) fn program(command: &str, args: &[String], env: &[&Node], file: &mut Foreign) -> Map {
    let mut server = Map::default();
    server.set("argv", Value::row(std::iter::once(command).chain(args.iter().map(String::as_str))));
    let (mut names, mut given) = (Vec::new(), Vec::new());
    for node in env {
        match &node.value {
            yaml::Value::Null => {}
            yaml::Value::List(items) => names.extend(items.iter().filter_map(text)),
            yaml::Value::Map(entries) => given.extend(entries.iter().filter_map(|(key, _)| text(key))),
            _ => file.not(node, "names of variables"),
        }
    }
    if !given.is_empty() {
        let which = listed(given.iter().map(String::as_str));
        server.note(format!("The original has values for {which}; set them in the environment."));
    }
    names.extend(given);
    if !names.is_empty() {
        server.set("env", Value::row(names));
    }
    server
}

/// A server at an address: its headers become variables that are to hold their values.
pub(super) fn address(name: &str, url: &str, headers: Option<&Node>, file: &mut Foreign) -> Map {
    let mut server = Map::default();
    server.word("url", url);
    let entries = headers.map_or_else(Vec::new, |node| file.entries(node, "a mapping from headers to their values"));
    if !entries.is_empty() {
        let mut names = Map::default();
        for (header, ..) in &entries {
            names.word(header, &variable(&[name, header]));
        }
        server.note("Set these variables to the whole values of the headers, such as `Bearer ...`.");
        server.set("header_env", Value::Map(names));
    }
    server
}

/// The name of a variable.
fn variable(parts: &[&str]) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = parts.join("_").chars().map(safe).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}
