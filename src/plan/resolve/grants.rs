//! What agents may do and what tasks must give: tools, servers of tools, forms of output, and evidence.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::plan::guarded::{self, GIT, ORCH, OwnFiles, Use};
use crate::plan::inputs::Input;
use crate::plan::orchestra::{Check, Grant, McpServer, McpTransport, OutputRule};
use crate::plan::output::OutputSpec;
use crate::plan::programs;
use crate::plan::resolve::prose::Said;
use crate::plan::resolve::{ResolveContext, extend};
use crate::plan::spec::located::{Either, Spanned};
use crate::plan::spec::{self, OrchestraFile, OutputFormat, Text, ToolGrant};
use crate::plan::template::{CtxKnown, ItemsKnown, Known, RoundsKnown, Template};
use crate::plan::tools::{self, BuiltInTool, GrantSettings};
use crate::words::diagnostic::{Diagnostic, near_miss};

/// The one file of orch's own folder that an output may go to: the plan, for people.
pub(super) const PLAN_FILE: &str = ".orchestra/plan.md";

const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
const CHECK_TIMEOUT: Duration = Duration::from_secs(300);
const MCP_TIMEOUT: Duration = Duration::from_secs(60);

/// The tools that an agent is given.
pub(super) fn granted_tools(
    tools: &[Either<Text, ToolGrant>],
    file: &OrchestraFile,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Grant> {
    let mut grants = Vec::new();
    for tool in tools {
        let (name, full) = match tool {
            Either::Short(name) => (name, None),
            Either::Full(full) => (&full.name, Some(full)),
        };
        match grant(name, full, file, diagnostics) {
            Ok(grant) => grants.push(grant),
            Err(mistake) => diagnostics.push(*mistake),
        }
    }
    grants
}

fn grant(
    name: &Text,
    full: Option<&ToolGrant>,
    file: &OrchestraFile,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Grant, Box<Diagnostic>> {
    let error = |message: String, label: &str| Diagnostic::error(message, name.span.clone(), label.to_owned());
    let built_in = tools::find(&name.value);
    let on_files = built_in.filter(|tool| tool.settings == GrantSettings::Files);
    let paths = full.and_then(|full| full.paths.as_ref());
    if paths.is_some() && on_files.is_none() {
        let message = format!("`{}` takes no `paths`", name.value);
        return Err(Box::new(error(message, "only tools that work on files do")));
    }
    if built_in.is_some_and(|tool| tool.settings == GrantSettings::Commands) {
        let entries = full.and_then(|full| full.allow.as_ref()).map_or(&[][..], |allow| &allow.value);
        let allow: Vec<Vec<String>> = entries.iter().map(|entry| entry.value.clone()).collect();
        if allow.is_empty() || allow.iter().any(|prefix| prefix.first().is_none_or(String::is_empty)) {
            return Err(Box::new(
                error(format!("`{}` needs to be told which commands are allowed", name.value), "").help(format!(
                    "name how they begin: `- {{name: {}, allow: [[cargo, test], [npm, test]]}}`",
                    name.value
                )),
            ));
        }
        diagnostics.extend(entries.iter().filter_map(shell));
        let timeout = full.and_then(|full| full.timeout_seconds).map_or(COMMAND_TIMEOUT, Duration::from_secs_f64);
        return Ok(Grant::RunCommand { allow, timeout });
    }
    if full.is_some_and(|full| full.allow.is_some() || full.timeout_seconds.is_some()) {
        let message = format!("`{}` takes neither `allow` nor `timeout_seconds`", name.value);
        return Err(Box::new(error(message, "only `run_command` does")));
    }
    if let (Some(tool), Some(paths)) = (on_files, paths) {
        return granted_paths(tool, paths);
    }
    if let Some(tool) = built_in {
        return Ok(Grant::BuiltIn(tool.name));
    }
    if let Some((server, tool)) = name.value.split_once('/') {
        if file.mcp_servers.contains_key(server) {
            let tool = (tool != "*").then(|| tool.to_owned());
            return Ok(Grant::Mcp { server: server.to_owned(), tool });
        }
        let diagnostic = error(format!("there is no MCP server `{server}`"), "not under `mcp_servers`");
        return Err(Box::new(match near_miss(server, file.mcp_servers.keys().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}/{tool}`?")),
            None => diagnostic.help("declare it under `mcp_servers`, with its `argv` or its `url`"),
        }));
    }
    let diagnostic = error(format!("there is no tool `{}`", name.value), "not a tool");
    Err(Box::new(match near_miss(&name.value, tools::names()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => {
            diagnostic.help(format!("the tools are {}, and `server/tool` of an MCP server", tools::names().join(", ")))
        }
    }))
}

/// The warning of an entry of an allow-list that lets a model run whatever it likes.
fn shell(entry: &Spanned<Vec<String>>) -> Option<Diagnostic> {
    let why = programs::amounts_to_shell(&entry.value)?;
    let message = format!("`[{}]` lets the agent run any program: {why}", entry.value.join(", "));
    let help = "name more of the command, such as `[git, log]` or `[python, -m, pytest]`";
    Some(Diagnostic::error(message, entry.span.clone(), "as good as a shell").into_warning().help(help))
}

/// A tool for the files that some patterns mean.
fn granted_paths(tool: &BuiltInTool, paths: &Spanned<Vec<Text>>) -> Result<Grant, Box<Diagnostic>> {
    if paths.value.is_empty() {
        return Err(Box::new(
            Diagnostic::error("`paths` names no file", paths.span.clone(), "")
                .help("leave it out for all files that tools may use, or name some: `[src/**, README.md]`"),
        ));
    }
    for path in &paths.value {
        let mut mistakes = Vec::new();
        check_path(path, &mut mistakes);
        mistakes.extend(check_glob(path));
        if let Some(mistake) = mistakes.into_iter().next() {
            return Err(Box::new(mistake));
        }
        let wanted = [Use::Read, Use::Write].into_iter().find_map(|wanted| {
            let rows = OwnFiles::default().literal_rows(&path.value, wanted);
            rows.into_iter().find(|row| !row.grantable)
        });
        if let Some(row) = wanted {
            let message = format!("`{}` cannot be granted: {}", path.value, row.why);
            return Err(Box::new(Diagnostic::error(message, path.span.clone(), "no tool may use this")));
        }
    }
    Ok(Grant::Files { tool: tool.name, paths: paths.value.iter().map(|path| path.value.clone()).collect() })
}

/// The servers of tools.
pub(super) fn servers(file: &OrchestraFile, diagnostics: &mut Vec<Diagnostic>) -> Vec<McpServer> {
    let mut servers = Vec::new();
    for (name, server) in &file.mcp_servers {
        let here = server.argv.as_ref().map(|argv| argv.span.clone());
        let here = here.or_else(|| server.url.as_ref().map(|url| url.span.clone()));
        let transport = match (&server.argv, &server.url) {
            (Some(argv), None) if argv.value.first().is_some_and(|program| !program.is_empty()) => {
                McpTransport::Stdio { argv: argv.value.clone(), env: server.env.clone() }
            }
            (None, Some(url)) if url.value.starts_with("http://") || url.value.starts_with("https://") => {
                McpTransport::Http { url: url.value.clone(), header_env: server.header_env.clone() }
            }
            _ => {
                let message = format!("the MCP server `{name}` needs either a program or an address");
                let diagnostic = match here {
                    Some(span) => Diagnostic::error(message, span, ""),
                    None => Diagnostic::error_in_file(message),
                };
                diagnostics.push(diagnostic.help("`argv: [program, ...]`, or `url: https://...`"));
                continue;
            }
        };
        servers.push(McpServer {
            name: name.clone(),
            transport,
            tools: server.tools.clone(),
            exclude: server.exclude.clone(),
            timeout: server.timeout_seconds.map_or(MCP_TIMEOUT, Duration::from_secs_f64),
        });
    }
    servers
}

/// What a task's output is to be.
pub(super) fn output(
    task: &spec::Task,
    context: &ResolveContext<'_>,
    inputs: &[Input],
    diagnostics: &mut Vec<Diagnostic>,
) -> OutputRule {
    let Some(table) = &task.output else { return OutputRule::default() };
    let format = table.format.as_ref().map(|format| format.value);
    let schema = match &table.schema {
        None => None,
        Some(Either::Full(inline)) => {
            let entries = inline.value.iter().map(|(key, value)| (key.clone(), value.clone()));
            Some((serde_json::Value::Object(entries.collect()), inline.span.clone()))
        }
        Some(Either::Short(path)) => match context.schemas.get(&path.value) {
            Some(Ok(schema)) => Some((schema.clone(), path.span.clone())),
            Some(Err(why)) => {
                let message = format!("the schema {} cannot be used: {why}", path.value);
                diagnostics.push(Diagnostic::error(message, path.span.clone(), ""));
                None
            }
            None => None,
        },
    };
    if let (Some(format), Some(_)) = (&table.format, &schema)
        && format.value != OutputFormat::Json
    {
        diagnostics.push(
            Diagnostic::error(
                "a schema describes JSON, and this output is to be something else",
                format.span.clone(),
                "",
            )
            .help("write `format: json`, or leave `format` out"),
        );
    }
    let format = format.unwrap_or(if schema.is_some() { OutputFormat::Json } else { OutputFormat::Text });
    if let Some(path) = &table.path {
        if format != OutputFormat::File {
            diagnostics.push(
                Diagnostic::error("`path` names the file that an output is", path.span.clone(), "not with this format")
                    .help("write `format: file`, or `file` in place of `path` for a file that gets the output as well"),
            );
        }
        if let Some(file) = &table.file {
            diagnostics.push(
                Diagnostic::error("`path` and `file` both say where the output goes", path.span.clone(), "here")
                    .see(file.span.clone(), "and here")
                    .help("keep one of the two"),
            );
        }
    }
    let file = table.path.as_ref().or(table.file.as_ref());
    match (file, &task.for_each) {
        (Some(file), _) if format == OutputFormat::Plan && file.value == PLAN_FILE => {}
        (Some(file), Some(list)) if Template::new(&file.value).names_item() => check_files(file, list, diagnostics),
        (Some(file), _) => {
            let template = Template::with_inputs(&file.value, inputs);
            match template.has_tags() {
                true => diagnostics.extend(check_file_name(file, &template, context, inputs)),
                false => check_path(file, diagnostics),
            }
        }
        (None, _) => {}
    }
    let (schema, span) = schema.unzip();
    let spec = OutputSpec::new(format, schema).unwrap_or_else(|error| {
        let span = span.unwrap_or_else(|| task.name.span.clone());
        diagnostics.push(Diagnostic::error(error.to_string(), span, "").help("schemas are of draft 2020-12"));
        OutputSpec::free()
    });
    OutputRule { spec, file: file.map(|file| file.value.clone()) }
}

/// What is wrong with the name of a file that is filled in when the run begins.
fn check_file_name(
    file: &Text,
    template: &Template,
    context: &ResolveContext<'_>,
    inputs: &[Input],
) -> Vec<Diagnostic> {
    if template.names_task() {
        let message =
            "the name of an output's file is filled in when the run begins, and there is no output or item then";
        let help = "name it by `inputs`, the goal or the run; with `for_each`, by the item";
        return vec![Diagnostic::error(message, file.span.clone(), "in this template").help(help)];
    }
    let (tasks, schema) = (BTreeSet::new(), &|_: &str| None);
    let known = Known {
        outputs: &[],
        tasks: &tasks,
        schema,
        items: ItemsKnown::None,
        rounds: RoundsKnown::None,
        inputs,
        ctx: CtxKnown::default(),
    };
    Said::Here(Cow::Borrowed(file)).check(template, &known, context.source)
}

/// The files of a list's items, as far as the items are known.
fn check_files(file: &Text, list: &Either<Text, Spanned<Vec<serde_json::Value>>>, diagnostics: &mut Vec<Diagnostic>) {
    let Either::Full(items) = list else { return };
    if let Err(why) = extend::files(&file.value, &items.value, "") {
        diagnostics.push(Diagnostic::error(why, file.span.clone(), "with these items"));
    }
}

/// Whether a path says by its form that it lies in the project; what links do is for the one that opens it.
#[must_use]
pub(crate) fn is_in_project(path: &str) -> bool {
    let first = guarded::parts(path).next();
    let is_kept = first.is_some_and(|first| [GIT, ORCH].iter().any(|kept| guarded::is_name_of(first, kept)));
    !leaves_project(path) && !path.trim().is_empty() && !is_kept
}

/// Whether a path says by its form that it may lead out of the project.
pub(super) fn leaves_project(path: &str) -> bool {
    path.starts_with(['/', '\\', '~']) || path.contains(':') || guarded::parts(path).any(|part| part == "..")
}

/// The files that a task reads.
pub(super) fn reads(reads: &[Text], diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    for pattern in reads {
        check_path(pattern, diagnostics);
        diagnostics.extend(check_glob(pattern));
    }
    reads.iter().map(|pattern| pattern.value.clone()).collect()
}

/// What is wrong with a text as a pattern for files.
fn check_glob(pattern: &Text) -> Option<Diagnostic> {
    let error = globset::Glob::new(&pattern.value).err()?;
    let message = format!("`{}` is not a pattern for files: {}", pattern.value, error.kind());
    Some(Diagnostic::error(message, pattern.span.clone(), "").help("such as `src/**/*.rs`"))
}

/// The files that a task makes.
pub(super) fn writes(writes: &[Text], diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    writes.iter().for_each(|path| check_path(path, diagnostics));
    writes.iter().map(|path| path.value.clone()).collect()
}

/// A file that two tasks write would hold the one's output or the other's, whoever is last.
pub(super) fn check_shared_files(tasks: &[Spanned<spec::Task>], diagnostics: &mut Vec<Diagnostic>) {
    let mut writers: HashMap<String, &Text> = HashMap::new();
    for task in tasks {
        let output = task.value.output.as_ref();
        let Some(file) = output.and_then(|output| output.path.as_ref().or(output.file.as_ref())) else { continue };
        let plain = file.value.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/");
        if let Some(first) = writers.insert(plain.to_lowercase(), file) {
            diagnostics.push(
                Diagnostic::error(
                    format!("two tasks write the file `{}`", file.value),
                    file.span.clone(),
                    "the second",
                )
                .see(first.span.clone(), "the first")
                .help("give one of them another file"),
            );
        }
    }
}

/// What must hold when a task is done.
pub(super) fn checks(task: &spec::Task, diagnostics: &mut Vec<Diagnostic>) -> Vec<Check> {
    let mut checks = Vec::new();
    for Spanned { value: check, span } in &task.verify {
        match (&check.run, &check.file) {
            (Some(argv), None) if argv.value.first().is_some_and(|program| !program.is_empty()) => {
                let timeout = check.timeout_seconds.map_or(CHECK_TIMEOUT, Duration::from_secs_f64);
                checks.push(Check::Run { argv: argv.value.clone(), timeout });
            }
            (None, Some(file)) => {
                check_path(file, diagnostics);
                checks.push(Check::File(file.value.clone()));
            }
            _ => diagnostics.push(
                Diagnostic::error("an entry of `verify` is either a command or a file", span.clone(), "")
                    .help("`{run: [cargo, test]}`, or `{file: src/main.rs}`"),
            ),
        }
    }
    checks
}

fn check_path(path: &Text, diagnostics: &mut Vec<Diagnostic>) {
    if path.value.contains("{{") || path.value.contains("{goal}") {
        let message = format!("`{}` is a template, and a path is taken as it stands", path.value);
        diagnostics
            .push(Diagnostic::error(message, path.span.clone(), "not filled in here").help("write the path itself"));
    }
    if !is_in_project(&path.value) {
        let message = format!("`{}` is not a path of a file in the project", path.value);
        diagnostics
            .push(Diagnostic::error(message, path.span.clone(), "").help("write it relative to the project's folder"));
    }
}
