//! The ids of tools' calls as a server takes them. Another server, which may have begun the conversation, has some that
//! this one refuses.
//!
//! An id that fits stays as it is; one that does not becomes a digest of itself, so a call and its result go on to meet.

use std::borrow::Cow;

use crate::words::digest::sha256;

/// What a server takes as the id of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdForm {
    /// Letters, digits, `_` and `-`, so many at most.
    Plain(usize),
    /// Nine letters and digits. Mistral's API, and servers that use its templates:
    /// <https://github.com/vllm-project/vllm/issues/9019>.
    Nine,
}

/// The families of models whose templates demand nine letters and digits.
const NINE: [&str; 8] = ["mistral", "mixtral", "codestral", "devstral", "magistral", "ministral", "pixtral", "voxtral"];

impl IdForm {
    /// What a server of Chat Completions takes for a model. OpenAI's limit is 40 characters.
    pub(crate) fn of_chat(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        if NINE.iter().any(|family| model.contains(family)) { Self::Nine } else { Self::Plain(40) }
    }

    /// An id in this form.
    pub(crate) fn fit(self, id: &str) -> Cow<'_, str> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || self != Self::Nine && matches!(c, '_' | '-');
        let fits = match self {
            Self::Plain(longest) => (1..=longest).contains(&id.len()),
            Self::Nine => id.len() == 9,
        };
        if fits && id.chars().all(is_plain) {
            return Cow::Borrowed(id);
        }
        Cow::Owned(sha256(id.as_bytes()).chars().take(9).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_fits_stays_and_another_one_is_plain_and_always_the_same() {
        let plain = IdForm::of_chat("gpt-5");
        assert_eq!(plain.fit("call_1-a"), "call_1-a");
        for id in ["functions.f:0", "", &"x".repeat(41), "a b"] {
            let fitted = plain.fit(id);
            assert!(fitted.len() == 9 && fitted.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{fitted}");
            assert_eq!(fitted, plain.fit(id));
        }
        let nine = IdForm::of_chat("mistralai/Mistral-Large");
        assert_eq!(nine.fit("AbC123xyz"), "AbC123xyz");
        assert_ne!(nine.fit("toolu_01A"), "toolu_01A");
        assert_ne!(nine.fit("call_1"), nine.fit("call_2"));
    }
}
