//! Text and numbers as a person should see them.
//!
//! Whatever a model, a provider or a file said passes [`clean`] on its way to a terminal, so that none of them can move
//! the cursor, set a title or hide a line. Knows no terminal: a width is always given.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// The text without escape sequences and control characters; newlines and tabs stay.
///
/// Marks that change the direction of writing go too: with them a line can look like another one.
#[must_use]
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_parameters(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => skip_string(&mut chars),
            c if is_unprintable(c) => {}
            c => cleaned.push(c),
        }
    }
    Cow::Owned(cleaned)
}

/// A command line as a person would type it: arguments that a shell would take apart, and those that could hide
/// something, stand in quotes with their odd characters escaped.
#[must_use]
pub(crate) fn command_line(argv: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-+=./:,@%{}*".contains(c);
    let quoted = |argument: &str| match argument.chars().all(is_plain) && !argument.is_empty() {
        true => argument.to_owned(),
        false => clean(&format!("{argument:?}")).into_owned(),
    };
    argv.into_iter().map(|argument| quoted(argument.as_ref())).collect::<Vec<_>>().join(" ")
}

/// The text cleaned, on one line, and at most `width` columns wide; `…` stands for what is left out.
#[must_use]
pub(crate) fn one_line(text: &str, width: usize) -> String {
    // A model may have said megabytes. Four times the width holds every text that fits, wide or narrow characters.
    let words = clean(text).split_whitespace().fold(String::new(), |mut line, word| {
        if line.len() <= width * 4 {
            if !line.is_empty() {
                line.push(' ');
            }
            line.extend(word.chars().take(width + 1));
        }
        line
    });
    shortened(&words, width).into_owned()
}

/// A cleaned line at most `width` columns wide, its spaces kept; `…` stands for what is left out.
#[must_use]
pub(crate) fn shortened(line: &str, width: usize) -> Cow<'_, str> {
    console::truncate_str(line, width, "…")
}

