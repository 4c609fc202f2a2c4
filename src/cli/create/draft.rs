//! The text of an orchestra made from the tasks of playbooks. Pure: knows no file and no project.
//!
//! A playbook's text is a text and no template, except for `{goal}`: its double braces are escaped.

use std::collections::HashSet;
use std::fmt::Write;

use crate::plan::draft::literal;
use crate::plan::draft::names::Names;
use crate::plan::draft::yaml::{plain, scalar};
use crate::plan::spec::Strategy;
use crate::plan::spec::playbook::Playbook;

const DESCRIPTION: &str = "An orchestra to accomplish a specific goal with flexible execution strategies.";

/// What an agent without tasks of its own is asked for.
const GENERAL: &str = "Do the part of it that falls to your role, and give the complete result.";

/// An orchestra before it is a text.
#[derive(Debug)]
pub(super) struct Draft {
    tasks: Vec<DraftTask>,
    strategy: Strategy,
}

#[derive(Debug)]
struct DraftTask {
    name: String,
    agent: String,
    description: String,
}

impl Draft {
    /// Takes the tasks of agents; an agent without any gets a general one. Names are changed where they could not be a
    /// task's, or where two are the same.
    pub(super) fn new<'p>(
        agents: impl IntoIterator<Item = (&'p str, Option<&'p Playbook>)>,
        strategy: Strategy,
    ) -> Self {
        let mut draft = Self { tasks: Vec::new(), strategy };
        let mut taken = Names::default();
        for (agent, playbook) in agents {
            let tasks = playbook.map_or(&[][..], Playbook::all_tasks);
            for task in tasks {
                let text = task.text().filter(|text| !text.is_empty());
                draft.add(&mut taken, agent, &task.name.value, text.as_deref().unwrap_or(GENERAL));
            }
            if tasks.is_empty() {
                draft.add(&mut taken, agent, &format!("{agent}_task"), GENERAL);
            }
        }
        draft
    }

    /// How many tasks there are.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    fn add(&mut self, taken: &mut Names, agent: &str, name: &str, text: &str) {
        let description = format!("Apply {} expertise to '{{goal}}'. {}", words(agent, false), literal(text));
        self.tasks.push(DraftTask { name: taken.take(name, agent), agent: agent.to_owned(), description });
    }

    /// The file.
    pub(super) fn render(&self, id: &str) -> String {
        let name = words(id, true);
        let parallel = if self.strategy == Strategy::Sequential { 1 } else { 3 };
        let strategy = self.strategy.name();
        let mut page = format!(
            r#"metadata:
  name: "{name} Orchestra"
  id: "{id}"
  version: "1.0.0"
  kind: "basic"
  description: "{DESCRIPTION}"

orchestra:
  id: "{id}"
  name: "{name} Orchestra"
  description: "{DESCRIPTION}"

  # Where the results go
  workspace:
    type: local_fs
    path: "./orchestra_workspaces/{id}"

  execution:
    strategy: "{strategy}"
    max_parallel_tasks: {parallel}
    task_timeout_seconds: 300
    retry_strategy: "exponential_backoff"
    enable_metrics: true
    enable_trace: true
"#
        );
        page.push_str(&self.groups());
        page.push_str("\n# Who plays\nagents:\n");
        let mut listed = HashSet::new();
        for task in self.tasks.iter().filter(|task| listed.insert(&task.agent)) {
            let _ = writeln!(page, "  - {}", plain(&task.agent));
        }
        page.push_str("\n# What is played; `context` names the tasks whose outputs a task gets\ntasks:\n");
        let tasks: Vec<String> = (0..self.tasks.len()).map(|ix| self.task(ix)).collect();
        page + &tasks.join("\n")
    }

    fn task(&self, ix: usize) -> String {
        let task = &self.tasks[ix];
        let mut page = format!("  - name: {}\n    agent: {}\n", plain(&task.name), plain(&task.agent));
        let _ = writeln!(page, "    description: {}", scalar(&task.description, 6));
        let context: Vec<String> = self.context(ix).iter().map(|task| format!("\"{}\"", task.name)).collect();
        if !context.is_empty() {
            let _ = writeln!(page, "    context: [{}]", context.join(", "));
        }
        page + "    priority: \"medium\"\n    timeout_seconds: 600\n"
    }

    /// In a sequence, each task gets the output of the one before it; in groups, the last one those of all others.
    fn context(&self, ix: usize) -> &[DraftTask] {
        match self.strategy {
            Strategy::Sequential => &self.tasks[ix.saturating_sub(1)..ix],
            Strategy::Mixed if ix + 1 == self.tasks.len() => &self.tasks[..ix],
            Strategy::Mixed | Strategy::Parallel => &[],
        }
    }

    /// All at once, and then the last one.
    fn groups(&self) -> String {
        let (Strategy::Mixed, Some((last, others))) = (self.strategy, self.tasks.split_last()) else {
            return String::new();
        };
        let mut page = String::from("    task_groups:\n");
        let mut group = |name: &str, tasks: &[DraftTask], strategy: &str| {
            let names: Vec<String> = tasks.iter().map(|task| format!("\"{}\"", task.name)).collect();
            let _ = write!(page, "      - name: {name}\n        tasks: [{}]\n", names.join(", "));
            let _ = writeln!(page, "        execution_strategy: {strategy}");
        };
        if !others.is_empty() {
            group("together", others, "parallel");
        }
        group("conclusion", std::slice::from_ref(last), "sequential");
        page
    }
}

/// A name as words: `qa_engineer` as `qa engineer`, or as `Qa Engineer`.
pub(super) fn words(name: &str, capitals: bool) -> String {
    let words = name.split(['_', '-', '.']).filter(|word| !word.is_empty());
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let words: Vec<String> = words.map(|w| if capitals { capital(w) } else { w.to_owned() }).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests;
