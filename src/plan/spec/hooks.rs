//! Programs that run around the parts of a run: what `hooks` says.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::spec::Text;
use crate::plan::spec::located::{Either, Spanned};

/// The programs of each point of a run: one program with its arguments, or several hooks in their order.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "`hooks`")]
pub struct Hooks {
    /// Before the models and tools of a run are looked up. A hook that fails here stops it.
    pub before_init: Option<HookList>,
    /// When they are there.
    pub after_init: Option<HookList>,
    /// Before the first task. A hook that fails here stops the run.
    pub before_execute: Option<HookList>,
    /// When no task runs any more, however the run has ended.
    pub after_execute: Option<HookList>,
    /// When the run has succeeded.
    pub on_complete: Option<HookList>,
    /// When it has failed, in part or wholly, or has reached a limit.
    pub on_error: Option<HookList>,
}

/// A program and its arguments, or a list of hooks.
pub type HookList = Spanned<Vec<Either<Text, Hook>>>;

/// A hook in full.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a hook")]
pub struct Hook {
    /// The program and its arguments. It reads what happens as JSON on its standard input.
    pub run: Spanned<Vec<String>>,
    /// The environment variables that it is given besides the usual ones, by name.
    #[serde(default)]
    pub env: Vec<String>,
    /// How long it may take, in seconds; 60 if left out.
    #[schemars(range(max = 86_400), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
}
