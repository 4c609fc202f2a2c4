//! What an orchestra makes orch do outside of its own files: the programs that it runs, the variables that it gives away
//! and to whom, the addresses that it calls, the places that it writes, and the files with keys that it reads.
//!
//! A pure function of the orchestra. What every user expects is left out: a vendor's own address with the vendor's own
//! key. Knows nothing of who has allowed what; see `trust.rs`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::Vendor;
use crate::model::command::vendor_variables;
use crate::net::http::Url;
use crate::plan::guarded::{OwnFiles, Use};
use crate::plan::notify::{Address, Notify, NotifyBy};
use crate::plan::orchestra::{Check, Grant, McpServer, McpTransport, ModelRef, Orchestra, Task, Work};
use crate::plan::spec::Provider;
use crate::plan::template::Template;

/// Something that an orchestra makes orch do, and what for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Permission {
    /// What is done.
    #[serde(flatten)]
    pub access: Access,
    /// What for.
    pub purpose: Purpose,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "access", rename_all = "snake_case")]
pub enum Access {
    /// A program is run.
    Run {
        /// The program and its arguments as the file writes them; for [`Purpose::Tool`] the beginning of a command line.
        argv: Vec<String>,
    },
    /// Variables of the environment are given away.
    Variable {
        /// The variable's name; with `*` at its end all whose names begin so.
        name: String,
        /// Who gets the value.
        to: Recipient,
    },
    /// An address is called.
    Call {
        /// Scheme, host and port.
        origin: String,
    },
    /// Files that tools keep away from, since they may hold keys, are read.
    Read {
        /// A path or a pattern in the project.
        path: String,
    },
    /// A file or a folder is written.
    Write {
        /// Its path in the project, or a pattern; `.` is all of the project.
        path: String,
    },
}

/// Who gets the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// A program, by its command line.
    Program(Vec<String>),
    /// Whoever answers at an address: scheme, host and port.
    Origin(String),
    /// A vendor, by the provider's name, at its usual address or that of the environment.
    Vendor(String),
    /// Whoever answers at the address that a variable holds, by its name.
    AddressIn(String),
}

/// What something is done for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To print the key of a model.
    Key,
    /// To answer as a model.
    Model,
    /// To offer tools as an MCP server.
    McpServer,
    /// To do a task without a model.
    Task,
    /// To check what a task made.
    Check,
    /// To be used by a model as it likes.
    Tool,
    /// To keep what tasks made.
    Output,
    /// To tell somebody how a run has ended.
    Notify,
    /// To do something of the file's own at a point of a run.
    Hook,
}

impl Permission {
    fn new(purpose: Purpose, access: Access) -> Self {
        Self { access, purpose }
    }

    /// Whether it needs the user's trust. What a run leaves in the project's folder does not, unless it is a file of the
    /// kind that tools keep away from: one that some program obeys unasked, or one that holds keys.
    #[must_use]
    pub fn needs_trust(&self) -> bool {
        match &self.access {
            Access::Write { path } => is_guarded(path, Use::Write),
            Access::Run { .. } | Access::Variable { .. } | Access::Call { .. } | Access::Read { .. } => true,
        }
    }

    /// Whether it is needed to call a model.
    #[must_use]
    pub fn is_for_model(&self) -> bool {
        matches!(self.purpose, Purpose::Key | Purpose::Model)
    }
}

/// Everything that an orchestra makes orch do outside of its own files, each once and in a fixed order.
#[must_use]
pub fn permissions(orchestra: &Orchestra) -> Vec<Permission> {
    let mut found: BTreeSet<Permission> = BTreeSet::new();
    for agent in &orchestra.agents {
        found.extend(agent.models.iter().flat_map(of_model));
        found.extend(agent.tools.iter().flat_map(of_grant));
    }
    found.extend(orchestra.mcp_servers.iter().flat_map(of_server));
    found.extend(orchestra.tasks.iter().flat_map(of_task));
    found.extend(orchestra.hooks.iter().flat_map(|hook| program(Purpose::Hook, &hook.argv, &hook.env)));
    found.extend(orchestra.notify.iter().flat_map(of_notify));
    found.insert(write(Purpose::Output, &orchestra.workspace));
    found.into_iter().collect()
}

/// What it takes to call a model; nothing for one at its vendor's own address with the vendor's own key.
#[must_use]
pub(crate) fn of_model(model: &ModelRef) -> Vec<Permission> {
    if model.provider == Provider::Command {
        let vendors = model.argv.first().map_or(&[][..], |program| vendor_variables(program));
        let vendors = vendors.iter().map(|prefix| format!("{prefix}*"));
        let variables: Vec<String> = vendors.chain(model.env.iter().cloned()).collect();
        return program(Purpose::Model, &model.argv, &variables);
    }
    let (vendor, origin) = (Vendor::of(model.provider), foreign_origin(model));
    let mut found = Vec::new();
    if let Some(origin) = &origin {
        found.push(Permission::new(Purpose::Model, Access::Call { origin: origin.clone() }));
    }
    found.extend(model.api_key_command.iter().flat_map(|argv| program(Purpose::Key, argv, &[])));
    let is_own = |name: &str| origin.is_none() && own_keys(model).contains(&name);
    let sent = model.api_key_env.as_deref().into_iter().chain(model.carried.variables());
    for name in sent.filter(|name| !is_own(name)) {
        let to = match (&origin, &model.base_url) {
            (Some(origin), _) => Recipient::Origin(origin.clone()),
            // At a vendor's address, which need not be that of the vendor whose format is spoken there.
            (None, Some(url)) => Recipient::Origin(origin_of(url).unwrap_or_else(|| url.clone())),
            (None, None) => Recipient::Vendor(vendor.provider.name().to_owned()),
        };
        found.push(Permission::new(Purpose::Key, Access::Variable { name: name.to_owned(), to }));
    }
    found
}

