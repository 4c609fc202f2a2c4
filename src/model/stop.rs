//! Why a model stopped, in one vocabulary for all vendors, and their words for it.
//!
//! One table serves every wire, since proxies hand on each other's words. An end that nobody can read is not taken for a
//! good one: what the model wrote until then may be half of what it meant to write.

use crate::words::usage::StopReason;

/// Why a model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// For a reason that leaves a whole answer.
    Complete(StopReason),
    /// At a limit, which is named.
    Truncated(&'static str),
    /// The model or a filter declined.
    Refused,
    /// To call a tool.
    ToolCall,
    /// At the limit of its length, where what there is counts as a part of the answer.
    Cut,
    /// In the middle of its turn: it goes on when it is shown what it has said so far.
    Paused,
    /// The provider broke down, in its own words.
    Broken(String),
}

/// The limit of the answer's length.
pub(crate) const OUTPUT_LIMIT: &str = "the limit of output tokens";

/// One of both, where a server does not say which.
pub(crate) const SOME_LIMIT: &str = "the limit of output tokens or the end of the context window";

/// The limit of prompt and answer together.
const WINDOW: &str = "the end of the model's context window";

/// The reason that a whole document without one gets.
pub(crate) const UNSPECIFIED: &str = "unspecified";

impl Stop {
    /// What a vendor's word means; a word that is in no row is a breakdown.
    pub(crate) fn of(word: &str) -> Self {
        Self::known(word)
            .unwrap_or_else(|| Self::Broken(format!("it stopped for a reason that is not known here, `{word}`")))
    }

    /// The table. Sources: OpenAI's `chat.completion.choices.finish_reason`; Mistral's `FinishReason` (`model_length`,
    /// `error`); `_FINISHED_REASON_MAP` in vLLM's `v1/request.py` (`abort`, `error`, `repetition`), whose aborted streams
    /// end like good ones (<https://github.com/vllm-project/vllm/issues/57082>); `FINISH_ABORT` in SGLang's
    /// `schedule_batch.py`; TGI's `FinishReason` (`eos_token`); DeepSeek's `insufficient_system_resource`; Zhipu's
    /// `sensitive` and `network_error`; Anthropic's `stop_reason`; `DoneReason` in Ollama's `llm/server.go`, and `load` and
    /// `unload` of its `server/routes.go`, which are said of a request that generates nothing; Gemini's `FinishReason`.
    fn known(word: &str) -> Option<Self> {
        let lower = word.to_ascii_lowercase();
        Some(match lower.as_str() {
            "stop" | "eos" | "eos_token" | "end_turn" | "complete" | "completed" => Self::Complete(StopReason::End),
            "stop_sequence" => Self::Complete(StopReason::StopSequence),
            "length" | "max_tokens" | "max_output_tokens" => Self::Truncated(OUTPUT_LIMIT),
            "model_length" | "model_context_window_exceeded" => Self::Truncated(WINDOW),
            "content_filter" | "sensitive" | "refusal" | "safety" | "recitation" | "prohibited_content"
            | "blocklist" | "spii" | "language" | "image_safety" | "model_armor" => Self::Refused,
            "tool_calls" | "function_call" | "tool_use" => Self::ToolCall,
            "pause_turn" => Self::Paused,
            "abort"
            | "aborted"
            | "cancelled"
            | "canceled"
            | "error"
            | "failed"
            | "incomplete"
            | "network_error"
            | "insufficient_system_resource"
            | "repetition"
            | "load"
            | "unload"
            | "malformed_function_call"
            | "unexpected_tool_call"
            | "too_many_tool_calls"
            | "malformed_response"
            | "other" => Self::Broken(word.to_owned()),
            // Google's own server for OpenAI's protocol: `content_filter: SAFETY`,
            // `function_call_filter: MALFORMED_FUNCTION_CALL`.
            filter if filter.starts_with("content_filter:") => Self::Refused,
            filter if filter.starts_with("function_call_filter:") => Self::Broken(word.to_owned()),
            _ => return None,
        })
    }

    /// What a second word for the same end adds: bad news only, where the first was good. A router writes its own word
    /// and that of the server behind it (<https://openrouter.ai/docs/api/reference/overview#finish-reason>).
    pub(crate) fn or_worse(self, word: &str) -> Self {
        match (&self, Self::known(word)) {
            (Self::Complete(_) | Self::ToolCall, Some(bad)) if !matches!(bad, Self::Complete(_) | Self::ToolCall) => {
                bad
            }
            _ => self,
        }
    }

    /// The end of a document that gives no reason. It cannot have been cut, so it is believed.
    pub(crate) fn unspecified() -> Self {
        Self::Complete(StopReason::Other(UNSPECIFIED.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_word_for_the_end_counts_where_it_is_worse() {
        for (first, second, expected) in [
            ("stop", "MAX_TOKENS", Stop::Truncated(OUTPUT_LIMIT)),
            ("tool_calls", "MALFORMED_FUNCTION_CALL", Stop::Broken("MALFORMED_FUNCTION_CALL".to_owned())),
            ("stop", "something_new", Stop::Complete(StopReason::End)),
            ("stop", "end_turn", Stop::Complete(StopReason::End)),
            ("length", "stop", Stop::Truncated(OUTPUT_LIMIT)),
        ] {
            assert_eq!(Stop::of(first).or_worse(second), expected, "{first} {second}");
        }
    }
}
