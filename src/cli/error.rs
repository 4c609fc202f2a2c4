//! Why a command cannot do what it is asked, with the way out: the one place where errors become words and exit codes.

use std::process::ExitCode;

use crate::cli::terminal;
use crate::engine::phase::ChooseError;
use crate::engine::{
    HookError, InputError, LoadError, OpenError, ResumeError, RunError, SelectError, Selector, SetupError, SourceError,
    StartError,
};
use crate::store::journal::{FILE, JournalError};
use crate::store::lock::LockError;
use crate::store::project::{FindError, ListError, ORCHESTRAS_DIR, STATE_DIR};
use crate::words::diagnostic::Report;
use crate::words::id::RunId;

/// The exit code for bad usage and for invalid files.
pub(super) const USAGE: u8 = 2;
/// The exit code of what was told to stop.
pub(super) const INTERRUPTED: u8 = 130;
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
    /// What failed and why, as a chain of causes, and what to do next.
    Error {
        error: anyhow::Error,
        help: Option<String>,
    },
    Reports(Vec<Report>),
}

impl CliError {
    /// The user asked for something that cannot be.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self::misuse(anyhow::Error::msg(what.into()))
    }

    /// Something failed.
    pub(super) fn failure(what: impl Into<String>) -> Self {
        anyhow::Error::msg(what.into()).into()
    }

    /// A signal came, and nothing was called yet.
    pub(super) fn interrupted(what: impl Into<String>) -> Self {
        Self { code: INTERRUPTED, ..Self::failure(what) }
    }

    /// What the user gave cannot be used, for the reason in this error.
    pub(super) fn misuse(error: anyhow::Error) -> Self {
        Self { code: USAGE, body: Body::Error { error, help: None } }
    }

    /// A file has mistakes.
    pub(super) fn mistakes(reports: Vec<Report>) -> Self {
        Self { code: USAGE, body: Body::Reports(reports) }
    }

    /// The same with what to do next.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        match self.body {
            Body::Error { error, .. } => Self { body: Body::Error { error, help: Some(help.into()) }, ..self },
            Body::Reports(_) => self,
        }
    }

    /// The project's files changed after they were trusted.
    fn untrusted(what: String) -> Self {
        Self::usage(what).help("`orch trust --show` lists what they name")
    }

    /// What of a run's journal keeps a command from doing what it is asked: `what` is what cannot be done.
    pub(super) fn journal(what: String, run: &RunId, error: &JournalError) -> Self {
        Self::of_journal(format!("{what}: {error}"), run, error)
    }

    fn of_journal(what: String, run: &RunId, error: &JournalError) -> Self {
        let failure = Self::failure(what);
        match error {
            error if error.never_began() => failure.help(format!(
                "{run} never began, so nothing was called in it: start anew with `orch run`; `orch clean {run}` removes it"
            )),
            JournalError::Damaged { .. } => failure.help(format!(
                "orch does not guess what stood there; start anew, or look into {STATE_DIR}/runs/{run}/{FILE}"
            )),
            JournalError::Unknown { .. } => failure.help(format!(
                "if no newer orch has written it, look into {STATE_DIR}/runs/{run}/{FILE}"
            )),
            JournalError::TooOld(_) => failure.help("finish it with that version, or start anew with `orch run`"),
            _ => failure,
        }
    }

    /// Tells the user, and gives the exit code.
    pub(super) fn print(self) -> ExitCode {
        match self.body {
            Body::Error { error, help } => {
                let (label, hint) = terminal::labels();
                // The whole chain, as `what: why`.
                terminal::say(&format!("{label} {error:#}\n"));
                if let Some(help) = help {
                    terminal::say(&format!("{hint} {help}\n"));
                }
            }
            Body::Reports(reports) => say_reports(&reports),
        }
        ExitCode::from(self.code)
    }
}

/// Something failed, and `context` says what could not be done for it.
impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self { code: FAILURE, body: Body::Error { error, help: None } }
    }
}

impl From<ListError> for CliError {
    fn from(error: ListError) -> Self {
        Self::failure(error.to_string())
            .help("what is in there is not known; see to it that it is a folder that can be read")
    }
}

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Mistakes(reports) => Self::mistakes(reports),
            LoadError::Find(FindError::Unknown { is_empty, .. }) => {
                Self::usage(error.to_string()).help(match is_empty {
                    true => format!(
                        "there is no `{ORCHESTRAS_DIR}/` here: `orch create ID` makes one, -C names another folder"
                    ),
                    false => "`orch list` names those of this project".to_owned(),
                })
            }
            LoadError::Find(FindError::List(error)) => error.into(),
            LoadError::Find(_) => Self::usage(error.to_string()),
        }
    }
}

impl From<ChooseError> for CliError {
    fn from(error: ChooseError) -> Self {
        let what = error.to_string();
        match error {
            ChooseError::NoRuns => Self::usage(what).help("`orch run` makes one"),
            ChooseError::Unknown { near: Some(near), .. } => {
                Self::usage(what).help(format!("did you mean `{near}`? `orch runs` lists them"))
            }
            ChooseError::Unknown { near: None, .. } => Self::usage(what).help("`orch runs` lists them"),
            ChooseError::Ambiguous { .. } => Self::usage(what).help("write more of its id"),
            ChooseError::List(error) => error.into(),
        }
    }
}

