//! Programs whose arguments are a little language in which other programs can be run and files written.
//!
//! Reads just as much of a script as tells whether it does. What cannot be told is refused.

/// Such a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// `sed`.
    Sed,
    /// `awk`.
    Awk,
    /// The first argument of `tar`, which may be options without a dash.
    Tar,
}

const SED: &str = "is a script that runs a program or writes a file (commands `e` and `w`), or cannot be understood";
const AWK: &str = "is a script that may run a program or write a file (`system`, `|`, `>` behind `print`, `@`)";

/// The first argument that holds such a script, and what it does.
pub(super) fn refused(
    language: Language,
    arguments: &[String],
    is_named: &dyn Fn(usize) -> bool,
) -> Option<(usize, &'static str)> {
    match language {
        Language::Tar => {
            let first = arguments.first().filter(|first| !first.starts_with('-') && !is_named(0))?;
            first.contains(['I', 'F', 'P', 'C']).then_some((0, "has an option that runs a program or writes elsewhere"))
        }
        Language::Sed => scripts(arguments, "el", "e", &["expression"])
            .into_iter()
            .find(|(place, script)| !is_named(*place) && !is_tame_sed(script))
            .map(|(place, _)| (place, SED)),
        Language::Awk => scripts(arguments, "vFe", "e", &["source"])
            .into_iter()
            .find(|(place, script)| !is_named(*place) && !is_tame_awk(script))
            .map(|(place, _)| (place, AWK)),
    }
}

/// The scripts of a command line with their places: the values of the options that hold one, and the first argument
/// that is no option, which is one where no option is. It is looked at in any case.
fn scripts<'a>(arguments: &'a [String], valued: &str, holding: &str, long: &[&str]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let (mut place, mut is_first) = (0, true);
    while let Some(argument) = arguments.get(place) {
        let next = || arguments.get(place + 1).map(|next| (place + 1, next.as_str()));
        if let Some(name) = argument.strip_prefix("--").filter(|name| !name.is_empty()) {
            let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            if long.iter().any(|long| long.starts_with(name)) {
                found.extend(value.map(|value| (place, value)).or_else(next));
                place += usize::from(value.is_none());
            }
        } else if let Some(letters) =
            argument.strip_prefix('-').filter(|letters| !letters.is_empty() && *letters != "-")
        {
            if let Some((at, letter)) = letters.char_indices().find(|(_, letter)| valued.contains(*letter)) {
                let rest = &letters[at + letter.len_utf8()..];
                if holding.contains(letter) {
                    found.extend((!rest.is_empty()).then_some((place, rest)).or_else(next));
                }
                place += usize::from(rest.is_empty());
            }
        } else if argument != "--" {
            if is_first {
                found.push((place, argument.as_str()));
            }
            is_first = false;
        }
        place += 1;
    }
    found
}

/// Whether a script of `awk` can neither run a program nor write a file.
fn is_tame_awk(script: &str) -> bool {
    let pipes = script.replace("||", "");
    let prints = script.split_once("print").is_some_and(|(_, rest)| rest.contains('>'));
    !script.contains("system") && !script.contains('@') && !pipes.contains('|') && !prints
}

/// Whether a script of `sed` neither runs a program nor writes a file.
fn is_tame_sed(script: &str) -> bool {
    let mut sed = Sed { rest: script };
    while !sed.rest.is_empty() {
        if sed.command().is_none() {
            return false;
        }
    }
    true
}

/// What is left of a script of `sed`.
struct Sed<'a> {
    rest: &'a str,
}

impl Sed<'_> {
    /// Goes past the next command. `None` if it runs something, writes something or is not understood.
    fn command(&mut self) -> Option<()> {
        self.skip(|c| c.is_whitespace() || matches!(c, ';' | '{' | '}'));
        self.address()?;
        self.skip(|c| c.is_whitespace() || c == '!');
        let Some(command) = self.next() else { return Some(()) };
        match command {
            's' => {
                let delimiter = self.next().filter(|c| !matches!(c, '\n' | '\\'))?;
                self.past(delimiter, true)?;
                self.past(delimiter, false)?;
                let flags = self.skip(|c| c.is_ascii_alphanumeric());
                flags.chars().all(|flag| matches!(flag, 'g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9')).then_some(())
            }
            'y' => {
                let delimiter = self.next().filter(|c| !matches!(c, '\n' | '\\'))?;
                self.past(delimiter, false)?;
                self.past(delimiter, false)
            }
            'a' | 'i' | 'c' => {
                self.text();
                Some(())
            }
            'p' | 'P' | 'd' | 'D' | 'n' | 'N' | 'g' | 'G' | 'h' | 'H' | 'x' | '=' | 'z' | 'F' | 'l' | 'q' | 'Q'
            | 'L' => {
                self.skip(|c| c.is_ascii_digit() || c == ' ');
                Some(())
            }
            'r' | 'R' => {
                self.skip(|c| c != '\n');
                Some(())
            }
            'b' | 't' | 'T' | ':' | '#' => {
                let ends: &[char] = if command == '#' { &['\n'] } else { &['\n', ';', '}'] };
                self.skip(|c| !ends.contains(&c));
                Some(())
            }
            '{' | '}' => Some(()),
            // `e` and `w` among them.
            _ => None,
        }
    }

    /// Goes past `1`, `$`, `/x/`, `\,x,`, `1~2`, `/x/I,+3` and the like.
    fn address(&mut self) -> Option<()> {
        loop {
            self.skip(|c| c.is_ascii_digit() || matches!(c, '$' | ',' | '~' | '+' | ' ' | 'I' | 'M'));
            let delimiter = match self.rest.chars().next() {
                Some('/') => self.next()?,
                Some('\\') => {
                    self.next();
                    self.next()?
                }
                _ => return Some(()),
            };
            self.past(delimiter, true)?;
        }
    }

    /// Goes past the next `delimiter` that is not escaped, and not in a set such as `[/]` where there are sets.
    fn past(&mut self, delimiter: char, has_sets: bool) -> Option<()> {
        let mut in_set = false;
        loop {
            match self.next()? {
                '\\' => drop(self.next()),
                c if c == delimiter && !in_set => return Some(()),
                // GNU sed ends the part at the delimiter in a set as well; where both readings differ, nobody knows.
                c if c == delimiter => return None,
                '[' if has_sets && !in_set => {
                    in_set = true;
                    // A `]` that comes first is a member.
                    self.skip_one('^');
                    self.skip_one(']');
                }
                ']' if has_sets => in_set = false,
                _ => {}
            }
        }
    }

    /// Goes past the text of `a`, `i` or `c`: to the end of the line, and on where that is escaped.
    fn text(&mut self) {
        while let Some(c) = self.next() {
            match c {
                '\\' => drop(self.next()),
                '\n' => return,
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn skip_one(&mut self, wanted: char) {
        self.rest = self.rest.strip_prefix(wanted).unwrap_or(self.rest);
    }

    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|c| !is_skipped(c)).unwrap_or(self.rest.len());
        let (skipped, rest) = self.rest.split_at(end);
        self.rest = rest;
        skipped
    }
}
