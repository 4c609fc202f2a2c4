//! Zhipu's GLM, which speaks Chat Completions with differences.
//!
//! Formats: <https://docs.z.ai/api-reference/llm/chat-completion>, <https://docs.z.ai/api-reference/api-code>. Whether the
//! model thinks is left to it (`thinking` is not sent); what it has thought goes back to it together with the results
//! of its tools, as <https://docs.z.ai/guides/capabilities/thinking-mode> asks.

use crate::event::FailureKind;
use crate::provider::endpoint::Endpoint;
use crate::provider::openai::{AnswerForm, Dialect, OpenAi};

/// The way of Zhipu, at Z.ai and in China. The number of tokens is always told, and a schema is not taken.
const ZHIPU: Dialect = Dialect {
    name: "zhipu",
    hosts: &["api.z.ai", "open.bigmodel.cn"],
    path: "/api/paas/v4",
    renames_limit: false,
    asks_for_usage: false,
    form: AnswerForm::Object,
};

/// A server at `endpoint`, whose base URL is `https://api.z.ai`, `https://api.z.ai/api/paas/v4`, the address of the
/// coding plan, or the full path with `/chat/completions`.
#[must_use]
pub fn wire(endpoint: Endpoint) -> OpenAi {
    OpenAi::speaking(ZHIPU, endpoint)
}

/// The class of an error that Zhipu writes as a number in quotation marks. Its statuses do not tell: an account without
/// money is a 429 too.
pub(crate) fn kind_of_code(code: &str) -> Option<FailureKind> {
    Some(match code {
        "1000" | "1001" | "1002" | "1003" | "1004" | "1110" | "1111" | "1112" | "1121" | "1220" | "1311" => {
            FailureKind::Auth
        }
        // No money, or the limit of a day, a week or a plan.
        "1113" | "1304" | "1308" | "1309" | "1310" | "1313" => FailureKind::Quota,
        "1120" | "1200" | "1230" | "1234" | "1312" => FailureKind::Overloaded,
        "1210" | "1211" | "1212" | "1213" | "1214" | "1215" | "1221" | "1222" => FailureKind::BadRequest,
        "1261" => FailureKind::ContextTooLong,
        "1300" | "1301" => FailureKind::Refused,
        "1302" | "1303" | "1305" => FailureKind::RateLimited,
        _ => return None,
    })
}