impl From<StartError> for CliError {
    fn from(error: StartError) -> Self {
        let what = error.to_string();
        match error {
            StartError::GoalTooLong => Self::usage(what).help("a goal is a few sentences; put material into files"),
            StartError::NoGoal { orchestra, .. } => {
                Self::usage(what).help(format!("orch run {orchestra} --goal \"...\""))
            }
            StartError::Input { orchestra, error } => {
                let error_help = match error {
                    InputError::Missing { name, .. } if name == "goal" => {
                        format!("orch run {orchestra} --goal \"...\"")
                    }
                    InputError::Missing { name, .. } | InputError::Wrong { name, .. } => {
                        format!("orch run {orchestra} --input {name}=..., or --inputs FILE")
                    }
                    InputError::Unknown { near: Ok(near), .. } => format!("did you mean `{near}`?"),
                    InputError::Unknown { near: Err(all), .. } if all.is_empty() => {
                        format!("`{orchestra}` declares none; `inputs: {{NAME: text}}` at the top of its file does")
                    }
                    InputError::Unknown { near: Err(all), .. } => format!("its inputs are {}", all.join(", ")),
                    InputError::TooLong => "put the material into a file, and give its path".to_owned(),
                };
                Self::usage(what).help(error_help)
            }
            StartError::File(_) => Self::usage(what).help("give another value for what its name is made of"),
            StartError::Untrusted(_) => Self::untrusted(what),
            StartError::Select(error) => error.into(),
            StartError::Source(error) => error.into(),
            StartError::Hook(error) => error.into(),
            StartError::Setup(error) => error.into(),
            StartError::Open(error) => error.into(),
        }
    }
}

impl From<SelectError> for CliError {
    fn from(error: SelectError) -> Self {
        let what = error.to_string();
        let (by, near) = match error {
            SelectError::Unknown { by, near, .. } => (by, near),
            SelectError::NoOutput(_) => {
                return Self::usage(what).help("run the whole orchestra once, or start further up with --from");
            }
            SelectError::List(error) => return error.into(),
        };
        let flag = match by {
            Selector::Only => "--only",
            Selector::From => "--from",
            Selector::Fresh => "--fresh",
        };
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`orch graph` shows the tasks".to_owned(),
        };
        Self::usage(format!("{flag}: {what}")).help(help)
    }
}

impl From<SourceError> for CliError {
    fn from(error: SourceError) -> Self {
        let what = error.to_string();
        match error {
            SourceError::Replay { .. } => Self::usage(what).help("`orch run --record FILE` writes such a file"),
            SourceError::Record { .. } => Self::usage(what).help("name a file that is not there yet"),
            SourceError::Script { .. } => Self::usage(what),
            SourceError::Mistakes(report) => Self::mistakes(vec![*report]),
        }
    }
}

impl From<SetupError> for CliError {
    fn from(error: SetupError) -> Self {
        let what = error.to_string();
        match error {
            SetupError::NoModel { unusable, .. } | SetupError::Unpriced(unusable) => {
                Self::usage(what).help(unusable.help)
            }
            SetupError::Variable { variable, .. } | SetupError::ProgramVariable { variable, .. } => {
                Self::usage(what).help(format!("set {variable} in the environment"))
            }
            SetupError::Program { .. } | SetupError::Project { .. } => Self::usage(what),
        }
    }
}

impl From<HookError> for CliError {
    fn from(error: HookError) -> Self {
        Self::failure(error.to_string()).help("nothing was called; `orch hooks NAME` lists the hooks of an orchestra")
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        let what = error.to_string();
        match error {
            OpenError::Workspace { error: LockError::Held(_), .. }
            | OpenError::Run { error: LockError::Held(_), .. } => {
                Self::usage(what).help("wait until it ends, or give this run another place with --workspace")
            }
            OpenError::Workspace { .. } | OpenError::Run { .. } => {
                Self::usage(what).help("check the path and who may write there; --workspace names another place")
            }
            OpenError::State { .. } => {
                Self::usage(what).help("orch keeps its journal there; check who may write to the project's folder")
            }
            OpenError::Project { .. } => Self::usage(what),
            OpenError::Journal { .. } => Self::failure(what),
        }
    }
}

impl From<ResumeError> for CliError {
    fn from(error: ResumeError) -> Self {
        let what = error.to_string();
        match error {
            ResumeError::Missing { .. } => Self::usage(what),
            ResumeError::Unreadable { run, error } | ResumeError::NeverBegan { run, error } => {
                Self::of_journal(what, &run, &error)
            }
            ResumeError::List(error) => error.into(),
            ResumeError::OtherTasks { .. } => {
                Self::usage(what).help("undo that to resume, or start anew with `orch run`")
            }
            ResumeError::Changed { .. } => Self::usage(what)
                .help("undo that, or give --accept-changes: what changed and what depends on it runs again"),
            ResumeError::Edited { .. } => {
                Self::usage(what).help("move it away, or give --force to have the run's own output there again")
            }
            ResumeError::Workspace { .. } => Self::failure(what),
            ResumeError::Load(error) => error.into(),
            ResumeError::File(_) => Self::usage(what),
            ResumeError::Foreign(run) => Self::usage(what).help(format!(
                "look at it with `orch show {run}`; `orch resume {run} --trust` takes it for yours, `orch run` starts anew"
            )),
            ResumeError::Untrusted(_) => Self::untrusted(what),
            ResumeError::Source(error) => error.into(),
            ResumeError::Hook(error) => error.into(),
            ResumeError::Setup(error) => error.into(),
            ResumeError::Open(error) => error.into(),
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        Self::failure(format!("the run stopped: {error}"))
            .help("nothing that was finished is lost: mend the cause, then `orch resume`")
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
