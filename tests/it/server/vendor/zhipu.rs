//! Zhipu's GLM: Chat Completions with thoughts, the usage in the chunk that ends the answer, and numbers for errors.
//!
//! <https://docs.z.ai/api-reference/llm/chat-completion>, <https://docs.z.ai/api-reference/api-code>, and
//! <https://github.com/zai-org/z-ai-sdk-python>: `src/zai/types/chat/chat_completion_chunk.py`.

use orch::plan::spec::Provider;
use orch::words::failure::FailureKind;
use serde_json::json;

use super::{Reasons, Trouble, Vendor, openai};

pub(crate) const ROW: Vendor = Vendor {
    name: "zhipu",
    provider: Provider::Zhipu,
    base: "/api/paas/v4",
    path: "/api/paas/v4/chat/completions",
    models_path: "/api/paas/v4/models",
    begin: |said| {
        let thought = openai::delta(json!({"role": "assistant", "content": null, "reasoning_content": "hm"}));
        [vec![thought], (openai::ROW.begin)(said)].concat()
    },
    end: |said| {
        let mut end = openai::finish(said.reason);
        if said.usage {
            end["usage"] = openai::usage();
        }
        vec![end]
    },
    reasons: Reasons { end: "stop", calls: "tool_calls", limit: "length", refusal: Some("sensitive") },
    errors: || {
        [
            (401, "1002", FailureKind::Auth),
            (429, "1112", FailureKind::Auth),
            (429, "1113", FailureKind::Quota),
            (429, "1302", FailureKind::RateLimited),
            (429, "1305", FailureKind::RateLimited),
            (429, "1304", FailureKind::Quota),
            (429, "1312", FailureKind::Overloaded),
            (400, "1214", FailureKind::BadRequest),
            (400, "1261", FailureKind::ContextTooLong),
            (400, "1301", FailureKind::Refused),
            (500, "1234", FailureKind::Overloaded),
            (429, "1999", FailureKind::RateLimited),
        ]
        .map(|(status, code, kind)| {
            let error = json!({"error": {"code": code, "message": "inner words"}});
            let class = if code == "1999" { Trouble::vague } else { Trouble::plain };
            class(status, error, kind)
        })
        .into()
    },
    ..openai::ROW
};
