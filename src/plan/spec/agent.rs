//! Agents that a file describes, their tools, and the servers that some of these come from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::plan::spec::located::{Either, Spanned};
use crate::plan::spec::{Prose, Text};

/// An agent described where it is listed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an agent")]
pub struct InlineAgent {
    /// The name that tasks use.
    pub name: Text,
    /// A built-in role to start from, or any title; the name if left out. Like its other texts, it is a template in which
    /// the goal and the inputs are filled in.
    pub role: Option<Text>,
    /// What it is to achieve in general.
    pub goal: Option<Text>,
    /// What kind of character it is.
    pub persona: Option<Text>,
    /// How it works and what its answers look like: a text, or `{file: PATH}` for one in a file of the project.
    pub instructions: Option<Prose>,
    /// The model: a name under `models`, or `provider/model`; or a list of them, in which the next one is used when the
    /// one before it fails.
    pub model: Option<Either<Text, Spanned<Vec<Text>>>>,
    /// The tools that it may use: built-in ones by name, those of an MCP server as `server/tool` or `server/*`.
    #[serde(default)]
    pub tools: Vec<Either<Text, ToolGrant>>,
    /// How freely it chooses its words: 0 is not at all.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
}

/// A tool that an agent may use, with what it may do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a tool")]
pub struct ToolGrant {
    /// The tool's name.
    pub name: Text,
    /// For `run_command`: the beginnings of the command lines that are allowed, such as `[cargo, test]`.
    pub allow: Option<Spanned<Vec<Spanned<Vec<String>>>>>,
    /// For tools that work on files: the only files that it is for, as patterns such as `src/**`. One that is kept from
    /// tools, such as `.envrc` or a workflow of CI, is allowed by a pattern that names it letter for letter.
    pub paths: Option<Spanned<Vec<Text>>>,
    /// For `run_command`: how long one command may take, in seconds; 120 if left out.
    #[schemars(range(max = 86_400), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
}

/// A server of the Model Context Protocol: a program of which the input and output are spoken to, or an address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "an MCP server")]
pub struct McpServer {
    /// The program and its arguments.
    pub argv: Option<Spanned<Vec<String>>>,
    /// The environment variables that the program is given besides the usual ones, by name.
    #[serde(default)]
    pub env: Vec<String>,
    /// The server's address, for one that speaks streamable HTTP.
    pub url: Option<Text>,
    /// HTTP headers, each with the environment variable that holds its value.
    #[serde(default)]
    pub header_env: BTreeMap<String, String>,
    /// The tools that may be used; all if left out.
    pub tools: Option<Vec<String>>,
    /// The tools that may not be used.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// How long one call may take, in seconds; 60 if left out.
    #[schemars(range(max = 86_400), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
}
