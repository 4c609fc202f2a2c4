//! Thoughts that a server leaves inside the text of an answer.
//!
//! A server that does not know how its model marks them streams them as text. They are no part of the answer: a draft in
//! them may look like the answer itself. They are taken out once the text is whole, so it does not matter in which
//! pieces it came. Marks inside of a line, of code or of a document are what the answer is about, and stay.

use std::borrow::Cow;

/// How thoughts begin and end, by what writes them so; in lower case.
const MARKS: [(&str, &str); 11] = [
    // DeepSeek R1, Qwen 3, GLM, MiniMax and most others: their chat templates.
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    // ByteDance's Seed-OSS: its chat template.
    ("<seed:think>", "</seed:think>"),
    // Mistral's Magistral: https://docs.mistral.ai/capabilities/reasoning/
    ("[think]", "[/think]"),
    // Moonshot's Kimi-VL-Thinking: its chat template.
    ("\u{25c1}think\u{25b7}", "\u{25c1}/think\u{25b7}"),
    // Sky-T1 and OpenThinker: their system prompts.
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    // Google's MedGemma and Gemma 4: their model cards.
    ("<unused94>thought", "<unused95>"),
    ("<|channel>thought", "<channel|>"),
    // What `ollama run` prints: thinkingOutputOpeningText in its cmd/cmd.go.
    ("thinking...\n", "...done thinking."),
];

/// What opens the answer behind thoughts in OpenAI's Harmony, where a server leaves that in the text:
/// <https://developers.openai.com/cookbook/articles/openai-harmony>.
const HARMONY_ANSWER: &str = "<|channel|>final<|message|>";

/// The text without the thoughts in it.
pub(crate) fn without_thoughts(text: &str) -> Cow<'_, str> {
    if let Some(answer) = harmony(text) {
        return answer.into();
    }
    let lower = text.to_ascii_lowercase();
    let mut rest = without_head(text, &lower);
    let mut kept: Option<String> = None;
    while let Some((start, end)) = at_a_line_start(rest) {
        kept.get_or_insert_default().push_str(&rest[..start]);
        rest = rest[end..].trim_start();
    }
    match kept {
        Some(kept) => Cow::Owned(kept + rest),
        None => Cow::Borrowed(rest),
    }
}

/// The text behind the thoughts that it begins with. A chat template that opens the thought itself leaves an end without
/// a beginning. A thought without an end is all there is.
fn without_head<'t>(text: &'t str, lower: &str) -> &'t str {
    let mut from = 0;
    loop {
        let here = from + lower[from..].len() - lower[from..].trim_start().len();
        let opened = MARKS.iter().find(|(open, _)| lower[here..].starts_with(open));
        let end = match opened {
            Some((open, close)) => {
                let inside = here + open.len();
                lower[inside..].find(close).map_or(Some(text.len()), |at| Some(inside + at + close.len()))
            }
            None => end_without_beginning(lower, here),
        };
        match end {
            Some(end) => from = end,
            None if from == 0 => return text,
            None => return text[from..].trim_start(),
        }
    }
}

/// Where a thought ends that has no beginning, unless a document or code is what the text is.
fn end_without_beginning(lower: &str, from: usize) -> Option<usize> {
    let text = &lower[from..];
    if text.starts_with(['{', '[', '`', '<', '#', '"']) {
        return None;
    }
    let named = MARKS.iter().filter(|(open, _)| open.starts_with(['<', '[', '\u{25c1}']));
    let ends = named.filter_map(|(open, close)| {
        let at = text.find(close)?;
        let is_quoted = text[..at].ends_with(['"', '\'', '`']) || text[..at].matches("```").count() % 2 == 1;
        (!is_quoted && !text[..at].contains(open)).then_some(at + close.len())
    });
    ends.min().map(|end| from + end)
}

/// The next thought that begins a line and has an end, outside of fences: where it begins, and where it ends.
fn at_a_line_start(text: &str) -> Option<(usize, usize)> {
    let lower = text.to_ascii_lowercase();
    let mut at = 0;
    let mut is_fenced = false;
    for line in lower.split_inclusive('\n') {
        let start = at + line.len() - line.trim_start().len();
        is_fenced ^= lower[start..at + line.len()].starts_with("```");
        let opened =
            MARKS.iter().find(|(open, _)| !is_fenced && open.starts_with('<') && lower[start..].starts_with(open));
        if let Some((open, close)) = opened {
            let inside = start + open.len();
            if let Some(end) = lower[inside..].find(close) {
                return Some((start, inside + end + close.len()));
            }
        }
        at += line.len();
    }
    None
}

/// The answer in a text that is Harmony as the model writes it; nothing where it has thoughts alone.
fn harmony(text: &str) -> Option<&str> {
    let begins = ["<|channel|>analysis", "<|start|>assistant<|channel|>", HARMONY_ANSWER];
    if !begins.iter().any(|begin| text.trim_start().starts_with(begin)) {
        return None;
    }
    let answer = text.rfind(HARMONY_ANSWER).map_or("", |at| &text[at + HARMONY_ANSWER.len()..]);
    Some(answer.split("<|return|>").next().and_then(|answer| answer.split("<|end|>").next()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_taken_out_wherever_a_server_leaves_them() {
        for (text, answer) in [
            ("<think>draft {\"a\":\"one\"}</think>{\"a\":1}", "{\"a\":1}"),
            ("\n<think>\nhm\n</think>\n\n# Title\n", "# Title\n"),
            ("<THINK>hm</THINK>a", "a"),
            ("<think></think>\n\na", "a"),
            ("<thinking>one</thinking><think>two</think>a", "a"),
            ("<think>say <think> twice</think>a", "a"),
            ("<think>a <think>b</think> c</think>d", "d"),
            ("hm, the user wants {\"a\":0}\n</think>\n{\"a\":1}", "{\"a\":1}"),
            ("So far.\n<think>more {}</think>\nDone.", "So far.\nDone."),
            ("[THINK]hm[/THINK]a", "a"),
            ("\u{25c1}think\u{25b7}hm\u{25c1}/think\u{25b7}a", "a"),
            ("<seed:think>hm</seed:think>a", "a"),
            ("Thinking...\nhm\n...done thinking.\n\na", "a"),
            ("<think>it never ends", ""),
            ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>a<|return|>", "a"),
            ("<|channel|>analysis<|message|>hm", ""),
        ] {
            assert_eq!(without_thoughts(text), answer, "{text}");
        }
    }

    #[test]
    fn what_an_answer_says_about_thoughts_stays() {
        for text in [
            "",
            "plain",
            "  padded\n",
            "R1 writes `<think>` first and `</think>` last.",
            "Models write <think>hm</think> in front.",
            "{\"a\": \"<think>hm</think>\"}",
            "{\"a\": \"hm</think>\"}",
            "```html\n<think>hm</think>\n```\n",
            "Use this:\n```\n<think>\nhm\n</think>\n```\nDone.",
            "re.sub(\"</think>\", \"\", text)",
            "# On thoughts\n\nThey end with </think> as a rule.",
            "<thinker>a</thinker>",
            "A line\n<think> that nobody ends",
        ] {
            assert_eq!(without_thoughts(text), text);
        }
    }
}
