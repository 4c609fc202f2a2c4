//! goose: a recipe with its sub-recipes. A recipe is one agent with one task; its sub-recipes are tasks in front of it.
//!
//! There the main recipe decides as it goes which sub-recipes it runs; here each of them runs once.

mod extensions;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::plan::draft::names::Names;
use crate::plan::draft::yaml::{Item, Map, Value};
use crate::plan::import::foreign::{self, Foreign, is_no, is_nothing, shown};
use crate::plan::import::goose::template::Template;
use crate::plan::import::inputs::text_input;
use crate::plan::import::models;
use crate::plan::import::outline::{Outline, left_out, listed};
use crate::plan::import::servers::Servers;
use crate::plan::inputs::Input;
use crate::plan::spec::yaml::{self, Node};
use crate::plan::spec::{InputKind, Strategy};
use crate::words::diagnostic::{Diagnostic, Report, Source};

const NOTHING: &str = "orch has nothing of this kind.";

/// Keys that change what is shown, and no result.
const WITHOUT_EFFECT: [&str; 3] = ["activities", "author", "context"];

/// The files of the sub-recipes, by the paths that the recipe has for them: their texts, or why they cannot be had.
pub(crate) type SubRecipes = BTreeMap<String, Result<Arc<Source>, String>>;

/// The paths of the sub-recipes that a recipe names.
#[must_use]
pub(crate) fn sub_recipes(source: &Source) -> Vec<String> {
    let Ok(root) = yaml::parse(source) else { return Vec::new() };
    let recipe = recipe(&root);
    let Some(Node { value: yaml::Value::List(items), .. }) = recipe.get("sub_recipes") else { return Vec::new() };
    items.iter().filter_map(|item| foreign::text(item.get("path")?)).collect()
}

/// An orchestra from a recipe.
///
/// # Errors
/// The places where it, or one of its sub-recipes, is no recipe.
pub(crate) fn import(source: &Arc<Source>, others: &SubRecipes, id: &str) -> Result<String, Vec<Report>> {
    let mut file = Foreign::new(source)?;
    let root = file.root.clone();
    let main = recipe(&root);
    is_recipe(source, main)?;
    let mut import = Import {
        outline: Outline::new(id, "a recipe of goose"),
        servers: Servers::default(),
        names: Names::default(),
        without_effect: BTreeSet::new(),
    };
    let text = |key: &str| main.get(key).and_then(foreign::text);
    import.outline.name = text("title");
    import.outline.description = text("description");
    import.outline.version = text("version");
    let keys = import.parameters(main, &BTreeMap::new(), &mut file);
    let calls = main.get("sub_recipes").map_or_else(Vec::new, |node| file.items(node, "a list of sub-recipes"));
    let mut before = Vec::new();
    for call in &calls {
        before.extend(import.call(call, &keys, others, &mut file)?);
    }
    let part = Part { name: id, values: &BTreeMap::new(), keys: &keys, before: &before, note: None };
    import.recipe(main, &part, &mut file);
    file.check()?;
    if !before.is_empty() {
        import.outline.strategy = Strategy::Parallel;
        import.outline.of_strategy.push(
            "There, the recipe runs its sub-recipes as it sees fit. Here, each of them runs once, side by side, and the \
             recipe gets their outputs."
                .to_owned(),
        );
    }
    if !import.without_effect.is_empty() {
        let keys = listed(import.without_effect.iter().map(String::as_str));
        import.outline.left_out(&keys, "No output depends on it.");
    }
    import.outline.servers = import.servers.found;
    Ok(import.outline.render())
}

/// The recipe itself: goose's desktop keeps it under a key.
fn recipe(root: &Node) -> &Node {
    root.get("recipe").filter(|inner| inner.get("title").is_some()).unwrap_or(root)
}

fn is_recipe(source: &Arc<Source>, recipe: &Node) -> Result<(), Vec<Report>> {
    let what = "a recipe of goose";
    match ["prompt", "instructions"].iter().any(|key| recipe.get(key).is_some()) {
        _ if recipe.get("title").is_none() => Err(is_no(source, what, "it has no `title`")),
        false => Err(is_no(source, what, "it has neither a `prompt` nor `instructions`")),
        true => Ok(()),
    }
}

struct Import {
    outline: Outline,
    servers: Servers,
    /// Names of tasks, each of which has an agent of its own.
    names: Names,
    without_effect: BTreeSet<String>,
}

/// What a recipe is in the orchestra.
struct Part<'p> {
    /// The name that is wanted for its task.
    name: &'p str,
    /// The values of its parameters that are known.
    values: &'p BTreeMap<String, String>,
    /// The parameters that it may name.
    keys: &'p BTreeSet<String>,
    /// The tasks that go before it.
    before: &'p [String],
    /// What is to be said about it.
    note: Option<String>,
}

