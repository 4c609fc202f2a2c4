//! Markdown and the contents of files in an answer.

use crate::plan::output::Accepted;

/// Takes a fence off that stands around the whole of an answer.
pub(super) fn markdown(answer: &str) -> Accepted {
    match wrapped(answer.trim(), &["markdown", "md"]) {
        Some(inside) => Accepted { text: inside.to_owned(), repaired: true },
        None => Accepted { text: answer.to_owned(), repaired: false },
    }
}

/// The content of a file: all of the answer, or its one code block.
pub(super) fn file(answer: &str) -> Result<Accepted, String> {
    let whole = answer.trim_matches('\n');
    let fences = whole.lines().filter(|line| line.trim_start().starts_with("```")).count();
    let (content, repaired) = match (wrapped(whole.trim(), &[]), fences) {
        (Some(inside), 2) => (inside, true),
        (_, 0) => (whole, false),
        (_, 2) => (inside(whole).ok_or("its code block has no end")?, true),
        // A Markdown file has fences of its own.
        (_, _) if whole.trim_start().starts_with('#') => (whole, false),
        _ => return Err("it has several code blocks, and one file is asked for".to_owned()),
    };
    if content.trim().is_empty() {
        return Err("the file would be empty".to_owned());
    }
    if let Some(line) = content.lines().find(|line| leaves_out(line)) {
        return Err(format!("it leaves something out where it says {:?}", line.trim()));
    }
    Ok(Accepted { text: format!("{}\n", content.trim_end()), repaired })
}

/// What a fence around a whole text holds, with one of these words behind it; with any if there are none.
fn wrapped<'t>(text: &'t str, words: &[&str]) -> Option<&'t str> {
    let rest = text.strip_prefix("```")?;
    let (word, body) = rest.split_once('\n')?;
    let inside = body.strip_suffix("```")?;
    let fits = words.is_empty() || words.iter().any(|known| known.eq_ignore_ascii_case(word.trim()));
    let inner_fences = inside.lines().filter(|line| line.starts_with("```")).count();
    (fits && inner_fences % 2 == 0 && inside.ends_with('\n')).then(|| inside.trim_end_matches('\n'))
}

/// What stands between the two fences of a text.
fn inside(text: &str) -> Option<&str> {
    let start = text.find("```")?;
    let body = &text[start + 3..];
    let body = &body[body.find('\n')? + 1..];
    Some(body[..body.find("\n```")?].trim_end_matches('\n'))
}

/// Whether a line is a mark that stands for what was not written out: a comment of nothing but these words.
fn leaves_out(line: &str) -> bool {
    let line = line.trim().to_ascii_lowercase();
    let comment = ["//", "#", "/*", "<!--", "--", ";", "%"].iter().find_map(|mark| line.strip_prefix(mark));
    let Some(words) = comment else { return false };
    let words = words.trim_end_matches("*/").trim_end_matches("-->").trim();
    let bare = words.trim_matches(|c: char| matches!(c, '.' | '\u{2026}' | ' ' | '(' | ')' | '[' | ']'));
    let dotted = bare.len() < words.len();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| bare.starts_with(phrase));
    (dotted
        && says(&["existing code", "rest of", "remaining code", "previous code", "same as before", "code unchanged"]))
        || matches!(bare, "rest of the code unchanged" | "rest of the file unchanged" | "existing code here")
}
