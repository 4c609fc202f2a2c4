//! Zhipu's GLM, which speaks Chat Completions with differences.
//!
//! Formats: <https://docs.z.ai/api-reference/llm/chat-completion>, <https://docs.z.ai/api-reference/api-code>. Whether the
//! model thinks is left to it unless the file says; what it has thought goes back to it together with the results
//! of its tools, as <https://docs.z.ai/guides/capabilities/thinking-mode> asks.

use crate::model::endpoint::Endpoint;
use crate::model::openai::{AnswerForm, Dialect, OpenAi};
use crate::model::reasoning::ChatReasoning;

/// The way of Zhipu, at Z.ai and in China. The number of tokens is always told, and a schema is not taken.
const ZHIPU: Dialect = Dialect {
    name: "zhipu",
    hosts: &["api.z.ai", "open.bigmodel.cn"],
    path: "/api/paas/v4",
    renames_limit: false,
    asks_for_usage: false,
    form: AnswerForm::Object,
    reasoning: ChatReasoning::Switch,
    seed: "seed",
    bills: false,
};

/// A server at `endpoint`, whose base URL is `https://api.z.ai`, `https://api.z.ai/api/paas/v4`, the address of the
/// coding plan, or the full path with `/chat/completions`.
#[must_use]
pub(crate) fn wire(endpoint: Endpoint) -> OpenAi {
    OpenAi::speaking(ZHIPU, endpoint)
}
