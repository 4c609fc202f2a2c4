//! Mistakes of a template that can be told before the run: names, fields, filters, tests and functions that there are
//! not.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::plan::ctx::overlap;
use crate::plan::inputs::Input;
use crate::plan::output::fields::{self, NoField};
use crate::plan::template::uses::{Called, Kind, Missing, Path, Step, Use, is_identifier};
use crate::plan::template::values::{ROUND_FIELDS, RUN_FIELDS};
use crate::plan::template::{TEXT_HELP, engine};
use crate::words::diagnostic::near_miss;

/// What a text may ask for.
#[derive(Clone, Copy)]
pub struct Known<'k> {
    /// The tasks whose outputs there will be.
    pub outputs: &'k [&'k str],
    /// All tasks.
    pub tasks: &'k BTreeSet<&'k str>,
    /// What the output of a task looks like, where the file says.
    pub schema: &'k dyn Fn(&str) -> Option<Json>,
    /// The items that it is filled in for.
    pub items: ItemsKnown<'k>,
    /// The rounds that it is filled in for.
    pub rounds: RoundsKnown<'k>,
    /// The declared inputs.
    pub inputs: &'k [Input],
    /// The values that tasks share.
    pub ctx: CtxKnown<'k>,
}

/// What is known before the run of the values that tasks share.
#[derive(Debug, Clone, Copy, Default)]
pub struct CtxKnown<'k> {
    /// The keys that tasks before it set.
    pub before: &'k [&'k str],
    /// Keys that others set, each with its task.
    pub others: &'k [(&'k str, &'k str)],
    /// Whether a model before it may set any.
    pub is_open: bool,
}

/// What is known before the run of the items that a text is filled in for.
#[derive(Debug, Clone, Copy)]
pub enum ItemsKnown<'v> {
    /// There are none.
    None,
    /// These.
    These(&'v [Json]),
    /// There will be some.
    Later,
}

/// What is known before the run of the rounds that a text is filled in for.
#[derive(Debug, Clone, Copy)]
pub enum RoundsKnown<'v> {
    /// There are none.
    None,
    /// There will be some.
    Some,
    /// It is filled in at the end of each; what the output of one looks like, where the file says.
    Ends(Option<&'v Json>),
    /// Nobody can tell: what would say so is out of sight.
    Unknown,
}

/// What is wrong, and what to do next.
pub(super) type Wrong = (String, String);

const NAMES: [&str; 10] = ["goal", "inputs", "outputs", "failures", "ctx", "run", "project", "item", "loop", "round"];

/// What is wrong with a called name.
pub(super) fn called(called: &Called) -> Option<Wrong> {
    let name = called.name.as_str();
    let near = |candidates: &[&str], else_: &str| {
        near_miss(name, candidates.iter().copied())
            .map_or_else(|| else_.to_owned(), |near| format!("did you mean `{near}`?"))
    };
    match called.kind {
        Kind::Filter if !engine::has_filter(name) => {
            let help = near(&engine::FILTERS, "the filters are those of Jinja, such as `trim`, `join` and `tojson`");
            Some((format!("there is no filter `{name}`"), help))
        }
        Kind::Test if !engine::has_test(name) => {
            let help = near(&engine::TESTS, "the tests are those of Jinja, such as `defined` and `number`");
            Some((format!("there is no test `{name}`"), help))
        }
        Kind::Function if !engine::functions().contains(name) => {
            let functions: Vec<&str> = engine::functions().into_iter().collect();
            let help = near(&functions, &format!("the functions are {}", functions.join(", ")));
            Some((format!("there is no function `{name}`"), help))
        }
        Kind::Method => {
            let help = match engine::has_filter(name) {
                true => format!("use a filter: `| {name}`"),
                false => "use a filter, such as `| trim` or `| items`".to_owned(),
            };
            Some((format!("values have no method `{name}()`"), help))
        }
        _ => None,
    }
}

