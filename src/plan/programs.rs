//! What known programs can be made to do by their arguments besides what they are known for: run other programs, or
//! write files that the caller did not name. An author who allows a model `git grep` means a search, and
//! `git grep --open-files-in-pager=CMD` runs CMD.
//!
//! Which programs and arguments these are stands in [`table`]. What an author has named letter for letter is the
//! author's own word; everything else of a command line is held against the table. A program that the table does not
//! have is taken for what its author takes it for.

mod script;
mod table;

use self::table::{Kind, Program, Row};

/// An argument that an allowed program may not be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The argument.
    pub argument: String,
    /// What it would do, as a clause that goes on after the argument.
    pub why: &'static str,
}

/// Whether a program is Git.
pub(crate) fn is_git(program: &str) -> bool {
    table::find(program).is_some_and(|program| program.names.contains(&"git"))
}

/// The first argument of a command line that the author has not named and that makes its program do something else.
/// `is_named` says of each place of `argv` whether the author did.
pub(crate) fn refused(argv: &[String], is_named: &dyn Fn(usize) -> bool) -> Option<Refusal> {
    let (name, arguments) = argv.split_first()?;
    let program = table::find(name)?;
    let front = program.front(arguments);
    let line = front.line(arguments);
    let refusal = |place: usize, why| Refusal { argument: arguments[place].clone(), why };
    for (place, argument) in arguments.iter().enumerate().filter(|(place, _)| !is_named(place + 1)) {
        let row = program.rows.iter().find(|row| row.is_about(&line, place) && row.refuses(argument));
        if let Some(row) = row {
            return Some(refusal(place, row.why));
        }
        if let Some(row) =
            program.rows.iter().find(|row| front.may_begin(place) && row.subcommands.contains(&&**argument))
        {
            return Some(refusal(place, row.why));
        }
    }
    match program.kind {
        Kind::Plain => None,
        Kind::Script(language) => {
            let (place, why) = script::refused(language, arguments, &|place| is_named(place + 1))?;
            Some(refusal(place, why))
        }
        Kind::Wrapper { before } => {
            // What seems to be the value of an option may be the program after all.
            let other =
                || (0..arguments.len()).find(|&place| !is_named(place + 1) && !arguments[place].starts_with('-'));
            let wrapped = program.wrapped(arguments, before).or_else(other)?;
            if !is_named(wrapped + 1) {
                return Some(refusal(wrapped, "is run by it as another program"));
            }
            refused(&arguments[wrapped..], &|place| is_named(place + wrapped + 1))
        }
    }
}

/// Why an entry of an allow-list lets a model run whatever it likes, if it does.
pub(crate) fn amounts_to_shell(prefix: &[String]) -> Option<&'static str> {
    let (name, arguments) = prefix.split_first()?;
    let program = table::find(name)?;
    if let Kind::Wrapper { before } = program.kind {
        return match program.wrapped(arguments, before) {
            Some(wrapped) => amounts_to_shell(&arguments[wrapped..]),
            None => program.shell,
        };
    }
    let front = program.front(arguments);
    let names_more = front.is_closed || !front.candidates.is_empty();
    program.shell.filter(|_| !names_more).or_else(|| program.opens_at_end(arguments))
}

/// Where in the arguments of a program its subcommand stands, and which it is.
struct Line<'a> {
    /// How many stand before the subcommand, the script, or the program that a wrapper runs.
    front: usize,
    subcommand: Option<&'a str>,
}

/// The options before a subcommand.
struct Front {
    /// How many there are, with their values.
    end: usize,
    /// The places at which the subcommand may stand: an option that is not known may or may not have a value.
    candidates: Vec<usize>,
    /// Whether the last option is followed by the arguments of what it runs.
    is_closed: bool,
}

impl Front {
    fn line<'a>(&self, arguments: &'a [String]) -> Line<'a> {
        Line { front: self.end, subcommand: self.candidates.first().map(|&place| &*arguments[place]) }
    }

    fn may_begin(&self, place: usize) -> bool {
        self.candidates.contains(&place)
    }
}

