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
};

/// Routers and vendors that follow OpenAI but for little. They are known by their hosts.
const OTHERS: [Dialect; 5] = [
    Dialect {
        hosts: &["openrouter.ai"],
        path: "/api/v1",
        renames_limit: false,
        reasoning: ChatReasoning::Object,
        ..OPENAI
    },
    // A schema is not taken: <https://api-docs.deepseek.com/guides/json_mode>.
    Dialect {
        hosts: &["api.deepseek.com"],
        path: "",
        renames_limit: false,
        form: AnswerForm::Object,
        reasoning: ChatReasoning::Switch,
        ..OPENAI
    },
    Dialect {
        hosts: &["api.groq.com"],
        path: "/openai/v1",
        renames_limit: false,
        reasoning: ChatReasoning::Groq,
        ..OPENAI
    },
    // What is not in its list is refused, and the number of tokens is always told: <https://docs.mistral.ai/api>.
    Dialect {
        hosts: &["api.mistral.ai"],
        path: "/v1",
        renames_limit: false,
        asks_for_usage: false,
        reasoning: ChatReasoning::OnOrOff,
        seed: "random_seed",
        ..OPENAI
    },
    Dialect { hosts: &["api.x.ai"], path: "/v1", renames_limit: false, ..OPENAI },
];

impl Dialect {
    /// The way of whoever is at a host.
    pub(super) fn at(host: &str) -> Self {
        OTHERS.into_iter().find(|dialect| dialect.hosts.contains(&host)).unwrap_or(OPENAI)
    }
}
