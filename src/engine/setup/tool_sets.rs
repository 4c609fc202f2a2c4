//! What each agent may use: tools of orch's own, commands, and servers of tools.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use crate::engine::setup::{Secrets, SetupError};
use crate::model::settings::Settings;
use crate::os::process::{self, RUN_VARIABLE};
use crate::plan::guarded::OwnFiles;
use crate::plan::orchestra::{self, Grant, McpTransport, Orchestra};
use crate::store::disk::Dir;
use crate::store::project::Project;
use crate::tools::builtin::{self, ProjectFiles, ToolContext};
use crate::tools::mcp::{ServerConfig, Servers, Transport};
use crate::tools::{Ctx, ServerGrant, ToolSet};
use crate::words::id::RunId;
use crate::words::redact::Redactor;

/// How much of an MCP server's answer is taken, in bytes.
const MCP_RESULT_BYTES: usize = 1024 * 1024;
/// The longest wait for a program that ends, once it is told to.
const GRACE: Duration = Duration::from_secs(2);

/// The tools that an agent is granted. `context` opens what the built-in ones need, and is not called without them.
pub(super) fn tool_set(
    grants: &[Grant],
    context: impl FnOnce() -> Result<ToolContext, SetupError>,
    servers: &Servers,
    redactor: &Redactor,
) -> Result<Arc<ToolSet>, SetupError> {
    let needs_context = grants.iter().any(|grant| grant.built_in().is_some());
    let built_in = if needs_context { builtin::granted(grants, &context()?) } else { Vec::new() };
    let from_server = |grant: &Grant| match grant {
        Grant::Mcp { server, tool } => Some(ServerGrant { server: server.clone(), tool: tool.clone() }),
        _ => None,
    };
    let from_servers = grants.iter().filter_map(from_server).collect();
    Ok(Arc::new(ToolSet::new(built_in, servers.clone(), from_servers, redactor.clone())))
}

/// What the built-in tools of an agent work with.
pub(super) fn tool_context(
    project: &Project,
    settings: &Settings,
    ctx: &Ctx,
    redactor: &Redactor,
    run: &RunId,
    own: &Arc<OwnFiles>,
) -> Result<ToolContext, SetupError> {
    let files = project_files(project, run);
    Ok(ToolContext {
        project: files.map_err(|error| SetupError::Project { path: project.root().to_owned(), error })?,
        own: own.clone(),
        root: project.root().to_owned(),
        environment: settings.clean_environment(),
        runner: commands(run, redactor),
        ctx: ctx.clone(),
    })
}

/// The project's folder, for what a run reads and writes there.
pub(super) fn project_files(project: &Project, run: &RunId) -> io::Result<Arc<ProjectFiles>> {
    let folder = Dir::open(project.root())?.marked(run.as_str());
    Ok(Arc::new(ProjectFiles::new(folder, project.write_lock())))
}

/// How a tool runs commands: with a clean environment, and with all that they started ended.
fn commands(run: &RunId, redactor: &Redactor) -> builtin::Runner {
    let (run, redactor) = (run.to_string(), redactor.clone());
    Arc::new(move |asked: builtin::Invocation| {
        let mut environment = asked.environment;
        environment.push((RUN_VARIABLE.to_owned(), run.clone()));
        let redactor = redactor.clone();
        Box::pin(async move {
            let command = process::Command {
                argv: asked.argv,
                directory: asked.directory,
                environment,
                stdin: process::Stdin::Null,
                timeout: asked.timeout,
                max_output_bytes: asked.max_output_bytes,
                grace: GRACE,
            };
            let finished = process::run(command).await.map_err(|trouble| trouble.to_string())?;
            let code = match finished.exit {
                process::Exit::Code(code) => Some(code),
                process::Exit::Signal(_) => None,
            };
            let is_cut = finished.stdout_cut || finished.stderr_cut;
            // Before the middle of a long one is left out, and a key with it by half.
            let clean = |said: &[u8]| redactor.redact_part(&String::from_utf8_lossy(said)).into_owned().into_bytes();
            Ok(builtin::Ran { code, stdout: clean(&finished.stdout), stderr: clean(&finished.stderr), is_cut })
        })
    })
}

pub(super) fn servers(
    orchestra: &Orchestra,
    project: &Project,
    settings: &Settings,
    run: &RunId,
    secrets: &mut Secrets,
) -> Result<Vec<ServerConfig>, SetupError> {
    let mut configs = Vec::with_capacity(orchestra.mcp_servers.len());
    for server in &orchestra.mcp_servers {
        let transport = match &server.transport {
            McpTransport::Stdio { argv, env } => {
                let mut environment = settings.clean_environment();
                environment.push((RUN_VARIABLE.to_owned(), run.to_string()));
                for name in env {
                    let value = variable(settings, name, server)?;
                    environment.push((name.clone(), value));
                }
                Transport::Stdio { argv: argv.clone(), environment, directory: project.root().to_owned() }
            }
            McpTransport::Http { url, header_env } => {
                let mut headers = Vec::with_capacity(header_env.len());
                for (header, name) in header_env {
                    headers.push((header.clone(), SecretString::from(variable(settings, name, server)?)));
                }
                Transport::Http { url: url.clone(), headers }
            }
        };
        secrets.0.extend(transport.secrets());
        configs.push(ServerConfig {
            name: server.name.clone(),
            transport,
            tools: server.tools.clone(),
            exclude: server.exclude.clone(),
            timeout: server.timeout,
            max_result_bytes: MCP_RESULT_BYTES,
        });
    }
    Ok(configs)
}

fn variable(settings: &Settings, name: &str, server: &orchestra::McpServer) -> Result<String, SetupError> {
    settings.get(name).ok_or_else(|| SetupError::Variable { server: server.name.clone(), variable: name.to_owned() })
}
