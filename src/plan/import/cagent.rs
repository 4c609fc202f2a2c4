//! cagent: agents that hand work to their sub-agents, with toolsets and models, in one file.
//!
//! There an agent decides as it goes which of its sub-agents it asks, and how often. Here each of them does its part
//! once, side by side, and the agent that has them puts the parts together.

mod models;
mod toolsets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::plan::draft::literal;
use crate::plan::draft::names::Names;
use crate::plan::draft::yaml::{Item, Map, Value};
use crate::plan::import::foreign::{self, Foreign, is_no, is_nothing, shown};
use crate::plan::import::outline::{Outline, left_out, listed};
use crate::plan::import::servers::Servers;
use crate::plan::spec::Strategy;
use crate::plan::spec::yaml::Node;
use crate::words::diagnostic::{Diagnostic, Report, Source, near_miss};

/// The agent that is asked first.
const ROOT: &str = "root";
/// Keys that change what is shown or said at first, and no result.
const WITHOUT_EFFECT: [&str; 5] = ["welcome_message", "commands", "add_date", "add_environment_info", "track_usage"];

/// What to do in place of keys of an agent.
const OF_AGENT: [(&str, &str); 7] = [
    ("handoffs", "An agent here hands no work on: make what follows a task with this one in its `context`."),
    ("num_history_items", "A conversation here is one attempt at one task."),
    ("add_prompt_files", "Put what the files say into `instructions`, or grant `read_file`."),
    ("rag", "Grant `read_file` and `search_files`, or an MCP server that searches."),
    ("structured_output", "Give its task `output: {schema: {...}}`."),
    ("skills", "Put what they say into `instructions`."),
    ("fallback", "Name several models: `model: [first, second]`."),
];

/// An orchestra from a file of agents.
///
/// # Errors
/// The places where it is no such file.
pub(crate) fn import(source: &Arc<Source>, id: &str) -> Result<String, Vec<Report>> {
    let mut file = Foreign::new(source)?;
    let root = file.root.clone();
    let Some(agents) = root.get("agents") else {
        return Err(is_no(source, "a file of cagent", "it has no `agents`"));
    };
    let agents = file.entries(agents, "a mapping from names to agents");
    file.check()?;
    if agents.is_empty() {
        return Err(is_no(source, "a file of cagent", "there is no agent in it"));
    }
    let mut names = Names::default();
    let mut import = Import {
        outline: Outline::new(id, "a file of cagent"),
        servers: Servers::default(),
        named: agents.iter().map(|(key, ..)| (key.clone(), names.take(key, "agent"))).collect(),
        providers: BTreeMap::new(),
        without_effect: BTreeSet::new(),
    };
    if let Some(node) = root.get("providers") {
        import.providers(node, &mut file);
    }
    for (key, _, node) in file.entries(&root, "a mapping") {
        match key.as_str() {
            "agents" | "version" | "providers" => {}
            "models" => import.models(&node, &mut file),
            "metadata" => import.metadata(&node, &mut file),
            _ => import.outline.left_out(&shown(&key, &node), NOTHING),
        }
    }
    let nodes: BTreeMap<&str, &Node> = agents.iter().map(|(key, _, node)| (key.as_str(), node)).collect();
    let first = if nodes.contains_key(ROOT) { ROOT } else { agents[0].0.as_str() };
    let mut order = Vec::new();
    visit(first, &nodes, &mut file, &mut order, &mut BTreeSet::new());
    for (key, _, node) in &agents {
        let rounds = import.agent(key, node, &mut file);
        if let Some(part) = order.iter_mut().find(|part| part.agent == *key) {
            part.rounds = rounds;
        } else {
            let advice = format!("Nothing that begins with `{first}` comes to it: give it a task if it has one.");
            import.outline.left_out(&format!("a task for `{key}`"), &advice);
        }
    }
    file.check()?;
    for part in &order {
        import.task(part, part.agent == first, nodes[part.agent.as_str()]);
    }
    if order.len() > 1 {
        import.outline.strategy = Strategy::Parallel;
        import.outline.of_strategy.push(
            "There, an agent asks its sub-agents as it sees fit. Here, each of them does its part once, side by side, \
             and the agent that has them puts the parts together."
                .to_owned(),
        );
    }
    if !import.without_effect.is_empty() {
        let keys = listed(import.without_effect.iter().map(String::as_str));
        import.outline.left_out(&keys, "A run is no chat.");
    }
    import.outline.servers = import.servers.found;
    Ok(import.outline.render())
}

const NOTHING: &str = "orch has nothing of this kind.";
struct Import {
    outline: Outline,
    servers: Servers,
    /// Our names of the agents.
    named: BTreeMap<String, String>,
    /// The providers that the file describes, as the beginning of an entry under `models`.
    providers: BTreeMap<String, Map>,
    without_effect: BTreeSet<String>,
}

/// An agent that has a task.
struct Part {
    agent: String,
    /// The agents whose parts it puts together.
    of: Vec<String>,
    /// The sub-agents that come to it themselves.
    circles: Vec<String>,
    rounds: Option<u64>,
}

