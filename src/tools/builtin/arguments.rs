//! What a model gives a tool, read strictly: the refusal says what is expected, so that the next call is right.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::path::quoted;
use crate::words::conversation::Tool;

/// Reads the arguments of a call.
///
/// Anything but an object, a key that is not known or missing, and a value of another type are refused.
pub(super) fn read<T: DeserializeOwned>(arguments: &Value, tool: impl FnOnce() -> Tool) -> Result<T, String> {
    let wrong = match arguments {
        Value::Object(_) => match T::deserialize(arguments) {
            Ok(read) => return Ok(read),
            Err(error) => error.to_string(),
        },
        Value::String(text) => format!("the arguments are no JSON object but the text {}", quoted(text)),
        other => format!("the arguments are no JSON object but {}", quoted(&other.to_string())),
    };
    Err(format!("{wrong}. {}", expected(&tool())))
}

/// What the tool takes, in words.
fn expected(tool: &Tool) -> String {
    let required: Vec<&str> =
        tool.parameters["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = tool.parameters["properties"].as_object();
    let one = |(name, schema): (&String, &Value)| {
        let kind = match (schema["type"].as_str(), schema["items"]["type"].as_str()) {
            (Some("array"), Some(item)) => format!("array of {item}s"),
            (kind, _) => kind.unwrap_or("any value").to_owned(),
        };
        let optional = if required.contains(&name.as_str()) { "" } else { ", optional" };
        format!("`{name}` ({kind}{optional})")
    };
    let all: Vec<String> = properties.into_iter().flatten().map(one).collect();
    format!("{} takes an object with {}", tool.name, all.join(", "))
}
