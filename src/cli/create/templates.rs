//! The orchestras that come with orch, and one to edit where none of them is wanted.
//!
//! Knows their texts and nothing of projects: whether a text runs there is looked at by the caller.

use crate::cli::create::draft::words;
use crate::plan::spec;
use crate::words::diagnostic::Source;

/// An orchestra that comes with orch. A project may take it under an id of its own.
#[derive(Debug)]
pub(super) struct Shipped {
    /// Its name, which is also the id that its text gives it.
    pub name: &'static str,
    text: &'static str,
}

/// Shipped orchestras from their files, each of which is named after its id.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../../orchestras/", $name, "_orchestra.yaml")),
        }),*]
    };
}

/// All of them, by name.
pub(super) const SHIPPED: &[Shipped] = shipped![
    "adversarial",
    "content_creation",
    "data_analysis",
    "default",
    "delegation",
    "feature_team",
    "parallel_research",
    "sdlc",
    "validated_delivery",
];

const STARTER: &str = r#"# Runs as it stands; make it your own from here.
metadata:
  name: "{NAME} Orchestra"
  id: "{ID}"
  version: "1.0.0"
  kind: "basic"
  # What it is for, as `orch list` shows it.
  description: "An orchestra to edit: research first, then a text."

orchestra:
  id: "{ID}"
  workspace:
    type: local_fs
    path: "./orchestra_workspaces/{ID}"
  execution:
    # `sequential`: one task after another. `parallel`: as soon as what `context` names is done.
    strategy: "sequential"
    max_parallel_tasks: 1
    task_timeout_seconds: 300
    retry_strategy: "exponential_backoff"
    enable_metrics: true
    enable_trace: true

# Who plays: built-in roles such as `researcher`, agents described here, or playbooks of yours in agents/<name>.yaml.
agents:
  - researcher
  - name: author
    role: writer
    instructions: "Edit this: how the agent works, and what its answers look like."

# What is played. `{goal}` stands for what `orch run {ID} --goal "..."` says.
tasks:
  - name: collect
    agent: researcher
    description: "Edit this: collect what is needed for '{goal}'."
    priority: "medium"
    timeout_seconds: 600

  - name: write
    agent: author
    description: "Edit this: write the result for '{goal}' from what was collected."
    # The tasks whose output it gets; this decides the order.
    context: ["collect"]
    priority: "medium"
    timeout_seconds: 600
"#;

/// The orchestra of a name.
pub(super) fn find(name: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|shipped| shipped.name == name)
}

impl Shipped {
    /// Its text under an id, without the line that tells editors where its schema lies: that path is of orch's own
    /// folder.
    pub(super) fn under(&self, id: &str) -> String {
        let kept = self.text.lines().filter(|line| !line.starts_with("# yaml-language-server:"));
        let text: String = kept.map(|line| format!("{line}\n")).collect();
        // The three places where a shipped file says its id. Its prompts may have the word for something else.
        ["id: \"{}\"", "orchestra_workspaces/{}\"", "orch run {} "]
            .iter()
            .fold(text, |text, place| text.replace(&place.replace("{}", self.name), &place.replace("{}", id)))
    }

    /// What it is for, in one sentence.
    pub(super) fn description(&self) -> String {
        let file = spec::read(&Source::new(self.name, self.text)).file;
        file.and_then(|file| file.metadata?.description).unwrap_or_default()
    }
}

/// An orchestra that runs and says what to edit.
pub(super) fn starter(id: &str) -> String {
    STARTER.replace("{ID}", id).replace("{NAME}", &words(id, true))
}
