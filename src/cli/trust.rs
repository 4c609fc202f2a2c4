//! `orch trust`, and the question of trust that other commands ask: what a project's files make orch do outside of them,
//! in words, and whether that is fine.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use crate::cli::error::{CliError, say_reports};
use crate::cli::{Context, Outcome, list, terminal};
use crate::engine::{Access, Permission, Purpose, Recipient, Trust, Untrusted, check, permissions};
use crate::model::settings::Settings;
use crate::store::project::Project;
use crate::words::event::Overrides;
use crate::words::text::{clean, command_line, plural};

/// The variable that answers the question for all that a process starts: for CI, where every checkout is a new one.
const TRUST_VARIABLE: &str = "ORCH_TRUST";

/// What a command that may need trust takes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct TrustArgs {
    /// Trust the programs, variables and addresses that the project's files name; `orch trust --show` lists them
    #[arg(long)]
    trust: bool,
}

impl TrustArgs {
    /// Whether the caller vouches for all that is there.
    pub(super) fn vouches(self) -> bool {
        self.trust || terminal::is_set(TRUST_VARIABLE)
    }
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a flag this trusts all that the orchestras name now; when a file names more, orch asks again. \
                        What is trusted is kept for you and this folder, outside of the project. Exit code: 0; 2 where \
                        an orchestra has mistakes."
)]
pub(super) struct Args {
    /// The orchestras, by id or by the path of their files; all in orchestras/ if left out
    #[arg(value_name = "FILE|ID")]
    orchestras: Vec<String>,
    /// Show what the orchestras name and what of it is trusted, and change nothing
    #[arg(long, conflicts_with = "revoke")]
    show: bool,
    /// Forget all that was trusted in this project
    #[arg(long, conflicts_with = "orchestras")]
    revoke: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let (project, settings) = (&context.project, Settings::from_environment());
    if args.revoke {
        let was = Trust::forget(project, &settings).map_err(|error| unreadable(&error))?;
        terminal::print(if was { "nothing of this project is trusted any more\n" } else { "nothing was trusted\n" });
        return Ok(ExitCode::SUCCESS);
    }
    let needed = named(args, context)?;
    let stored = Trust::stored(project, &settings).map_err(|error| unreadable(&error))?;
    let new = stored.check(&needed).err().map(|untrusted| untrusted.new).unwrap_or_default();
    terminal::print(&page(&needed, &new));
    if args.show {
        terminal::print(&verdict(&needed, &new));
        return Ok(ExitCode::SUCCESS);
    }
    if !new.is_empty() {
        stored.with(&needed).keep(project, &settings).map_err(|error| {
            CliError::failure(format!("what is trusted cannot be kept: {error}"))
                .help(format!("{TRUST_VARIABLE}=1 trusts the project's files for one process"))
        })?;
    }
    terminal::print(&verdict(&needed, &[]));
    Ok(ExitCode::SUCCESS)
}

/// All that the orchestras name.
fn named(args: &Args, context: &Context) -> Result<Vec<Permission>, CliError> {
    let project = &context.project;
    let files = list::named(&args.orchestras, context, "name a file")?;
    let (mut all, mut mistakes) = (BTreeSet::new(), Vec::new());
    for file in files {
        match file.map_err(|report| vec![report]).and_then(|source| check(project, &source, &Overrides::default())) {
            Ok((orchestra, _)) => all.extend(permissions(&orchestra)),
            Err(reports) => mistakes.extend(reports),
        }
    }
    if mistakes.is_empty() {
        return Ok(all.into_iter().collect());
    }
    say_reports(&mistakes);
    Err(CliError::usage("what these files name is not known").help("mend them, or name the orchestras to trust"))
}

fn verdict(needed: &[Permission], new: &[Permission]) -> String {
    match (needed.iter().any(Permission::needs_trust), new.is_empty()) {
        (false, _) => "nothing of this needs trust\n".to_owned(),
        (true, true) => "trusted\n".to_owned(),
        (true, false) => "not trusted; `orch trust` trusts it\n".to_owned(),
    }
}

/// Sees to it that all that a command is to do is trusted: by the environment, by the flag, from before, or by asking.
///
/// # Errors
/// If it is not trusted, with the way to trust it.
pub(super) fn settle(
    project: &Project,
    settings: &Settings,
    needed: &[Permission],
    args: TrustArgs,
) -> Result<Trust, CliError> {
    if terminal::is_set(TRUST_VARIABLE) {
        return Ok(Trust::All);
    }
    let stored = Trust::stored(project, settings).unwrap_or_else(|error| {
        terminal::say(&format!("warning: what is trusted of this project cannot be read: {error}\n"));
        Trust::default()
    });
    let Err(untrusted) = stored.check(needed) else { return Ok(stored) };
    if !args.trust {
        ask(&untrusted)?;
    }
    let trust = stored.with(needed);
    if let Err(error) = trust.keep(project, settings) {
        terminal::say(&format!("warning: this will be asked again, since it cannot be kept: {error}\n"));
    }
    Ok(trust)
}

/// The environment for a command that only looks at what a run would use, see [`Trust::settings`].
pub(super) fn settings_to_look_with(project: &Project) -> Settings {
    let trust = if terminal::is_set(TRUST_VARIABLE) { Trust::All } else { Trust::default() };
    trust.settings(&Settings::from_environment(), project).0.into_owned()
}

