//! Models: what an entry under `models` says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::plan::spec::Text;
use crate::plan::spec::located::{Either, Spanned};

/// What a name under `models` stands for.
#[derive(Debug, Clone)]
pub enum ModelEntry {
    /// One model.
    One(Box<Model>),
    /// Several, of which the next one is used when the one before it fails: other names, or `provider/model`.
    Chain(Vec<Text>),
}

impl<'de> Deserialize<'de> for ModelEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;

        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = ModelEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model or a list of models")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ModelEntry, A::Error> {
                Box::deserialize(MapAccessDeserializer::new(map)).map(ModelEntry::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ModelEntry, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(ModelEntry::Chain)
            }
        }

        deserializer.deserialize_any(EntryVisitor)
    }
}

impl JsonSchema for ModelEntry {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ModelEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"anyOf": [generator.subschema_for::<Model>(), generator.subschema_for::<Vec<Text>>()]})
    }
}

/// A model and where it is served.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a model")]
pub struct Model {
    /// The wire format that the server speaks.
    pub provider: Spanned<Provider>,
    /// The name that the server knows the model by. An agent CLI needs none.
    pub model: Option<Text>,
    /// With `command`: the program and its arguments. The prompt goes to its standard input.
    pub argv: Option<Spanned<Vec<String>>>,
    /// With `command`: the environment variables that the program is given besides the usual ones, by name.
    #[serde(default)]
    pub env: Vec<String>,
    /// The server's address; the provider's own if left out.
    pub base_url: Option<Text>,
    /// The environment variable that holds the key.
    pub api_key_env: Option<Text>,
    /// A command that prints the key, in place of a variable. It is asked again when the server refuses the key.
    pub api_key_command: Option<Spanned<Vec<String>>>,
    /// How the key is sent; in the provider's own way if left out.
    pub auth: Option<Spanned<Auth>>,
    /// More headers of every request.
    pub headers: Option<Spanned<BTreeMap<String, Given>>>,
    /// More parameters of the address.
    pub query: Option<Spanned<BTreeMap<String, Given>>>,
    /// How many tokens a prompt and its answer may have together.
    #[schemars(range(min = 1))]
    pub context_window: Option<u64>,
    /// What it costs; that of the built-in table if left out.
    pub price: Option<Price>,
    /// How freely it chooses its words: 0 is not at all.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// How much it thinks before it answers; as much as it does by itself if left out.
    pub reasoning: Option<Spanned<Reasoning>>,
    /// The share of the likely words that it chooses among: 1 is all.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub top_p: Option<Spanned<f64>>,
    /// Texts at which the answer ends; they are no part of it.
    pub stop: Option<Spanned<Vec<String>>>,
    /// With the same number, the same question gets the same answer, as far as the server can.
    pub seed: Option<Spanned<i64>>,
    /// With `ollama`: how long the server keeps the model in memory, in seconds or as a text such as `10m`; less than 0
    /// is for ever.
    pub keep_alive: Option<Spanned<KeepAlive>>,
    /// What becomes of an answer that is cut off at `max_tokens`; `fail` if left out.
    pub on_truncated: Option<Spanned<OnTruncated>>,
    /// Members of the request's body, put over those that orch writes: an object into an object, `null` takes a member
    /// out. They are sent as they stand here.
    pub body: Option<Spanned<BTreeMap<String, serde_json::Value>>>,
    /// How long one call may take, in seconds; as long as the attempt at the task may, if left out.
    #[schemars(range(max = 604_800), extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
    /// How many calls of it may be under way at once; no limit if left out.
    #[schemars(range(min = 1))]
    pub max_concurrent: Option<u32>,
    /// How many calls of it may begin in any minute; no limit if left out.
    #[schemars(range(min = 1, max = 100_000))]
    pub requests_per_minute: Option<u32>,
}

/// How a key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// As `Authorization: Bearer`.
    Bearer,
    /// As `api-key`, as Azure has it.
    ApiKey,
    /// Not at all.
    None,
}

/// A text, or the variable that holds it.
pub type Given = Either<Text, Spanned<Variable>>;

/// Where a value is that does not belong into a file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a variable")]
pub struct Variable {
    /// The environment variable that holds the value.
    pub env: Text,
}

/// How much a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reasoning {
    /// Not at all, or as little as the model can.
    None,
    /// A little.
    Low,
    /// A fair amount.
    Medium,
    /// Much.
    High,
    /// As much as the model can.
    Max,
}

impl Reasoning {
    /// The word that a file uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Max => "max",
        }
    }
}

/// What becomes of an answer that is cut off at the limit of its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTruncated {
    /// It is no answer.
    Fail,
    /// The model is asked to go on, and the parts are joined.
    Continue,
}

/// How long a server keeps a model in memory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum KeepAlive {
    /// In seconds.
    Seconds(i64),
    /// With a unit, such as `10m`.
    Text(String),
}

impl JsonSchema for KeepAlive {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "KeepAlive".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"anyOf": [generator.subschema_for::<i64>(), generator.subschema_for::<String>()]})
    }
}

/// The wire format that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = with_other_names)]
pub enum Provider {
    /// OpenAI Chat Completions, also spoken by llama.cpp, vLLM, LiteLLM and many others.
    Openai,
    /// OpenAI Responses, which lets a reasoning model keep its thoughts from one call of a tool to the next.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini.
    #[serde(alias = "google")]
    Gemini,
    /// Zhipu's GLM, at Z.ai or at a server with its interface.
    #[serde(alias = "glm")]
    Zhipu,
    /// A local Ollama, through its own interface.
    Ollama,
    /// OpenRouter, which says what each call costs.
    Openrouter,
    /// DeepSeek.
    Deepseek,
    /// Groq.
    Groq,
    /// Mistral.
    Mistral,
    /// xAI's Grok.
    #[serde(alias = "grok")]
    Xai,
    /// A program, such as an agent CLI: `claude`, `codex`, `gemini`, or any other.
    Command,
}

/// Adds the other names of providers, which the schema would leave out and the check of words would refuse.
fn with_other_names(schema: &mut schemars::Schema) {
    if let Some(words) = schema.get_mut("oneOf").and_then(|words| words.as_array_mut()) {
        let aliases = Provider::ALL.into_iter().flat_map(|p| p.aliases().iter().map(move |alias| (alias, p.name())));
        for (word, same) in aliases {
            let description = format!("The same as `{same}`.");
            words.push(serde_json::json!({"type": "string", "const": word, "description": description}));
        }
    }
}

/// Dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "`price`")]
pub struct Price {
    /// For tokens of the prompt.
    #[schemars(range(min = 0))]
    pub input: f64,
    /// For tokens of the answer.
    #[schemars(range(min = 0))]
    pub output: f64,
    /// For tokens of the prompt that the provider had in its cache; as `input` if left out.
    #[schemars(range(min = 0))]
    pub cached_input: Option<f64>,
    /// For tokens of the prompt that the provider wrote to its cache, as Anthropic and some models of OpenAI charge for;
    /// if left out, 1.25 times `input` with `provider: anthropic` and with a program, and as `input` elsewhere. What is
    /// kept for an hour costs 1.6 times this.
    #[schemars(range(min = 0))]
    pub cache_write: Option<f64>,
}
