//! Where words go: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something for standard output is lost, so that the process must not end as if all were well.
static OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

/// Writes to standard output. A reader that has gone away, as in `orch list | head`, is no failure; a full disk is.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
        && !OUTPUT_LOST.swap(true, Ordering::Relaxed)
    {
        let (label, _) = labels();
        say(&format!("{label} standard output could not be written: {error}\n"));
    }
}

/// Whether something for standard output is lost.
pub(super) fn output_is_lost() -> bool {
    OUTPUT_LOST.load(Ordering::Relaxed)
}

/// Writes to standard error.
pub(super) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether standard error is a terminal that moves its cursor and a person sits there.
pub(super) fn is_interactive() -> bool {
    io::stderr().is_terminal() && !is_set("CI") && !is_dumb()
}

/// Whether standard error takes colours.
pub(super) fn color() -> bool {
    io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb()
}

/// "error:" and "help:", in colour where that is wanted.
pub(super) fn labels() -> (&'static str, &'static str) {
    if color() { ("\u{1b}[1;31merror:\u{1b}[0m", "\u{1b}[1;36mhelp:\u{1b}[0m") } else { ("error:", "help:") }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Writes a run's result to standard output, for a person without what could steer the terminal.
pub(super) fn print_result(text: &str) {
    if io::stdout().is_terminal() {
        print(&crate::printable::clean(text));
    } else {
        print(text);
    }
    if !text.ends_with('\n') && io::stdout().is_terminal() {
        print("\n");
    }
}
