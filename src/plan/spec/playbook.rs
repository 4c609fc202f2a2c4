//! A playbook: an agent in a file of its own, in our short form or as SuperOptiX's AgentSpec.
//!
//! Other tools write keys that orch does not act on. Those are warnings that name them; nothing is silently ignored.

use std::sync::OnceLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;

use crate::plan::spec::located::{Either, Spanned, convert};
use crate::plan::spec::slips::slips;
use crate::plan::spec::{Text, ToolGrant, check, yaml};
use crate::words::diagnostic::{Diagnostic, Severity, Source, Span};

/// An agent in a file of its own.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[schemars(title = "a playbook")]
pub struct Playbook {
    /// The short form: what the agent is.
    pub role: Option<String>,
    /// The short form: what it is to achieve in general.
    pub goal: Option<String>,
    /// The short form: what kind of character it is.
    pub persona: Option<String>,
    /// The short form: how it works and what its answers look like.
    pub instructions: Option<String>,
    /// The short form: the model, a name under `models` or `provider/model`.
    pub model: Option<Text>,
    /// The short form: how freely it chooses its words.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// The short form: the longest answer, in tokens.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// The short form: the tools that it may use, as in an orchestra's `agents`.
    #[serde(default)]
    pub tools: Vec<Either<Text, ToolGrant>>,
    /// The short form: tasks that `orch create` takes up.
    #[serde(default)]
    pub tasks: Vec<PlaybookTask>,
    /// The agent's name; the file's name decides.
    pub name: Option<String>,
    /// AgentSpec: the version of its format.
    #[serde(rename = "apiVersion")]
    pub api_version: Option<String>,
    /// AgentSpec: `AgentSpec`.
    pub kind: Option<String>,
    /// AgentSpec: names and a description.
    pub metadata: Option<AgentMetadata>,
    /// AgentSpec: the agent.
    pub spec: Option<AgentSpec>,
}

/// AgentSpec's names and description.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "the playbook's `metadata`")]
pub struct AgentMetadata {
    /// A name for people.
    pub name: Option<String>,
    /// An id; the file's name decides.
    pub id: Option<String>,
    /// Where it belongs.
    pub namespace: Option<String>,
    /// Its own version.
    pub version: Option<String>,
    /// Its stage.
    pub stage: Option<String>,
    /// How it works with people.
    pub agent_type: Option<String>,
    /// Its tier.
    pub level: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// AgentSpec's agent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "the playbook's `spec`")]
pub struct AgentSpec {
    /// Its model.
    pub language_model: Option<LanguageModel>,
    /// Who it is.
    pub persona: Option<Persona>,
    /// What it can be asked to do.
    #[serde(default)]
    pub tasks: Vec<PlaybookTask>,
}

/// AgentSpec's model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "`language_model`")]
pub struct LanguageModel {
    /// `local` or `cloud`; the provider decides.
    pub location: Option<String>,
    /// Who serves it.
    pub provider: Option<Text>,
    /// The name that the server knows it by.
    pub model: Text,
    /// The server's address.
    pub api_base: Option<Text>,
    /// How freely it chooses its words.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
}

/// AgentSpec's character.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "the playbook's `persona`")]
pub struct Persona {
    /// A name that it goes by.
    pub name: Option<String>,
    /// What it is.
    pub role: Option<String>,
    /// What it is to achieve in general.
    pub goal: Option<String>,
    /// Where it comes from.
    pub backstory: Option<String>,
    /// What it does all day.
    pub job_description: Option<String>,
    /// What kind of character it is.
    #[serde(default)]
    pub traits: Vec<String>,
}

/// A task of a playbook.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "a playbook's task")]
pub struct PlaybookTask {
    /// Its name.
    pub name: Text,
    /// What is to be done.
    pub instruction: Option<String>,
    /// The same, as orchestras call it.
    pub description: Option<String>,
}

impl Playbook {
    /// The tasks of either form.
    #[must_use]
    pub fn all_tasks(&self) -> &[PlaybookTask] {
        match &self.spec {
            Some(spec) if self.tasks.is_empty() => &spec.tasks,
            _ => &self.tasks,
        }
    }

    /// What the agent is, in either form.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        let spec = self.spec.as_ref().and_then(|s| s.persona.as_ref()).and_then(|p| p.role.as_deref());
        let metadata = || self.metadata.as_ref().and_then(|m| m.name.as_deref());
        self.role.as_deref().or(spec).or_else(metadata)
    }

    /// The goal, in either form.
    #[must_use]
    pub fn goal(&self) -> Option<&str> {
        let spec = || self.spec.as_ref()?.persona.as_ref()?.goal.as_deref();
        self.goal.as_deref().or_else(spec)
    }