/// What is wrong with a value that is asked for.
pub(super) fn value(of: &Use, all: &[Use], known: &Known<'_>) -> Option<Wrong> {
    let path = &of.path;
    let fields = |fields: &[&str]| fields.iter().map(|field| format!("`{}.{field}`", path.root)).collect::<Vec<_>>();
    let field_of = |there_are: &[&str]| match path.steps.first() {
        None => None,
        Some(Step::Field(name)) if there_are.contains(&name.as_str()) => None,
        Some(_) => {
            let near = path.first_field().and_then(|field| near_miss(field, there_are.iter().copied()));
            let help = near.map_or_else(
                || format!("it has {}", fields(there_are).join(", ")),
                |near| format!("did you mean `{}.{near}`?", path.root),
            );
            Some((format!("there is no `{}`", path.text()), help))
        }
    };
    match path.root.as_str() {
        "goal" => None,
        "inputs" => input(path, known.inputs),
        "run" => field_of(&RUN_FIELDS),
        "project" => field_of(&["folder"]),
        "item" | "loop" if matches!(known.items, ItemsKnown::None) => {
            let message = format!("`{}` is known only in a task with `for_each`", path.root);
            Some((message, "give the task a `for_each`".to_owned()))
        }
        "round" if matches!(known.rounds, RoundsKnown::None) => {
            let message = "`round` is known only in a task with `repeat` or `review`".to_owned();
            Some((message, "give the task a `repeat`".to_owned()))
        }
        "round" => field_of(&ROUND_FIELDS),
        "output" => match known.rounds {
            RoundsKnown::Ends(schema) => {
                schema.and_then(|schema| of_output(of, all, &path.steps, schema, "the output"))
            }
            RoundsKnown::Some => {
                let message = "`output` is known only in `until`, when the round has ended".to_owned();
                Some((message, "the output of the round before it is `round.last`".to_owned()))
            }
            RoundsKnown::Unknown => None,
            RoundsKnown::None => Some(unknown(path, known)),
        },
        "loop" => field_of(&["index", "index0", "length"]),
        "item" => item(of, all, known.items),
        "outputs" => output(of, all, known),
        "failures" => failure(path, known),
        root if engine::functions().contains(root) => None,
        "ctx" => shared(path, &known.ctx),
        _ => Some(unknown(path, known)),
    }
}

fn unknown(path: &Path, known: &Known<'_>) -> Wrong {
    let root = path.root.as_str();
    let near = || near_miss(root, NAMES).map(str::to_owned);
    let is_input = known.inputs.iter().any(|input| input.name == root);
    let near = is_input.then(|| format!("inputs.{root}")).or_else(near);
    let help = near.map_or_else(literal_help, |near| format!("did you mean `{near}`?"));
    (format!("unknown name `{root}`"), help)
}

fn input(path: &Path, inputs: &[Input]) -> Option<Wrong> {
    let name = path.first_field()?;
    if name == "goal" || inputs.iter().any(|input| input.name == name) {
        return None;
    }
    let near = near_miss(name, inputs.iter().map(|input| input.name.as_str()));
    let help = near.map_or_else(
        || format!("declare it at the top of the file: `inputs: {{{name}: text}}`"),
        |near| format!("did you mean `inputs.{near}`?"),
    );
    Some((format!("there is no input `{name}`"), help))
}

fn failure(path: &Path, known: &Known<'_>) -> Option<Wrong> {
    let task = path.first_field()?;
    if !known.tasks.contains(task) {
        return Some((format!("there is no task `{task}`"), near_task(task, known)));
    }
    (!known.outputs.contains(&task)).then(|| {
        let message = format!("the task does not wait for `{task}`");
        (message, format!("add `{task}` to its `context` or `on_failure`"))
    })
}

fn shared(path: &Path, known: &CtxKnown<'_>) -> Option<Wrong> {
    let words: Vec<&str> = path.steps.iter().map_while(|step| of_schema(step)).collect();
    let key = words.join(".");
    if known.is_open || known.before.iter().any(|set| words.is_empty() || overlap(set, &key)) {
        return None;
    }
    if let Some((set, task)) = known.others.iter().find(|(set, _)| words.is_empty() || overlap(set, &key)) {
        let message = format!("`{task}` sets `{set}`, and does not come before this task");
        return Some((message, format!("add `{task}` to its `context`")));
    }
    let near = near_miss(&key, known.before.iter().chain(known.others.iter().map(|(set, _)| set)).copied());
    let help = near.map_or_else(
        || format!("give a task before this one `sets: {}`, or the tool `ctx_set`", words.first().unwrap_or(&"KEY")),
        |near| format!("did you mean `ctx.{near}`?"),
    );
    Some((format!("no task before this one sets `{key}`"), help))
}

fn output(of: &Use, all: &[Use], known: &Known<'_>) -> Option<Wrong> {
    let task = of.path.first_field()?;
    if !known.tasks.contains(task) {
        return Some((format!("there is no task `{task}`"), near_task(task, known)));
    }
    if !known.outputs.contains(&task) {
        let message = format!("the task does not get the output of `{task}`");
        return Some((message, format!("add `{task}` to its `context`")));
    }
    let steps = &of.path.steps[1..];
    if steps.is_empty() {
        return None;
    }
    of_output(of, all, steps, &(known.schema)(task)?, &format!("the output of `{task}`"))
}

