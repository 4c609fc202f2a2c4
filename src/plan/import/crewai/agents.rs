//! The agents of a crew, from agents.yaml and from what crew.py says of them.

use std::collections::BTreeSet;

use crate::plan::draft::yaml::{Item, Map, Value};
use crate::plan::import::crewai::advice::{OF_AGENT, OTHER_TOOL, TOOLS, WITHOUT_EFFECT, advice};
use crate::plan::import::crewai::{Import, OfAgent};
use crate::plan::import::foreign::{self, Foreign, is_nothing, shown};
use crate::plan::import::models;
use crate::plan::import::outline::{left_out, listed};
use crate::plan::spec::yaml::Node;

impl Import<'_> {
    /// Takes up an agent.
    pub(super) fn agent(&mut self, key: &str, node: &Node, file: &mut Foreign) {
        let mut map = Map::default();
        let mut of_tasks = OfAgent { name: self.names.take(key, "agent"), ..OfAgent::default() };
        map.word("name", &of_tasks.name);
        let entries = file.entries(node, "a description of an agent: `role`, `goal` and `backstory`");
        let (mut notes, mut tools) = (Vec::new(), Vec::new());
        for (key, _, value) in &entries {
            let what = format!("a text for `{key}`");
            match key.as_str() {
                "role" => map.prose("role", &self.outline.inputs.fill(&file.text(value, &what))),
                "goal" => map.prose("goal", &self.outline.inputs.fill(&file.text(value, &what))),
                "backstory" => map.prose("persona", &self.outline.inputs.fill(&file.text(value, &what))),
                "llm" => match foreign::text(value).and_then(|llm| self.outline.models.named(&llm)) {
                    Some(model) => map.word("model", &model),
                    None => notes.push(left_out(&shown(key, value), models::OTHER)),
                },
                "max_iter" => of_tasks.rounds = foreign::count(value),
                "max_execution_time" => of_tasks.seconds = foreign::seconds(value),
                "max_retry_limit" => of_tasks.retries = foreign::count(value),
                "tools" => tools.extend(file.texts(value, &what).into_iter().map(|(name, _)| name)),
                key if WITHOUT_EFFECT.contains(&key) => {
                    self.without_effect.insert(key.to_owned());
                }
                _ if is_nothing(value) => {}
                key => notes.push(left_out(&shown(key, value), advice(&OF_AGENT, key))),
            }
        }
        let method = self.methods.iter().find(|method| method.decorator == "agent" && method.key() == key);
        for argument in method.map_or(&[][..], |method| &method.arguments) {
            let number = || argument.last_word().and_then(|word| word.parse().ok()).filter(|&n| n > 0);
            match argument.name.as_str() {
                "config" => {}
                "tools" => tools.extend(argument.called().into_iter().map(str::to_owned)),
                "llm" => match argument.text().and_then(|llm| self.outline.models.named(llm)) {
                    Some(model) => map.word("model", &model),
                    None => notes.push(left_out("`llm` in crew.py", models::OTHER)),
                },
                "max_iter" => of_tasks.rounds = number().or(of_tasks.rounds),
                "max_execution_time" => of_tasks.seconds = number().map(|n| n.to_string()).or(of_tasks.seconds.take()),
                "max_retry_limit" => of_tasks.retries = number().or(of_tasks.retries),
                key if WITHOUT_EFFECT.contains(&key) => {
                    self.without_effect.insert(key.to_owned());
                }
                _ if matches!(argument.last_word(), Some("False" | "None")) => {}
                key => notes.push(left_out(&format!("`{key}` in crew.py"), advice(&OF_AGENT, key))),
            }
        }
        let (known, unknown) = granted(&tools);
        if !known.is_empty() {
            map.set("tools", Value::row(known));
        }
        if !unknown.is_empty() {
            let names = listed(unknown.iter().map(String::as_str));
            notes.push(left_out(&format!("the tools {names}"), OTHER_TOOL));
        }
        notes.iter().for_each(|note| map.note(note));
        self.agents.insert(key.to_owned(), of_tasks);
        self.outline.agents.push(Item::Of(Value::Map(map)));
    }
}

/// The tools that orch has as well, and the others.
fn granted(tools: &[String]) -> (BTreeSet<&'static str>, Vec<String>) {
    let (mut known, mut unknown) = (BTreeSet::new(), Vec::new());
    for tool in tools {
        match TOOLS.iter().find(|(theirs, _)| theirs == tool) {
            Some((_, ours)) => _ = known.insert(*ours),
            None => unknown.push(tool.clone()),
        }
    }
    (known, unknown)
}
