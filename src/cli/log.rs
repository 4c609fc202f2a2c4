//! What the program reports of itself besides its results: warnings always, notes with `--verbose`, all the rest on demand.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::terminal;

/// Starts the log, with what `ORCH_LOG` asks for in the syntax of tracing's filters. Without it there are orch's own
/// warnings, and its notes where it is to say more; both look like all others.
pub(super) fn start(is_verbose: bool) {
    let lines = tracing_subscriber::fmt::layer().with_ansi(terminal::color()).with_writer(|| terminal::Log);
    let log = tracing_subscriber::registry();
    // It fails only if there is a log already.
    let _ = match std::env::var("ORCH_LOG") {
        Ok(filter) => log.with(lines.with_filter(EnvFilter::new(filter))).try_init(),
        Err(_) => {
            let level = if is_verbose { Level::INFO } else { Level::WARN };
            let own = Targets::new().with_target(env!("CARGO_PKG_NAME"), level);
            log.with(lines.event_format(Line).with_filter(own)).try_init()
        }
    };
}

/// The form of a warning or a note.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut to: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let is_note = *event.metadata().level() > Level::WARN;
        to.write_str(if is_note { "note: " } else { "warning: " })?;
        context.format_fields(to.by_ref(), event)?;
        writeln!(to)
    }
}
