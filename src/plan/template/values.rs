//! What fills the places of a text: the goal, outputs of tasks, the item of a list, the run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};

use crate::plan::ctx::tree;
use crate::plan::inputs::InputValues;
use crate::plan::template::engine::environment;

/// What fills the places.
#[derive(Debug, Clone, Default)]
pub struct Values<'v> {
    /// `goal`
    pub goal: &'v str,
    /// `run` and `project`
    pub run: RunValues<'v>,
    /// `inputs.<name>`
    pub inputs: Option<&'v InputValues>,
    /// `outputs.<task>`, for the tasks whose outputs this one gets.
    pub outputs: BTreeMap<&'v str, &'v str>,
    /// `failures.<task>`: why a task has failed, for those that this one waits for.
    pub failures: BTreeMap<&'v str, &'v str>,
    /// `ctx.<key>`
    pub ctx: Option<&'v BTreeMap<String, serde_json::Value>>,
    /// `item` and `loop`, for a member of a task that goes through a list.
    pub item: Option<ItemValues<'v>>,
    /// `round`, for a round of a task that is repeated.
    pub round: Option<RoundValues<'v>>,
}

/// What a template knows of the run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunValues<'v> {
    /// `run.id`, of which `run.folder` and `run.date` are made.
    pub id: &'v str,
    /// `project.folder`
    pub project: &'v str,
    /// Whether outputs are made up, as in a rehearsal: a text that asks for what they lack stays as its author wrote it.
    pub is_rehearsal: bool,
}

/// What the template of a member knows of its item.
#[derive(Debug, Clone, Copy)]
pub struct ItemValues<'v> {
    /// `item`
    pub value: &'v serde_json::Value,
    /// `loop.index`, from 1.
    pub index: usize,
    /// `loop.length`
    pub length: usize,
}

/// What a template knows of the round of a task.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoundValues<'v> {
    /// `round.number`, from 1.
    pub number: usize,
    /// `round.max`
    pub max: usize,
    /// `round.last`: what the round before it has made.
    pub last: Option<&'v str>,
    /// `output`: what the round itself has made, when it has ended.
    pub output: Option<&'v str>,
}

impl RoundValues<'_> {
    /// The fields of `round`, with the output of the last one as it is seen.
    fn fields(&self, seen: fn(&str) -> Value) -> BTreeMap<String, Value> {
        let last = self.last.map(|last| ("last", seen(last)));
        let all = [("number", Value::from(self.number)), ("max", Value::from(self.max))].into_iter().chain(last);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The fields of `round`.
pub(super) const ROUND_FIELDS: [&str; 3] = ["number", "max", "last"];

/// The fields of `run`.
pub(super) const RUN_FIELDS: [&str; 3] = ["id", "folder", "date"];

/// The names of values that are seen in two ways: as what is written into a text, and as what decides something. The
/// latter is found under the same name in capitals, and where a field is asked for, under the name with one capital.
pub(super) const DECIDING: [&str; 6] = ["outputs", "item", "ctx", "failures", "round", "output"];

/// Of these, the names whose fields are such values, and not fields of one.
pub(super) const IN_THEIRS: [&str; 2] = ["outputs", "round"];

impl RunValues<'_> {
    /// The run's own folder, seen from the project's.
    fn folder(&self) -> String {
        format!(".orchestra/runs/{}", self.id)
    }

    /// The day on which the run began, in UTC as in its id.
    fn date(&self) -> Option<String> {
        let digits = self.id.strip_prefix("run_")?.get(..8).filter(|day| day.bytes().all(|b| b.is_ascii_digit()))?;
        Some(format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]))
    }
}

