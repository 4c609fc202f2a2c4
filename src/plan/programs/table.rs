//! The programs, and for each the arguments by which it runs others or writes files.
//!
//! Sources are the programs' manual pages: git 2.51, GNU findutils 4.10, tar 1.35, sed 4.9, coreutils 9.7, gawk 5.3,
//! ripgrep 15, curl 8.16, OpenSSH 10, GNU make 4.4, npm 11, cargo 1.90, CPython 3.13, Node 24.

use crate::plan::programs::script::Language;

mod builds;
mod files;
mod git;
mod languages;
mod network;
mod runners;

/// A program.
#[derive(Debug)]
pub(super) struct Program {
    /// Its names.
    pub names: &'static [&'static str],
    /// What kind of program it is.
    pub kind: Kind,
    /// Why an entry of an allow-list that names nothing but this program amounts to a shell, if it does.
    pub shell: Option<&'static str>,
    /// The letters of options before a subcommand, or before a wrapped program, whose value is the next argument.
    pub valued: &'static str,
    /// The same for long options.
    pub valued_words: &'static [&'static str],
    /// The letters of options behind whose value all arguments are those of what is run.
    pub last: &'static str,
    /// Whether these are all that there are, so that a subcommand is found for certain.
    pub is_front_known: bool,
    /// What it may not be given.
    pub rows: &'static [Row],
}

/// What a program does with its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// It reads them.
    Plain,
    /// One of them is a text in a language that can run programs.
    Script(Language),
    /// It runs the program that they name, behind so many arguments of its own.
    Wrapper {
        /// How many, options aside.
        before: usize,
    },
}

/// Arguments of one kind, and what they would do.
#[derive(Debug)]
pub(super) struct Row {
    /// The subcommands that they are arguments of; none is all.
    pub of: &'static [&'static str],
    /// Whether they stand before the subcommand only.
    pub in_front: bool,
    /// Letters of short options.
    pub short: &'static str,
    /// Letters of short options that take a value, so that what is joined to them is no option.
    pub valued: &'static str,
    /// Long options, without their dashes.
    pub long: &'static [&'static str],
    /// Long options that only begin like one of these.
    pub harmless: &'static [&'static str],
    /// Options that are taken as they stand here, with one dash or two, alone or with `=` and a value.
    pub words: &'static [&'static str],
    /// How arguments begin.
    pub begins: &'static [&'static str],
    /// What arguments contain.
    pub contains: &'static [&'static str],
    /// Whether every `NAME=VALUE` is one.
    pub assigns: bool,
    /// Subcommands.
    pub subcommands: &'static [&'static str],
    /// Whether a program is run that the argument, or what follows it, names.
    pub runs: bool,
    /// What they would do, as a clause that goes on after the argument.
    pub why: &'static str,
}

const ROW: Row = Row {
    of: &[],
    in_front: false,
    short: "",
    valued: "",
    long: &[],
    harmless: &[],
    words: &[],
    begins: &[],
    contains: &[],
    assigns: false,
    subcommands: &[],
    runs: true,
    why: RUNS,
};

const PROGRAM: Program = Program {
    names: &[],
    kind: Kind::Plain,
    shell: None,
    valued: "",
    valued_words: &[],
    last: "",
    is_front_known: false,
    rows: &[],
};

const RUNS: &str = "runs another program";
const WRITES: &str = "writes a file that it names";
const CODE: &str = "is code that is run";
const SETTINGS: &str = "brings settings that name programs to run";

/// The program of that name or path.
pub(super) fn find(name: &str) -> Option<&'static Program> {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    let file = [".exe", ".cmd", ".bat"].iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(&file);
    // `python3.13`, `clang-19`
    let plain = file.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let named = |name: &str| programs().find(|program| program.names.contains(&name));
    named(file).or_else(|| named(plain))
}

/// All that are known.
pub(super) fn programs() -> impl Iterator<Item = &'static Program> {
    let tables =
        [git::PROGRAMS, files::PROGRAMS, runners::PROGRAMS, languages::PROGRAMS, builds::PROGRAMS, network::PROGRAMS];
    tables.into_iter().flatten()
}