/// Shows what is not trusted, and asks.
fn ask(untrusted: &Untrusted) -> Result<(), CliError> {
    let known = untrusted.needed.iter().filter(|permission| permission.needs_trust()).count() - untrusted.new.len();
    terminal::say(&match known {
        0 => "The files of this project make orch do this:\n\n".to_owned(),
        _ => "The files of this project have changed. They now make orch do this, too:\n\n".to_owned(),
    });
    // What is new alone is a question; what else is written helps to answer it.
    let is_shown = |permission: &&Permission| known == 0 || untrusted.new.contains(permission);
    let shown: Vec<Permission> = untrusted.needed.iter().filter(is_shown).cloned().collect();
    terminal::say(&page(&shown, &[]));
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(CliError::usage(untrusted.to_string()).help(format!(
            "read the list above; if it is fine, give --trust, call `orch trust`, or set {TRUST_VARIABLE}=1"
        )));
    }
    let count = plural(untrusted.new.len() as u64, "thing", "things");
    terminal::say(&format!("\nDo you trust this project with {count} of this list? [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::usage("the project is not trusted, so nothing was run, called or given away")
        .help("`orch run ... --rehearse` and `--dry-run` need no trust"))
}

fn unreadable(error: &io::Error) -> CliError {
    CliError::failure(format!("what is trusted of this project cannot be read: {error}"))
}

/// What an orchestra makes orch do outside of its own files, in words. What is new has a mark.
pub(super) fn page(permissions: &[Permission], new: &[Permission]) -> String {
    type IsPart = fn(&Access) -> bool;
    let parts: [(&str, IsPart); 5] = [
        ("programs that run", |access| matches!(access, Access::Run { .. })),
        ("variables that are given away", |access| matches!(access, Access::Variable { .. })),
        ("addresses that are called", |access| matches!(access, Access::Call { .. })),
        ("files that may hold keys and are read", |access| matches!(access, Access::Read { .. })),
        ("files and folders that are written", |access| matches!(access, Access::Write { .. })),
    ];
    let mut page = String::new();
    for (heading, is_part) in parts {
        let mut of_part = permissions.iter().filter(|permission| is_part(&permission.access)).peekable();
        if of_part.peek().is_some() {
            page.push_str(&format!("{heading}:\n"));
        }
        for permission in of_part {
            let mark = if new.contains(permission) { "new: " } else { "" };
            page.push_str(&format!("  {mark}{}\n", clean(&line(permission)).replace('\n', " ")));
        }
    }
    if !permissions.iter().any(Permission::needs_trust) {
        page.push_str("besides: nothing but vendors at their own addresses with their own keys\n");
    }
    page
}

fn line(Permission { access, purpose }: &Permission) -> String {
    match access {
        Access::Run { argv } if *purpose == Purpose::Tool => {
            format!("{} ...  (a model may run what begins so)", command_line(argv))
        }
        Access::Run { argv } => format!("{}  ({})", command_line(argv), reason(*purpose)),
        Access::Variable { name, to } => {
            let to = match to {
                Recipient::Program(argv) => format!("the program {}", command_line(argv)),
                Recipient::Origin(origin) => origin.clone(),
                Recipient::AddressIn(variable) => format!("the address in {variable}"),
                Recipient::Vendor(vendor) => format!("{vendor}, whose own key it is not"),
            };
            format!("{name} to {to}  ({})", reason(*purpose))
        }
        Access::Call { origin } => format!("{origin}  ({})", reason(*purpose)),
        Access::Read { path } => format!("{path}  ({})", reason(*purpose)),
        Access::Write { path } if path == "." => format!("any file of the project  ({})", reason(*purpose)),
        Access::Write { path } => format!("{path}  ({})", reason(*purpose)),
    }
}

fn reason(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Key => "the key of a model",
        Purpose::Model => "as a model",
        Purpose::McpServer => "as an MCP server",
        Purpose::Task => "does a task",
        Purpose::Check => "checks a task",
        Purpose::Tool => "a model's tool",
        Purpose::Output => "results",
        Purpose::Hook => "a hook of the run",
        Purpose::Notify => "tells how a run has ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(purpose: Purpose, argv: &[&str]) -> Permission {
        Permission { access: Access::Run { argv: argv.iter().map(|&part| part.to_owned()).collect() }, purpose }
    }

    #[test]
    fn the_list_is_in_words_and_steers_no_terminal() {
        let key = Access::Variable { name: "A\u{1b}[2K\nB".to_owned(), to: Recipient::Origin("http://h:1".to_owned()) };
        let all = [
            run(Purpose::Tool, &["cargo", "test"]),
            run(Purpose::McpServer, &["sh", "-c", "a\nb\u{1b}[2J"]),
            Permission { access: key, purpose: Purpose::Key },
            Permission { access: Access::Write { path: ".".to_owned() }, purpose: Purpose::Tool },
        ];
        assert_eq!(
            page(&all, &all[..1]),
            "programs that run:\n  new: cargo test ...  (a model may run what begins so)\n  \
             sh -c \"a\\nb\\u{1b}[2J\"  (as an MCP server)\nvariables that are given away:\n  \
             A B to http://h:1  (the key of a model)\nfiles and folders that are written:\n  \
             any file of the project  (a model's tool)\n"
        );
        assert!(
            page(&all[3..], &[]).ends_with("besides: nothing but vendors at their own addresses with their own keys\n")
        );
    }
}
