//! How much a model is to think, in the words of each vendor.
//!
//! A level that a model does not have becomes the nearest that it has, as far as its name tells; where a server refuses the
//! word all the same, it is left out of the next call, see [`parameters`](crate::model::parameters).

use serde_json::{Value, json};

use crate::plan::spec::Reasoning;

/// The fewest tokens that Anthropic lets a model think with a budget:
/// <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>.
const LEAST_BUDGET: u32 = 1024;

/// How Chat Completions are told, which every vendor has added in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChatReasoning {
    /// `reasoning_effort`, as OpenAI and most others.
    Effort,
    /// `thinking`, switched on and off, and `reasoning_effort` beside it:
    /// <https://api-docs.deepseek.com/guides/thinking_mode>, <https://docs.z.ai/guides/capabilities/thinking-mode>.
    Switch,
    /// `reasoning`, an object with an `effort`: <https://openrouter.ai/docs/use-cases/reasoning-tokens>.
    Object,
    /// `reasoning_effort`, whose words depend on the family: <https://console.groq.com/docs/reasoning>.
    Groq,
    /// `reasoning_effort`, which is on or off for all but the large models:
    /// <https://docs.mistral.ai/inference/conversations/reasoning>.
    Mistral,
}

/// The members of a request to Chat Completions.
pub(crate) fn chat(way: ChatReasoning, model: &str, level: Reasoning) -> Value {
    match way {
        ChatReasoning::Effort => json!({"reasoning_effort": effort(model, level)}),
        ChatReasoning::Switch => {
            let effort = match level {
                Reasoning::None if !always_thinks_as_glm(model) => return json!({"thinking": {"type": "disabled"}}),
                Reasoning::None | Reasoning::Low => "low",
                // Neither has more levels.
                Reasoning::Medium | Reasoning::High => "high",
                Reasoning::Max => "max",
            };
            json!({"thinking": {"type": "enabled"}, "reasoning_effort": effort})
        }
        ChatReasoning::Object => json!({"reasoning": {"effort": level.name()}}),
        ChatReasoning::Groq if bare(model).starts_with("qwen") => {
            json!({"reasoning_effort": if level == Reasoning::None { "none" } else { "default" }})
        }
        ChatReasoning::Groq => json!({"reasoning_effort": effort(model, level)}),
        ChatReasoning::Mistral if bare(model).contains("large") => json!({"reasoning_effort": effort(model, level)}),
        ChatReasoning::Mistral => {
            json!({"reasoning_effort": if level == Reasoning::None { "none" } else { "high" }})
        }
    }
}

/// OpenAI's word, which most servers know by now: <https://platform.openai.com/docs/guides/reasoning>. Its models differ in
/// the least and the most that they take: those before GPT-5 always think, GPT-5 does at least a little, and what is more
/// than `high` came with GPT-5.2.
pub(crate) fn effort(model: &str, level: Reasoning) -> &'static str {
    let name = bare(model);
    let gpt = name.strip_prefix("gpt-").and_then(version);
    let always_thinks = name.contains("gpt-oss") || is_o_series(name) || name.contains("-codex");
    match level {
        Reasoning::None if always_thinks => "low",
        Reasoning::None if gpt == Some((5, 0)) => "minimal",
        Reasoning::Max if name.contains("-codex-max") || gpt.is_some_and(|version| version >= (5, 2)) => "xhigh",
        Reasoning::Max => "high",
        other => other.name(),
    }
}

/// How Anthropic's models are told, see [`anthropic`].
#[derive(Debug, PartialEq)]
pub(crate) struct AnthropicReasoning {
    /// Whether and how the model thinks.
    pub(crate) thinking: Value,
    /// How much, for models that decide by themselves.
    pub(crate) effort: Option<&'static str>,
}

/// Whether a GLM always thinks, as they do since 5.3: it takes no end of its thoughts, and `none` for the most.
fn always_thinks_as_glm(model: &str) -> bool {
    bare(model).to_lowercase().strip_prefix("glm-").and_then(version).is_some_and(|version| version >= (5, 3))
}

