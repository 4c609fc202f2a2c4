//! What is said when a command cannot do what it is asked: once, with the way out.

use std::process::ExitCode;

use crate::cli::terminal;
use crate::store::journal::{FILE, JournalError};
use crate::store::project::{ListError, STATE_DIR};
use crate::words::diagnostic::Report;
use crate::words::id::RunId;

/// The exit code for bad usage and for invalid files.
pub(super) const USAGE: u8 = 2;
/// The exit code for a failure.
pub(super) const FAILURE: u8 = 1;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct CliError {
    code: u8,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Words { what: String, help: Option<String> },
    Reports(Vec<Report>),
}

impl CliError {
    /// The user asked for something that cannot be.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self { code: USAGE, body: Body::Words { what: what.into(), help: None } }
    }

    /// Something failed.
    pub(super) fn failure(what: impl Into<String>) -> Self {
        Self { code: FAILURE, body: Body::Words { what: what.into(), help: None } }
    }

    /// A file has mistakes.
    pub(super) fn mistakes(reports: Vec<Report>) -> Self {
        Self { code: USAGE, body: Body::Reports(reports) }
    }

    /// The same with what to do next.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        match self.body {
            Body::Words { what, .. } => Self { body: Body::Words { what, help: Some(help.into()) }, ..self },
            Body::Reports(_) => self,
        }
    }

    /// What of a run's journal keeps a command from doing what it is asked: `what` is what cannot be done.
    pub(super) fn journal(what: String, run: &RunId, error: &JournalError) -> Self {
        let complaint = Self::failure(format!("{what}: {error}"));
        match error {
            error if error.never_began() => complaint.help(format!(
                "{run} never began, so nothing was called in it: start anew with `orch run`; `orch clean {run}` removes it"
            )),
            JournalError::Damaged { .. } => complaint.help(format!(
                "orch does not guess what stood there; start anew, or look into {STATE_DIR}/runs/{run}/{FILE}"
            )),
            JournalError::TooOld(_) => complaint.help("finish it with that version, or start anew with `orch run`"),
            _ => complaint,
        }
    }

    /// Tells the user, and gives the exit code.
    pub(super) fn print(self) -> ExitCode {
        match self.body {
            Body::Words { what, help } => {
                let (error, hint) = terminal::labels();
                terminal::say(&format!("{error} {what}\n"));
                if let Some(help) = help {
                    terminal::say(&format!("{hint} {help}\n"));
                }
            }
            Body::Reports(reports) => say_reports(&reports),
        }
        ExitCode::from(self.code)
    }
}

impl From<ListError> for CliError {
    fn from(error: ListError) -> Self {
        Self::failure(error.to_string())
            .help("what is in there is not known; see to it that it is a folder that can be read")
    }
}

/// Tells what is wrong with files, and how many mistakes there are.
pub(super) fn say_reports(reports: &[Report]) {
    for report in reports {
        terminal::say(&report.render(terminal::color()));
    }
    let errors: usize = reports.iter().map(Report::errors).sum();
    if errors > 1 {
        terminal::say(&format!("{errors} mistakes. Nothing was run and nothing was written.\n"));
    }
}