/// The agents that an agent comes to, those that it needs first in front of it.
fn visit(
    agent: &str,
    nodes: &BTreeMap<&str, &Node>,
    file: &mut Foreign,
    order: &mut Vec<Part>,
    seen: &mut BTreeSet<String>,
) {
    if !seen.insert(agent.to_owned()) {
        return;
    }
    let (mut of, mut circles) = (Vec::new(), Vec::new());
    let sub_agents = nodes[agent].get("sub_agents").map_or_else(Vec::new, |node| file.texts(node, "names of agents"));
    for (name, node) in sub_agents {
        if nodes.contains_key(name.as_str()) {
            // One that comes back to an agent above it would wait for itself.
            if !seen.contains(&name) {
                visit(&name, nodes, file, order, seen);
            }
            if order.iter().any(|part| part.agent == name) {
                of.push(name);
            } else {
                circles.push(name);
            }
        } else if !name.contains(['/', ':']) {
            let mistake = Diagnostic::error(format!("there is no agent `{name}`"), node.span.clone(), "");
            file.mistake(match near_miss(&name, nodes.keys().copied()) {
                Some(near) => mistake.help(format!("did you mean `{near}`?")),
                None => mistake,
            });
        }
    }
    order.push(Part { agent: agent.to_owned(), of, circles, rounds: None });
}

impl Import {
    fn metadata(&mut self, node: &Node, file: &mut Foreign) {
        for (key, _, value) in file.entries(node, "a mapping") {
            match (key.as_str(), foreign::text(&value)) {
                ("version", Some(version)) => self.outline.version = Some(version),
                ("description", Some(text)) => self.outline.description = Some(text),
                _ => self.outline.left_out(&shown(&key, &value), "It is for people: keep it as a comment."),
            }
        }
    }

    /// Takes up an agent, and returns how many rounds it may take.
    fn agent(&mut self, key: &str, node: &Node, file: &mut Foreign) -> Option<u64> {
        let mut map = Map::default();
        map.word("name", &self.named[key]);
        let (mut notes, mut tools, mut rounds) = (Vec::new(), Vec::new(), None);
        for (key, _, value) in file.entries(node, "a description of an agent: `model` and `instruction`") {
            let what = format!("a text for `{key}`");
            match key.as_str() {
                "name" | "sub_agents" => {}
                "description" => map.prose("role", &literal(&file.text(&value, &what))),
                "instruction" => map.prose("instructions", &literal(&file.text(&value, &what))),
                "model" => self.model(&file.text(&value, &what), &mut map, &mut notes),
                "max_iterations" => rounds = foreign::count(&value),
                "toolsets" => {
                    let items = file.items(&value, "a list of toolsets");
                    items.iter().for_each(|item| self.toolset(item, &mut tools, &mut notes, file));
                }
                key if WITHOUT_EFFECT.contains(&key) => _ = self.without_effect.insert(key.to_owned()),
                _ if is_nothing(&value) => {}
                key => notes.push(left_out(&shown(key, &value), advice(&OF_AGENT, key))),
            }
        }
        tools.dedup();
        if !tools.is_empty() {
            map.set("tools", Value::row(tools));
        }
        for (name, _) in node.get("sub_agents").map_or_else(Vec::new, |node| file.texts(node, "names of agents")) {
            if !self.named.contains_key(&name) {
                let advice = "It is kept in a registry: fetch its file and import that too.";
                notes.push(left_out(&format!("the sub-agent `{name}`"), advice));
            }
        }
        notes.iter().for_each(|note| map.note(note));
        self.outline.agents.push(Item::Of(Value::Map(map)));
        rounds
    }

    fn task(&mut self, part: &Part, is_first: bool, node: &Node) {
        let mut map = Map::default();
        let name = self.named[&part.agent].clone();
        map.word("name", &name);
        map.word("agent", &name);
        let about = node.get("description").and_then(foreign::text).unwrap_or_default();
        let text = match (is_first, part.of.is_empty()) {
            (true, true) => "{goal}".to_owned(),
            (true, false) => "{goal}\n\nThe work of your sub-agents is given to you: put it together.".to_owned(),
            (false, true) => format!("Do your part of '{{goal}}'. Your part is: {}", literal(&about)),
            (false, false) => format!(
                "Do your part of '{{goal}}', from the work of your sub-agents, which is given to you. Your part is: {}",
                literal(&about)
            ),
        };
        map.prose("description", text.trim_end_matches(" Your part is: "));
        if !part.of.is_empty() {
            map.set("context", Value::row(part.of.iter().map(|agent| &self.named[agent])));
        }
        for circle in &part.circles {
            let advice = "It waits for this one, so this one cannot wait for it.";
            map.note(left_out(&format!("the sub-agent `{circle}`"), advice));
        }
        if let Some(rounds) = part.rounds.filter(|&rounds| rounds <= 10_000) {
            let mut limits = Map::default();
            limits.number("max_iterations", rounds);
            map.set("limits", Value::Map(limits));
        }
        self.outline.tasks.push(Item::Of(Value::Map(map)));
    }
}

fn advice<'a>(table: &[(&str, &'a str)], key: &str) -> &'a str {
    table.iter().find(|(known, _)| *known == key).map_or(NOTHING, |(_, advice)| advice)
}