/// What Anthropic is told, where the answer and the thoughts have `max_tokens` together. Its models since Claude 4.6 think as
/// much as they find right, under an `effort`; for those before, and for others behind its protocol, the tokens are named:
/// <https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking>. `None` where there is no room to think.
pub(crate) fn anthropic(model: &str, level: Reasoning, max_tokens: u32) -> Option<AnthropicReasoning> {
    let told = |thinking: Value, effort| Some(AnthropicReasoning { thinking, effort });
    // What is left of the tokens is for the answer.
    let percent = match level {
        // These cannot be told to stop, and think least with the least effort.
        Reasoning::None if always_thinks_as_claude(model) => return told(json!({"type": "adaptive"}), Some("low")),
        Reasoning::None => return told(json!({"type": "disabled"}), None),
        Reasoning::Low => 20,
        Reasoning::Medium => 50,
        Reasoning::High => 75,
        Reasoning::Max => 90,
    };
    if thinks_by_itself(model) {
        return told(json!({"type": "adaptive"}), Some(level.name()));
    }
    let budget = (max_tokens / 100 * percent).max(LEAST_BUDGET);
    if budget >= max_tokens {
        return None;
    }
    told(json!({"type": "enabled", "budget_tokens": budget}), None)
}

/// Whether a model of Anthropic's decides by itself how much it thinks: none before Claude 4.6 does.
fn thinks_by_itself(model: &str) -> bool {
    claude_version(model).is_some_and(|version| version >= (4, 6))
}

/// Whether a model of Anthropic's cannot be told not to think, as most since Claude 5.5:
/// <https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5>.
fn always_thinks_as_claude(model: &str) -> bool {
    let is_small = model.contains("haiku");
    let always = ["fable", "mythos"].iter().any(|family| model.contains(family));
    claude_version(model).is_some_and(|version| always || version >= (5, 5) && !is_small)
}

/// The version of a Claude; the newest for a name without one, and `None` for any other model.
fn claude_version(model: &str) -> Option<(u32, u32)> {
    // A name may stand behind a vendor's or a region's, as in `us.anthropic.claude-opus-4-6-v1`.
    let name = &model[model.find("claude-")?..];
    let mut numbers = name.split(['-', '.', '@', ':']).filter_map(|part| part.parse::<u32>().ok());
    // A date is no version.
    let mut version = || numbers.next().filter(|&number| number < 100);
    let major = version().unwrap_or(u32::MAX);
    Some((major, version().unwrap_or(0)))
}

/// Gemini's `thinkingConfig`: a level since Gemini 3, and a number of tokens before
/// (<https://ai.google.dev/gemini-api/docs/thinking>). Only the small models can do without thoughts.
pub(crate) fn gemini(model: &str, level: Reasoning) -> Value {
    let name = bare(model);
    let is_small = name.contains("flash");
    if name.strip_prefix("gemini-").and_then(version).is_some_and(|version| version < (3, 0)) {
        let budget = match level {
            Reasoning::None if is_small => 0,
            Reasoning::None => 128,
            Reasoning::Low => 1024,
            Reasoning::Medium => 8192,
            Reasoning::Max if !is_small => 32_768,
            Reasoning::High | Reasoning::Max => 24_576,
        };
        return json!({"thinkingBudget": budget});
    }
    let word = match level {
        Reasoning::None if is_small => "minimal",
        Reasoning::None | Reasoning::Low => "low",
        Reasoning::Medium => "medium",
        Reasoning::High | Reasoning::Max => "high",
    };
    json!({"thinkingLevel": word})
}

/// Ollama's `think`: on or off, but for the family that knows levels and cannot do without
/// (<https://docs.ollama.com/capabilities/thinking>).
pub(crate) fn ollama(model: &str, level: Reasoning) -> Value {
    match (bare(model).contains("gpt-oss"), level) {
        (true, level) => effort(model, level).into(),
        (false, Reasoning::None) => false.into(),
        (false, _) => true.into(),
    }
}

/// A name without the vendor that a router puts in front.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

