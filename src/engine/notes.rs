//! What a caller learns while a run is prepared: what it should know, and what it may not show.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::engine::permissions::{Access, Permission};
use crate::store::journal::JournalError;
use crate::store::project::ListError;
use crate::words::diagnostic::Report;
use crate::words::id::RunId;
use crate::words::redact::Redactor;
use crate::words::text::plural;

/// Filled in while a run is prepared, also when it cannot start in the end.
#[derive(Debug, Default)]
pub struct Notes {
    /// In the order in which they came up.
    pub notices: Vec<Notice>,
    /// The secrets of the run as far as they are known. No text that the engine returns, an error's included, may be
    /// shown without it.
    pub redactor: Redactor,
}

impl Notes {
    /// Notes which folders of `PATH` no program is taken from, where any program is to run.
    pub(super) fn path_in_project(&mut self, folders: Vec<PathBuf>, needed: &[Permission]) {
        let runs = needed.iter().any(|permission| matches!(permission.access, Access::Run { .. }));
        if runs && !folders.is_empty() {
            self.add(Notice::PathInProject { folders });
        }
    }

    pub(super) fn add(&mut self, notice: Notice) {
        self.notices.push(notice);
    }
}

/// Something that a person should know and that does not stop the run.
#[derive(Debug)]
pub enum Notice {
    /// Remarks on a file of the project.
    File(Report),
    /// No program is taken from these folders of `PATH`.
    PathInProject {
        /// They lie in the project.
        folders: Vec<PathBuf>,
    },
    /// A model cannot be used from here; the others of its chain are.
    ModelLeftOut {
        /// Which one, and why.
        why: String,
    },
    /// Earlier results cannot be looked up, so everything is made anew.
    CacheClosed(io::Error),
    /// The user has no key, so no result can be used again, and a resume cannot tell this run from another's.
    Unsealed(io::Error),
    /// Earlier results cannot be read, so everything is made anew.
    CacheUnread(String),
    /// So many processes that a killed run had left were ended.
    ProgramsEnded(usize),
    /// What a killed run left of a file could not be removed.
    NotRemoved(String),
    /// A file that a killed run was trying an answer in was changed since. What stood there before is kept.
    ChangedSince {
        /// Which run.
        run: RunId,
        /// The file.
        path: String,
        /// Where what stood there is, below the run's folder.
        name: String,
    },
    /// What killed runs have left stays, since the runs cannot be listed.
    LeftoversUnlisted(ListError),
    /// What a run has left stays, since nobody knows whether it goes on.
    LockUnread {
        /// Which run.
        run: RunId,
        /// Why its lock cannot be read.
        error: io::Error,
    },
    /// A run's outputs are not used, since its journal cannot be read.
    OutputsUnread {
        /// Which run.
        run: RunId,
        /// Why.
        error: JournalError,
    },
    /// A run's outputs are not used, since another has made it.
    OutputsForeign {
        /// Which run.
        run: RunId,
    },
    /// A run that another has made goes on, as the caller wants it.
    ForeignAccepted {
        /// Which run.
        run: RunId,
    },
    /// A newer run than the one that is resumed was killed before it began.
    NeverBegan {
        /// Which run.
        run: RunId,
        /// What is wrong with its journal.
        error: JournalError,
    },
    /// Results cannot be kept, so later runs make them anew.
    ResultsNotKept(io::Error),
    /// An output of an earlier run, which was put aside, stays in the workspace under a hidden name.
    AsideLeft(io::Error),
    /// A hook has failed where that stops nothing.
    HookFailed {
        /// Its command line.
        hook: String,
        /// The point at which it ran.
        at: &'static str,
        /// How it failed.
        why: String,
    },
    /// A hook has something to say.
    HookSays {
        /// Its command line.
        hook: String,
        /// The point at which it ran.
        at: &'static str,
        /// What it says.
        text: String,
    },
    /// A rehearsal runs no hook.
    NoHooks {
        /// How many the file has.
        count: usize,
    },
    /// Somebody whom the file names under `notify` does not learn how the run has ended.
    NotTold {
        /// Whom it means.
        who: String,
        /// Why not.
        why: String,
        /// "was not" or "will not be".
        when: &'static str,
    },
    /// A rehearsal tells nobody how it has ended.
    ToldNobody {
        /// How many it would have told.
        count: usize,
    },
    /// The last line of the journal was cut off when the run was killed, and is dropped.
    JournalTorn,
}