    /// The character, in either form.
    #[must_use]
    pub fn persona(&self) -> Option<String> {
        if self.persona.is_some() {
            return self.persona.clone();
        }
        let persona = self.spec.as_ref()?.persona.as_ref()?;
        let traits = (!persona.traits.is_empty()).then(|| format!("You are {}.", persona.traits.join(", ")));
        let name = persona.name.as_ref().map(|name| format!("You go by the name {name}."));
        let parts: Vec<String> = [name, persona.backstory.clone(), traits].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// How it works, in either form.
    #[must_use]
    pub fn instructions(&self) -> Option<String> {
        if self.instructions.is_some() {
            return self.instructions.clone();
        }
        let job = self.spec.as_ref().and_then(|s| s.persona.as_ref()).and_then(|p| p.job_description.clone());
        job.or_else(|| self.metadata.as_ref().and_then(|m| m.description.clone()))
    }
}

impl PlaybookTask {
    /// What is to be done.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let text = self.instruction.as_ref().or(self.description.as_ref())?;
        Some(text.trim().to_owned())
    }
}

/// Reads a playbook; what it holds beyond what orch acts on are warnings.
///
/// # Errors
/// The mistakes of form, in no particular order.
pub fn read(source: &Source) -> Result<(Playbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    let tree = yaml::parse(source).map_err(|diagnostic| vec![*diagnostic])?;
    let found = check::check_leniently(&tree, schema());
    let (errors, warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(|d| d.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(errors);
    }
    let playbook =
        convert(&tree).map_err(|error| vec![Diagnostic::error_in_file(format!("cannot be read: {error}"))])?;
    Ok((playbook, in_one(source, warnings).into_iter().chain(slips(source, &tree)).collect()))
}

/// The keys of a playbook that orch does not act on, sorted.
#[must_use]
pub(crate) fn without_effect(source: &Source) -> Vec<String> {
    let Ok(tree) = yaml::parse(source) else { return Vec::new() };
    let found = check::check_leniently(&tree, schema()).into_iter().filter(|d| d.severity == Severity::Warning);
    keys(source, &found.filter_map(|w| w.at).map(|(span, _)| span).collect::<Vec<_>>())
}

fn keys(source: &Source, spans: &[Span]) -> Vec<String> {
    let mut names: Vec<&str> = spans.iter().filter_map(|span| source.text.get(span.clone())).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

/// An AgentSpec has a dozen keys that orch does not act on; they are named in one warning.
fn in_one(source: &Source, warnings: Vec<Diagnostic>) -> Option<Diagnostic> {
    let spans: Vec<Span> = warnings.into_iter().filter_map(|w| w.at).map(|(span, _)| span).collect();
    let first = spans.first()?.clone();
    let names: Vec<String> = keys(source, &spans).iter().map(|name| format!("`{name}`")).collect();
    Some(Diagnostic::error(format!("keys that have no effect here: {}", names.join(", ")), first, "").into_warning())
}

fn schema() -> &'static serde_json::Value {
    static SCHEMA: OnceLock<serde_json::Value> = OnceLock::new();
    SCHEMA.get_or_init(|| SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Playbook>().to_value())
}

/// A model as a playbook names it: a reference, or a description of its own.
pub type PlaybookModel<'p> = Either<&'p Spanned<String>, &'p LanguageModel>;

impl Playbook {
    /// The model, in either form.
    #[must_use]
    pub fn model(&self) -> Option<PlaybookModel<'_>> {
        match (&self.model, self.spec.as_ref().and_then(|s| s.language_model.as_ref())) {
            (Some(reference), _) => Some(Either::Short(reference)),
            (None, Some(described)) => Some(Either::Full(described)),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_spec_is_read_and_what_is_not_acted_on_is_named() {
        let text = "
apiVersion: agent/v1
kind: AgentSpec
metadata: {name: Developer Assistant, id: developer, description: Writes code.}
spec:
  language_model: {location: local, provider: ollama, model: 'llama3.1:8b', api_base: 'http://localhost:11434'}
  persona: {name: DevBot, role: Software Developer, goal: Write clean code, traits: [analytical, careful]}
  tasks:
    - {name: implement_feature, instruction: Implement the feature., outputs: [{name: code, type: str}]}
  agentflow: [{name: x, type: Generate}]
  optimization: {optimizer: {name: GEPA}}
";
        let source = Source::new("p.yaml", text);
        let (playbook, warnings) = read(&source).unwrap();
        assert_eq!(playbook.title(), Some("Software Developer"));
        assert_eq!(playbook.persona().unwrap(), "You go by the name DevBot. You are analytical, careful.");
        assert_eq!(playbook.instructions().unwrap(), "Writes code.");
        assert!(matches!(playbook.model(), Some(Either::Full(m)) if m.model.value == "llama3.1:8b"));
        assert_eq!(playbook.all_tasks()[0].name.value, "implement_feature");
        let said: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(said, ["keys that have no effect here: `agentflow`, `optimization`, `outputs`"]);
    }
}
