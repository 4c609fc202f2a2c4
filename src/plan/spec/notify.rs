//! Who is told how a run has ended: what an entry under `notify` says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::spec::Text;
use crate::plan::spec::located::Spanned;

/// Somebody to tell how a run has ended: a program, or an address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an entry of `notify`")]
pub struct Notify {
    /// At which ends; all of them if left out.
    pub on: Option<Spanned<Vec<NotifyOn>>>,
    /// The program and its arguments. It reads the end of the run as JSON on its standard input.
    pub run: Option<Spanned<Vec<String>>>,
    /// For `run`: the environment variables that the program is given besides the usual ones, by name.
    pub env: Option<Spanned<Vec<String>>>,
    /// The address that the end is sent to, by HTTP POST.
    pub url: Option<Text>,
    /// In place of `url`: the environment variable that holds the address, where that is a secret.
    pub url_env: Option<Text>,
    /// For an address: HTTP headers, each with the environment variable that holds its value.
    pub header_env: Option<Spanned<BTreeMap<String, String>>>,
    /// For an address: what is sent; `json` if left out.
    pub body: Option<Spanned<NotifyBody>>,
    /// What is said. `{{ orchestra }}`, `{{ run.id }}` and `{{ status }}` are filled in.
    pub text: Option<Text>,
    /// How long it may take, in seconds; 10 if left out.
    #[schemars(range(max = 300), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
}

/// An end of a run that somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyOn {
    /// It waits for a person.
    Waiting,
    /// It has reached a limit.
    Limited,
    /// Some or all of its tasks have failed.
    Failed,
    /// It is over, well or badly.
    Finished,
}

/// What is sent to an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyBody {
    /// The end of the run as JSON, with the text under `text`.
    #[default]
    Json,
    /// The text alone, as ntfy takes it.
    Text,
    /// JSON with nothing but the text under `text`, as Slack and Mattermost take it.
    Slack,
}