impl Import {
    /// Takes up the parameters of a recipe but those that have a value, and returns all their names.
    fn parameters(&mut self, recipe: &Node, values: &BTreeMap<String, String>, file: &mut Foreign) -> BTreeSet<String> {
        let items = recipe.get("parameters").map_or_else(Vec::new, |node| file.items(node, "a list of parameters"));
        let mut keys = BTreeSet::new();
        for item in &items {
            match item.get("key").and_then(foreign::text) {
                Some(key) => {
                    if !values.contains_key(&key) {
                        self.outline.inputs.add(&key, parameter(item, file));
                    }
                    keys.insert(key);
                }
                None => file.not(item, "a parameter with its `key`"),
            }
        }
        keys
    }

    /// A sub-recipe becomes a task; its name is returned.
    fn call(
        &mut self,
        call: &Node,
        keys: &BTreeSet<String>,
        others: &SubRecipes,
        file: &mut Foreign,
    ) -> Result<Option<String>, Vec<Report>> {
        let text = |key: &str| call.get(key).and_then(foreign::text);
        let (Some(name), Some(path)) = (text("name"), text("path")) else {
            file.not(call, "a sub-recipe with its `name` and `path`");
            return Ok(None);
        };
        let source = match others.get(&path) {
            Some(Ok(source)) => source,
            Some(Err(why)) => {
                let advice = format!("{path} cannot be read: {why}. Import it by itself, and put its task in front.");
                self.outline.left_out(&format!("the sub-recipe `{name}`"), &advice);
                return Ok(None);
            }
            None => return Ok(None),
        };
        let mut other = Foreign::new(source)?;
        let root = other.root.clone();
        let inner = recipe(&root);
        is_recipe(source, inner)?;
        let values =
            call.get("values").map_or_else(Vec::new, |node| file.entries(node, "a mapping from parameters to values"));
        let values: BTreeMap<String, String> =
            values.into_iter().filter_map(|(key, _, node)| Some((key, foreign::text(&node)?))).collect();
        // What the main recipe is given, its sub-recipes are given too.
        let own = self.parameters(inner, &values, &mut other);
        let chosen: Vec<&str> =
            own.iter().map(String::as_str).filter(|key| !keys.contains(*key) && !values.contains_key(*key)).collect();
        let note = (!chosen.is_empty()).then(|| {
            format!("There, the recipe chose {} as it went; here, they are inputs of the run.", listed(chosen))
        });
        let known = keys.union(&own).cloned().collect();
        let part = Part { name: &name, values: &values, keys: &known, before: &[], note };
        let task = self.recipe(inner, &part, &mut other);
        other.check()?;
        Ok(Some(task))
    }

    /// A recipe becomes an agent and a task; the task's name is returned.
    fn recipe(&mut self, recipe: &Node, part: &Part<'_>, file: &mut Foreign) -> String {
        let name = self.names.take(part.name, "recipe");
        let mut agent = Map::default();
        let mut task = Map::default();
        agent.word("name", &name);
        task.word("name", &name);
        task.word("agent", &name);
        let mut template = Template::new(part.keys, part.values);
        let mut said = BTreeMap::new();
        let (mut of_agent, mut of_task) = (Vec::new(), Vec::from_iter(part.note.clone()));
        let (mut tools, mut limits, mut output, mut verify) = (Vec::new(), Map::default(), Map::default(), Vec::new());
        for (key, _, value) in file.entries(recipe, "a recipe") {
            let what = format!("a text for `{key}`");
            match key.as_str() {
                "title" | "description" | "version" | "parameters" | "sub_recipes" | "name" => {}
                "instructions" | "prompt" => {
                    let text = file.text(&value, &what);
                    said.insert(key, text);
                }
                "settings" => {
                    self.settings(&value, (&mut agent, &mut limits), &mut of_agent, file);
                }
                "extensions" => {
                    for item in file.items(&value, "a list of extensions") {
                        self.extension(&item, &mut tools, &mut of_agent, file);
                    }
                }
                "response" => match value.get("json_schema") {
                    Some(schema) if matches!(schema.value, yaml::Value::Map(_)) => {
                        output.set("schema", Value::from(schema));
                    }
                    _ => file.not(&value, "a `json_schema`"),
                },
                "retry" => verify = retry(&value, &mut of_task, file),
                key if WITHOUT_EFFECT.contains(&key) => _ = self.without_effect.insert(key.to_owned()),
                _ if is_nothing(&value) => {}
                key => of_task.push(left_out(&shown(key, &value), NOTHING)),
            }
        }
        let (instructions, prompt) = (said.remove("instructions"), said.remove("prompt"));
        let mut convert = |text: &str| template.convert(text, &self.outline.inputs);
        let description = match (instructions, prompt) {
            (Some(how), Some(what)) => {
                agent.prose("instructions", &convert(&how));
                convert(&what)
            }
            (how, what) => convert(&how.or(what).unwrap_or_default()),
        };
        task.prose("description", &description);
        of_task.extend(template.notes());
        tools.dedup();
        if !tools.is_empty() {
            agent.set("tools", Value::row(tools));
        }
        if self.outline.strategy == Strategy::Parallel || !part.before.is_empty() {
            task.set("context", Value::row(part.before));
        }
        if !output.is_empty() {
            task.set("output", Value::Map(output));
        }
        if !verify.is_empty() {
            task.set("verify", Value::List(verify));
        }
        if !limits.is_empty() {
            task.set("limits", Value::Map(limits));
        }
        of_agent.iter().for_each(|note| agent.note(note));
        of_task.iter().for_each(|note| task.note(note));
        self.outline.agents.push(Item::Of(Value::Map(agent)));
        self.outline.tasks.push(Item::Of(Value::Map(task)));
        name
    }