impl Notice {
    /// Whether something is worse than the user may expect. Else it is a remark.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        match self {
            Self::File(_) | Self::PathInProject { .. } | Self::ModelLeftOut { .. } => true,
            Self::CacheClosed(_) | Self::CacheUnread(_) | Self::OutputsUnread { .. } => true,
            Self::Unsealed(_) | Self::OutputsForeign { .. } => true,
            Self::ResultsNotKept(_) | Self::AsideLeft(_) => true,
            Self::NotRemoved(_) | Self::LeftoversUnlisted(_) | Self::LockUnread { .. } => true,
            Self::NotTold { .. } | Self::HookFailed { .. } | Self::ChangedSince { .. } => true,
            Self::ToldNobody { .. } | Self::HookSays { .. } | Self::NoHooks { .. } => false,
            Self::ForeignAccepted { .. } | Self::ProgramsEnded(_) | Self::JournalTorn | Self::NeverBegan { .. } => {
                false
            }
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(report) => {
                let messages: Vec<&str> = report.diagnostics.iter().map(|found| found.message.as_str()).collect();
                write!(f, "{}: {}", report.source.path, messages.join("; "))
            }
            Self::PathInProject { folders } => {
                let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
                write!(
                    f,
                    "no program is taken from {}, which PATH names and which lies in the project; name it by its path, \
                     or set ORCH_TRUST=1",
                    folders.join(" and ")
                )
            }
            Self::ModelLeftOut { why } => write!(f, "{why}; the other models of its chain are used"),
            Self::CacheClosed(error) => write!(f, "earlier results cannot be used again: {error}"),
            Self::Unsealed(error) => {
                write!(f, "no result is used again, and a resume of this run will need --trust: {error}")
            }
            Self::OutputsForeign { run } => write!(
                f,
                "the outputs of {run} are not used, since it was not made by you here; with ORCH_TRUST=1 they are"
            ),
            Self::ForeignAccepted { run } => {
                write!(f, "{run} was not made by you here; it is taken for yours from now on")
            }
            Self::CacheUnread(why) | Self::NotRemoved(why) => f.write_str(why),
            Self::ChangedSince { run, path, name } => write!(
                f,
                "{path} was changed while an answer stood there that nobody has accepted, and stays as it is; what it \
                 held before is in .orchestra/runs/{run}/{name}, behind its first line"
            ),
            Self::LeftoversUnlisted(error) => write!(f, "what killed runs have left is not cleared away: {error}"),
            Self::LockUnread { run, error } => {
                write!(f, "{run} is not looked into for what it has left, since its lock cannot be read: {error}")
            }
            Self::OutputsUnread { run, error } => {
                write!(f, "{run} is not looked into for earlier outputs: {error}")
            }
            Self::NeverBegan { run, error } => write!(f, "{run} never began, so it is not resumed: {error}"),
            Self::ProgramsEnded(count) => {
                let were = if *count == 1 { "was" } else { "were" };
                let processes = plural(*count as u64, "process", "processes");
                write!(f, "{processes} that the killed run had left {were} ended")
            }
            Self::ResultsNotKept(error) => write!(f, "results cannot be kept for later runs: {error}"),
            Self::AsideLeft(error) => {
                write!(f, "an output of an earlier run cannot be removed; the next run tries again: {error}")
            }
            Self::HookFailed { hook, at, why } => write!(f, "the hook `{hook}` at {at} failed: {why}"),
            Self::HookSays { hook, at, text } => write!(f, "the hook `{hook}` at {at} says: {text}"),
            Self::NoHooks { count } => {
                write!(
                    f,
                    "a rehearsal runs no hooks, and the file has {}",
                    plural(*count as u64, "one", &count.to_string())
                )
            }
            Self::NotTold { who, why, when } => write!(f, "{who} {when} told how the run has ended: {why}"),
            Self::ToldNobody { count } => {
                let entries = plural(*count as u64, "entry", "entries");
                write!(f, "a rehearsal tells nobody how it has ended: {entries} under `notify` had nothing to do")
            }
            Self::JournalTorn => {
                f.write_str("the journal's last line was cut off and is dropped; what it said had not been promised")
            }
        }
    }
}
