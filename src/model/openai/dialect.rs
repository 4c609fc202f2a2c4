//! What the vendors whose servers speak Chat Completions do in their own way.

use crate::model::openai::request::AnswerForm;
use crate::model::reasoning::ChatReasoning;

/// What a vendor does in its own way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// The provider's name, by which its echoes are known.
    pub(crate) name: &'static str,
    /// The vendor's own hosts.
    pub(crate) hosts: &'static [&'static str],
    /// The path of the interface at those hosts, for a base URL without a path.
    pub(crate) path: &'static str,
    /// Whether those hosts know the limit of output tokens by its new name alone. Other servers do not know that name.
    pub(crate) renames_limit: bool,
    /// Whether the number of tokens is only told when it is asked for.
    pub(crate) asks_for_usage: bool,
    /// How the form of an answer is asked for.
    pub(crate) form: AnswerForm,
    /// How it is told how much to think.
    pub(crate) reasoning: ChatReasoning,
    /// What it calls the number that makes answers alike.
    pub(crate) seed: &'static str,
    /// Whether it says what a call costs.
    pub(crate) bills: bool,
}

/// OpenAI's own way, which most others follow. Nearly every server takes a schema by now, and makes small models write JSON
/// with it; the few that refuse it are told apart by their refusal, see [`parameters`](crate::model::parameters).
pub(super) const OPENAI: Dialect = Dialect {
    name: "openai",
    hosts: &["api.openai.com"],
    path: "/v1",
    renames_limit: true,
    asks_for_usage: true,
    form: AnswerForm::Schema,
    reasoning: ChatReasoning::Effort,
    seed: "seed",
    bills: false,
};

/// OpenRouter, which asks other vendors in its own words, and says what a call costs:
/// <https://openrouter.ai/docs/use-cases/usage-accounting>.
pub(crate) const OPENROUTER: Dialect = Dialect {
    hosts: &["openrouter.ai"],
    path: "/api/v1",
    renames_limit: false,
    reasoning: ChatReasoning::Object,
    bills: true,
    ..OPENAI
};

/// DeepSeek, which takes no schema: <https://api-docs.deepseek.com/guides/json_mode>.
pub(crate) const DEEPSEEK: Dialect = Dialect {
    hosts: &["api.deepseek.com"],
    path: "",
    renames_limit: false,
    form: AnswerForm::Object,
    reasoning: ChatReasoning::Switch,
    ..OPENAI
};

/// Groq: <https://console.groq.com/docs/api-reference>.
pub(crate) const GROQ: Dialect = Dialect {
    hosts: &["api.groq.com"],
    path: "/openai/v1",
    renames_limit: false,
    reasoning: ChatReasoning::Groq,
    ..OPENAI
};

/// Mistral, which refuses what is not in its list, and always tells the number of tokens: <https://docs.mistral.ai/api>.
pub(crate) const MISTRAL: Dialect = Dialect {
    hosts: &["api.mistral.ai"],
    path: "/v1",
    renames_limit: false,
    asks_for_usage: false,
    reasoning: ChatReasoning::Mistral,
    seed: "random_seed",
    ..OPENAI
};

/// xAI: <https://docs.x.ai/docs/api-reference>.
pub(crate) const XAI: Dialect = Dialect { hosts: &["api.x.ai"], path: "/v1", renames_limit: false, ..OPENAI };

impl Dialect {
    /// The way of whoever is at a host, whatever provider a file calls it.
    pub(super) fn at(host: &str) -> Self {
        let others = [OPENROUTER, DEEPSEEK, GROQ, MISTRAL, XAI];
        others.into_iter().find(|dialect| dialect.hosts.contains(&host)).unwrap_or(OPENAI)
    }
}