impl Values<'_> {
    /// The value of an input.
    pub(super) fn input(&self, name: &str) -> Option<&serde_json::Value> {
        self.inputs?.get(name)
    }

    /// What a text is filled in with that asks for these outputs, and maybe for shared values.
    pub(super) fn context(&self, is_wanted: &dyn Fn(&str) -> bool, wants_ctx: bool) -> Value {
        let wanted = || self.outputs.iter().filter(|(name, _)| is_wanted(name));
        let outputs = Value::from_pairs(wanted().map(|(&name, &text)| (name, written(text))));
        let said = |seen: fn(Value) -> Value| {
            let fields = wanted().map(|(&name, &text)| (name.to_owned(), seen(said(text))));
            Value::from_object(Fields(fields.collect()))
        };
        let (decides, asked) = (said(|value| value), said(with_fields));
        let run = minijinja::context! { id => self.run.id, folder => self.run.folder(), date => self.run.date() };
        let project = minijinja::context! { folder => self.run.project };
        let inputs = self.inputs.into_iter().flatten().filter(|(name, _)| name.as_str() != "goal");
        let inputs = inputs.map(|(name, value)| (name.as_str(), of_json(value)));
        let inputs = Value::from_pairs(inputs.chain([("goal", Value::from(self.goal))]));
        let rest = minijinja::context! {
            goal => self.goal, inputs, run, project, outputs, OUTPUTS => decides, Outputs => asked
        };
        let failures = Value::from_pairs(self.failures.iter().map(|(&name, &why)| (name, Value::from(why))));
        let told = self.failures.iter().map(|(&name, &why)| (name.to_owned(), Value::from(why)));
        let told = Value::from_object(Fields(told.collect()));
        let rest = minijinja::context! { failures, FAILURES => told.clone(), Failures => told, ..rest };
        let rest = match self.ctx.filter(|_| wants_ctx).map(tree) {
            None => rest,
            Some(ctx) => minijinja::context! {
                ctx => of_json(&ctx), CTX => deciding(&ctx), Ctx => with_fields(deciding(&ctx)), ..rest
            },
        };
        let rest = match self.round {
            None => rest,
            Some(round) => {
                let with_its_fields = |text: &str| with_fields(self::said(text));
                let decides = Value::from_object(Fields(round.fields(self::said)));
                let asked = Value::from_object(Fields(round.fields(with_its_fields)));
                let output = |seen: fn(&str) -> Value| round.output.map_or(Value::UNDEFINED, seen);
                minijinja::context! {
                    round => Value::from_pairs(round.fields(written)), ROUND => decides, Round => asked,
                    output => output(written), OUTPUT => output(self::said), Output => output(with_its_fields), ..rest
                }
            }
        };
        let Some(ItemValues { value, index, length }) = self.item else { return rest };
        let position = minijinja::context! { index, index0 => index.saturating_sub(1), length };
        let (decides, asked) = (deciding(value), with_fields(deciding(value)));
        minijinja::context! { item => of_json(value), ITEM => decides, Item => asked, loop => position, ..rest }
    }
}

/// An output as a text, which has fields or items where it is JSON.
fn written(text: &str) -> Value {
    let is_open = text.trim_start().starts_with(['{', '[']);
    match is_open.then(|| serde_json::from_str(text)).and_then(Result::ok) {
        Some(json) => Value::from_object(Document { text: text.into(), value: of_json(&json) }),
        None => Value::from(text),
    }
}

/// An output as what it says: JSON, or a text without the blank space around it.
fn said(text: &str) -> Value {
    let text = text.trim();
    serde_json::from_str(text).map_or_else(|_| Value::from(text), |json| deciding(&json))
}

/// A value whose missing fields are equal to nothing, in place of a mistake.
fn deciding(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Array(list) => list.iter().map(deciding).collect(),
        serde_json::Value::Object(fields) => {
            Value::from_object(Fields(fields.iter().map(|(name, value)| (name.clone(), deciding(value))).collect()))
        }
        plain => of_json(plain),
    }
}

/// The same where a field is asked for: a value that has none is one whose fields are all missing.
fn with_fields(value: Value) -> Value {
    match value.kind() {
        ValueKind::Map | ValueKind::Seq => value,
        _ => Value::from_object(Fields(BTreeMap::new())),
    }
}

/// Fields by their names; one that is missing may be compared.
#[derive(Debug)]
struct Fields(BTreeMap<String, Value>);

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        Some(self.0.get(name).cloned().unwrap_or_else(nothing))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|name| Value::from(name.as_str())).collect())
    }
}

/// What the engine takes for a value that is not there and need not be: that of a choice that was not made.
fn nothing() -> Value {
    static NOTHING: OnceLock<Value> = OnceLock::new();
    let made = || environment().compile_expression("0 if false").and_then(|it| it.eval(Value::UNDEFINED));
    NOTHING.get_or_init(|| made().unwrap_or_default()).clone()
}

/// A JSON document that is written as it was, and not as it would be written anew.
#[derive(Debug)]
pub(super) struct Document {
    text: Arc<str>,
    value: Value,
}

impl Object for Document {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.value.kind() == ValueKind::Seq { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.value.get_item(key).ok().filter(|found| !found.is_undefined())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if self.value.kind() == ValueKind::Seq {
            return Enumerator::Seq(self.value.len().unwrap_or_default());
        }
        Enumerator::Values(self.value.try_iter().map(Iterator::collect).unwrap_or_default())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A JSON value as one of the engine.
pub(in crate::plan) fn of_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(list) => list.iter().map(of_json).collect(),
        serde_json::Value::Object(fields) => {
            Value::from_pairs(fields.iter().map(|(name, value)| (name.as_str(), of_json(value))))
        }
    }
}