/// The text cleaned and broken between words into at most `lines` lines of at most `width` columns.
#[must_use]
pub(crate) fn wrapped(text: &str, width: usize, lines: usize) -> Vec<String> {
    let text = one_line(text, width * lines);
    let mut rows: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let last = rows.len() == lines;
        match rows.last_mut() {
            Some(row) if last || columns(row) + 1 + columns(word) <= width => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows.iter().map(|row| one_line(row, width)).collect()
}

/// How many columns a cleaned text takes on a terminal.
#[must_use]
pub(crate) fn columns(text: &str) -> usize {
    console::measure_text_width(text)
}

/// The text with spaces behind it up to `width` columns. A wider one stays as it is.
#[must_use]
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// A duration in milliseconds: `420 ms`, `1.2 s`, `3 min 04 s`, `2 h 05 min`. What is left over is cut off, so that
/// no minute has 60 seconds.
#[must_use]
pub(crate) fn duration(ms: u64) -> String {
    let (seconds, minutes) = (ms / 1000, ms / 60_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{seconds}.{} s", ms % 1000 / 100),
        60_000..3_600_000 => format!("{minutes} min {:02} s", seconds % 60),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

/// A number with a comma between thousands: `1,234,567`.
#[must_use]
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (ix, digit) in digits.chars().enumerate() {
        if ix > 0 && (digits.len() - ix).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 retry`, `2 retries`.
#[must_use]
pub(crate) fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Tokens: `1,234 tokens`, with `~` in front when they are `estimated`.
#[must_use]
pub(crate) fn tokens(n: u64, estimated: bool) -> String {
    format!("{}{}", if estimated { "~" } else { "" }, plural(n, "token", "tokens"))
}

/// Dollars: `$0.0123`, `$12.34`; with `~` in front when they follow from `estimated` tokens, and `n/a` without a price.
#[must_use]
pub(crate) fn dollars(usd: Option<f64>, estimated: bool) -> String {
    let Some(usd) = usd else { return "n/a".to_owned() };
    let sign = if estimated { "~" } else { "" };
    if usd == 0.0 || usd >= 1.0 {
        format!("{sign}${usd:.2}")
    } else if usd < 0.0001 {
        format!("{sign}<$0.0001")
    } else {
        format!("{sign}${usd:.4}")
    }
}

fn is_unprintable(c: char) -> bool {
    let is_direction_mark =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_direction_mark || (c.is_control() && c != '\n' && c != '\t')
}

/// Passes over what belongs to an ESC that was just read (ECMA-48, section 5).
fn skip_escape(chars: &mut Peekable<Chars>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_parameters(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        _ => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

/// Passes over a control sequence: parameters, intermediates and the final byte.
fn skip_parameters(chars: &mut Peekable<Chars>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// Passes over a control string up to its end: BEL or ST. One that is not ended by its line's end was none, or hides
/// the rest on purpose, so the text goes on there.
fn skip_string(chars: &mut Peekable<Chars>) {
    while let Some(c) = chars.next_if(|&c| c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' if chars.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_shows_where_its_arguments_end_and_hides_nothing() {
        assert_eq!(command_line(["cargo", "test", "--lib=x/y", "*.rs"]), "cargo test --lib=x/y *.rs");
        assert_eq!(command_line(["sh", "-c", "rm -rf ~; true"]), r#"sh -c "rm -rf ~; true""#);
        assert_eq!(command_line(["a", "", "b\n\u{1b}[2K\u{202e}c"]), r#"a "" "b\n\u{1b}[2K\u{202e}c""#);
    }

    #[test]
    fn escape_sequences_and_controls_are_stripped() {
        for (text, cleaned) in [
            ("plain, é, 日本, tab\tline\n", "plain, é, 日本, tab\tline\n"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[2J\u{1b}[Hgone", "gone"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;never ended\nnext line", "\nnext line"),
            ("\u{1b}Pdevice\u{1b}\\x", "x"),
            ("\u{9b}31mred \u{9d}title\u{9c}x", "red x"),
            ("\u{1b}(Bcharset \u{1b}cRESET", "charset RESET"),
            ("over\rwritten\u{8}\u{7f}\0", "overwritten"),
            ("\u{202e}reversed\u{2069}", "reversed"),
            ("cut \u{1b}", "cut "),
            ("cut \u{1b}[3", "cut "),
        ] {
            assert_eq!(clean(text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_becomes_one_short_line() {
        assert_eq!(one_line("  two\n\tlines ", 20), "two lines");
        assert_eq!(one_line("exactly ten", 11), "exactly ten");
        assert_eq!(one_line("one too many", 11), "one too ma…");
        assert_eq!(one_line("日本語日本語", 7), "日本語…");
        assert_eq!(columns(&one_line(&"x".repeat(5_000_000), 40)), 40);
    }

    #[test]
    fn a_text_is_broken_between_words() {
        assert_eq!(wrapped("aaa bbb ccc", 7, 3), ["aaa bbb", "ccc"]);
        assert_eq!(wrapped("aaa bbb ccc ddd eee", 7, 2), ["aaa bbb", "ccc d…"]);
        assert_eq!(wrapped("unbreakable", 6, 2), ["unbre…"]);
        assert_eq!(wrapped(" \n", 7, 2), [""; 0]);
    }

    #[test]
    fn numbers_are_said_as_a_person_would() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([plural(1, "retry", "retries"), plural(0, "retry", "retries")], ["1 retry", "0 retries"]);
        assert_eq!([tokens(1, false), tokens(1500, true)], ["1 token", "~1,500 tokens"]);
        assert_eq!(
            [420, 1_234, 59_999, 184_000, 7_500_000].map(duration),
            ["420 ms", "1.2 s", "59.9 s", "3 min 04 s", "2 h 05 min"]
        );
    }

    #[test]
    fn dollars_say_how_well_they_are_known() {
        assert_eq!(dollars(Some(0.0123), false), "$0.0123");
        assert_eq!(dollars(Some(12.345), true), "~$12.35");
        assert_eq!(dollars(Some(0.00001), false), "<$0.0001");
        assert_eq!(dollars(Some(0.0), false), "$0.00");
        assert_eq!(dollars(None, true), "n/a");
    }
}
