//! A task that stands for many: where its items come from, and what becomes of their outputs.

use serde_json::Value;

use crate::engine::runner::{RunError, Runner};
use crate::plan::graph::TaskIx;
use crate::plan::growth::{Grows, Items};
use crate::plan::inputs::with_usual;
use crate::plan::orchestra::Task;
use crate::plan::output;
use crate::plan::output::sample::sample;
use crate::plan::resolve;
use crate::plan::spec::Collect;
use crate::run::history::TaskState;
use crate::run::state::{Input, Made};
use crate::words::event::PlannedTask;
use crate::words::failure::{Failure, FailureKind};

/// How deeply an item may be nested. What is written into a journal must be readable, and that has a limit too.
const MAX_DEPTH: usize = 100;

impl Runner {
    /// Says what the members of a task are.
    pub(super) fn expand(&mut self, task: TaskIx) -> Result<(), RunError> {
        let answer = match self.omission(task)? {
            Ok(Some(why)) => Input::Omitted(task, why),
            Err(failure) => Input::Expanded(task, Err(failure)),
            Ok(None) => match self.state.orchestra().tasks[task].grows.first().cloned() {
                Some(Grows::Repeat(rounds)) => self.after_round(task, &rounds)?,
                Some(Grows::Expand(plan)) => self.after_plan(task, &plan)?,
                Some(Grows::Review(review)) => self.after_review(task, &review)?,
                Some(Grows::ForEach(_)) | None => match self.items(task)? {
                    Ok(items) => Input::Expanded(task, self.members(task, items)),
                    Err(why) => Input::Expanded(task, Err(Failure::new(FailureKind::BadRequest, why))),
                },
            },
        };
        self.state.tell(answer);
        Ok(())
    }

    pub(super) fn members(&self, task: TaskIx, items: Vec<Value>) -> Result<Vec<PlannedTask>, Failure> {
        let orchestra = self.state.orchestra();
        match resolve::extend(orchestra, task, items) {
            Ok(members) => Ok(orchestra.planned_members(&members)),
            Err(error) => Err(Failure::new(FailureKind::BadRequest, error.to_string())),
        }
    }

    /// The items of a task; the inner error says why its list is none.
    fn items(&self, task: TaskIx) -> Result<Result<Vec<Value>, String>, RunError> {
        let orchestra = self.state.orchestra();
        let Some(for_each) = orchestra.tasks[task].for_each() else { return Ok(Ok(Vec::new())) };
        match &for_each.items {
            Items::Literal(items) => Ok(Ok(items.clone())),
            Items::Input(name) => {
                let given = self.state.history().map(|history| with_usual(&orchestra.inputs, &history.start.inputs));
                let list = given.and_then(|given| given.get(name).cloned());
                Ok(match list {
                    Some(Value::Array(items)) if items.iter().all(|item| is_shallow(item, MAX_DEPTH)) => Ok(items),
                    Some(Value::Array(_)) => Err(format!("an item of the input `{name}` is nested too deep")),
                    _ => Err(format!("the run was not given the list `{name}`")),
                })
            }
            Items::Output { task, path } => {
                let name = &orchestra.tasks[*task].name;
                let text = self.context.output(*task, &self.state)?.unwrap_or_default();
                let items = items_of(&text, path);
                if items.is_err() && self.context.verify.is_rehearsal {
                    return Ok(Ok(rehearsed(&orchestra.tasks[*task], path)));
                }
                Ok(items.map_err(|why| format!("the output of `{name}` has no list to go through: {why}")))
            }
        }
    }

    /// Puts the outputs of a task's members together, in the order of their items.
    pub(super) fn collect(&mut self, task: TaskIx) -> Result<(), RunError> {
        let members = self.state.history().and_then(|history| history.tasks[task].members.clone()).unwrap_or_default();
        let how = self.state.orchestra().tasks[task].for_each().map(|for_each| for_each.collect);
        let made = self.collected(task, &members, how.unwrap_or_default())?;
        self.state.tell(Input::Collected(task, made));
        Ok(())
    }

    /// What a task has made whose members have made this.
    pub(super) fn collected(
        &mut self,
        task: TaskIx,
        members: &[TaskIx],
        how: Collect,
    ) -> Result<Result<Made, Failure>, RunError> {
        let mut outputs = Vec::with_capacity(members.len());
        let is_omitted = |member: TaskIx| {
            let history = self.state.history();
            history.is_some_and(|history| matches!(history.tasks[member].state, TaskState::Omitted(_)))
        };
        for &member in members.iter().filter(|&&member| !is_omitted(member)) {
            let name = self.state.orchestra().tasks[member].name.to_string();
            outputs.push((name, self.context.output(member, &self.state)?));
        }
        let definition = &self.state.orchestra().tasks[task];
        let text = match (how, definition.expand()) {
            (Collect::Json, Some(_)) => by_name(&outputs, definition.name.as_str()),
            (how, _) => collected(&outputs, how),
        };
        let output = self.context.objects.put(text).map_err(RunError::Objects)?;
        self.context.made(definition, output)
    }
}

/// The items of a list that a rehearsal has not made: as the schema describes them, or one.
fn rehearsed(of: &Task, path: &[String]) -> Vec<Value> {
    let made = of.output.spec.schema().map(|schema| sample(schema).to_string());
    let items = made.and_then(|text| items_of(&text, path).ok());
    items.unwrap_or_else(|| vec![Value::from("sample")])
}

