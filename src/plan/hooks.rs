//! The points of a run at which a file's own programs run, and those programs.

use std::time::Duration;

use crate::words::event::RunStatus;

/// A point of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookPoint {
    /// Before models and tools are looked up.
    BeforeInit,
    /// When they are there.
    AfterInit,
    /// Before the first task.
    BeforeExecute,
    /// When no task runs any more.
    AfterExecute,
    /// When the run has succeeded.
    OnComplete,
    /// When it has failed or reached a limit.
    OnError,
}

/// A program that runs at a point of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Where.
    pub at: HookPoint,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The variables that it is given besides the usual ones.
    pub env: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

impl HookPoint {
    /// All points, in the order in which a run comes to them.
    pub const ALL: [Self; 6] =
        [Self::BeforeInit, Self::AfterInit, Self::BeforeExecute, Self::AfterExecute, Self::OnComplete, Self::OnError];

    /// As the file writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeInit => "before-init",
            Self::AfterInit => "after-init",
            Self::BeforeExecute => "before-execute",
            Self::AfterExecute => "after-execute",
            Self::OnComplete => "on-complete",
            Self::OnError => "on-error",
        }
    }

    /// Whether a hook that fails here stops the run.
    #[must_use]
    pub fn stops(self) -> bool {
        matches!(self, Self::BeforeInit | Self::BeforeExecute)
    }
}

/// The points that a run with this end comes to behind its tasks.
#[must_use]
pub(crate) fn behind(status: RunStatus) -> &'static [HookPoint] {
    match status {
        RunStatus::Succeeded => &[HookPoint::AfterExecute, HookPoint::OnComplete],
        RunStatus::Failed | RunStatus::Partial | RunStatus::Limited => &[HookPoint::AfterExecute, HookPoint::OnError],
        RunStatus::Waiting | RunStatus::Interrupted => &[HookPoint::AfterExecute],
    }
}