/// What is wrong with the fields of an output, as far as its schema says.
fn of_output(of: &Use, all: &[Use], steps: &[Step], schema: &Json, output: &str) -> Option<Wrong> {
    if is_excused(of, all, Missing::IsAsked) {
        return None;
    }
    let NoField { field, near, kind } = fields::missing(schema, steps.iter().map(of_schema))?;
    let message = match kind {
        Some(kind) => format!("`{field}` is asked of a value of type {kind} in {output}"),
        None => format!("{output} has no field `{field}`"),
    };
    let help = near.map_or_else(
        || "the schema of that output says which there are".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Some((message, help))
}

fn of_schema(step: &Step) -> Option<&str> {
    match step {
        Step::Field(name) => Some(name),
        Step::Index(_) | Step::Any => None,
    }
}

/// The task that is most likely meant, written so that it is one name.
fn near_task(wrong: &str, known: &Known<'_>) -> String {
    let longer = |task: &&&str| task.strip_prefix(wrong).is_some_and(|rest| rest.starts_with(['-', '.']));
    let near = known.outputs.iter().find(longer).copied();
    match near.or_else(|| near_miss(wrong, known.outputs.iter().copied())) {
        Some(near) if is_identifier(near) => format!("did you mean `{near}`?"),
        Some(near) => format!("did you mean `outputs['{near}']`?"),
        None => "name a task of this file".to_owned(),
    }
}

/// Whether what is asked for may be missing, here or where the template asks first.
fn is_excused(of: &Use, all: &[Use], enough: Missing) -> bool {
    let begins = |other: &Use| other.path.root == of.path.root && of.path.steps.starts_with(&other.path.steps);
    let asks = |other: &Use| other.missing >= enough && !other.path.steps.is_empty() && begins(other);
    all.iter().any(asks)
}

fn item(of: &Use, all: &[Use], items: ItemsKnown<'_>) -> Option<Wrong> {
    let ItemsKnown::These(items) = items else { return None };
    if is_excused(of, all, Missing::Counts) {
        return None;
    }
    items.iter().enumerate().find_map(|(place, item)| {
        let why = lookup(item, &of.path.steps).err()?;
        let help = "every item needs it, or ask for it with `| default('...')`".to_owned();
        Some((format!("{} has no `{}` (for item {})", why.of("`item`"), why.step, place + 1), help))
    })
}

/// Where a value ends before a path does.
pub(super) struct Ends {
    /// The way to the last value that is there.
    pub way: Vec<Step>,
    /// What it does not have.
    pub step: String,
    /// Whether it has fields or items at all.
    pub is_plain: bool,
}

impl Ends {
    /// The last value that is there, as a template writes it.
    pub(super) fn of(&self, root: &str) -> String {
        if self.way.is_empty() {
            return root.to_owned();
        }
        let path = Path { root: root.trim_matches('`').to_owned(), steps: self.way.clone() };
        format!("`{}`", path.text())
    }
}

/// Follows a path through a value, as far as it is known.
pub(super) fn lookup(value: &Json, steps: &[Step]) -> Result<(), Ends> {
    let mut value = value;
    for (at, step) in steps.iter().enumerate() {
        let found = match step {
            Step::Field(name) => value.get(name),
            Step::Index(place) => {
                let list = value.as_array().map_or(0, Vec::len);
                let place = usize::try_from(*place).ok();
                place.or_else(|| list.checked_sub(1)).and_then(|place| value.get(place))
            }
            Step::Any => return Ok(()),
        };
        let Some(found) = found else {
            let step = match step {
                Step::Field(name) => name.clone(),
                Step::Index(place) => place.to_string(),
                Step::Any => String::new(),
            };
            let is_plain = !value.is_object() && !value.is_array();
            return Err(Ends { way: steps[..at].to_vec(), step, is_plain });
        };
        value = found;
    }
    Ok(())
}

/// What a word in single braces is most likely meant to be, as it is written.
pub(super) fn near_word(word: &str, known: &Known<'_>) -> Option<String> {
    let root = word.split('.').next().unwrap_or(word);
    let has_item = !matches!(known.items, ItemsKnown::None);
    if word == "goal" {
        return None;
    }
    let dotted = match root {
        "item" | "loop" => has_item,
        "round" => !matches!(known.rounds, RoundsKnown::None) && word.contains('.'),
        "outputs" | "failures" | "inputs" | "ctx" => word.contains('.'),
        "run" => RUN_FIELDS.iter().any(|field| word == format!("run.{field}")),
        _ => false,
    };
    if dotted {
        return Some(format!("{{{{ {word} }}}}"));
    }
    let names = known.inputs.iter().map(|input| input.name.as_str()).chain(["goal"]);
    near_miss(word, names).map(|near| format!("{{{near}}}"))
}

fn literal_help() -> String {
    format!(
        "the names are goal, inputs.<name>, outputs.<task>, failures.<task>, ctx.<key>, run.id, run.folder, run.date and project.folder; {TEXT_HELP}"
    )
}
