//! The body of a request to Responses.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::model::call::ModelRequest;
use crate::model::call_ids::IdForm;
use crate::model::form::is_strict;
use crate::model::reasoning::effort;
use crate::model::responses::NAME;
use crate::model::tool_schema::{RESPONSES, fit};
use crate::model::wire::{arguments_text, result_text};
use crate::words::conversation::{AssistantMessage, Message, Tool};

/// What is to be told besides the answer, so that it can be sent back.
const ENCRYPTED_THOUGHTS: &str = "reasoning.encrypted_content";

/// The body of a request.
#[derive(Serialize)]
pub(super) struct NewResponse<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    input: Vec<Item<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Function<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextForm<'a>>,
    stream: bool,
    store: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    include: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Effort>,
}

#[derive(Serialize)]
struct Effort {
    effort: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Item<'a> {
    Said {
        role: &'static str,
        content: &'a str,
    },
    Call {
        r#type: &'static str,
        call_id: Cow<'a, str>,
        name: &'a str,
        arguments: String,
    },
    Result {
        r#type: &'static str,
        call_id: Cow<'a, str>,
        output: Cow<'a, str>,
    },
    /// As OpenAI wrote it.
    ProviderState(&'a Value),
}

#[derive(Serialize)]
struct Function<'a> {
    r#type: &'static str,
    name: &'a str,
    description: &'a str,
    parameters: Value,
    /// Strict is what a server takes that is told nothing, and it refuses most schemas then.
    strict: bool,
}

#[derive(Serialize)]
struct TextForm<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    name: &'a str,
    schema: &'a Value,
    strict: bool,
}

impl<'a> NewResponse<'a> {
    pub(super) fn new(request: &'a ModelRequest) -> Self {
        let system = |message: &'a Message| match message {
            Message::System(text) => Some(text.as_str()),
            _ => None,
        };
        let instructions: Vec<_> = request.messages.iter().filter_map(system).collect();
        let function = |tool: &'a Tool| {
            let parameters = fit(&tool.parameters, &RESPONSES);
            let strict = is_strict(&parameters);
            Function { r#type: "function", name: &tool.name, description: &tool.description, parameters, strict }
        };
        let form = request.schema.as_deref().map(|answer| TextForm {
            format: Format {
                r#type: "json_schema",
                name: &answer.name,
                schema: &answer.schema,
                strict: is_strict(&answer.schema),
            },
        });
        Self {
            model: &request.model,
            instructions: (!instructions.is_empty()).then(|| instructions.join("\n\n")),
            input: items(&request.messages),
            tools: request.tools.iter().map(function).collect(),
            text: form,
            stream: true,
            store: false,
            include: may_think(&request.model).then_some([ENCRYPTED_THOUGHTS]),
            temperature: request.temperature,
            max_output_tokens: request.max_tokens,
            top_p: request.tuning.top_p,
            reasoning: request.tuning.reasoning.map(|level| Effort { effort: effort(&request.model, level) }),
        }
    }
}

/// The ids of calls that OpenAI takes.
const IDS: IdForm = IdForm::Plain(64);

/// A conversation. A turn in the server's own form keeps the ids of its calls, and so do their results.
fn items(conversation: &[Message]) -> Vec<Item<'_>> {
    let mut ids = None;
    let mut items = Vec::new();
    for message in conversation {
        if let Message::Assistant(turn) = message {
            ids = Item::own(turn).is_none().then_some(IDS);
        }
        items.extend(Item::of(message, ids));
    }
    items
}

impl<'a> Item<'a> {
    fn of(message: &'a Message, ids: Option<IdForm>) -> Vec<Self> {
        let fit = |id: &'a str| ids.map_or(Cow::Borrowed(id), |ids| ids.fit(id));
        match message {
            Message::System(_) => Vec::new(),
            Message::User(text) => vec![Self::Said { role: "user", content: text }],
            Message::Assistant(turn) => Self::of_turn(turn),
            Message::Tools(results) => results
                .iter()
                .map(|result| Self::Result {
                    r#type: "function_call_output",
                    call_id: fit(&result.id),
                    output: result_text(result),
                })
                .collect(),
        }
    }

    /// A turn as the server wrote it.
    fn own(turn: &'a AssistantMessage) -> Option<&'a Vec<Value>> {
        turn.echo.as_ref().filter(|echo| echo.wire == NAME).and_then(|echo| echo.value.as_array())
    }

    fn of_turn(turn: &'a AssistantMessage) -> Vec<Self> {
        if let Some(items) = Self::own(turn) {
            return items.iter().map(Self::ProviderState).collect();
        }
        let said = (!turn.text.is_empty()).then_some(Self::Said { role: "assistant", content: &turn.text });
        let calls = turn.calls.iter().map(|call| Self::Call {
            r#type: "function_call",
            call_id: IDS.fit(&call.id),
            name: &call.name,
            arguments: arguments_text(call),
        });
        said.into_iter().chain(calls).collect()
    }
}

/// Whether a model may have thoughts that can be asked for. OpenAI answers 400 for those of its models that have none;
/// a wrong guess costs a refusal and no more, see [`parameters`](crate::model::parameters).
fn may_think(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    !(["gpt-3", "gpt-4", "chatgpt-"].iter().any(|family| name.starts_with(family)) || name.ends_with("-chat-latest"))
}
