//! `ctx_get` and `ctx_set`: the values that the tasks of a run share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{ToolContext, arguments};
use crate::plan::ctx::is_key;
use crate::tools::{CallContext, Effect, Outcome, Tool, ToolFuture};
use crate::words::conversation;

/// The values that the tasks of a run share, by their keys.
pub type Ctx = Arc<Mutex<BTreeMap<String, Value>>>;

pub(super) fn get(context: &ToolContext) -> Arc<dyn Tool> {
    Arc::new(CtxGet { definition: get_definition(), ctx: context.ctx.clone() })
}

pub(super) fn set() -> Arc<dyn Tool> {
    Arc::new(CtxSet { definition: set_definition() })
}

struct CtxGet {
    definition: conversation::Tool,
    ctx: Ctx,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetArguments {
    key: String,
}

impl CtxGet {
    fn get(&self, arguments: &Value) -> Result<String, String> {
        let GetArguments { key } = arguments::read(arguments, get_definition)?;
        let values = self.ctx.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match values.get(&key) {
            Some(value) => format!("{value:#}"),
            None => json!({ "missing": key, "keys": values.keys().collect::<Vec<_>>() }).to_string(),
        })
    }
}

impl Tool for CtxGet {
    fn definition(&self) -> &conversation::Tool {
        &self.definition
    }

    fn effect(&self) -> Effect {
        Effect::None
    }

    fn call<'a>(&'a self, arguments: &'a Value, _: &'a CallContext<'a>) -> ToolFuture<'a, Outcome> {
        Box::pin(async { Ok(self.get(arguments).into()) })
    }

    fn ask_again(&self, arguments: &Value) -> Option<Outcome> {
        Some(self.get(arguments).into())
    }
}

/// It only reports the value: the run keeps it, with all else that has to be durable.
struct CtxSet {
    definition: conversation::Tool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetArguments {
    key: String,
    value: Value,
}

impl Tool for CtxSet {
    fn definition(&self) -> &conversation::Tool {
        &self.definition
    }

    fn effect(&self) -> Effect {
        Effect::Repeatable
    }

    fn call<'a>(&'a self, arguments: &'a Value, context: &'a CallContext<'a>) -> ToolFuture<'a, Outcome> {
        Box::pin(async move {
            let SetArguments { key, value } = match arguments::read(arguments, set_definition) {
                Ok(arguments) => arguments,
                Err(why) => return Ok(Outcome::error(why)),
            };
            if !is_key(&key) {
                let why = "`key` must be words of letters, digits, _ and - with dots in between";
                return Ok(Outcome::error(why));
            }
            context.values.set(&key, &value).await?;
            Ok(Outcome::success(format!("`{key}` is set")))
        })
    }
}

fn get_definition() -> conversation::Tool {
    conversation::Tool {
        name: "ctx_get".to_owned(),
        description: "Gives a value that the tasks of this run share, as JSON.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"key": key_schema()},
            "required": ["key"],
            "additionalProperties": false,
        }),
    }
}

fn set_definition() -> conversation::Tool {
    conversation::Tool {
        name: "ctx_set".to_owned(),
        description: "Sets a value for the tasks of this run that come later.".to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {"key": key_schema(), "value": {"description": "Any JSON value"}},
            "required": ["key", "value"],
            "additionalProperties": false,
        }),
    }
}

fn key_schema() -> Value {
    json!({"type": "string", "description": "The value's name, with dots, such as plan.tasks"})
}