fn is_o_series(name: &str) -> bool {
    name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The version that a text begins with, such as `5.2-mini`.
fn version(text: &str) -> Option<(u32, u32)> {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let major = digits(text);
    let minor = text[major.len()..].strip_prefix('.').map(digits).unwrap_or_default();
    Some((major.parse().ok()?, minor.parse().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: [Reasoning; 5] =
        [Reasoning::None, Reasoning::Low, Reasoning::Medium, Reasoning::High, Reasoning::Max];

    #[test]
    fn each_family_of_openai_has_its_least_and_its_most() {
        for (model, expected) in [
            ("o4-mini", "low low medium high high"),
            ("gpt-5-mini", "minimal low medium high high"),
            ("gpt-5.1", "none low medium high high"),
            ("gpt-5.1-codex-max", "low low medium high xhigh"),
            ("openai/gpt-5.2", "none low medium high xhigh"),
            ("gpt-6", "none low medium high xhigh"),
            ("openai.gpt-oss-120b-1:0", "low low medium high high"),
            ("grok-4.3", "none low medium high high"),
        ] {
            assert_eq!(LEVELS.map(|level| effort(model, level)).join(" "), expected, "{model}");
        }
    }

    #[test]
    fn claude_has_a_budget_or_decides_by_itself() {
        for (model, by_itself) in [
            ("claude-3-7-sonnet-20250219", false),
            ("claude-sonnet-4-20250514", false),
            ("claude-sonnet-4@20250514", false),
            ("claude-sonnet-4-5", false),
            ("us.anthropic.claude-opus-4-5-20251101-v1:0", false),
            ("claude-opus-4-6", true),
            ("anthropic/claude-opus-4.6", true),
            ("claude-sonnet-5", true),
            ("claude-opus-5-20270101", true),
            ("glm-5", false),
        ] {
            assert_eq!(thinks_by_itself(model), by_itself, "{model}");
        }
        for (model, always) in [
            ("claude-opus-5-5", true),
            ("claude-sonnet-5.5", true),
            ("claude-fable-5", true),
            ("claude-haiku-5-5", false),
            ("claude-opus-5", false),
            ("glm-5.5", false),
        ] {
            let told = anthropic(model, Reasoning::None, 10_000).unwrap();
            let effort = always.then_some("low");
            assert_eq!((&told.thinking["type"] == "adaptive", told.effort), (always, effort), "{model}");
        }
        let budgets = LEVELS.map(|level| anthropic("claude-sonnet-4-5", level, 10_000).unwrap().thinking);
        let budgets = budgets.map(|thinking| thinking["budget_tokens"].as_u64().unwrap_or(0));
        assert_eq!(budgets, [0, 2000, 5000, 7500, 9000]);
        let little = |max_tokens| anthropic("claude-sonnet-4-5", Reasoning::Low, max_tokens);
        assert_eq!(little(1024), None);
        assert_eq!(little(1500).unwrap().thinking["budget_tokens"], 1024);
    }

    #[test]
    fn a_glm_thinks_always_since_it_cannot_be_told_not_to() {
        let told = |model| chat(ChatReasoning::Switch, model, Reasoning::None);
        assert_eq!(told("glm-5.2"), json!({"thinking": {"type": "disabled"}}));
        assert_eq!(told("glm-5.3-flash"), json!({"thinking": {"type": "enabled"}, "reasoning_effort": "low"}));
        let medium = chat(ChatReasoning::Switch, "deepseek-chat", Reasoning::Medium);
        assert_eq!(medium["reasoning_effort"], "high");
    }

    #[test]
    fn gemini_has_tokens_or_levels() {
        for (model, expected) in [
            ("gemini-2.5-flash", json!([0, 1024, 8192, 24_576, 24_576])),
            ("gemini-2.5-pro", json!([128, 1024, 8192, 24_576, 32_768])),
            ("gemini-3-flash-preview", json!(["minimal", "low", "medium", "high", "high"])),
            ("models/gemini-3.1-pro", json!(["low", "low", "medium", "high", "high"])),
        ] {
            let told = LEVELS.map(|level| gemini(model, level));
            let told: Vec<&Value> = told.iter().flat_map(|told| told.as_object().unwrap().values()).collect();
            assert_eq!(json!(told), expected, "{model}");
        }
    }
}
