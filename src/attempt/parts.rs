//! An answer that was cut off at the limit of its length, and goes on: what the model is told, and how the parts are joined.
//!
//! A model that goes on begins a new message, and leaves out the blank that the first one would have had there, or begins a
//! line anew. So it is asked to repeat the last words, which say where the parts meet.

use std::sync::Arc;

use super::{Attempt, Said};
use crate::words::conversation::AssistantMessage;
use crate::words::failure::{Failure, FailureKind};

/// How many parts an answer may have. One that has not come to its end by then will not.
pub(super) const MOST_PARTS: usize = 9;

/// As much of the end of a part is repeated, in characters at most.
const LAST_WORDS: usize = 60;

impl Attempt {
    /// How many parts of an answer stand at the end of the conversation.
    fn parts(&self) -> usize {
        self.conversation.iter().rev().take_while(|said| said.turn.is_cut).count()
    }

    /// Whether an answer that is cut off may be taken as a part.
    pub(super) fn takes_parts(&self) -> bool {
        self.client.tuning.continues && self.parts() + 1 < MOST_PARTS
    }

    /// Whether the answer that is asked for goes on with one that was cut off.
    pub(super) fn goes_on(&self) -> bool {
        self.parts() > 0
    }

    /// Says of an answer that is cut off at last how often it has gone on.
    pub(super) fn told_of_parts(&self, failure: Failure) -> Failure {
        let parts = self.parts();
        if failure.kind != FailureKind::Truncated || parts == 0 {
            return failure;
        }
        let message =
            format!("{}, and this is part {} of it, which is as far as it may go", failure.message, parts + 1);
        Failure { message, ..failure }
    }
}

/// What a model is told after a turn that was cut off.
pub(super) fn go_on(text: &str) -> String {
    let (rule, last) =
        ("Your answer was cut off at the limit of its length. Go on with it where it ended", last_words(text));
    if last.is_empty() {
        return format!("{rule}. Repeat nothing of it.");
    }
    format!(
        "{rule}: begin with its last words, letter for letter, and write what follows them. Repeat nothing else of it, and \
         say nothing about it. Its last words are:\n\n{last}"
    )
}

/// The text of the turns that make up an answer.
pub(super) fn joined<'s>(turns: impl Iterator<Item = &'s Said>) -> String {
    let mut answer = String::new();
    let mut before: Option<&AssistantMessage> = None;
    for turn in turns.map(|said| Arc::as_ref(&said.turn)) {
        match before.filter(|before| before.is_cut) {
            Some(before) => join(&mut answer, last_words(&before.text), &turn.text),
            None => answer.push_str(&turn.text),
        }
        before = Some(turn);
    }
    answer
}

/// Adds a part to those before it, of which the model was asked to repeat the `last` words. One that does not is believed to
/// go on at once.
fn join(answer: &mut String, last: &str, part: &str) {
    match part.trim_start().strip_prefix(last).filter(|_| !last.is_empty()) {
        Some(rest) => {
            // What stands behind the last words is in the part as well.
            answer.truncate(answer.trim_end().len());
            answer.push_str(rest);
        }
        None => answer.push_str(part),
    }
}

/// The last words of a text, of its last line that has some.
fn last_words(text: &str) -> &str {
    let text = text.trim_end();
    let line = text.rsplit('\n').next().unwrap_or(text).trim_start();
    let Some((at, _)) = line.char_indices().rev().nth(LAST_WORDS) else { return line };
    let tail = &line[at..];
    // From a word's beginning on, where there is one.
    tail.find(char::is_whitespace).map_or(tail, |blank| tail[blank..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&str]) -> String {
        let last = parts.len() - 1;
        let said = |(place, text): (usize, &&str)| Said {
            turn: AssistantMessage { text: (*text).to_owned(), is_cut: place < last, ..AssistantMessage::default() }
                .into(),
            begun: Vec::new(),
            results: Vec::new(),
            correction: None,
        };
        let said: Vec<Said> = parts.iter().enumerate().map(said).collect();
        joined(said.iter())
    }

    #[test]
    fn parts_meet_where_the_last_words_are_repeated() {
        for (parts, whole) in [
            (&["The quick brown", "The quick brown fox."][..], "The quick brown fox."),
            (&["It is beauti", "It is beautiful."], "It is beautiful."),
            (&["One line.\n\n", "One line.\n\nAnother."], "One line.\n\nAnother."),
            (&["a\n  b", "\nb c"], "a\n  b c"),
            (&["{\"a\": 1,", "{\"a\": 1, \"b\": 2}"], "{\"a\": 1, \"b\": 2}"),
            // One that goes on at once.
            (&["The quick", " brown fox."], "The quick brown fox."),
            (&["1, 2", "1, 2, 3", "1, 2, 3, 4"], "1, 2, 3, 4"),
            (&["whole"], "whole"),
        ] {
            assert_eq!(of(parts), whole, "{parts:?}");
        }
    }

    #[test]
    fn the_last_words_are_few_and_whole() {
        let long = "word ".repeat(40);
        let last = last_words(&long);
        assert!(last.starts_with("word") && last.ends_with("word") && last.len() <= LAST_WORDS, "{last}");
        assert_eq!(last_words(&"\u{e9}".repeat(99)).chars().count(), LAST_WORDS + 1);
        assert_eq!(last_words(" \n "), "");
        assert!(go_on("And so on,\n").ends_with("\n\nAnd so on,"));
    }
}
