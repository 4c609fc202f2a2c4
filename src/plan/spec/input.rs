//! Inputs: the values that a run is given by name.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::spec::Text;
use crate::plan::spec::located::Spanned;

/// A value that a run is given by name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an input")]
pub struct Input {
    /// What kind of value it is; `text` if left out, `choice` with `choices`.
    #[serde(rename = "type")]
    pub kind: Option<Spanned<InputKind>>,
    /// The value where none is given.
    pub default: Option<Spanned<serde_json::Value>>,
    /// Whether it has to be given; true if left out, unless there is a `default`.
    pub required: Option<Spanned<bool>>,
    /// What it is, for people who are asked for it.
    pub description: Option<String>,
    /// The values that it may have.
    pub choices: Option<Spanned<Vec<Text>>>,
}

/// What kind of value an input is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Any text.
    #[default]
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// One of `choices`.
    Choice,
    /// The path of a file in the project.
    File,
    /// A list of texts.
    List,
}
