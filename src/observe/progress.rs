//! A run on a terminal: a live view that is redrawn, and above it the lines that stay.
//!
//! `LiveView` decides what the view shows and [`line()`] what the lines say; this file brings both to the
//! terminal, and not too often.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::observe::Observer;
use crate::observe::line::line;
use crate::observe::live_view::LiveView;
use crate::run::history::History;
use crate::words::event::{Event, Record, TaskEvent};

/// Between two drawings. A spinner looks alive at eight a second, and a run of thousands of tasks is not slowed down.
const PAUSE: Duration = Duration::from_millis(125);

/// Shows a run on a terminal.
pub(crate) struct Progress {
    board: LiveView,
    /// One bar whose message is the whole view: indicatif moves the cursor.
    bar: ProgressBar,
    width: Box<dyn Fn() -> usize + Send>,
    /// The same terminal, for lines that stay: they end in newlines, so that they can be copied and logged.
    out: Box<dyn Write + Send>,
    /// Lines that stay, not written yet.
    pending: String,
    drawn: Option<Instant>,
    /// When the last record came, and the run's time in microseconds then.
    last: (Instant, u64),
    color: bool,
    verbose: bool,
}

impl Progress {
    /// Draws on standard error, which has to be a terminal: on anything else nothing is shown. `verbose` adds lines
    /// for calls, order and times.
    #[must_use]
    pub(crate) fn on_stderr(color: bool, verbose: bool) -> Self {
        let width = || usize::from(Term::stderr().size().1);
        let progress = Self::new(ProgressDrawTarget::stderr(), Box::new(width), Box::new(io::stderr()));
        Self { color, verbose, ..progress }
    }

    fn new(target: ProgressDrawTarget, width: Box<dyn Fn() -> usize + Send>, out: Box<dyn Write + Send>) -> Self {
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::with_draw_target(None, target).with_style(style);
        Self {
            board: LiveView::default(),
            // However the process ends, half a board does not stay behind.
            bar: bar.with_finish(ProgressFinish::AndClear),
            width,
            out,
            pending: String::new(),
            drawn: None,
            last: (Instant::now(), 0),
            color: false,
            verbose: false,
        }
    }

    fn draw_if_due(&mut self) -> io::Result<()> {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE) { self.draw() } else { Ok(()) }
    }

    fn draw(&mut self) -> io::Result<()> {
        let (seen, then_us) = self.last;
        let now_us = then_us + u64::try_from(seen.elapsed().as_micros()).unwrap_or_default();
        self.drawn = Some(Instant::now());
        self.bar.set_message(self.board.lines(now_us, (self.width)(), self.color));
        if self.pending.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.pending);
        self.bar.suspend(|| self.out.write_all(lines.as_bytes()))
    }
}

impl Observer for Progress {
    fn see(&mut self, record: &Record, history: &History) -> io::Result<()> {
        self.board.see(record, history);
        self.last = (Instant::now(), history.elapsed_us());
        // That a task has started is seen on the board.
        let on_board =
            matches!(record.event, Event::Task { event: TaskEvent::AttemptStarted { .. }, .. }) && !self.verbose;
        if let Some(line) = line(record, history, self.verbose).filter(|_| !on_board) {
            self.pending.push_str(&line);
            self.pending.push('\n');
        }
        self.draw_if_due()
    }

    fn tick_every(&self) -> Option<Duration> {
        Some(PAUSE)
    }

    fn tick(&mut self) -> io::Result<()> {
        // Before the first record there is nothing to show.
        if self.drawn.is_some() { self.draw_if_due() } else { Ok(()) }
    }

    fn close(&mut self) -> io::Result<()> {
        self.bar.finish_and_clear();
        self.out.write_all(std::mem::take(&mut self.pending).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::event::RunStatus;

    /// A terminal that keeps what was written, and counts how often.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<(String, u32)>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(&format!("{text}\n"))
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().0.push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            self.0.lock().unwrap().1 += 1;
            Ok(())
        }
    }

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            TermLike::write_str(self, std::str::from_utf8(bytes).unwrap())?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn watch(story: &RunBuilder) -> (String, u32) {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let mut progress = Progress::new(target, Box::new(|| 80), Box::new(screen.clone()));
        let mut history = History::begin(&story.records[0]).unwrap();
        for record in &story.records {
            history.force(record);
            progress.see(record, &history).unwrap();
        }
        progress.tick().unwrap();
        progress.close().unwrap();
        drop(progress);
        screen.0.lock().unwrap().clone()
    }

    #[test]
    fn what_has_ended_stays_and_what_has_begun_does_not() {
        let (text, _) = watch(&RunBuilder::of(&[("a", "b")]).plays("a", "m/m").finished(RunStatus::Succeeded));
        assert!(text.contains("[a] ✅ done in 900 ms (m/m, 1 call, 1,200 tokens)\n"), "{text:?}");
        assert!(text.contains("[orch] ✅ succeeded after 900 ms\n"), "{text:?}");
        assert!(!text.contains("[a] ▶ started"), "{text:?}");
    }

    #[test]
    fn thousands_of_tasks_are_not_thousands_of_drawings() {
        let names: Vec<String> = (0..2000).map(|n| format!("task{n}")).collect();
        let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "agent")).collect();
        let story = names.iter().fold(RunBuilder::of(&tasks), |story, name| story.plays(name, "m/m"));
        let began = Instant::now();
        let (text, drawings) = watch(&story);
        let most = 8 + 4 * began.elapsed().as_millis() / PAUSE.as_millis();
        assert!(u128::from(drawings) <= most, "{drawings} drawings in {:?}", began.elapsed());
        assert_eq!(text.matches("✅ done").count(), 2000, "and every end is told");
    }
}