    /// The model and what it may do.
    fn settings(
        &mut self,
        node: &Node,
        (agent, limits): (&mut Map, &mut Map),
        notes: &mut Vec<String>,
        file: &mut Foreign,
    ) {
        let text = |key: &str| node.get(key).and_then(foreign::text);
        let named = text("goose_model").map(|model| match text("goose_provider") {
            Some(provider) => format!("{provider}/{model}"),
            None => model,
        });
        match named.as_deref().map(|named| self.outline.models.named(named)) {
            Some(Some(model)) => agent.word("model", &model),
            Some(None) => notes.push(left_out(&format!("the model `{}`", named.unwrap_or_default()), models::OTHER)),
            None => {}
        }
        for (key, _, value) in file.entries(node, "settings") {
            match (key.as_str(), foreign::number(&value), foreign::count(&value)) {
                ("goose_model" | "goose_provider", ..) => {}
                ("temperature", Some(number), _) => agent.number("temperature", number),
                ("max_turns", _, Some(rounds)) if rounds <= 10_000 => limits.number("max_iterations", rounds),
                _ if is_nothing(&value) => {}
                (key, ..) => notes.push(left_out(&shown(key, &value), NOTHING)),
            }
        }
    }
}

/// A parameter as an input of ours.
fn parameter(node: &Node, file: &mut Foreign) -> Input {
    let text = |key: &str| node.get(key).and_then(foreign::text);
    let options = node.get("options").map_or_else(Vec::new, |node| file.texts(node, "options"));
    let mut choices: Vec<String> = Vec::new();
    for (option, _) in options {
        if !option.is_empty() && !choices.contains(&option) {
            choices.push(option);
        }
    }
    let kind = match text("input_type").unwrap_or_default().as_str() {
        "number" => InputKind::Number,
        "boolean" => InputKind::Boolean,
        "file" => InputKind::File,
        "select" if !choices.is_empty() => InputKind::Choice,
        _ => InputKind::Text,
    };
    if kind != InputKind::Choice {
        choices.clear();
    }
    let about = text("description").filter(|about| !about.is_empty());
    let description = match kind {
        // There, the content is put into the text; here, the path is.
        InputKind::File => Some(format!(
            "{}the path of a file, which the agent reads",
            about.map_or(String::new(), |a| format!("{a}; "))
        )),
        _ => about,
    };
    let required = text("requirement").as_deref() != Some("optional");
    let input = Input { kind, required, description, choices, ..text_input() };
    let default = text("default").and_then(|default| input.read(&default).ok());
    Input { default, ..input }
}

/// The checks of a recipe. A command there is a shell's, so it becomes words where it is plain, and a shell otherwise.
fn retry(node: &Node, notes: &mut Vec<String>, file: &mut Foreign) -> Vec<Item> {
    let timeout = node.get("timeout_seconds").and_then(foreign::seconds);
    let mut verify = Vec::new();
    for (key, _, value) in file.entries(node, "`max_retries` and `checks`") {
        match key.as_str() {
            "timeout_seconds" => {}
            "checks" => {
                for item in file.items(&value, "a list of checks") {
                    let Some(command) = item.get("command").and_then(foreign::text) else {
                        file.mistake(Diagnostic::error("a check has a `command`", item.span.clone(), ""));
                        continue;
                    };
                    let mut check = Map::default();
                    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _-./=:,@".contains(c);
                    if command.chars().all(is_plain) {
                        check.set("run", Value::row(command.split_whitespace()));
                    } else {
                        check.note("A shell runs this, as it does there.");
                        check.set("run", Value::row(["sh", "-c", &command]));
                    }
                    if let Some(timeout) = &timeout {
                        check.number("timeout_seconds", timeout);
                    }
                    verify.push(Item::Of(Value::Map(check)));
                }
            }
            "max_retries" => notes.push(left_out(
                &shown(&key, &value),
                "An answer that fails a check is asked for once more with what is wrong, then of the next model.",
            )),
            "on_failure" | "on_failure_timeout_seconds" => notes.push(left_out(
                &format!("`{key}`"),
                "Nothing is undone before the next try; what the checks need, they have to make.",
            )),
            key => notes.push(left_out(&shown(key, &value), NOTHING)),
        }
    }
    verify
}
