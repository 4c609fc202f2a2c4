//! What `orch create` writes where the project has no playbooks: a finished orchestra for a few ids, else one to edit.

use crate::cli::create::draft::words;

/// The orchestras that come with orch, by id.
const FINISHED: [(&str, &str); 3] = [
    ("sdlc", include_str!("../../../orchestras/sdlc_orchestra.yaml")),
    ("content_creation", include_str!("../../../orchestras/content_creation_orchestra.yaml")),
    ("data_analysis", include_str!("../../../orchestras/data_analysis_orchestra.yaml")),
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

/// The text of an orchestra that comes with orch, without the line that tells editors where its schema lies: that path
/// is of orch's own folder.
pub(super) fn finished(id: &str) -> Option<String> {
    let (_, text) = FINISHED.iter().find(|(name, _)| *name == id)?;
    Some(text.lines().filter(|line| !line.starts_with("# yaml-language-server:")).map(|l| format!("{l}\n")).collect())
}

/// An orchestra that runs and says what to edit.
pub(super) fn starter(id: &str) -> String {
    STARTER.replace("{ID}", id).replace("{NAME}", &words(id, true))
}
