//! Runs an orchestra: [`load()`] it, [`start()`] or [`resume()`] a run, [`execute()`] it. What the command line and every
//! other caller use.
//!
//! Prints nothing, and knows neither arguments nor exit codes. What a person should know while a run is prepared is
//! left in [`Notes`].

mod call_out;
pub(crate) mod cost;
mod execute;
mod files;
mod hooks;
pub(crate) mod leftovers;
mod load;
mod notes;
mod notify;
pub(crate) mod permissions;
pub(crate) mod phase;
pub(crate) mod provenance;
mod resume;
pub(crate) mod runner;
mod select;
pub(crate) mod setup;
mod start;
pub(crate) mod trust;

pub use execute::{Prepared, execute};
pub use files::OpenError;
pub use hooks::HookError;
pub use load::{LoadError, Loaded, check, load};
pub use notes::{Notes, Notice};
pub use permissions::{Access, Permission, Purpose, Recipient, permissions};
pub use resume::{Resume, ResumeError, latest_unfinished, resume};
pub use runner::{Ended, RunError, Signals, no_signals};
pub use select::{SelectError, Selector};
pub use setup::{ModelSource, SetupError, SourceError};
pub use start::{MAX_GOAL_BYTES, Start, StartError, check_goal, given, start};
pub use trust::{Trust, Untrusted, needed};

pub use crate::plan::inputs::{Input, InputError, InputValues, settle};

// What the calls above take and return from the rooms below, so that a caller need not know the rooms.
pub use crate::model::settings::Settings;
pub use crate::observe::Observers;
pub use crate::store::project::Project;
pub use crate::words::event::{Overrides, RunStatus};