/// The variables that may go to a model's address without a question: those of the vendor whose address it is.
fn own_keys(model: &ModelRef) -> Vec<&'static str> {
    match address(model) {
        None => Vendor::of(model.provider).keys.to_vec(),
        Some(url) => Vendor::at(&url).flat_map(|vendor| vendor.keys).copied().collect(),
    }
}

/// The origin of a model's address in the file, unless it is a vendor's own.
fn foreign_origin(model: &ModelRef) -> Option<String> {
    let written = model.base_url.as_ref()?;
    match address(model) {
        Some(url) => Vendor::at(&url).next().is_none().then(|| url.origin().ascii_serialization()),
        // Nothing can be called there; the list says what stands in the file.
        None => Some(written.clone()),
    }
}

fn address(model: &ModelRef) -> Option<Url> {
    let written = model.base_url.as_ref()?;
    Url::parse((Vendor::of(model.provider).tidy_address)(written).trim()).ok()
}

fn origin_of(url: &str) -> Option<String> {
    Url::parse(url.trim()).ok().map(|url| url.origin().ascii_serialization())
}

fn of_grant(grant: &Grant) -> Vec<Permission> {
    match grant {
        Grant::RunCommand { allow, .. } => {
            allow.iter().flat_map(|beginning| program(Purpose::Tool, beginning, &[])).collect()
        }
        Grant::BuiltIn("write_file" | "edit_file") => vec![write(Purpose::Tool, ".")],
        Grant::Files { tool, paths } => paths.iter().flat_map(|path| of_files(tool, path)).collect(),
        // A server is listed by itself.
        Grant::BuiltIn(_) | Grant::Mcp { .. } => Vec::new(),
    }
}

/// What a tool does with the files of a pattern. Of those that are only read, what any tool may read is left out.
fn of_files(tool: &str, path: &str) -> Vec<Permission> {
    let read = (tool != "write_file" && is_guarded(path, Use::Read))
        .then(|| Permission::new(Purpose::Tool, Access::Read { path: path.to_owned() }));
    let write = matches!(tool, "write_file" | "edit_file").then(|| write(Purpose::Tool, path));
    read.into_iter().chain(write).collect()
}

/// Whether a path or a pattern names a place that tools keep away from unless its name is granted.
fn is_guarded(path: &str, wanted: Use) -> bool {
    !OwnFiles::default().literal_rows(path, wanted).is_empty()
}

fn of_server(server: &McpServer) -> Vec<Permission> {
    match &server.transport {
        McpTransport::Stdio { argv, env } => program(Purpose::McpServer, argv, env),
        McpTransport::Http { url, header_env } => {
            let origin = origin_of(url).unwrap_or_else(|| url.clone());
            let variables = header_env.values().map(|name| {
                let to = Recipient::Origin(origin.clone());
                Permission::new(Purpose::McpServer, Access::Variable { name: name.clone(), to })
            });
            let call = Permission::new(Purpose::McpServer, Access::Call { origin: origin.clone() });
            std::iter::once(call).chain(variables).collect()
        }
    }
}

fn of_notify(notify: &Notify) -> Vec<Permission> {
    let (address, header_env) = match &notify.by {
        NotifyBy::Program { argv, env } => return program(Purpose::Notify, argv, env),
        NotifyBy::Post { address, header_env, .. } => (address, header_env),
    };
    let (called, to) = match address {
        Address::Url(url) => {
            let origin = origin_of(url).unwrap_or_else(|| url.clone());
            (Access::Call { origin: origin.clone() }, Recipient::Origin(origin))
        }
        Address::Variable(name) => {
            let to = Recipient::AddressIn(name.clone());
            (Access::Variable { name: name.clone(), to: to.clone() }, to)
        }
    };
    let given = header_env.values().map(|name| Access::Variable { name: name.clone(), to: to.clone() });
    std::iter::once(called).chain(given).map(|access| Permission::new(Purpose::Notify, access)).collect()
}

fn of_task(task: &Task) -> Vec<Permission> {
    let mut found = Vec::new();
    if let Work::Command(command) = &task.work {
        let argv: Vec<String> = command.argv.iter().map(|part| Template::text(part).to_owned()).collect();
        found.extend(program(Purpose::Task, &argv, &command.env));
    }
    for check in &task.verify {
        if let Check::Run { argv, .. } = check {
            found.extend(program(Purpose::Check, argv, &[]));
        }
    }
    found.extend(task.output.file.iter().map(|path| write(Purpose::Output, path)));
    found
}

/// A program and the variables that it is given besides the usual ones.
fn program(purpose: Purpose, argv: &[String], variables: &[String]) -> Vec<Permission> {
    let run = Permission::new(purpose, Access::Run { argv: argv.to_vec() });
    let given = variables.iter().map(|name| {
        let to = Recipient::Program(argv.to_vec());
        Permission::new(purpose, Access::Variable { name: name.clone(), to })
    });
    std::iter::once(run).chain(given).collect()
}

fn write(purpose: Purpose, path: &str) -> Permission {
    Permission::new(purpose, Access::Write { path: path.to_owned() })
}

#[cfg(test)]
mod tests;