impl Program {
    fn front(&self, arguments: &[String]) -> Front {
        if let Kind::Wrapper { before } = self.kind {
            let end = self.wrapped(arguments, before).unwrap_or(arguments.len());
            return Front { end, candidates: Vec::new(), is_closed: false };
        }
        let (mut place, mut candidates) = (0, Vec::new());
        while let Some(argument) = arguments.get(place) {
            if argument.starts_with(['-', '+']) && argument.len() > 1 {
                if let Some(has_value) = self.is_last(argument) {
                    let end = place + if has_value { 1 } else { 2 };
                    let is_closed = end <= arguments.len();
                    return Front { end: end.min(arguments.len()), candidates, is_closed };
                }
                place += if self.takes_next(argument) { 2 } else { 1 };
                continue;
            }
            candidates.push(place);
            // The value of an option that is not known: what follows may be the subcommand.
            let is_value = !self.is_front_known && place > 0 && arguments[place - 1].starts_with('-');
            if !is_value {
                break;
            }
            place += 1;
        }
        let end = candidates.first().copied().unwrap_or(place).min(arguments.len());
        Front { end, candidates, is_closed: false }
    }

    /// Whether an option ends the options, and if so, whether its value is joined to it.
    fn is_last(&self, option: &str) -> Option<bool> {
        let letters = option.strip_prefix('-').filter(|letters| !letters.starts_with('-'))?;
        let (at, letter) =
            letters.char_indices().find(|(_, letter)| (self.last.to_owned() + self.valued).contains(*letter))?;
        self.last.contains(letter).then_some(at + letter.len_utf8() < letters.len())
    }

    /// Whether an option has its value in the next argument.
    fn takes_next(&self, option: &str) -> bool {
        match option.strip_prefix("--") {
            Some(long) => self.valued_words.contains(&long),
            None => option.len() == 2 && self.valued.contains(&option[1..]),
        }
    }

    /// Where the program stands that a wrapper runs.
    fn wrapped(&self, arguments: &[String], before: usize) -> Option<usize> {
        let (mut place, mut skip) = (0, before);
        while let Some(argument) = arguments.get(place) {
            if argument == "--" {
                place += 1;
            } else if argument.starts_with('-') && argument.len() > 1 {
                place += if self.takes_next(argument) { 2 } else { 1 };
            } else if argument.contains('=') && self.names.contains(&"env") {
                place += 1;
            } else if skip > 0 {
                skip -= 1;
                place += 1;
            } else {
                return Some(place);
            }
        }
        None
    }

    /// Why an entry that ends with an option of the table lets anything follow.
    fn opens_at_end(&self, arguments: &[String]) -> Option<&'static str> {
        let last = arguments.last()?;
        let line = self.front(arguments).line(arguments);
        let place = arguments.len() - 1;
        let row = self.rows.iter().find(|row| row.runs && row.is_about(&line, place) && row.names_option(last))?;
        Some(row.why)
    }
}

impl Row {
    /// Whether the row is about what stands at this place.
    fn is_about(&self, line: &Line, place: usize) -> bool {
        if self.in_front {
            return place < line.front;
        }
        self.of.is_empty() || line.subcommand.is_some_and(|subcommand| self.of.contains(&subcommand))
    }

    fn refuses(&self, argument: &str) -> bool {
        self.names_option(argument)
            || self.begins.iter().any(|begin| argument.starts_with(begin))
            || self.contains.iter().any(|part| argument.contains(part))
            || self.assigns && is_assignment(argument)
    }

    /// Whether an argument is, or has joined to others or to its value, one of the options. GNU programs and Git also
    /// take the beginning of a long option.
    fn names_option(&self, argument: &str) -> bool {
        let named = argument.split('=').next().unwrap_or(argument);
        if self.words.iter().any(|word| *word == named || named.strip_prefix('-') == Some(word)) {
            return true;
        }
        match argument.strip_prefix("--") {
            Some("") => false,
            Some(_) => {
                let name = &named[2..];
                !self.harmless.contains(&name)
                    && self.long.iter().any(|long| !name.is_empty() && long.starts_with(name))
            }
            None => argument.strip_prefix('-').is_some_and(|letters| self.is_in_cluster(letters)),
        }
    }

    /// Whether one of the letters of joined short options is refused. A letter that takes a value ends them.
    fn is_in_cluster(&self, letters: &str) -> bool {
        for letter in letters.chars() {
            if self.short.contains(letter) {
                return true;
            }
            if self.valued.contains(letter) {
                return false;
            }
        }
        false
    }
}

/// `NAME=VALUE`, as `make` sets a variable.
fn is_assignment(argument: &str) -> bool {
    argument.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.starts_with('-'))
}

#[cfg(test)]
mod tests;