/// The items in an output: a JSON list under `path`, or without a path the lines of a text.
fn items_of(text: &str, path: &[String]) -> Result<Vec<Value>, String> {
    let items = list_in(text, path)?;
    match items.iter().position(|item| !is_shallow(item, MAX_DEPTH)) {
        Some(place) => Err(format!("item {} is nested more than {MAX_DEPTH} deep", place + 1)),
        None => Ok(items),
    }
}

fn list_in(text: &str, path: &[String]) -> Result<Vec<Value>, String> {
    let text = if path.is_empty() { unfenced(text) } else { text };
    let json: Result<Value, _> = serde_json::from_str(text);
    let mut value = match json {
        Ok(value) => value,
        Err(_) if path.is_empty() => return Ok(lines_of(text)),
        // Models put words or a fence around what they are asked for.
        Err(_) => output::document(text).map_err(|why| format!("it is not JSON: {why}"))?,
    };
    for (depth, field) in path.iter().enumerate() {
        let inner = match &mut value {
            Value::Array(list) => field.parse().ok().and_then(|index: usize| list.get_mut(index)),
            other => other.get_mut(field),
        };
        value = inner.map(Value::take).ok_or_else(|| format!("there is no `{}`", path[..=depth].join(".")))?;
    }
    match value {
        Value::Array(items) => Ok(items),
        Value::String(text) if path.is_empty() => Ok(lines_of(&text)),
        _ if path.is_empty() => Err("it is one value and no list".to_owned()),
        _ => Err(format!("`{}` is no list", path.join("."))),
    }
}

/// The inside of a text that is one fenced block.
fn unfenced(text: &str) -> &str {
    let inside = || {
        let (_, inside) = text.trim().strip_prefix("```")?.split_once('\n')?;
        inside.strip_suffix("```").filter(|inside| !inside.contains("```"))
    };
    inside().unwrap_or(text)
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_shallow(item, depth - 1)),
        Value::Object(fields) => depth > 0 && fields.values().all(|field| is_shallow(field, depth - 1)),
        _ => true,
    }
}

fn lines_of(text: &str) -> Vec<Value> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Value::from).collect()
}

/// One JSON object of the outputs of planned tasks, by their names in the plan.
fn by_name(outputs: &[(String, Option<std::sync::Arc<str>>)], of: &str) -> String {
    let fields: serde_json::Map<String, Value> = outputs
        .iter()
        .map(|(name, text)| {
            let name = name.strip_prefix(of).and_then(|name| name.strip_prefix('.')).unwrap_or(name);
            (name.to_owned(), text.as_deref().map_or(Value::Null, value_of))
        })
        .collect();
    serde_json::to_string_pretty(&fields).unwrap_or_default()
}

/// An output as JSON, or as a text.
fn value_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// One text of many outputs. A member without an output has `null` in a list, and its place in a text says so.
fn collected(outputs: &[(String, Option<std::sync::Arc<str>>)], how: Collect) -> String {
    match how {
        Collect::Json => {
            let list: Vec<Value> =
                outputs.iter().map(|(_, text)| text.as_deref().map_or(Value::Null, value_of)).collect();
            serde_json::to_string_pretty(&list).unwrap_or_default()
        }
        Collect::Text => {
            let part = |(name, text): &(String, Option<std::sync::Arc<str>>)| {
                format!("# {name}\n\n{}\n", text.as_deref().map_or("(it failed)", str::trim_end))
            };
            outputs.iter().map(part).collect::<Vec<_>>().join("\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(fields: &str) -> Vec<String> {
        fields.split('.').filter(|field| !field.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn items_are_a_list_in_json_or_lines() {
        assert_eq!(items_of("[1, \"b\"]", &[]).unwrap(), [json!(1), json!("b")]);
        assert_eq!(items_of(r#""one\r\n\r\n two""#, &[]).unwrap(), [json!("one"), json!("two")]);
        assert_eq!(items_of("one\n\n  two \n", &[]).unwrap(), [json!("one"), json!("two")]);
        assert_eq!(items_of(r#"{"plan": [{"files": ["a"]}]}"#, &path("plan.0.files")).unwrap(), [json!("a")]);
        assert_eq!(items_of("", &[]).unwrap(), [Value::Null; 0]);
        assert_eq!(items_of(r#"{"a": {}}"#, &path("a.b")).unwrap_err(), "there is no `a.b`");
        assert_eq!(items_of(r#"{"a": 3}"#, &path("a")).unwrap_err(), "`a` is no list");
        assert!(items_of("text", &path("a")).unwrap_err().starts_with("it is not JSON"));
    }

    #[test]
    fn outputs_stay_in_the_order_of_their_items() {
        let outputs = [("x.1".to_owned(), Some("{\"a\": 1}".into())), ("x.2".to_owned(), None)];
        assert_eq!(
            serde_json::from_str::<Value>(&collected(&outputs, Collect::Json)).unwrap(),
            json!([{"a": 1}, null])
        );
        assert_eq!(collected(&outputs, Collect::Text), "# x.1\n\n{\"a\": 1}\n\n# x.2\n\n(it failed)\n");
    }
}
