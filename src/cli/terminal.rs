//! Where words go: results to standard output, everything else to standard error, and secrets to neither.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::words::redact::Redactor;

/// Whether something for standard output is lost, so that the process must not end as if all were well.
static OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

/// What this process knows by now that must not be shown.
static SECRETS: RwLock<Option<Redactor>> = RwLock::new(None);

/// Keeps secrets out of all that is said from here on, the log of every library included.
pub(super) fn keep_secret(redactor: &Redactor) {
    *SECRETS.write().unwrap_or_else(PoisonError::into_inner) = Some(redactor.clone());
}

fn secrets() -> Redactor {
    SECRETS.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// The log: what libraries report goes the way of all words.
pub(super) struct Log;

impl Write for Log {
    /// A report comes as a whole.
    fn write(&mut self, report: &[u8]) -> io::Result<usize> {
        say(&String::from_utf8_lossy(report));
        Ok(report.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to standard output. A reader that has gone away, as in `orch list | head`, is no failure; a full disk is.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let written = out.write_all(secrets().redact_secrets(text).as_bytes()).and_then(|()| out.flush());
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
    let _ = io::stderr().lock().write_all(secrets().redact(text).as_bytes());
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

/// Whether a variable of the environment says yes.
pub(super) fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Writes a run's result to standard output, for a person without what could steer the terminal.
pub(super) fn print_result(text: &str) {
    if io::stdout().is_terminal() {
        print(&crate::words::text::clean(text));
    } else {
        print(text);
    }
    if !text.ends_with('\n') && io::stdout().is_terminal() {
        print("\n");
    }
}
